"""Who gets what among equals: the line, and the schedulers in which it decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from compiled_cases import torch_alone
from oracles_scheduling import Shape, assign_loops, context, only, slot
from torch import Tensor

from allocators.scheduling.max_rate import MaxRate
from allocators.scheduling.round_robin import RoundRobin
from allocators.scheduling.turns import Line
from allocators.scheduling.water_filling import WaterFilling
from mac.scheduling_types import SchedulingObservation

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


def in_line(observation: SchedulingObservation, line: list[list[int]]) -> SchedulingObservation:
    """The observation with its users renamed so that the lower name stands further in front."""
    order = torch.tensor(line)
    wide = order[..., None].expand(observation.rate_bits.shape)
    return replace(
        observation,
        serving=observation.serving.gather(1, order),
        need_prbs=observation.need_prbs.gather(1, order),
        rate_bits=observation.rate_bits.gather(1, wide),
    )


@pytest.mark.parametrize("saturated", [False, True])
def test_max_rate_equals_plain_loops_over_users_in_line(saturated: bool) -> None:
    """Loops in which the lowest index wins, over users renamed by a line that is kept as a list."""
    allocator = made(MaxRate(), saturated=saturated)
    lines = [list(range(8)) for _ in range(3)]
    moved = 0
    for number in range(30):
        seen = few(number)
        renamed = assign_loops(in_line(seen, lines).rate_bits, in_line(seen, lines), 3, saturated)
        expected = torch.stack([
            torch.where(user < 0, -1, torch.tensor(line)[user]) for user, line in zip(renamed, lines, strict=True)
        ])  # fmt: skip
        found = allocator.decide(seen).user
        assert torch.equal(found, expected), number
        moved += int((found != assign_loops(seen.rate_bits, seen, 3, saturated)).sum())
        for line, user in zip(lines, found.flatten(1).tolist(), strict=True):
            line.sort(key=user.count)  # a stable sort: who got most stands last
    assert moved > 100  # PRBs that the lowest index would have had


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("users", [2, 4, 7])
def test_equals_get_equally_much_under_max_rate(users: int, saturated: bool) -> None:
    shape = Shape(1, users, 1, 5)
    assert totals(made(MaxRate(), shape, saturated), shape, 3 * users) == [15] * users


@pytest.mark.parametrize("pair", [(0, 1), (3, 4), (2, 9)])
def test_whoever_the_equals_are(pair: tuple[int, int]) -> None:
    shape = Shape(1, 10, 1, 4)
    rate = torch.full((1, 10, 4), 100.0, dtype=torch.float64)
    rate[:, list(pair)] = 400.0
    found = totals(made(MaxRate(), shape), shape, 20, rate_bits=rate)
    assert found == [40 if user in pair else 0 for user in range(10)]


def test_equals_on_one_prb_who_are_best_on_another_each() -> None:
    """Three users get a PRB of their own in every slot, and the fourth goes round."""
    shape = Shape(1, 3, 1, 4)
    rate = 100.0 * (1 + torch.eye(3, 4, dtype=torch.float64))[None]
    assert totals(made(MaxRate(), shape), shape, 30, rate_bits=rate) == [40, 40, 40]


def test_a_line_is_that_of_its_drop_alone() -> None:
    alone, together = [made(MaxRate(), replace(SHAPE, batch=1)) for _ in range(3)], made(MaxRate())
    for number in range(12):
        user = together.decide(few(number)).user
        for drop in range(3):
            assert torch.equal(alone[drop].decide(only(few(number), drop)).user[0], user[drop])


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
def test_borrowed_prbs_go_round_among_equals(kind: type, slices: list[int]) -> None:
    """The users of the last slice need nothing: its four PRBs go to the first two users, of one slice or of two."""
    shape = Shape(1, 4, 1, 8, max(slices) + 1)
    slice_id = torch.tensor([slices])
    owner = torch.tensor([0, 0, slices[1], slices[1]] + [slices[-1]] * 4)
    owned = slice_id[..., None] == owner
    need = torch.tensor([[9.0, 9.0, 0.0, 0.0]], dtype=torch.float64)
    fields = {"slice_id": slice_id, "owned": owned, "borrowable": ~owned, "need_prbs": need.clamp(max=8)}
    assert totals(made(kind(), shape), shape, 10, **fields) == [40, 40, 0, 0]


def test_who_waited_longest_stands_in_front_and_padding_last() -> None:
    shape = Shape(1, 5, 2, 3)
    line = Line(context(shape))
    serving = torch.tensor([[0, 0, 1, 0, 0]])
    served: list[tuple[list[int], list[int]]] = [
        ([0, 0, 1], [0, 1, 3, 4]),
        ([3, -1, -1], [3, 4, 1, 0]),
        ([4, 1, 1], [4, 1, 0, 3]),
        ([-1, -1, -1], [0, 3, 4, 1]),
    ]
    for holders, expected in served:
        roster: Tensor = line.ordered(slot(shape, serving=serving)).roster
        assert roster[0].tolist() == [expected, [2, 5, 5, 5]]
        line.served(torch.tensor([[holders, [2, 2, 2]]]))


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
