"""Computes the large-scale state of all links as a function of the positions of the UEs.

:func:`draw_large_scale_model` draws all random numbers of a drop once; :meth:`LargeScaleModel.at` is a pure function of
the UEs' positions. Line of sight, shadowing, spreads, K-factor and clusters are correlated random processes over the
plane (:mod:`phy.tr38901.spatial_correlation`), the same for every UE at a place, so that they follow a moving UE
continuously and are independent many decorrelation distances away. Whether a UE is indoors or in a car, its distance
from the wall and the wall's loss belong to the UE.

The power of a link is the sum over its rays, each with the antenna's gain in its own direction (TR 36.873 equation
8.1-1), so that walls of houses light up the sectors that look elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..antenna.element import SectorAntennaSettings
from ..random import Drops, uniform
from ..topology.sites import Topology, displacement
from . import cluster_angles
from .coupling_gain import ClusterDraws, state_links, sum_rays
from .indoor import draw_indoor, indoor_distance_m, indoor_height_m
from .large_scale_plan import Geometry, LargeScalePlan
from .los import LOS_DECORRELATION_M, los_probability, soft_los
from .lsp_tables import NAMES, cross_correlation_root, moments, propagation_states, sigma_db, zsd_log10
from .pathloss import Edition, Link, PathLossModel, environment_height_m, path_losses_db
from .penetration import car_loss_db, check_car_validity, penetration_loss_db
from .settings import PropagationSettings
from .spatial_correlation import PlaneWaves, draw_amplitudes, draw_waves

_VECTOR = 16  # float64 numbers that torch computes at once, at most; the last ones of an array round otherwise

NO_DIRECT_PATH_DB = -100.0
"""K-factor of a link without a direct path; free space, which has nothing else, has the opposite."""

CLUSTER_DECORRELATION_M: dict[PathLossModel, tuple[float, float]] = {
    "uma": (50.0, 15.0),
    "umi": (15.0, 15.0),
    "rma": (60.0, 15.0),
    "inh": (10.0, 10.0),
    "free_space": (50.0, 50.0),
}
"""Decorrelation distance of what is random in a cluster, users outdoors and indoors (TR 38.901 Table 7.6.3.1-2)."""

__all__ = [
    "LargeScale",
    "LargeScaleModel",
    "LargeScalePlan",
    "PropagationSettings",
    "SiteLinks",
    "delay_spread_log10",
    "draw_indoor_state",
    "draw_large_scale_model",
    "large_scale",
    "place_on_floors",
    "site_links",
]


@dataclass(frozen=True)
class LargeScale:
    """Holds the large-scale state of links, constant while the UE moves by less than a few metres; float64."""

    gain_db: Tensor  # [B, U, C] coupling gain: antennas - path loss - walls + shadowing, without transmit power
    los: Tensor  # [B, U, Si] bool, a direct path reaches the UE: outdoors and in line of sight
    indoor: Tensor  # [B, U] bool
    k_factor_db: Tensor  # [B, U, Si] Rician K-factor between isotropic antennas, -100 where there is no direct path
    delay_spread_s: Tensor  # [B, U, Si] rms delay spread
    distance_m: Tensor  # [B, U, Si] 3D distance to the nearest image of the site
    spreads_deg: Tensor  # [B, U, Si, 4] ASD, ASA, ZSD, ZSA
    shadowing_db: Tensor  # [B, U, Si] positive where more is received
    cell_k_db: Tensor  # [B, U, C] K-factor as the cell's antenna makes it
    cluster_delay_s: Tensor  # [B, U, Si, Cl] delays of the clusters; Cl = 0 where they are not needed
    cluster_power: Tensor  # [B, U, C, Cl] their shares of the scattered power, as the cell's antenna makes them


@dataclass(frozen=True)
class IndoorState:
    """Holds the part of a link's state that belongs to the UE alone; each ``[B, U]``."""

    indoor: Tensor  # bool
    depth_m: Tensor  # horizontal distance from the wall
    in_car: Tensor  # bool
    loss_db: Tensor  # wall or car


@dataclass(frozen=True)
class LargeScaleModel:
    """Holds all random numbers that are drawn once per drop; amplitudes of processes have the shape
    ``[B, 2 * waves, ...]``.
    """

    plan: LargeScalePlan
    waves: PlaneWaves
    parameters: Tensor  # [B, 2 * waves, Si, 7] processes of NAMES
    common: Tensor  # [B, 2 * waves, 1] process of shadowing that the sites share
    line: Tensor  # [B, 2 * waves, Si] processes of line of sight
    cluster: Tensor  # [B, 2 * waves, Si * Cl * 4] float32, processes of clusters; none where no clusters are needed
    indoor: Tensor  # [B, U] bool
    depth_m: Tensor  # [B, U] horizontal distance from the wall
    extra_loss_db: Tensor  # [B, U] wall or car
    environment: Tensor  # [B, U, Si, 2] uniform, for UMa's environment height
    side: Tensor  # [B, U, Si, Cl, 3] uniform: sides of a cluster's azimuth and zenith, and its rays' pairing

    def at(self, user_m: Tensor, unwrapped_m: Tensor | None = None) -> LargeScale:
        """Computes the state of all links with UEs at ``[B, U, 3]`` in m, float64.

        Args:
            user_m: positions; with wrap-around inside the cluster's hexagons.
            unwrapped_m: where the processes are evaluated, for UEs that moved over the border of the cluster: their
                positions without the translations that brought them back. Left out, ``user_m``.

        Raises:
            ValueError: a UE above 22.5 m in a terrestrial model.
        """
        return _evaluate(self, user_m, user_m if unwrapped_m is None else unwrapped_m)


def draw_large_scale_model(drops: Drops, plan: LargeScalePlan) -> LargeScaleModel:
    """Draws the large-scale model of one drop, or of several.

    Streams: "waves", "parameters", "los", "clusters", "cluster_sides", "environment_height", "indoor",
    "indoor_distance", "penetration", "car".

    Args:
        drops: the batch, B.
        plan: network, propagation, antennas and number of UEs.
    """
    settings, users, sites = plan.propagation, plan.users, plan.topology.sites
    waves = draw_waves(drops.keys("waves"), _distances(plan))
    indoor_state = draw_indoor_state(drops, settings, users)
    most = plan.most_clusters
    batch = len(drops)
    return LargeScaleModel(
        plan=plan,
        waves=waves,
        parameters=draw_amplitudes(drops.keys("parameters"), waves, sites * len(NAMES)).view(batch, -1, sites, 7),
        common=draw_amplitudes(drops.keys("shadowing/common"), waves, 1),
        line=draw_amplitudes(drops.keys("los"), waves, sites),
        cluster=draw_amplitudes(drops.keys("clusters"), waves, sites * most * cluster_angles.DRAWS, torch.float32),
        indoor=indoor_state.indoor,
        depth_m=indoor_state.depth_m,
        extra_loss_db=indoor_state.loss_db,
        environment=uniform(drops.keys("environment_height"), (users, sites, 2)),
        side=uniform(drops.keys("cluster_sides"), (users, sites, most if plan.sums_rays else 0, 3)),
    )


def draw_indoor_state(drops: Drops, settings: PropagationSettings, users: int) -> IndoorState:
    """Draws which UEs are indoors or in a car, their depth and the loss; the same whatever provider draws the rest of
    the channel.

    Streams: "indoor", "indoor_distance", "penetration", "in_car", "car".
    """
    indoor = draw_indoor(drops.keys("indoor"), users, settings.indoor_share)
    depth = indoor * indoor_distance_m(drops.keys("indoor_distance"), users, settings.model, settings.o2i == "legacy")
    wall = penetration_loss_db(
        drops.keys("penetration"),
        settings.o2i,
        settings.carrier_hz,
        indoor,
        depth,
        settings.high_loss_share,
        settings.parameters,
    )
    if settings.in_car_share > 0.0:
        check_car_validity(settings.carrier_hz)
    in_car = ~indoor & (uniform(drops.keys("in_car"), (users,)) < settings.in_car_share)
    return IndoorState(indoor, depth, in_car, wall + car_loss_db(drops.keys("car"), in_car, settings.car))


def large_scale(
    drops: Drops,
    topology: Topology,
    user_m: Tensor,
    settings: PropagationSettings,
    antenna: SectorAntennaSettings,
    clusters: bool = False,
) -> LargeScale:
    """Computes the large-scale state of links of UEs that do not move, drop by drop.

    Args:
        drops: the batch, B.
        topology: the network.
        user_m: positions in m, float64 ``[B, U, 3]``.
        settings: propagation.
        antenna: antenna of each sector.
        clusters: give the delays and powers of the clusters, too.

    Raises:
        ValueError: a UE above 22.5 m in a terrestrial model.
    """
    plan = LargeScalePlan(topology, settings, antenna, user_m.shape[1], clusters)
    parts = [draw_large_scale_model(drop, plan).at(user_m[b : b + 1]) for b, drop in enumerate(drops.single())]
    names = [f.name for f in fields(LargeScale)]
    return LargeScale(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class SiteLinks:
    """Holds the links to sites between isotropic antennas, each in the state that carries most of its power."""

    geometry: Geometry
    column: Tensor  # [B, U, Si] int64, of the state among those of the plan: LOS, NLOS, O2I
    values: Tensor  # [B, U, Si, 7] parameters in that state, in the order of NAMES
    power: Tensor  # [B, U, Si] linear gain, walls and shadowing included
    draws: ClusterDraws  # what is random in the clusters


def site_links(model: LargeScaleModel, user_m: Tensor, unwrapped_m: Tensor | None = None) -> SiteLinks:
    """Computes the links that clusters at both ends follow from, with UEs at ``[B, U, 3]`` in m; the model must have
    clusters.

    Args:
        model: of :func:`draw_large_scale_model`.
        user_m: positions, with wrap-around inside the cluster's hexagons.
        unwrapped_m: as in :meth:`LargeScaleModel.at`.
    """
    geometry = _geometry(model, user_m, user_m if unwrapped_m is None else unwrapped_m)
    values = _of_states(model, geometry)
    power = torch.stack(_power(model, geometry, values))
    column = power.argmax(0)
    own = values.take_along_dim(column[None, ..., None], 0)[0]
    walls = torch.pow(10.0, -model.extra_loss_db / 10.0)
    return SiteLinks(geometry, column, own, power.sum(0) * walls[..., None], _cluster_draws(model, geometry))


def place_on_floors(drops: Drops, user_m: Tensor, settings: PropagationSettings) -> Tensor:
    """Raises the UEs indoors of positions ``[B, U, 3]`` to their floors, where the settings have floors."""
    if settings.indoor_floors is None:
        return user_m
    users = user_m.shape[1]
    indoor = draw_indoor(drops.keys("indoor"), users, settings.indoor_share)
    height = indoor_height_m(drops.keys("floor"), users, settings.indoor_floors, settings.ue_height_m)
    return torch.cat((user_m[..., :2], torch.where(indoor, height, user_m[..., 2])[..., None]), -1)


def delay_spread_log10(
    model: PathLossModel, carrier_hz: float, edition: Edition = "v19"
) -> tuple[tuple[float, float], ...]:
    """Returns mean and standard deviation of ``log10(delay spread / s)`` in LOS, NLOS and O2I, TR 38.901 Table 7.5-6.

    Free space, not in the table, has 1 ns.
    """
    return tuple(moments(state, model, carrier_hz)[2] for state in propagation_states(model, edition))


def _evaluate(model: LargeScaleModel, user_m: Tensor, unwrapped_m: Tensor) -> LargeScale:
    plan, users = model.plan, user_m.shape[1]
    full = _with_full_vectors(model)
    geometry = _geometry(full, _fill(user_m), _fill(unwrapped_m))
    values = _of_states(full, geometry)
    los = ~full.indoor[..., None] & (geometry.clear >= 0.5)
    column = torch.where(los, 0, torch.where(full.indoor[..., None], 2, 1))[..., None]
    own = values[-1]
    for number in range(len(values) - 1):
        own = torch.where(column == number, values[number], own)
    spreads = torch.pow(10.0, own[..., 2:])
    walls = torch.pow(10.0, -full.extra_loss_db / 10.0)[:, :users, None]
    draws = _cluster_draws(full, geometry) if plan.most_clusters else None
    states = state_links(plan, geometry, values, torch.stack(_power(full, geometry, values)))
    found = sum_rays(plan, draws and draws.of_users(users), states.of_users(users))
    scattered, direct = found.scattered.sum(-1).flatten(2), found.direct.flatten(2)
    own, spreads, los = own[:, :users], spreads[:, :users], los[:, :users]
    return LargeScale(
        gain_db=10.0 * torch.log10(((scattered + direct) * walls).clamp_min(1e-40)),
        los=los,
        indoor=model.indoor,
        k_factor_db=torch.where(los, own[..., 1], NO_DIRECT_PATH_DB),
        delay_spread_s=spreads[..., 0],
        distance_m=geometry.path[:, :users].norm(dim=-1),
        spreads_deg=spreads[..., 1:],
        shadowing_db=own[..., 0],
        cell_k_db=_ratio_db(direct, scattered),
        cluster_delay_s=found.delay_s if plan.clusters else found.delay_s[..., :0],
        cluster_power=_shares(found.scattered) if plan.clusters else found.scattered.flatten(2, 3)[..., :0],
    )


def _with_full_vectors(model: LargeScaleModel) -> LargeScaleModel:
    """Fills up the UEs of a model, so that its drops have whole vectors, which round the same in any batch."""
    indoor, depth_m = _fill(model.indoor), _fill(model.depth_m)
    loss_db, environment = _fill(model.extra_loss_db), _fill(model.environment)
    return replace(model, indoor=indoor, depth_m=depth_m, extra_loss_db=loss_db, environment=environment)


def _fill(of_users: Tensor) -> Tensor:
    """Repeats the last UE of ``[B, U, ...]`` until there are whole vectors of UEs."""
    missing = -of_users.shape[1] % _VECTOR
    return torch.cat((of_users, of_users[:, -1:].expand(-1, missing, *of_users.shape[2:])), 1) if missing else of_users


def _of_states(model: LargeScaleModel, geometry: Geometry) -> Tensor:
    """Draws the parameters of links in each state, ``[states, B, U, Si, 7]``, of UEs indoors where there are some."""
    states = 3 if model.plan.propagation.indoor_share > 0.0 else 2
    return torch.stack([_parameters(model, geometry, column) for column in range(states)])


def _power(model: LargeScaleModel, geometry: Geometry, values: Tensor) -> list[Tensor]:
    """Computes the power of each state between isotropic antennas, without walls, ``[B, U, Si]``; 0 of other states."""
    settings, clear = model.plan.propagation, geometry.clear
    losses = path_losses_db(settings.model, geometry.link, settings.parameters, settings.large_cells)
    open_air, blocked = (torch.pow(10.0, -loss / 10.0) for loss in losses)
    within = model.indoor[..., None].double()
    carried = (
        (1.0 - within) * clear * open_air,
        (1.0 - within) * (1.0 - clear) * blocked,
        within * (clear * open_air + (1.0 - clear) * blocked),
    )
    return [p * torch.pow(10.0, v[..., 0] / 10.0) for p, v in zip(carried, values, strict=False)]


def _shares(scattered: Tensor) -> Tensor:
    cells = scattered.flatten(2, 3)
    return cells / cells.sum(-1, keepdim=True).clamp_min(1e-300)


def _ratio_db(direct: Tensor, scattered: Tensor) -> Tensor:
    ratio = direct / scattered.clamp_min(1e-300)
    return (10.0 * torch.log10(ratio.clamp_min(1e-10))).clamp_max(-NO_DIRECT_PATH_DB)


def _geometry(model: LargeScaleModel, user_m: Tensor, unwrapped_m: Tensor) -> Geometry:
    topology, settings = model.plan.topology, model.plan.propagation
    path = displacement(topology, user_m)
    distance = torch.hypot(path[..., 0], path[..., 1])
    ue_height = user_m[..., 2:].expand_as(distance)
    environment = environment_height_m(model.environment, distance, ue_height)
    link = Link(distance, topology.site_m[:, 2].expand_as(distance), ue_height, settings.carrier_hz, environment)
    table = model.waves.table(unwrapped_m[..., :2])
    return Geometry(
        link=link,
        path=path,
        waves=table,
        azimuth_rad=torch.atan2(path[..., 1], path[..., 0]),
        zenith_rad=torch.atan2(distance, path[..., 2]),
        clear=_line_of_sight(model, link, table),
    )


def _line_of_sight(model: LargeScaleModel, link: Link, table: Tensor) -> Tensor:
    """Computes the LOS share of the outdoor part ``[B, U, Si]``: 1 where a process is below the quantile of P_LOS."""
    settings, distance = model.plan.propagation, link.distance_2d_m
    if settings.los != "random" or settings.model == "free_space":
        return torch.full_like(distance, float(settings.los != "never"))
    outside = (distance - model.depth_m[..., None]).clamp_min(0.0)
    probability = los_probability(settings.model, outside, link.ue_height_m, settings.los_office)
    soft, far_m = settings.los_transition == "soft", LOS_DECORRELATION_M[settings.model]
    weights = model.waves.smooth_weights(far_m) if soft else model.waves.weights(far_m)
    margin = torch.special.ndtri(probability) - table @ (model.line * weights[..., None])
    return soft_los(margin, settings.carrier_hz) if soft else (margin > 0.0).double()


def _parameters(model: LargeScaleModel, geometry: Geometry, column: int) -> Tensor:
    """Draws the seven parameters of links in one state, ``[B, U, Si, 7]``: decibels, and logarithms of spreads."""
    settings, state, link = model.plan.propagation, model.plan.propagation_states[column], geometry.link
    weights = torch.stack([model.waves.weights(d) for d in state.decorrelation_m], -1)  # [B, 2 * waves, 7]
    amplitudes = model.parameters * weights[:, :, None]
    drawn = (geometry.waves @ amplitudes.flatten(2)).view(*link.distance_2d_m.shape, len(NAMES))
    if settings.site_correlation > 0.0:
        common = geometry.waves @ (model.common * weights[..., :1])
        own = math.sqrt(1.0 - settings.site_correlation) * drawn[..., 0] + math.sqrt(settings.site_correlation) * common
        drawn = torch.cat((own[..., None], drawn[..., 1:]), -1)
    drawn = drawn @ cross_correlation_root(state).T
    mean, sigma = torch.tensor(moments(state, settings.model, settings.carrier_hz), dtype=torch.float64).unbind(-1)
    values = mean + sigma * drawn
    share = (torch.ones_like, torch.zeros_like, torch.clone)[column](geometry.clear)
    zenith = zsd_log10(settings.model, settings.parameters, link, share)
    values[..., 5] = zenith[0] + zenith[1] * drawn[..., 5]
    every = torch.full_like(share, column, dtype=torch.int64)
    values[..., 0] = sigma_db(settings.model, link, every, settings.parameters) * drawn[..., 0] * settings.shadowing
    limits = (
        cluster_angles.MAX_AZIMUTH_SPREAD_DEG,
        cluster_angles.MAX_AZIMUTH_SPREAD_DEG,
        *(cluster_angles.MAX_ZENITH_SPREAD_DEG,) * 2,
    )
    values[..., 3:] = torch.minimum(values[..., 3:], values.new_tensor([math.log10(limit) for limit in limits]))
    return values


def _cluster_draws(model: LargeScaleModel, geometry: Geometry) -> ClusterDraws:
    outdoors, indoors = (model.waves.weights(d)[:, None] for d in CLUSTER_DECORRELATION_M[model.plan.propagation.model])
    weights = torch.where(model.indoor[..., None], indoors, outdoors)
    drawn = (geometry.waves * weights).float() @ model.cluster
    return ClusterDraws(drawn.view(*geometry.clear.shape, -1, cluster_angles.DRAWS), model.side)


def _distances(plan: LargeScalePlan) -> list[float]:
    """Collects all decorrelation distances of this plan's fields."""
    model = plan.propagation.model
    reached = plan.propagation_states if plan.propagation.indoor_share > 0.0 else plan.propagation_states[:2]
    return [d for state in reached for d in state.decorrelation_m] + [
        LOS_DECORRELATION_M[model],
        *CLUSTER_DECORRELATION_M[model],
    ]
