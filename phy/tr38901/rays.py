"""Draws rays of links from their clusters: TR 38.901 clause 7.5, the rays of step 7 and steps 8 to 10.

A cluster has 20 rays around its direction at each end, paired at random with each other; each ray has a
cross-polarization ratio and four phases. All of it is keyed by drop and by the streams "mimo/pairing", "mimo/xpr" and
"mimo/phase". Pairings are drawn within whole clusters, also of the two that are split into sub-clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..random import Drops, normal, rows, uniform
from .cluster_angles import ray_offsets
from .coefficients import MimoRays
from .lsp_tables import RAYS


@dataclass(frozen=True)
class ClusterDirections:
    """Holds clusters of links, ``[B, ..., Cl]`` each, downlink, angles in rad and global axes."""

    delay_s: Tensor
    power: Tensor  # unit sum over Cl, 0 for a cluster that is not there
    aod: Tensor
    zod: Tensor
    aoa: Tensor
    zoa: Tensor


@dataclass(frozen=True)
class ClusterSpreads:
    """Holds how the rays of a link's clusters spread, ``[B, ...]`` each (TR 38.901 Tables 7.5-6 to 7.5-11)."""

    asd_deg: Tensor  # c_ASD
    zsd_deg: Tensor  # 3/8 of 10 ** mean of log10 ZSD
    asa_deg: Tensor  # c_ASA
    zsa_deg: Tensor  # c_ZSA
    xpr_db: Tensor  # mean of the cross-polarization ratio
    xpr_sigma_db: Tensor


@dataclass(frozen=True)
class DirectRay:
    """Holds the direct rays of links, ``[B, ...]`` each, angles in rad and global axes."""

    k_factor: Tensor  # linear, 0 without line of sight
    aod: Tensor
    zod: Tensor
    aoa: Tensor
    zoa: Tensor
    distance_m: Tensor


@dataclass(frozen=True)
class RayDraws:
    """Holds the random numbers of the rays of links."""

    pairing: Tensor  # [B, ..., Cl, 3, 20] uniform; the order of each row pairs the angles
    xpr: Tensor  # [B, ..., Cl, 20] normal
    phase: Tensor  # [B, ..., Cl, 20, 2, 2] uniform


def draw_rays(drops: Drops, clusters: ClusterDirections, spreads: ClusterSpreads, direct: DirectRay) -> MimoRays:
    """Draws the rays of all links in the batch.

    Args:
        drops: the batch, B.
        clusters: of the links.
        spreads: of the links.
        direct: of the links.
    """
    shape = tuple(clusters.power.shape[1:])
    draws = RayDraws(
        pairing=uniform(drops.keys("mimo/pairing"), (*shape, 3, RAYS)),
        xpr=normal(drops.keys("mimo/xpr"), (*shape, RAYS)),
        phase=uniform(drops.keys("mimo/phase"), (*shape, RAYS, 2, 2)),
    )
    return make_rays(draws, clusters, spreads, direct)


def draw_links(drop: Drops, link: Tensor, clusters: int) -> RayDraws:
    """Draws the random numbers of the rays of some links ``[1, R]`` of one drop, the same whichever of them are asked
    for.

    Args:
        drop: one drop.
        link: int64 ``[R]``, number of each link.
        clusters: number of clusters Cl.
    """

    def keys(stream: str, size: int) -> Tensor:
        return rows(drop.keys(stream), link, clusters * RAYS * size)

    return RayDraws(
        pairing=uniform(keys("mimo/pairing", 3), (clusters, 3, RAYS))[None],
        xpr=normal(keys("mimo/xpr", 1), (clusters, RAYS))[None],
        phase=uniform(keys("mimo/phase", 4), (clusters, RAYS, 2, 2))[None],
    )


def make_rays(draws: RayDraws, clusters: ClusterDirections, spreads: ClusterSpreads, direct: DirectRay) -> MimoRays:
    """Computes the rays of links (equations 7.5-13, 7.5-18, 7.5-20, 7.5-21, and random phases).

    Args:
        draws: what is random in them.
        clusters: of the links.
        spreads: of the links.
        direct: of the links.
    """
    offset = torch.deg2rad(ray_offsets()).to(clusters.power)
    paired = offset[draws.pairing.argsort(-1).to(offset.device)]
    xpr_normal, turn = draws.xpr.to(clusters.power), draws.phase.to(clusters.power)

    def around(centre: Tensor, spread_deg: Tensor, offsets: Tensor) -> Tensor:
        return centre[..., None] + spread_deg[..., None, None] * offsets

    xpr_db = spreads.xpr_db[..., None, None] + spreads.xpr_sigma_db[..., None, None] * xpr_normal
    return MimoRays(
        delay_s=clusters.delay_s,
        power=(clusters.power / RAYS)[..., None].expand_as(xpr_db),
        aod=around(clusters.aod, spreads.asd_deg, offset),
        zod=wrap_zenith(around(clusters.zod, spreads.zsd_deg, paired[..., 0, :])),
        aoa=around(clusters.aoa, spreads.asa_deg, paired[..., 1, :]),
        zoa=wrap_zenith(around(clusters.zoa, spreads.zsa_deg, paired[..., 2, :])),
        xpr=torch.pow(10.0, xpr_db / 10.0),
        phases=(2.0 * turn - 1.0) * math.pi,
        k_factor=direct.k_factor,
        los_aod=direct.aod,
        los_zod=direct.zod,
        los_aoa=direct.aoa,
        los_zoa=direct.zoa,
        distance_m=direct.distance_m,
    )


def wrap_zenith(zenith_rad: Tensor) -> Tensor:
    """Maps zenith angles of any size to [0, pi]: beyond pi they are taken as 2 pi less themselves (step 7)."""
    return (torch.remainder(zenith_rad + math.pi, 2.0 * math.pi) - math.pi).abs()
