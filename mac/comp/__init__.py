"""Runs the market of a CoMP cluster: UEs whose serving link breaks buy PRBs from other cells of their cluster.

| name | holds |
|---|---|
| ``CompContext`` | what stays the same over a run, given to ``reset`` |
| ``CompObservation`` | the market of an interval and the rates of the serving cells, given to ``decide`` |
| ``MarketDecision`` | PRBs bought, payments and prices, returned by ``decide``; of ``mac.market`` |

| module | computes |
|---|---|
| ``types`` | the first two above |
| ``settings`` | clock, sale and utility |
| ``offer`` | outage of UEs, worth of PRBs, reserve prices |
| ``sale`` | whole PRBs of shares, and which PRBs these are |
| ``sending`` | what a cell does in a slot with a PRB that it sold |
| ``slice_control`` | quotas of slices on the PRBs that cells do not sell |
| ``problem`` | ``CompProblem``: sells, and runs a scheduler beside what is sold |
| ``comp_metrics`` | rates in an outage, what own UEs lose, loss by whole PRBs |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import CompContext, CompObservation

__all__ = ["CompContext", "CompObservation"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types

    return getattr(types, name)
