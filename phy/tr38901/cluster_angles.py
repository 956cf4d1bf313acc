"""Computes clusters and rays of links: delays, powers, directions of departure, and the gain of an antenna over them.

TR 38.901 clause 7.5, steps 5 to 9. The arrays of this file have one row for each link, all of one state, with Cl
clusters of 20 rays. Whatever is random enters as normal numbers, which the caller takes from fields over the plane,
so that a link's clusters follow its UE; the numbers of a cluster belong to its rank in delay, not to its identity,
and delays that cross do not make the rays jump. Clusters 25 dB below the strongest are kept (the standard drops them
to save time).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..antenna.element import SectorAntennaSettings, gain_db
from ..random import uniform
from .lsp_tables import RAYS, PropagationState

DRAWS = 4
"""Normal numbers of a cluster: delay, shadowing, and the jitter of its azimuth and zenith angle of departure."""

MAX_AZIMUTH_SPREAD_DEG, MAX_ZENITH_SPREAD_DEG = 104.0, 52.0  # clause 7.5, step 4
_OFFSETS = (0.0447, 0.1413, 0.2492, 0.3715, 0.5129, 0.6797, 0.8844, 1.1481, 1.5195, 2.1551)  # Table 7.5-3
_COUPLINGS = 64  # random pairings of azimuth and zenith offsets from which each cluster takes one
_RAYS_AT_ONCE = 1 << 19  # rays of all sectors whose gains are computed together: they stay in the cache
_SINGLE = torch.float32


@dataclass(frozen=True)
class Clusters:
    """Holds delays and powers of the scattered rays of some links."""

    delay_s: Tensor  # [R, Cl]
    power: Tensor  # [R, Cl], of unit sum; zero beyond the state's number of clusters


@dataclass(frozen=True)
class AngularSpreads:
    """Holds the parameters of the directions of departure of some links, in degrees, ``[R]`` each."""

    azimuth: Tensor  # ASD
    zenith: Tensor  # ZSD
    median_zenith: Tensor  # 10 ** mean of log10 ZSD
    los_azimuth: Tensor
    los_zenith: Tensor
    zenith_offset: Tensor
    k_db: Tensor | None  # of links in line of sight


def clusters(
    state: PropagationState, delay_spread_s: Tensor, k_db: Tensor | None, draws: Tensor, most: int
) -> Clusters:
    """Computes delays ascending from zero and powers (equations 7.5-1 to 7.5-6).

    Args:
        state: of all the links.
        delay_spread_s: ``[R]``.
        k_db: ``[R]`` of links in line of sight, whose delays are scaled; None for all others.
        draws: normal numbers ``[R, Cl, 2]`` for delay and shadowing.
        most: size Cl of the result, at least the state's number of clusters.
    """
    count, r = state.clusters, state.delay_scaling
    scale = (r * delay_spread_s)[:, None]
    raw = -scale * torch.special.log_ndtr(draws[:, :count, 0]).to(scale.dtype)
    delay = raw.sort(dim=1).values
    delay = delay - delay[:, :1]
    shadow = state.cluster_shadowing_db * draws[:, :count, 1]
    power = torch.exp(-delay * (r - 1.0) / scale - math.log(10.0) / 10.0 * shadow)
    power = power / power.sum(1, keepdim=True)
    if k_db is not None:
        delay = delay / los_delay_scaling(k_db)[:, None]
    room = (0, most - count)
    return Clusters(torch.nn.functional.pad(delay, room), torch.nn.functional.pad(power, room))


def los_delay_scaling(k_db: Tensor) -> Tensor:
    """Computes the divisor of the delays of links in line of sight with K-factor K in dB (equation 7.5-3)."""
    return (0.7705 - 0.0433 * k_db + 0.0002 * k_db**2 + 0.000017 * k_db**3).clamp(min=0.1)


def cluster_angles_deg(
    state: PropagationState, power: Tensor, spreads: AngularSpreads, draws: Tensor, side: Tensor
) -> tuple[Tensor, Tensor]:
    """Computes azimuth and zenith angle of each cluster in degrees, ``[R, Cl]`` each (equations 7.5-9 to 7.5-19).

    Args:
        state: of all the links.
        power: of the clusters ``[R, Cl]``, without the direct ray.
        spreads: of the links.
        draws: normal numbers ``[R, Cl, 2]`` for azimuth and zenith.
        side: 1 or -1 for each cluster's azimuth and zenith ``[R, Cl, 2]``.
    """
    azimuth_scale, zenith_scale = (torch.full_like(spreads.azimuth, c) for c in state.angle_scaling)
    if spreads.k_db is not None:
        k = spreads.k_db
        linear = torch.pow(10.0, k / 10.0)[:, None]
        power = power / (1.0 + linear)
        power[:, :1] += linear / (1.0 + linear)
        azimuth_scale = azimuth_scale * _los_azimuth_scaling(k, state.laplacian)
        zenith_scale = zenith_scale * (1.3086 + 0.0339 * k - 0.0077 * k**2 + 0.0002 * k**3)
    fall = -torch.log((power / power.amax(1, keepdim=True)).clamp_min(1e-30))
    bell = fall if state.laplacian else 2.0 / 1.4 * fall.sqrt()
    azimuth = (spreads.azimuth / azimuth_scale)[:, None] * bell * side[..., 0]
    azimuth = azimuth + (spreads.azimuth / 7.0)[:, None] * draws[..., 0]
    zenith = (spreads.zenith / zenith_scale)[:, None] * fall * side[..., 1]
    zenith = zenith + (spreads.zenith / 7.0)[:, None] * draws[..., 1]
    if spreads.k_db is not None:  # the first cluster lies in the direction of the direct ray
        azimuth, zenith = azimuth - azimuth[:, :1], zenith - zenith[:, :1]
    around = spreads.los_zenith + spreads.zenith_offset
    return azimuth + spreads.los_azimuth[:, None], zenith + around[:, None]


def mean_gains(
    state: PropagationState,
    antenna: SectorAntennaSettings,
    boresight_rad: Tensor,
    spreads: AngularSpreads,
    angles: tuple[Tensor, ...],
) -> Tensor:
    """Computes the mean gain of each sector's antenna over the 20 rays of each cluster, linear, float64
    ``[R, Se, Cl]``.

    Args:
        state: of all the links.
        antenna: of the sectors.
        boresight_rad: ``[Se]``.
        spreads: of the links.
        angles: of the clusters in degrees and the pairing of their rays: azimuth, zenith, integers, ``[R, Cl]`` each.
    """
    rows = max(1, _RAYS_AT_ONCE // (len(boresight_rad) * angles[0].shape[1] * RAYS))
    parts = zip(*(part.split(rows) for part in (*angles, spreads.median_zenith)), strict=True)
    return torch.cat([_mean_gains(state, antenna, boresight_rad, *part) for part in parts])


def _mean_gains(
    state: PropagationState,
    antenna: SectorAntennaSettings,
    boresight_rad: Tensor,
    azimuth: Tensor,
    zenith: Tensor,
    pairing: Tensor,
    median_zenith: Tensor,
) -> Tensor:
    offset, paired = ray_offsets().to(_SINGLE), pairings()[pairing]
    ray_azimuth = azimuth.to(_SINGLE)[..., None] + state.cluster_spread_deg[0] * offset
    ray_zenith = zenith.to(_SINGLE)[..., None] + (0.375 * median_zenith).to(_SINGLE)[:, None, None] * paired
    ray_zenith = (torch.remainder(ray_zenith + 180.0, 360.0) - 180.0).abs()
    turned = torch.deg2rad(ray_azimuth)[:, None] - boresight_rad.to(_SINGLE)[:, None, None]
    gain = gain_db(antenna, turned, torch.deg2rad(ray_zenith)[:, None])
    return torch.exp(gain * (math.log(10.0) / 10.0)).mean(-1).double()


def ray_offsets() -> Tensor:
    """Returns the offsets of a cluster's rays for a spread of one degree, Table 7.5-3, ``[20]``, on torch's device."""
    return _ray_offsets().to(torch.get_default_device())


def pairings() -> Tensor:
    """Returns the zenith offsets in the order in which they pair with azimuth offsets, ``[couplings, 20]`` (step 8), on
    torch's device.
    """
    return _pairings().to(torch.get_default_device())


@functools.cache
def _ray_offsets() -> Tensor:
    half = torch.tensor(_OFFSETS, dtype=torch.float64, device="cpu")
    return torch.stack((half, -half), 1).flatten()


@functools.cache
def _pairings() -> Tensor:
    order = uniform(torch.tensor([20], dtype=torch.int64, device="cpu"), (_COUPLINGS, RAYS))[0].argsort(-1)
    return _ray_offsets().to(_SINGLE)[order]


def pairing_index(draw: Tensor) -> Tensor:
    """Computes the index of the pairing that a uniform number stands for."""
    return (draw * _COUPLINGS).long()


def paired_offsets(draw: Tensor) -> Tensor:
    """Returns the offsets of a cluster's rays in the random order that a uniform number ``[...]`` stands for,
    ``[..., 20]``.
    """
    return pairings()[pairing_index(draw)]


def _los_azimuth_scaling(k_db: Tensor, laplacian: bool) -> Tensor:
    """Computes equation 7.5-10, and its like of M.2412's channel model A for Laplacian azimuths."""
    if laplacian:
        return 0.9275 + 0.0439 * k_db - 0.0071 * k_db**2 + 0.0002 * k_db**3
    return 1.1035 - 0.028 * k_db - 0.002 * k_db**2 + 0.0001 * k_db**3
