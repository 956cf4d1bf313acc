"""Delays against a queue that is simulated packet by packet."""

from __future__ import annotations

from collections import deque

import pytest
import torch

from mac.delays import BIN_EDGES_S, DelayLedger
from phy.random import uniform

SLOT_S = 1e-3


def simulate(arrivals: list[tuple[int, int]], service: list[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """Packets ``(slot of completion, delay in slots)`` and the age of the oldest byte before each slot's service."""
    queue: deque[list[int]] = deque()
    done, ages, coming = [], [], deque(arrivals)
    for slot, served in enumerate(service):
        while coming and coming[0][0] == slot:
            queue.append(list(coming.popleft()))
        ages.append(slot - queue[0][0] if queue else 0)
        while served and queue:
            take = min(served, queue[0][1])
            queue[0][1] -= take
            served -= take
            if queue[0][1] == 0:
                done.append((slot, slot + 1 - queue.popleft()[0]))
    return done, ages


def draw(user: int, slots: int) -> tuple[list[tuple[int, int]], list[int]]:
    key = torch.tensor([100 + user])
    size = (uniform(key, (slots,))[0] * 900 + 1).long().tolist()
    comes = uniform(key, (slots,), start=10_000)[0] < 0.3
    arrivals = [(slot, size[slot]) for slot in range(slots) if comes[slot]]
    service = ((uniform(key, (slots,), start=20_000)[0] < 0.4) * 450).tolist()
    return arrivals, service


@pytest.mark.parametrize("block", [10, 25])
def test_ledger_equals_a_queue_of_packets(block: int) -> None:
    users, slots, budget = 6, 200, 20
    ledger = DelayLedger((1, users), block, torch.device("cpu"))
    oracle = [simulate(*draw(user, slots)) for user in range(users)]
    drawn = [draw(user, slots) for user in range(users)]
    admitted, served = torch.zeros(1, users, dtype=torch.float64), torch.zeros(1, users, dtype=torch.float64)
    waiting = torch.zeros(1, users, dtype=torch.float64)
    totals = [torch.zeros(1, users, dtype=torch.float64) for _ in range(3)]
    bins = torch.zeros(1, users, len(BIN_EDGES_S), dtype=torch.float64)
    for slot in range(slots):
        step = slot % block
        come = torch.tensor([[float(dict(arrivals).get(slot, 0)) for arrivals, _ in drawn]], dtype=torch.float64)
        admitted, waiting = admitted + come, waiting + come
        ledger.admit(step, admitted, (come > 0).to(torch.float64))
        age = torch.where(waiting > 0, ledger.age(step, served), 0)
        assert age[0].tolist() == [ages[slot] for _, ages in oracle]
        sent = torch.minimum(waiting, torch.tensor([[float(service[slot]) for _, service in drawn]]).double())
        served, waiting = served + sent, waiting - sent
        ledger.resolve(step, served)
        if step + 1 == block:
            report = ledger.close(SLOT_S, torch.full((1, users), budget))
            for total, new in zip(totals, (report.packets, report.delay_s, report.late), strict=True):
                total += new
            bins += report.bins
    for user, (done, _) in enumerate(oracle):
        delays = [delay for _, delay in done]
        assert len(delays) > 10
        assert totals[0][0, user] == len(delays)
        assert totals[1][0, user] == pytest.approx(sum(delays) * SLOT_S)
        assert totals[2][0, user] == sum(delay > budget for delay in delays)
        lower = (0.0, *BIN_EDGES_S[:-1])
        for column, (low, high) in enumerate(zip(lower, BIN_EDGES_S, strict=True)):
            expected = sum(low + 1e-12 < delay * SLOT_S <= high + 1e-12 for delay in delays)
            assert bins[0, user, column] == expected, (user, low, high)


def test_packets_that_wait_for_seconds_are_counted_with_their_delay() -> None:
    """Ten packets in slot 5 of each block; nothing is served for 3000 slots, then everything at once."""
    block, blocks, stop = 50, 60, 20
    ledger = DelayLedger((1, 1), block, torch.device("cpu"))
    admitted, served = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    count, delay, late, arrivals = 0.0, 0.0, 0.0, []
    for slot in range(block * (blocks + 1)):
        number, step = divmod(slot, block)
        come = 10.0 if step == 5 and number < stop else 0.0
        arrivals += [slot] * int(come)
        admitted = admitted + 100 * come
        ledger.admit(step, admitted, torch.full((1, 1), come, dtype=torch.float64))
        if number < blocks and arrivals:
            age = int(ledger.age(step, served))
            assert slot - arrivals[0] <= age <= slot - arrivals[0] + block
        if slot == block * blocks:
            served = admitted
        ledger.resolve(step, served)
        if step + 1 == block:
            report = ledger.close(SLOT_S, torch.full((1, 1), 2500))
            count, delay, late = count + float(report.packets), delay + float(report.delay_s), late + float(report.late)
    waits = [block * blocks + 1 - slot for slot in arrivals]
    assert count == len(waits) == 200
    assert delay == pytest.approx(sum(waits) * SLOT_S)
    assert abs(late - sum(wait > 2500 for wait in waits)) <= 10  # blocks of the past are late or in time as a whole


def test_lasting_overload_is_reported_as_old_as_it_is() -> None:
    """Twice as much comes as is served: the n-th packet waits as long as it takes to come, to within a block."""
    block, slots = 50, 8000
    ledger = DelayLedger((1, 1), block, torch.device("cpu"))
    count, delay = 0.0, 0.0
    for slot in range(slots):
        ledger.admit(slot % block, torch.full((1, 1), 2.0 * (slot + 1)).double(), torch.full((1, 1), 2.0).double())
        ledger.resolve(slot % block, torch.full((1, 1), float(slot + 1)).double())
        if slot % block == block - 1:
            report = ledger.close(SLOT_S, torch.full((1, 1), 2500))
            count, delay = count + float(report.packets), delay + float(report.delay_s)
    assert count == pytest.approx(slots, abs=2 * block)
    assert delay / count == pytest.approx(slots * SLOT_S / 4, rel=0.03)


def test_what_waits_beyond_the_horizon_is_that_old() -> None:
    block = 50
    ledger = DelayLedger((1, 1), block, torch.device("cpu"))
    horizon = ledger.past * block + ledger.fine
    assert horizon > 20_000
    total, none = torch.full((1, 1), 5.0, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for slot in range(horizon + 200):
        ledger.admit(slot % block, total, torch.full((1, 1), float(slot == 0), dtype=torch.float64))
        ledger.resolve(slot % block, none)
        if slot % block == block - 1:
            last = int(ledger.age(block - 1, none))
            ledger.close(SLOT_S, torch.full((1, 1), 100))
    assert horizon <= last <= horizon + block
