"""Computes slots with panels of antennas: reports of rank and precoder, layers, interference by what others send.

UEs measure the interference of the cells that transmit with their power spread over all ports (as on interference
measurement resources, TS 38.214 clause 5.2.2.4), choose for every rank the precoder that is best behind it, and report
the rank that promises most bits, its CQIs added up over layers. What is sent meets the precoders that the other cells
use, at the UEs that are scheduled and at no other. Matrices are held for some slots.

Drops are computed one after the other where matrices are multiplied or compared, so that a drop is the same in every
batch, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phy.antenna.codebook import Codebook, panel_codebook
from phy.channel.matrices import HeardCells, Matrices
from phy.link.precoding import best_entry
from phy.link.receiver import (
    ScheduledChannels,
    average_covariance,
    downlink_sinr,
    mean_over_layers,
    post_combining_sinr,
    white_covariance,
    whiten,
    with_noise,
)

from ..engine import Engine
from ..serving_schedule import Timetable
from ..state import Block, CellState, Grant, Moment, Parts, Report


@dataclass(frozen=True)
class RankReport(Report):
    """Holds a report with the rank that the UE asks for, and its best precoder of each other rank, for repetitions.

    ``bits`` are those of all layers. A precoder of rank r is the entry r - 1 of the second axis of R, its first r
    columns, times the engine's scale; singular vectors have R = 1, codebooks have one PRB for all.
    """

    rank: Tensor  # [B, U] int64
    columns: Tensor  # [B, U, 1 or K, ranks, Nt, L] complex


class MimoEngine(Engine):
    """Computes slots of a carrier with panels of antennas.

    Args:
        parts: with a channel that has matrices, and tables for as many layers as the antennas allow.

    Raises:
        ValueError: the channel has none.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        if parts.channel.mimo is None:
            raise ValueError("the channel has no matrices; build it with antennas, or use mac.engine.engine.Engine")
        self.mimo: Matrices = parts.channel.mimo
        if parts.itinerary is not None:
            self.mimo = self.mimo.with_serving(parts.itinerary.serving, parts.itinerary.period_slots)
        antennas, complex_type = self.mimo.settings, self.dtype.to_complex()
        self.layers, self._svd = antennas.layers, antennas.precoding != "codebook"
        self._formats = len(parts.tables.adaptation.threshold_db)
        self._fading_slots = max(n for n in range(1, antennas.refresh_slots + 1) if parts.block_slots % n == 0)
        ranks = range(1, self.layers + 1)
        books = [] if self._svd else [panel_codebook(antennas.base, rank) for rank in ranks]
        self._books: list[Codebook] = [book.to(self.device, complex_type) for book in books]
        used = torch.ones((self.layers, self.layers), dtype=self.dtype, device=self.device).tril()
        even = used / used.sum(-1, keepdim=True).sqrt()
        self._scale = even if self._svd else used  # [rank - 1, L]
        ports = torch.eye(antennas.base.ports, self.layers, dtype=complex_type, device=self.device)
        self._first_ports = ports.expand(1, -1, -1) if self._svd else ports * even[:, None]  # [ranks, Nt, L]
        step = max(1, -(-self.prbs // antennas.search_prbs))
        self._searched = slice((self.prbs - 1) % step // 2, None, step)

    def _fading(self, first_slot: int) -> tuple[Tensor, HeardCells | None]:
        """Matrices ``[B, U, K, J, Nr, Nt]`` that are held from a slot on, and whose they are."""
        return self.mimo.at_slot(first_slot, self.parts.carrier.slot_s)

    def _hand_over(self, state: CellState, plan: Timetable) -> CellState:
        """Where UEs may change their cells, matrices are renewed at once, as the own cell stands first in them."""
        state = super()._hand_over(state, plan)
        if plan.measures(state.slot) and state.block.fading_slot != state.slot:
            state = replace(state, block=self._renewed(state.block, state.slot))
        return state

    def _forgotten(self, report: Report, kept: Tensor) -> RankReport:
        """Nothing was reported to the new cell: rank 1, and of each rank the first ports as they are."""
        bare, old, stays = super()._forgotten(report, kept), _ranked(report), kept > 0
        rank = torch.where(stays, old.rank, 1)
        columns = torch.where(stays[..., None, None, None, None], old.columns, self._first_ports)
        return replace(old, bits=bare.bits, mean_bits=bare.mean_bits, rank=rank, columns=columns)

    def _choose(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        rank = _ranked(state.reports[0]).rank
        mcs = self.parts.tables.adaptation.choose_mcs(mean_bits / rank, state.outer_loop_db)
        return mcs + (rank - 1) * self._formats

    def _receive(self, state: CellState, grant: Grant, activity: Tensor, moment: Moment) -> tuple[Tensor, Tensor]:
        """Effective SINR of each UE's block over its PRBs and layers; reports measure at this activity."""
        mapping = self.parts.tables.mapping
        of_holder = grant.held, grant.holder.clamp(max=self.shape[1] - 1).view(activity.shape)
        parts = [self._drop_layers(b, state, grant, of_holder[1][b], activity[b]) for b in range(self.shape[0])]
        gamma, precoder = (torch.stack(both) for both in zip(*parts, strict=True))
        block = torch.nn.functional.pad(grant.mcs, (0, 1)).gather(1, grant.holder)
        carried = mapping.of(gamma.flatten(1, 2), block[..., None])
        carried = mean_over_layers(carried, precoder.flatten(1, 2))
        mean = self._per_user(grant.holder, carried) / grant.prbs.clamp(min=1.0)
        return mapping.inverse(mean, grant.mcs), activity

    def _drop_layers(
        self, drop: int, state: CellState, grant: Grant, user: Tensor, activity: Tensor
    ) -> tuple[Tensor, Tensor]:
        """SINR ``[C, K, L]`` and precoder ``[C, K, Nt, L]`` of the holder of each PRB, ``user`` ``[C, K]``."""
        report = _ranked(state.reports[0])
        rank = (grant.mcs[drop] // self._formats)[user]
        columns = report.columns[drop]
        prb = self._prb if columns.shape[1] > 1 else torch.zeros_like(self._prb)
        precoder = columns[user, prb, rank if columns.shape[2] > 1 else torch.zeros_like(rank)]
        precoder = precoder * self._scale[rank][..., None, :]
        around = around_of(state.block)
        rest = (around.rest_snr[drop] @ activity)[user, self._prb]
        heard = ScheduledChannels(
            state.block.coordinates[drop][user, self._prb][None], around.heard[drop][user][None], rest[None]
        )
        gamma = downlink_sinr(heard, precoder[None], activity[None], self.mimo.settings.receiver)[0]
        return gamma, precoder

    def _air(self, block: Block, slot: int) -> Tensor:
        return block.coordinates

    def _seen(self, moment: Moment, activity: Tensor) -> Tensor:
        """UEs measure the cells' activity ``[B, C, K]``; the rest follows from the matrices."""
        return activity

    def _measure(self, moment: Moment, seen: Tensor) -> RankReport:
        drops = [self._measure_drop(b, moment.block, seen[b]) for b in range(self.shape[0])]
        bits, rank, columns = (torch.stack(part) for part in zip(*drops, strict=True))
        return RankReport(bits, bits.mean(-1), rank, columns)

    def _measure_drop(self, drop: int, block: Block, activity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Bits ``[U, K]``, rank ``[U]`` and columns of the precoders of one drop."""
        own, disturbed = block.coordinates[drop][:, :, 0], self._disturbance(drop, block, activity)
        white = whiten(own, disturbed)
        columns = self._singular(white) if self._svd else self._searched_columns(white)
        bits, rank = self._bits(own, disturbed, columns, 0), torch.ones_like(self.serving[drop])
        best = bits.mean(-1)
        for more in range(1, self.layers):
            others = self._bits(own, disturbed, columns, more)
            mean = others.mean(-1)
            wins = mean > best
            rank, best = torch.where(wins, more + 1, rank), torch.where(wins, mean, best)
            bits = torch.where(wins[:, None], others, bits)
        return bits, rank, columns

    def _disturbance(self, drop: int, block: Block, activity: Tensor) -> Tensor:
        """Interference and noise ``[U, K, Nr, Nr]`` with the power of the cells in use spread over their ports."""
        matrices, around = block.coordinates[drop], around_of(block)
        others = activity[around.heard[drop][:, 1:]].movedim(1, 2)
        loud = average_covariance(matrices[:, :, 1:], others)
        rest = white_covariance(around.rest_snr[drop] @ activity, matrices.shape[-2])
        return with_noise(loud + rest)

    def _bits(self, own: Tensor, disturbed: Tensor, columns: Tensor, more: int) -> Tensor:
        """Bits ``[U, K]`` that the CQIs of ``more + 1`` layers promise."""
        precoder = (columns[:, :, more if columns.shape[2] > 1 else 0] * self._scale[more])[..., : more + 1]
        gamma = post_combining_sinr(own, precoder, disturbed, self.mimo.settings.receiver)
        return self.parts.tables.adaptation.report(gamma.movedim(-1, 0).contiguous()).sum(0)

    def _singular(self, white: Tensor) -> Tensor:
        """The strongest right singular vectors of each PRB, ``[U, K, 1, Nt, L]``."""
        right: Tensor = torch.linalg.svd(white, full_matrices=False).Vh
        return right[..., : self.layers, :].mH[:, :, None].contiguous()

    def _searched_columns(self, white: Tensor) -> Tensor:
        """Entries of the codebook of each rank, ``[U, 1, ranks, Nt, L]``, zero in columns beyond the rank."""
        sample = white[:, self._searched].contiguous()
        entries = [best_entry(sample, book).precoder for book in self._books]
        padded = [torch.nn.functional.pad(entry, (0, self.layers - entry.shape[-1])) for entry in entries]
        return torch.stack(padded, 1)[:, None]


def _ranked(report: Report) -> RankReport:
    assert isinstance(report, RankReport)
    return report


def around_of(block: Block) -> HeardCells:
    """Returns the cells whose matrices a block holds."""
    assert block.around is not None
    return block.around
