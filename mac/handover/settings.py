"""Declares the settings of measurements and handovers, by the names and values of TS 38.331."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

REFERENCE_MS = 200.0
"""Sample period that the filter coefficient supposes (TS 38.331 clause 5.5.3.2 with TS 38.133 clause 9.2.5)."""

FilterCoefficient = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 19]
"""Values of FilterCoefficient in TS 38.331."""

TimeToTrigger = Literal[0, 40, 64, 80, 100, 128, 160, 256, 320, 480, 512, 640, 1024, 1280, 2560, 5120]
"""Values of TimeToTrigger in TS 38.331, ms."""

_CELL_OFFSETS_DB = (*range(-24, -6, 2), *range(-6, 7), *range(8, 25, 2))  # Q-OffsetRange of TS 38.331


@dataclass(frozen=True, config=STRICT)
class MeasurementSettings:
    """Sets how UEs measure the reference signals of all cells."""

    period_ms: float = Field(default=40.0, ge=1.0, le=10_240.0)
    """Time from one layer-1 sample to the next; rounded up to whole slots."""
    error_db: float = Field(default=1.0, ge=0.0, le=10.0)
    """Standard deviation of the error of a sample, normal and independent of all others."""
    filter_coefficient: FilterCoefficient = 0
    """k of the layer-3 filter; 0 switches it off."""

    @property
    def weight(self) -> float:
        """Returns the weight a' of a new sample in the filter, ``1 - (1 - 2^(-k/4))^(period_ms / 200)``."""
        standard = math.pow(2.0, -self.filter_coefficient / 4.0)
        return 1.0 - math.pow(1.0 - standard, self.period_ms / REFERENCE_MS)


@dataclass(frozen=True, config=STRICT)
class HandoverSettings:
    """Sets when UEs change their cell, and how long it takes.

    Source: 3GPP TS 38.331, clause 5.5.4 (event A3).
    """

    offset_db: float = Field(default=2.0, ge=-15.0, le=15.0, multiple_of=0.5)
    """a3-Offset, Off: how much stronger than the serving cell another one must be."""
    hysteresis_db: float = Field(default=1.0, ge=0.0, le=15.0, multiple_of=0.5)
    """Hys: added to the offset to enter the event, taken off to leave it."""
    time_to_trigger_ms: TimeToTrigger = 40
    """How long the entering condition must hold."""
    cell_offsets_db: tuple[float, ...] = ()
    """Ocn, cellIndividualOffset of each cell; all 0 where none are given."""
    preparation_ms: float = Field(default=40.0, ge=0.0, le=10_000.0)
    """From the report to the command."""
    interruption_ms: float = Field(default=40.0, ge=0.0, le=10_000.0)
    """From the command until the new cell serves the UE."""
    qout_db: float = Field(default=-8.0, ge=-20.0, le=10.0)
    """SINR below which a link is out of sync."""
    qin_db: float = Field(default=-6.0, ge=-20.0, le=10.0)
    """SINR above which it is in sync again."""
    qout_window_ms: float = Field(default=200.0, ge=0.0, le=10_000.0)
    """Time over which the SINR is averaged that is compared with qout_db; 0 takes the last sample."""
    qin_window_ms: float = Field(default=100.0, ge=0.0, le=10_000.0)
    """Time over which the SINR is averaged that is compared with qin_db; 0 takes the last sample."""
    load: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of their power at which the other cells disturb that SINR."""
    t310_ms: Literal[0, 50, 100, 200, 500, 1000, 2000, 4000, 6000] = 1000
    """How long a link may be out of sync until it has failed."""
    reestablishment_ms: float = Field(default=200.0, ge=0.0, le=60_000.0)
    """From a failure until a cell serves the UE again."""
    min_stay_s: float = Field(default=1.0, ge=0.0, le=60.0)
    """A stay shorter than that, between a handover and the one back, makes a ping-pong."""

    @field_validator("cell_offsets_db")
    @classmethod
    def _in_the_list(cls, offsets: tuple[float, ...]) -> tuple[float, ...]:
        for cell, offset in enumerate(offsets):
            if offset not in _CELL_OFFSETS_DB:
                raise ValueError(
                    f"the offset of cell {cell} is {offset:g} dB; allowed are -24 to 24 dB, in steps of 1 dB from -6 "
                    "to 6 and of 2 dB beyond (Q-OffsetRange of TS 38.331)"
                )
        return offsets

    @model_validator(mode="after")
    def _in_above_out(self) -> Self:
        if self.qin_db < self.qout_db:
            raise ValueError(f"qin_db is {self.qin_db:g}, but it cannot be less than qout_db ({self.qout_db:g})")
        return self
