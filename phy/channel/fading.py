"""Computes small-scale fading at any slot: clusters with delays of their own, rays with Doppler shifts of their own.

The response of a link (UE u, cell c) at PRB k and time t is

    h[u,c,k](t) = sum_n sqrt(p_n) sum_m a_nm exp(j 2 pi nu_um t) exp(-j 2 pi f_k tau_n),

with delays tau_n and powers p_n of the link's clusters (:mod:`phy.tr38901.coupling_gain`; the powers as the cell's
antenna weights them), unit-power random phases a_nm, and the Doppler shifts
``nu_um = v_u / lambda cos(theta_u + 2 pi m / Ra)`` of Ra directions around UE u (isotropic scattering, so that the
autocorrelation of a link is J0(2 pi v t / lambda) in the mean over UEs). A line-of-sight ray of power K/(K+1) takes
the direction nearest to its own.

Two steps make it fast; its error is stated. A Karhunen-Loeve basis of D functions over frequency, which all links share
(:mod:`phy.channel.delay_basis`), carries every delay, so that the step from rays to PRBs is one matrix product; the
share of energy outside of the basis is ``DelayBasis.error``. As the rays of all slots of a block differ only by their
phasors, the step from rays to the basis is a second product for many slots at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, Self

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from ..link.dominant_interferers import DominantLinks, stack_dominant_links
from ..numerics.jit import uses_numba
from ..numerics.threads import share_out
from ..random import Drops, uniform
from ..settings import STRICT
from ..units import SPEED_OF_LIGHT_MPS
from .delay_basis import DelayBasis, carried_energy, grid_index, grid_steps, steering_matrix

_USERS_AT_ONCE = 32  # UEs whose rays are drawn at once, to bound the memory of drawing them
_ON_PRBS = 10_000_000  # amplitudes of a drop's rays on PRBs, at most: in float32 40 MB


@settings(frozen=True, config=STRICT)
class FadingSettings:
    """Holds how small-scale fading is drawn and represented.

    Source: 3GPP TR 38.901, clauses 7.5 and 7.6.
    """

    model: Literal["rays", "none"] = "rays"
    """Clustered rays after TR 38.901, or none: every PRB has the large-scale gain at all times."""
    directions: int = Field(default=10, ge=3, le=64)
    """Directions of arrival around a UE, each with a Doppler shift of its own."""
    basis_error: float = Field(default=0.03, ge=0, lt=0.5)
    """Share of the mean energy that the common basis of frequency responses may leave out; less is slower."""
    dominant_interferers: int | None = Field(default=None, ge=0, le=1000)
    """Strongest interferers of each UE that fade, while the others are heard at their mean power: faster in large
    networks, and approximate. Left out, or as many as there are other cells or more, all cells fade, which is exact."""


@dataclass(frozen=True)
class FadingLinks:
    """Holds the properties of links that their fading follows from."""

    k_factor_db: Tensor  # [B, U, C] power of the direct ray over that of all others
    delay_s: Tensor  # [B, U, Si, Cl] of the clusters towards each site; the cells of a site follow each other
    share: Tensor  # [B, U, C, Cl] of the scattered power, of unit sum
    azimuth_rad: Tensor  # [B, U, C] direction from UE to cell
    speed_mps: Tensor  # [U]
    carrier_hz: float

    def of_users(self, block: slice) -> FadingLinks:
        """Selects the links of some UEs."""
        return FadingLinks(
            self.k_factor_db[:, block],
            self.delay_s[:, block],
            self.share[:, block],
            self.azimuth_rad[:, block],
            self.speed_mps[block],
            self.carrier_hz,
        )


class SmallScale(Protocol):
    """Describes small-scale fading as an engine reads it: a pure function of time in a basis of D functions."""

    @property
    def to_prbs(self) -> Tensor:
        """Returns the matrix ``[2D, 2K]`` from coordinates to real and imaginary part on each PRB."""

    @property
    def error(self) -> float:
        """Returns the share of the mean energy outside of the basis."""

    @property
    def slot_shape(self) -> tuple[int, int, int]:
        """Returns B, U and C * 2D, the shape of the coordinates of one slot."""

    @property
    def writes_into(self) -> bool:
        """Returns whether :meth:`coordinates` writes into memory that it is given, and is quicker by it."""

    def coordinates(self, first_slot: int, slots: int, slot_s: float, out: Tensor | None = None) -> Tensor:
        """Computes the basis coordinates of every link at the start of each slot, ``[B, U, T, C * 2D]``.

        Args:
            first_slot: first slot.
            slots: number of slots.
            slot_s: length of a slot.
            out: memory for the result, of its shape; without ``writes_into`` it is left alone.
        """

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Moves the fading to another device."""

    def stacked_with(self, others: Sequence[Self]) -> Self:
        """Stacks this batch and others, drop after drop."""

    def on_prbs(self) -> Self:
        """Returns the same fading with responses on PRBs as coordinates where these cost less, else as it is."""

    @property
    def dominant(self) -> DominantLinks | None:
        """Returns the links that have coordinates, in place of those of all C cells; None where all fade."""


@dataclass(frozen=True)
class Fading:
    """Holds the rays of a batch of drops in the coordinates of a basis, to be evaluated at any time."""

    rays: Tensor  # [B, U, 2Ra, C * 2D] amplitudes, scaled to sqrt of the mean power of each link
    doppler_hz: Tensor  # [B, U, Ra] float64
    to_prbs: Tensor  # [2D, 2K] from coordinates to real and imaginary part on each PRB
    error: float
    turn_rad: Tensor | None = field(default=None, kw_only=True)  # [B, U, Ra] directions, where they are asked for
    dominant: DominantLinks | None = field(default=None, kw_only=True)  # links with rays; None where all have some
    max_doppler_hz: float | None = field(default=None, kw_only=True)  # of any drop; None where rays change with time

    @property
    def slot_shape(self) -> tuple[int, int, int]:
        """Returns B, U and C * 2D, the shape of the coordinates of one slot."""
        batch, users, _, width = self.rays.shape
        return batch, users, width

    @property
    def writes_into(self) -> bool:
        """Returns whether the rays are on the CPU; on a GPU torch itself uses memory again."""
        return self.rays.device.type == "cpu"

    def coordinates(self, first_slot: int, slots: int, slot_s: float, out: Tensor | None = None) -> Tensor:
        """Computes the basis coordinates of every link at the start of each slot, ``[B, U, T, C * 2D]``.

        Args:
            first_slot: first slot.
            slots: number of slots.
            slot_s: length of a slot.
            out: result of an earlier call of the same shape, to be overwritten; new memory takes longer than the sum.
        """
        batch, users, width = self.slot_shape
        time = torch.arange(first_slot, first_slot + slots, dtype=torch.float64, device=self.rays.device) * slot_s
        phasors = self.phasors(time)
        # One product a UE, of one shape in every batch; written slot by slot, as it will be read.
        if out is None:
            out = self.rays.new_empty((slots, batch, users, width)).permute(1, 2, 0, 3)
        made = out

        def some(drops: range) -> None:
            own = slice(drops.start, drops.stop)
            torch.bmm(phasors[own].flatten(0, 1), self.rays[own].flatten(0, 1), out=made[own].flatten(0, 1))

        if self.rays.device.type == "cpu":
            share_out(some, batch, self.rays[0].numel())
        else:
            some(range(batch))
        return made

    def phasors(self, time_s: Tensor) -> Tensor:
        """Computes what each ray's amplitudes are multiplied with at some times ``[T]``, ``[B, U, T, 2Ra]``."""
        turns = self.doppler_hz[:, :, None, :] * time_s[:, None]
        phase = 2 * math.pi * (turns - turns.floor())
        return torch.cat((phase.cos(), phase.sin()), -1).to(self.rays.dtype)

    def on_prbs(self) -> Self:
        """Returns the same fading with responses on PRBs as coordinates, ``D = K``: no product in a slot, but more
        memory for rays.

        So it is where a drop's rays stay small and there are fewer of them than functions in the basis; else as it is.
        """
        size, both = self.to_prbs.shape
        drops, users, rays, width = self.rays.shape
        if numbers_per_ray(rays, users * (width // size), size, both) == size:
            return self
        made = torch.bmm(self.rays.reshape(drops, -1, size), self.to_prbs.expand(drops, -1, -1))
        unit = torch.eye(both, dtype=self.to_prbs.dtype, device=self.to_prbs.device)
        return replace(self, rays=made.view(drops, users, rays, -1), to_prbs=unit)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Moves the fading to another device; Doppler shifts stay in float64."""
        rays, to_prbs = self.rays.to(device, dtype), self.to_prbs.to(device, dtype)
        dominant = self.dominant and self.dominant.to(device, dtype)
        return replace(self, rays=rays, doppler_hz=self.doppler_hz.to(device), to_prbs=to_prbs, dominant=dominant)

    def stacked_with(self, others: Sequence[Self]) -> Self:
        """Stacks this batch and others, drop after drop."""
        rays = torch.cat([self.rays, *(other.rays for other in others)])
        doppler = torch.cat([self.doppler_hz, *(other.doppler_hz for other in others)])
        dominant = [part.dominant for part in (self, *others) if part.dominant is not None]
        return replace(
            self,
            rays=rays,
            doppler_hz=doppler,
            turn_rad=None,
            dominant=stack_dominant_links(dominant) if dominant else None,
        )


def numbers_per_ray(rays: int, links: int, size: int, both: int) -> int:
    """Computes how many numbers represent each ray of a link in the slot loop: ``size`` of a basis, or ``both`` of all
    PRBs.

    A ray on PRBs needs no product with the basis in every slot. That pays where there are fewer rays than functions,
    and is done while the memory is small.
    """
    return both if rays < size and rays * links * both <= _ON_PRBS else size


@dataclass(frozen=True)
class FadingRequest:
    """Holds what the rays of one or more drops are drawn from."""

    links: FadingLinks
    basis: DelayBasis
    settings: FadingSettings
    power: Tensor  # [B, U, C] mean power of each link, for example its SNR: the response's mean square over drops
    dtype: torch.dtype  # of the rays, which are computed in float64
    direct: bool = True  # direct rays are among them; else directions are given, see :func:`direct_rays`
    dominant: DominantLinks | None = None  # links whose rays are kept; None for all
    out: Tensor | None = None  # memory for the rays in compiled loops, of their shape; without it they make their own


def draw_fading(drops: Drops, request: FadingRequest) -> Fading:
    """Draws the rays of one drop (``B = 1``) or more.

    The rays of a link are the same, whichever links are kept. Streams: "fading/turn", "fading/phase",
    "fading/los_phase".

    Args:
        drops: the batch.
        request: links, basis and powers.
    """
    links, directions, users = request.links, request.settings.directions, request.power.shape[1]
    turn = 2 * math.pi * (uniform(drops.keys("fading/turn"), (users, 1)) + torch.arange(directions) / directions)
    shift_hz = links.speed_mps * (links.carrier_hz / SPEED_OF_LIGHT_MPS)
    doppler = shift_hz[:, None] * torch.cos(turn)
    rays = _draw_rays_in_loops(drops, request, turn) if draws_in_loops(request) else _draw_rays(drops, request, turn)
    turn_rad, to_prbs = None if request.direct else turn, steering_matrix(request.basis).to(request.dtype)
    return Fading(
        rays,
        doppler,
        to_prbs,
        request.basis.error,
        turn_rad=turn_rad,
        dominant=request.dominant,
        max_doppler_hz=float(shift_hz.abs().max()),
    )


def _draw_rays_in_loops(drops: Drops, request: FadingRequest, turn: Tensor) -> Tensor:
    """Draws amplitudes in the layout of :class:`Fading` in compiled loops."""
    from .ray_amplitudes_numba import draw_rays

    links, power = request.links, request.power
    out = memory_for_rays(len(power), request) if request.out is None else request.out
    every = torch.arange(power.shape[2]).expand_as(power)
    cell = every if request.dominant is None else request.dominant.cell
    keys, delay = (drops.keys("fading/phase"), drops.keys("fading/los_phase")), grid_steps(links.delay_s, request.basis)
    given = (*keys, links.share, delay, links.k_factor_db, power, links.azimuth_rad, turn, cell)
    draw_rays(given, request.basis, request.direct, out)
    return out


def _draw_rays(drops: Drops, request: FadingRequest, turn: Tensor) -> Tensor:
    """Draws amplitudes in the layout of :class:`Fading`, some UEs after the other, by torch's operations."""
    dominant, rays = request.dominant, []
    for first in range(0, request.power.shape[1], _USERS_AT_ONCE):
        block = slice(first, first + _USERS_AT_ONCE)
        drawn = _rays(drops, request, turn, block).to(request.dtype.to_complex())
        rays.append(_as_real(drawn if dominant is None else _of_cells(drawn, dominant.cell[:, block])))
    return torch.cat(rays, 1)


def draws_in_loops(request: FadingRequest) -> bool:
    """Returns whether rays are drawn in compiled loops, which write into given memory."""
    return request.power.device.type == "cpu" and uses_numba()


def memory_for_rays(drops: int, request: FadingRequest) -> Tensor:
    """Allocates memory for the rays of so many drops that are drawn part by part, ``[B, U, 2Ra, J * 2D]``.

    By NumPy, which asks the system for large pages: new memory of small ones takes as long as the rays themselves.
    """
    users, cells = request.power.shape[1:]
    kept = cells if request.dominant is None else request.dominant.cell.shape[-1]
    width = kept * 2 * request.basis.coordinates.shape[1]
    kind = torch.empty(0, dtype=request.dtype).numpy().dtype
    return torch.from_numpy(np.empty((drops, users, 2 * request.settings.directions, width), kind))


def direct_rays(drops: Drops, links: FadingLinks, power: Tensor) -> Tensor:
    """Computes the amplitudes of the direct rays, ``[B, U, C]`` complex, with the phases that they have among other
    rays.
    """
    k = 10.0 ** (links.k_factor_db / 10.0)
    phase = 2 * math.pi * uniform(drops.keys("fading/los_phase"), tuple(power.shape[1:]))
    return torch.polar((power * k / (1.0 + k)).sqrt(), phase)


def _rays(drops: Drops, request: FadingRequest, turn: Tensor, block: slice) -> Tensor:
    """Computes amplitudes of a block of UEs, complex128 ``[B, block, C, Ra, D]``."""
    some, power, basis = request.links.of_users(block), request.power[:, block], request.basis
    amplitude = _amplitudes(drops, some.share, turn.shape[-1], block.start)
    index = grid_index(some.delay_s, basis)
    coordinate = basis.coordinates[index]  # [B, U, Si, Cl, D]
    k = 10.0 ** (some.k_factor_db / 10.0)
    scattered_power = power / (1.0 + k) / _kept(some, carried_energy(basis)[index])
    scattered = _per_site(amplitude, some) @ coordinate  # the rays of all cells of a site at once
    scattered = scattered.view(*amplitude.shape[:-1], -1).mul_(scattered_power.sqrt()[..., None, None])
    if not request.direct:
        return scattered
    direct = _line_of_sight(drops, some, turn[:, block], (power * k / (1.0 + k)).sqrt(), block.start)
    return scattered.add_(direct[..., None] * basis.coordinates[0])


def _of_cells(rays: Tensor, cell: Tensor) -> Tensor:
    """Selects the rays of each UE's cells ``[B, U, J]``, from ``[B, U, C, Ra, D]``."""
    return rays.gather(2, cell[..., None, None].expand(-1, -1, -1, *rays.shape[3:]))


def _amplitudes(drops: Drops, share: Tensor, directions: int, first_user: int) -> Tensor:
    """Draws the amplitude of each ray, ``[B, U, C, Ra, Cl]`` complex: equal power in all directions, random phase."""
    shape = (*share.shape[1:-1], directions, share.shape[-1])
    phase = uniform(drops.keys("fading/phase"), shape, first_user * math.prod(shape[1:]))
    return torch.polar((share / directions).sqrt()[..., None, :].expand_as(phase), 2 * math.pi * phase)


def _per_site(amplitude: Tensor, links: FadingLinks) -> Tensor:
    """Rearranges ``[B, U, C, Ra, Cl]`` to ``[B, U, Si, cells of a site * Ra, Cl]``."""
    sites = links.delay_s.shape[2]
    return amplitude.view(*amplitude.shape[:2], sites, -1, amplitude.shape[-1])


def _kept(links: FadingLinks, energy: Tensor) -> Tensor:
    """Computes the share of each link's scattered power that the basis carries, to be made good: ``[B, U, C]``."""
    cells = links.share.shape[2] // energy.shape[2]
    return (links.share * energy.repeat_interleave(cells, 2)).sum(-1)


def _line_of_sight(drops: Drops, links: FadingLinks, turn: Tensor, amplitude: Tensor, first_user: int) -> Tensor:
    """Computes the direct ray's amplitude ``[B, U, C, Ra]``, in that of the Ra directions nearest to the cell's."""
    offset = torch.cos(turn[:, :, None, :] - links.azimuth_rad[..., None])
    nearest = offset == offset.amax(-1, keepdim=True)
    shape = tuple(amplitude.shape[1:])
    phase = 2 * math.pi * uniform(drops.keys("fading/los_phase"), shape, first_user * shape[1])
    return torch.polar(amplitude, phase)[..., None] * nearest


def _as_real(rays: Tensor) -> Tensor:
    """Rearranges ``[B, U, C, Ra, D]`` complex to ``[B, U, 2Ra, C * 2D]``: rows for cosines and sines of the phasors."""
    batch, users, cells, directions, size = rays.shape
    cosine = torch.cat((rays.real, rays.imag), -1)
    sine = torch.cat((-rays.imag, rays.real), -1)
    both = torch.cat((cosine, sine), 3)
    return both.permute(0, 1, 3, 2, 4).reshape(batch, users, 2 * directions, cells * 2 * size).contiguous()
