"""Runs flying base stations: flight, radio of UAVs and ground users, batteries, interval by interval.

| name | holds |
|---|---|
| ``UavContext`` | what stays the same over a run, given to ``reset`` |
| ``UavObservation`` | what UAVs and their controller know at the start of an interval, given to ``decide`` |
| ``UavDecision`` | velocities, and powers, association and shares or None for a rule, returned by ``decide`` |
| ``UNSERVED`` | the serving UAV of a user that none serves |

| module | computes |
|---|---|
| ``settings`` | area, UAVs, radio, sensing, backhaul |
| ``types`` | the four above |
| ``problem`` | an interval of a batch of drops |
| ``feasible`` | checks and repairs of decisions |
| ``flight`` | flight, energies, batteries and collisions of an interval |
| ``kinematics`` | speed, acceleration, fence and no-fly zones |
| ``propulsion`` | power of a rotary wing |
| ``radio`` | SNR, association, SINR and bits of an interval |
| ``sharing`` | shares of a band by a rule: equal, proportional fair, max-min |
| ``loops``, ``radio_numba``, ``flight_numba`` | radio and flight in compiled loops |
| ``ground`` | positions and data of the ground users over time |
| ``terrestrial`` | interference and backhaul of base stations on the ground |
| ``even_grid`` | points that are evenly spread |
| ``reference_reward`` | reward of the environment of uav-reference |
| ``flight_metrics`` | coverage, energies, collisions, spread of rates |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .types import UNSERVED, UavContext, UavDecision, UavObservation

__all__ = ["UNSERVED", "UavContext", "UavDecision", "UavObservation"]


def __getattr__(name: str) -> Any:
    """Imports a type at its first use, so that the metrics of this family need no torch."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import types

    return getattr(types, name)
