"""Delays against a queue that is simulated packet by packet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from mac.traffic.packets import Arrivals, sort_packets
from mac.traffic.queue_delay import BIN_EDGES_S, DelayLedger
from phy.random import uniform

SLOT_S = 1e-3
REPORTED = ("packets", "delay_s", "late", "bins")


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


def draw(user: int, slots: int, burst: int) -> tuple[list[tuple[int, int]], list[int]]:
    """Up to ``burst`` packets a slot in three of ten slots, and the bytes served in each slot."""
    key = torch.tensor([100 + user])
    size = (uniform(key, (slots, burst))[0] * 900 / burst + 1).long().tolist()
    comes = uniform(key, (slots,), start=10_000)[0] < 0.3
    number = (uniform(key, (slots,), start=30_000)[0] * burst).long() + 1
    arrivals = [(slot, one) for slot in range(slots) if comes[slot] for one in size[slot][: int(number[slot])]]
    service = ((uniform(key, (slots,), start=20_000)[0] < 0.4) * 450).tolist()
    return arrivals, service


def arrivals_of(packets: list[list[tuple[int, int]]]) -> Arrivals:
    """One drop, whose users have these packets ``(slot, bytes)``."""
    flat = [(slot, user, size) for user, own in enumerate(packets) for slot, size in own]
    return Arrivals((sort_packets(*np.array(flat, dtype=np.int64).reshape(-1, 3).T),))


def arrived_in(arrivals: Arrivals, slot: int, block: int, users: int) -> Tensor:
    """Bytes and packets of each slot of a block, ``[T, 2, 1, U]``."""
    both = torch.stack([read(slot, block, users) for read in (arrivals.block, arrivals.counts)])
    return both.permute(3, 0, 1, 2).double()


@dataclass
class Played:
    """What a ledger said of each user over a run."""

    packets: Tensor
    delay_s: Tensor
    late: Tensor
    bins: Tensor
    ages: list[list[int]]  # before each slot's service


def play(
    arrivals: Arrivals, service: Tensor, block: int, budget: int = 20, queue_bytes: float = 1e12, skip: int = 0
) -> Played:
    """Bytes first in, first out through a ledger; ``service`` ``[T, U]`` bytes; the first slots may not count."""
    slots, users = service.shape
    ledger = DelayLedger.start(arrivals, (1, users), block, arrived_in(arrivals, 0, block, users))
    zero = torch.zeros(1, users, dtype=torch.float64)
    admitted, served, waiting = zero, zero, zero
    told, ages = [], []
    for slot in range(slots):
        step = slot % block
        if step == 0:
            arrived = arrived_in(arrivals, slot, block, users)
        come = torch.minimum(arrived[step, 0], queue_bytes - waiting)
        admitted, waiting = admitted + come, waiting + come
        ledger = ledger.admit(admitted)
        ages.append(torch.where(waiting > 0, ledger.age(served), 0)[0].tolist())
        sent = torch.minimum(waiting, service[None, slot].double())
        served, waiting = served + sent, waiting - sent
        ledger = ledger.resolve(served)
        if step + 1 == block:
            next_block = arrived_in(arrivals, slot + 1, block, users)
            ledger, report = ledger.close(SLOT_S, torch.full((1, users), budget), next_block)
            told.append(report)
    parts = [torch.stack([getattr(one, name)[0] for one in told[skip // block :]]).sum(0) for name in REPORTED]
    return Played(*parts, ages)


def expect(played: Played, user: int, delays: list[int], budget: int = 20) -> None:
    """The user's packets took these times, in slots."""
    assert played.packets[user] == len(delays)
    assert played.delay_s[user] == pytest.approx(sum(delays) * SLOT_S)
    assert played.late[user] == sum(delay > budget for delay in delays)
    lower = (0.0, *BIN_EDGES_S[:-1])
    for column, (low, high) in enumerate(zip(lower, BIN_EDGES_S, strict=True)):
        expected = sum(low + 1e-12 < delay * SLOT_S <= high + 1e-12 for delay in delays)
        assert played.bins[user, column] == expected, (user, low, high)


@pytest.mark.parametrize("burst", [1, 5])
@pytest.mark.parametrize("block", [10, 25])
def test_ledger_equals_a_queue_of_packets(block: int, burst: int) -> None:
    """With one packet in a slot, and with up to five of unlike sizes."""
    drawn = [draw(user, 200, burst) for user in range(6)]
    service = torch.tensor([service for _, service in drawn]).T
    played = play(arrivals_of([arrivals for arrivals, _ in drawn]), service, block)
    for user, (arrivals, service_) in enumerate(drawn):
        done, ages = simulate(arrivals, service_)
        assert len(done) > 10
        expect(played, user, [delay for _, delay in done])
        assert [row[user] for row in played.ages] == ages


def test_packets_of_one_slot_are_through_one_by_one() -> None:
    """Sizes 100, 300, 50 with 150 bytes a slot: through after 1, 3 and 3 slots; another user's end in between."""
    arrivals = arrivals_of([[(3, 100), (3, 300), (3, 50)], [(3, 70), (4, 70)]])
    played = play(arrivals, torch.full((10, 2), 150), 5)
    expect(played, 0, [1, 3, 3])
    expect(played, 1, [1, 1])


def test_of_a_burst_that_is_cut_off_those_count_that_found_room() -> None:
    """Room for 250 bytes: the first two of 100, 100, 100; the half of the third is sent and is no packet."""
    played = play(arrivals_of([[(0, 100), (0, 100), (0, 100), (4, 60)]]), torch.full((10, 1), 100), 5, queue_bytes=250)
    expect(played, 0, [1, 2, 1])


def test_a_packet_without_bytes_counts_for_no_other_user() -> None:
    played = play(arrivals_of([[(1, 100)], [(1, 50)], [(1, 0), (2, 40)]]), torch.full((5, 3), 100), 5)
    expect(played, 0, [1])
    expect(played, 1, [1])


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
def test_mean_delay_of_a_slotted_queue(load: float) -> None:
    """M/D/1, one packet a slot: 1 + rho / (2 (1 - rho)) slots in the mean (Pollaczek-Khinchine, and the service)."""
    users, slots, warm_up = 300, 3000, 500
    number = np.random.default_rng(5).poisson(load, (users, slots))
    packets = [[(slot, 500) for slot in np.repeat(np.arange(slots), row)] for row in number]
    played = play(arrivals_of(packets), torch.full((slots, users), 500), 50, skip=warm_up)
    expected = 1 + load / (2 * (1 - load))
    assert float(played.delay_s.sum() / played.packets.sum()) / SLOT_S == pytest.approx(expected, rel=0.01)


def test_packets_that_wait_for_seconds_are_counted_with_their_delay() -> None:
    """Ten packets in slot 5 of each block; nothing is served for 3000 slots, then everything at once."""
    block, blocks, stop = 50, 60, 20
    packets = arrivals_of([[(block * number + 5, 100) for number in range(stop) for _ in range(10)]])
    ledger = DelayLedger.start(packets, (1, 1), block, arrived_in(packets, 0, block, 1))
    admitted, served = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    count, delay, late, arrivals = 0.0, 0.0, 0.0, []
    for slot in range(block * (blocks + 1)):
        number, step = divmod(slot, block)
        come = 10 if step == 5 and number < stop else 0
        arrivals += [slot] * come
        admitted = admitted + 100 * come
        ledger = ledger.admit(admitted)
        if number < blocks and arrivals:
            age = int(ledger.age(served))
            assert slot - arrivals[0] <= age <= slot - arrivals[0] + block
        if slot == block * blocks:
            served = admitted
        ledger = ledger.resolve(served)
        if step + 1 == block:
            next_block = arrived_in(packets, slot + 1, block, 1)
            ledger, report = ledger.close(SLOT_S, torch.full((1, 1), 2500), next_block)
            count, delay, late = count + float(report.packets), delay + float(report.delay_s), late + float(report.late)
    waits = [block * blocks + 1 - slot for slot in arrivals]
    assert count == len(waits) == 200
    assert delay == pytest.approx(sum(waits) * SLOT_S)
    assert abs(late - sum(wait > 2500 for wait in waits)) <= 10  # blocks of the past are late or in time as a whole


def test_lasting_overload_is_reported_as_old_as_it_is() -> None:
    """Twice as much comes as is served: the n-th packet waits as long as it takes to come, to within a block."""
    block, slots = 50, 8000
    packets = arrivals_of([[(slot, 1) for slot in range(slots) for _ in range(2)]])
    ledger = DelayLedger.start(packets, (1, 1), block, arrived_in(packets, 0, block, 1))
    count, delay = 0.0, 0.0
    for slot in range(slots):
        ledger = ledger.admit(torch.full((1, 1), 2.0 * (slot + 1)).double())
        ledger = ledger.resolve(torch.full((1, 1), float(slot + 1)).double())
        if slot % block == block - 1:
            next_block = arrived_in(packets, slot + 1, block, 1)
            ledger, report = ledger.close(SLOT_S, torch.full((1, 1), 2500), next_block)
            count, delay = count + float(report.packets), delay + float(report.delay_s)
    assert count == pytest.approx(slots, abs=2 * block)
    assert delay / count == pytest.approx(slots * SLOT_S / 4, rel=0.03)


def test_what_waits_beyond_the_horizon_is_that_old() -> None:
    block, packets = 50, arrivals_of([[(0, 5)]])
    ledger = DelayLedger.start(packets, (1, 1), block, arrived_in(packets, 0, block, 1))
    horizon = ledger.curves.past * block + ledger.curves.fine
    assert horizon > 20_000
    total, none = torch.full((1, 1), 5.0, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for slot in range(horizon + 200):
        ledger = ledger.admit(total).resolve(none)
        if slot % block == block - 1:
            last = int(ledger.age(none))
            ledger, _ = ledger.close(SLOT_S, torch.full((1, 1), 100), arrived_in(packets, slot + 1, block, 1))
    assert horizon <= last <= horizon + block
