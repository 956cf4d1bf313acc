"""Chooses points in time from which a response of limited Doppler shift follows at all other times.

A sum of rays of at most F Hz, over T points in time, lies in a space of little more than ``2 F`` times their span
dimensions (Slepian and Pollak, 1961). So T rows follow linearly from Tp of them, ``h(t) = sum_p w_p(t) h(t_p)``, with
weights that do not depend on the rays. The Tp points are those that a QR decomposition with pivots takes of the T
(interpolative decomposition: Cheng, Gimbutas, Martinsson and Rokhlin, 2005); at these the weights are 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import qr, solve_triangular
from torch import Tensor

_LEAST_SHIFTS, _SHIFTS_PER_TURN = 64, 8


@dataclass(frozen=True)
class TimeSamples:
    """Holds Tp of T points in time, and how all T follow from them."""

    point: Tensor  # [Tp] int64, of the T, ascending
    weight: Tensor  # [T, Tp] float64
    error: float  # greatest error at any of the T for a ray of unit amplitude and any shift


def time_samples(max_shift_hz: float, points: int, spacing_s: float, max_error: float) -> TimeSamples:
    """Chooses the fewest points from which all others follow.

    Args:
        max_shift_hz: of any ray, either way.
        points: T.
        spacing_s: time from one to the next.
        max_error: of a ray of unit amplitude, at any of the points.
    """
    time_s = (np.arange(points) - (points - 1) / 2) * spacing_s
    shifts = _LEAST_SHIFTS + math.ceil(_SHIFTS_PER_TURN * max_shift_hz * points * spacing_s)
    turn = 2 * math.pi * np.linspace(0.0, max_shift_hz, shifts)[:, None] * time_s
    rays = np.concatenate((np.cos(turn), np.sin(turn)))
    _, upper, order = qr(rays, mode="economic", pivoting=True)
    for count in range(1, min(points, len(upper) + 1)):
        weight = _weights(upper, order, count)
        error = float(np.hypot(*np.split(rays[:, order[:count]] @ weight - rays, 2)).max())
        if error <= max_error:
            break
    else:
        return TimeSamples(torch.arange(points), torch.eye(points, dtype=torch.float64), 0.0)
    ascending = np.argsort(order[:count])
    return TimeSamples(
        torch.from_numpy(order[:count][ascending].astype(np.int64)),
        torch.from_numpy(np.ascontiguousarray(weight[ascending].T)),
        error,
    )


def _weights(upper: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """Computes the weights of the first points of the order, ``[Tp, T]``."""
    rest = solve_triangular(upper[:count, :count], upper[:count, count:])
    weight = np.empty((count, len(order)))
    weight[:, order] = np.concatenate((np.eye(count), rest), 1)
    return weight
