"""Decisions with partners: what is allowed, what is refused and how it is said, what is mended."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mu_mimo_cases import SHARED, all_share, shared

from mac.core.contracts import InfeasibleDecision
from mac.core.stacked_allocators import concatenate
from mac.engine.engine import Engine
from mac.scheduling import SchedulingDecision
from mac.scheduling.feasible import repair_partners, repair_scheduling, require_scheduling
from mac.scheduling.observe import context_of, observe
from mac.scheduling.problem import SchedulingProblem
from phy.power_consumption import PowerSettings
from phy.random import Drops


@pytest.fixture(scope="module")
def tested() -> Engine:
    return shared(Drops(1, (3, 8)), SHARED)  # seven cells of four users, three on a PRB


@pytest.mark.parametrize(
    ("partners", "says"),
    [
        ([9, 28], "cell 2 gives PRB 5 to user 28, which does not exist: use 0 to 27, or -1 for none"),
        ([9, -2], "to user -2, which does not exist"),
        ([4, -1], "cell 2 gives PRB 5 to user 4, which cell 1 serves: a partner must be allowed to hold the PRB"),
        ([8, -1], "cell 2 gives PRB 5 to user 8 twice"),
        ([10, 10], "cell 2 gives PRB 5 to user 10 twice"),
    ],
)
def test_a_forbidden_partner_is_named_and_taken_back(tested: Engine, partners: list[int], says: str) -> None:
    observation = observe(tested, tested.start())
    decision = all_share(observation, 3)
    assert decision.partners is not None
    assert decision.user[1, 2, 5] == 8
    assert require_scheduling(decision, observation, context_of(tested)).partners is decision.partners
    decision.partners[1, 2, 5] = torch.tensor(partners)
    with pytest.raises(InfeasibleDecision, match=says) as caught:
        require_scheduling(decision, observation, context_of(tested))
    assert caught.value.drop == 8
    user, breaches = repair_scheduling(decision, observation, context_of(tested))
    assert torch.equal(user, decision.user) and breaches.tolist() == [0, 0]
    mended = repair_partners(decision, user, observation, context_of(tested))
    assert mended is not None and mended[1].tolist() == [0, 1]
    require_scheduling(SchedulingDecision(user, mended[0]), observation, context_of(tested))
    assert int((mended[0] != decision.partners).sum()) == 1


def test_partners_need_a_holder(tested: Engine) -> None:
    observation = observe(tested, tested.start())
    decision = all_share(observation, 3)
    decision.user[0, 1, 4] = -1
    with pytest.raises(
        InfeasibleDecision, match="cell 1 gives PRB 4 to user 5 as a partner, but to no holder: make it"
    ):
        require_scheduling(decision, observation, context_of(tested))
    mended = repair_partners(decision, decision.user, observation, context_of(tested))
    assert mended is not None and mended[1].tolist() == [2, 0]
    assert (mended[0][0, 1, 4] == -1).all()


def test_only_users_of_one_slice_share(tested: Engine) -> None:
    observation = observe(tested, tested.start())
    slices = torch.tensor([0, 0, 1, 1] * 7).expand(2, -1)
    everything = torch.ones_like(observation.rate_bits, dtype=torch.bool)
    sliced = replace(observation, slice_id=slices, owned=~everything, borrowable=everything)
    decision = all_share(observation, 2)
    assert decision.partners is not None
    padded = torch.nn.functional.pad(decision.partners, (0, 1), value=-1)
    require_scheduling(SchedulingDecision(decision.user, padded), sliced, context_of(tested))
    padded[0, 3, 2, 1] = 14
    says = "cell 3 gives PRB 2 to user 12 of slice 0 and user 14 of slice 1: only users of one slice share a PRB"
    with pytest.raises(InfeasibleDecision, match=says):
        require_scheduling(SchedulingDecision(decision.user, padded), sliced, context_of(tested))
    require_scheduling(SchedulingDecision(decision.user, padded), observation, context_of(tested))
    mine = replace(sliced, owned=(slices == 0)[..., None].expand_as(everything), borrowable=None)
    with pytest.raises(InfeasibleDecision, match="user 14 holds PRB 2, which is not its slice's: a partner must be"):
        require_scheduling(SchedulingDecision(decision.user, padded), mine, context_of(tested))


def test_kinds_shapes_and_types_are_told_apart(tested: Engine) -> None:
    observation = observe(tested, tested.start())
    good = all_share(observation, 3)
    user, partners = good.user, good.partners
    assert partners is not None
    for wrong, says in (
        (partners.numpy(), "SchedulingDecision.partners must be a torch tensor, not ndarray"),
        (partners[..., :1], r"partners must have shape \[2, 7, 12, 2\], not \[2, 7, 12, 1\]"),
        (torch.cat((partners, partners), -1), r"partners must have shape \[2, 7, 12, 2\], not \[2, 7, 12, 4\]"),
        (partners.int(), "partners must have dtype torch.int64, not torch.int32"),
        (partners.to("meta"), "partners must be on cpu, not meta"),
    ):
        for check in (require_scheduling, lambda *given: repair_partners(given[0], user, *given[1:])):
            with pytest.raises(InfeasibleDecision, match=says):
                check(SchedulingDecision(user, wrong), observation, context_of(tested))  # type: ignore[arg-type]
    single = replace(context_of(tested), users_per_prb=1)
    with pytest.raises(InfeasibleDecision, match=r"partners must be None: .* context\.users_per_prb is 1"):
        require_scheduling(good, observation, single)
    assert require_scheduling(SchedulingDecision(user), observation, single).partners is None
    none = require_scheduling(SchedulingDecision(user), observation, context_of(tested)).partners
    assert none is not None and none.shape == partners.shape and (none == -1).all()


def test_decisions_side_by_side_are_put_together_with_and_without_partners(tested: Engine) -> None:
    decision = all_share(observe(tested, tested.start()), 3)
    assert concatenate([decision, decision]).partners.shape == (4, 7, 12, 2)
    assert concatenate([SchedulingDecision(decision.user)] * 2).partners is None


@pytest.mark.parametrize("repair", [True, False])
def test_a_run_refuses_partners_or_mends_and_counts_them(tested: Engine, repair: bool) -> None:
    problem = SchedulingProblem(tested, PowerSettings(), repair=repair)
    state = problem.start()
    decision = all_share(problem.observe(state), 3)
    assert decision.partners is not None
    decision.partners[1, 2, 5:7, 1] = 8
    if not repair:
        with pytest.raises(InfeasibleDecision, match="cell 2 gives PRB 5 to user 8 twice"):
            problem.step(state, decision)
        return
    _, outcome = problem.step(state, decision)
    assert outcome.totals is not None
    granted = outcome.totals.by_name()["granted_prbs"]
    assert outcome.extras["repairs"].tolist() == [0, 2]  # type: ignore[union-attr]
    assert granted[1, 8:12].tolist() == [12, 12, 10, 0] and granted[0, 8:12].tolist() == [12, 12, 12, 0]
