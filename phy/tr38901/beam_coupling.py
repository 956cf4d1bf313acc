"""Computes the power between every beam of every cell and every beam of every UE, summed over the rays of the links.

Each ray has the gain of both ends in its own directions (TR 36.873 equation 8.1-1, RSRP between two beams). Delays,
powers and departures are those of :mod:`phy.tr38901.coupling_gain`, so that a single beam of the base station and an
isotropic UE give the same gain as there; arrivals follow the draws of :mod:`phy.tr38901.link_clusters`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..antenna.element import polarization_gain
from ..random import Drops, normal, uniform
from . import cluster_angles
from .cluster_directions import LinkStatistics, cluster_directions, direct_ray
from .large_scale import LargeScaleModel, SiteLinks
from .lsp_tables import RAYS, PropagationState, zod_offset_deg, zsd_log10
from .pathloss import Link
from .rays import ClusterDirections, wrap_zenith

_INDOORS = 2  # column of the state of UEs indoors
_GAINS_AT_ONCE = 1 << 20  # of all rays and beams of some links: they stay in the cache
_SINGLE = torch.float32


class Pattern(Protocol):
    """Computes the linear gain of each beam of an antenna towards directions from its bearing: ``[...]`` twice to
    ``[..., Q]``.
    """

    def __call__(self, azimuth_rad: Tensor, zenith_rad: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class LinkEnds:
    """Holds the antennas of both ends."""

    base: Pattern
    boresight_rad: Tensor  # [Se] of the sectors of a site
    user: Pattern
    bearing_rad: Tensor  # [U] of the UEs' antennas


@dataclass(frozen=True)
class _Random:
    """Holds what is random in the clusters, ``[1, U, Si, Cl, ...]``."""

    normals: Tensor  # [..., 6]
    sides: Tensor  # [..., 4]
    pairing: Tensor  # [..., 3] of the rays: zenith of departure, azimuth and zenith of arrival


@dataclass(frozen=True)
class _Rays:
    """Holds the rays of R links, the direct one last."""

    weight: Tensor  # [R, Rl] share of what isotropic antennas receive
    aod: Tensor  # [R, Rl] and the others
    zod: Tensor
    aoa: Tensor
    zoa: Tensor


def beam_power(drop: Drops, model: LargeScaleModel, links: SiteLinks, ends: LinkEnds) -> Tensor:
    """Computes the linear gain ``[U, C, Q, Qu]`` between beams Q of the cells and beams Qu of the UEs, walls and
    shadowing included.

    Args:
        drop: one drop.
        model: of that drop, with clusters; the polarization of its plan's antenna is that of the cells' ports.
        links: of :func:`phy.tr38901.large_scale.site_links`.
        ends: antennas of both ends.
    """
    random = _draw(drop, model, links)
    users, sites = links.power.shape[1:]
    found: Tensor | None = None
    for number, state in enumerate(model.plan.propagation_states):
        rows = (links.column == number).nonzero(as_tuple=True)
        for part in zip(*(index.split(_rows_at_once(state, ends)) for index in rows), strict=True):
            power = _between(_rays(model, links, random, part, number), ends, part[1])
            power = power.double() * links.power[part][:, None, None, None]
            if found is None:
                found = power.new_zeros(users, sites, *power.shape[1:])
            found[part[1:]] = power
    assert found is not None  # every link is in one of the states
    return found.flatten(1, 2)


def _rows_at_once(state: PropagationState, ends: LinkEnds) -> int:
    one = torch.zeros(1)
    beams = ends.base(one, one).shape[-1] * len(ends.boresight_rad) + ends.user(one, one).shape[-1]
    return max(1, _GAINS_AT_ONCE // (beams * state.clusters * RAYS))


def _draw(drop: Drops, model: LargeScaleModel, links: SiteLinks) -> _Random:
    departure = links.draws.normal.double()
    shape = tuple(departure.shape[1:4])
    arrival = normal(drop.keys("mimo/arrival"), (*shape, 2))
    side = uniform(drop.keys("mimo/sides"), (*shape, 4))
    pairing = uniform(drop.keys("beams/pairing"), (*shape, 3))
    if model.plan.sums_rays:
        side = torch.cat((links.draws.uniform[..., :2], side[..., 2:]), -1)
        pairing = torch.cat((links.draws.uniform[..., 2:], pairing[..., 1:]), -1)
    signs = torch.where(side < 0.5, 1.0, -1.0).double()
    return _Random(torch.cat((departure, arrival), -1), signs, pairing)


def _rays(model: LargeScaleModel, links: SiteLinks, random: _Random, rows: tuple[Tensor, ...], column: int) -> _Rays:
    """Computes the rays of links in one state: twenty of each cluster, and the direct one."""
    state = model.plan.propagation_states[column]
    statistics = _statistics(model, links, rows, column)
    indoor = column == _INDOORS
    made = cluster_directions(state, statistics, random.normals[rows], random.sides[rows], indoor=indoor)
    count = state.clusters
    line = direct_ray(state, statistics)
    scattered, direct = polarization_gain(model.plan.antenna, state.xpr_db)
    share = made.power[:, :count] * (scattered / (1.0 + line.k_factor) / RAYS)[:, None]
    weight = torch.cat((share.repeat_interleave(RAYS, 1), (direct * line.k_factor / (1.0 + line.k_factor))[:, None]), 1)
    turned = _around(state, made, statistics.median_zsd_deg, random.pairing[rows][:, :count])
    lines = (line.aod, line.zod, line.aoa, line.zoa)
    every = [torch.cat((ray, one[:, None]), 1).to(_SINGLE) for ray, one in zip(turned, lines, strict=True)]
    return _Rays(weight.to(_SINGLE), *every)


def _around(state: PropagationState, made: ClusterDirections, median_zsd_deg: Tensor, pairing: Tensor) -> list[Tensor]:
    """Computes the ray directions around their clusters', ``[R, clusters * 20]`` each: AOD, ZOD, AOA, ZOA."""
    count = state.clusters
    asd, asa, zsa = (math.radians(spread) for spread in state.cluster_spread_deg)
    zsd = torch.deg2rad(0.375 * median_zsd_deg)[:, None, None]
    offset = cluster_angles.ray_offsets()
    paired = [cluster_angles.paired_offsets(pairing[..., end]).double() for end in range(3)]

    def near(centre: Tensor, offsets: Tensor) -> Tensor:
        return centre[:, :count, None] + offsets

    aod, zod = near(made.aod, asd * offset), wrap_zenith(near(made.zod, zsd * paired[0]))
    aoa, zoa = near(made.aoa, asa * paired[1]), wrap_zenith(near(made.zoa, zsa * paired[2]))
    return [rays.flatten(1) for rays in (aod, zod, aoa, zoa)]


def _between(rays: _Rays, ends: LinkEnds, user: Tensor) -> Tensor:
    """Sums over rays, ``[R, Se, Q, Qu]``, float32."""
    boresight = ends.boresight_rad.to(_SINGLE)[:, None]
    zenith = rays.zod[:, None].expand(-1, len(boresight), -1)
    sent = ends.base(rays.aod[:, None] - boresight, zenith) * rays.weight[:, None, :, None]  # [R, Se, Rl, Q]
    heard = ends.user(rays.aoa - ends.bearing_rad.to(_SINGLE)[user][:, None], rays.zoa)  # [R, Rl, Qu]
    sectors, beams = sent.shape[1], sent.shape[3]
    found: Tensor = torch.bmm(sent.transpose(2, 3).flatten(1, 2), heard)
    return found.view(-1, sectors, beams, heard.shape[-1])


def _statistics(model: LargeScaleModel, links: SiteLinks, rows: tuple[Tensor, ...], column: int) -> LinkStatistics:
    propagation, geometry = model.plan.propagation, links.geometry
    link = geometry.link
    base, environment = (torch.as_tensor(x)[rows] for x in (link.bs_height_m, link.environment_height_m))
    link = Link(link.distance_2d_m[rows], base, link.ue_height_m[rows], link.carrier_hz, environment)
    share = (torch.ones_like, torch.zeros_like, torch.clone)[column](geometry.clear[rows])
    return LinkStatistics(
        values=links.values[rows],
        median_zsd_deg=torch.pow(10.0, zsd_log10(propagation.model, propagation.parameters, link, share)[0]),
        zod_offset_deg=zod_offset_deg(propagation.model, link, share),
        aod=geometry.azimuth_rad[rows],
        zod=geometry.zenith_rad[rows],
        distance_m=geometry.path[rows].norm(dim=-1),
    )
