"""Makes files by 3GPP FTP model 3 (TR 36.872 A.2.1.3)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from .arrival_draws import poisson_arrivals, user_keys
from .packets import Packets, sort_packets


@dataclass(frozen=True, config=STRICT)
class FtpModel3:
    """Makes files at Poisson times for UEs that stay in the network: 3GPP FTP model 3 (TR 36.872 A.2.1.3).

    A file arrives whole, as one packet, so that its delay is the time until its last byte is delivered.

    Source: 3GPP TR 36.872, clause A.2.1.3.
    """

    full_buffer: ClassVar[bool] = False

    model: Literal["ftp_model_3"] = "ftp_model_3"
    """Name of the traffic model."""
    file_bytes: int = Field(default=500_000, ge=1, le=1_000_000_000)
    """Size of a file; 3GPP evaluations take 500 000 or 100 000 bytes."""
    files_per_s: float = Field(default=0.5, gt=0.0, le=1e6)
    """Mean number of files that arrive for each UE in a second."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the mean rate of each UE, bit/s."""
        return 8.0 * self.file_bytes * self.files_per_s

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Draws the arrivals of ``users`` UEs from ``key``; arguments as in ``ConstantBitRate.packets``."""
        slot, user = poisson_arrivals(user_keys(key, users), 1.0 / self.files_per_s, slots, slot_s)
        return sort_packets(slot, user, self.file_bytes)
