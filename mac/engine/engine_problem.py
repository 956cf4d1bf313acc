"""Provides what the problems of all families on a cellular carrier have in common."""

from __future__ import annotations

from phy.random import Drops

from .engine import Engine


class EngineProblem:
    """Runs on an engine.

    Attributes:
        engine: the carrier.
    """

    engine: Engine

    @property
    def drops(self) -> Drops:
        """Returns the drops of the batch."""
        return self.engine.parts.drops

    @property
    def backend(self) -> str:
        """Returns the name of the form in which slots are computed: numba, torch or torch.compile."""
        return self.engine.backend.name
