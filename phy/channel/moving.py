"""Computes the channel of UEs that move or are blocked, a pure function of time.

The large-scale state is computed every ``update_s`` where the UEs then are, and the rays are drawn anew from it with
their former phases; in between amplitudes are interpolated and continuous. Phases follow the path: a ray from
the direction ``e_m`` has made ``(x(t) - x(0)) . e_m / lambda`` turns, a direct ray ``-d(t) / lambda``, with the
positions ``x`` not wrapped into the cluster and the length ``d`` of the direct path.

UEs that do not move have the Doppler shifts of their nominal speed, as if they moved along the x axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor

from ..blockage import (
    BlockageSettings,
    ModelASettings,
    ModelBSettings,
    build_script,
    draw_blocking_regions,
    draw_blocking_screens,
    model_a_loss_db,
    model_b_loss_db,
    scripted_loss_db,
)
from ..mobility import (
    MobilitySettings,
    RectangleSettings,
    Static,
    Trajectory,
    area_of,
    join,
    trajectories,
    wrap_position,
)
from ..random import Drops
from ..topology.sites import displacement
from ..tr38901.large_scale import LargeScale, draw_large_scale_model
from ..units import SPEED_OF_LIGHT_MPS
from .channel import Channel, ChannelPlan, draw_plan_fading, frequency_basis, mean_snr, place_users, request_fading
from .delay_basis import DelayBasis
from .fading import Fading, direct_rays


@dataclass(frozen=True)
class MotionPlan:
    """Holds the mobility of all UEs, blockage, and the times at which the large-scale state is evaluated."""

    update_interval_s: float  # asked for; see ``update_s``
    area: RectangleSettings | None  # rectangle that UEs do not leave; None: see :func:`phy.mobility.area_of`
    groups: tuple[str, ...]  # names
    models: tuple[MobilitySettings, ...]  # of each group
    group_of_user: Tensor  # [U] int64
    blockage: tuple[BlockageSettings, ...]
    slot_s: float
    slots: int  # of the run

    @property
    def duration_s(self) -> float:
        """Returns the duration of the run in s."""
        return self.slots * self.slot_s

    @property
    def update_slots(self) -> int:
        """Returns the number of slots from one state to the next."""
        return max(1, round(self.update_interval_s / self.slot_s))

    @property
    def update_s(self) -> float:
        """Returns the time in s from one state to the next, a whole number of slots."""
        return self.update_slots * self.slot_s

    def members(self) -> list[Tensor]:
        """Returns the numbers of the UEs of each group that has any."""
        return [(self.group_of_user == number).nonzero()[:, 0] for number in range(len(self.groups))]


class MovingDrop:
    """Computes the states of one drop whose UEs move; everything on the CPU, in float64."""

    def __init__(self, drop: Drops, plan: ChannelPlan, motion: MotionPlan, basis: DelayBasis) -> None:
        self.drop, self.plan, self.motion, self.basis = drop, plan, motion, basis
        start, self.home = place_users(drop, plan)
        self.trajectory = _trajectory(drop, plan, motion, start)
        self.start_m = self.trajectory.position_m(torch.zeros(1))[:, :, 0]
        self.large_scale = draw_large_scale_model(drop, plan.large_scale)
        self._losses = [_loss(drop, plan, motion, number) for number in range(len(motion.blockage))]
        stays = torch.tensor([isinstance(model, Static) for model in motion.models])
        self.is_static = stays[motion.group_of_user]
        self._kept: dict[int, tuple[Fading, Tensor]] = {}

    def position_m(self, t_s: Tensor) -> Tensor:
        """Computes positions ``[1, U, T, 3]``, not wrapped; after the end of the run those at the end."""
        return self.trajectory.position_m(t_s.clamp(max=self.motion.duration_s))

    def position_at_state(self, number: int) -> tuple[float, Tensor, Tensor]:
        """Computes the time of a state, and positions ``[1, U, 3]`` then: not wrapped, and wrapped into the cluster."""
        t_s = min(number * self.motion.update_s, self.motion.duration_s)
        way = self.position_m(torch.tensor([t_s], dtype=torch.float64))[:, :, 0]
        return t_s, way, self._wrapped(way)

    def state(self, number: int) -> tuple[LargeScale, Tensor]:
        """Computes large-scale state number ``number``, with blockage, and the wrapped positions ``[1, U, 3]``."""
        t_s, way, place = self.position_at_state(number)
        scale = self.large_scale.at(place, way)
        for loss in self._losses:
            scale = replace(scale, gain_db=scale.gain_db - loss(way, place, t_s))
        return scale, place

    def blocked_db(self, way: Tensor, place: Tensor, t_s: float) -> Tensor:
        """Computes the loss by blockage in dB, ``[1, U, C]``, of UEs at positions ``[1, U, 3]``, not wrapped and
        wrapped.
        """
        clear = way.new_zeros((*way.shape[:2], len(self.plan.topology.cell_site)))
        return torch.stack([clear, *(loss(way, place, t_s) for loss in self._losses)]).sum(0)

    def rays(self, number: int, dtype: torch.dtype) -> tuple[Fading, Tensor]:
        """Computes the scattered rays of a state, and the direct ones ``[1, U, C]``; the last two states are kept."""
        if number not in self._kept:
            scale, place = self.state(number)
            request = replace(request_fading(self.plan, self.basis, scale, place, dtype), direct=False)
            fading = draw_plan_fading(self.drop, self.plan, request)
            power = request.power if self.plan.fading.model != "none" else 0.0 * request.power
            direct = direct_rays(self.drop, request.links, power)
            self._kept = {n: kept for n, kept in self._kept.items() if n == number - 1}
            self._kept[number] = (fading, direct * math.sqrt(len(self.basis.vectors)))
        return self._kept[number]

    def snr(self, slots: Iterable[int]) -> Iterator[Tensor]:
        """Computes the mean SNR of all links at slots in ascending order, linear ``[U, C]``; linear in dB between two
        states.

        One slot after the other, so that no more than two states are held.
        """
        every, gain = self.motion.update_slots, dict[int, Tensor]()
        for slot in slots:
            number, since = divmod(slot, every)
            wanted = (number, number + 1) if since else (number,)
            gain = {n: gain[n] if n in gain else self.state(n)[0].gain_db[0] for n in wanted}
            between = gain[number]
            if since:
                between = between * (1.0 - since / every) + gain[number + 1] * (since / every)
            yield self.plan.snr_at_unit_gain * torch.pow(10.0, between / 10.0)

    def turns(self, t_s: Tensor, rays: Fading) -> Tensor:
        """Computes the turns of the rays of Ra directions since the start, ``[1, U, T, Ra]``."""
        turn, doppler_hz = rays.turn_rad, rays.doppler_hz
        assert turn is not None
        way = (self.position_m(t_s) - self.start_m[:, :, None])[..., :2]
        direction = torch.stack((turn.cos(), turn.sin()), -1)  # [1, U, Ra, 2]
        moved = (way[:, :, :, None] * direction[:, :, None]).sum(-1) * self._wave_number
        return torch.where(self.is_static[:, None, None], doppler_hz[:, :, None] * t_s[:, None], moved)

    def direct_turns(self, t_s: Tensor) -> Tensor:
        """Computes the turns of the direct rays, ``[1, U, T, C]``: minus the length of the path in wavelengths."""
        way = self.position_m(t_s)
        place = self._wrapped(way).flatten(1, 2)
        path = displacement(self.plan.topology, place).unflatten(1, way.shape[1:3])  # [1, U, T, Si, 3]
        length = path.norm(dim=-1) * self._wave_number
        towards = -path[..., 0] / torch.hypot(path[..., 0], path[..., 1]).clamp_min(1e-9)
        shift = (self.plan.speed_mps * self._wave_number)[:, None, None] * towards * t_s[:, None]
        turns = torch.where(self.is_static[:, None, None], shift, -length)
        return turns[..., self.plan.topology.cell_site]

    def _wrapped(self, way: Tensor) -> Tensor:
        """Wraps positions into the cluster; a UE that is there already keeps its exact position."""
        place = wrap_position(self.plan.topology, way)
        return torch.where((place - way).abs().amax(-1, keepdim=True) < 1e-6, way, place)

    @property
    def _wave_number(self) -> float:
        return self.plan.propagation.carrier_hz / SPEED_OF_LIGHT_MPS


@dataclass(frozen=True)
class MovingFading(Fading):
    """Holds the fading of drops whose UEs move; ``rays`` holds none, as they are made while time passes."""

    moving_drops: tuple[MovingDrop, ...] = ()  # one for each different drop
    row: tuple[int, ...] = ()  # index of the drop of each row of the batch
    ready: dict[int, Tensor] = field(default_factory=dict, compare=False)  # rays in force, by the number of their state

    @property
    def writes_into(self) -> bool:
        """Returns False: rays of two states are joined."""
        return False

    def starts(self, serving: Tensor) -> list[tuple[MovingDrop, Tensor]]:
        """Returns each drop with its row of the batch's ``serving``, ``[1, U]``."""
        return [(moving_drop, serving[self.row.index(n)][None]) for n, moving_drop in enumerate(self.moving_drops)]

    def stacked_with(self, others: Sequence[Self]) -> Self:
        """Stacks this batch and others, drop after drop."""
        moving_drops: tuple[MovingDrop, ...] = ()
        row: tuple[int, ...] = ()
        for part in (self, *others):
            row += tuple(len(moving_drops) + number for number in part.row)
            moving_drops += part.moving_drops
        rays = torch.cat([self.rays, *(other.rays for other in others)])
        return replace(self, rays=rays, moving_drops=moving_drops, row=row, ready={})

    def on_prbs(self) -> Self:
        """Returns the fading as it is: its rays are made while time passes."""
        return self

    def coordinates(self, first_slot: int, slots: int, slot_s: float, out: Tensor | None = None) -> Tensor:
        """Computes the basis coordinates of every link at the start of each slot, ``[B, U, T, C * 2D]``."""
        every, end, parts = self.moving_drops[0].motion.update_slots, first_slot + slots, []
        while first_slot < end:
            stop = min(end, (first_slot // every + 1) * every)
            parts.append(self._between(first_slot, stop - first_slot, slot_s))
            first_slot = stop
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)

    def _between(self, first_slot: int, slots: int, slot_s: float) -> Tensor:
        """Interpolates coordinates of slots between two states."""
        every = self.moving_drops[0].motion.update_slots
        time = torch.arange(first_slot, first_slot + slots, dtype=torch.float64) * slot_s
        share = (torch.arange(first_slot, first_slot + slots, dtype=torch.float64) / every) - first_slot // every
        found = [self._phasors_of(moving_drop, first_slot // every, time, share) for moving_drop in self.moving_drops]
        rows = torch.tensor(self.row)
        phasors, direct = (torch.cat(part)[rows].to(self.rays.device) for part in zip(*found, strict=True))
        rays = self._rays(first_slot // every)
        batch, users = rays.shape[:2]
        product = torch.bmm(phasors.flatten(0, 1), rays.flatten(0, 1)).view(batch, users, slots, -1)
        flat = product.view(batch, users, slots, direct.shape[3], 2, -1)[..., 0]  # re and im of the flat function
        flat += direct
        return product

    def _rays(self, number: int) -> Tensor:
        """Joins the rays of a state and of the next one, ``[B, U, 4Ra, C * 2D]``, once."""
        if number not in self.ready:
            both = [
                [moving_drop.rays(n, self.rays.dtype)[0].rays for n in (number, number + 1)]
                for moving_drop in self.moving_drops
            ]
            stacked = torch.cat([torch.cat(states, 2) for states in both])[list(self.row)]
            self.ready.clear()
            self.ready[number] = stacked.to(self.rays.device)
        return self.ready[number]

    def _phasors_of(self, moving_drop: MovingDrop, number: int, time: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Computes phasors ``[1, U, T, 4Ra]`` and direct rays ``[1, U, T, C, 2]`` of one drop."""
        dtype = self.rays.dtype
        (before, direct), (_, direct_after) = (moving_drop.rays(n, dtype) for n in (number, number + 1))
        turns = moving_drop.turns(time, before)
        phase = 2.0 * math.pi * (turns - turns.floor())
        phasors = torch.cat((phase.cos(), phase.sin()), -1)
        later = share[:, None]
        both = torch.cat((phasors * (1.0 - later), phasors * later), -1).to(dtype)
        turns = moving_drop.direct_turns(time)
        amplitude = direct[:, :, None] * (1.0 - later) + direct_after[:, :, None] * later
        ray = amplitude * torch.polar(torch.ones_like(turns), 2.0 * math.pi * (turns - turns.floor()))
        return both, torch.view_as_real(ray).to(dtype)


def build_moving_single_antenna_channel(
    drops: Drops, plan: ChannelPlan, motion: MotionPlan, device: torch.device, dtype: torch.dtype
) -> Channel:
    """Builds the channel of drops whose UEs move; states stay on the CPU, rays go to the device as time passes.

    Raises:
        ValueError: a trajectory file cannot be used, or a blockage names a cell or a group that does not exist.
    """
    basis = frequency_basis(plan)
    ids = list(dict.fromkeys(drops.ids))
    moving_drops = tuple(MovingDrop(Drops(drops.seed, (drop,)), plan, motion, basis) for drop in ids)
    row = [ids.index(drop) for drop in drops.ids]
    starts = [initial_state(moving_drop) for moving_drop in moving_drops]
    first = moving_drops[0].rays(0, dtype)[0]
    fading = MovingFading(
        rays=torch.zeros((len(drops), plan.users, 0, first.rays.shape[-1]), dtype=dtype, device=device),
        doppler_hz=first.doppler_hz[:0].to(device),
        to_prbs=first.to_prbs.to(device, dtype),
        error=first.error,
        moving_drops=moving_drops,
        row=tuple(row),
    )
    snr, serving, position = (torch.cat(part)[torch.tensor(row)] for part in zip(*starts, strict=True))
    return Channel(snr.to(device, dtype), serving.to(device), position.to(device), fading)


def initial_state(moving_drop: MovingDrop) -> tuple[Tensor, Tensor, Tensor]:
    """Computes mean SNR ``[1, U, C]``, serving cells ``[1, U]`` and positions ``[1, U, 3]`` at the start."""
    scale, place = moving_drop.state(0)
    serving = moving_drop.home if moving_drop.plan.attachment == "cell_area" else scale.gain_db.argmax(-1)
    return mean_snr(moving_drop.plan, scale.gain_db), serving, place


def _trajectory(drop: Drops, plan: ChannelPlan, motion: MotionPlan, start: Tensor) -> Trajectory:
    """Draws the trajectory of all UEs; each group has its own random numbers."""
    area = area_of(plan.topology, motion.area)
    parts, members = [], []
    for name, model, own in zip(motion.groups, motion.models, motion.members(), strict=True):
        if len(own):
            members.append(own)
            parts.append(trajectories(drop, model, start[:, own], area, motion.duration_s, f"mobility/{name}"))
    return join(parts, members)


def _loss(drop: Drops, plan: ChannelPlan, motion: MotionPlan, number: int) -> Any:
    """Returns every link's loss in dB ``[1, U, C]`` as a function of positions, not wrapped and wrapped, and time."""
    blockage, carrier_hz = motion.blockage[number], plan.propagation.carrier_hz
    topology, stream = plan.topology, f"blockage/{number}"

    def towards(place: Tensor) -> Tensor:
        return -displacement(topology, place)

    if isinstance(blockage, ModelASettings):
        regions = draw_blocking_regions(drop, blockage, plan.users, stream)

        def by_regions(way: Tensor, place: Tensor, t_s: float) -> Tensor:
            to = towards(place)
            flat = torch.hypot(to[..., 0], to[..., 1])
            angles = torch.atan2(to[..., 1], to[..., 0]), torch.atan2(flat, to[..., 2])
            return model_a_loss_db(regions, way, t_s, *angles, carrier_hz)[..., topology.cell_site]

        return by_regions
    if isinstance(blockage, ModelBSettings):
        screens = draw_blocking_screens(drop, blockage, area_of(topology, motion.area), motion.duration_s, stream)
        return lambda way, place, t_s: model_b_loss_db(screens, place, towards(place), t_s, carrier_hz)[
            ..., topology.cell_site
        ]
    script = build_script(blockage, topology, group_names(motion))
    return lambda way, place, t_s: scripted_loss_db(script, place, t_s)


def group_names(motion: MotionPlan) -> Sequence[str]:
    """Returns the name of each UE's group."""
    return [motion.groups[number] for number in motion.group_of_user.tolist()]
