"""The slot engine against a loop over users, cells and PRBs: queues, HARQ, adaptation, blocks and delays, slot by slot.

Three sectors of a site with two users each and four PRBs, or 14 to send blocks of several code blocks. The decisions
are drawn, not made: they give PRBs to users that have nothing to send, whose processes all wait, or whose block was
sent on another number of PRBs.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from loop_cases import CASES, CPU, SLOTS, Case, _compare_states, by_slot, draw_holders, parts_of
from oracles_bler import bin_centre, block_error, thresholds_db
from oracles_engine import LoopEngine, bin_of
from oracles_link import transport_block

from mac.carrier import CarrierSettings
from mac.engine.engine import Engine
from mac.engine.state import COUNTERS
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.tables import link_tables
from mac.scheduling import SchedulingDecision
from mac.scheduling.observe import observe
from phy.link.mcs import mcs_table
from phy.link.tables import load_arrays


@pytest.mark.parametrize("name", CASES)
def test_every_slot_is_that_of_plain_loops(name: str) -> None:
    case = CASES[name]
    parts = parts_of(case)
    engine, loops = Engine(parts), LoopEngine(parts, by_slot(parts))
    state = engine.start()
    state = replace(state, outer_loop_db=torch.full((1, 6), case.offset_db, dtype=torch.float64))
    for user in loops.users:
        user.offset_db = case.offset_db
    seen = dict.fromkeys(COUNTERS, 0.0)
    packets, delay_s, repeated, blocked = torch.zeros(6), torch.zeros(6), 0, 0
    for slot in range(SLOTS):
        observation = observe(engine, state)
        due = [user.due(slot) for user in loops.users]
        assert observation.need_prbs[0].tolist() == [loops.need(user) for user in range(6)], slot
        assert observation.retransmits[0].tolist() == [bool(one and one.block) for one in due], slot
        assert state.harq.usable[0].tolist() == [one is not None for one in due], slot
        reported = [bits for row in loops.reports[0] for bits in row]
        assert observation.rate_bits[0].flatten().tolist() == pytest.approx(reported), slot
        assert observation.head_of_line_s[0].tolist() == pytest.approx(_ages(loops, engine.parts.carrier.slot_s)), slot
        holders = draw_holders(loops.serving, slot, case.prbs)
        repeated += sum(bool(one and one.block) and any(u in row for row in holders) for u, one in enumerate(due))
        blocked += sum(one is None for one in due)
        books = loops.step(holders)
        decision = SchedulingDecision(torch.tensor(holders)[None])
        state, outcome = engine.step(state, decision, observation.need_prbs)
        for counter, row in zip(COUNTERS, outcome.counters[:, 0].tolist(), strict=True):
            assert row == pytest.approx(books[counter]), (slot, counter)
            seen[counter] += sum(row)
        assert outcome.active_prbs[0].tolist() == loops.active, slot
        _compare_states(state, loops, slot)
        if outcome.delays is not None:
            packets, delay_s = packets + outcome.delays.packets[0], delay_s + outcome.delays.delay_s[0]
            done = [[] if user.full else user.delays for user in loops.users]
            assert packets.tolist() == [len(delays) for delays in done], slot
            assert delay_s.tolist() == pytest.approx([sum(d) * parts.carrier.slot_s for d in done]), slot
    _something_happened(case, seen, repeated, blocked)


@pytest.mark.parametrize("table", [1, 2, 3])
def test_blocks_of_every_mcs_and_width_are_those_of_the_standard(table: int) -> None:
    """Bytes, code blocks and error curve, for the whole carrier of a slot."""
    carrier = CarrierSettings(prbs=24, mcs_table=table)
    tables, mcs = link_tables(carrier, LinkSettings(), CPU, torch.float64), mcs_table(table)
    arrays = load_arrays("bler")
    assert (tables.block_bytes.view(-1, 25)[:, 0] == 0).all()
    for index, (order, rate) in enumerate(zip(mcs.modulation_order.tolist(), mcs.code_rate.tolist(), strict=True)):
        for prbs in range(1, 25):
            bits, blocks, _ = transport_block(order, Fraction(rate), 132 * prbs, 1)
            ten, one = thresholds_db(arrays, order, Fraction(rate), 132 * prbs, 1)
            place = bin_of(10 ** (ten / 10))
            at = index * 25 + prbs
            assert tables.block_bytes[at] == bits / 8
            assert tables.code_blocks[at] == blocks
            expected = block_error(ten, one, bin_centre(place))
            assert tables.bler_curves[tables.bler_row[at], place] == pytest.approx(expected, rel=1e-6), (index, prbs)


def _ages(loops: LoopEngine, slot_s: float) -> list[float]:
    """Age of the first byte of each queue, from the arrivals admitted."""
    ages = []
    for number, user in enumerate(loops.users):
        if user.full or user.waiting <= 0:
            ages.append(0.0)
            continue
        total, come = 0.0, 0
        for slot, admitted in enumerate(loops.admissions[number]):
            total += admitted
            if total > user.sent:
                come = slot
                break
        ages.append((loops.slot - come) * slot_s)
    return ages


def _something_happened(case: Case, seen: dict[str, float], repeated: int, blocked: int) -> None:
    """The runs would prove little if nothing failed, waited, was repeated, dropped or given up in them."""
    assert seen["served_bits"] > 0
    assert seen["first_nack"] > 0
    assert seen["requested_prbs"] > seen["granted_prbs"] / 4
    if case.full != (0, 1, 2, 3, 4, 5):
        assert seen["dropped_bits"] > 0
    if case.offset_db > 5:
        assert seen["lost_bits"] > 0
        assert blocked > 10
    if case.harq.max_attempts > 1:
        assert repeated > 0
