"""Defines the workloads of ``fairwave bench``: auctions of up to 2000 requests for 200 resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AuctionSize:
    """Describes a hierarchical auction in which a resource serves as many requests as fit."""

    resources: int
    requests: int
    batches: tuple[int, ...]
    allocator: str = "mohaf"
    rate: str = "auctions_per_s"
    words: tuple[str, str] = ("auction", "request")
    fast: None = None

    @property
    def parts(self) -> int:
        """Counts the requests."""
        return self.requests

    def sizes(self) -> dict[str, int]:
        """Counts resources and requests."""
        return {"resources": self.resources, "requests": self.requests}

    def more(self, rate: float) -> dict[str, float]:
        """Computes the time of an auction."""
        return {"ms_per_auction": round(1e3 / rate, 3)}

    def scenario(self, allocator: str, drops: int) -> dict[str, Any]:
        """Returns the scenario as a mapping."""
        return {
            "name": "bench",
            "family": "auction",
            "drops": drops,
            "duration_s": 1.0,
            "allocators": [allocator],
            "auction": {"requests": self.requests, "resources": self.resources},
        }


WORKLOADS: dict[str, AuctionSize] = {
    "auction-7x70": AuctionSize(7, 70, (1, 64)),
    "auction-100x500": AuctionSize(100, 500, (1, 8)),
    "auction-200x2000": AuctionSize(200, 2000, (1,)),
}
"""The sizes for which a public implementation was timed."""
