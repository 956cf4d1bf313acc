"""The slicing problem: quotas, PRBs that a user may hold, loss and lending, books, and several allocators at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from engine_cases import packets
from engine_factory import engine

from mac.carrier import CarrierSettings
from mac.core.contracts import AllocatorError, InfeasibleDecision
from mac.core.loop import Span, run
from mac.core.recorder import Windows
from mac.core.stacked_allocators import StackedAllocators
from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from mac.slicing.feasible import require_slicing
from mac.slicing.problem import SlicingProblem
from mac.slicing.settings import SlicingSettings
from phy.power_consumption import PowerSettings
from phy.random import Drops

SLICES = [0, 1, 2, 2]


class FirstInNeed:
    """Gives each PRB to the first UE of the cell that may hold it and has data; others to UEs that may borrow them."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        self.prbs = context.prbs

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        wants = (observation.need_prbs > 0)[..., None]
        assert observation.owned is not None
        user = self._first(observation.owned & wants)
        if observation.borrowable is not None:
            user = torch.where(user < 0, self._first(observation.borrowable & wants), user)
        return SchedulingDecision(user)

    @staticmethod
    def _first(may: torch.Tensor) -> torch.Tensor:
        found, user = may.to(torch.int8).max(1)
        return torch.where(found > 0, user, -1)[:, None]


@dataclass
class Constant:
    """The same quotas for ever."""

    rbg: list[int] = field(default_factory=lambda: [1, 1, 2])

    def reset(self, context: SlicingContext, seed: int) -> None:
        self.shape = (len(context.drops), context.cells, len(context.slices))

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        return SlicingDecision(torch.tensor(self.rbg).expand(self.shape))


def problem(drops: Drops, unused: str = "lost", repair: bool = False) -> SlicingProblem:
    """One cell, 11 PRBs in 4 RBGs of 3 (the last of 2), four users in three slices, the last slice overloaded."""
    arrivals = packets(drops, 4, 400, 0.2, 800)
    tested = engine(drops, arrivals, CarrierSettings(prbs=11), slice_id=SLICES, sites=1, per_cell=4, budget_s=0.02)
    settings = SlicingSettings(interval_s=0.02, rbg_prbs=3, unused=unused)
    return SlicingProblem(tested, settings, FirstInNeed(), PowerSettings(), repair)


def test_rbgs_lie_side_by_side_in_the_order_of_the_slices() -> None:
    tested = problem(Drops(1, (0,)))
    assert tested.slices.rbgs == 4
    owner = tested.slices.owner(torch.tensor([[[1, 1, 2]]]))
    assert owner[0, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2]
    left_over = tested.slices.owner(torch.tensor([[[2, 1, 0]]]))
    assert left_over[0, 0].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1, 3, 3]


def test_a_quota_caps_a_slice_unless_unused_prbs_are_lent() -> None:
    drops = Drops(1, (0, 1))
    lost, lent = (run(problem(drops, unused), Constant(), Span(intervals=10)) for unused in ("lost", "lent"))
    slots, embb = 20, [2, 3]
    granted = lost.arrays["granted_prbs"]
    assert (granted[..., embb].sum(-1) <= 5 * slots).all()
    assert (granted[..., 0] <= 3 * slots).all()
    assert lent.arrays["granted_prbs"][..., embb].sum() > granted[..., embb].sum()
    assert lent.arrays["served_bits"].sum() > lost.arrays["served_bits"].sum()
    assert (lost.arrays["slice_prbs"] == [3, 3, 5]).all()


def test_books_balance_over_windows() -> None:
    windows = run(problem(Drops(1, (0, 1))), Constant(), Span(intervals=10, window=2))
    assert windows.arrays["served_bits"].shape == (2, 5, 4)
    assert windows.dims("served_bits") == ("drop", "window", "user")
    assert windows.dims("delay_packets") == ("drop", "user", "delay_bin")
    assert windows.dims("rbg") == ("drop", "window", "cell", "slice")
    gone = windows.arrays["served_bits"] + windows.arrays["dropped_bits"] + windows.arrays["lost_bits"]
    in_system = windows.arrays["backlog_bits"][:, -1]
    arrived = windows.arrays["demand_bits"].sum(1)
    next_slot = arrived * 0 + gone.sum(1) + in_system - arrived  # admitted for the slot after the last
    assert (next_slot >= 0).all()
    assert (next_slot <= 8 * 800).all()
    assert windows.arrays["delay_packets"].sum() == windows.arrays["packets"].sum() > 100
    assert (windows.arrays["late_packets"] <= windows.arrays["packets"]).all()


@pytest.mark.parametrize(
    ("rbg", "says"),
    [([1, 1, 3], "get 5 RBGs of 4"), ([0, 1, 2], "gets 0 RBGs, and every slice keeps 1"), ([-3, 1, 2], "gets -3")],
)
def test_a_forbidden_quota_names_allocator_drop_interval_and_time(rbg: list[int], says: str) -> None:
    with pytest.raises(AllocatorError, match=says) as caught:
        run(problem(Drops(1, (6, 7))), Constant(rbg), Span(intervals=2, warmup=1), "greedy")
    assert "allocator greedy: decision not allowed" in str(caught.value)
    assert "(drop 6, in the warm-up, 1 interval (0.02 s) before its end)" in str(caught.value)


def test_repair_mends_and_counts() -> None:
    windows = run(problem(Drops(1, (0,)), repair=True), Constant([9, 1, 1]), Span(intervals=3))
    assert windows.arrays["rbg"][0, -1, 0].tolist() == [2, 1, 1]
    assert windows.arrays["repairs"].sum() == 3


class Wrong:
    """Decides something of a wrong shape, type or kind."""

    def __init__(self, decision: object) -> None:
        self.decision = decision

    def reset(self, context: SlicingContext, seed: int) -> None:
        return None

    def decide(self, observation: SlicingObservation) -> object:
        return self.decision


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (None, "must return a SlicingDecision, not NoneType"),
        (SlicingDecision([1, 1, 1]), "must be a torch tensor, not list"),  # type: ignore[arg-type]
        (SlicingDecision(torch.ones(1, 3, dtype=torch.int64)), r"must have shape \[1, 1, 3\], not \[1, 3\]"),
        (SlicingDecision(torch.full((1, 1, 3), torch.nan)), r"must have dtype torch.int64, not torch.float32"),
    ],
)
@pytest.mark.parametrize("repair", [False, True])
def test_what_is_no_decision_at_all_is_refused(decision: object, says: str, repair: bool) -> None:
    with pytest.raises(AllocatorError, match=says):
        run(problem(Drops(1, (0,)), repair=repair), Wrong(decision), Span(intervals=1), "wrong")  # type: ignore[arg-type]


def rows(windows: Windows, name: str, first: int, last: int) -> torch.Tensor:
    return torch.from_numpy(windows.arrays[name][first:last])


def test_side_by_side_is_one_after_the_other() -> None:
    plan, one, two = Span(intervals=8), Constant([1, 1, 2]), Constant([2, 1, 1])
    alone = [run(problem(Drops(1, (4, 5))), each, plan) for each in (one, two)]
    together = run(problem(Drops(1, (4, 5, 4, 5))), StackedAllocators({"one": one, "two": two}, require_slicing), plan)
    for number, windows in enumerate(alone):
        for name in windows.arrays:
            both = rows(together, name, 2 * number, 2 * number + 2)
            assert torch.equal(both, torch.from_numpy(windows.arrays[name])), name


def test_side_by_side_blames_the_right_one() -> None:
    pair = StackedAllocators({"good": Constant(), "bad": Constant([5, 5, 5])}, require_slicing)
    with pytest.raises(AllocatorError, match=r"allocator bad: decision not allowed: .*\(drop 4, interval 0"):
        run(problem(Drops(1, (4, 4))), pair, Span(intervals=1), "good|bad")


def test_settings_that_do_not_fit_are_named() -> None:
    tested = engine(Drops(1, (0,)), None, CarrierSettings(prbs=6), sites=1, per_cell=3)
    with pytest.raises(ValueError, match=r"slicing.interval_s: 0.0105 s is no whole number of slots"):
        SlicingProblem(tested, SlicingSettings(interval_s=0.0105), FirstInNeed(), PowerSettings())
    with pytest.raises(ValueError, match=r"slicing.min_rbg is 1: 3 slices that keep at least 1 RBGs each do not fit"):
        SlicingProblem(tested, SlicingSettings(rbg_prbs=6), FirstInNeed(), PowerSettings())


def test_infeasible_decision_keeps_its_drop() -> None:
    assert InfeasibleDecision("no", 3).drop == 3
