"""PRBs dealt out and decisions checked in compiled loops, against torch and against plain loops."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from backend_cases import torch_alone
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_scheduling import Shape, assign_loops, context, slot
from torch import Tensor

from allocators.scheduling.assign import assign, assign_rows
from allocators.scheduling.cell_layout import CellLayout
from allocators.scheduling.round_robin import RoundRobin
from mac.scheduling import SchedulingObservation
from mac.scheduling.feasible import _breached, _breaches

shapes = st.builds(
    Shape,
    batch=st.integers(1, 3),
    users=st.integers(1, 12),
    cells=st.integers(1, 4),
    prbs=st.integers(1, 15),
    slices=st.integers(1, 3),
    lent=st.booleans(),
    limited=st.booleans(),
)
seeds = st.integers(0, 2**20)


def lacking(shape: Shape, seed: int) -> SchedulingObservation:
    """A slot whose users need nothing, a fraction of a PRB, some or more than there are."""
    luck = torch.Generator().manual_seed(seed)
    kinds = torch.tensor([0.0, 1e-9, 0.3, 1.0, 1.5, 2.0, 3.7, shape.prbs, shape.prbs + 0.5, 1e6])
    need = kinds[torch.randint(0, len(kinds), (shape.batch, shape.users), generator=luck)]
    return slot(shape, seed, need_prbs=need.to(torch.float64))


def bids(observation: SchedulingObservation, seed: int, flat: bool, dtype: torch.dtype) -> Tensor:
    """Few values, so that there are ties; plus and minus infinity among them, and zeros of either sign."""
    luck = torch.Generator().manual_seed(seed + 1)
    kinds = torch.tensor([-math.inf, -math.inf, -1e-30, -0.0, 0.0, 2.0, 3.0, math.inf], dtype=dtype)
    size = (*observation.serving.shape, 1 if flat else observation.rate_bits.shape[-1])
    return kinds[torch.randint(0, len(kinds), size, generator=luck)]


def in_torch(metric: Tensor, observation: SchedulingObservation, passes: int, saturated: bool) -> Tensor:
    roster = CellLayout.of(observation)
    return assign_rows(roster.by_place(metric), roster, observation, passes, saturated).user


@settings(max_examples=300, deadline=None)
@given(shapes, seeds, st.integers(1, 4), st.booleans(), st.booleans())
def test_prbs_are_dealt_out_as_in_torch_and_in_plain_loops(
    shape: Shape, seed: int, passes: int, saturated: bool, flat: bool
) -> None:
    observation = lacking(shape, seed)
    metric = bids(observation, seed, flat, torch.float64 if seed % 2 else torch.float32)
    user = assign(metric, observation, passes, saturated).user
    assert user.dtype == torch.int64 and user.is_contiguous()
    assert torch.equal(user, in_torch(metric, observation, passes, saturated))
    assert torch.equal(user, assign_loops(metric, observation, passes, saturated))


@pytest.mark.parametrize("saturated", [False, True])
def test_many_users_and_prbs_and_a_wide_padding(saturated: bool) -> None:
    serving = torch.zeros((2, 150), dtype=torch.int64)
    serving[:, 140:] = torch.arange(10) % 4 + 1  # one cell has 140 users, four have 2 or 3, one has none
    shape = Shape(2, 150, 6, 273)
    luck = torch.Generator().manual_seed(3)
    need = torch.randint(0, 9, (2, 150), generator=luck).double()
    observation = slot(shape, 5, serving=serving, need_prbs=need)
    metric = torch.rand((2, 150, 273), generator=luck)
    user = assign(metric, observation, 2, saturated).user
    assert torch.equal(user, in_torch(metric, observation, 2, saturated))
    assert (user[:, 5] == -1).all() and (user[:, 0] >= 0).any()


def test_metrics_and_masks_may_lie_in_memory_in_any_way() -> None:
    observation = lacking(Shape(3, 9, 3, 7, 2, True, True), 4)
    assert observation.most_prbs is not None
    metric = bids(observation, 4, False, torch.float32)
    assert observation.owned is not None and observation.borrowable is not None
    expected = in_torch(metric, observation, 3, False)
    turned = replace(
        observation,
        owned=observation.owned.transpose(1, 2).contiguous().transpose(1, 2),
        borrowable=observation.borrowable.transpose(0, 2).contiguous().transpose(0, 2),
        need_prbs=observation.need_prbs.t().contiguous().t(),
        roster=observation.roster.transpose(0, 1).contiguous().transpose(0, 1),
        slice_id=observation.slice_id.t().contiguous().t(),
        most_prbs=observation.most_prbs.transpose(0, 2).contiguous().transpose(0, 2),
    )
    twisted = metric.transpose(0, 2).contiguous().transpose(0, 2)
    assert not twisted.is_contiguous() and not turned.owned.is_contiguous()
    assert torch.equal(assign(twisted, turned).user, expected)
    one = metric[..., :1].expand(metric.shape)
    assert torch.equal(assign(one, turned).user, in_torch(one, observation, 3, False))


def test_one_mask_for_all_prbs() -> None:
    observation = lacking(Shape(2, 9, 2, 7), 4)
    own = torch.rand((2, 9, 1), generator=torch.Generator().manual_seed(2)) < 0.5
    narrow = replace(observation, owned=own)
    wide = replace(observation, owned=own.expand(2, 9, 7))
    metric = bids(observation, 4, False, torch.float32)
    assert torch.equal(assign(metric, narrow).user, in_torch(metric, wide, 3, False))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_metrics_are_left_to_torch(dtype: torch.dtype) -> None:
    observation = lacking(Shape(2, 9, 2, 7), 4)
    metric = bids(observation, 4, False, torch.float32).to(dtype)
    assert torch.equal(assign(metric, observation).user, in_torch(metric.float(), observation, 3, False))


def test_a_metric_that_is_learnt_may_be_part_of_a_graph() -> None:
    observation = lacking(Shape(2, 9, 2, 7), 4)
    metric = torch.rand((2, 9, 7), generator=torch.Generator().manual_seed(1))
    learnt = metric.clone().requires_grad_() * 1.0
    assert learnt.requires_grad
    assert torch.equal(assign(learnt, observation).user, assign(metric, observation).user)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("flat", [False, True])
def test_a_weight_is_a_factor_of_the_metric(flat: bool, dtype: torch.dtype) -> None:
    observation, luck = lacking(Shape(2, 9, 2, 7), 4), torch.Generator().manual_seed(1)
    metric = torch.rand((2, 9, 1 if flat else 7), generator=luck, dtype=dtype)
    weight = torch.rand((9, 2), generator=luck, dtype=dtype).T + 0.1
    product = assign(metric * weight[..., None], observation).user
    assert not torch.equal(product, assign(metric, observation).user)
    assert torch.equal(product, assign(metric, observation, weight=weight).user)
    with torch_alone():
        assert torch.equal(product, assign(metric, observation, weight=weight).user)


@pytest.mark.parametrize("weight", [torch.ones(2, 9, 1), torch.ones(9), torch.ones(2, 8), torch.ones(2, 9).double()])
def test_a_weight_of_another_shape_or_type_is_refused(weight: Tensor) -> None:
    observation = lacking(Shape(2, 9, 2, 7), 4)
    says = r"the weight must have shape \[2, 9\] and dtype torch.float32, not "
    with pytest.raises(ValueError, match=says):
        assign(torch.ones(2, 9, 7), observation, weight=weight)
    with torch_alone(), pytest.raises(ValueError, match=says):
        assign(torch.ones(2, 9, 7), observation, weight=weight)


@pytest.mark.parametrize("shape", [(2, 9, 6), (2, 9, 8), (1, 9, 7), (2, 8, 7), (2, 10, 7), (2, 9), (2, 1, 7)])
def test_a_metric_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Loops would read what lies behind it."""
    observation, metric = lacking(Shape(2, 9, 2, 7), 4), torch.zeros(shape)
    says = r"must have shape \[2, 9, 7\] or \[2, 9, 1\], not "
    with pytest.raises(ValueError, match=says):
        assign(metric, observation)
    with torch_alone(), pytest.raises(ValueError, match=says):
        assign(metric, observation)


def decision(observation: SchedulingObservation, seed: int, wrong: bool) -> Tensor:
    """Holder of each PRB: a user of the cell or none; and, if wrong, here and there any user at all."""
    luck, (batch, cells, most) = torch.Generator().manual_seed(seed), observation.roster.shape
    size, users = (batch, cells, observation.rate_bits.shape[-1]), observation.serving.shape[1]
    user = observation.roster.gather(2, torch.randint(0, most, size, generator=luck))
    user = torch.where(user < users, user, -1)
    if not wrong:
        return user
    kinds = torch.tensor([-1, -2, -5, -(2**62), users, users + 3, 2**62, *range(users)])
    wrongly = kinds[torch.randint(0, len(kinds), size, generator=luck)]
    seldom = torch.rand(size, generator=luck) < 1.5 / user.numel()
    return torch.where(seldom, wrongly, user)


@settings(max_examples=200, deadline=None)
@given(shapes, seeds, st.integers(1, 4), st.booleans())
def test_no_slice_gets_more_than_its_most_and_a_limit_that_is_not_felt_changes_nothing(
    shape: Shape, seed: int, passes: int, saturated: bool
) -> None:
    observation = lacking(replace(shape, limited=True), seed)
    metric = bids(observation, seed, False, torch.float32)
    user = assign(metric, observation, passes, saturated).user
    assert observation.most_prbs is not None
    for b in range(shape.batch):
        for c in range(shape.cells):
            held = [int(observation.slice_id[b, u]) for u in user[b, c].tolist() if u >= 0]
            assert all(held.count(s) <= int(observation.most_prbs[b, c, s]) for s in range(shape.slices))
    loose = replace(observation, most_prbs=torch.full_like(observation.most_prbs, shape.prbs))
    free = replace(observation, most_prbs=None)
    assert torch.equal(assign(metric, loose, passes, saturated).user, assign(metric, free, passes, saturated).user)


@settings(max_examples=300, deadline=None)
@given(shapes, seeds, st.booleans())
def test_breaches_are_those_of_torch(shape: Shape, seed: int, wrong: bool) -> None:
    observation = slot(shape, seed)
    user = decision(observation, seed, wrong)
    assert _breached(user, observation) == bool(_breaches(user, observation).any())
    with torch_alone():
        assert _breached(user, observation) == bool(_breaches(user, observation).any())


def test_every_single_prb_too_many_is_found() -> None:
    """A slice at its most, and one PRB more of it at each place."""
    prbs, serving = 6, torch.tensor([[0, 0, 0, 1]])
    free = slot(Shape(1, 4, 2, prbs), 1, serving=serving, slice_id=torch.tensor([[0, 0, 1, 0]]))
    observation = replace(free, most_prbs=torch.tensor([[[2, 0], [1, 1]]]))
    for held in range(2 ** (2 * prbs)):
        places = [held >> k & 1 for k in range(2 * prbs)]
        user = torch.where(torch.tensor(places).view(1, 2, prbs) == 1, torch.tensor([[0], [3]]), -1)
        user[0, 0, ::2] = torch.where(user[0, 0, ::2] == 0, 1, -1)  # two users of slice 0
        wrong = sum(places[:prbs]) > 2 or sum(places[prbs:]) > 1
        assert _breached(user, observation) == wrong
        if held % 7 == 0:
            assert int(_breaches(user, observation).sum()) == max(sum(places[:prbs]) - 2, 0) + max(
                sum(places[prbs:]) - 1, 0
            )


@pytest.mark.parametrize("lent", [False, True])
def test_every_single_wrong_prb_is_found(lent: bool) -> None:
    """One PRB at a time, at every place, for every user: a loop that leaves out a place would be found out."""
    shape = Shape(2, 5, 2, 3, 2, lent)
    observation, caught = slot(shape, 9), 0
    for b in range(shape.batch):
        for c in range(shape.cells):
            for k in range(shape.prbs):
                for u in (-6, -2, -1, *range(shape.users), shape.users, 2**40):
                    user = torch.full((shape.batch, shape.cells, shape.prbs), -1)
                    user[b, c, k] = u
                    wrong = u != -1 and not (0 <= u < shape.users and observation.serving[b, u] == c)
                    if not wrong and u >= 0:
                        assert observation.owned is not None
                        mine = bool(observation.owned[b, u, k])
                        lent = observation.borrowable is not None and bool(observation.borrowable[b, u, k])
                        wrong = not mine and not lent
                    assert _breached(user, observation) == wrong
                    caught += wrong
    assert caught > 50


def test_decisions_may_lie_in_memory_in_any_way() -> None:
    observation = slot(Shape(2, 6, 3, 4), 2)
    user = decision(observation, 3, False)
    turned = user.transpose(0, 2).contiguous().transpose(0, 2)
    assert not turned.is_contiguous() and not _breached(turned, observation)
    turned[1, 2, 3] = 77
    assert _breached(turned, observation)


@settings(max_examples=150, deadline=None)
@given(shapes, seeds, st.booleans())
def test_round_robin_goes_round_as_in_torch(shape: Shape, seed: int, saturated: bool) -> None:
    """Four slots one after the other, so that the pointers are compared, too."""
    loops, torches = RoundRobin(), RoundRobin()
    for allocator in (loops, torches):
        allocator.reset(context(shape, saturated), 0)
    for turn in range(4):
        observation = lacking(shape, seed + turn)
        decided = loops.decide(observation).user
        with torch_alone():
            assert torch.equal(torches.decide(observation).user, decided)
        assert torch.equal(loops._pointer[:, :-1], torches._pointer[:, :-1])
