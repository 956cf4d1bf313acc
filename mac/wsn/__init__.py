"""Runs cluster-head selectors of wireless sensor networks: heads, routes and batteries, round by round.

| name | holds |
|---|---|
| ``WsnContext`` | what stays the same over a run, given to ``reset`` |
| ``WsnObservation`` | live nodes, charges and the sink at the start of a round, given to ``decide`` |
| ``WsnDecision`` | parent of each node and the heads, returned by ``decide`` |
| ``Control`` | control messages of a decision, where they cost energy |
| ``SINK``, ``NO_WAY`` | parents that are no node |

| module | computes |
|---|---|
| ``settings`` | packets, batteries, sensing, sink, failures |
| ``types`` | the five above |
| ``problem`` | a round of a batch of sensor fields |
| ``feasible`` | checks of decisions |
| ``routing`` | packets on their way up a tree |
| ``energy_ledger`` | energy of a round by cause, and what batteries can pay |
| ``node_geometry`` | squared distances, padded lists of nodes |
| ``lifetime_metrics`` | FND, HND, LND and what nodes spent |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation

__all__ = ["NO_WAY", "SINK", "Control", "WsnContext", "WsnDecision", "WsnObservation"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types

    return getattr(types, name)
