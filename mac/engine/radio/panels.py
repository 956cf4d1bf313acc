"""Computes the channel matrices between panels of antennas that a radio reads, held for some slots.

Drops are computed one after the other where matrices are multiplied or compared, so that a drop is the same in every
batch, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from phy.channel.matrices import HeardCells, Matrices
from phy.link.receiver import ScheduledChannels, average_covariance, white_covariance, with_noise

from ..state import EngineParts


@dataclass(frozen=True)
class MatrixResponses:
    """Holds the matrices of the cells that each UE hears best, its own first, which are held from a slot on."""

    first_slot: int
    matrices: Tensor  # [B, U, K, J, Nr, Nt]
    cells: HeardCells

    def at(self, slot: int) -> MatrixResponses:
        """Returns itself: matrices are held."""
        return self

    def own(self, drop: int) -> Tensor:
        """Returns the matrices of each UE's serving cell, ``[U, K, Nr, Nt]``."""
        return self.matrices[drop][:, :, 0]

    def disturbance(self, drop: int, activity: Tensor) -> Tensor:
        """Computes interference and noise ``[U, K, Nr, Nr]`` with the cells' power spread over their ports.

        Args:
            drop: of the batch.
            activity: ``[C, K]`` of the cells.
        """
        matrices = self.matrices[drop]
        others = activity[self.cells.heard[drop][:, 1:]].movedim(1, 2)
        loud = average_covariance(matrices[:, :, 1:], others)
        rest = white_covariance(self.cells.rest_snr[drop] @ activity, matrices.shape[-2])
        return with_noise(loud + rest)

    def scheduled(self, drop: int, user: Tensor, prb: Tensor, activity: Tensor) -> ScheduledChannels:
        """Returns the channels of the UEs on each PRB, a batch of one.

        Args:
            drop: of the batch.
            user: int64 ``[C, K]`` or ``[C, Uk, K]``.
            prb: ``[K]`` 0 to K - 1.
            activity: ``[C, K]`` of the cells.
        """
        rest = (self.cells.rest_snr[drop] @ activity)[user, prb]
        return ScheduledChannels(self.matrices[drop][user, prb][None], self.cells.heard[drop][user][None], rest[None])


class Panels:
    """Provides matrices to a radio.

    Args:
        parts: with a channel that has matrices.

    Raises:
        ValueError: the channel has none.
    """

    def __init__(self, parts: EngineParts) -> None:
        if parts.channel.mimo is None:
            raise ValueError("the channel has no matrices; build it with antennas, or leave out the antennas")
        self._matrices: Matrices = parts.channel.mimo
        if parts.serving_plan is not None:
            self._matrices = self._matrices.with_serving(parts.serving_plan.serving, parts.serving_plan.period_slots)
        self.settings, self._slot_s = self._matrices.settings, parts.carrier.slot_s
        refresh = self.settings.refresh_slots
        self.slots_at_once = max(n for n in range(1, refresh + 1) if parts.block_slots % n == 0)
        step = max(1, -(-parts.prbs // self.settings.search_prbs))
        self.searched = slice((parts.prbs - 1) % step // 2, None, step)
        """PRBs that stand for the carrier."""

    def respond(self, first_slot: int) -> MatrixResponses:
        """Computes the matrices that are held from a slot on."""
        return MatrixResponses(first_slot, *self._matrices.at_slot(first_slot, self._slot_s))
