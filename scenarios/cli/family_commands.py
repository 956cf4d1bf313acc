"""Adds the commands of families: ``fairwave FAMILY ...``."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


class FamilyCommands(TyperGroup):
    """Finds commands of fairwave's own, and a group of commands for each family that has some."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Lists all commands; the records of families are read for that, and nothing else."""
        from .. import families

        own = super().list_commands(ctx)
        return [*own, *(family.name for family in families.every(families.record) if family.commands is not None)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Finds a command by its name."""
        from .. import families

        if (own := super().get_command(ctx, cmd_name)) is not None or cmd_name not in families.names():
            return own
        family = families.record(cmd_name)
        if family.commands is None:
            return None
        command = typer.main.get_command(family.commands())
        command.name = cmd_name
        return command
