"""Clusters, directions and antenna gains of one link after TR 38.901 clause 7.5, one number at a time."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import torch
from oracles_geometry import antenna_gain_db
from torch import Tensor

from phy.antenna.panel import PanelSettings
from phy.units import SPEED_OF_LIGHT_MPS

CARRIER_HZ = 3.5e9

OFFSETS = [0.0447, 0.1413, 0.2492, 0.3715, 0.5129, 0.6797, 0.8844, 1.1481, 1.5195, 2.1551]


def clusters(state, delay_spread_s, k_db, draws):  # type: ignore[no-untyped-def]
    """Delays and powers; ``draws[n] = (delay, shadowing)`` are standard normal numbers."""
    uniform = [NormalDist().cdf(d[0]) for d in draws[: state.clusters]]
    delays = sorted(-state.delay_scaling * delay_spread_s * math.log(u) for u in uniform)
    delays = [d - delays[0] for d in delays]
    powers = []
    for delay, draw in zip(delays, draws, strict=False):
        exponent = -delay * (state.delay_scaling - 1) / (state.delay_scaling * delay_spread_s)
        powers.append(math.exp(exponent) * 10 ** (-state.cluster_shadowing_db * draw[1] / 10))
    total = sum(powers)
    if k_db is not None:
        c = 0.7705 - 0.0433 * k_db + 0.0002 * k_db**2 + 0.000017 * k_db**3
        delays = [d / c for d in delays]
    return delays, [p / total for p in powers]


def directions(state, powers, asd, zsd, los_azimuth, los_zenith, k_db, draws, sides):  # type: ignore[no-untyped-def]
    """Azimuth and zenith of each cluster in degrees; ``draws[n] = (azimuth, zenith)``."""
    c_phi, c_theta = state.angle_scaling
    effective = list(powers)
    if k_db is not None:
        c_phi *= 1.1035 - 0.028 * k_db - 0.002 * k_db**2 + 0.0001 * k_db**3
        c_theta *= 1.3086 + 0.0339 * k_db - 0.0077 * k_db**2 + 0.0002 * k_db**3
        k = 10 ** (k_db / 10)
        effective = [p / (1 + k) + (k / (1 + k) if n == 0 else 0) for n, p in enumerate(powers)]
    out = []
    for n, p in enumerate(effective):
        ratio = math.log(p / max(effective))
        azimuth = sides[n][0] * 2 * (asd / 1.4) * math.sqrt(-ratio) / c_phi + asd / 7 * draws[n][0]
        zenith = sides[n][1] * -zsd * ratio / c_theta + zsd / 7 * draws[n][1]
        out.append((azimuth, zenith))
    first = out[0] if k_db is not None else (0.0, 0.0)
    return [(a - first[0] + los_azimuth, z - first[1] + los_zenith) for a, z in out]


def mean_gain(state, azimuth, zenith, paired, median_zsd, boresight_deg, column):  # type: ignore[no-untyped-def]
    """Mean linear gain over the 20 rays of a cluster; ``paired[m]`` is the zenith offset of azimuth offset m."""
    offsets = [sign * o for o in OFFSETS for sign in (1, -1)]
    total = 0.0
    for m, offset in enumerate(offsets):
        ray_zenith = (zenith + 3 / 8 * median_zsd * paired[m]) % 360
        ray_zenith = 360 - ray_zenith if ray_zenith > 180 else ray_zenith
        ray_azimuth = azimuth + state.cluster_spread_deg[0] * offset - boresight_deg
        total += 10 ** (antenna_gain_db(ray_azimuth, ray_zenith, *column) / 10)
    return total / len(offsets)


def order_in(array: Any, panel: PanelSettings) -> Tensor:
    """The order in which Sionna lists the elements of a panel."""
    from phy.antenna.panel import element_positions

    ours = element_positions(panel)
    theirs = array.ant_pos / (SPEED_OF_LIGHT_MPS / CARRIER_HZ)
    second = torch.zeros(panel.elements)
    second[array.ant_ind_pol2] = 1
    mine = torch.arange(panel.elements) // (panel.elements // 2)
    distance = (ours[:, None] - theirs).norm(dim=-1) + (mine[:, None] != second).double()
    assert float(distance.min(1).values.max()) < 1e-6
    return distance.argmin(1)
