"""Computes the SINR of every UE on every PRB in many slots at once, with every cell that serves a UE at full load.

With full buffers no decision changes which PRBs carry data, so that the SINR of slots to come is known beforehand. Over
some slots signal and interference change little, for Doppler shifts are slow; so they are computed at a few points in
time, from which all slots follow to the precision of the numbers (:mod:`phy.channel.time_samples`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..link.full_load_numba import FullLoadLinks, signal_and_interference, sinr_of_slots
from ..link.response import OnPrbs, PrbBasis, SymmetricBasis, basis_of
from ..numerics.threads import share_out
from .fading import Fading, SmallScale
from .time_samples import TimeSamples, time_samples

_BLOCK_BYTES = 1 << 20  # working set of one block of UEs: what the second-level cache holds
_PRECISION = 1e-14  # of weights that are computed in float64


@dataclass(frozen=True)
class FullLoad:
    """Holds the links of a batch of drops, and the points in time from which T slots follow."""

    fading: Fading
    basis: PrbBasis
    links: FullLoadLinks
    samples: TimeSamples
    slot_s: float

    @property
    def slots(self) -> int:
        """Returns T."""
        return len(self.samples.weight)

    @classmethod
    def of(cls, fading: SmallScale, serving: Tensor, cells: int, slots: int, slot_s: float) -> FullLoad | None:
        """Returns the SINR at full load of UEs that keep their cells.

        Args:
            fading: of all links.
            serving: ``[B, U]`` int64.
            cells: C.
            slots: T.
            slot_s: length of a slot.

        Returns:
            None where rays change with time, or so quickly that few points in time are not enough.
        """
        if not isinstance(fading, Fading) or fading.max_doppler_hz is None:
            return None
        basis = basis_of(fading.to_prbs)
        samples = _samples(fading, slots, slot_s)
        if 2 * len(samples.point) > len(samples.weight):
            return None
        return cls(fading, basis, _links(fading, serving, cells), samples, slot_s)

    def sinr(self, first_slot: int, out: Tensor) -> None:
        """Computes the SINR of T slots.

        Args:
            first_slot: the first of them.
            out: ``[groups, B, U, slots of a group, K]``, T slots in all, written.
        """
        points, users = len(self.samples.point), self.fading.slot_shape[1]
        time_s = (first_slot + self.samples.point).to(torch.float64) * self.slot_s
        phasors = self.fading.phasors(time_s)
        weight = self.samples.weight.to(phasors.dtype)
        rows = _users_at_once(self.fading, self.basis, weight)

        def some(drops: range) -> None:
            memory = weight.new_empty((min(rows, users), self.slots, 3 * out.shape[-1]))
            for b in drops:
                for start in range(0, users, rows):
                    self._users(b, slice(start, min(start + rows, users)), phasors, weight, memory, out)

        share_out(some, len(phasors), points * self.fading.rays[0].numel())

    def _users(self, b: int, users: slice, phasors: Tensor, weight: Tensor, memory: Tensor, out: Tensor) -> None:
        """Computes the SINR of some UEs of a drop; ``memory`` ``[users, T, 3K]`` is written anew."""
        basis, prbs = self.basis, out.shape[-1]
        coordinates = torch.bmm(phasors[b, users], self.fading.rays[b, users])
        count, points, _ = coordinates.shape
        if isinstance(basis, OnPrbs):
            response = coordinates.view(-1, basis.size)
        else:
            response = torch.mm(coordinates.view(-1, len(basis.matrix)), basis.matrix)  # type: ignore[attr-defined]
        received = response.new_empty((count, points, 3 * prbs))
        signal_and_interference(b, users.start, response.numpy(), self.links, received.numpy())
        of_slots = torch.bmm(weight.expand(count, -1, -1), received, out=memory[:count])
        folded = isinstance(basis, SymmetricBasis)
        sinr_of_slots(b, users.start, of_slots.numpy(), folded, self.links.rest, out.numpy())


def _samples(fading: Fading, slots: int, slot_s: float) -> TimeSamples:
    """Chooses points in time for powers, which change at up to twice the Doppler shift."""
    assert fading.max_doppler_hz is not None
    precision = max(torch.finfo(fading.rays.dtype).eps, _PRECISION)
    return time_samples(2 * fading.max_doppler_hz, slots, slot_s, precision)


def _links(fading: Fading, serving: Tensor, cells: int) -> FullLoadLinks:
    """Collects the links of UEs, and what disturbs them at full load."""
    busy = torch.zeros((len(serving), cells), dtype=torch.bool).scatter_(1, serving, True)
    some = fading.dominant
    if some is None:
        cell, rest = torch.arange(cells).expand(*serving.shape, -1), torch.zeros(serving.shape)
    else:
        cell, rest = some.cell, (some.rest_snr * busy[:, None]).sum(-1)
    rest = rest.to(fading.rays.dtype)
    return FullLoadLinks(cell.contiguous().numpy(), serving.contiguous().numpy(), busy.numpy(), rest.numpy())


def _users_at_once(fading: Fading, basis: PrbBasis, weight: Tensor) -> int:
    """Computes the UEs of a block: as many as the cache holds with their links at all points and their slots."""
    slots, points = weight.shape
    prbs, links = fading.to_prbs.shape[1] // 2, fading.slot_shape[2] // basis.size
    numbers = max(points * links * 2 * prbs, slots * 3 * prbs)
    return max(1, _BLOCK_BYTES // (numbers * weight.element_size()))
