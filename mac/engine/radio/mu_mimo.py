"""Computes slots with panels whose PRBs several UEs of a cell may share: multi-user MIMO, one layer a UE.

Every UE reports its SINR of a transmission to it alone, and by reciprocity of a TDD channel the base station knows
the direction that it hears best (:mod:`phy.link.mu_mimo`); both are as old as reports are. From them follow the
precoder of each PRB, by zero-forcing or its regularised form over the UEs on it, and the SINR that the base station
expects each of them to have, from which the MCS of a new block is chosen. What UEs then receive follows from the
channel of the slot, the other UEs of the PRB, and what the other cells send.

UEs of a PRB are on an axis Uk behind that of the cells: ``[B, C, Uk, K]``, the holder first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial

import torch
from torch import Tensor

from phy.link.mimo_settings import MimoSettings
from phy.link.mu_mimo import channel_similarity, co_scheduled_sinr, dominant_direction, expected_sinr, mu_precoder
from phy.link.receiver import ScheduledChannels, post_combining_sinr
from phy.numerics import log_grid

from ...link_adaptation import harq
from ...link_adaptation.harq import Attempt
from ..engine import Engine
from ..state import Block, CellState, Grant, Moment, Parts, Report, SlotDecision, SlotObservation
from .su_mimo import MimoEngine, around_of

_LEAST_DB, _MOST_DB, _STEPS = -23.0, 40.0, 2  # range of a reported SINR, and steps a dB (TS 38.133 Table 10.1.16.1-1)


def engine_kind(antennas: MimoSettings | None) -> type[Engine]:
    """Chooses the engine that a scenario's antennas need."""
    if antennas is None:
        return Engine
    return SharedEngine if antennas.forces_zeros else MimoEngine


@dataclass(frozen=True)
class DirectionReport(Report):
    """Holds a report of a transmission to the UE alone, and what the base station knows of its channel."""

    sinr: Tensor  # [B, U, K] in steps of half a dB
    rows: Tensor  # [B, U, K, Nt] complex, the UE's row g of phy.link.mu_mimo


@dataclass(frozen=True)
class SharedGrant(Grant):
    """Holds a grant whose tensors have the axis Uk, ``[B, C, Uk, K]`` or flat, and the precoders."""

    precoder: Tensor  # [B, C, K, Nt, Uk] complex


class SharedEngine(MimoEngine):
    """Computes slots in which several UEs share a PRB.

    Args:
        parts: with a channel whose antennas force zeros, and tables for one layer.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        antennas = self.mimo.settings
        self._most, self._regularized = antennas.users_per_prb, antennas.precoding == "rzf"
        floor = (10 * log_grid.centres().log10() * _STEPS).floor() / _STEPS
        steps = torch.pow(10.0, floor.clamp(_LEAST_DB, _MOST_DB) / 10)
        self._sinr_steps = steps.to(self.device, self.dtype)
        self.users_per_prb = self._most

    def observe(self, state: CellState) -> SlotObservation:
        """Returns what a base station knows at the start of the slot, and of the UEs' directions."""
        observation = super().observe(state)
        if self._most == 1:
            return observation
        return replace(observation, sinr=_directed(state).sinr, alike=partial(self._similarity, state))

    def _holders(self, decision: SlotDecision) -> Tensor:
        """Returns the UEs on each PRB, ``[B, C, Uk, K]``, the holder first."""
        holder = decision.user[:, :, None]
        return holder if decision.partners is None else torch.cat((holder, decision.partners.movedim(-1, 2)), 2)

    def _similarity(self, state: CellState) -> Tensor:
        """Squared correlations of the UEs of a cell, on the PRBs that stand for the carrier, ``[B, U, U]``."""
        report, serving = _directed(state), state.attached.serving
        length = report.sinr[:, :, self._searched, None].sqrt()
        alike = torch.stack([channel_similarity(drop) for drop in report.rows[:, :, self._searched] / length])
        return alike * (serving[:, :, None] == serving[:, None])

    # The slot, part by part.

    def _grant(self, state: CellState, user: Tensor) -> SharedGrant:
        """As the engine's, for ``user`` ``[B, C, Uk, K]``, with MCS for the UEs with which each UE shares."""
        grant, queue = super()._grant(state, user), state.harq
        willing = queue.usable & (queue.retransmits | (state.waiting_bytes > 0))
        willing = torch.nn.functional.pad(willing, (0, 1)).gather(1, grant.holder).view(user.shape)
        parts = [self._shared(_directed(state), b, user[b], willing[b]) for b in range(self.shape[0])]
        precoder, bits = (torch.stack(part) for part in zip(*parts, strict=True))
        rate = self._per_user(grant.holder, bits.flatten(1))
        chosen = self._choose(state, rate / grant.prbs.clamp(min=1.0), grant.prbs)
        mcs = torch.where(queue.retransmits, queue.current[..., harq.MCS].long(), chosen)
        made = {field.name: getattr(grant, field.name) for field in fields(Grant)}
        return SharedGrant(**{**made, "mcs": mcs}, precoder=precoder)

    def _shared(self, report: DirectionReport, drop: int, user: Tensor, willing: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the precoder ``[C, K, Nt, Uk]`` of one drop, and the bits ``[C, Uk, K]`` expected of each UE."""
        who = user.clamp(min=0)
        rows = (report.rows[drop][who, self._prb] * willing[..., None]).transpose(1, 2)
        precoder = mu_precoder(rows, self._regularized)
        expected = self.parts.tables.adaptation.bits_of_sinr[log_grid.index(expected_sinr(rows, precoder))]
        accompanied = willing.sum(1, keepdim=True) > 1
        bits = torch.where(accompanied, expected.transpose(1, 2), report.bits[drop][who, self._prb])
        return precoder, bits * (user >= 0)

    def _forgotten(self, report: Report, kept: Tensor) -> DirectionReport:  # type: ignore[override]
        """Nothing was reported to the new cell: the least SINR, and of its ports the first."""
        assert isinstance(report, DirectionReport)
        bare, stays = Engine._forgotten(self, report, kept), (kept > 0)[..., None]
        sinr = torch.where(stays, report.sinr, self._sinr_steps[0])
        first = torch.zeros_like(report.rows[0, 0, 0])
        first[0] = self._sinr_steps[0].sqrt()
        return DirectionReport(bare.bits, bare.mean_bits, sinr, torch.where(stays[..., None], report.rows, first))

    def _choose(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        return Engine._choose(self, state, mean_bits, prbs)

    def _transmit(self, state: CellState, grant: Grant, moment: Moment) -> tuple[Attempt, Tensor, Tensor]:
        """A PRB counts once, however many UEs it has."""
        attempt, activity, _ = super()._transmit(state, grant, moment)
        return attempt, activity, activity

    def _receive(self, state: CellState, grant: Grant, activity: Tensor, moment: Moment) -> tuple[Tensor, Tensor]:
        """Effective SINR of each UE's block over its PRBs; ``activity`` ``[B, C, Uk, K]`` is that of UEs.

        Reports measure at the activity of the cells, ``[B, C, K]``.
        """
        assert isinstance(grant, SharedGrant)
        mapping, cells = self.parts.tables.mapping, activity.amax(2)
        user = grant.holder.clamp(max=self.shape[1] - 1).view(activity.shape)
        sent, drops = grant.precoder, range(self.shape[0])
        gamma = torch.stack([self._drop_users(b, state, user[b], sent[b], cells[b]) for b in drops])
        mcs = torch.nn.functional.pad(grant.mcs, (0, 1)).gather(1, grant.holder)
        carried = mapping.of(gamma.flatten(1), mcs)
        mean = self._per_user(grant.holder, carried) / grant.prbs.clamp(min=1.0)
        return mapping.inverse(mean, grant.mcs), cells

    def _drop_users(self, drop: int, state: CellState, user: Tensor, sent: Tensor, activity: Tensor) -> Tensor:
        """SINR ``[C, Uk, K]`` of the UEs of each PRB, ``user`` ``[C, Uk, K]``."""
        around = around_of(state.block)
        rest = (around.rest_snr[drop] @ activity)[user, self._prb]
        heard = ScheduledChannels(
            state.block.coordinates[drop][user, self._prb][None], around.heard[drop][user][None], rest[None]
        )
        return co_scheduled_sinr(heard, sent[None], self.mimo.settings.receiver)[0]

    def _measure(self, moment: Moment, seen: Tensor) -> DirectionReport:  # type: ignore[override]
        drops = [self._alone(b, moment.block, seen[b]) for b in range(self.shape[0])]
        bits, sinr, rows = (torch.stack(part) for part in zip(*drops, strict=True))
        return DirectionReport(bits, bits.mean(-1), sinr, rows)

    def _alone(self, drop: int, block: Block, activity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Computes bits and SINR ``[U, K]`` of a PRB sent to each UE alone, and the UE's row."""
        own, disturbed = block.coordinates[drop][:, :, 0], self._disturbance(drop, block, activity)
        direction = dominant_direction(own)
        precoder = direction.conj()[..., None]
        gamma = post_combining_sinr(own, precoder, disturbed, self.mimo.settings.receiver)[..., 0]
        sinr = self._sinr_steps[log_grid.index(gamma)]
        return self.parts.tables.adaptation.report(gamma), sinr, direction * sinr.sqrt()[..., None]


def _directed(state: CellState) -> DirectionReport:
    report = state.reports[0]
    assert isinstance(report, DirectionReport)
    return report
