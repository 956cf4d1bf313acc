"""Makes queues that are never empty: full-buffer traffic (TR 36.814 A.2.1.3.2)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from .packets import Packets, no_packets


@dataclass(frozen=True, config=STRICT)
class FullBuffer:
    """Keeps the queue full: there are always data to send.

    The traffic of the 3GPP full-buffer evaluations (TR 36.814 Annex A.2.1.3.2). There are no packets; the engine
    refills the queues of UEs with ``full_buffer`` true.
    """

    full_buffer: ClassVar[bool] = True

    model: Literal["full_buffer"] = "full_buffer"
    """Name of the traffic model."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns None: the rate is as much as is served."""
        return None

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Returns no packets, whatever the arguments."""
        return no_packets()
