"""The slice controllers and the rounding that they share."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles_scheduling import level_loops, moved

from allocators import registry
from allocators.slicing.apportionment import apportion
from allocators.slicing.demand_proportional import DemandProportional
from allocators.slicing.equal import Equal
from allocators.slicing.max_weight import MaxWeight
from allocators.slicing.rrm_policy import PolicyRatios, RrmPolicy
from allocators.slicing.tractor_expert import TractorExpert
from allocators.slicing.tractor_random import TractorRandom
from mac.slicing import SlicingContext, SlicingObservation
from phy.random import Drops

TRACTOR = SlicingContext(
    drops=Drops(1, (0,)),
    cells=1,
    slices=("mmtc", "urllc", "embb"),
    services=("mmtc", "urllc", "embb"),
    prbs=50,
    rbg_prbs=3,
    rbgs=17,
    min_rbg=1,
    interval_s=0.25,
    slot_s=0.001,
    device=torch.device("cpu"),
    dtype=torch.float32,
)


def report(context: SlicingContext = TRACTOR, **given: Any) -> SlicingObservation:
    """A made-up report; what is given may be a list for each slice."""
    shape = (len(context.drops), context.cells, len(context.slices))
    zero = torch.zeros(shape, dtype=torch.float64)
    fields: dict[str, Any] = {field.name: zero for field in dataclasses.fields(SlicingObservation)}
    fields |= {"interval": 0, "bits_per_prb": zero + 300, "rbg": apportion(zero, context.rbgs, context.min_rbg)}
    fields["ue_reports"] = None  # of UEs nothing is told
    for name, value in given.items():
        fields[name] = value if isinstance(value, int) else torch.as_tensor(value).expand(shape)
    return SlicingObservation(**fields)


def decided(allocator: Any, observation: SlicingObservation, context: SlicingContext = TRACTOR) -> list[int]:
    """RBGs of the first cell of the first drop."""
    allocator.reset(context, 0)
    quotas: list[int] = allocator.decide(observation).rbg[0, 0].tolist()
    return quotas


def with_slices(services: tuple[str, ...], rbgs: int = 17, **changes: Any) -> SlicingContext:
    names = tuple(f"slice{i}" for i in range(len(services)))
    return dataclasses.replace(TRACTOR, slices=names, services=services, rbgs=rbgs, prbs=3 * rbgs, **changes)


weight = st.one_of(st.just(0.0), st.floats(1e-3, 1e12), st.integers(1, 5).map(float))


class TestApportion:
    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_equals_plain_loops_before_rounding_and_adds_up(self, data: st.DataObject) -> None:
        slices = data.draw(st.integers(1, 6))
        weights = data.draw(st.lists(st.floats(0.01, 100), min_size=slices, max_size=slices))
        low = data.draw(st.lists(st.integers(0, 4), min_size=slices, max_size=slices))
        high = [a + data.draw(st.integers(0, 12)) for a in low]
        rbgs = data.draw(st.integers(sum(low), 40))
        got = apportion(torch.tensor(weights), rbgs, torch.tensor(low), torch.tensor(high)).tolist()
        total = min(rbgs, sum(high))
        exact = level_loops(torch.tensor(weights).tolist(), total, low, high)
        assert sum(got) == total
        assert all(a <= x <= b for a, x, b in zip(low, got, high, strict=True))
        assert all(abs(x - real) < 1 + 1e-6 for x, real in zip(got, exact, strict=True))
        # Largest remainder: no slice was rounded up with a smaller fraction than one that was rounded down.
        up = [real - math.floor(real) for x, real in zip(got, exact, strict=True) if x - real > 1e-6]
        down = [real - math.floor(real) for x, real in zip(got, exact, strict=True) if real - x > 1e-6]
        assert not up or not down or min(up) >= max(down) - 1e-6

    @settings(max_examples=200, deadline=None)
    @given(st.lists(weight, min_size=1, max_size=6), st.integers(0, 3), st.integers(0, 60))
    def test_adds_up_keeps_the_least_and_follows_the_weights(self, weights: list[float], least: int, more: int) -> None:
        rbgs = least * len(weights) + more
        got = apportion(torch.tensor(weights, dtype=torch.float64), rbgs, least).tolist()
        assert sum(got) == rbgs and min(got) >= least
        for one in range(len(weights)):
            for other in range(len(weights)):
                assert weights[one] <= weights[other] or got[one] >= got[other]

    @settings(max_examples=200, deadline=None)
    @given(st.lists(weight, min_size=2, max_size=6), st.integers(0, 3), st.integers(0, 60), st.floats(1.0, 1e3))
    def test_a_greater_weight_never_costs_an_rbg(
        self, weights: list[float], least: int, more: int, factor: float
    ) -> None:
        assume(sum(weights[1:]) > 0 and weights[0] > 0)
        rbgs = least * len(weights) + more
        raised = [weights[0] * factor, *weights[1:]]
        before, after = (apportion(torch.tensor(w, dtype=torch.float64), rbgs, least)[0] for w in (weights, raised))
        assert after >= before

    def test_ties_go_to_the_first(self) -> None:
        assert apportion(torch.zeros(3), 17, 1).tolist() == [6, 6, 5]
        assert apportion(torch.tensor([1.0, 1.0, 1.0, 1.0]), 6, 0).tolist() == [2, 2, 1, 1]

    def test_no_weight_gets_only_what_the_others_cannot_take(self) -> None:
        weights = torch.tensor([1.0, 0.0, 0.0])
        assert apportion(weights, 17, 1).tolist() == [15, 1, 1]
        assert apportion(weights, 17, 1, torch.tensor([5, 17, 17])).tolist() == [5, 6, 6]
        assert apportion(weights, 17, 1, torch.tensor([5, 4, 4])).tolist() == [5, 4, 4]

    def test_cells_do_not_touch_each_other(self) -> None:
        weights = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        together = apportion(weights, 23, 1)
        for drop in range(5):
            for cell in range(4):
                assert torch.equal(apportion(weights[drop, cell], 23, 1), together[drop, cell])


class TestConstant:
    def test_equal(self) -> None:
        assert decided(Equal(), report()) == [6, 6, 5]

    def test_the_expert_has_3_5_9(self) -> None:
        assert decided(TractorExpert(), report()) == [3, 5, 9]

    @pytest.mark.parametrize(
        ("services", "rbgs", "expected"),
        [
            (("embb", "mmtc", "urllc"), 17, [9, 3, 5]),
            (("mmtc", "urllc", "embb"), 34, [6, 10, 18]),
            (("urllc", "embb"), 14, [5, 9]),
            (("mmtc", "embb", "embb", "urllc"), 34, [6, 9, 9, 10]),
            (("embb",), 17, [17]),
            (("mmtc", "urllc", "embb"), 3, [1, 1, 1]),
        ],
    )
    def test_the_expert_goes_by_service(self, services: tuple[str, ...], rbgs: int, expected: list[int]) -> None:
        context = with_slices(services, rbgs)
        assert decided(TractorExpert(), report(context), context) == expected


class TestTractorRandom:
    def rows(self, drops: Drops, cells: int, intervals: int, rbg: list[int], seed: int = 0) -> torch.Tensor:
        context = dataclasses.replace(TRACTOR, drops=drops, cells=cells)
        allocator = TractorRandom()
        allocator.reset(context, seed)
        return torch.stack([allocator.decide(report(context, interval=i, rbg=rbg)).rbg for i in range(intervals)], 1)

    @pytest.mark.parametrize(("start", "actions"), [([6, 6, 5], 7), ([1, 8, 8], 5), ([1, 1, 15], 3), ([15, 1, 1], 3)])
    def test_all_possible_actions_are_equally_likely(self, start: list[int], actions: int) -> None:
        draws = self.rows(Drops(3, tuple(range(10))), 3, 150, start).reshape(-1, 3)
        count = Counter(tuple((row - torch.tensor(start)).tolist()) for row in draws)
        assert len(count) == actions
        assert (draws.sum(-1) == 17).all() and (draws >= 1).all()
        assert all(sorted(move) in ([0, 0, 0], [-1, 0, 1]) for move in count)
        expected = len(draws) / actions
        chi2 = sum((n - expected) ** 2 / expected for n in count.values())
        assert chi2 < 22.5  # 0.999 quantile for 6 degrees of freedom; the draw is fixed

    def test_a_drop_draws_the_same_in_any_batch(self) -> None:
        batch = self.rows(Drops(3, (4, 17, 2)), 2, 20, [6, 6, 5])
        assert torch.equal(batch[1:2], self.rows(Drops(3, (17,)), 2, 20, [6, 6, 5]))

    def test_draws_differ_by_interval_cell_drop_and_seed(self) -> None:
        batch = self.rows(Drops(3, (1, 2)), 2, 30, [6, 6, 5])
        assert not torch.equal(batch[0], batch[1])
        assert not torch.equal(batch[:, :, 0], batch[:, :, 1])
        assert not torch.equal(batch[:, :-1], batch[:, 1:])
        assert not torch.equal(batch, self.rows(Drops(3, (1, 2)), 2, 30, [6, 6, 5], seed=1))

    def test_one_slice_keeps_everything(self) -> None:
        context = with_slices(("embb",))
        assert decided(TractorRandom(), report(context), context) == [17]


class TestDemandProportional:
    def test_follows_what_was_requested(self) -> None:
        assert decided(DemandProportional(), report(requested_prbs=[100.0, 300.0, 0.0])) == [4, 12, 1]

    def test_follows_what_arrived_over_the_rate(self) -> None:
        observation = report(arrived_bits=[3e5, 3e5, 3e5], bits_per_prb=[100.0, 300.0, 0.0])
        assert decided(DemandProportional(demand="arrived"), observation) == [12, 4, 1]

    def test_is_equal_before_the_first_report(self) -> None:
        assert decided(DemandProportional(), report()) == [6, 6, 5]


class TestMaxWeight:
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.floats(0, 1e7), min_size=3, max_size=3),
        st.lists(st.floats(0, 900), min_size=3, max_size=3),
        st.integers(0, 3),
    )
    def test_equals_plain_loops(self, backlog: list[float], rate: list[float], least: int) -> None:
        context = dataclasses.replace(TRACTOR, min_rbg=least)
        quota, left = [least] * 3, list(backlog)
        drain = [r * (3 * 0.25 / 0.001) for r in rate]
        left = [x - d * least for x, d in zip(left, drain, strict=True)]
        for _ in range(17 - 3 * least):
            value = [max(x, 0.0) * r for x, r in zip(left, rate, strict=True)]
            best = value.index(max(value)) if max(value) > 0 else quota.index(min(quota))
            quota[best] += 1
            left[best] -= drain[best]
        observation = report(
            context,
            backlog_bits=torch.tensor(backlog, dtype=torch.float64),
            bits_per_prb=torch.tensor(rate, dtype=torch.float64),
        )
        assert decided(MaxWeight(), observation, context) == quota

    def test_stops_at_what_an_interval_drains(self) -> None:
        """An RBG of 3 PRBs at 300 bit carries 225 kbit in 250 slots: 900 kbit are worth 4 RBGs, not more."""
        assert decided(MaxWeight(), report(backlog_bits=[9e5, 0.0, 0.0])) == [6, 6, 5]
        assert decided(MaxWeight(), report(backlog_bits=[9e5, 1e9, 0.0])) == [1, 15, 1]
        assert decided(MaxWeight(), report(backlog_bits=[225e3 * 9, 225e3 * 7, 0.0])) == [9, 7, 1]


class TestRrmPolicy:
    def policy(self, **ratios: tuple[float, float, float]) -> RrmPolicy:
        return RrmPolicy(policies={name: PolicyRatios(*values) for name, values in ratios.items()})

    def context(self) -> SlicingContext:
        return dataclasses.replace(TRACTOR, rbgs=20, prbs=60)

    def shares(self, policy: RrmPolicy, demand: list[float]) -> list[int]:
        return decided(policy, report(self.context(), requested_prbs=demand), self.context())

    def test_minimum_is_guaranteed_as_far_as_it_is_needed(self) -> None:
        """8 RBGs of 20. In 250 slots an RBG of 3 PRBs has 750, so a demand of 3000 PRBs fills 4 RBGs."""
        policy = self.policy(urllc=(0, 40, 100))
        assert self.shares(policy, [1e6, 9e3, 9e6]) == [1, 8, 11]
        assert self.shares(policy, [1e6, 5251.0, 9e6]) == [1, 8, 11]
        assert self.shares(policy, [1e6, 3000.0, 9e6]) == [2, 4, 14]
        assert self.shares(policy, [1e6, 3001.0, 9e6])[1] == 5
        assert self.shares(policy, [1e6, 2.0, 9e6]) == [2, 1, 17]  # one packet of 40 bytes
        assert self.shares(policy, [1e6, 0.0, 9e6]) == [2, 1, 17]

    def test_one_packet_needs_an_rbg_and_not_the_whole_minimum(self) -> None:
        context = dataclasses.replace(self.context(), min_rbg=0)
        policy = self.policy(urllc=(0, 40, 100), mmtc=(10, 30, 100))
        for packet, quota in ((2.0, 1), (0.0, 0)):
            rbg = decided(policy, report(context, requested_prbs=[packet, packet, 9e6]), context)
            assert rbg == [2, quota, 18 - quota]  # two dedicated RBGs stay

    def test_need_is_that_of_the_demand_that_counts(self) -> None:
        policy = RrmPolicy(policies={"urllc": PolicyRatios(0, 40, 100)}, demand="arrived")
        observation = report(self.context(), arrived_bits=[3e8, 300 * 3e3, 3e9], requested_prbs=[1.0, 1e9, 1.0])
        assert decided(policy, observation, self.context())[1] == 4

    def test_where_prbs_are_lent_the_whole_minimum_is_owned(self) -> None:
        """Others use it in the slots in which it is not needed, so nothing is lost by keeping it ready."""
        context = dataclasses.replace(self.context(), lent=True)
        for demand in ([1e6, 2.0, 9e6], [1e6, 0.0, 9e6]):
            rbg = decided(self.policy(urllc=(0, 40, 100)), report(context, requested_prbs=demand), context)
            assert rbg == [1, 8, 11]

    def test_limits_are_part_of_the_decision(self) -> None:
        policy = self.policy(mmtc=(0, 0, 10), urllc=(30, 40, 60))
        policy.reset(self.context(), 0)
        decision = policy.decide(report(self.context(), requested_prbs=[1e6, 0.0, 1e6]))
        assert decision.most_rbg is not None and decision.most_rbg[0, 0].tolist() == [2, 12, 20]
        assert decision.kept_rbg is not None and decision.kept_rbg[0, 0].tolist() == [0, 6, 0]
        assert decision.rbg[0, 0].tolist() == [2, 6, 12]

    def test_a_maximum_is_of_the_prbs_where_the_last_rbg_is_small(self) -> None:
        """100 PRBs make 6 RBGs of 16 and one of 4; 2 of 7 RBGs would be 32 PRBs."""
        context = dataclasses.replace(TRACTOR, prbs=100, rbg_prbs=16, rbgs=7)
        assert decided(self.policy(embb=(0, 0, 29)), report(context, requested_prbs=[1e6, 1e6, 1e6]), context)[2] == 1
        assert decided(self.policy(embb=(0, 0, 32)), report(context, requested_prbs=[1e6, 1e6, 1e6]), context)[2] == 2
        whole = RrmPolicy()
        whole.reset(context, 0)
        assert (whole.decide(report(context)).most_rbg == 7).all()

    def test_dedicated_is_kept_without_demand(self) -> None:
        assert self.shares(self.policy(urllc=(30, 40, 100)), [500.0, 0.0, 500.0]) == [7, 6, 7]

    def test_maximum_is_never_exceeded(self) -> None:
        assert self.shares(self.policy(embb=(0, 0, 50)), [1.0, 1.0, 1000.0]) == [5, 5, 10]
        assert self.shares(self.policy(embb=(0, 0, 50)), [0.0, 0.0, 1000.0]) == [5, 5, 10]
        capped = self.policy(mmtc=(0, 0, 20), urllc=(0, 0, 20), embb=(0, 0, 22))
        assert self.shares(capped, [1.0, 1.0, 1.0]) == [4, 4, 4]

    def test_all_slices_count_alike_where_none_has_demand(self) -> None:
        assert self.shares(self.policy(), [0.0, 0.0, 0.0]) == [7, 7, 6]
        assert self.shares(self.policy(urllc=(0, 60, 100)), [0.0, 0.0, 0.0]) == [4, 12, 4]

    def test_ratios_that_are_no_whole_rbgs_still_fit(self) -> None:
        thirds = self.policy(mmtc=(33, 33, 34), urllc=(33, 33, 34), embb=(33, 33, 34))
        assert sum(decided(thirds, report(requested_prbs=[1.0, 1.0, 1.0]))) <= 17
        tight = self.policy(mmtc=(0, 0, 100), urllc=(0, 0, 100), embb=(100, 100, 100))
        assert decided(tight, report(requested_prbs=[1.0, 1.0, 1.0])) == [1, 1, 15]

    def test_a_ratio_is_rounded_to_its_neighbour_and_no_further(self) -> None:
        shares = decided(self.policy(urllc=(0, 1, 1), embb=(0, 29, 29)), report(requested_prbs=[0.0, 0.0, 0.0]))
        assert shares[1:] == [1, 5]  # 0.17 and 4.93 of 17 RBGs; 6 in all, none of them a second one above its ratio

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_keeps_every_ratio_to_within_an_rbg(self, data: st.DataObject) -> None:
        percent = st.integers(0, 33)
        ratios = []
        for _ in range(3):
            dedicated = data.draw(percent)
            minimum = data.draw(st.integers(dedicated, 33))
            ratios.append((dedicated, minimum, data.draw(st.integers(minimum, 100))))
        demand = data.draw(st.lists(st.floats(0, 3e4), min_size=3, max_size=3))
        policy = self.policy(mmtc=ratios[0], urllc=ratios[1], embb=ratios[2])
        rbg = decided(policy, report(requested_prbs=torch.tensor(demand, dtype=torch.float64)))
        assert sum(rbg) <= 17
        for quota, wants, (dedicated, minimum, maximum) in zip(rbg, demand, ratios, strict=True):
            needed = wants / 750  # RBGs that the demand of 250 slots fills
            assert quota > min(minimum * 0.17, max(needed + 1, dedicated * 0.17)) - 1
            assert quota <= max(1, maximum * 0.17, math.ceil(minimum * 0.17))

    def test_ratios_must_be_nested_and_fit(self) -> None:
        with pytest.raises(ValueError, match="must not decrease"):
            PolicyRatios(20, 10, 100)
        with pytest.raises(ValueError, match="must not decrease"):
            PolicyRatios(0, 50, 40)
        with pytest.raises(ValueError, match=r"add up to 110 %.*100 %"):
            self.policy(mmtc=(0, 60, 100), embb=(0, 50, 100))

    def test_a_policy_for_no_slice_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"'emb'.*did you mean 'embb'"):
            self.policy(emb=(0, 10, 100)).reset(TRACTOR, 0)


@pytest.mark.parametrize("name", sorted(registry.available("slicing")))
class TestAll:
    def test_too_few_rbgs_are_refused_with_one_sentence(self, name: str) -> None:
        with pytest.raises(ValueError, match="3 slices that keep at least 6 RBGs each do not fit into 17 RBGs"):
            registry.resolve(name, "slicing").reset(dataclasses.replace(TRACTOR, min_rbg=6), 0)

    def test_never_waits_for_the_device(self, name: str) -> None:
        """A tensor on the device "meta" has no values: reading one back, or branching on one, raises."""
        allocator = registry.resolve(name, "slicing")
        allocator.reset(moved(TRACTOR, "meta"), 0)
        assert allocator.decide(moved(report(), "meta")).rbg.shape == (1, 1, 3)

    def test_any_number_of_slices_and_cells(self, name: str) -> None:
        services = ("embb", "urllc", "mmtc", "embb", "embb")
        for slices in range(1, 6):
            context = with_slices(services[:slices], 25, drops=Drops(1, (0, 1)), cells=4)
            allocator = registry.resolve(name, "slicing")
            allocator.reset(context, 0)
            rbg = allocator.decide(report(context)).rbg
            assert rbg.shape == (2, 4, slices) and (rbg.sum(-1) == 25).all() and (rbg >= 1).all()
