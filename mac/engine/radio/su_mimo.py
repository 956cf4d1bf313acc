"""Computes what UEs receive from panels of antennas, one UE a PRB, in one or more layers.

UEs measure the interference of the cells that transmit with their power spread over all ports (as on interference
measurement resources, TS 38.214 clause 5.2.2.4), choose for every rank the precoder that is best behind it, and report
the rank that promises most bits, its CQIs added up over layers. What is sent meets the precoders that the other cells
use, at the UEs that are scheduled and at no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phy.antenna.codebook import Codebook, panel_codebook
from phy.link.precoding import best_entry
from phy.link.receiver import downlink_sinr, post_combining_sinr, whiten

from ..grant import Transmission
from ..state import CellState, EngineParts, Report, SlotInputs
from .panels import MatrixResponses, Panels
from .radio import Reception, forget_bits
from .radio_base import RadioBase


@dataclass(frozen=True)
class RankReport(Report):
    """Holds a report with the rank that the UE asks for, and its best precoder of each other rank, for repetitions.

    ``bits`` are those of all layers. A precoder of rank r is the entry r - 1 of the second axis of R, its first r
    columns, times the radio's scale; singular vectors have R = 1, codebooks have one PRB for all.
    """

    rank: Tensor  # [B, U] int64
    columns: Tensor  # [B, U, 1 or K, ranks, Nt, L] complex


class SuMimo(RadioBase):
    """Computes one UE a PRB with one or more layers.

    Args:
        parts: with a channel that has matrices, and tables for as many layers as the antennas allow.

    Raises:
        ValueError: the channel has none.
    """

    def __init__(self, parts: EngineParts) -> None:
        super().__init__(parts)
        self.panels = Panels(parts)
        self.slots_at_once = self.panels.slots_at_once
        antennas, complex_type, device = self.panels.settings, parts.dtype.to_complex(), parts.device
        self.layers, self._svd = antennas.layers, antennas.precoding != "codebook"
        self._prb = torch.arange(parts.prbs, device=device)
        self._formats = len(parts.tables.adaptation.threshold_db)
        ranks = range(1, self.layers + 1)
        books = [] if self._svd else [panel_codebook(antennas.base, rank) for rank in ranks]
        self._books: list[Codebook] = [book.to(device, complex_type) for book in books]
        used = torch.ones((self.layers, self.layers), dtype=parts.dtype, device=device).tril()
        even = used / used.sum(-1, keepdim=True).sqrt()
        self._scale = even if self._svd else used  # [rank - 1, L]
        ports = torch.eye(antennas.base.ports, self.layers, dtype=complex_type, device=device)
        self._first_ports = ports.expand(1, -1, -1) if self._svd else ports * even[:, None]  # [ranks, Nt, L]

    def respond(self, first_slot: int) -> MatrixResponses:
        """Computes the matrices that are held from a slot on."""
        return self.panels.respond(first_slot)

    def first_report(self, moment: SlotInputs[MatrixResponses]) -> RankReport:
        """Computes the report of the first slot, with every cell at full load."""
        batch = len(moment.serving)
        return self._report(moment.response, self._scale.new_ones((batch, self._cells, self._prbs)))

    def forget(self, report: Report, kept: Tensor) -> RankReport:
        """Returns the report where ``kept`` ``[B, U]`` is 1, and rank 1 and the first ports where it is 0."""
        bare, old, stays = forget_bits(report, kept), _ranked(report), kept > 0
        rank = torch.where(stays, old.rank, 1)
        columns = torch.where(stays[..., None, None, None, None], old.columns, self._first_ports)
        return replace(old, bits=bare.bits, mean_bits=bare.mean_bits, rank=rank, columns=columns)

    def choose_mcs(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        """Chooses the MCS of each layer of the reported rank; rows of a rank follow those of the lower ones."""
        rank = _ranked(state.reports[0]).rank
        mcs = self._tables.adaptation.choose_mcs(mean_bits / rank, state.outer_loop_db)
        return mcs + (rank - 1) * self._formats

    def receive(self, moment: SlotInputs[MatrixResponses], sending: Transmission) -> Reception:
        """Computes what the layers of scheduled UEs achieve; reports measure at the activity of the slot."""
        activity, users = sending.activity, sending.mcs.shape[1]
        user = sending.grant.holder.clamp(max=users - 1).view(activity.shape)
        parts = [self._layers(b, moment.response, sending, user[b]) for b in range(len(user))]
        gamma, precoder = (torch.stack(both).flatten(1, 2) for both in zip(*parts, strict=True))
        report = self._report(moment.response, activity) if moment.measured else None
        return Reception(sending.effective_sinr(self._tables.mapping, gamma, precoder), activity, report)

    def _layers(
        self, drop: int, response: MatrixResponses, sending: Transmission, user: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Computes SINR ``[C, K, L]`` and precoder ``[C, K, Nt, L]`` of the UE ``[C, K]`` on each PRB."""
        rank = (sending.mcs[drop] // self._formats)[user]
        columns, activity = _ranked(sending.report).columns[drop], sending.activity[drop]
        prb = self._prb if columns.shape[1] > 1 else torch.zeros_like(self._prb)
        precoder = columns[user, prb, rank if columns.shape[2] > 1 else torch.zeros_like(rank)]
        precoder = precoder * self._scale[rank][..., None, :]
        heard = response.scheduled(drop, user, self._prb, activity)
        gamma = downlink_sinr(heard, precoder[None], activity[None], self.panels.settings.receiver)[0]
        return gamma, precoder

    def _report(self, response: MatrixResponses, activity: Tensor) -> RankReport:
        """Computes reports at the activity of the cells, ``[B, C, K]``."""
        drops = [self._report_of_drop(b, response, cells) for b, cells in enumerate(activity)]
        bits, rank, columns = (torch.stack(part) for part in zip(*drops, strict=True))
        return RankReport(bits, bits.mean(-1), rank, columns)

    def _report_of_drop(self, drop: int, response: MatrixResponses, activity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Computes bits ``[U, K]``, rank ``[U]`` and columns of the precoders of one drop."""
        own, disturbed = response.own(drop), response.disturbance(drop, activity)
        white = whiten(own, disturbed)
        columns = self._singular(white) if self._svd else self._searched_columns(white)
        bits, rank = self._bits(own, disturbed, columns, 0), response.cells.heard.new_ones(len(own))
        best = bits.mean(-1)
        for more in range(1, self.layers):
            others = self._bits(own, disturbed, columns, more)
            mean = others.mean(-1)
            wins = mean > best
            rank, best = torch.where(wins, more + 1, rank), torch.where(wins, mean, best)
            bits = torch.where(wins[:, None], others, bits)
        return bits, rank, columns

    def _bits(self, own: Tensor, disturbed: Tensor, columns: Tensor, more: int) -> Tensor:
        """Computes the bits ``[U, K]`` that the CQIs of ``more + 1`` layers promise."""
        precoder = (columns[:, :, more if columns.shape[2] > 1 else 0] * self._scale[more])[..., : more + 1]
        gamma = post_combining_sinr(own, precoder, disturbed, self.panels.settings.receiver)
        return self._tables.adaptation.report(gamma.movedim(-1, 0).contiguous()).sum(0)

    def _singular(self, white: Tensor) -> Tensor:
        """Computes the strongest right singular vectors of each PRB, ``[U, K, 1, Nt, L]``."""
        right: Tensor = torch.linalg.svd(white, full_matrices=False).Vh
        return right[..., : self.layers, :].mH[:, :, None].contiguous()

    def _searched_columns(self, white: Tensor) -> Tensor:
        """Chooses entries of the codebook of each rank, ``[U, 1, ranks, Nt, L]``; columns beyond the rank are zero."""
        sample = white[:, self.panels.searched].contiguous()
        entries = [best_entry(sample, book).precoder for book in self._books]
        padded = [torch.nn.functional.pad(entry, (0, self.layers - entry.shape[-1])) for entry in entries]
        return torch.stack(padded, 1)[:, None]


def _ranked(report: Report) -> RankReport:
    assert isinstance(report, RankReport)
    return report
