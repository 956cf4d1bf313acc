"""The schedulers, each against what it promises and against plain loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from backend_cases import torch_alone
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_scheduling import Shape, assign_loops, context, moved, slot, water_filling_loops
from torch import Tensor

from allocators import registry
from allocators.scheduling.earliest_deadline import EarliestDeadline
from allocators.scheduling.m_lwdf import ModifiedLargestWeightedDelayFirst
from allocators.scheduling.max_rate import MaxRate
from allocators.scheduling.proportional_fair import ProportionalFair
from allocators.scheduling.round_robin import RoundRobin
from allocators.scheduling.served_average import ServedAverage
from allocators.scheduling.water_filling import WaterFilling
from mac.scheduling import SchedulingDecision, SchedulingObservation

INF = math.inf
ONE_CELL = Shape(1, 4, 1, 6)


def made(allocator: Any, shape: Shape = ONE_CELL, saturated: bool = False) -> Any:
    allocator.reset(context(shape, saturated), 0)
    return allocator


def one_cell(shape: Shape = ONE_CELL, **fields: Any) -> SchedulingObservation:
    size = (shape.batch, shape.users)
    defaults = {
        "serving": torch.zeros(size, dtype=torch.int64),
        "need_prbs": torch.full(size, float(shape.prbs), dtype=torch.float64),
        "rate_bits": torch.full((*size, shape.prbs), 300.0, dtype=torch.float64),
    }
    return slot(shape, **(defaults | fields))


def held(decision: SchedulingDecision, users: int) -> Tensor:
    """PRBs that each user holds, ``[B, U]``."""
    return (decision.user[..., None] == torch.arange(users)).sum((1, 2))


def closed_loop(allocator: Any, shape: Shape, slots: int) -> tuple[Tensor, Tensor]:
    """Bits and PRBs of each user ``[U]`` on independent fading; user u is u + 1 times as near as the first."""
    luck = torch.Generator().manual_seed(3)
    allocator = made(allocator, shape, saturated=True)
    gain = torch.arange(1, shape.users + 1, dtype=torch.float64)
    bits, prbs = torch.zeros(shape.users), torch.zeros(shape.users)
    served = torch.zeros(1, shape.users, dtype=torch.float64)
    for number in range(slots):
        fading = torch.rand(1, shape.users, shape.prbs, generator=luck, dtype=torch.float64) + 0.5
        rate = 100 * gain[:, None] * fading
        user = allocator.decide(one_cell(shape, slot=number, rate_bits=rate, served_bits=served)).user[:, 0]
        mine = user[:, None] == torch.arange(shape.users)[:, None]
        served = (rate * mine).sum(-1)
        bits, prbs = bits + served[0], prbs + mine.sum(-1)[0]
    return bits, prbs


class TestRoundRobin:
    @pytest.mark.parametrize("saturated", [False, True])
    @pytest.mark.parametrize("prbs", [1, 5, 6, 7, 50])
    def test_users_never_differ_by_more_than_one_prb(self, prbs: int, saturated: bool) -> None:
        shape = Shape(1, 6, 1, prbs)
        allocator, total = made(RoundRobin(), shape, saturated), torch.zeros(1, 6)
        for number in range(20):
            total += held(allocator.decide(one_cell(shape, slot=number)), 6)
            assert total.max() - total.min() <= 1
        assert total.sum() == 20 * prbs

    def test_each_slice_and_cell_has_its_own_circle(self) -> None:
        shape = Shape(2, 12, 2, 13, 2)
        serving = torch.arange(12).expand(2, 12) % 2
        slice_id = torch.tensor([[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0]])
        owner = torch.tensor([0] * 8 + [1] * 5)
        allocator, total = made(RoundRobin(), shape), torch.zeros(2, 12)
        for number in range(15):
            observation = one_cell(
                shape,
                slot=number,
                serving=serving,
                slice_id=slice_id,
                owned=owner == slice_id[..., None],
            )
            total += held(allocator.decide(observation), 12)
        for drop in range(2):
            for cell in range(2):
                for kind, prbs in ((0, 8), (1, 5)):
                    mine = total[drop][(serving[drop] == cell) & (slice_id[drop] == kind)]
                    assert mine.max() - mine.min() <= 1 and mine.sum() == 15 * prbs

    def test_leftovers_go_to_the_next_in_the_circle(self) -> None:
        observation = one_cell(need_prbs=torch.tensor([[1.0, 6.0, 0.0, 6.0]]))
        # Circle 0 1 3: turns 0 1 3 0 1 3; user 0 needs one PRB only, so its second turn falls to user 1.
        assert made(RoundRobin()).decide(observation).user.tolist() == [[[0, 1, 3, 1, 1, 3]]]

    def test_goes_on_where_it_stopped_when_users_come_and_go(self) -> None:
        shape = Shape(1, 4, 1, 1)
        allocator, turns = made(RoundRobin(), shape), []
        for busy in ([1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]):
            need = torch.tensor([busy], dtype=torch.float64)
            turns.append(int(allocator.decide(one_cell(shape, need_prbs=need)).user))
        assert turns == [0, 1, 3, 0, -1, 1]


class TestProportionalFair:
    def test_equals_plain_loops(self) -> None:
        shape, constant = Shape(2, 7, 2, 5), 0.02
        allocator = made(ProportionalFair(time_constant_s=constant), shape)
        average: list[list[float]] | None = None
        for number in range(25):
            observation = slot(shape, 100 + number, slot=number)
            if average is None:
                average = [[max(1.0, m * 5 * 2 / 7) for m in row] for row in observation.mean_rate_bits.tolist()]
            else:
                a = 1e-3 / constant
                average = [
                    [max(1.0, r * (1 - a) + s * a) for r, s in zip(rs, ss, strict=True)]
                    for rs, ss in zip(average, observation.served_bits.tolist(), strict=True)
                ]
            weight = torch.tensor([[1 / r for r in row] for row in average], dtype=torch.float64)
            expected = assign_loops(observation.rate_bits * weight[..., None], observation, 3, False)
            assert torch.equal(allocator.decide(observation).user, expected)

    def test_equal_traffic_gives_equal_air_time(self) -> None:
        _, prbs = closed_loop(ProportionalFair(), Shape(1, 4, 1, 8), 1500)
        assert (prbs / prbs.sum()).tolist() == pytest.approx([0.25] * 4, abs=0.01)

    def test_uses_good_prbs(self) -> None:
        """Selection among 4 users on fading of mean 1 in [0.5, 1.5] is worth 0.5 + 4/5 on average."""
        bits, prbs = closed_loop(ProportionalFair(), Shape(1, 4, 1, 8), 1500)
        per_prb = bits / prbs / torch.arange(1, 5) / 100
        assert per_prb.tolist() == pytest.approx([1.3] * 4, abs=0.03)


def test_max_rate_beats_pf_beats_round_robin_in_sum_and_the_reverse_in_fairness() -> None:
    shape = Shape(1, 4, 1, 8)
    runs = [closed_loop(kind(), shape, 400)[0] for kind in (MaxRate, ProportionalFair, RoundRobin)]
    total = [float(bits.sum()) for bits in runs]
    jain = [float(bits.sum() ** 2 / (4 * (bits**2).sum())) for bits in runs]
    assert total[0] > 1.05 * total[1] > 1.05**2 * total[2]
    assert jain[0] < jain[1] - 0.05
    # Air time is equal under both, and so are the ratios of rates: fairness differs by sampling only.
    assert jain[2] == pytest.approx(jain[1], abs=0.02)


def test_max_rate_gives_each_prb_to_the_best() -> None:
    observation = slot(Shape(2, 9, 3, 6), 4)
    expected = assign_loops(observation.rate_bits, observation, 3, False)
    assert torch.equal(made(MaxRate(), Shape(2, 9, 3, 6)).decide(observation).user, expected)


class TestWaterFilling:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.integers(0, 15), min_size=1, max_size=8), st.integers(1, 30), st.integers(0, 10**7))
    def test_shares_equal_plain_loops(self, need: list[int], prbs: int, number: int) -> None:
        shape = Shape(1, len(need), 1, prbs)
        observation = one_cell(shape, slot=number, need_prbs=torch.tensor([need], dtype=torch.float64))
        share = held(made(WaterFilling(), shape).decide(observation), len(need))[0].tolist()
        assert sorted(share) == water_filling_loops(need, prbs)
        assert all(have <= want for have, want in zip(share, need, strict=True))

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10**6))
    def test_holds_in_every_slice_and_cell(self, seed: int) -> None:
        shape = Shape(2, 12, 2, 10, 3)
        observation = slot(shape, seed)
        share = held(made(WaterFilling(), shape).decide(observation), 12)
        for drop in range(2):
            for cell in range(2):
                for kind in range(3):
                    mine = (observation.serving[drop] == cell) & (observation.slice_id[drop] == kind)
                    if mine.any():
                        prbs = int(observation.owned[drop][mine][0].sum())  # type: ignore[index]
                        need = [int(x) for x in observation.need_prbs[drop][mine]]
                        assert sorted(share[drop][mine].tolist()) == water_filling_loops(need, prbs)

    def test_blocks_lie_side_by_side_in_the_order_of_users(self) -> None:
        observation = one_cell(need_prbs=torch.tensor([[1.0, 6.0, 0.0, 6.0]]))
        assert made(WaterFilling()).decide(observation).user.tolist() == [[[0, 1, 1, 1, 3, 3]]]

    @pytest.mark.parametrize("saturated", [False, True])
    def test_the_odd_prb_goes_round(self, saturated: bool) -> None:
        shape = Shape(1, 4, 1, 7)
        allocator, total = made(WaterFilling(), shape, saturated), torch.zeros(1, 4)
        for number in range(2**24 + 1, 2**24 + 9):  # where float32 no longer holds every number
            total += held(allocator.decide(one_cell(shape, slot=number)), 4)
        assert total.tolist() == [[14.0] * 4]

    def test_borrows_what_others_leave(self) -> None:
        owned = torch.tensor([[[True, True, False, False, False, False]] * 2 + [[False, False] + [True] * 4] * 2])
        slice_id = torch.tensor([[0, 0, 1, 1]])
        observation = one_cell(
            slice_id=slice_id, owned=owned, borrowable=~owned, need_prbs=torch.tensor([[0.0, 1.0, 9.0, 0.0]])
        )
        assert made(WaterFilling()).decide(observation).user.tolist() == [[[1, 2, 2, 2, 2, 2]]]


class TestEarliestDeadline:
    def order(self, **fields: Any) -> list[int]:
        """Users in the order in which they are served, one PRB each."""
        need = torch.ones(1, 4, dtype=torch.float64)
        shape = Shape(1, 4, 1, 4)
        allocator = made(EarliestDeadline(passes=4), shape)
        user: list[int] = allocator.decide(one_cell(shape, need_prbs=need, **fields)).user[0, 0].tolist()
        return user

    def test_least_time_left_first_and_those_without_a_budget_last(self) -> None:
        budget = torch.tensor([[INF, 0.1, 0.02, 0.05]])
        age = torch.tensor([[9.0, 0.095, 0.01, 0.06]])  # left: inf, 5 ms, 10 ms, 10 ms late
        assert self.order(delay_budget_s=budget, head_of_line=lambda: age) == [3, 1, 2, 0]

    def test_ties_go_by_rate_over_average(self) -> None:
        rate = torch.tensor([100.0, 400.0, 200.0, 300.0]).expand(4, 4).T[None].to(torch.float64)
        # Averages start from the mean rate, so these are all alike.
        mean = torch.tensor([[100.0, 100.0, 100.0, 100.0]])
        for budget in (INF, 0.1):
            fields = {"rate_bits": rate, "mean_rate_bits": mean, "delay_budget_s": torch.full((1, 4), budget)}
            assert self.order(**fields) == [1, 3, 2, 0]

    def test_a_repetition_goes_first_unless_no_user_waits_for_it(self) -> None:
        budget = torch.tensor([[INF, 0.1, 0.1, 0.1]])
        age = torch.tensor([[0.0, 0.05, 0.0, 0.02]])
        again = torch.tensor([[True, False, True, False]])
        assert self.order(delay_budget_s=budget, head_of_line=lambda: age, retransmits=again) == [2, 1, 3, 0]


class TestModifiedLargestWeightedDelayFirst:
    def test_equals_the_formula_in_plain_loops(self) -> None:
        shape = Shape(2, 8, 2, 5)
        allocator = made(ModifiedLargestWeightedDelayFirst(delta=0.1), shape)
        average = ServedAverage(context(shape), 0.1)
        luck = torch.Generator().manual_seed(0)
        for number in range(10):
            age = torch.rand(2, 8, generator=luck, dtype=torch.float64) / 10
            budget = torch.tensor([0.05, INF, 0.1, 0.2] * 2, dtype=torch.float64).expand(2, 8)
            observation = slot(shape, number, slot=number, delay_budget_s=budget, head_of_line=lambda age=age: age)
            served = (1 / average.weight(observation)).tolist()
            metric = torch.zeros_like(observation.rate_bits)
            for b in range(2):
                for u in range(8):
                    patience = -math.log(0.1) / float(budget[b, u])
                    hurry = patience * (float(age[b, u]) + 1e-3) if math.isfinite(budget[b, u]) else 1.0
                    metric[b, u] = hurry * observation.rate_bits[b, u] / served[b][u]
            expected = assign_loops(metric, observation, 3, False)
            assert torch.equal(allocator.decide(observation).user, expected)

    def test_overtakes_when_a_third_of_the_budget_is_gone(self) -> None:
        shape = Shape(1, 2, 1, 1)
        turning = 0.1 / -math.log(0.05)
        for age, expected in ((turning - 0.002, 1), (turning, 0)):
            observation = one_cell(
                shape,
                delay_budget_s=torch.tensor([[0.1, INF]]),
                head_of_line=lambda age=age: torch.tensor([[age, 0.0]], dtype=torch.float64),
            )
            # User 1 without a budget is served unless user 0's weight exceeds 1.
            user = made(ModifiedLargestWeightedDelayFirst(), shape).decide(observation).user
            assert int(user) == expected


class TestServedAverage:
    def test_starts_at_an_equal_share_and_follows_what_is_served(self) -> None:
        shape = Shape(1, 4, 1, 8)
        average = ServedAverage(context(shape), 0.1)
        first = one_cell(shape, served_bits=torch.full((1, 4), 1e9))
        assert (1 / average.weight(first)).tolist() == [[pytest.approx(300 * 8 / 4)] * 4]
        for _ in range(1000):
            weight = average.weight(one_cell(shape, served_bits=torch.full((1, 4), 50.0)))
        assert (1 / weight).tolist() == [[pytest.approx(50, rel=0.01)] * 4]

    def test_falls_by_one_over_e_in_a_time_constant(self) -> None:
        average = ServedAverage(context(ONE_CELL), 0.5)
        nothing = torch.zeros(1, 4, dtype=torch.float64)
        observation = one_cell(served_bits=nothing)
        start = average.weight(observation)
        for _ in range(500):
            end = average.weight(observation)
        assert (start / end).tolist() == [[pytest.approx(math.exp(-1), rel=2e-3)] * 4]

    def test_is_never_zero(self) -> None:
        average = ServedAverage(context(ONE_CELL), 0.001)
        zero = torch.zeros(1, 4, 6, dtype=torch.float64)
        observation = one_cell(rate_bits=zero, served_bits=zero[..., 0])
        for _ in range(3):
            assert average.weight(observation).tolist() == [[1.0] * 4]

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_has_the_bits_of_torch(self, dtype: torch.dtype) -> None:
        shape, luck = Shape(3, 37, 1, 4), torch.Generator().manual_seed(7)
        rate = 900 * torch.rand((3, 37, 4), generator=luck, dtype=dtype)
        average, other = (ServedAverage(context(shape), 0.013) for _ in range(2))
        for _ in range(40):
            served = 3e4 * torch.rand((37, 3), generator=luck, dtype=torch.float64).T
            seen = slot(shape, 1, rate_bits=rate, served_bits=served * (served > 2e4))
            weight = average.weight(seen)
            with torch_alone():
                assert torch.equal(weight, other.weight(seen))
            assert weight.dtype == dtype and weight.unique().numel() > 50


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("name", sorted(registry.available("scheduling")))
def test_never_waits_for_the_device(name: str, saturated: bool) -> None:
    """A tensor on the device "meta" has no values: reading one back, or branching on one, raises."""
    shape = Shape(3, 8, 2, 9, 2, True)
    allocator = registry.resolve(name, "scheduling")
    allocator.reset(moved(context(shape, saturated), "meta"), 0)
    for number in range(2):
        assert allocator.decide(moved(slot(shape, slot=number), "meta")).user.shape == (3, 2, 9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(registry.available("scheduling")))
def test_no_user_exceeds_its_need_and_none_goes_without_while_prbs_idle(name: str, dtype: torch.dtype) -> None:
    shape = Shape(2, 10, 2, 15)
    allocator = registry.resolve(name, "scheduling", {"passes": 10})
    allocator.reset(context(shape, dtype=dtype), 0)
    for number in range(8):
        observation = slot(shape, number, dtype, slot=number)
        decision = allocator.decide(observation)
        assert (held(decision, 10) <= observation.need_prbs).all()
        for drop in range(2):
            for cell in range(2):
                wanted = observation.need_prbs[drop][observation.serving[drop] == cell].sum()
                used = (decision.user[drop, cell] >= 0).sum()
                assert used == min(15, int(wanted))
