"""The PRB assignment that all schedulers share."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_scheduling import Shape, assign_loops, moved, only, slot

from allocators.scheduling.assign import assign
from mac.scheduling import SchedulingObservation

shapes = st.builds(
    Shape,
    batch=st.integers(1, 3),
    users=st.integers(1, 10),
    cells=st.integers(1, 4),
    prbs=st.integers(1, 12),
    slices=st.integers(1, 3),
    lent=st.booleans(),
)


def some_metric(observation: SchedulingObservation, seed: int, flat: bool, dtype: torch.dtype) -> torch.Tensor:
    """Few values, so that there are ties; both signs; some minus infinity."""
    luck = torch.Generator().manual_seed(seed + 1)
    size = (*observation.serving.shape, 1 if flat else observation.rate_bits.shape[-1])
    metric = torch.randint(-2, 4, size, generator=luck).to(dtype)
    return torch.where(metric == -2, -math.inf, metric)


@settings(max_examples=250, deadline=None)
@given(shapes, st.integers(0, 10**6), st.integers(1, 4), st.booleans(), st.booleans(), st.booleans())
def test_equals_plain_loops(shape: Shape, seed: int, passes: int, saturated: bool, flat: bool, single: bool) -> None:
    dtype = torch.float32 if single else torch.float64
    observation = slot(shape, seed)
    metric = some_metric(observation, seed, flat, dtype)
    user = assign(metric, observation, passes, saturated).user
    assert user.dtype == torch.int64 and user.is_contiguous()
    assert torch.equal(user, assign_loops(metric, observation, passes, saturated))


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 10**6), st.booleans())
def test_a_drop_alone_is_the_drop_in_the_batch(shape: Shape, seed: int, saturated: bool) -> None:
    observation = slot(shape, seed)
    metric = some_metric(observation, seed, False, torch.float32)
    together = assign(metric, observation, 3, saturated).user
    for drop in range(shape.batch):
        alone = assign(metric[drop : drop + 1], only(observation, drop), 3, saturated).user
        assert torch.equal(alone[0], together[drop])


def test_a_winner_keeps_its_first_prbs_and_the_rest_are_offered_again() -> None:
    observation = slot(
        Shape(1, 3, 1, 6), serving=torch.zeros(1, 3, dtype=torch.int64), need_prbs=torch.tensor([[1.0, 9.0, 2.0]])
    )
    metric = torch.tensor([[1.0, 2.0, 3.0]])[..., None]
    assert assign(metric, observation, 1).user.tolist() == [[[2, 2, -1, -1, -1, -1]]]
    assert assign(metric, observation, 2).user.tolist() == [[[2, 2, 1, 1, 1, 1]]]
    assert assign(metric, observation, 1, saturated=True).user.tolist() == [[[2] * 6]]


def test_fractions_of_a_prb_count_as_one() -> None:
    observation = slot(Shape(1, 1, 1, 4), serving=torch.zeros(1, 1, dtype=torch.int64), need_prbs=torch.tensor([[1.2]]))
    assert assign(observation.rate_bits, observation).user.tolist() == [[[0, 0, -1, -1]]]


def test_borrowed_prbs_are_those_that_the_owner_leaves() -> None:
    owned = torch.tensor([[[True, True, False, False], [False, False, True, True]]])
    observation = slot(
        Shape(1, 2, 1, 4),
        serving=torch.zeros(1, 2, dtype=torch.int64),
        need_prbs=torch.tensor([[1.0, 4.0]]),
        owned=owned,
        borrowable=~owned,
    )
    metric = torch.tensor([[9.0, 1.0]])[..., None]
    assert assign(metric, observation).user.tolist() == [[[0, 1, 1, 1]]]


def test_does_not_write_into_what_it_is_given() -> None:
    observation = slot(Shape(2, 8, 2, 9, 2, True), 3)
    before = [observation.need_prbs.clone(), observation.roster.clone(), observation.rate_bits.clone()]
    assign(observation.rate_bits, observation)
    after = [observation.need_prbs, observation.roster, observation.rate_bits]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("shape", [Shape(1, 8, 2, 9), Shape(3, 8, 2, 9, 2, True)])
def test_never_waits_for_the_device(shape: Shape, saturated: bool) -> None:
    """A tensor on the device "meta" has no values: reading one back, or branching on one, raises."""
    observation = moved(slot(shape), "meta")
    assert assign(observation.rate_bits, observation, 3, saturated).user.shape == (shape.batch, 2, 9)
