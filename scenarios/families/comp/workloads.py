"""Defines the workload of ``fairwave bench``: the street corner of the preset ``comp-corner``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_INTERVAL_SLOTS = 50  # of the preset


@dataclass(frozen=True)
class Corner:
    """Describes seven cells with 21 UEs of which those in outage buy PRBs; a step is the market and slots of 50 ms."""

    batches: tuple[int, ...]
    allocator: str = "trading_post"
    rate: str = "markets_per_s"
    words: tuple[str, str] = ("market", "slot")
    fast: None = None
    parts: int = _INTERVAL_SLOTS

    def sizes(self) -> dict[str, int]:
        """Counts cells, users and PRBs."""
        return {"cells": 7, "users": 21, "prbs": 25}

    def more(self, rate: float) -> dict[str, float]:
        """Computes the rate of slots."""
        return {"slots_per_s": round(rate * _INTERVAL_SLOTS, 1)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping."""
        return {"extends": "comp-corner", "drops": drops, "allocators": [allocator], "compare_with_optima": False}


WORKLOADS: dict[str, Corner] = {"comp-corner": Corner((1, 4))}
"""One size, that of the preset."""
