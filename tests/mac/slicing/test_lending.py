"""PRBs that a slice leaves idle are lent within limits: its own maximum, and what others never lend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from backend_cases import torch_alone
from engine_cases import packets
from engine_factory import engine
from torch import Tensor

from allocators import registry
from allocators.slicing.equal import Equal
from allocators.slicing.rrm_policy import PolicyRatios, RrmPolicy
from mac.carrier import CarrierSettings
from mac.core.contracts import AllocatorError
from mac.core.loop import Span, run
from mac.core.recorder import Windows
from mac.core.stacked_allocators import StackedAllocators
from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation
from mac.scheduling.feasible import repair_scheduling
from mac.scheduling.observe import Quotas, observe
from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from mac.slicing.feasible import repair_slicing, require_slicing
from mac.slicing.problem import SlicingProblem
from mac.slicing.settings import SlicingSettings
from phy.power_consumption import PowerSettings
from phy.random import Drops
from scenarios import families
from scenarios.config.loading import load

SCHEDULERS = sorted(registry.available("scheduling"))
PLAN = Span(intervals=3)


@dataclass
class Constant:
    """The same decision at every report."""

    rbg: list[int]
    most_rbg: list[int] | None = None
    kept_rbg: list[int] | None = None

    def reset(self, context: SlicingContext, seed: int) -> None:
        self.shape = (len(context.drops), context.cells)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        return SlicingDecision(*(self._all(one) for one in (self.rbg, self.most_rbg, self.kept_rbg)))  # type: ignore[arg-type]

    def _all(self, values: list[int] | None) -> Tensor | None:
        return None if values is None else torch.tensor(values).expand(*self.shape, len(values))


class Watched:
    """Keeps the decisions of a scheduler with what it observed."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []  # slice_id, serving, holders

    def reset(self, context: SchedulingContext, seed: int) -> None:
        self.slices = context.slices
        self.scheduler.reset(context, seed)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        decision: SchedulingDecision = self.scheduler.decide(observation)
        self.seen.append((observation.slice_id, observation.serving, decision.user))
        return decision

    def held(self) -> Tensor:
        """Slice of the holder of each PRB in each slot, S without one, ``[T, B, C, K]``."""
        return torch.stack([self._slices(slice_id, user) for slice_id, _, user in self.seen])

    def _slices(self, slice_id: Tensor, user: Tensor) -> Tensor:
        of = slice_id.gather(1, user.clamp(min=0).flatten(1)).view(user.shape)
        return torch.where(user < 0, self.slices, of)

    def prbs(self, number: int) -> Tensor:
        """PRBs that a slice held in each slot, ``[slots, B, C]``."""
        return (self.held() == number).sum(-1)


def problem(scheduler: Any, sites: int = 1, rbg_prbs: int = 3, min_rbg: int = 0, **changes: Any) -> SlicingProblem:
    """20 PRBs; in each cell two users of slice 0 that always wait, one of slice 1 that seldom does, none of slice 2."""
    drops = Drops(1, (0, 1))
    users = 3 * sites
    arrivals = packets(drops, users, 200, 0.05, 60)
    slices = torch.tensor([0, 0, 1] * sites)
    made = engine(drops, arrivals, CarrierSettings(prbs=20), sites=sites, per_cell=3)
    crowd = replace(made.parts.users, full_buffer=slices == 0, slice_id=slices, slices=3)
    tested = type(made)(replace(made.parts, users=crowd))
    settings = SlicingSettings(interval_s=0.02, rbg_prbs=rbg_prbs, min_rbg=min_rbg, unused="lent", **changes)
    return SlicingProblem(tested, settings, scheduler, PowerSettings())


def played(scheduler: str, allocator: Any, **how: Any) -> Watched:
    watched = Watched(registry.resolve(scheduler, "scheduling"))
    run(problem(watched, **how), allocator, PLAN)
    return watched


@pytest.mark.parametrize("sites", [1, 7])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_slice_holds_its_most_and_no_more_under_any_scheduler(scheduler: str, sites: int) -> None:
    """Slice 0 owns 1 RBG and may hold 3, of 7: 9 PRBs, although 20 are idle but for what slice 1 sends now and then."""
    held = played(scheduler, Constant([1, 3, 3], [3, 7, 7]), sites=sites).prbs(0)
    assert int(held.max()) == 9
    assert held.double().mean() > 8.5  # and as many as it may


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_kept_rbgs_of_an_idle_slice_stay_idle(scheduler: str) -> None:
    """Slices have RBGs 0, 1 to 3 and 4 to 6 of 3 PRBs (the last has 2); the last two never lend two RBGs of theirs."""
    held = played(scheduler, Constant([1, 3, 3], kept_rbg=[0, 2, 2])).held()
    assert set(held[..., 3:9].unique().tolist()) <= {1, 3}
    assert set(held[..., 12:18].unique().tolist()) == {3}
    lent = torch.cat((held[..., :3], held[..., 18:]), -1)
    assert (lent == 0).all()
    assert (held[..., 9:12] == 0).double().mean() > 0.8
    assert (held[..., 3:9] == 1).any()  # their own slice may use them


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_without_limits_all_that_is_idle_is_lent(scheduler: str) -> None:
    for decision in (Constant([1, 3, 3]), Constant([1, 3, 3], [7, 7, 7], [0, 0, 0])):
        watched = played(scheduler, decision)
        held = watched.held()
        assert (held != 3).all()
        assert watched.prbs(0).double().mean() > 18
    assert torch.equal(held, played(scheduler, Constant([1, 3, 3])).held())


def test_the_limit_of_one_slice_is_not_felt_by_another() -> None:
    """Slice 1, which is capped, seldom waits; slice 0 gets what it gets without."""
    free, capped = (played("proportional_fair", Constant([1, 3, 3], most)).held() for most in (None, [7, 3, 3]))
    assert torch.equal(free, capped)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_torch_lends_as_the_loops_do(scheduler: str) -> None:
    limits = Constant([1, 3, 3], [4, 3, 7], [0, 1, 2])
    compiled = played(scheduler, limits).held()
    with torch_alone():
        assert torch.equal(played(scheduler, limits).held(), compiled)


def test_a_limit_of_each_cell_is_its_own() -> None:
    class ByCell(Constant):
        def decide(self, observation: SlicingObservation) -> SlicingDecision:
            decision = super().decide(observation)
            most = decision.most_rbg + (torch.arange(self.shape[1]) % 3)[:, None]  # type: ignore[operator]
            return replace(decision, most_rbg=most)

    held = played("proportional_fair", ByCell([1, 2, 2], [2, 2, 2]), sites=7).prbs(0)
    assert held.amax((0, 1)).tolist() == [6, 9, 12, 6, 9, 12, 6]


def rrm(**ratios: tuple[float, float, float]) -> RrmPolicy:
    return RrmPolicy(policies={name: PolicyRatios(*values) for name, values in ratios.items()})


SCENARIO: dict[str, Any] = {
    "name": "lending",
    "family": "slicing",
    "drops": 2,
    "duration_s": 0.3,
    "warmup_s": 0,
    "allocators": ["equal"],
    "topology": {"layout": "single", "sectors": 1, "isd_m": 500},
    "carrier": {"prbs": 100},
    "slicing": {
        "slices": [{"name": name, "service": "embb"} for name in ("a", "b", "c")],
        "interval_s": 0.05,
        "rbg_prbs": 1,
        "min_rbg": 0,
        "unused": "lent",
    },
    "users": [
        {"name": "a", "slice": "a", "count": 2, "traffic": {"model": "full_buffer"}},
        {"name": "b", "slice": "b", "count": 1, "traffic": {"model": "poisson", "rate_bps": 1e4, "packet_bytes": 40}},
        {"name": "c", "slice": "c", "count": 1, "traffic": {"model": "poisson", "rate_bps": 1e4, "packet_bytes": 40}},
    ],
}


def scenario_run(allocator: Any, **changes: Any) -> tuple[Windows, Watched]:
    scenario = load({**SCENARIO, **changes.pop("top", {})}, **changes)
    built = families.find("slicing").build(scenario, Drops(1, (0, 1)), torch.device("cpu"), torch.float32)
    built.scheduler = watched = Watched(built.scheduler)
    return run(built, allocator, Span(intervals=6)), watched


def rate(windows: Windows) -> float:
    return float(windows.arrays["served_bits"][..., :2].sum())


@pytest.mark.parametrize(("rbg_prbs", "most"), [(1, 10), (3, 9), (8, 8)])
def test_a_policys_maximum_is_what_so_many_prbs_carry(rbg_prbs: int, most: int) -> None:
    """The same as with those PRBs lost: 10 % of 100 PRBs, as far as whole RBGs go."""
    policy, rbgs = rrm(a=(0, 0, 10)), {"slicing.rbg_prbs": rbg_prbs}
    lent, watched = scenario_run(policy, **rbgs)
    lost, _ = scenario_run(policy, **rbgs, **{"slicing.unused": "lost"})
    free, _ = scenario_run(rrm(), **rbgs)
    assert int(watched.prbs(0).max()) == most
    assert rate(lent) == pytest.approx(rate(lost), rel=0.02)
    assert 0.05 < rate(lent) / rate(free) < 0.15


def test_a_policys_dedicated_prbs_are_not_lent_and_its_minimum_is() -> None:
    """b seldom has anything to send: half of the carrier is dedicated to it, and further 20 % are its minimum."""
    windows, watched = scenario_run(rrm(b=(50, 70, 100)))
    held = watched.held()
    assert (windows.arrays["slice_prbs"][..., 1] >= 70).all()
    assert int(watched.prbs(0).max()) == 50
    assert int((held == 3).sum(-1).min()) >= 49  # but for the packet of b
    free, _ = scenario_run(rrm(b=(0, 70, 100)))
    assert rate(free) > 1.8 * rate(windows)


def test_a_limit_goes_along_with_a_handover() -> None:
    """A user that comes into another cell finds that cell's limits."""
    moving = {"model": "linear", "min_speed_kmh": 300, "max_speed_kmh": 300}
    users = [{**group, "mobility": moving, "count": 8} for group in SCENARIO["users"]]
    top = {
        "topology": {"layout": "hexagonal", "sites": 7, "sectors": 1, "isd_m": 150},
        "users": users,
        "carrier": {"prbs": 20},
        "handover": {"time_to_trigger_ms": 0, "hysteresis_db": 0.0, "offset_db": 0.0},
    }
    limits = Constant([2, 4, 4], [3, 10, 10], [0, 0, 2])
    windows, watched = scenario_run(limits, top=top, **{"slicing.rbg_prbs": 2})
    assert windows.arrays["handovers"].sum() > 0
    assert int(watched.prbs(0).max()) == 6
    assert (watched.held()[..., 12:16] >= 2).all()


def test_side_by_side_with_an_allocator_without_limits_is_one_after_the_other() -> None:
    limited = {"a": rrm(a=(0, 0, 20), b=(30, 30, 100)), "b": Equal()}
    for order in (("a", "b"), ("b", "a")):
        entrants = {name: limited[name] for name in order}
        scenario = load(SCENARIO)
        family, cpu = families.find("slicing"), torch.device("cpu")
        both = family.build(scenario, Drops(1, (4, 5, 4, 5)), cpu, torch.float32)
        together = run(both, StackedAllocators(entrants, require_slicing), Span(intervals=4))
        for number, allocator in enumerate(entrants.values()):
            one = family.build(scenario, Drops(1, (4, 5)), cpu, torch.float32)
            alone = run(one, allocator, Span(intervals=4))
            for name, values in alone.arrays.items():
                rows = together.arrays[name][2 * number : 2 * number + 2]
                assert torch.equal(torch.from_numpy(rows), torch.from_numpy(values)), name


def test_no_limit_counts_before_the_first_decision_does() -> None:
    watched = Watched(registry.resolve("proportional_fair", "scheduling"))
    run(problem(watched, held_reports=2), Constant([1, 3, 3], [3, 7, 7], [0, 3, 3]), PLAN)
    held = watched.prbs(0)
    assert held[:40].double().mean() > 18 and int(held[40:].max()) == 3


@pytest.mark.parametrize(
    ("rbg", "most", "kept", "says"),
    [
        ([2, 3, 2], [1, 7, 7], None, "a slice gets 2 RBGs, and its most_rbg lets it hold 1"),
        ([2, 3, 2], [8, 7, 7], None, "a slice may hold 8 RBGs of 7"),
        ([2, 3, 2], None, [3, 0, 0], "a slice never lends 3 RBGs of its 2: kept_rbg must be from 0 to its rbg"),
        ([2, 3, 2], None, [0, -1, 0], "a slice never lends -1 RBGs of its 3"),
        ([2, 3, 2], [7, 7], None, r"SlicingDecision.most_rbg must have shape \[2, 1, 3\], not \[2, 1, 2\]"),
        ([2, 3, 2], None, [1.0, 0.0, 0.0], "SlicingDecision.kept_rbg must have dtype torch.int64, not torch.float32"),
    ],
)
def test_limits_are_checked(rbg: list[int], most: Any, kept: Any, says: str) -> None:
    decision = Constant(rbg, most, kept)
    with pytest.raises(AllocatorError, match=says):
        run(problem(registry.resolve("max_rate", "scheduling")), decision, PLAN, "greedy")


def test_limits_that_are_forbidden_are_mended_and_counted() -> None:
    context = problem(registry.resolve("max_rate", "scheduling")).context
    shape = (2, 1, 3)
    given = SlicingDecision(*(torch.tensor(values).expand(shape) for values in ([4, 2, -1], [3, 9, 7], [5, -2, 0])))
    mended, breaches = repair_slicing(given, context)
    assert mended.most_rbg is not None and mended.kept_rbg is not None
    assert [one[0, 0].tolist() for one in (mended.rbg, mended.most_rbg, mended.kept_rbg)] == [
        [3, 2, 0],
        [3, 7, 7],
        [3, 0, 0],
    ]
    assert breaches.tolist() == [1, 1]
    require_slicing(mended, None, context)  # type: ignore[arg-type]


class Greedy:
    """Does not look at the limit."""

    def reset(self, context: SchedulingContext, seed: int) -> None:
        self.inner = registry.resolve("proportional_fair", "scheduling")
        self.inner.reset(context, seed)

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        decision: SchedulingDecision = self.inner.decide(replace(observation, most_prbs=None))
        return decision


def test_a_scheduler_that_exceeds_a_limit_is_refused_with_a_sentence() -> None:
    says = r"cell 0 gives slice 0 more PRBs than the 9 that it may hold, borrowed ones included: see .*most_prbs"
    with pytest.raises(AllocatorError, match=says):
        run(problem(Greedy()), Constant([1, 3, 3], [3, 7, 7]), PLAN)


def test_prbs_beyond_the_limit_are_taken_back() -> None:
    tested = problem(Greedy())
    quotas = Quotas(most_prbs=torch.tensor([[[9, 20, 20]]] * 2))
    observation = observe(tested.engine, tested.start().cells, quotas)
    everything = torch.zeros((2, 1, 20), dtype=torch.int64)
    mended, breaches = repair_scheduling(SchedulingDecision(everything), observation, tested.check.context)
    assert breaches.tolist() == [11, 11]
    assert mended[0, 0].tolist() == [0] * 9 + [-1] * 11


def test_where_nothing_is_lent_limits_change_nothing() -> None:
    lost = {"slicing.unused": "lost"}
    one, _ = scenario_run(Constant([30, 30, 40], [30, 50, 100], [10, 30, 0]), **lost)
    other, watched = scenario_run(Constant([30, 30, 40]), **lost)
    assert rate(one) == rate(other) and int(watched.prbs(0).max()) == 30
