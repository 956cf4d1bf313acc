"""Checks scenarios where only some interferers of each user fade (`fading.dominant_interferers`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phy.mobility import Static

if TYPE_CHECKING:
    from .sections import CellularSections


def check(scenario: CellularSections) -> None:
    """Checks that the links that fade can be chosen once for the run, between single antennas of our own channel.

    Raises:
        ValueError: they cannot, or nothing fades by rays; names the setting, and says what to do.
    """
    given = scenario.fading.dominant_interferers
    if given is None:
        return
    for reason, holds in _against(scenario).items():
        if holds:
            raise ValueError(
                f"fading.dominant_interferers is {given}, but {reason}; leave fading.dominant_interferers out"
            )


def faded_links(scenario: CellularSections) -> int:
    """Counts the links of each user that fade, its own cell's among them."""
    some = scenario.fading.dominant_interferers
    return scenario.cells if some is None else min(some + 1, scenario.cells)


def _against(scenario: CellularSections) -> dict[str, bool]:
    """Lists what the setting does not go with, and whether the scenario has it."""
    moving = [f"users.{n}" for n, g in enumerate(scenario.users) if g.count and not isinstance(g.mobility, Static)]
    movers = next(iter(moving), "users")
    return {
        "fading.model is 'none', where nothing fades": scenario.fading.model == "none",
        "mimo is given, whose matrices are drawn for all cells": scenario.mimo is not None,
        "carrier.direction is 'uplink', where the users of all cells fade": scenario.carrier.direction == "uplink",
        "channel.provider is 'sionna', which draws rays for all cells": scenario.channel.provider == "sionna",
        f"{movers}.mobility lets users move, so that their strongest interferers change with time": bool(moving),
        "blockage is given, so that users' strongest interferers change with time": bool(scenario.blockage),
        "handover is given, and any cell that a user may change to must fade": scenario.handover is not None,
    }
