"""Defines the workloads of ``fairwave bench``: markets of 100 to 100,000 UEs with 5 links each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MarketSize:
    """Describes a market with a tenth as many base stations as UEs, solved to a mean optimality gap of 1e-3."""

    ues: int
    batches: tuple[int, ...]
    allocator: str = "allocators.market.competitive:CoarseCompetitive"
    rate: str = "markets_per_s"
    words: tuple[str, str] = ("market", "ue")
    fast: None = None

    @property
    def parts(self) -> int:
        """Counts the UEs."""
        return self.ues

    def sizes(self) -> dict[str, int]:
        """Counts UEs and base stations."""
        return {"ues": self.ues, "base_stations": self.ues // 10}

    def more(self, rate: float) -> dict[str, float]:
        """Computes the time for one UE of one market."""
        return {"us_per_ue": round(1e6 / rate / self.ues, 3)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping."""
        return {
            "name": "bench",
            "family": "market",
            "drops": drops,
            "duration_s": 0.1,
            "allocators": [allocator],
            "compare_with_equilibrium": False,
            "market": {"ues": self.ues, "base_stations": self.ues // 10, "links": 5, "spread": 1.0},
        }


WORKLOADS: dict[str, MarketSize] = {
    "market-100": MarketSize(100, (1, 64)),
    "market-1000": MarketSize(1000, (1, 8)),
    "market-10000": MarketSize(10_000, (1,)),
    "market-100000": MarketSize(100_000, (1,)),
}
"""Markets of the same density."""
