"""Computes the RSRP that a UE measures of the cells around it: samples with errors, filtered by layer 3.

A sample is taken every ``period_ms``. Layer 3 filters in dB (TS 38.331 clause 5.5.3.2),

    F[n] = (1 - a) F[n-1] + a M[n],    a = 1 / 2^(k/4),    F[0] the first sample,

where k supposes a sample each 200 ms; for another period a is changed so that the filter forgets as fast in time,
``1 - a' = (1 - a)^(period / 200 ms)``.

B drops, U UEs, C cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import uniform

from .settings import MeasurementSettings

_ERRORS = 2**16  # quantiles of the normal law: 65536 of equal probability, so that an error is one gather


@dataclass(frozen=True)
class Measurements:
    """Holds the filter of each link and the number of samples that it has seen."""

    filtered_db: Tensor  # [B, U, C] RSRP
    samples: int


def error_table(settings: MeasurementSettings, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Computes equally probable errors of a sample in dB, ``[quantiles]``, with the standard deviation ``error_db``."""
    quantile: Tensor = torch.special.ndtri((torch.arange(_ERRORS, dtype=torch.float64) + 0.5) / _ERRORS)
    return (quantile * (settings.error_db / float(quantile.square().mean().sqrt()))).to(device, dtype)


def sample_db(keys: Tensor, rsrp_db: Tensor, number: int, errors_db: Tensor) -> Tensor:
    """Draws a layer-1 sample of every link, ``[B, U, C]`` dB.

    Args:
        keys: int64 ``[B]``, stream "measurement".
        rsrp_db: true RSRP ``[B, U, C]``, mean over fading and the carrier, in dB of any reference.
        number: of the sample, from 0.
        errors_db: from :func:`error_table`, ``[quantiles]``.
    """
    _, users, cells = rsrp_db.shape
    draw = uniform(keys, (users, cells), start=number * users * cells)
    return rsrp_db + errors_db[(draw * len(errors_db)).long()]


def first(sample: Tensor) -> Measurements:
    """Starts the filter with its first sample ``[B, U, C]`` in dB."""
    return Measurements(sample, 1)


def update(state: Measurements, sample: Tensor, weight: float) -> Measurements:
    """Filters one more sample ``[B, U, C]`` in dB; ``weight`` is :attr:`MeasurementSettings.weight`."""
    return Measurements((1.0 - weight) * state.filtered_db + weight * sample, state.samples + 1)
