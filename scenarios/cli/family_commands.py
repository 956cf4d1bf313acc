"""Adds the commands of families: ``fairwave FAMILY ...``, and those that stand beside fairwave's own."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


class FamilyCommands(TyperGroup):
    """Finds commands of fairwave's own, those of families beside them, and groups of commands of families."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Lists all commands; the records of families are read for that, and nothing else."""
        from .. import families

        own = super().list_commands(ctx)
        known = families.every(families.record)
        of_families = [name for family in known for name in family.own_commands]
        return [*own, *of_families, *(family.name for family in known if family.commands is not None)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Finds a command by its name."""
        from .. import families

        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        if cmd_name not in families.names():
            return _own_command(cmd_name)
        family = families.record(cmd_name)
        if family.commands is None:
            return None
        command = typer.main.get_command(family.commands())
        command.name = cmd_name
        return command


def _own_command(name: str) -> Any:
    """Makes a command that a family has beside those of fairwave; None where there is none of this name."""
    from .. import families
    from .guard import guarded

    for family in families.every(families.record):
        if name in family.own_commands:
            app = typer.Typer(rich_markup_mode="markdown")
            app.command(name)(guarded(family.own_commands[name].load()))
            return typer.main.get_command(app)
    return None
