"""Functions of compiled loops, beside those of NumPy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phy.numerics.log_ndtr import FARTHEST, STEPS, taylor_table

numba = pytest.importorskip("numba")


def test_functions_of_float32_within_their_rounding() -> None:
    from phy.numerics.float32_numba import power_of_two, sine_of_half_turns

    @numba.njit
    def both(x: np.ndarray, out: np.ndarray) -> None:
        for n in range(len(x)):
            out[0, n], out[1, n] = sine_of_half_turns(x[n]), power_of_two(np.float32(60.0) * x[n])

    x = np.linspace(-0.5, 0.5, 100_001).astype(np.float32)
    out = np.empty((2, len(x)), np.float32)
    both(x, out)
    sine, power = np.sin(np.pi * x.astype(np.float64)), np.exp2((np.float32(60.0) * x).astype(np.float64))
    assert np.abs(out[0] - sine).max() < 2e-7 and np.abs(out[1] / power - 1.0).max() < 3e-7


def test_table_of_the_normal_distribution() -> None:
    x = torch.linspace(-FARTHEST, FARTHEST, 50_001, dtype=torch.float64)[:-1]
    place = ((x + FARTHEST) * STEPS).long().numpy()
    y = x.numpy() - ((place + 0.5) / STEPS - FARTHEST)
    value = sum(taylor_table()[place, k] * y**k for k in range(9))
    assert np.allclose(value, -torch.special.log_ndtr(x).numpy(), rtol=1e-14, atol=1e-16)
