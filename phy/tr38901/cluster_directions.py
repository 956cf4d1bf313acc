"""Computes clusters of links at both ends from their large-scale parameters, for matrices (TR 38.901 clause 7.5, steps
5 to 7).

The delays, powers and departures are those of :mod:`phy.tr38901.cluster_angles`; arrivals follow the same equations
with the spreads of the arrival angles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from . import cluster_angles
from .lsp_tables import NAMES, PropagationState
from .rays import ClusterDirections, ClusterSpreads, DirectRay

DRAWS = 6
"""Normal numbers of a cluster: delay, shadowing, jitter of azimuth and zenith of departure, and of arrival."""

SIDES = 4
"""Signs of a cluster: azimuth and zenith of departure, and of arrival."""


@dataclass(frozen=True)
class LinkStatistics:
    """Holds the parameters of the clusters of R links of one state."""

    values: Tensor  # [R, 7] parameters in the order of phy.tr38901.lsp_tables.NAMES
    median_zsd_deg: Tensor  # [R] 10 ** mean of log10 ZSD
    zod_offset_deg: Tensor  # [R]
    aod: Tensor  # [R] rad, azimuth of the direct line from the base station
    zod: Tensor  # [R] rad
    distance_m: Tensor  # [R]


def direct_ray(state: PropagationState, links: LinkStatistics) -> DirectRay:
    """Computes the direct rays, which arrive from the direction of the base station."""
    k = 10.0 ** (links.values[:, NAMES.index("K")] / 10.0) if state.k_db else torch.zeros_like(links.aod)
    return DirectRay(k, links.aod, links.zod, links.aod + math.pi, math.pi - links.zod, links.distance_m)


def cluster_spreads(state: PropagationState, links: LinkStatistics) -> ClusterSpreads:
    """Computes how rays spread within the clusters of links."""
    like = torch.ones_like(links.aod)
    asd, asa, zsa = state.cluster_spread_deg
    mean, sigma = state.xpr_db
    return ClusterSpreads(asd * like, 0.375 * links.median_zsd_deg, asa * like, zsa * like, mean * like, sigma * like)


def cluster_directions(
    state: PropagationState, links: LinkStatistics, normals: Tensor, sides: Tensor, indoor: bool = False
) -> ClusterDirections:
    """Computes delays, powers and directions of the clusters.

    Args:
        state: of all the links.
        links: R of them.
        normals: normal numbers ``[R, Cl, DRAWS]`` with L at least the state's number of clusters.
        sides: 1 or -1, ``[R, Cl, SIDES]``.
        indoor: rays arrive around the horizontal, as they do at UEs indoors (equation 7.5-16).

    Returns:
        ``[R, Cl]`` each; clusters beyond the state's number have no power.
    """
    most, count = normals.shape[1], state.clusters
    spread = {name: 10.0 ** links.values[:, NAMES.index(name)] for name in ("DS", "ASD", "ASA", "ZSD", "ZSA")}
    k_db = links.values[:, NAMES.index("K")] if state.k_db else None
    made = cluster_angles.clusters(state, spread["DS"], k_db, normals[..., :2], most)
    power, zero = made.power[:, :count], torch.zeros_like(links.aod)
    line = direct_ray(state, links)
    zoa_deg = torch.full_like(zero, 90.0) if indoor else torch.rad2deg(line.zoa)
    ends = (
        (spread["ASD"], spread["ZSD"], torch.rad2deg(line.aod), torch.rad2deg(line.zod), links.zod_offset_deg),
        (spread["ASA"], spread["ZSA"], torch.rad2deg(line.aoa), zoa_deg, zero),
    )
    found: list[Tensor] = []
    for end, (azimuth, zenith, los_azimuth, los_zenith, offset) in enumerate(ends):
        of_end = cluster_angles.AngularSpreads(
            azimuth, zenith, links.median_zsd_deg, los_azimuth, los_zenith, offset, k_db
        )
        jitter = normals[:, :count, 2 + 2 * end : 4 + 2 * end]
        side = sides[:, :count, 2 * end : 2 + 2 * end]
        found += cluster_angles.cluster_angles_deg(state, power, of_end, jitter, side)
    aod, zod, aoa, zoa = (torch.nn.functional.pad(torch.deg2rad(angle), (0, most - count)) for angle in found)
    return ClusterDirections(made.delay_s, made.power, aod, zod, aoa, zoa)
