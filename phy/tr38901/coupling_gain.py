"""Computes the power that each cell's antenna sends along clusters, summed over the states that a link is in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..antenna.element import SectorAntennaSettings, gain_db, polarization_gain
from ..numerics.jit import uses_numba
from . import cluster_angles
from .large_scale_plan import Geometry, LargeScalePlan
from .lsp_tables import NAMES, PropagationState, zod_offset_deg, zsd_log10

K, DS, ASD, ZSD = (NAMES.index(name) for name in ("K", "DS", "ASD", "ZSD"))


@dataclass(frozen=True)
class ClusterDraws:
    """Holds the random numbers of the clusters of all links."""

    normal: Tensor  # [B, U, Si, Cl, 4] delay, shadowing, azimuth, zenith
    uniform: Tensor  # [B, U, Si, Cl, 3] sides of azimuth, zenith; pairing of the rays; Cl = 0 where none are summed

    def of_users(self, users: int) -> ClusterDraws:
        """Selects the draws of the first UEs."""
        return ClusterDraws(self.normal[:, :users], self.uniform[:, :users])


@dataclass(frozen=True)
class StateLinks:
    """Holds the links, and what they are in each of the states that they may be in."""

    azimuth_rad: Tensor  # [B, U, Si] of departure along the direct line
    zenith_rad: Tensor  # [B, U, Si]
    line: Tensor  # [B, U, Si, Se] linear gain of each sector's antenna along it
    values: Tensor  # [states, B, U, Si, 7] parameters, in the order of NAMES
    power: Tensor  # [states, B, U, Si] between isotropic antennas; 0 where a link is not in the state
    median_zenith_deg: Tensor  # [states, B, U, Si] 10 ** mean of log10 ZSD; none where no rays are summed
    zenith_offset_deg: Tensor  # [states, B, U, Si]

    def of_users(self, users: int) -> StateLinks:
        """Selects the links of the first UEs."""
        lines = (self.azimuth_rad[:, :users], self.zenith_rad[:, :users], self.line[:, :users])
        states = (self.values, self.power, self.median_zenith_deg, self.zenith_offset_deg)
        return StateLinks(*lines, *(of_state[:, :, :users] for of_state in states))


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
    column: int
    state: PropagationState
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


def in_compiled_loops(plan: LargeScalePlan, device: torch.device) -> bool:
    """Returns whether :func:`sum_rays` runs in compiled loops, where the numbers of a drop are the same in any batch.

    They have no antennas with a mechanical tilt, which mixes azimuth and elevation.
    """
    upright = not plan.sums_rays or plan.antenna.mechanical_tilt_deg == 0.0
    return upright and plan.most_clusters > 0 and device.type == "cpu" and uses_numba()


def state_links(plan: LargeScalePlan, geometry: Geometry, values: Tensor, power: Tensor) -> StateLinks:
    """Collects the links in each state, ``[states, B, U, Si, 7]`` and ``[states, B, U, Si]``, and computes where their
    rays depart.
    """
    model, clear = plan.propagation.model, geometry.clear
    shares = (torch.ones_like(clear), torch.zeros_like(clear), clear)[: len(power)]
    median, offset = power[:0], power[:0]
    if plan.sums_rays:
        edition = plan.propagation.parameters
        median = torch.stack([zsd_log10(model, edition, geometry.link, share)[0] for share in shares])
        offset = torch.stack([zod_offset_deg(model, geometry.link, share) for share in shares])
    line = _direct_gain(plan, geometry)
    return StateLinks(geometry.azimuth_rad, geometry.zenith_rad, line, values, power, torch.pow(10.0, median), offset)


def sum_rays(plan: LargeScalePlan, draws: ClusterDraws | None, states: StateLinks) -> RayPower:
    """Computes the power of every link: the clusters with the mean gain over their rays, and the direct ray.

    Args:
        plan: antennas and states.
        draws: None where clusters are not needed.
        states: of :func:`state_links`.
    """
    power = states.power
    if draws is not None and in_compiled_loops(plan, power.device):
        from .coupling_gain_numba import sum_rays_in_loops

        ends = (states.median_zenith_deg, states.zenith_offset_deg, states.azimuth_rad, states.zenith_rad, states.line)
        return RayPower(*sum_rays_in_loops(plan, (power, states.values, *ends, draws.normal, draws.uniform)))
    shape, sectors, most = power.shape[1:], plan.topology.sectors, max(plan.most_clusters, 1)
    new = power.new_zeros
    out = RayPower(new((*shape, sectors, most)), new((*shape, sectors)), new((*shape, most)))
    strongest = power.argmax(0)
    for column, carried in enumerate(power):
        rows = (carried > 0.0).nonzero(as_tuple=True)
        if len(rows[0]) == 0:
            continue
        state, main = plan.propagation_states[column], strongest[rows] == column
        links = _Links(rows, column, state, states.values[column][rows], carried[rows], main)
        _add(out, plan, states, links, draws)
    return out


def _add(out: RayPower, plan: LargeScalePlan, states: StateLinks, links: _Links, draws: ClusterDraws | None) -> None:
    """Adds what one state contributes."""
    rows, state, k, line = links.rows, links.state, links.k, states.line[links.rows]
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
    gain = _ray_gain(plan, states, links, draws, made) if plan.sums_rays else line[..., None]
    out.scattered[rows] += level * made.power[:, None] * gain
    out.delay_s[tuple(index[links.main] for index in rows)] = made.delay_s[links.main]


def _ray_gain(
    plan: LargeScalePlan, states: StateLinks, links: _Links, draws: ClusterDraws, made: cluster_angles.Clusters
) -> Tensor:
    """Computes the mean gain over the rays of each cluster, ``[R, Se, Cl]``."""
    rows, state, count = links.rows, links.state, links.state.clusters
    spreads = cluster_angles.AngularSpreads(
        azimuth=torch.pow(10.0, links.values[:, ASD]),
        zenith=torch.pow(10.0, links.values[:, ZSD]),
        median_zenith=states.median_zenith_deg[links.column][rows],
        los_azimuth=torch.rad2deg(states.azimuth_rad[rows]),
        los_zenith=torch.rad2deg(states.zenith_rad[rows]),
        zenith_offset=states.zenith_offset_deg[links.column][rows],
        k_db=links.k_db,
    )
    drawn, uniform = draws.normal[rows].double()[:, :count, 2:], draws.uniform[rows][:, :count]
    side = torch.where(uniform[..., :2] < 0.5, 1.0, -1.0)
    directions = cluster_angles.cluster_angles_deg(state, made.power[:, :count], spreads, drawn, side)
    boresight = plan.topology.azimuth_rad[: plan.topology.sectors]
    parts = (*directions, cluster_angles.pairing_index(uniform[..., 2]))
    gain = cluster_angles.mean_gains(state, plan.antenna, boresight, spreads, parts)
    return torch.nn.functional.pad(gain, (0, made.power.shape[1] - count))


def _direct_gain(plan: LargeScalePlan, geometry: Geometry) -> Tensor:
    """Computes the gain of each sector's antenna along the direct line, linear, ``[B, U, Si, Se]``."""
    azimuth = geometry.azimuth_rad[..., None] - plan.topology.azimuth_rad[: plan.topology.sectors]
    zenith = geometry.zenith_rad[..., None].expand_as(azimuth)
    antenna = SectorAntennaSettings(kind="omni") if plan.topology.omnidirectional else plan.antenna
    return torch.pow(10.0, gain_db(antenna, azimuth, zenith) / 10.0)
