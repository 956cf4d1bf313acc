"""Computes small-scale fading of given rays, each with an amplitude, a Doppler shift and a delay of its own.

The response of UE u to sector s of site n on PRB k at time t is

    h[u,n,s,k](t) = sum_p exp(-j 2 pi f_k tau[u,n,p]) sum_{r in p} a[u,n,s,r] exp(j 2 pi nu[u,n,r] t),

where a path p gathers the rays of one delay: the direct ray, the three sub-clusters of each of the two strongest
clusters (TR 38.901 Table 7.5-5), and every other cluster. It is evaluated slot by slot and drop by drop in pieces of
one shape, so that the bits of a slot depend neither on the block in which it is asked for nor on the batch. Much dearer
than :mod:`phy.channel.fading`, which shares its delays and Doppler shifts between links.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..tr38901.lsp_tables import RAYS, STRONG_CLUSTERS, SUB_CLUSTER_DELAYS, SUB_CLUSTERS

_RAYS_AT_ONCE = 1 << 18  # of all links of a block of UEs, to bound the memory of a slot


@dataclass(frozen=True)
class RayFading:
    """Holds rays of Bd drops with Cl clusters a link, to be evaluated at any time for a batch of B that may repeat
    drops.

    Rays stand in the order: the direct one, those of the strongest cluster, of the second, of all others; within
    a cluster sub-cluster by sub-cluster. ``Rl = 1 + 20 Cl`` rays have ``P = 1 + 6 + Cl - 2`` delays.
    """

    rays: Tensor  # [Bd, U, Si, Se, Rl] complex amplitudes, of the SNR's square root
    doppler_hz: Tensor  # [Bd, U, Si, Rl] float64
    steering: Tensor  # [Bd, U, Si, paths, K] complex, exp(-j 2 pi f tau)
    which: Tensor  # [B] int64, of the D drops
    error: float = 0.0
    dominant: None = None  # all links are there

    @property
    def to_prbs(self) -> Tensor:
        """Returns the unit matrix ``[2K, 2K]``: coordinates are real and imaginary part on each PRB."""
        return torch.eye(2 * self.steering.shape[-1], dtype=self.rays.real.dtype, device=self.rays.device)

    @property
    def slot_shape(self) -> tuple[int, int, int]:
        """Returns B, U and C * 2K, the shape of the coordinates of one slot."""
        _, users, sites, sectors, _ = self.rays.shape
        return len(self.which), users, sites * sectors * 2 * self.steering.shape[-1]

    @property
    def writes_into(self) -> bool:
        """Returns False: rows of the batch that repeat a drop are copies."""
        return False

    def coordinates(self, first_slot: int, slots: int, slot_s: float, out: Tensor | None = None) -> Tensor:
        """Computes the response of every link at the start of each slot, ``[B, U, T, C * 2K]``: real, then imaginary
        parts.
        """
        drops, (_, users, width) = len(self.rays), self.slot_shape
        made = self.rays.real.new_empty((drops, users, slots, width))
        at_once = max(1, _RAYS_AT_ONCE // self.rays[0, 0].numel())
        for drop in range(drops):
            for first in range(0, users, at_once):
                block = slice(first, first + at_once)
                for step in range(slots):
                    response = self._response(drop, block, (first_slot + step) * slot_s)
                    made[drop, block, step] = torch.view_as_real(response).transpose(-1, -2).flatten(1)
        return made[self.which]

    def on_prbs(self) -> RayFading:
        """Returns the fading as it is: its coordinates are the responses on PRBs."""
        return self

    def to(self, device: torch.device, dtype: torch.dtype) -> RayFading:
        """Moves the fading to another device; Doppler shifts stay in float64."""
        rays, steering = (values.to(device, dtype.to_complex()) for values in (self.rays, self.steering))
        return RayFading(rays, self.doppler_hz.to(device), steering, self.which.to(device), self.error)

    def stacked_with(self, others: Sequence[RayFading]) -> RayFading:
        """Stacks this batch and others, drop after drop."""
        parts, which, drops = (self, *others), [], 0
        for part in parts:
            which.append(part.which + drops)
            drops += len(part.rays)
        return RayFading(
            torch.cat([part.rays for part in parts]),
            torch.cat([part.doppler_hz for part in parts]),
            torch.cat([part.steering for part in parts]),
            torch.cat(which),
            self.error,
        )

    def _response(self, drop: int, users: slice, time_s: float) -> Tensor:
        """Computes the responses of some UEs of a drop at one time, complex ``[U, Si, Se, K]``."""
        turns = self.doppler_hz[drop, users] * time_s
        return path_response(self.rays[drop, users], turns, self.steering[drop, users])


def path_response(rays: Tensor, turns: Tensor, steering: Tensor) -> Tensor:
    """Computes the response of UEs' links, complex ``[U, Si, Se, K]``.

    Args:
        rays: amplitudes ``[U, Si, Se, Rl]`` in the order of :class:`RayFading`.
        turns: that each of them has made, ``[U, Si, Rl]`` float64.
        steering: ``[U, Si, paths, K]``.
    """
    phase = (2.0 * math.pi * (turns - turns.floor())).to(rays.real.dtype)
    turned = rays * torch.polar(torch.ones_like(phase), phase)[:, :, None]
    return _paths(turned) @ steering


def path_delays(cluster_delay_s: Tensor, spread_s: Tensor) -> Tensor:
    """Computes the delays ``[..., paths]`` of the paths of links.

    Args:
        cluster_delay_s: of the clusters, strongest first, ``[..., Cl]``.
        spread_s: c_DS, delay spread within the strong clusters, ``[...]``.
    """
    offset = spread_s[..., None, None] * cluster_delay_s.new_tensor(SUB_CLUSTER_DELAYS)
    strong = (cluster_delay_s[..., :STRONG_CLUSTERS, None] + offset).flatten(-2)
    return torch.cat((torch.zeros_like(strong[..., :1]), strong, cluster_delay_s[..., STRONG_CLUSTERS:]), -1)


def ray_order() -> list[int]:
    """Returns the rays of a cluster, sub-cluster by sub-cluster."""
    return [ray for rays in SUB_CLUSTERS for ray in rays]


def _paths(rays: Tensor) -> Tensor:
    """Sums over the rays of each path, ``[..., Rl]`` to ``[..., paths]``."""
    strong = rays[..., 1 : 1 + STRONG_CLUSTERS * RAYS].unflatten(-1, (STRONG_CLUSTERS, RAYS))
    parts = [part.sum(-1) for part in strong.split([len(rays) for rays in SUB_CLUSTERS], -1)]
    weak = rays[..., 1 + STRONG_CLUSTERS * RAYS :].unflatten(-1, (-1, RAYS)).sum(-1)
    return torch.cat((rays[..., :1], torch.stack(parts, -1).flatten(-2), weak), -1)
