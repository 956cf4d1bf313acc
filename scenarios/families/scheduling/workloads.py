"""Defines the workloads of ``fairwave bench``: saturated downlinks of several sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class DownlinkSize:
    """Describes a saturated downlink: full-buffer users at 3 km/h, each served by the cell in whose area it stands."""

    sites: int
    sectors: int
    prbs: int
    batches: tuple[int, ...]
    users_per_cell: int = 10
    dominant_interferers: int | None = None
    report_period_slots: int = 1
    window_s: float = 1.0
    allocator: str = "proportional_fair"
    rate: str = "slots_per_s"
    words: tuple[str, str] = ("slot", "cell_slot")
    scale: tuple[str, str] = ("users", "user")

    @property
    def cells(self) -> int:
        """Counts the cells of the network."""
        return self.sites * self.sectors

    @property
    def users(self) -> int:
        """Counts the users of the network."""
        return self.cells * self.users_per_cell

    @property
    def parts(self) -> int:
        """Counts the cells."""
        return self.cells

    @property
    def fast(self) -> Mapping[str, Any] | None:
        """Returns the settings by which only the strongest interferers fade; None where their number is not given."""
        return (
            None
            if self.dominant_interferers is None
            else {"fading": {"dominant_interferers": self.dominant_interferers}}
        )

    def repeated(self, problem: Any, times: int) -> Any:
        """Returns the problem with each of its drops so many times, as if they were different ones."""
        from mac.scheduling.problem import SchedulingProblem
        from phy.channel.channel import stack_channels

        parts = problem.engine.parts
        channel = stack_channels([parts.channel] * times)
        drops = replace(parts.drops, ids=parts.drops.ids * times)
        engine = type(problem.engine)(replace(parts, drops=drops, channel=channel))
        return SchedulingProblem(engine, problem.outcomes.power, problem.repair)

    def sizes(self) -> dict[str, int]:
        """Counts the cells, users and PRBs."""
        return {"cells": self.cells, "users": self.users, "prbs": self.prbs}

    def more(self, rate: float) -> dict[str, float]:
        """Computes the rate of the slots of all cells."""
        return {"cell_slots_per_s": round(rate * self.cells, 1)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping."""
        period = self.report_period_slots
        return {
            "name": "bench",
            "family": "scheduling",
            "drops": drops,
            "duration_s": 1.0,
            "window_s": self.window_s,
            "allocators": [allocator],
            "topology": {"layout": "hexagonal", "sites": self.sites, "sectors": self.sectors, "wrap_around": True},
            "carrier": {"prbs": self.prbs},
            **({} if period == 1 else {"link": _in_turn(period)}),
            "attachment": "cell_area",
            "users": [{"name": "ue", "count": self.users_per_cell, "traffic": {"model": "full_buffer"}}],
        }


def _in_turn(period: int) -> dict[str, Any]:
    """Returns the settings with which each UE reports once in so many slots, as many UEs in one as in the next."""
    return {"report_period_slots": period, "report_offset_slots": "staggered"}


_EVERY_SLOT: dict[str, DownlinkSize] = {
    "W1": DownlinkSize(sites=7, sectors=1, prbs=50, batches=(1, 8, 32), dominant_interferers=3),
    "W2": DownlinkSize(sites=7, sectors=3, prbs=100, batches=(1, 4, 8), dominant_interferers=3),
    "W3": DownlinkSize(sites=19, sectors=3, prbs=100, batches=(1, 2), dominant_interferers=3),
}
"""7 cells x 10 UE on 50 PRB, 21 x 10 on 100 and 57 x 10 on 100, slots of 1 ms; every UE reports in every slot."""

WORKLOADS: dict[str, DownlinkSize] = {
    **_EVERY_SLOT,
    **{f"{name}r": replace(size, report_period_slots=5) for name, size in _EVERY_SLOT.items()},
}
"""These, and the same with reports every five slots, UEs in turn (TS 38.214 clause 5.2.1.4 allows 4 to 320)."""

SCALES: dict[str, DownlinkSize] = {
    f"{sites * sectors * users}": DownlinkSize(
        sites, sectors, prbs=50, batches=(1,), users_per_cell=users, dominant_interferers=3, window_s=0.01
    )
    for sites, sectors, users in ((7, 1, 10), (7, 3, 10), (19, 3, 10), (19, 3, 36))
}
"""Networks of 70, 210, 570 and 2052 users on 50 PRBs, to see how the cost of a slot grows with them."""
