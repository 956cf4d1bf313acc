"""Builds the channel of UEs that move or are blocked on Sionna's rays, for cross-checks of :mod:`phy.channel.moving`.

In every large-scale state Sionna draws the rays of all links in our large-scale state
(:mod:`phy.sionna_adapter.large_scale_state`), and its own coefficients take them through the antennas. In between the
responses of both states are interpolated. A ray from the direction ``e`` makes ``dx . e / lambda`` turns along ``dx``;
between two states e goes evenly from one direction to the other, so that a share s of the interval after the first it
has made ``dx . (e + s (e' - e) / 2) / lambda`` turns since then. A direct ray makes ``-d / lambda`` with the length d
of its path. UEs that do not move have the Doppler shifts of their nominal speed, each in a direction of its own.

The mean SNR is that of Sionna's rays through the antennas, linear in dB between states; between isotropic antennas it
is that of :mod:`phy.tr38901.large_scale`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..antenna.panel import unit_vector
from ..channel.channel import Channel, ChannelPlan
from ..channel.delay_basis import DelayBasis, steering_matrix
from ..channel.matrices import draw_orientations
from ..channel.moving import MotionPlan, MovingDrop, MovingFading, initial_state
from ..channel.moving_matrices import DeviceAndType, MimoState, MovingDropMatrices, with_matrices
from ..random import Drops
from ..topology.sites import displacement
from ..tr38901.coefficients import MimoRays
from ..tr38901.large_scale import LargeScale, draw_indoor_state, site_links
from ..units import SPEED_OF_LIGHT_MPS
from .channel import (
    SionnaLinks,
    amplitudes,
    power_order,
    require_sionna_support,
    sorted_by_power,
    steering_of,
    velocity_mps,
)
from .large_scale_state import rays_in_state
from .matrices import mean_snr, rays_of
from .ray_fading import path_response, ray_order

_RAYS_AT_ONCE = 1 << 18  # of all links of a block of UEs, to bound the memory of a slot


@dataclass(frozen=True)
class RayState:
    """Holds the rays between single antennas in one state: Rl of a link, the direct one first, then Ra others."""

    rays: Tensor  # [U, Si, Se, Rl] complex amplitudes, strongest clusters first, with the phases of the start
    order: Tensor  # [U, Si, Ra] int64, number of each of these among the rays as they were drawn
    wave: Tensor  # [U, Si, Ra, 3] turns a metre along the axes, as drawn
    steering: Tensor  # [U, Si, paths, K] complex, phase of each path on each PRB

    def response(self, turns: Tensor, direct: Tensor) -> Tensor:
        """Computes responses ``[U, Si, Se, K]``.
        ones.
        """
        ordered = torch.cat((direct[..., None], torch.take_along_dim(turns, self.order, -1)), -1)
        return path_response(self.rays, ordered, self.steering)

    def select(self, users: slice) -> RayState:
        """Selects the rays of some UEs."""
        return RayState(self.rays[users], self.order[users], self.wave[users], self.steering[users])

    def to(self, target: DeviceAndType) -> RayState:
        """Moves the rays to a device, complex numbers of its type; waves stay in float64."""
        kind = target.dtype.to_complex()
        rays, steering = (values.to(target.device, kind) for values in (self.rays, self.steering))
        return RayState(rays, self.order.to(target.device), self.wave.to(target.device), steering)


@dataclass(frozen=True)
class _Segment:
    """Describes the way from one state to the next."""

    number: int  # of the state at its beginning
    target: DeviceAndType
    before: RayState
    after: RayState
    turns: Tensor  # [U, Si, Ra] of the rays up to its beginning

    def response(self, moved: Tensor, direct: Tensor, share: float) -> Tensor:
        """Computes responses ``[U, Si, Se, K]``.

        Args:
            moved: way since the beginning ``[U, 3]``.
            direct: turns of the direct rays, ``[U, Si]``.
            share: of the leg that has passed.
        """
        at_once, parts = max(1, _RAYS_AT_ONCE // self.before.rays[0].numel()), []
        for first in range(0, len(moved), at_once):
            some = slice(first, first + at_once)
            before, after = self.before.select(some), self.after.select(some)
            turns = self.turns[some] + _way_turns(before, after, moved[some], share)
            here, there = (state.response(turns, direct[some]) for state in (before, after))
            parts.append((1.0 - share) * here + share * there)
        return torch.cat(parts)


class SionnaMovingDrop(MovingDrop):
    """Computes the states of one drop whose UEs move; they are drawn on the CPU in float64, one after the other."""

    def __init__(self, drop: Drops, plan: ChannelPlan, motion: MotionPlan) -> None:
        super().__init__(drop, plan, motion, _every_prb(plan))
        self._indoor_state = draw_indoor_state(drop, plan.propagation, plan.users)
        self._velocity = velocity_mps(drop, plan)[0] * self.is_static[:, None]
        self._gain_db: dict[int, Tensor] = {}
        self._links: dict[int, SionnaLinks] = {}
        self._rays: dict[int, RayState] = {}
        self._segment: _Segment | None = None

    def state(self, number: int) -> tuple[LargeScale, Tensor]:
        """Evaluates a large-scale state, with the gains that Sionna's rays have through the antennas."""
        scale, place = super().state(number)
        if number not in self._gain_db:
            gain = self._snr(number) / self.plan.snr_at_unit_gain
            self._gain_db[number] = 10.0 * torch.log10(gain.clamp_min(1e-40))
        return replace(scale, gain_db=self._gain_db[number]), place

    def links(self, number: int) -> SionnaLinks:
        """Draws all links by Sionna in a state, without blockage; the last two states are kept."""
        number = 0 if self.is_static.all() else number
        if number not in self._links:
            _, way, place = self.position_at_state(number)
            state = site_links(self.large_scale, place, way)
            self._links = _beside(self._links, number)
            self._links[number] = rays_in_state(self.drop, self.plan, state, place, self._indoor_state)
        return self._links[number]

    def ray_state(self, number: int) -> RayState:
        """Computes the rays of all links through single antennas, with blockage; the last two states are kept."""
        if number not in self._rays:
            self._rays = _beside(self._rays, number)
            self._rays[number] = _ray_state(self.plan, self.links(number), self._blocked(number))
        return self._rays[number]

    def response(self, slot: int, slot_s: float, target: DeviceAndType) -> Tensor:
        """Computes the response of all links at the start of a slot, ``[U, C * 2K]``: real, then imaginary parts of a
        cell.
        """
        number, since = divmod(slot, self.motion.update_slots)
        segment = self._segment_of(number, target)
        times = torch.tensor([self.position_at_state(number)[0], slot * slot_s], dtype=torch.float64)
        walked = self._walked(times)
        response = segment.response(
            (walked[:, 1] - walked[:, 0]).to(target.device),
            self._direct(times[1:])[0, :, 0].to(target.device),
            since / self.motion.update_slots,
        )
        return torch.view_as_real(response).transpose(-1, -2).flatten(1)

    def direct_turns(self, t_s: Tensor) -> Tensor:
        """Computes the turns of the direct rays, ``[1, U, T, C]``: minus the length of the path in wavelengths."""
        return self._direct(t_s)[..., self.plan.topology.cell_site]

    def _direct(self, t_s: Tensor) -> Tensor:
        """Computes the turns of the direct rays to sites ``[1, U, T, Si]``."""
        way = self.position_m(t_s)
        path = displacement(self.plan.topology, self._wrapped(way).flatten(1, 2)).unflatten(1, way.shape[1:3])
        length = path.norm(dim=-1)
        away = (path * self._velocity[:, None, None]).sum(-1) / length * t_s[:, None]
        turns: Tensor = -(length + away) * self._wave_number
        return turns

    def _walked(self, t_s: Tensor) -> Tensor:
        """Computes the path since the start, ``[U, T, 3]``; of UEs that do not move that of their nominal speed."""
        moved = (self.position_m(t_s) - self.start_m[:, :, None])[0]
        return moved + self._velocity[:, None] * t_s[:, None]

    def _blocked(self, number: int) -> Tensor:
        """Computes the share of the power that blockage leaves in a state, ``[1, U, C]``."""
        t_s, way, place = self.position_at_state(number)
        return torch.pow(10.0, -self.blocked_db(way, place, t_s) / 10.0)

    def _snr(self, number: int) -> Tensor:
        """Computes the mean SNR of a state, ``[1, U, C]``."""
        if self.plan.mimo is None:
            return self.ray_state(number).rays.abs().square().sum(-1).flatten(1)[None]
        bearing, _ = draw_orientations(self.drop, self.plan.speed_mps)
        return mean_snr(self.plan, self.links(number), bearing) * self._blocked(number)

    def _segment_of(self, number: int, target: DeviceAndType) -> _Segment:
        """Returns the segment from a state on; makes all segments before it first."""
        segment = self._segment
        if segment is None or segment.target != target or number < segment.number:
            before, after = (self.ray_state(n).to(target) for n in (0, 1))
            segment = _Segment(0, target, before, after, torch.zeros_like(before.wave[..., 0]))
        while segment.number < number:
            times = torch.tensor(
                [self.position_at_state(segment.number + later)[0] for later in (0, 1)], dtype=torch.float64
            )
            moved = self._walked(times).diff(dim=1)[:, 0].to(target.device)
            turns = segment.turns + _way_turns(segment.before, segment.after, moved, 1.0)
            after = self.ray_state(segment.number + 2).to(target)
            segment = _Segment(segment.number + 1, target, segment.after, after, turns - turns.floor())
        self._segment = segment
        return segment


@dataclass(frozen=True)
class SionnaFading(MovingFading):
    """Computes the fading of drops whose UEs move on Sionna's rays; coordinates are real and imaginary part on each
    PRB.
    """

    def coordinates(self, first_slot: int, slots: int, slot_s: float, out: Tensor | None = None) -> Tensor:
        """Computes the response of every link at the start of each slot, ``[B, U, T, C * 2K]``."""
        target, parts = DeviceAndType(self.rays.device, self.rays.dtype), []
        for moving_drop in self.moving_drops:
            assert isinstance(moving_drop, SionnaMovingDrop)
            some = [moving_drop.response(slot, slot_s, target) for slot in range(first_slot, first_slot + slots)]
            parts.append(torch.stack(some, 1))
        return torch.stack([parts[number] for number in self.row])


class SionnaMovingDropMatrices(MovingDropMatrices):
    """Computes the matrices of one drop whose UEs move on Sionna's rays."""

    def _links(self, state: MimoState, user: Tensor, cell: Tensor) -> tuple[MimoRays, Tensor]:
        assert isinstance(self.moving_drop, SionnaMovingDrop)
        rays, spread_s = rays_of(self.moving_drop.plan, self.moving_drop.links(state.number), user, cell)
        return rays, spread_s


def build_moving_sionna_channel(
    drops: Drops, plan: ChannelPlan, motion: MotionPlan, device: torch.device, dtype: torch.dtype
) -> Channel:
    """Builds the channel of UEs that move on Sionna's rays, with panels or without.

    Raises:
        ValueError: settings that :func:`phy.sionna_adapter.channel.require_sionna_support` refuses; a trajectory file
            cannot be used, or a blockage names a cell or a group that does not exist.
    """
    require_sionna_support(plan.propagation, plan.antenna, plan.fading, rays_only=True)
    ids = list(dict.fromkeys(drops.ids))
    moving_drops = tuple(SionnaMovingDrop(Drops(drops.seed, (drop,)), plan, motion) for drop in ids)
    row = [ids.index(drop) for drop in drops.ids]
    starts = [initial_state(moving_drop) for moving_drop in moving_drops]
    snr, serving, position = (torch.cat(part)[torch.tensor(row)] for part in zip(*starts, strict=True))
    basis, width = moving_drops[0].basis, 2 * plan.topology.cells * len(plan.frequency_hz)
    fading = SionnaFading(
        rays=torch.zeros((len(drops), plan.users, 0, width), dtype=dtype, device=device),
        doppler_hz=torch.zeros((0, plan.users, 0), dtype=torch.float64, device=device),
        to_prbs=steering_matrix(basis).to(device, dtype),
        error=basis.error,
        moving_drops=moving_drops,
        row=tuple(row),
    )
    channel = Channel(snr.to(device, dtype), serving.to(device), position.to(device), fading)
    return with_matrices(channel, plan, device, dtype, SionnaMovingDropMatrices)


def _ray_state(plan: ChannelPlan, links: SionnaLinks, blocked: Tensor) -> RayState:
    """Draws rays through single antennas; ``blocked`` is the share of the power that is left, ``[1, U, C]``."""
    ordered = sorted_by_power(links.rays)
    amplitude = amplitudes(plan, links, ordered)[0] * blocked[0].sqrt().view(plan.users, *_grid(plan), 1)
    turns = links.scenario.distance_3d[0].T * _wave_number(plan)
    amplitude[..., 0] *= torch.polar(torch.ones_like(turns), 2.0 * math.pi * (turns - turns.floor()))[..., None]
    within = torch.tensor(ray_order())
    order = (power_order(links.rays)[0][..., None] * len(within) + within).flatten(-2).transpose(0, 1).contiguous()
    wave = unit_vector(links.rays.aoa, links.rays.zoa)[0].flatten(2, 3).transpose(0, 1) * _wave_number(plan)
    return RayState(amplitude, order, wave.contiguous(), steering_of(plan, links, ordered)[0])


def _way_turns(before: RayState, after: RayState, moved: Tensor, share: float) -> Tensor:
    """Computes the rays' turns ``[U, Si, Ra]`` on a way ``[U, 3]`` that ends a share of the segment after its start."""
    at = [torch.bmm(state.wave.flatten(1, 2), moved[..., None]) for state in (before, after)]
    return ((1.0 - 0.5 * share) * at[0] + 0.5 * share * at[1]).view(before.wave.shape[:-1])


def _beside(kept: dict[int, Any], number: int) -> dict[int, Any]:
    """Returns what is kept of the states next to one."""
    return {other: value for other, value in kept.items() if abs(other - number) == 1}


def _every_prb(plan: ChannelPlan) -> DelayBasis:
    """Builds the basis in which coordinates are the responses themselves."""
    unit = torch.eye(len(plan.frequency_hz), dtype=torch.complex128)
    return DelayBasis(unit, torch.zeros(1, dtype=torch.float64), unit.sum(0, keepdim=True), 0.0)


def _grid(plan: ChannelPlan) -> tuple[int, int]:
    return plan.topology.sites, plan.topology.sectors


def _wave_number(plan: ChannelPlan) -> float:
    return plan.propagation.carrier_hz / SPEED_OF_LIGHT_MPS
