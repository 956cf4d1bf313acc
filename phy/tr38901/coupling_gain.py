"""Computes the power that each cell's antenna sends along clusters, summed over the states that a link is in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..antenna.element import SectorAntennaSettings, gain_db, polarization_gain
from . import cluster_angles
from .large_scale_plan import Geometry, LargeScalePlan
from .lsp_tables import NAMES, PropagationState, zod_offset_deg, zsd_log10
from .pathloss import Link

K, DS, ASD, ZSD = (NAMES.index(name) for name in ("K", "DS", "ASD", "ZSD"))


@dataclass(frozen=True)
class ClusterDraws:
    """Holds the random numbers of the clusters of all links."""

    normal: Tensor  # [B, U, Si, Cl, 4] delay, shadowing, azimuth, zenith
    uniform: Tensor  # [B, U, Si, Cl, 3] sides of azimuth, zenith; pairing of the rays; Cl = 0 where none are summed


@dataclass(frozen=True)
class RayPower:
    """Holds the received power of links, relative to isotropic antennas without any loss."""

    scattered: Tensor  # [B, U, Si, Se, Cl]
    direct: Tensor  # [B, U, Si, Se]
    delay_s: Tensor  # [B, U, Si, Cl] of the clusters in the state that contributes most


@dataclass(frozen=True)
class _Links:
    """Holds links that are, at least in part, in one state; R of them, one row each."""

    rows: tuple[Tensor, ...]  # drop, UE and site of each
    state: PropagationState
    share: Tensor  # [R] share of line of sight of the outdoor part, in the eyes of this state
    values: Tensor  # [R, 7] its parameters
    power: Tensor  # [R] what the state carries
    main: Tensor  # [R] bool, no other state carries more

    @property
    def k_db(self) -> Tensor | None:
        """Returns the K-factor of links in line of sight."""
        return self.values[:, K] if self.state.k_db else None

    @property
    def k(self) -> Tensor:
        """Computes the K-factor, linear; 0 without line of sight."""
        return torch.zeros_like(self.power) if self.k_db is None else torch.pow(10.0, self.k_db / 10.0)


def sum_rays(
    plan: LargeScalePlan,
    geometry: Geometry,
    draws: ClusterDraws | None,
    values: tuple[Tensor, ...],
    power: tuple[Tensor, ...],
) -> RayPower:
    """Computes the power of every link: the clusters with the mean gain over their rays, and the direct ray.

    Args:
        plan: antennas and states.
        geometry: of the links.
        draws: None where clusters are not needed.
        values: parameters of the links in each state, ``[B, U, Si, 7]``.
        power: what each state carries between isotropic antennas, ``[B, U, Si]``; 0 where a link is not in it.
    """
    shape, sectors, most = power[0].shape, plan.topology.sectors, max(plan.most_clusters, 1)
    new = power[0].new_zeros
    out = RayPower(new((*shape, sectors, most)), new((*shape, sectors)), new((*shape, most)))
    line = _direct_gain(plan, geometry)
    strongest = torch.stack(power).argmax(0)
    for column, state in enumerate(plan.propagation_states):
        rows = (power[column] > 0.0).nonzero(as_tuple=True)
        if len(rows[0]) == 0:
            continue
        share = (torch.ones_like, torch.zeros_like, torch.clone)[column](geometry.clear[rows])
        main = strongest[rows] == column
        links = _Links(rows, state, share, values[column][rows], power[column][rows], main)
        _add(out, plan, geometry, links, draws, line[rows])
    return out


def _add(
    out: RayPower, plan: LargeScalePlan, geometry: Geometry, links: _Links, draws: ClusterDraws | None, line: Tensor
) -> None:
    """Adds what one state contributes; ``line`` is the gain along the direct line."""
    rows, state, k = links.rows, links.state, links.k
    scattered, direct = polarization_gain(plan.antenna, state.xpr_db)
    out.direct[rows] += (direct * links.power * k / (1.0 + k))[:, None] * line
    level = (scattered * links.power / (1.0 + k))[:, None, None]
    if draws is None:
        out.scattered[rows] += level * line[..., None]
        return
    drawn = draws.normal[rows].double()
    made = cluster_angles.clusters(
        state, torch.pow(10.0, links.values[:, DS]), links.k_db, drawn[..., :2], draws.normal.shape[-2]
    )
    gain = _ray_gain(plan, geometry, links, draws, made, drawn) if plan.sums_rays else line[..., None]
    out.scattered[rows] += level * made.power[:, None] * gain
    out.delay_s[tuple(index[links.main] for index in rows)] = made.delay_s[links.main]


def _ray_gain(
    plan: LargeScalePlan,
    geometry: Geometry,
    links: _Links,
    draws: ClusterDraws,
    made: cluster_angles.Clusters,
    drawn: Tensor,
) -> Tensor:
    """Computes the mean gain over the rays of each cluster, ``[R, Se, Cl]``."""
    rows, state, model = links.rows, links.state, plan.propagation.model
    link = _rows_of(geometry.link, rows)
    median_zenith = zsd_log10(model, plan.propagation.parameters, link, links.share)[0]
    spreads = cluster_angles.AngularSpreads(
        azimuth=torch.pow(10.0, links.values[:, ASD]),
        zenith=torch.pow(10.0, links.values[:, ZSD]),
        median_zenith=torch.pow(10.0, median_zenith),
        los_azimuth=torch.rad2deg(geometry.azimuth_rad[rows]),
        los_zenith=torch.rad2deg(geometry.zenith_rad[rows]),
        zenith_offset=zod_offset_deg(model, link, links.share),
        k_db=links.k_db,
    )
    count = state.clusters
    uniform = draws.uniform[rows][:, :count]
    side = torch.where(uniform[..., :2] < 0.5, 1.0, -1.0)
    directions = cluster_angles.cluster_angles_deg(state, made.power[:, :count], spreads, drawn[:, :count, 2:], side)
    boresight = plan.topology.azimuth_rad[: plan.topology.sectors]
    parts = (*directions, cluster_angles.pairing_index(uniform[..., 2]))
    gain = cluster_angles.mean_gains(state, plan.antenna, boresight, spreads, parts)
    return torch.nn.functional.pad(gain, (0, made.power.shape[1] - count))


def _rows_of(link: Link, rows: tuple[Tensor, ...]) -> Link:
    environment = torch.as_tensor(link.environment_height_m)[rows]
    heights = (torch.as_tensor(link.bs_height_m)[rows], link.ue_height_m[rows])
    return Link(link.distance_2d_m[rows], *heights, link.carrier_hz, environment)


def _direct_gain(plan: LargeScalePlan, geometry: Geometry) -> Tensor:
    """Computes the gain of each sector's antenna along the direct line, linear, ``[B, U, Si, Se]``."""
    azimuth = geometry.azimuth_rad[..., None] - plan.topology.azimuth_rad[: plan.topology.sectors]
    zenith = geometry.zenith_rad[..., None].expand_as(azimuth)
    antenna = SectorAntennaSettings(kind="omni") if plan.topology.omnidirectional else plan.antenna
    return torch.pow(10.0, gain_db(antenna, azimuth, zenith) / 10.0)
