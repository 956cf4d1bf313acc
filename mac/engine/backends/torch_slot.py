"""Computes a slot by torch's operations: the definition of a slot, for every radio and device.

Nothing in it loops over UEs, cells or PRBs, branches on a tensor or reads one back. Transcendental functions, whose
last bit may depend on where in a batch a number stands, stay out of it: they are tables, read by one gather. The one
exception is the power in :func:`phy.link.bler.transport_bler`, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from phy.link.bler import transport_bler
from phy.numerics.jit import BackendName
from phy.numerics.log_grid import gather

from ...link_adaptation import harq
from ...link_adaptation.adaptation import outer_loop
from ...link_adaptation.harq import Attempt
from ..grant import Grant, Transmission, sum_per_user
from ..radio.radio import Radio
from ..state import CellState, EngineParts, Report, SlotInputs, SlotResult


@dataclass(frozen=True)
class SentBlocks:
    """Holds the block that each UE sends or repeats, all ``[B, U]``."""

    row: Tensor  # int64, of the tables of blocks
    coded_prbs: Tensor  # PRBs of its first attempt
    bytes: Tensor  # float64, 0 where nothing is sent


class TorchSlot:
    """Computes slots operation by operation, from tensors only, so that they can be compiled.

    Args:
        parts: of the engine.
        radio: of the engine.
    """

    name: BackendName = "torch"
    window_slots = 1

    def __init__(self, parts: EngineParts, radio: Radio[Any]) -> None:
        self._parts, self._radio = parts, radio
        self._users, self._prbs = parts.shape[1], parts.prbs
        self._endless_bytes = parts.endless_bytes()
        self._zero = torch.zeros(parts.shape, dtype=torch.float64, device=parts.device)
        self._one = torch.ones(1, dtype=parts.dtype, device=parts.device)
        self._prb = torch.arange(parts.prbs, device=parts.device)

    def first_report(self, moment: SlotInputs[Any]) -> Report:
        """Computes the report of the first slot, with every cell at full load."""
        return self._radio.first_report(moment)

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``."""
        return self._radio.need(state)

    def carry_out(self, state: CellState, user: Tensor, need_prbs: Tensor, moment: SlotInputs[Any]) -> SlotResult:
        """Transmits what was decided.

        Args:
            state: at the start of the slot.
            user: from :meth:`mac.engine.radio.radio.Radio.holders`.
            need_prbs: ``[B, U]`` as observed, to be counted.
            moment: the slot.
        """
        sending, blocks = self._send(state, self._grant(user))
        received = self._radio.receive(moment, sending)
        attempt = self._decode(state, sending, blocks, received.effective_sinr, moment.draws)
        first = attempt.sent & ~state.harq.retransmits
        failed = first & ~attempt.decoded
        new_bytes = torch.where(first, attempt.bytes, self._zero)
        served = torch.where(attempt.decoded, attempt.bytes * 8, self._zero)
        rest = state.waiting_bytes - new_bytes
        waiting = torch.maximum(rest, self._endless_bytes)
        counters = torch.stack(
            (
                served,
                (state.arrived[0] + (waiting - rest)) * 8,
                state.arrived[1] * 8,
                torch.where(attempt.given_up, attempt.bytes * 8, self._zero),
                sending.grant.prbs.to(torch.float64),
                need_prbs,
                first.to(torch.float64),
                failed.to(torch.float64),
            )
        )
        return SlotResult(
            waiting_bytes=waiting,
            sent_bytes=state.sent_bytes + new_bytes,
            harq=harq.update(state.harq, attempt, moment.time, self._parts.harq),
            outer_loop_db=outer_loop(state.outer_loop_db, first, failed, self._parts.link),
            served_bits=served,
            report=received.report and received.report.since(state.reports[-1], moment.due),
            counters=counters if received.counters is None else torch.cat((counters, received.counters)),
            active_prbs=received.activity.sum(-1, dtype=torch.float64),
        )

    def in_place(self, state: CellState, slots: int, moment: Callable[[int], SlotInputs[Any]]) -> None:
        """Returns None: each slot is computed by itself."""

    def _grant(self, user: Tensor) -> Grant:
        """Computes the holder of each PRB, and the PRBs of each UE."""
        holder = torch.where(user >= 0, user, self._users).flatten(1)  # a PRB without holder is UE U's
        place = (user.clamp(min=0) * self._prbs).add_(self._prb).flatten(1)
        return Grant(user, holder, place, sum_per_user(holder, self._one.expand(holder.shape), self._users))

    def _send(self, state: CellState, grant: Grant) -> tuple[Transmission, SentBlocks]:
        """Computes the block of each UE, new or repeated, and which PRBs carry it."""
        tables, queue = self._parts.tables, state.harq
        old, again = queue.current, queue.retransmits
        expected = self._radio.expect(state, grant)
        mean_bits = grant.per_user(expected.bits) / grant.prbs.clamp(min=1.0)
        chosen = self._radio.choose_mcs(state, mean_bits, grant.prbs)
        mcs = torch.where(again, old[..., harq.MCS].long(), chosen)
        coded_prbs = torch.where(again, old[..., harq.PRBS], grant.prbs)
        row = mcs * (self._prbs + 1) + coded_prbs.long()
        new = torch.minimum(tables.block_bytes[row], state.waiting_bytes)
        payload = torch.where(again, old[..., harq.BYTES], new)
        sent = (payload * grant.prbs > 0) & queue.usable
        activity = grant.of_holders(sent.to(self._one.dtype))
        sending = Transmission(grant, mcs, sent, activity, state.reports[0], expected.precoder)
        return sending, SentBlocks(row, coded_prbs, torch.where(sent, payload, self._zero))

    def _decode(
        self, state: CellState, sending: Transmission, blocks: SentBlocks, effective_sinr: Tensor, draws: Tensor
    ) -> Attempt:
        """Computes which blocks are decoded, soft bits of earlier attempts added, and which are given up."""
        tables, old, again = self._parts.tables, state.harq.current, state.harq.retransmits
        own = effective_sinr * (sending.grant.prbs / blocks.coded_prbs.clamp(min=1.0))
        combined = torch.where(again, own + old[..., harq.SINR], own)
        bler = gather(tables.bler_curves, tables.bler_row[blocks.row], combined)
        failure = transport_bler(bler, tables.code_blocks[blocks.row])
        decoded = sending.sent & (draws >= failure)
        attempts = torch.where(again, old[..., harq.ATTEMPTS] + 1, self._zero + 1)
        given_up = sending.sent & (attempts >= self._parts.harq.max_attempts) & ~decoded
        return Attempt(
            sending.sent, blocks.bytes, sending.mcs, blocks.coded_prbs, combined, attempts, decoded, given_up
        )
