"""What a user measures of the cells around it: samples of RSRP with errors, filtered by layer 3.

A sample is taken every ``period_ms``. Layer 3 filters in dB (TS 38.331 clause 5.5.3.2),

    F[n] = (1 - a) F[n-1] + a M[n],    a = 1 / 2^(k/4),    F[0] the first sample,

where k supposes a sample each 200 ms; for another period a is changed so that the filter forgets as fast in time,
``1 - a' = (1 - a)^(period / 200 ms)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from phy.random import uniform
from phy.settings import STRICT

REFERENCE_MS = 200.0
"""Sample period that the filter coefficient supposes (TS 38.331 clause 5.5.3.2 with TS 38.133 clause 9.2.5)."""

_ERRORS = 2**16  # quantiles of the normal law: 65536 of equal probability, so that an error is one gather

FilterCoefficient = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 19]
"""Values of FilterCoefficient in TS 38.331."""


@settings(frozen=True, config=STRICT)
class MeasurementSettings:
    """Measurements of the users on the reference signals of all cells."""

    period_ms: float = Field(default=40.0, ge=1.0, le=10_240.0)
    """Time from one layer-1 sample to the next; rounded up to whole slots."""
    error_db: float = Field(default=1.0, ge=0.0, le=10.0)
    """Standard deviation of the error of a sample, normal and independent of all others."""
    filter_coefficient: FilterCoefficient = 0
    """k of the layer-3 filter; 0 switches it off."""

    @property
    def weight(self) -> float:
        """Weight a' of a new sample in the filter."""
        standard = math.pow(2.0, -self.filter_coefficient / 4.0)
        return 1.0 - math.pow(1.0 - standard, self.period_ms / REFERENCE_MS)


@dataclass(frozen=True)
class Measurements:
    """The filter of each link, and how many samples it has seen."""

    filtered_db: Tensor  # [B, U, C] RSRP
    samples: int


def error_table(settings: MeasurementSettings, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Errors of a sample in dB, all equally probable, ``[E]``: their standard deviation is ``error_db``."""
    quantile: Tensor = torch.special.ndtri((torch.arange(_ERRORS, dtype=torch.float64) + 0.5) / _ERRORS)
    return (quantile * (settings.error_db / float(quantile.square().mean().sqrt()))).to(device, dtype)


def sample_db(keys: Tensor, rsrp_db: Tensor, number: int, errors_db: Tensor) -> Tensor:
    """A layer-1 sample of every link, ``[B, U, C]`` dB.

    Args:
        keys: int64 ``[B]``, stream "measurement".
        rsrp_db: true RSRP ``[B, U, C]``, mean over fading and the carrier, in dB of any reference.
        number: of the sample, from 0.
        errors_db: from :func:`error_table`.
    """
    _, users, cells = rsrp_db.shape
    draw = uniform(keys, (users, cells), start=number * users * cells)
    return rsrp_db + errors_db[(draw * len(errors_db)).long()]


def first(sample: Tensor) -> Measurements:
    """The filter after its first sample ``[B, U, C]``."""
    return Measurements(sample, 1)


def update(state: Measurements, sample: Tensor, weight: float) -> Measurements:
    """The filter after one more sample ``[B, U, C]``; ``weight`` is :attr:`MeasurementSettings.weight`."""
    return Measurements((1.0 - weight) * state.filtered_db + weight * sample, state.samples + 1)
