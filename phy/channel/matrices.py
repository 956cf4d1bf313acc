"""Computes channel matrices between UEs and the cells that they receive best, for any slot.

Rays are drawn and steered once for a drop (TR 38.901 clause 7.5); only their phases change over time. Cells whose
matrices a UE does not know are kept as mean powers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from ..antenna.panel import orientation_rad
from ..link.dominant_interferers import strongest_cells
from ..link.mimo_settings import MimoSettings
from ..random import Drops, uniform
from ..tr38901.coefficients import LinkEnd, MimoRays, SteeredRays, steer
from ..tr38901.large_scale import LargeScale, LargeScaleModel, site_links
from ..tr38901.link_clusters import rays_of_heard_cells

_LINKS_AT_ONCE = 32  # UEs, or links, whose rays are steered at once, to bound the memory of it


@dataclass(frozen=True)
class MimoPlan:
    """Holds everything that matrices follow from, besides the large-scale model."""

    settings: MimoSettings
    frequency_hz: Tensor  # [K] centre of each PRB, relative to the carrier
    speed_mps: Tensor  # [U]
    snr_at_unit_gain: float


@dataclass(frozen=True)
class HeardCells:
    """Holds the cells whose matrices each UE knows, and the mean power of the others."""

    heard: Tensor  # [B, U, J] int64, cells with matrices, the UE's own first
    rest_snr: Tensor  # [B, U, C] mean power at a UE's port from the cells that are not among them, else 0


class Matrices(Protocol):
    """Describes the channel matrices of a batch of drops at any slot."""

    @property
    def settings(self) -> MimoSettings:
        """Returns the panels of both ends."""
        ...

    def at_slot(self, slot: int, slot_s: float) -> tuple[Tensor, HeardCells]:
        """Computes matrices ``[B, U, K, J, Nr, Nt]`` at the start of a slot, and returns the cells that
        they belong to.
        """
        ...

    def with_serving(self, serving: Tensor, period_slots: int) -> Matrices:
        """Returns the matrices of UEs whose cells ``[B, Tm, U]`` change at every ``period_slots`` slots."""
        ...

    def to(self, device: torch.device, dtype: torch.dtype) -> Matrices:
        """Moves the matrices to another device, complex numbers of ``dtype``."""
        ...


@dataclass(frozen=True)
class MimoChannel:
    """Holds the rays of a batch of drops whose UEs do not move; matrices are a pure function of time."""

    settings: MimoSettings
    steered: SteeredRays  # of links [B, U, J], the UE's own cell first
    tones: Tensor  # [B, U, J, K, Cl] complex, phase of each cluster on each PRB
    heard: Tensor  # [B, U, J] int64, which cells these are
    rest_snr: Tensor  # [B, U, C] mean power at a UE's port from the cells that are not among them, else 0

    def at_slot(self, slot: int, slot_s: float) -> tuple[Tensor, HeardCells]:
        """Computes matrices ``[B, U, K, J, Nr, Nt]`` at the start of a slot, and returns the cells that
        they belong to.
        """
        matrices = torch.stack([self.matrices(b, slot * slot_s) for b in range(len(self.heard))])
        return matrices, HeardCells(self.heard, self.rest_snr)

    def with_serving(self, serving: Tensor, period_slots: int) -> Matrices:
        """Refuses UEs that change their cell.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "these matrices are of UEs that keep their cells; for handovers build the channel with "
            "phy.channel.moving_matrices.build_moving_channel"
        )

    def matrices(self, drop: int, time_s: float) -> Tensor:
        """Computes matrices ``[U, K, J, Nr, Nt]`` of one drop of the batch; powers relative to the noise of a PRB."""
        rays = SteeredRays(*(getattr(self.steered, field.name)[drop] for field in fields(SteeredRays)))
        taps = rays.taps(torch.tensor([time_s], dtype=torch.float64, device=rays.doppler_hz.device))
        made: Tensor = (self.tones[drop] @ taps.flatten(-3)).unflatten(-1, taps.shape[-2:])
        return made.transpose(1, 2).contiguous()

    def to(self, device: torch.device, dtype: torch.dtype) -> MimoChannel:
        """Moves the channel to another device, complex numbers of ``dtype``."""
        kind = dtype.to_complex()
        rays = self.steered
        steered = SteeredRays(
            rays.rx.to(device, kind), rays.tx.to(device, kind), rays.doppler_hz.to(device), rays.delay_s.to(device)
        )
        tones, rest = self.tones.to(device, kind), self.rest_snr.to(device, dtype)
        return MimoChannel(self.settings, steered, tones, self.heard.to(device), rest)


def stack_mimo(parts: Sequence[MimoChannel]) -> MimoChannel:
    """Stacks channels to one batch, drop after drop."""
    steered = _cat([part.steered for part in parts], 0)
    both = [torch.cat([getattr(part, name) for part in parts]) for name in ("tones", "heard", "rest_snr")]
    return MimoChannel(parts[0].settings, steered, *both)


def draw_mimo(
    drop: Drops,
    plan: MimoPlan,
    model: LargeScaleModel,
    scale: LargeScale,
    position_m: Tensor,
    serving: Tensor,
    dtype: torch.dtype,
) -> MimoChannel:
    """Draws the rays of one drop whose UEs are at ``position_m`` ``[1, U, 3]``, and steers them by the panels.

    Each UE has a bearing and a heading of its own, by the streams "mimo/bearing" and "mimo/heading".

    Args:
        drop: one drop.
        plan: panels, PRBs, speeds.
        model: of that drop, drawn with clusters, with the antenna :func:`phy.link.mimo_settings.port_antenna`.
        scale: the state of the links at ``position_m``.
        position_m: of the UEs.
        serving: int64 ``[1, U]``.
        dtype: real type of the result; steering is computed in float64.
    """
    snr = plan.snr_at_unit_gain * torch.pow(10.0, scale.gain_db / 10.0)
    heard = strongest_cells(snr, serving, plan.settings.heard_cells)
    links = site_links(model, position_m)
    site = model.plan.topology.cell_site[heard]
    rays = rays_of_heard_cells(drop, model, links, site)
    gain = plan.snr_at_unit_gain * links.power.gather(2, site)
    boresight = model.plan.topology.azimuth_rad[heard]
    bearing, velocity = draw_orientations(drop, plan.speed_mps)
    ends = LinkOrientations(boresight, bearing[..., None].expand_as(gain), velocity[:, :, None].expand(*gain.shape, 3))
    steered = steer_links(plan, model.plan.propagation.carrier_hz, rays, ends, gain, dtype)
    tones = cluster_phases(steered, plan.frequency_hz, dtype)
    return MimoChannel(plan.settings, steered, tones, heard, snr.scatter(2, heard, 0.0))


@dataclass(frozen=True)
class LinkOrientations:
    """Holds the orientations of both ends of links, and the velocity of the UE."""

    boresight_rad: Tensor  # [1, R, ...] of the cell
    bearing_rad: Tensor  # [1, R, ...] of the UE's panel
    velocity_mps: Tensor  # [1, R, ..., 3]

    def select(self, rows: slice) -> LinkOrientations:
        """Selects some rows."""
        return LinkOrientations(self.boresight_rad[:, rows], self.bearing_rad[:, rows], self.velocity_mps[:, rows])


def draw_orientations(drop: Drops, speed_mps: Tensor) -> tuple[Tensor, Tensor]:
    """Draws the bearing ``[1, U]`` of each UE's panel, and its velocity ``[1, U, 3]`` in a random direction."""
    turn = [2.0 * math.pi * uniform(drop.keys(name), (len(speed_mps),)) for name in ("mimo/bearing", "mimo/heading")]
    bearing, heading = turn
    direction = torch.stack((heading.cos(), heading.sin(), torch.zeros_like(heading)), -1)
    return bearing, speed_mps[:, None] * direction


def cluster_phases(steered: SteeredRays, frequency_hz: Tensor, dtype: torch.dtype) -> Tensor:
    """Computes the phase of each cluster on each PRB ``[..., K, Cl]``, complex."""
    turns = steered.delay_s[..., None, :] * frequency_hz[:, None]
    return torch.polar(torch.ones_like(turns), -2.0 * math.pi * (turns - turns.floor())).to(dtype.to_complex())


def steer_links(
    plan: MimoPlan, carrier_hz: float, rays: MimoRays, ends: LinkOrientations, gain: Tensor, dtype: torch.dtype
) -> SteeredRays:
    """Applies the panels to rays, some rows at a time.

    Args:
        plan: panels.
        carrier_hz: carrier frequency.
        rays: of links ``[1, R, ...]``.
        ends: of these links.
        gain: ``[1, R, ...]`` mean SNR between isotropic antennas.
        dtype: real type of the result; it is computed in float64.
    """
    parts = []
    for first in range(0, gain.shape[1], _LINKS_AT_ONCE):
        some = slice(first, first + _LINKS_AT_ONCE)
        these = ends.select(some)
        base = LinkEnd(plan.settings.base, orientation_rad(plan.settings.base, these.boresight_rad))
        ue = LinkEnd(plan.settings.ue, orientation_rad(plan.settings.ue, these.bearing_rad))
        select = MimoRays(**{field.name: getattr(rays, field.name)[:, some] for field in fields(MimoRays)})
        made = steer(select, base, ue, these.velocity_mps, carrier_hz, gain[:, some])
        kind = dtype.to_complex()
        parts.append(SteeredRays(made.rx.to(kind), made.tx.to(kind), made.doppler_hz, made.delay_s))
    return _cat(parts, 1)


def _cat(parts: Sequence[SteeredRays], dim: int) -> SteeredRays:
    return SteeredRays(
        *(torch.cat([getattr(part, field.name) for part in parts], dim) for field in fields(SteeredRays))
    )
