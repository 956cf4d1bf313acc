"""Channel matrices between users and the cells that they hear best, for any slot.

Rays are drawn and steered once for a drop (TR 38.901 clause 7.5); what moves afterwards are phases only. Cells that a
user does not hear one by one are kept as mean powers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .antennas import AntennaSettings
from .large_scale import Air, LargeScale, site_links
from .mimo_clusters import heard_rays
from .mimo_rays import End, MimoRays, SteeredRays, steer
from .panel import orientation_rad
from .random import Drops, uniform

_USERS_AT_ONCE = 32  # users whose rays are steered at once, to bound the memory of it


@dataclass(frozen=True)
class MimoPlan:
    """What matrices follow from, besides the air."""

    antennas: AntennaSettings
    frequency_hz: Tensor  # [K] centre of each PRB, relative to the carrier
    speed_mps: Tensor  # [U]
    snr_at_unit_gain: float


@dataclass(frozen=True)
class MimoChannel:
    """Drops side by side; a pure function of time."""

    antennas: AntennaSettings
    steered: SteeredRays  # of links [B, U, J], the user's own cell first
    tones: Tensor  # [B, U, J, K, N] complex, phase of each cluster on each PRB
    heard: Tensor  # [B, U, J] int64, which cells these are
    rest_snr: Tensor  # [B, U, C] mean power at a user's port from the cells that are not among them, else 0

    def matrices(self, drop: int, time_s: float) -> Tensor:
        """Matrices ``[U, K, J, Nr, Nt]`` of one drop of the batch; powers relative to the noise of a PRB."""
        rays = SteeredRays(*(getattr(self.steered, field.name)[drop] for field in fields(SteeredRays)))
        taps = rays.taps(torch.tensor([time_s], dtype=torch.float64, device=rays.doppler_hz.device))
        made: Tensor = (self.tones[drop] @ taps.flatten(-3)).unflatten(-1, taps.shape[-2:])
        return made.transpose(1, 2).contiguous()

    def to(self, device: torch.device, dtype: torch.dtype) -> MimoChannel:
        """The same on another device, complex numbers of ``dtype``."""
        kind = dtype.to_complex()
        rays = self.steered
        steered = SteeredRays(
            rays.rx.to(device, kind), rays.tx.to(device, kind), rays.doppler_hz.to(device), rays.delay_s.to(device)
        )
        tones, rest = self.tones.to(device, kind), self.rest_snr.to(device, dtype)
        return MimoChannel(self.antennas, steered, tones, self.heard.to(device), rest)


def stack_mimo(parts: Sequence[MimoChannel]) -> MimoChannel:
    """One batch of several."""
    steered = _cat([part.steered for part in parts], 0)
    both = [torch.cat([getattr(part, name) for part in parts]) for name in ("tones", "heard", "rest_snr")]
    return MimoChannel(parts[0].antennas, steered, *both)


def draw_mimo(
    drop: Drops, plan: MimoPlan, air: Air, scale: LargeScale, position_m: Tensor, serving: Tensor, dtype: torch.dtype
) -> MimoChannel:
    """Matrices of one drop whose users are at ``position_m`` ``[1, U, 3]``.

    Each user has a bearing and a heading of his own, by the streams "mimo/bearing" and "mimo/heading".

    Args:
        drop: one drop.
        plan: panels, PRBs, speeds.
        air: of that drop, drawn with clusters, with the antenna :func:`phy.antennas.port_antenna`.
        scale: the state of the links at ``position_m``.
        position_m: of the users.
        serving: int64 ``[1, U]``.
        dtype: real type of the result; steering is computed in float64.
    """
    snr = plan.snr_at_unit_gain * torch.pow(10.0, scale.gain_db / 10.0)
    heard = strongest(snr, serving, plan.antennas.heard_cells)
    links = site_links(air, position_m)
    site = air.plan.topology.cell_site[heard]
    rays = heard_rays(drop, air, links, site)
    gain = plan.snr_at_unit_gain * links.power.gather(2, site)
    boresight = air.plan.topology.azimuth_rad[heard]
    steered = _steered(drop, plan, air, rays, boresight, gain, dtype)
    turns = steered.delay_s[..., None, :] * plan.frequency_hz[:, None]
    tones = torch.polar(torch.ones_like(turns), -2.0 * math.pi * (turns - turns.floor())).to(dtype.to_complex())
    return MimoChannel(plan.antennas, steered, tones, heard, snr.scatter(2, heard, 0.0))


def strongest(snr: Tensor, serving: Tensor, count: int) -> Tensor:
    """The cells that each user hears best, his own first, int64 ``[B, U, J]`` with J no more than there are cells."""
    own_first = snr.scatter(2, serving[..., None], torch.inf)
    return own_first.topk(min(count, snr.shape[2]), -1).indices


def _steered(
    drop: Drops, plan: MimoPlan, air: Air, rays: MimoRays, boresight: Tensor, gain: Tensor, dtype: torch.dtype
) -> SteeredRays:
    base_panel, ue_panel = plan.antennas.base, plan.antennas.ue
    users = gain.shape[1]
    turn = [2.0 * math.pi * uniform(drop.keys(name), (users, 1)) for name in ("mimo/bearing", "mimo/heading")]
    bearing, heading = (angle.expand_as(gain) for angle in turn)
    direction = torch.stack((heading.cos(), heading.sin(), torch.zeros_like(heading)), -1)
    velocity = plan.speed_mps[:, None, None] * direction
    parts = []
    for first in range(0, users, _USERS_AT_ONCE):
        some = (slice(None), slice(first, first + _USERS_AT_ONCE))
        base = End(base_panel, orientation_rad(base_panel, boresight[some]))
        ue = End(ue_panel, orientation_rad(ue_panel, bearing[some]))
        few = MimoRays(**{field.name: getattr(rays, field.name)[some] for field in fields(MimoRays)})
        made = steer(few, base, ue, velocity[some], air.plan.propagation.carrier_hz, gain[some])
        kind = dtype.to_complex()
        parts.append(SteeredRays(made.rx.to(kind), made.tx.to(kind), made.doppler_hz, made.delay_s))
    return _cat(parts, 1)


def _cat(parts: Sequence[SteeredRays], dim: int) -> SteeredRays:
    return SteeredRays(
        *(torch.cat([getattr(part, field.name) for part in parts], dim) for field in fields(SteeredRays))
    )
