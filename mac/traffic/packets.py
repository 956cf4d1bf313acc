"""Holds packets as flat arrays, and sums the bytes and packets that arrive in each slot.

B drops, U UEs, T slots; n packets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Times are sums of floating point numbers: one that should lie on the border of two slots must not fall into the
# earlier one because of the last bit. A millionth of a slot is 1 ns or less.
_BORDER = 1e-6


@dataclass(frozen=True, eq=False)
class Packets:
    """Holds the arrivals of one drop, or of one group of UEs of a drop, ordered by slot.

    Raises:
        ValueError: the arrays are not int64 of one length, or ``slot`` is negative or descends.
    """

    slot: Ints  # [n] slot in which the packet arrives, ascending
    user: Ints  # [n] UE of the packet
    bytes: Ints  # [n] its size

    def __post_init__(self) -> None:
        arrays = (self.slot, self.user, self.bytes)
        if any(a.dtype != np.int64 or a.shape != (len(self.slot),) for a in arrays):
            given = ", ".join(f"{a.dtype}{list(a.shape)}" for a in arrays)
            raise ValueError(f"Packets takes three int64 arrays [n] of one length, given {given}.")
        if len(self.slot) and (self.slot[0] < 0 or (np.diff(self.slot) < 0).any()):
            raise ValueError("Packets.slot must be non-negative and ascending; use packets.ordered to sort.")

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Holds the packets of a batch of drops, one :class:`Packets` each, read block by block of slots."""

    drops: tuple[Packets, ...]

    def block(self, start_slot: int, slots: int, users: int) -> Tensor:
        """Sums the bytes that arrive in slots ``start_slot .. start_slot + slots - 1``, int64 ``[B, U, T]`` on the CPU.

        Raises:
            ValueError: a packet of the block belongs to a user beyond ``users``.
        """
        return self._sum(start_slot, slots, users, weigh=True)

    def counts(self, start_slot: int, slots: int, users: int) -> Tensor:
        """Counts the packets that arrive in each of those slots, int64 ``[B, U, T]``; otherwise as :meth:`block`."""
        return self._sum(start_slot, slots, users, weigh=False)

    def ends(self, start_slot: int, slots: int, users: int) -> Floats:
        """Computes where each packet of those slots ends when the bytes of all of them are counted through, ``[n]``.

        Packets are ordered by drop, user and slot, those of one user and slot in the order given; otherwise as
        :meth:`block`.
        """
        entries = self._entries(start_slot, slots, users)
        sizes = [bytes_[np.argsort(index, kind="stable")] for index, bytes_ in entries]
        return np.concatenate(sizes).cumsum().astype(np.float64)

    def most(self, slots: int, blocks: int) -> int:
        """Counts the most packets of all drops in ``blocks`` consecutive blocks of ``slots`` slots."""
        block = np.concatenate([packets.slot for packets in self.drops]) // slots
        total = np.concatenate((np.zeros(blocks, dtype=np.int64), np.bincount(block, minlength=1).cumsum()))
        return int((total[blocks:] - total[:-blocks]).max())

    def _sum(self, start: int, slots: int, users: int, weigh: bool) -> Tensor:
        out = np.zeros((len(self.drops), users * slots), dtype=np.int64)
        for row, (index, bytes_) in zip(out, self._entries(start, slots, users), strict=True):
            # float64 weights are exact: no slot brings 2^53 bytes
            row[:] = np.bincount(index, bytes_ if weigh else None, minlength=users * slots)
        return torch.from_numpy(out.reshape(len(self.drops), users, slots))

    def _entries(self, start: int, slots: int, users: int) -> Iterator[tuple[Ints, Ints]]:
        """Yields for each drop the indices of its packets in a flat ``[users * slots]``, and their bytes."""
        for packets in self.drops:
            first, last = np.searchsorted(packets.slot, (start, start + slots))
            user = packets.user[first:last]
            if len(user) and (user.max() >= users or user.min() < 0):
                raise ValueError(f"a packet belongs to user {user.max()}, but there are only {users} users.")
            yield user * slots + (packets.slot[first:last] - start), packets.bytes[first:last]


def slot_of(time_s: Floats, slot_s: float) -> Ints:
    """Computes the slot of a time in s, ``floor(time_s / slot_s)``."""
    return np.floor(time_s / slot_s + _BORDER).astype(np.int64)


def sort_packets(slot: Ints, user: Ints, size_bytes: Ints | int) -> Packets:
    """Sorts packets by slot and then by UE; packets of one UE keep the order given.

    Args:
        slot: ``[n]`` slots, in any order.
        user: ``[n]`` UEs.
        size_bytes: sizes ``[n]``, or one size for all.
    """
    order = np.lexsort((user, slot))
    size = np.broadcast_to(np.asarray(size_bytes, dtype=np.int64), slot.shape)
    return Packets(slot[order], user[order], size[order])


def no_packets() -> Packets:
    """Makes empty arrays of packets."""
    nothing = np.zeros(0, dtype=np.int64)
    return Packets(nothing, nothing, nothing)


def merge(parts: Sequence[Packets], first_user: Sequence[int]) -> Packets:
    """Merges the packets of several groups of UEs of one drop.

    Args:
        parts: packets of each group, its UEs counted from 0.
        first_user: number that UE 0 of each group has in the drop.

    Raises:
        ValueError: not one first user for each part.
    """
    if len(parts) != len(first_user):
        raise ValueError(f"merge takes one first_user for each part, given {len(parts)} and {len(first_user)}.")
    if not parts:
        return no_packets()
    slot = np.concatenate([part.slot for part in parts])
    user = np.concatenate([part.user + first for part, first in zip(parts, first_user, strict=True)])
    return sort_packets(slot, user, np.concatenate([part.bytes for part in parts]))
