"""Auctions of PRBs: worked examples, and batches of cells against the auctions of tables one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from allocators.auction import solve_auction
from allocators.comp.bundle_auction import VcgNearest, sold_bundles
from allocators.comp.prb_auction import (
    auction_decision,
    clear,
    marginal_bids,
    uniform_payments,
    vcg_payments,
)
from mac.comp import CompObservation
from mac.market import Market, MarketObservation, Utility


def market(bids: torch.Tensor, cells: torch.Tensor, supply: list[int], reserve: float = 0.0) -> Market:
    drops, users = bids.shape[:2]
    sold = torch.tensor(supply, dtype=torch.float64).expand(drops, -1)
    ones = torch.ones(drops, users, dtype=torch.float64)
    return Market(torch.ones_like(bids[..., 0]), cells, ones, sold, torch.full_like(sold, reserve))


def test_three_equal_prbs() -> None:
    """A 10, 6, 1; B 8, 5; C 4: A wins two and pays 5 + 4, B wins one and pays 4; the uniform price is 5."""
    bids = torch.tensor([[[[10.0, 6.0, 1.0]], [[8.0, 5.0, 0.0]], [[4.0, 0.0, 0.0]]]], dtype=torch.float64)
    made = market(bids, torch.zeros(1, 3, 1, dtype=torch.int64), [3])
    found = clear(made, bids)
    assert found.won[0, :, 0].tolist() == [2, 1, 0]
    assert vcg_payments(made, found)[0, :, 0].tolist() == [9.0, 4.0, 0.0]
    assert uniform_payments(made, found)[0, :, 0].tolist() == [10.0, 5.0, 0.0]
    traded = auction_decision(made, found.won, vcg_payments(made, found))
    assert traded.prices.tolist() == [[pytest.approx(13 / 3)]]


@pytest.mark.parametrize("reserve", [0.0, 0.3])
def test_cells_and_drops_side_by_side_equal_tables_one_by_one(reserve: float) -> None:
    luck = torch.Generator().manual_seed(2)
    bids = torch.rand(2, 6, 3, 4, generator=luck, dtype=torch.float64).sort(-1, descending=True).values
    bids = bids * (torch.rand(2, 6, 3, 1, generator=luck) < 0.8)
    bids[0, 1] = bids[0, 0]  # equal bids go to the lower UE
    cells = torch.stack([torch.stack([torch.randperm(4, generator=luck)[:3] for _ in range(6)]) for _ in range(2)])
    made = market(bids, cells, [4, 2, 1, 3], reserve)
    found = clear(made, bids)
    for drop, cell in np.ndindex(2, 4):
        at = [(ue, link) for ue in range(6) for link in range(3) if int(cells[drop, ue, link]) == cell]
        table = np.array([bids[(drop, *place)].tolist() for place in at])
        units = int(made.supply[drop, cell])
        for payments, mechanism in ((vcg_payments, "vcg"), (uniform_payments, "uniform")):
            wanted = solve_auction(table, mechanism, units=units)
            paid = payments(made, found)
            assert [int(found.won[(drop, *place)]) for place in at] == wanted.winners
            expected = np.array(wanted.payments) + reserve * np.array(wanted.winners)
            np.testing.assert_allclose([float(paid[(drop, *place)]) for place in at], expected, atol=1e-12)


def test_bids_of_a_ue_with_an_equal_share() -> None:
    """Two UEs, 6 PRBs: an equal share is 3, and the bids for it sum up to half of the budget part less the reserve."""
    weights = torch.tensor([[[2.0, 1.0], [0.0, 1.0]]], dtype=torch.float64)
    budgets = torch.tensor([[6.0, 1.0]], dtype=torch.float64)
    made = Market.dense(weights, budgets, torch.tensor([[6.0, 2.0]]).double(), torch.tensor([[0.0, 0.01]]).double())
    bids = marginal_bids(made)  # UE 0 has 6 PRBs of cell 0 alone and 1 of cell 1: worth 12 and 1
    assert bids.shape == (1, 2, 2, 6)
    assert float(bids[0, 0, 0].sum()) == pytest.approx(6.0 * 12 / 13 / 2)
    assert bids[0, 1, 1].tolist() == [pytest.approx(1 / 2 - 0.01), pytest.approx(2 / 3 - 1 / 2 - 0.01), 0, 0, 0, 0]
    assert bool((bids[0, 1, 0] == 0).all()) and bool((bids.diff(dim=-1) <= 0).all())


def test_quasi_linear_bids_are_the_worth_of_a_prb_until_the_budget_ends() -> None:
    made = Market.dense(
        torch.tensor([[[2.0]]]).double(),
        torch.tensor([[5.0]]).double(),
        torch.tensor([[4.0]]).double(),
        torch.zeros(1, 1).double(),
        Utility("quasilinear"),
    )
    assert marginal_bids(made).flatten().tolist() == [2.0, 2.0, 1.0, 0.0]


def test_core_payments_of_bundles() -> None:
    """Two UEs that want one cell each, worth 10, and one that wants both for 12: VCG takes 2 and 2, the core 6 each."""
    one, other, both = np.array([0]), np.array([1]), np.array([0, 1])
    values = np.array([[10.0, 0, 0], [0, 10.0, 0], [0, 0, 12.0]])
    chosen, paid = sold_bundles(values, [one, other, both] * 3, np.array([1, 1]))
    assert chosen.tolist() == [0, 1, -1]
    assert paid == pytest.approx([6.0, 6.0, 0.0], abs=1e-6)


def test_bundles_of_several_lots_of_one_cell() -> None:
    """The three equal PRBs again, as bundles of one, two and three lots: VCG payments are in the core."""
    values = np.array([[10.0, 16.0, 17.0], [8.0, 13.0, 13.0], [4.0, 4.0, 4.0]])
    lots = [np.zeros(count, dtype=np.int64) for count in (1, 2, 3)] * 3
    chosen, paid = sold_bundles(values, lots, np.array([3]))
    assert chosen.tolist() == [1, 0, -1]
    assert paid == pytest.approx([9.0, 4.0, 0.0], abs=1e-6)


def test_more_buyers_than_integer_programs_can_serve_get_one_sentence() -> None:
    buyers = 41
    made = Market.dense(
        torch.ones(1, buyers, 1).double(),
        torch.ones(1, buyers).double(),
        torch.full((1, 1), 8.0).double(),
        torch.zeros(1, 1).double(),
    )
    seen = CompObservation(
        **vars(MarketObservation.of(0, made)),
        serving=torch.zeros(1, buyers, dtype=torch.int64),
        outage=torch.ones(1, buyers, dtype=torch.bool),
        serving_rate=torch.zeros(1, buyers).double(),
    )
    with pytest.raises(
        ValueError, match="vcg_nearest has 41 UEs that want PRBs at once, and solves auctions of up to 40"
    ):
        VcgNearest().decide(seen)


def test_an_auction_without_bids_sells_nothing() -> None:
    made = market(torch.zeros(1, 3, 2, 4).double(), torch.zeros(1, 3, 2, dtype=torch.int64), [3], reserve=0.2)
    found = clear(made, torch.zeros(1, 3, 2, 4).double())
    assert int(found.won.sum()) == 0 and float(vcg_payments(made, found).sum()) == 0.0
    assert auction_decision(made, found.won, uniform_payments(made, found)).prices.tolist() == [[0.2]]
