"""Builds the channel of a batch of drops: serving cells, mean SNRs, and fading of all links."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..antenna.element import SectorAntennaSettings
from ..link.dominant_interferers import DominantLinks, dominant_links
from ..link.mimo_settings import MimoSettings, port_antenna
from ..random import Drops
from ..settings import STRICT
from ..topology.sites import Topology, displacement
from ..topology.users import place_per_cell, place_uniform
from ..tr38901.coupling_gain import in_compiled_loops
from ..tr38901.large_scale import (
    LargeScale,
    LargeScaleModel,
    LargeScalePlan,
    PropagationSettings,
    delay_spread_log10,
    draw_large_scale_model,
    place_on_floors,
)
from .delay_basis import DelayBasis, karhunen_loeve_basis
from .fading import (
    Fading,
    FadingLinks,
    FadingRequest,
    FadingSettings,
    SmallScale,
    draw_fading,
    draws_in_loops,
    memory_for_rays,
)
from .matrices import Matrices, MimoChannel, MimoPlan, draw_mimo, stack_mimo

Attachment = Literal["strongest", "cell_area"]

_LINKS_AT_ONCE = 8_000  # links to sites whose state is computed together
_LINKS_ON_DEVICE = 100_000


@settings(frozen=True, config=STRICT)
class ChannelSettings:
    """Holds the source of the channel, and how often it is evaluated anew where UEs move."""

    provider: Literal["fairwave", "sionna"] = "fairwave"
    """The channel of fairwave, or Sionna's line of sight, path loss, large-scale parameters and rays (slow); Sionna's
    rays alone, in the large-scale state of fairwave, where UEs move, change their cells or are blocked."""
    update_s: float = Field(default=0.1, ge=1e-3, le=10.0)
    """Where UEs move or are blocked: time from one large-scale state to the next, rounded to whole slots; interpolated
    in between."""


@dataclass(frozen=True)
class ChannelPlan:
    """Holds everything that the channel of a drop follows from, besides the drop's number."""

    topology: Topology
    propagation: PropagationSettings
    antenna: SectorAntennaSettings
    fading: FadingSettings
    users_per_cell: int
    placement: Literal["per_cell", "uniform"]
    attachment: Attachment
    min_distance_m: float
    speed_mps: Tensor  # [U]
    frequency_hz: Tensor  # [K] centre of each PRB, relative to the carrier
    snr_at_unit_gain: float
    mimo: MimoSettings | None = None  # panels at both ends, in place of ``antenna``

    @property
    def users(self) -> int:
        """Returns the number of UEs of a drop."""
        return self.users_per_cell * self.topology.cells

    def to(self, device: torch.device) -> ChannelPlan:
        """Moves the plan to another device."""
        return replace(
            self,
            topology=self.topology.to(device),
            speed_mps=self.speed_mps.to(device),
            frequency_hz=self.frequency_hz.to(device),
        )

    @property
    def large_scale(self) -> LargeScalePlan:
        """Returns the plan of the large-scale model; it has clusters only where links fade."""
        if self.mimo is not None:
            return LargeScalePlan(self.topology, self.propagation, port_antenna(self.mimo.base), self.users)
        return LargeScalePlan(self.topology, self.propagation, self.antenna, self.users, self.fading.model != "none")

    @property
    def mimo_plan(self) -> MimoPlan | None:
        """Returns the plan of the channel matrices; None without panels."""
        if self.mimo is None:
            return None
        mimo = self.mimo.isotropic() if self.topology.omnidirectional else self.mimo
        return MimoPlan(mimo, self.frequency_hz, self.speed_mps, self.snr_at_unit_gain)


@dataclass(frozen=True)
class Channel:
    """Holds the channel of a batch of drops, a pure function of time."""

    mean_snr: Tensor  # [B, U, C] linear, of one PRB at its share of full power, mean over fading
    serving: Tensor  # [B, U] int64
    position_m: Tensor  # [B, U, 3]
    fading: SmallScale
    mimo: Matrices | None = None  # where there are panels; nothing fades in ``fading`` then

    def quick_to_read(self) -> Channel:
        """Returns the same channel with responses on PRBs as coordinates of its fading, where these cost less."""
        return replace(self, fading=self.fading.on_prbs())

    def to(self, device: torch.device, dtype: torch.dtype) -> Channel:
        """Moves the channel to another device."""
        fading = self.fading.to(device, dtype)
        mimo = None if self.mimo is None else self.mimo.to(device, dtype)
        snr, serving, position = self.mean_snr.to(device, dtype), self.serving.to(device), self.position_m.to(device)
        return Channel(snr, serving, position, fading, mimo)


def build_channel(drops: Drops, plan: ChannelPlan, device: torch.device, dtype: torch.dtype) -> Channel:
    """Draws the channel of each drop on the CPU in float64, then moves it: the drops are the same on every device.

    Drops are drawn side by side, some at once; a drop is the same in any batch, bit for bit.
    """
    return _draw(drops, plan, frequency_basis(plan), dtype, drops_at_once(plan)).to(device, dtype)


def draw_channel_on(device: torch.device, drops: Drops, plan: ChannelPlan, dtype: torch.dtype) -> Channel:
    """Draws the same networks on a device, in float64 by torch's operations; without panels.

    Numbers are those of :func:`build_channel` up to rounding: 1e-4 of the gain where rays are summed, which float32
    does, and 1e-9 elsewhere.
    """
    basis, step = frequency_basis(plan).to(device), max(1, _LINKS_ON_DEVICE // (plan.users * plan.topology.sites))
    with torch.device(device):
        return _draw(drops, plan.to(device), basis, dtype, step)


def _draw(drops: Drops, plan: ChannelPlan, basis: DelayBasis, dtype: torch.dtype, step: int) -> Channel:
    """Draws drops, ``step`` of them side by side."""
    rays: Tensor | None = None  # of all drops, to be written part by part
    parts = []
    for first in range(0, len(drops), step):
        some = Drops(drops.seed, drops.ids[first : first + step])
        drawn = _draw_links(some, plan, basis, dtype)
        if rays is None and len(drops) > 1 and _has_drawn_rays(plan) and draws_in_loops(drawn.request):
            rays = memory_for_rays(len(drops), drawn.request)
        own = None if rays is None else rays[first : first + step]
        channel = _draw_small_scale(some, plan, drawn, own)
        parts.append(channel.to(channel.mean_snr.device, dtype))
    return _joined(parts, rays)


def drops_at_once(plan: ChannelPlan) -> int:
    """Returns how many drops are drawn side by side: so many that calls cost little, and that caches still hold them.

    One where it takes torch's own operations, which round the last numbers of an array otherwise, and of panels.
    """
    large_scale = plan.large_scale
    if not _has_drawn_rays(plan) or not in_compiled_loops(large_scale, torch.device("cpu")):
        return 1
    return max(1, _LINKS_AT_ONCE // (plan.users * plan.topology.sites))


def _has_drawn_rays(plan: ChannelPlan) -> bool:
    """Returns whether links have rays: not where the plan has no fading, or panels, which have matrices."""
    return plan.fading.model != "none" and plan.mimo is None


def _joined(parts: Sequence[Channel], rays: Tensor | None) -> Channel:
    """Joins channels of consecutive drops; ``rays`` holds those of all of them, or is None."""
    if len(parts) == 1:
        return parts[0]
    if rays is None:
        return stack_channels(parts)
    channel = stack_channels([replace(part, fading=_without_rays(part)) for part in parts])
    return replace(channel, fading=replace(_without_rays(channel), rays=rays))


def _without_rays(channel: Channel) -> Fading:
    fading = channel.fading
    assert isinstance(fading, Fading)
    return replace(fading, rays=fading.rays[:0])


def stack_channels(parts: Sequence[Channel]) -> Channel:
    """Stacks channels to one batch, drop after drop."""

    def cat(of: Callable[[Channel], Tensor]) -> Tensor:
        return torch.cat([of(part) for part in parts])

    fading = parts[0].fading.stacked_with([part.fading for part in parts[1:]])
    mimo = [part.mimo for part in parts if isinstance(part.mimo, MimoChannel)]
    return Channel(
        cat(lambda part: part.mean_snr),
        cat(lambda part: part.serving),
        cat(lambda part: part.position_m),
        fading,
        stack_mimo(mimo) if mimo else None,
    )


def frequency_basis(plan: ChannelPlan) -> DelayBasis:
    """Computes the delay basis of the carrier, the same for all drops.

    It is that of links without line of sight, whose delays are the longest.
    """
    if not _has_drawn_rays(plan):
        flat = torch.ones((len(plan.frequency_hz), 1), dtype=torch.complex128)
        return DelayBasis(flat, torch.zeros(1, dtype=torch.float64), torch.ones((1, 1), dtype=torch.complex128), 0.0)
    quantile = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
    propagation = plan.propagation
    _, (mean, deviation), _ = delay_spread_log10(propagation.model, propagation.carrier_hz, propagation.parameters)
    spreads = 10.0 ** (mean + deviation * torch.special.ndtri(quantile))
    return karhunen_loeve_basis(plan.frequency_hz, spreads, plan.fading.basis_error)


def place_users(drop: Drops, plan: ChannelPlan) -> tuple[Tensor, Tensor]:
    """Draws positions at the start in m ``[B, U, 3]``, and returns the cell in whose area each UE is, ``[B, U]``."""
    place = place_per_cell if plan.placement == "per_cell" else place_uniform
    users = plan.users_per_cell if plan.placement == "per_cell" else plan.users
    keys = drop.keys("placement")
    position, home = place(keys, plan.topology, users, plan.min_distance_m, plan.propagation.ue_height_m)
    return place_on_floors(drop, position, plan.propagation), home


def request_fading(
    plan: ChannelPlan, basis: DelayBasis, scale: LargeScale, position: Tensor, dtype: torch.dtype
) -> FadingRequest:
    """Collects what the rays of a drop are drawn from.

    Args:
        plan: of the channel.
        basis: of :func:`frequency_basis`.
        scale: large-scale state of the links at ``position``.
        position: of the UEs in m, ``[B, U, 3]``.
        dtype: of the rays.
    """
    snr = mean_snr(plan, scale.gain_db)
    return FadingRequest(links_of(plan, scale, position), basis, plan.fading, snr, dtype)


def mean_snr(plan: ChannelPlan, gain_db: Tensor) -> Tensor:
    """Computes the mean SNR of a PRB of every link, linear ``[B, U, C]``, from the coupling gains."""
    return plan.snr_at_unit_gain * torch.exp(gain_db * (math.log(10.0) / 10.0))


def draw_plan_fading(drop: Drops, plan: ChannelPlan, request: FadingRequest) -> Fading:
    """Draws the rays of a drop; a flat and constant response where the plan has no fading, or panels.

    Args:
        drop: one drop; its phases are the same for every state of its links.
        plan: of the channel.
        request: from :func:`request_fading`.
    """
    if not _has_drawn_rays(plan):
        return flat_fading(request.power, len(plan.frequency_hz)).to(request.power.device, request.dtype)
    return draw_fading(drop, request)


def _dominant(plan: ChannelPlan, snr: Tensor, serving: Tensor) -> DominantLinks | None:
    """Finds the links that fade where the plan limits their number; None where all do."""
    count = plan.fading.dominant_interferers
    return None if count is None or count >= plan.topology.cells - 1 else dominant_links(snr, serving, count)


@dataclass(frozen=True)
class _DrawnLinks:
    """Holds the large-scale state of some drops, and what their rays are drawn from."""

    model: LargeScaleModel
    scale: LargeScale
    position: Tensor  # [B, U, 3]
    serving: Tensor  # [B, U]
    request: FadingRequest


def _draw_links(drops: Drops, plan: ChannelPlan, basis: DelayBasis, dtype: torch.dtype) -> _DrawnLinks:
    position, home = place_users(drops, plan)
    model = draw_large_scale_model(drops, plan.large_scale)
    scale = model.at(position)
    serving = home if plan.attachment == "cell_area" else scale.gain_db.argmax(-1)
    request = request_fading(plan, basis, scale, position, dtype)
    return _DrawnLinks(
        model, scale, position, serving, replace(request, dominant=_dominant(plan, request.power, serving))
    )


def _draw_small_scale(drops: Drops, plan: ChannelPlan, drawn: _DrawnLinks, rays: Tensor | None) -> Channel:
    """Draws the rays of some drops, into ``rays`` where these are given, and of one drop the matrices."""
    fading = draw_plan_fading(drops, plan, replace(drawn.request, out=rays))
    mimo, matrices, dtype = None, plan.mimo_plan, drawn.request.dtype
    if matrices is not None:
        mimo = draw_mimo(drops, matrices, drawn.model, drawn.scale, drawn.position, drawn.serving, dtype)
    return Channel(drawn.request.power, drawn.serving, drawn.position, fading, mimo)


def links_of(plan: ChannelPlan, scale: LargeScale, position: Tensor) -> FadingLinks:
    """Collects the links of UEs to cells; those of a site share their clusters, but not antenna weights or phases."""
    site = plan.topology.cell_site
    towards = -displacement(plan.topology, position)[:, :, site]
    return FadingLinks(
        k_factor_db=scale.cell_k_db,
        delay_s=scale.cluster_delay_s,
        share=scale.cluster_power,
        azimuth_rad=torch.atan2(towards[..., 1], towards[..., 0]),
        speed_mps=plan.speed_mps,
        carrier_hz=plan.propagation.carrier_hz,
    )


def flat_fading(snr: Tensor, prbs: int) -> Fading:
    """Builds a response of one ray without delay or Doppler shift."""
    amplitude = snr.sqrt()[..., None]
    rays = torch.stack((torch.cat((amplitude, 0 * amplitude), -1), torch.cat((0 * amplitude, amplitude), -1)), 2)
    to_prbs = torch.zeros((2, 2 * prbs), dtype=torch.float64)
    to_prbs[0, :prbs] = to_prbs[1, prbs:] = 1.0
    still = torch.zeros((*snr.shape[:2], 1), dtype=torch.float64)
    return Fading(rays.flatten(3), still, to_prbs, 0.0, turn_rad=still, max_doppler_hz=0.0)
