"""Shadow fading: Gaussian random fields over the plane, correlated like ``exp(-d / d_corr)``.

A field is a sum of plane waves of random direction and phase (sum of sinusoids), so it costs O(users), has no grid, and
a user who moves sees it change smoothly. The isotropic spectrum of ``exp(-d / D)`` in the plane has the cumulative
distribution ``1 - 1 / sqrt(1 + (k D)^2)`` over the wave number, which a uniform number u inverts to
``k = sqrt(1 / (1 - u)^2 - 1) / D``.

Two things are added to the textbook form. An exponential correlation has a corner at zero, that is, changes without
bound over short steps; waves shorter than 5 m are therefore drawn out to 5 m, as finer structure is small-scale fading.
And fields of several decorrelation distances (LOS, NLOS, indoors) share their waves, weighted by the ratio of their
spectra, so that the states of a link, and sites in unlike states, stay correlated with each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .pathloss import Link, PathLossModel, breakpoint_m
from .random import uniform

WAVES = 256
SHORTEST_WAVE_M = 5.0
SITE_CORRELATION = 0.5
"""Correlation of a user's shadowing towards two sites (ITU-R M.2135); the sectors of a site have the same shadowing."""

DECORRELATION_M: dict[PathLossModel, tuple[float, float, float]] = {
    "uma": (37.0, 50.0, 7.0),
    "umi": (10.0, 13.0, 7.0),
    "rma": (37.0, 120.0, 120.0),
    "free_space": (37.0, 37.0, 37.0),
}
"""Decorrelation distance of shadowing in m for LOS, NLOS and indoor links, TR 38.901 Table 7.5-6."""

_SIGMA_DB: dict[PathLossModel, tuple[float, float, float]] = {
    "uma": (4.0, 6.0, 7.0),
    "umi": (4.0, 7.82, 7.0),
    "rma": (4.0, 8.0, 8.0),
    "free_space": (0.0, 0.0, 0.0),
}
_RMA_SIGMA_BEYOND_BREAKPOINT_DB = 6.0


def sigma_db(model: PathLossModel, link: Link, column: Tensor) -> Tensor:
    """Standard deviation of shadowing in dB ``[...]``, TR 38.901 Tables 7.4.1-1 and 7.5-6; free space has none.

    Args:
        model: scenario.
        link: geometry ``[...]``; RMa in line of sight has 4 dB before the breakpoint and 6 dB beyond.
        column: int64 ``[...]``, 0 for LOS, 1 for NLOS, 2 for indoor links.
    """
    sigma = link.distance_2d_m.new_tensor(_SIGMA_DB[model])[column]
    if model == "rma":
        far = (column == 0) & (link.distance_2d_m > breakpoint_m("rma", link))
        sigma = torch.where(far, _RMA_SIGMA_BEYOND_BREAKPOINT_DB, sigma)
    return sigma


def field(keys: Tensor, xy: Tensor, decorrelation_m: float, waves: int = WAVES) -> Tensor:
    """One Gaussian field per drop, mean 0, variance 1, correlation ``exp(-d / decorrelation_m)``.

    Args:
        keys: int64 ``[B]``.
        xy: horizontal positions in m, float64 ``[B, U, 2]``.
        decorrelation_m: distance at which the correlation has fallen to 1/e; from about 5 m up.
        waves: number of plane waves.

    Returns:
        float64 ``[B, U]``.
    """
    return _superpose(uniform(keys, (waves, 3)), xy, (decorrelation_m,)).squeeze(-1)


def site_fields(
    keys: Tensor, xy: Tensor, sites: int, decorrelation_m: Sequence[float], correlation: float = SITE_CORRELATION
) -> Tensor:
    """One Gaussian field per site and decorrelation distance, with a part common to all sites.

    ``sqrt(correlation) * common + sqrt(1 - correlation) * own``, each as in :func:`field`.

    Args:
        keys: int64 ``[B]``.
        xy: horizontal positions in m, float64 ``[B, U, 2]``.
        sites: number of sites N.
        decorrelation_m: D distances, of which a link takes the one of its state.
        correlation: correlation between the sites, 0 to 1.

    Returns:
        float64 ``[B, U, N, D]``.
    """
    draws = uniform(keys, (sites + 1, WAVES, 3))
    own = [_superpose(draws[:, 1 + n], xy, decorrelation_m) for n in range(sites)]
    common = _superpose(draws[:, 0], xy, decorrelation_m)[:, :, None]
    return math.sqrt(correlation) * common + math.sqrt(1.0 - correlation) * torch.stack(own, dim=2)


def _superpose(draws: Tensor, xy: Tensor, decorrelation_m: Sequence[float]) -> Tensor:
    """Sum of the plane waves given by draws ``[B, W, 3]`` at ``xy``, ``[B, U, D]``."""
    wave_number, power = _spectrum(draws[..., 0], decorrelation_m)
    direction = 2.0 * math.pi * draws[..., 1]
    kx, ky = wave_number * torch.cos(direction), wave_number * torch.sin(direction)
    phase = xy[..., :1] * kx[:, None] + xy[..., 1:] * ky[:, None] + 2.0 * math.pi * draws[:, None, :, 2]
    amplitude = torch.sqrt(2.0 * power / power.sum(dim=1, keepdim=True))
    return torch.cos(phase) @ amplitude


def _spectrum(draw: Tensor, decorrelation_m: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Wave numbers ``[B, W]`` in rad/m and the power of each wave in each field ``[B, W, D]``.

    One wave is drawn from each of W equally probable bands of the spectrum of a distance in the middle of those wanted.
    """
    middle = math.sqrt(min(decorrelation_m) * max(decorrelation_m))
    u = (torch.arange(draw.shape[1], device=draw.device) + draw) / draw.shape[1]
    exact = torch.sqrt((1.0 - u) ** -2 - 1.0) / middle
    highest = 2.0 * math.pi / SHORTEST_WAVE_M
    wave_number = exact.clamp_max(highest)
    wanted = draw.new_tensor(decorrelation_m)
    tail = (1.0 + (wave_number[..., None] * middle) ** 2) / (1.0 + (wave_number[..., None] * wanted) ** 2)
    density = (wanted / middle) ** 2 * tail**1.5  # ratio of the spectra
    return wave_number, torch.where((exact < highest)[..., None], density, tail.sqrt())  # ratio of what lies beyond
