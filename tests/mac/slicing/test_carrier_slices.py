"""Quotas beside PRBs that are sold, against plain loops: proportional, exact, never out of what a slice keeps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from engine_factory import engine

from mac.carrier import CarrierSettings
from mac.slicing import SlicingDecision
from mac.slicing.carrier_slices import CarrierSlices, cut
from mac.slicing.settings import SliceRules
from phy.random import Drops

PRBS, CELLS = 11, 7


def slow_cut(shares: list[int], total: int) -> list[int]:
    """Exact shares, rounded down; the greatest fractions get what is left, the first of equal ones first."""
    whole = sum(shares)
    exact = [Fraction(total * share, whole) if whole else Fraction(0) for share in shares]
    found = [int(value) for value in exact]
    order = sorted(range(len(shares)), key=lambda s: (found[s] - exact[s], s))
    for place in order[: total - sum(found)]:
        found[place] += 1
    return found


def test_a_cut_is_proportional_exact_and_no_greater_than_the_shares() -> None:
    luck = np.random.default_rng(1)
    shares = luck.integers(0, 9, (40, 3, 4))
    total = (luck.random((40, 3)) * (shares.sum(-1) + 1)).astype(np.int64)
    found = cut(torch.from_numpy(shares), torch.from_numpy(total)).numpy()
    for place in np.ndindex(total.shape):
        assert found[place].tolist() == slow_cut(shares[place].tolist(), int(total[place]))
    assert (found <= shares).all() and (found.sum(-1) == total).all()
    assert cut(torch.tensor([[[2, 1]]]), torch.tensor([[-3]])).tolist() == [[[0, 0]]]


@pytest.fixture(scope="module")
def slices() -> CarrierSlices:
    """Seven cells of 11 PRBs in 6 RBGs (the last of one PRB), three slices that lend."""
    made = engine(Drops(1, (0, 4)), None, CarrierSettings(prbs=PRBS), slice_id=[0] * 21, sites=7, per_cell=3)
    return CarrierSlices(made, SliceRules(rbg_prbs=2, min_rbg=0, unused="lent"))


def draw(seed: int) -> SlicingDecision:
    """Quotas that leave RBGs without an owner here and there, some of them kept."""
    luck = np.random.default_rng(seed)
    rbg = luck.integers(0, 3, (2, CELLS, 3))
    kept = (luck.random(rbg.shape) * (rbg + 1)).astype(np.int64)
    return SlicingDecision(torch.from_numpy(rbg), torch.full((2, CELLS, 3), 6), torch.from_numpy(kept))


def slow_shares(rbg: list[int], kept: list[int], sold: list[bool]) -> tuple[list[int], list[bool]]:
    """Owner of each PRB, 3 for none, and whether it is lent."""
    owners = [s for s in range(3) for _ in range(rbg[s])] + [3] * 6
    of_prb = [owners[k // 2] for k in range(PRBS)]
    first = [of_prb.index(s) // 2 if s in of_prb else 0 for s in range(3)]
    own = [of_prb.count(s) for s in range(3)]
    keeps = [sum(of_prb[k] == s and k // 2 < first[s] + kept[s] for k in range(PRBS)) for s in range(3)]
    taken = max(0, sum(sold) - of_prb.count(3))
    lost = slow_cut([own[s] - keeps[s] for s in range(3)], taken)
    beside = [s for s in range(3) for _ in range(own[s] - lost[s])] + [3] * PRBS
    within = [s for s in range(3) for _ in range(lost[s])] + [3] * PRBS
    owner, lent, had = [], [], [0, 0, 0, 0]
    for is_sold in sold:
        owner.append((within if is_sold else beside).pop(0))
        mine = owner[-1]
        lent.append(is_sold or mine == 3 or had[mine] >= keeps[mine])
        had[mine] += not is_sold
    return owner, lent


@pytest.mark.parametrize("seed", range(4))
def test_sold_prbs_are_taken_out_of_what_slices_lend(slices: CarrierSlices, seed: int) -> None:
    decision, luck = draw(seed), np.random.default_rng(seed)
    assert decision.kept_rbg is not None
    most = slices.sellable(decision)
    count = (luck.random((2, CELLS)) * (most.numpy() + 1)).astype(np.int64)
    rank = torch.from_numpy(luck.random((2, CELLS, PRBS))).argsort(-1).argsort(-1)
    sold = rank < torch.from_numpy(count)[..., None]
    found = slices.shares_beside(decision, sold)
    assert found.lent is not None
    for place in np.ndindex(2, CELLS):
        owner, lent = slow_shares(*(part[place].tolist() for part in (decision.rbg, decision.kept_rbg, sold)))
        assert found.owner[place].tolist() == owner and found.lent[place].tolist() == lent
    assert torch.equal(slices.prbs(found.owner), slices.prbs(slices.owner(decision.rbg)))


def test_without_a_sale_shares_are_those_of_slices_alone(slices: CarrierSlices) -> None:
    decision = draw(9)
    nothing = torch.zeros((2, CELLS, PRBS), dtype=torch.bool)
    one, other = slices.shares(decision), slices.shares_beside(decision, nothing)
    assert one.lent is not None and other.lent is not None
    assert torch.equal(one.owner, other.owner) and torch.equal(one.lent, other.lent)
