"""Whatever an allocator decides, the repaired decision is allowed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_uav import problem

from mac.core.contracts import InfeasibleDecision
from mac.uav import UavDecision
from mac.uav.feasible import repair_uav, require_uav

PROBLEMS = {most: problem(radio__max_users=most, uavs__battery_j=2000.0) for most in (None, 3)}
STILL = torch.zeros((2, 4, 3), dtype=torch.float64)
ODD = [math.nan, math.inf, -math.inf, -1.0, 0.0, 0.3, 1.0, 7.0, 50.0]


def drawn(seed: int, parts: int) -> UavDecision:
    """Values of which many are not allowed; ``parts`` says which are left out."""
    rng = np.random.default_rng(seed)
    velocity, power, share = (torch.from_numpy(rng.choice(ODD, shape)) for shape in ((2, 4, 3), (2, 4), (2, 4, 60)))
    serving = torch.from_numpy(rng.integers(-3, 7, (2, 60)))
    return UavDecision(
        velocity, power if parts & 1 else None, serving if parts & 2 else None, share if parts & 4 else None
    )


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), parts=st.integers(0, 7), most=st.sampled_from([None, 3]))
def test_a_repaired_decision_is_allowed_and_its_shares_add_up_to_one_at_most(
    seed: int, parts: int, most: int | None
) -> None:
    one = PROBLEMS[most]
    state = one.start()
    decision = drawn(seed, parts)
    mended, count = repair_uav(decision, state.observation, one.context)
    require_uav(mended, state.observation, one.context)
    assert bool((count > 0).all())
    if mended.share is not None:
        assert float(mended.share.sum(-1).max()) <= 1.0 + 1e-9 and float(mended.share.min()) >= 0.0
    again, more = repair_uav(mended, state.observation, one.context)
    assert not more.any()
    _, outcome = one.step(state, again)
    assert bool(outcome.served_bits.isfinite().all()) and bool((outcome.served_bits >= 0).all())


@pytest.mark.parametrize(("decision", "text"), [
    (None, r"must return a UavDecision, not NoneType"),
    (UavDecision(torch.zeros((2, 4, 2), dtype=torch.float64)), r"velocity_mps must have shape \[2, 4, 3\]"),
    (UavDecision(torch.zeros((2, 4, 3))), r"velocity_mps must have dtype torch.float64"),
    (UavDecision(STILL, serving=torch.zeros((2, 60))), r"serving must have dtype"),
])  # fmt: skip
def test_what_cannot_be_repaired_is_refused(decision: object, text: str) -> None:
    one = PROBLEMS[None]
    for check in (require_uav, repair_uav):
        with pytest.raises(InfeasibleDecision, match=text):
            check(decision, one.start().observation, one.context)


def test_a_uav_without_charge_serves_no_user() -> None:
    one = problem(uavs__battery_j=100.0)
    state, _ = one.step(one.start(), UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64)))
    decision = UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64), serving=torch.full((2, 60), 2))
    with pytest.raises(InfeasibleDecision, match=r"user 0 is served by UAV 2, which is out of service"):
        require_uav(decision, state.observation, one.context)
    mended, count = repair_uav(decision, state.observation, one.context)
    assert bool((mended.serving == -1).all()) and count.tolist() == [60.0, 60.0]


def test_more_users_than_allowed() -> None:
    one = PROBLEMS[3]
    serving = torch.full((2, 60), -1)
    serving[1, 10:14] = 2
    decision = UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64), serving=serving)
    with pytest.raises(InfeasibleDecision, match=r"UAV 2 serves more than 3 users"):
        require_uav(decision, one.start().observation, one.context)
    mended, count = repair_uav(decision, one.start().observation, one.context)
    assert mended.serving[1, 10:14].tolist() == [2, 2, 2, -1] and count.tolist() == [0.0, 1.0]
