"""Computes what UEs receive where several UEs of a cell may share a PRB: multi-user MIMO, one layer a UE.

Every UE reports its SINR of a transmission to it alone, and by reciprocity of a TDD channel the base station knows
the direction that it hears best (:mod:`phy.link.mu_mimo`); both are as old as reports are. From them follow the
precoder of each PRB, by zero-forcing or its regularised form over the UEs on it, and the SINR that the base station
expects each of them to have, from which the MCS of a new block is chosen. What UEs then receive follows from the
channel of the slot, the other UEs of the PRB, and what the other cells send.

UEs of a PRB are on an axis Uk behind that of the cells: ``[B, C, Uk, K]``, the holder first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from phy.link.mu_mimo import channel_similarity, co_scheduled_sinr, dominant_direction, expected_sinr, mu_precoder
from phy.link.receiver import post_combining_sinr
from phy.numerics import log_grid

from ..grant import Grant, Transmission
from ..state import CellState, EngineParts, Report, SlotDecision, SlotInputs
from .panels import MatrixResponses, Panels
from .radio import Expectation, Reception, SharingReport, forget_bits
from .radio_base import RadioBase

_LEAST_DB, _MOST_DB, _STEPS = -23.0, 40.0, 2  # range of a reported SINR, and steps a dB (TS 38.133 Table 10.1.16.1-1)


@dataclass(frozen=True)
class DirectionReport(Report):
    """Holds a report of a transmission to the UE alone, and what the base station knows of its channel."""

    sinr: Tensor  # [B, U, K] in steps of half a dB
    rows: Tensor  # [B, U, K, Nt] complex, the UE's row g of phy.link.mu_mimo


class MuMimo(RadioBase):
    """Computes several UEs a PRB.

    Args:
        parts: with a channel whose antennas force zeros, and tables for one layer.

    Raises:
        ValueError: the channel has no matrices.
    """

    def __init__(self, parts: EngineParts) -> None:
        super().__init__(parts)
        self.panels = Panels(parts)
        self.slots_at_once, antennas = self.panels.slots_at_once, self.panels.settings
        self.users_per_prb, self._regularized = antennas.users_per_prb, antennas.precoding == "rzf"
        self._prb = torch.arange(parts.prbs, device=parts.device)
        floor = (10 * log_grid.centres().log10() * _STEPS).floor() / _STEPS
        steps = torch.pow(10.0, floor.clamp(_LEAST_DB, _MOST_DB) / 10)
        self._sinr_steps = steps.to(parts.device, parts.dtype)

    def respond(self, first_slot: int) -> MatrixResponses:
        """Computes the matrices that are held from a slot on."""
        return self.panels.respond(first_slot)

    def first_report(self, moment: SlotInputs[MatrixResponses]) -> DirectionReport:
        """Computes the report of the first slot, with every cell at full load."""
        batch = len(moment.serving)
        return self._report(moment.response, self._sinr_steps.new_ones((batch, self._cells, self._prbs)))

    def forget(self, report: Report, kept: Tensor) -> DirectionReport:
        """Returns the report where ``kept`` ``[B, U]`` is 1; where it is 0, the least SINR, and the first port."""
        old = _directed(report)
        bare, stays = forget_bits(report, kept), (kept > 0)[..., None]
        sinr = torch.where(stays, old.sinr, self._sinr_steps[0])
        first = torch.zeros_like(old.rows[0, 0, 0])
        first[0] = self._sinr_steps[0].sqrt()
        return DirectionReport(bare.bits, bare.mean_bits, sinr, torch.where(stays[..., None], old.rows, first))

    def sharing(self, state: CellState) -> SharingReport | None:
        """Returns reported SINRs and the similarity of the UEs' directions; None where a PRB has one UE."""
        if self.users_per_prb == 1:
            return None
        return SharingReport(_directed(state.reports[0]).sinr, partial(self._similarity, state))

    def _similarity(self, state: CellState) -> Tensor:
        """Computes squared correlations of UEs over the sampled PRBs, ``[B, U, U]``; 0 between cells."""
        report, serving, some = _directed(state.reports[0]), state.attached.serving, self.panels.searched
        length = report.sinr[:, :, some, None].sqrt()
        similarity = torch.stack([channel_similarity(drop) for drop in report.rows[:, :, some] / length])
        return similarity * (serving[:, :, None] == serving[:, None])

    def holders(self, decision: SlotDecision) -> Tensor:
        """Returns the UEs on each PRB, ``[B, C, Uk, K]``, the holder first."""
        holder = decision.user[:, :, None]
        return holder if decision.partners is None else torch.cat((holder, decision.partners.movedim(-1, 2)), 2)

    def expect(self, state: CellState, grant: Grant) -> Expectation:
        """Computes the precoder of each PRB ``[B, C, K, Nt, Uk]``, and the bits expected of each UE on it."""
        report, queue, user = _directed(state.reports[0]), state.harq, grant.user
        willing = grant.of_holders(queue.usable & (queue.retransmits | (state.waiting_bytes > 0)))
        parts = [self._precode(report, b, user[b], willing[b]) for b in range(len(user))]
        precoder, bits = (torch.stack(part) for part in zip(*parts, strict=True))
        return Expectation(bits.flatten(1), precoder)

    def _precode(self, report: DirectionReport, drop: int, user: Tensor, willing: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the precoder ``[C, K, Nt, Uk]`` of one drop, and the bits ``[C, Uk, K]`` expected of each UE."""
        held = user.clamp(min=0)
        rows = (report.rows[drop][held, self._prb] * willing[..., None]).transpose(1, 2)
        precoder = mu_precoder(rows, self._regularized)
        expected = self._tables.adaptation.bits_of_sinr[log_grid.index(expected_sinr(rows, precoder))]
        accompanied = willing.sum(1, keepdim=True) > 1
        bits = torch.where(accompanied, expected.transpose(1, 2), report.bits[drop][held, self._prb])
        return precoder, bits * (user >= 0)

    def receive(self, moment: SlotInputs[MatrixResponses], sending: Transmission) -> Reception:
        """Computes the SINR of the UEs on each PRB; reports measure at the activity of the cells.

        A PRB counts as active once, however many UEs it has.
        """
        grant, cells = sending.grant, sending.activity.amax(2)
        user = grant.holder.clamp(max=sending.mcs.shape[1] - 1).view(grant.user.shape)
        drops = range(len(user))
        gamma = torch.stack([self._co_scheduled(b, moment.response, sending, user[b], cells[b]) for b in drops])
        report = self._report(moment.response, cells) if moment.measured else None
        return Reception(sending.effective_sinr(self._tables.mapping, gamma.flatten(1)), cells, report)

    def _co_scheduled(
        self, drop: int, response: MatrixResponses, sending: Transmission, user: Tensor, activity: Tensor
    ) -> Tensor:
        """Computes the SINR ``[C, Uk, K]`` of the UEs of each PRB, ``user`` ``[C, Uk, K]``."""
        assert sending.precoder is not None
        heard = response.scheduled(drop, user, self._prb, activity)
        return co_scheduled_sinr(heard, sending.precoder[drop][None], self.panels.settings.receiver)[0]

    def _report(self, response: MatrixResponses, activity: Tensor) -> DirectionReport:
        """Computes reports at the activity of the cells, ``[B, C, K]``."""
        drops = [self._alone(b, response, cells) for b, cells in enumerate(activity)]
        bits, sinr, rows = (torch.stack(part) for part in zip(*drops, strict=True))
        return DirectionReport(bits, bits.mean(-1), sinr, rows)

    def _alone(self, drop: int, response: MatrixResponses, activity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Computes bits and SINR ``[U, K]`` of a PRB sent to each UE alone, and the UE's row."""
        own, disturbed = response.own(drop), response.disturbance(drop, activity)
        direction = dominant_direction(own)
        precoder = direction.conj()[..., None]
        gamma = post_combining_sinr(own, precoder, disturbed, self.panels.settings.receiver)[..., 0]
        sinr = self._sinr_steps[log_grid.index(gamma)]
        return self._tables.adaptation.report(gamma), sinr, direction * sinr.sqrt()[..., None]


def _directed(report: Report) -> DirectionReport:
    assert isinstance(report, DirectionReport)
    return report
