"""What a scheduler may decide, told at once on a CPU and at the end of a block elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from engine_cases import rotate
from engine_factory import engine

from mac.core.contracts import InfeasibleDecision
from mac.scheduling import SchedulingDecision
from mac.scheduling.decision_check import DecisionCheck
from mac.scheduling.feasible import repair_scheduling, require_scheduling
from mac.scheduling.observe import context_of, observe
from mac.slicing import SlicingContext, SlicingDecision
from mac.slicing.feasible import require_slicing
from phy.random import Drops


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (28, "cell 2 gives PRB 5 to user 28, which does not exist: use 0 to 27, or -1 for none"),
        (-2, "to user -2, which does not exist"),
        (2**62, "which does not exist"),
        (4, "cell 2 gives PRB 5 to user 4, which cell 1 serves"),
    ],
)
def test_a_forbidden_holder_is_named(user: int, says: str) -> None:
    tested = engine(Drops(1, (3, 8)))
    observation = observe(tested, tested.start())
    decision = rotate(observation)
    decision.user[1, 2, 5] = user
    with pytest.raises(InfeasibleDecision, match=says) as caught:
        require_scheduling(decision, observation, context_of(tested))
    assert caught.value.drop == 8
    mended, breaches = repair_scheduling(decision, observation, context_of(tested))
    assert mended[1, 2, 5] == -1
    assert breaches.tolist() == [0, 1]
    decision.user[1, 2, 5] = -1
    assert torch.equal(mended, decision.user)


def test_prbs_of_another_slice_are_forbidden_unless_lent() -> None:
    tested = engine(Drops(1, (3,)))
    observation = observe(tested, tested.start())
    decision = rotate(observation)
    none = torch.zeros_like(observation.rate_bits, dtype=torch.bool)
    with pytest.raises(InfeasibleDecision, match=r"holds PRB 0, which is not its slice's"):
        require_scheduling(decision, replace(observation, owned=none), context_of(tested))
    lent = replace(observation, owned=none, borrowable=~none)
    assert torch.equal(require_scheduling(decision, lent, context_of(tested)).user, decision.user)


def test_a_deferred_verdict_comes_at_the_end_of_the_block() -> None:
    """What a GPU does: breaches are added up, and read back once a block."""
    check = DecisionCheck(context_of(engine(Drops(1, (3, 8)))), 4, "deferred")
    breaches, one = check.none, torch.tensor([0, 1])
    for slot in range(1, 4):
        breaches = check.judge(breaches, one, slot)
    with pytest.raises(
        InfeasibleDecision, match="4 PRBs went to users that may not hold them, in slots 0 to 3"
    ) as caught:
        check.judge(breaches, one, 4)
    assert caught.value.drop == 8


def test_quotas_so_great_that_their_sum_wraps_are_refused() -> None:
    cpu = torch.device("cpu")
    context = SlicingContext(
        Drops(1, (0,)), 1, ("a", "b"), ("embb", "embb"), 12, 3, 4, 1, 0.25, 1e-3, cpu, torch.float32
    )
    with pytest.raises(InfeasibleDecision, match="gets 4611686018427387904 RBGs of 4"):
        require_slicing(SlicingDecision(torch.full((1, 1, 2), 2**62)), None, context)  # type: ignore[arg-type]


def test_kinds_shapes_and_types_are_told_apart() -> None:
    tested = engine(Drops(1, (0,)))
    observation = observe(tested, tested.start())
    good = rotate(observation).user
    for wrong, says in (
        (good, "must return a SchedulingDecision, not Tensor"),
        (SchedulingDecision(good.numpy()), "must be a torch tensor, not ndarray"),  # type: ignore[arg-type]
        (SchedulingDecision(good[0]), r"must have shape \[1, 7, 12\], not \[7, 12\]"),
        (SchedulingDecision(good.double()), "must have dtype torch.int64, not torch.float64"),
        (SchedulingDecision(good.to("meta")), "must be on cpu, not meta"),
        (SchedulingDecision(good.to_sparse()), r"dense tensor, not of layout torch\.sparse_coo: use \.to_dense\(\)"),
    ):
        with pytest.raises(InfeasibleDecision, match=says):
            require_scheduling(wrong, observation, context_of(tested))
