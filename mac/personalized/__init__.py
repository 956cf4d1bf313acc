"""Runs personalised allocation: how many PRBs each UE has, from the quality that it needs for a target satisfaction.

After arXiv 2307.03867, of which only the abstract is known: a layer predicts the quality that each UE needs, and two
objectives conflict, few resources and high satisfaction. All that goes beyond this is ours.

| name | holds |
|---|---|
| ``PersonalizedContext`` | what stays the same over a run, given to ``reset`` |
| ``PersonalizedObservation`` | traits and predicted zones of tolerance of the UEs, bits of a PRB, given to ``decide`` |
| ``PersonalizedDecision`` | PRBs and promised rate of each UE, returned by ``decide`` |
| ``Zones`` | zone of tolerance of each UE: adequate and desired rate |

| module | provides |
|---|---|
| ``settings`` | zones of groups, clock, target, predictor |
| ``zone`` | satisfaction of a rate, and the rate that a satisfaction needs |
| ``needs`` | traits of UEs and their true zones, drawn for each interval |
| ``predictor`` | zones predicted from traits by a small network |
| ``prb_pattern`` | which UE holds which PRB in a slot |
| ``problem`` | ``PersonalizedProblem``: runs the slots of an interval |
| ``feasible`` | checks of decisions |
| ``personalized_metrics`` | satisfaction promised and delivered, PRBs allotted |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import PersonalizedContext, PersonalizedDecision, PersonalizedObservation
    from .zone import Zones

__all__ = ["PersonalizedContext", "PersonalizedDecision", "PersonalizedObservation", "Zones"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types, zone

    return getattr(zone if name == "Zones" else types, name)
