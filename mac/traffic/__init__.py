"""Traffic models: what arrives for whom, and when.

A model is a settings dataclass with ``packets(key, users, slots, slot_s)``, a pure function of its arguments in which
every user has a stream of random numbers of his own and a longer horizon only appends.
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
    """What the engine asks of a traffic model."""

    @property
    def full_buffer(self) -> bool:
        """Whether the users always have data, and no packets are made."""
        ...

    @property
    def mean_rate_bps(self) -> float | None:
        """Long-run mean rate of a user in bit/s, None if unknown."""
        ...

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Arrivals of users ``0 .. users - 1`` in slots ``0 .. slots - 1``."""
        ...


TrafficSettings = Annotated[
    FullBuffer | ConstantBitRate | Poisson | OnOff | FtpModel3 | TraceReplay,
    Field(discriminator="model"),
]
"""Any traffic model, told apart by its ``model``."""

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
    """Name -> one line on every traffic model, the first of its docstring."""
    return {name: (model.__doc__ or "").strip().splitlines()[0] for name, model in TRAFFIC_MODELS.items()}
