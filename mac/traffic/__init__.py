"""Computes arrivals of packets, their queues and their delays.

| module | computes | source |
|---|---|---|
| ``full_buffer`` | no packets: queues never empty | TR 36.814 A.2.1.3.2 |
| ``constant_bit_rate``, ``poisson``, ``on_off`` | packets of one size | - |
| ``ftp_model_3`` | files at Poisson times | TR 36.872 A.2.1.3 |
| ``trace_replay``, ``trace``, ``trace_paths`` | packets of captures, their format, their files | arXiv 2312.07896 |
| ``packets`` | ``Packets`` of a drop, ``Arrivals`` of a batch, slot by slot | - |
| ``arrival_draws`` | random numbers and gaps of a UE | - |
| ``queue_delay`` | delays of packets in the queues | - |

A traffic model is a settings dataclass with ``packets(key, users, slots, slot_s)``, a pure function of its arguments in
which every UE has a stream of random numbers of its own and a longer horizon only appends.
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from .constant_bit_rate import ConstantBitRate
from .ftp_model_3 import FtpModel3
from .full_buffer import FullBuffer
from .on_off import OnOff
from .packets import Arrivals, Packets, merge
from .poisson import Poisson
from .trace import TraceError
from .trace_replay import TraceReplay

__all__ = [
    "TRAFFIC_MODELS",
    "Arrivals",
    "ConstantBitRate",
    "FtpModel3",
    "FullBuffer",
    "OnOff",
    "Packets",
    "Poisson",
    "TraceError",
    "TraceReplay",
    "TrafficModel",
    "TrafficSettings",
    "describe",
    "merge",
]


class TrafficModel(Protocol):
    """Makes the packets of a group of UEs."""

    @property
    def full_buffer(self) -> bool:
        """Returns whether the UEs always have data, and no packets are made."""
        ...

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the long-run mean rate of a UE in bit/s, None if unknown."""
        ...

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Draws the arrivals of UEs ``0 .. users - 1`` in slots ``0 .. slots - 1``."""
        ...


TrafficSettings = Annotated[
    FullBuffer | ConstantBitRate | Poisson | OnOff | FtpModel3 | TraceReplay,
    Field(discriminator="model"),
]
"""Any traffic model; its ``model`` tells which."""

TRAFFIC_MODELS: dict[str, type[TrafficModel]] = {
    "full_buffer": FullBuffer,
    "constant_bit_rate": ConstantBitRate,
    "poisson": Poisson,
    "on_off": OnOff,
    "ftp_model_3": FtpModel3,
    "trace_replay": TraceReplay,
}
"""Name -> class of every traffic model."""


def describe() -> dict[str, str]:
    """Returns one line on every traffic model by name, the first of its docstring."""
    return {name: (model.__doc__ or "").strip().splitlines()[0] for name, model in TRAFFIC_MODELS.items()}
