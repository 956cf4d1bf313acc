"""Mechanisms against slow plain loops, general solvers and convex programs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles_market import best_bids, highest_price_first, one_proportional_response

from allocators.market.bargaining import bargain
from allocators.market.bargaining import highest_price_first as served
from allocators.market.best_response import best_response
from allocators.market.equilibrium import Descent, LogBids, competitive_equilibrium, descend
from allocators.market.solver import parse_utility, solve
from mac.market import Market, Utility
from mac.market.equilibrium_gap import dual_objective, primal_objective

KINDS = ("linear", "log", "ces:0.5", "ces:-1.5", "quasilinear")


def random_market(utility: Utility, users: int = 5, cells: int = 3, drops: int = 2, reserve: float = 0.0) -> Market:
    generator = torch.Generator().manual_seed(11)
    weights = torch.exp(torch.randn(drops, users, cells, generator=generator, dtype=torch.float64))
    budgets = 0.5 + torch.rand(drops, users, generator=generator, dtype=torch.float64)
    supply = torch.ones(drops, cells, dtype=torch.float64)
    return Market.dense(weights, budgets, supply, reserve * supply, utility)


@pytest.mark.parametrize("rho", [1.0, 0.6])
def test_a_round_is_a_proportional_response(rho: float) -> None:
    market = random_market(Utility("ces", rho) if rho < 1 else Utility())
    bids = LogBids(market)
    state = bids.first(Descent())
    for _ in range(3):
        before = bids.decision(state.bids).spend.numpy()
        state = bids.respond(state, momentum=False)
        after = bids.decision(state.bids).spend.numpy()
        for drop in range(2):
            weights, budgets, supply = (part[drop].numpy() for part in (market.weights, market.budgets, market.supply))
            expected = one_proportional_response(weights, budgets, supply, before[drop], rho)
            np.testing.assert_allclose(after[drop], expected, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_response_is_the_best(kind: str) -> None:
    utility = parse_utility(kind)
    market = random_market(utility)
    generator = torch.Generator().manual_seed(12)
    others = torch.exp(2 * torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)) / 3
    found = best_response(market, others)
    from oracles_market import share_utility

    for drop in range(2):
        for user in range(5):
            worth, rest = market.weights[drop, user].numpy(), others[drop, user].numpy()
            budget = float(market.budgets[drop, user])
            bids = found[drop, user].numpy()
            assert bids.min() >= 0 and bids.sum() <= budget * (1 + 1e-9)
            ours = share_utility(worth, bids, rest, utility.kind, utility.exponent, budget - bids.sum())
            _, best = best_bids(worth, rest, budget, utility.kind, utility.exponent)
            assert ours >= best - 1e-7 * abs(best), (kind, drop, user)


@pytest.mark.parametrize("reserve", [0.0, 0.4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_equilibrium_meets_its_bound(kind: str, reserve: float) -> None:
    """The primal objective of the allocation and the dual one of the prices are equal: both are optimal."""
    market = random_market(parse_utility(kind), users=8, cells=4, reserve=reserve)
    traded = competitive_equilibrium(market, tolerance=1e-10)
    assert bool(traded.converged.all())
    primal = primal_objective(market, traded.quantity, traded.spend)
    np.testing.assert_allclose(primal.numpy(), dual_objective(market, traded.prices).numpy(), atol=1e-8)
    generator = torch.Generator().manual_seed(13)
    for _ in range(20):  # any other prices bound it, too
        other = torch.maximum(traded.prices * torch.exp(0.3 * torch.randn(2, 4, generator=generator)), market.reserve)
        assert bool((dual_objective(market, other) >= primal - 1e-12).all())


def test_acceleration_takes_fewer_rounds_and_ends_at_the_same_prices() -> None:
    market = random_market(Utility(), users=60, cells=10)
    plain = descend(market, Descent(), rounds=20_000, tolerance=1e-7)
    fast = competitive_equilibrium(market, tolerance=1e-7)
    assert bool(plain.converged.all()) and bool(fast.converged.all())
    assert bool((fast.rounds * 3 < plain.rounds).all())
    np.testing.assert_allclose(fast.prices.numpy(), plain.prices.numpy(), rtol=2e-3)


def test_the_dearest_agreement_is_served_first() -> None:
    market = random_market(Utility("quasilinear"), users=6, reserve=0.2)
    generator = torch.Generator().manual_seed(14)
    price, asked = torch.rand(2, 2, 6, 3, generator=generator, dtype=torch.float64).unbind(0)
    found = served(market, price, asked)
    for drop in range(2):
        expected = highest_price_first(price[drop].numpy(), asked[drop].numpy(), market.supply[drop].numpy())
        np.testing.assert_allclose(found[drop].numpy(), expected, atol=1e-12)


def test_bargaining_agrees_in_the_middle_and_never_below_the_reserve() -> None:
    market = random_market(Utility("quasilinear"), users=6, reserve=0.8)
    traded = bargain(market)
    bought = traded.quantity > 1e-9
    paid = (traded.spend / traded.quantity)[bought]
    np.testing.assert_allclose(paid.numpy(), ((market.weights + 0.8) / 2)[bought].numpy())
    assert not bool((bought & (market.weights < 0.8)).any()) and bool(bought.any())


def test_links_and_dense_weights_are_the_same_market() -> None:
    dense = random_market(Utility(), users=12, cells=5)
    order = torch.rand(dense.weights.shape, generator=torch.Generator().manual_seed(15)).argsort(-1)
    shuffled = Market(dense.weights.gather(-1, order), order, dense.budgets, dense.supply, dense.reserve)
    for mechanism in ("competitive", "trading_post", "tatonnement", "bargaining"):
        one, other = solve(dense, mechanism, 500), solve(shuffled, mechanism, 500)
        np.testing.assert_allclose(one.prices.numpy(), other.prices.numpy(), rtol=1e-3)
        np.testing.assert_allclose(one.utilities.numpy(), other.utilities.numpy(), rtol=1e-3)


def test_three_optima_differ_and_fulfil_their_conditions() -> None:
    pytest.importorskip("cvxpy", reason="cvxpy is not installed (extra oracle)")
    from allocators.market.optima import linear_welfare, market_equilibrium, pf_on_total_rate

    market = random_market(Utility(), users=6, cells=4)
    weights, budgets, supply = (part[0].numpy() for part in (market.weights, market.budgets, market.supply))
    serving = np.array([4.0, 0.0, 1.0, 0.5, 2.0, 0.0])
    equilibrium = market_equilibrium(weights, budgets, supply)
    on_total, linear = pf_on_total_rate(weights, budgets, supply, serving), linear_welfare(weights, supply)
    for optimum in (equilibrium, on_total, linear):
        assert optimum.kkt_residual < 1e-6
    ours = competitive_equilibrium(market, tolerance=1e-11)
    np.testing.assert_allclose(equilibrium.prices, ours.prices[0].numpy(), rtol=1e-4)
    assert linear.objective == pytest.approx(float((weights.max(0) * supply).sum()))
    spent = (equilibrium.prices * equilibrium.quantity).sum(1)
    np.testing.assert_allclose(spent, budgets, rtol=1e-5)  # budgets are spent at the market equilibrium ...
    assert np.abs((on_total.prices * on_total.quantity).sum(1) - budgets).max() > 0.1  # ... and not at the others
    assert on_total.utilities[0] < equilibrium.utilities[0]  # UE 0 has a good serving cell already
    assert linear.utilities.sum() > equilibrium.utilities.sum() > 0


def test_a_wrong_allocation_breaks_the_conditions() -> None:
    from allocators.market.optima import kkt_residual

    weights, supply, prices = np.array([[3.0, 1.0], [1.0, 2.0]]), np.ones(2), np.array([3.0, 2.0])
    assert kkt_residual(supply, np.eye(2), prices, weights) == 0.0
    assert kkt_residual(supply, np.eye(2)[::-1], prices, weights) > 0.3
    assert kkt_residual(supply, 2 * np.eye(2), prices, weights) > 0.3
    assert kkt_residual(supply, np.eye(2), prices / 2, weights) > 0.3
