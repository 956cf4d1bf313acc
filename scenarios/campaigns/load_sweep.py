"""Defines a sweep as Python code gets it: its results, and the figures and tables made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .figure import draw
from .sweep_result import SweepResult
from .table import make_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Sweep(SweepResult):
    """Reads a sweep, draws and tabulates it."""

    def plot(self, x: str | None = None, y: str | None = None, **options: Any) -> Figure:
        """Draws a figure for a paper, as :func:`.figure.draw`."""
        return draw(self, x, y, **options)

    def table(self, metrics: Sequence[str] = (), variant: str | None = None) -> pd.DataFrame:
        """Computes a table for a paper, as :func:`.table.make_table`."""
        return make_table(self, metrics, variant)


def load_sweep(folder: str | Path) -> Sweep:
    """Reads the folder of a sweep.

    Raises:
        ScenarioError: it is none.
    """
    return Sweep(folder)
