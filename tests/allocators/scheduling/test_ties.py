"""Ties between equals: lots, and the schedulers in which they decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from backend_cases import torch_alone
from oracles_scheduling import Shape, assign_loops, context, only, slot

from allocators.scheduling.max_rate import MaxRate
from allocators.scheduling.round_robin import RoundRobin
from allocators.scheduling.slice_groups import TieBreaker
from allocators.scheduling.water_filling import WaterFilling
from mac.scheduling import SchedulingObservation
from phy.random import Drops, uniform

SHAPE = Shape(3, 8, 2, 6)
FEW_RATES = torch.tensor([0.0, 200.0, 300.0, 300.0], dtype=torch.float64)


def made(allocator: Any, shape: Shape = SHAPE, saturated: bool = False) -> Any:
    allocator.reset(context(shape, saturated), 0)
    return allocator


def equals(shape: Shape, number: int, **fields: Any) -> SchedulingObservation:
    """A slot of one cell in which all users want everything at one rate."""
    size = (shape.batch, shape.users)
    defaults = {
        "serving": torch.zeros(size, dtype=torch.int64),
        "need_prbs": torch.full(size, float(shape.prbs), dtype=torch.float64),
        "rate_bits": torch.full((*size, shape.prbs), 300.0, dtype=torch.float64),
    }
    return slot(shape, slot=number, **(defaults | fields))


def totals(allocator: Any, shape: Shape, slots: int, **fields: Any) -> list[int]:
    """PRBs of each user of the first drop over so many slots."""
    count = torch.zeros(shape.users, dtype=torch.int64)
    for number in range(slots):
        user = allocator.decide(equals(shape, number, **fields)).user[0]
        count += torch.bincount(user[user >= 0], minlength=shape.users)
    return count.tolist()


def few(number: int, shape: Shape = SHAPE) -> SchedulingObservation:
    """A slot with few distinct rates, as CQIs are."""
    luck = torch.Generator().manual_seed(number)
    size = (shape.batch, shape.users, shape.prbs)
    return slot(shape, number, slot=number, rate_bits=FEW_RATES[torch.randint(0, 4, size, generator=luck)])


def by_lot(observation: SchedulingObservation, order: list[list[int]]) -> SchedulingObservation:
    """The observation with its users renamed so that the lower name has the better lot."""
    names = torch.tensor(order)
    return replace(
        observation,
        serving=observation.serving.gather(1, names),
        need_prbs=observation.need_prbs.gather(1, names),
        rate_bits=observation.rate_bits.gather(1, names[..., None].expand(observation.rate_bits.shape)),
    )


def lots(number: int) -> list[list[int]]:
    """Users of each drop in the order of their lots: one number each, of the drop's own stream, slot after slot."""
    drawn = [uniform(Drops(1, (drop,)).keys("ties"), (8,), start=8 * number)[0].tolist() for drop in range(3)]
    return [sorted(range(8), key=one.__getitem__) for one in drawn]


@pytest.mark.parametrize("saturated", [False, True])
def test_max_rate_equals_plain_loops_over_users_by_lot(saturated: bool) -> None:
    """Loops in which the lowest index wins, over users renamed by their lots."""
    allocator, moved = made(MaxRate(), saturated=saturated), 0
    for number in range(30):
        seen, order = few(number), lots(number)
        renamed = by_lot(seen, order)
        holders = assign_loops(renamed.rate_bits, renamed, 3, saturated)
        expected = torch.stack([
            torch.where(user < 0, -1, torch.tensor(one)[user]) for user, one in zip(holders, order, strict=True)
        ])  # fmt: skip
        found = allocator.decide(seen).user
        assert torch.equal(found, expected), number
        moved += int((found != assign_loops(seen.rate_bits, seen, 3, saturated)).sum())
    assert moved > 100  # PRBs that the lowest index would have had


def even(found: list[int], among: list[int], slots: int) -> None:
    """So many PRBs each, but for chance: five standard deviations of the number of slots in which a user is first."""
    total, share = sum(found), 1 / len(among)
    for user, count in enumerate(found):
        expected = total * share if user in among else 0
        spread = total / slots * (slots * share * (1 - share)) ** 0.5 if user in among else 0
        assert abs(count - expected) <= 5 * spread, (user, found)


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("users", [2, 4, 7])
def test_equals_get_equally_much_under_max_rate(users: int, saturated: bool) -> None:
    shape = Shape(1, users, 1, 5)
    found = totals(made(MaxRate(), shape, saturated), shape, 400)
    assert sum(found) == 2000
    even(found, list(range(users)), 400)


@pytest.mark.parametrize("pair", [(0, 1), (3, 4), (2, 9)])
def test_whichever_users_are_equal(pair: tuple[int, int]) -> None:
    shape = Shape(1, 10, 1, 4)
    rate = torch.full((1, 10, 4), 100.0, dtype=torch.float64)
    rate[:, list(pair)] = 400.0
    even(totals(made(MaxRate(), shape), shape, 400, rate_bits=rate), list(pair), 400)


def test_equals_on_one_prb_that_are_best_on_another_each() -> None:
    """Three users get a PRB of their own in every slot, and the fourth goes by lot."""
    shape = Shape(1, 3, 1, 4)
    rate = 100.0 * (1 + torch.eye(3, 4, dtype=torch.float64))[None]
    found = totals(made(MaxRate(), shape), shape, 300, rate_bits=rate)
    even([count - 300 for count in found], [0, 1, 2], 300)


def test_lots_are_those_of_the_drop_alone() -> None:
    together = made(MaxRate())
    for number in range(12):
        user = together.decide(few(number)).user
        for drop in range(3):
            allocator = MaxRate()
            allocator.reset(replace(context(replace(SHAPE, batch=1)), drops=Drops(1, (drop,))), 0)
            assert torch.equal(allocator.decide(only(few(number), drop)).user[0], user[drop])


@pytest.mark.parametrize("kind", [MaxRate, RoundRobin, WaterFilling])
@pytest.mark.parametrize("lent", [False, True])
def test_loops_and_torch_agree(kind: type, lent: bool) -> None:
    shape = Shape(3, 8, 2, 6, 2, lent)
    loops, alone = made(kind(), shape), made(kind(), shape)
    for number in range(12):
        user = loops.decide(few(number, shape)).user
        with torch_alone():
            assert torch.equal(alone.decide(few(number, shape)).user, user)


@pytest.mark.parametrize("kind", [MaxRate, RoundRobin, WaterFilling])
@pytest.mark.parametrize("slices", [[0, 0, 1, 1], [0, 1, 2, 2]])
def test_borrowed_prbs_go_by_lot_among_equals(kind: type, slices: list[int]) -> None:
    """The users of the last slice need nothing: its four PRBs go to the first two users, of one slice or of two."""
    shape = Shape(1, 4, 1, 8, max(slices) + 1)
    slice_id = torch.tensor([slices])
    owner = torch.tensor([0, 0, slices[1], slices[1]] + [slices[-1]] * 4)
    owned = slice_id[..., None] == owner
    need = torch.tensor([[9.0, 9.0, 0.0, 0.0]], dtype=torch.float64)
    fields = {"slice_id": slice_id, "owned": owned, "borrowable": ~owned, "need_prbs": need.clamp(max=8)}
    found = totals(made(kind(), shape), shape, 400, **fields)
    assert sum(found) == 3200
    even(found, [0, 1], 400)


def test_padding_stays_at_the_end() -> None:
    shape = Shape(1, 5, 2, 3)
    seen = slot(shape, serving=torch.tensor([[0, 0, 1, 0, 0]]))
    orders = [TieBreaker(context(shape)).reorder(replace(seen, slot=number)).roster[0].tolist() for number in range(20)]
    assert all(sorted(first) == [0, 1, 3, 4] and second == [2, 5, 5, 5] for first, second in orders)
    assert len({tuple(first) for first, _ in orders}) > 10


def test_water_filling_lends_to_the_best_rate() -> None:
    """One PRB each of their own; the six of the idle slice go to the user with the greater rate, first or last."""
    shape = Shape(1, 3, 1, 8, 2)
    slice_id = torch.tensor([[0, 0, 1]])
    owned = slice_id[..., None] == torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    need = torch.tensor([[8.0, 8.0, 0.0]], dtype=torch.float64)
    fields = {"slice_id": slice_id, "owned": owned, "borrowable": ~owned, "need_prbs": need}
    for best in (0, 1):
        rate = torch.full((1, 3, 8), 300.0, dtype=torch.float64)
        rate[:, best] = 400.0
        expected = [10, 10, 0]
        expected[best] = 70
        assert totals(made(WaterFilling(), shape), shape, 10, rate_bits=rate, **fields) == expected
