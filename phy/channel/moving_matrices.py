"""Computes channel matrices of UEs that move or are blocked, and that may change their cells.

As with single antennas (:mod:`phy.channel.moving`) the large-scale state is computed every ``update_s`` where UEs then
are; the rays of the cells that they hear are made anew from it with the random numbers that they had, keyed by UE
and cell, and steered by the panels. In between the coefficients of both states are interpolated.

Phases follow the path of the UE. A ray from the direction ``e`` makes ``dx . e / lambda`` turns along ``dx``. Between
two states e goes evenly from one direction to the other, so that both agree on the phase all the way, however far the
UE has moved: a share s of the interval after the first it has made ``(x - x0) . (e + s (e' - e) / 2) / lambda`` turns.
A direct ray makes ``-d / lambda`` with the length d of its path. UEs that do not move keep the Doppler
shifts of their speed.

The cells that a UE hears are constant over a segment: from a state to the next, or to the measurement at which a UE of
the drop changes its cell. Segments follow each other from the start, two states at a time; asking for a time before the
present segment begins anew, so that matrices are a function of time alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..antenna.panel import unit_vector
from ..link.dominant_interferers import strongest_cells
from ..link.mimo_settings import MimoSettings
from ..random import Drops
from ..tr38901.coefficients import MimoRays, SteeredRays, split_order, with_sub_clusters
from ..tr38901.large_scale import SiteLinks, site_links
from ..tr38901.link_clusters import link_clusters
from ..tr38901.rays import draw_links, make_rays
from ..units import SPEED_OF_LIGHT_MPS
from .channel import Channel, ChannelPlan
from .matrices import HeardCells, LinkOrientations, MimoPlan, cluster_phases, draw_orientations, steer_links
from .moving import MotionPlan, MovingDrop, MovingFading, build_moving_single_antenna_channel


def build_moving_channel(
    drops: Drops, plan: ChannelPlan, motion: MotionPlan, device: torch.device, dtype: torch.dtype
) -> Channel:
    """Builds the channel of UEs that move, with matrices where the plan has panels."""
    return with_matrices(build_moving_single_antenna_channel(drops, plan, motion, device, dtype), plan, device, dtype)


@dataclass(frozen=True)
class DeviceAndType:
    """Holds the device on which matrices are made, and their real type."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class ServingTimeline:
    """Holds the serving cells of one drop over time."""

    serving: Tensor  # [Tm, U] int64, from each measurement to the next
    period_slots: int

    def at(self, slot: int) -> Tensor:
        """Returns the serving cells ``[U]`` in a slot."""
        return self.serving[min(slot // self.period_slots, len(self.serving) - 1)]

    def next_change(self, slot: int) -> float:
        """Computes the first measurement after a slot at which a UE changes its cell; infinite where there is none."""
        number = slot // self.period_slots
        later = (self.serving[number + 1 :] != self.serving[number:-1]).any(-1).nonzero()
        return float((number + 1 + int(later[0])) * self.period_slots) if len(later) else math.inf


@dataclass(frozen=True)
class MovingMatrices:
    """Holds the matrices of a batch of drops whose UEs move, a pure function of time."""

    settings: MimoSettings
    moving_drops: tuple[MovingDropMatrices, ...]  # one for each different drop
    row: tuple[int, ...]  # index of the drop of each row of the batch

    def at_slot(self, slot: int, slot_s: float) -> tuple[Tensor, HeardCells]:
        """Computes matrices ``[B, U, K, J, Nr, Nt]`` at the start of a slot, and returns the cells that
        they belong to.
        """
        parts = [moving_drop.at_slot(slot, slot_s) for moving_drop in self.moving_drops]
        matrices, heard, rest = (torch.stack([part[n] for part in parts]) for n in range(3))
        if self.row != tuple(range(len(parts))):
            matrices, heard, rest = (part[list(self.row)] for part in (matrices, heard, rest))
        return matrices, HeardCells(heard, rest)

    def with_serving(self, serving: Tensor, period_slots: int) -> MovingMatrices:
        """Returns the matrices of UEs whose cells ``[B, Tm, U]`` change at every ``period_slots`` slots."""
        first = [self.row.index(number) for number in range(len(self.moving_drops))]
        cells = [ServingTimeline(serving[row].cpu(), period_slots) for row in first]
        return replace(
            self, moving_drops=tuple(c.with_serving(of) for c, of in zip(self.moving_drops, cells, strict=True))
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> MovingMatrices:
        """Moves the matrices to another device, complex numbers of ``dtype``."""
        target = DeviceAndType(device, dtype)
        return replace(self, moving_drops=tuple(moving_drop.to(target) for moving_drop in self.moving_drops))


@dataclass(frozen=True)
class MimoState:
    """Holds one drop in one large-scale state; tensors ``[1, U, ...]``."""

    number: int
    links: SiteLinks
    gain_db: Tensor  # [1, U, C] with blockage
    blocked_db: Tensor  # [1, U, C]
    way_m: Tensor  # [1, U, 3] not wrapped
    direct: Tensor  # [U, C] turns of the direct rays


@dataclass(frozen=True)
class _Rays:
    """Holds links in one state; splitting the strong ones of Cw clusters and adding the direct ray makes Cl."""

    rx: Tensor  # [R, Cl, Nr, 2Ra]
    tx: Tensor  # [R, Cl, 2Ra, Nt]
    doppler_hz: Tensor  # [R, Cl, Ra]
    tones: Tensor  # [R, K, Cl]
    order: Tensor  # [R, Cl - 1] int64, which of the Cw clusters each one comes from
    wave: Tensor  # [R, Cw, Ra, 3] turns a metre
    turns: Tensor  # [R, Cw, Ra] made since the link was first heard

    def each(self, of: Callable[[Tensor], Tensor]) -> _Rays:
        """Applies a function to all tensors."""
        return _Rays(*(of(getattr(self, field.name)) for field in fields(self)))


@dataclass(frozen=True)
class _Known:
    """Holds rays of a state that were made for another set of cells."""

    heard: Tensor  # [U, J]
    rays: _Rays


@dataclass(frozen=True)
class _Segment:
    """Describes the way from one state to the next with one set of cells."""

    slot: int  # first
    number: int  # of the state at its beginning
    heard: Tensor  # [U, J]
    before: _Rays
    after: _Rays
    joined: _Joined


@dataclass(frozen=True)
class _Joined:
    """Holds the clusters of both states side by side, 2Cl, on the device; ``[U, J, 2Cl, ...]``."""

    rays: SteeredRays
    tones: Tensor  # [U, J, K, 2Cl]
    wave: Tensor  # [U, J * 2Cl * Ra, 6] turns a metre at the segment's state, and how much more at the next one
    offset: Tensor  # [U, J, 2Cl, Ra] turns at the segment's state, besides what is in the rays
    heard: Tensor  # [U, J]


class MovingDropMatrices:
    """Computes the matrices of one drop whose UEs move; rays are made on the CPU in float64."""

    def __init__(self, moving_drop: MovingDrop, plan: MimoPlan, cells: ServingTimeline, target: DeviceAndType) -> None:
        self.moving_drop, self.plan, self.cells, self.target = moving_drop, plan, cells, target
        self._every = moving_drop.motion.update_slots
        bearing, velocity = draw_orientations(moving_drop.drop, plan.speed_mps)
        self._bearing, self._velocity = bearing[0], velocity[0] * moving_drop.is_static[:, None]
        self._states: dict[int, MimoState] = {}
        self._segment: _Segment | None = None

    def with_serving(self, cells: ServingTimeline) -> MovingDropMatrices:
        """Returns the matrices of the same drop with other serving cells."""
        return type(self)(self.moving_drop, self.plan, cells, self.target)

    def to(self, target: DeviceAndType) -> MovingDropMatrices:
        """Moves the matrices to another device."""
        return type(self)(self.moving_drop, self.plan, self.cells, target)

    def at_slot(self, slot: int, slot_s: float) -> tuple[Tensor, Tensor, Tensor]:
        """Computes matrices ``[U, K, J, Nr, Nt]`` at the start of a slot, cells ``[U, J]``, and the power of the others
        ``[U, C]``.
        """
        segment, time_s = self._segment_of(slot), slot * slot_s
        share = slot / self._every - segment.number
        made = segment.joined
        turns = made.rays.doppler_hz * time_s + self._moved(segment, time_s, share)
        taps = made.rays.turned(turns[..., None, :])
        half = taps.shape[2] // 2
        weight = torch.tensor([1.0 - share, share], dtype=self.target.dtype).repeat_interleave(half)
        taps = taps * weight.to(taps.device)[:, None, None, None]
        matrices = (made.tones @ taps.flatten(-3)).unflatten(-1, taps.shape[-2:]).transpose(1, 2).contiguous()
        return matrices, made.heard, self._rest(segment, share)

    def _moved(self, segment: _Segment, time_s: float, share: float) -> Tensor:
        """Computes the turns of the way since the segment's first state, ``[U, J, 2Cl, Ra]``."""
        state, made, now = self._states[segment.number], segment.joined, torch.tensor([time_s], dtype=torch.float64)
        way = (self.moving_drop.position_m(now)[:, :, 0] - state.way_m)[0]
        direct = (self._direct(now) - state.direct).gather(1, segment.heard)
        way, direct = way.to(self.target.device), direct.to(self.target.device)
        both = torch.cat((way, 0.5 * share * way), -1)[..., None]
        turns = torch.bmm(made.wave, both).view(made.offset.shape) + made.offset
        turns[..., turns.shape[2] // 2 - 1, 0] += direct
        turns[..., -1, 0] += direct
        return turns

    def _rest(self, segment: _Segment, share: float) -> Tensor:
        """Computes the mean power of cells without matrices ``[U, C]``, linear in dB between states."""
        gain_db = [self._states[number].gain_db[0] for number in (segment.number, segment.number + 1)]
        between = gain_db[0] * (1.0 - share) + gain_db[1] * share
        snr = self.plan.snr_at_unit_gain * torch.pow(10.0, between / 10.0)
        return snr.scatter(1, segment.heard, 0.0).to(self.target.device, self.target.dtype)

    # Segments.

    def _segment_of(self, slot: int) -> _Segment:
        """Returns the segment of a slot; makes all segments before it first."""
        if self._segment is None or slot < self._segment.slot:
            self._segment = self._next(0, None)
        while (then := self._end(self._segment)) <= slot:
            self._segment = self._next(int(then), self._segment)
        return self._segment

    def _end(self, segment: _Segment) -> float:
        return min((segment.number + 1) * self._every, self.cells.next_change(segment.slot))

    def _next(self, slot: int, last: _Segment | None) -> _Segment:
        number = slot // self._every
        self._states = {n: self._states.get(n) or self._state(n) for n in (number, number + 1)}
        here, there = self._states[number], self._states[number + 1]
        snr = self.plan.snr_at_unit_gain * torch.pow(10.0, here.gain_db / 10.0)
        heard = strongest_cells(snr, self.cells.at(slot)[None], self.plan.settings.heard_cells)[0]
        known = None if last is None else _Known(last.heard, last.before if last.number == number else last.after)
        before = self._fill(known, heard, lambda user, cell, _: self._rays(here, user, cell, None))
        known = _Known(last.heard, last.after) if last is not None and last.number == number else None

        def later(user: Tensor, cell: Tensor, missing: Tensor) -> _Rays:
            return self._rays(there, user, cell, (here, before.each(lambda values: values[missing])))

        after = self._fill(known, heard, later)
        return _Segment(slot, number, heard, before, after, self._join(heard, before, after, number))

    def _fill(self, known: _Known | None, heard: Tensor, make: Callable[[Tensor, Tensor, Tensor], _Rays]) -> _Rays:
        """Joins the rays of all links ``[U * J]``: copies those that are known, makes the others."""
        user = torch.arange(len(heard))[:, None].expand_as(heard).flatten()
        cell = heard.flatten()
        if known is None:
            return make(user, cell, torch.arange(len(user)))
        same = known.heard[:, None] == heard[..., None]  # [U, J, J']
        source = (torch.arange(len(heard))[:, None] * heard.shape[1] + same.long().argmax(-1)).flatten()
        kept = known.rays.each(lambda values: values[source])
        missing = (~same.any(-1)).flatten().nonzero()[:, 0]
        if len(missing) == 0:
            return kept
        made = make(user[missing], cell[missing], missing)
        return _Rays(*(getattr(kept, f.name).index_copy(0, missing, getattr(made, f.name)) for f in fields(_Rays)))

    # States.

    def _state(self, number: int) -> MimoState:
        scale, position = self.moving_drop.state(number)
        t_s, way, _ = self.moving_drop.position_at_state(number)
        now = torch.tensor([t_s], dtype=torch.float64)
        links, blocked = (
            site_links(self.moving_drop.large_scale, position, way),
            self.moving_drop.blocked_db(way, position, t_s),
        )
        return MimoState(number, links, scale.gain_db, blocked, way, self._direct(now))

    def _direct(self, now: Tensor) -> Tensor:
        """Computes turns ``[U, C]`` of the direct rays of UEs that move; those of others follow from Doppler shifts."""
        return self.moving_drop.direct_turns(now)[0, :, 0].masked_fill(self.moving_drop.is_static[:, None], 0.0)

    def _rays(self, state: MimoState, user: Tensor, cell: Tensor, last: tuple[MimoState, _Rays] | None) -> _Rays:
        """Computes rays of R links in a state, with the turns that they have made since the last one."""
        rays, spread_s = self._links(state, user, cell)
        wave = self._wave(rays)[0]
        turns = torch.zeros(wave.shape[:-1], dtype=torch.float64)
        if last is not None:
            turns = last[1].turns + _way_turns(last[1].wave, wave, (state.way_m - last[0].way_m)[0, user])
        phases = rays.phases + (2.0 * math.pi * (turns - turns.floor()))[None, ..., None, None]
        rays = replace(rays, phases=phases)
        order = split_order(rays)[0]
        steered = self._steered(state, with_sub_clusters(rays, spread_s), user, cell)
        tones = cluster_phases(steered, self.plan.frequency_hz, self.target.dtype)
        return _Rays(steered.rx[0], steered.tx[0], steered.doppler_hz[0], tones[0], order, wave, turns)

    def _links(self, state: MimoState, user: Tensor, cell: Tensor) -> tuple[MimoRays, Tensor]:
        """Computes the rays ``[1, R]`` of links in a state with the phases of the start, and c_DS ``[1, R]``."""
        moving_drop, topology = self.moving_drop, self.moving_drop.plan.topology
        links = user[None], topology.cell_site[cell][None]
        clusters, spreads, direct, spread_s = link_clusters(
            moving_drop.drop, moving_drop.large_scale, state.links, *links
        )
        draws = draw_links(moving_drop.drop, user * len(topology.cell_site) + cell, clusters.power.shape[-1])
        return make_rays(draws, clusters, spreads, direct), spread_s

    def _steered(self, state: MimoState, rays: MimoRays, user: Tensor, cell: Tensor) -> SteeredRays:
        topology = self.moving_drop.plan.topology
        power = state.links.power[0, user, topology.cell_site[cell]]
        gain = self.plan.snr_at_unit_gain * power * torch.pow(10.0, -state.blocked_db[0, user, cell] / 10.0)
        ends = LinkOrientations(topology.azimuth_rad[cell][None], self._bearing[user][None], self._velocity[user][None])
        carrier_hz = self.moving_drop.plan.propagation.carrier_hz
        return steer_links(self.plan, carrier_hz, rays, ends, gain[None], self.target.dtype)

    def _wave(self, rays: MimoRays) -> Tensor:
        """Computes the turns per metre of each ray along the axes, ``[..., Cl, Ra, 3]``."""
        wave_number: float = self.moving_drop.plan.propagation.carrier_hz / SPEED_OF_LIGHT_MPS
        turns: Tensor = unit_vector(rays.aoa, rays.zoa) * wave_number
        return turns

    def _join(self, heard: Tensor, before: _Rays, after: _Rays, number: int) -> _Joined:
        """Joins the clusters of both states, on the device."""
        here, there = self._states[number], self._states[number + 1]
        user = torch.arange(len(heard)).repeat_interleave(heard.shape[1])
        made = _way_turns(before.wave, after.wave, (there.way_m - here.way_m)[0, user])
        shape, device = tuple(heard.shape), self.target.device

        def side_by_side(name: str, dim: int) -> Tensor:
            both: Tensor = torch.cat((getattr(before, name), getattr(after, name)), dim).to(device)
            return both.view(*shape, *both.shape[1:])

        def split(values: Tensor, order: Tensor) -> Tensor:
            """Rearranges clusters to those after splitting; the direct ray, which has turns of its own, gets none."""
            picked = torch.take_along_dim(values, order.view(*order.shape, *(1,) * (values.ndim - 2)), 1)
            return torch.cat((picked, torch.zeros_like(picked[:, :1])), 1)

        waves = torch.cat((before.wave, after.wave - before.wave), -1)  # [R, Cw, Ra, 6]
        wave = torch.cat((split(waves, before.order), split(waves, after.order)), 1)
        offset = -split(made, after.order)
        offset[:, -1, 0] = (here.direct - there.direct).gather(1, heard).flatten()
        doppler = side_by_side("doppler_hz", 1)
        return _Joined(
            rays=SteeredRays(side_by_side("rx", 1), side_by_side("tx", 1), doppler, doppler[..., 0]),
            tones=side_by_side("tones", 2),
            wave=wave.view(len(heard), -1, 6).to(device),
            offset=torch.cat((torch.zeros_like(offset), offset), 1).unflatten(0, shape).to(device),
            heard=heard.to(device),
        )


def with_matrices(
    channel: Channel,
    plan: ChannelPlan,
    device: torch.device,
    dtype: torch.dtype,
    kind: type[MovingDropMatrices] = MovingDropMatrices,
) -> Channel:
    """Adds the matrices of its drops to a channel whose UEs move, where the plan has panels.

    Args:
        channel: of :func:`phy.channel.moving.build_moving_single_antenna_channel` or of Sionna.
        plan: of the channel.
        device: where matrices are made.
        dtype: float32 or float64, of their parts.
        kind: class that makes the rays.
    """
    if plan.mimo_plan is None:
        return channel
    assert isinstance(channel.fading, MovingFading)
    target = DeviceAndType(device, dtype)
    starts = channel.fading.starts(channel.serving.cpu())
    moving_drops = tuple(
        kind(moving_drop, plan.mimo_plan, ServingTimeline(serving, 1), target) for moving_drop, serving in starts
    )
    return replace(channel, mimo=MovingMatrices(plan.mimo_plan.settings, moving_drops, channel.fading.row))


def _way_turns(wave: Tensor, later: Tensor, way_m: Tensor) -> Tensor:
    """Computes turns ``[R, Cw, Ra]`` of rays from one state to the next, by ways ``[R, 3]``."""
    return (0.5 * (wave + later) * way_m[:, None, None]).sum(-1)
