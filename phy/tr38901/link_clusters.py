"""Draws rays of the links between UEs and the cells that they receive best, from the large-scale state of the drop.

Delays, powers and departures follow the same draws as those of the antenna's large-scale gain
(:mod:`phy.tr38901.coupling_gain`), so that the mean power of a matrix is that gain; arrivals, cross-polarization and
phases are drawn beside them, by the streams "mimo/arrival" and "mimo/sides" and those of :mod:`phy.tr38901.rays`.
"""

from __future__ import annotations

import math
from dataclasses import fields

import torch
from torch import Tensor

from ..random import Drops, normal, uniform
from .cluster_directions import LinkStatistics, cluster_directions, cluster_spreads, direct_ray
from .coefficients import MimoRays, with_sub_clusters
from .large_scale import LargeScaleModel, SiteLinks
from .lsp_tables import zod_offset_deg, zsd_log10
from .pathloss import Link, PathLossModel
from .rays import ClusterDirections, ClusterSpreads, DirectRay, draw_rays

_UNSPECIFIED_S = 3.91e-9  # TR 38.901 clause 7.5, step 11
_MICRO_S = (5e-9, 11e-9, 11e-9)
_INDOORS = 2  # column of the state of UEs indoors


def rays_of_heard_cells(drop: Drops, model: LargeScaleModel, links: SiteLinks, site: Tensor) -> MimoRays:
    """Draws the rays ``[1, U, J]`` of each UE's links to some cells, sub-clusters included.

    Args:
        drop: one drop.
        model: of that drop.
        links: all links to sites, from :func:`phy.tr38901.large_scale.site_links`.
        site: int64 ``[1, U, J]``, that of each cell; cells of a site share their clusters, but no phases.
    """
    user = torch.arange(site.shape[1])[None, :, None].expand_as(site)
    clusters, spreads, direct, spread_s = link_clusters(drop, model, links, user, site)
    return with_sub_clusters(draw_rays(drop, clusters, spreads, direct), spread_s)


def link_clusters(
    drop: Drops, model: LargeScaleModel, links: SiteLinks, user: Tensor, site: Tensor
) -> tuple[ClusterDirections, ClusterSpreads, DirectRay, Tensor]:
    """Computes clusters, spreads within them, direct rays and c_DS ``[1, ...]`` of some links.

    Args:
        drop: one drop.
        model: of that drop.
        links: all links to sites.
        user: int64 ``[1, ...]``.
        site: likewise.
    """
    place = (torch.zeros_like(site), user, site)
    column = links.column[place]
    normals, sides = _draws(drop, model, links)
    normals, sides = normals[place], sides[place]
    clusters, spreads, direct = _empty(site, normals.shape[-2])
    spread_s = torch.zeros(site.shape, dtype=torch.float64)
    for number, state in enumerate(model.plan.propagation_states):
        rows = (column == number).nonzero(as_tuple=True)
        if len(rows[0]) == 0:
            continue
        these = _statistics(model, links, tuple(index[rows] for index in place), number)
        made = cluster_directions(state, these, normals[rows], sides[rows], indoor=number == _INDOORS)
        for out, of_state in (
            (clusters, made),
            (spreads, cluster_spreads(state, these)),
            (direct, direct_ray(state, these)),
        ):
            for field in fields(out):
                getattr(out, field.name)[rows] = getattr(of_state, field.name)
        spread_s[rows] = cluster_delay_spread_s(model.plan.propagation.model, model.plan.propagation.carrier_hz)[number]
    return clusters, spreads, direct, spread_s


def cluster_delay_spread_s(model: PathLossModel, carrier_hz: float) -> tuple[float, float, float]:
    """Returns the delay spread within a cluster, c_DS, in LOS, NLOS and O2I (TR 38.901 Table 7.5-6, 3.91 ns where it
    has none).
    """
    if model == "umi":
        return _MICRO_S
    if model == "uma":
        macro = 1e-9 * max(0.25, 6.5622 - 3.4084 * math.log10(carrier_hz / 1e9))
        return macro, macro, _MICRO_S[_INDOORS]
    return (_UNSPECIFIED_S,) * 3


def _draws(drop: Drops, model: LargeScaleModel, links: SiteLinks) -> tuple[Tensor, Tensor]:
    """Draws normal numbers ``[1, U, Si, Cl, DRAWS]`` and sides ``[1, U, Si, Cl, SIDES]`` of all clusters."""
    departure = links.draws.normal.double()
    shape = tuple(departure.shape[1:4])
    arrival = normal(drop.keys("mimo/arrival"), (*shape, 2))
    side = uniform(drop.keys("mimo/sides"), (*shape, 4))
    if model.plan.sums_rays:
        side = torch.cat((links.draws.uniform[..., :2], side[..., 2:]), -1)
    return torch.cat((departure, arrival), -1), torch.where(side < 0.5, 1.0, -1.0).double()


def _statistics(model: LargeScaleModel, links: SiteLinks, place: tuple[Tensor, ...], column: int) -> LinkStatistics:
    """Returns the statistics of the links at ``place``, all in the state of ``column``."""
    propagation, geometry = model.plan.propagation, links.geometry
    link = _at(geometry.link, place)
    share = (torch.ones_like, torch.zeros_like, torch.clone)[column](geometry.clear[place])
    return LinkStatistics(
        values=links.values[place],
        median_zsd_deg=torch.pow(10.0, zsd_log10(propagation.model, propagation.parameters, link, share)[0]),
        zod_offset_deg=zod_offset_deg(propagation.model, link, share),
        aod=geometry.azimuth_rad[place],
        zod=geometry.zenith_rad[place],
        distance_m=geometry.path[place].norm(dim=-1),
    )


def _at(link: Link, place: tuple[Tensor, ...]) -> Link:
    base = torch.as_tensor(link.bs_height_m)[place]
    environment = torch.as_tensor(link.environment_height_m)[place]
    return Link(link.distance_2d_m[place], base, link.ue_height_m[place], link.carrier_hz, environment)


def _empty(site: Tensor, most: int) -> tuple[ClusterDirections, ClusterSpreads, DirectRay]:
    """Allocates memory for all links."""

    def room(count: int, *more: int) -> list[Tensor]:
        return [torch.zeros((*site.shape, *more), dtype=torch.float64) for _ in range(count)]

    return ClusterDirections(*room(6, most)), ClusterSpreads(*room(6)), DirectRay(*room(6))
