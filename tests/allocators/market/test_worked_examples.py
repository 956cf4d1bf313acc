"""Small markets whose prices and utilities are known, worked out by hand or to twelve digits beforehand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from allocators.market import MarketSolution, solve_market
from mac.market import Market
from mac.market.equilibrium_gap import envy_freeness

ROOT_2 = math.sqrt(2.0)
PRICE_TAKING = ("competitive", "proportional_response", "tatonnement")


def trading_post(weights: Any, budgets: Any, **more: Any) -> MarketSolution:
    solution = solve_market(weights, budgets, mechanism="trading_post", **more)
    assert bool(solution.converged) and float(solution.deviation_gain) <= 1e-6
    return solution


@pytest.mark.parametrize("mechanism", PRICE_TAKING)
@pytest.mark.parametrize(
    ("weights", "budgets", "prices", "utilities"),
    [
        ([[2, 1], [4, 1]], [2, 1], [2, 1], [2, 2]),
        ([[3, 1], [2, 1], [1, 1]], [1, 1, 1], [2, 1], [3 / 2, 1, 1]),
        ([[4, 1], [2, 3], [1, 5]], [5, 2, 1], [5, 3], [4, 2, 5 / 3]),
    ],
)
def test_linear_markets(mechanism: str, weights: Any, budgets: Any, prices: Any, utilities: Any) -> None:
    solution = solve_market(weights, budgets, mechanism=mechanism)
    exact = 1e-4 if mechanism == "proportional_response" else 1e-5  # O(1/t) where two bundles are worth the same
    assert bool(solution.converged) and float(solution.gap) <= 1e-6
    assert solution.prices.tolist() == pytest.approx(prices, rel=2 * exact)
    assert solution.utilities.tolist() == pytest.approx(utilities, rel=2 * exact)


@pytest.mark.parametrize("mechanism", PRICE_TAKING)
def test_a_ces_market(mechanism: str) -> None:
    solution = solve_market([[2, 1], [1, 3]], [1, 2], utility="ces:0.5", mechanism=mechanism)
    assert solution.prices.tolist() == pytest.approx([1.162313874092, 1.837686125908], rel=1e-9)
    relation = sum(b * 4 / p / (4 / p + 1 / q) for b, p, q in [(1, *solution.prices.tolist())])
    other = 2 * (1 / solution.prices[0]) / (1 / solution.prices[0] + 9 / solution.prices[1])
    assert float(relation + other) == pytest.approx(float(solution.prices[0]), rel=1e-9)  # demand meets supply


def test_logarithmic_utility_spends_fixed_shares() -> None:
    solution = solve_market([[2, 1], [1, 3]], [1, 2], utility="log")
    assert solution.prices.tolist() == pytest.approx([2 / 3 + 2 / 4, 1 / 3 + 6 / 4])
    assert float((solution.spend - torch.tensor([[2 / 3, 1 / 3], [0.5, 1.5]])).abs().max()) < 1e-7


def test_quasi_linear_ues_keep_money_that_buys_less_than_it_is_worth() -> None:
    solution = solve_market([[2, 1], [1, 3]], [1, 9], utility="quasilinear")
    assert solution.prices.tolist() == pytest.approx([1, 3], abs=1e-3)  # UE 1 pays 3 of 9, what the unit is worth to it
    assert float(solution.spend[1].sum()) == pytest.approx(3.0, abs=1e-3)
    assert solution.utilities.tolist() == pytest.approx([2, 9], abs=1e-3)


def test_a_reserve_price_leaves_supply_unsold() -> None:
    solution = solve_market([[2, 1], [1, 3]], [1, 2], supply=[2, 1], reserve=[0.2, 3])
    assert solution.prices.tolist() == pytest.approx([1, 3])
    assert solution.shares.sum(0).tolist() == pytest.approx([1, 1 / 3])


def test_price_anticipating_ues_in_a_symmetric_market() -> None:
    solution = trading_post([[2, 1], [1, 2]], [1, 1])
    assert solution.spend[0].tolist() == pytest.approx([2 / 3, 1 / 3], rel=1e-5)
    assert solution.utilities.tolist() == pytest.approx([5 / 3, 5 / 3], rel=1e-7)
    assert float(solution.utilities.sum()) / 4 == pytest.approx(5 / 6)
    assert float(solution.gap) == pytest.approx(math.log(6 / 5), rel=1e-6)  # each has 2 at the equilibrium


def test_the_least_welfare_of_two_ues() -> None:
    """u = 2 each, where the optimum gives 1 + sqrt(2) each: 2 sqrt(2) - 2 of it."""
    solution = trading_post([[1 + ROOT_2, 1], [1, 1 + ROOT_2]], [1, 1])
    assert solution.utilities.tolist() == pytest.approx([2, 2], rel=1e-7)
    assert float(solution.utilities.sum()) / (2 * (1 + ROOT_2)) == pytest.approx(2 * ROOT_2 - 2, rel=1e-7)


def test_unequal_budgets() -> None:
    solution = trading_post([[3, 1], [1, 2]], [1, 2])
    assert solution.prices.tolist() == pytest.approx([1.9589549876, 1.0410450124], rel=1e-6)
    assert solution.utilities.tolist() == pytest.approx([1.4607935224, 2.3149734031], rel=1e-7)


def test_best_responses_that_cycle_settle_when_damped() -> None:
    solution = trading_post([[5, 1], [1, 3]], [3, 1])
    assert solution.spend[0].tolist() == pytest.approx([9 / 7, 12 / 7], rel=1e-5)
    assert solution.spend[1].tolist() == pytest.approx([1 / 21, 20 / 21], rel=1e-4)
    assert solution.prices.tolist() == pytest.approx([4 / 3, 8 / 3], rel=1e-5)


@pytest.mark.parametrize("utility", ["linear", "log", "ces:0.5", "ces:-1"])
def test_one_base_station_is_shared_by_budgets(utility: str) -> None:
    solution = trading_post([[3], [1], [5]], [1, 2, 5], utility=utility)
    assert solution.shares[:, 0].tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_bounds_of_the_trading_post_with_equal_budgets() -> None:
    """Nash welfare at least half of the equilibrium's, envy-freeness at least 2 sqrt(2) - 2 (fractional shares)."""
    generator = torch.Generator().manual_seed(3)
    weights = torch.exp(1.5 * torch.randn(40, 5, 4, generator=generator, dtype=torch.float64))
    budgets = torch.ones(40, 5, dtype=torch.float64)
    solution = solve_market(weights, budgets, mechanism="trading_post")
    assert bool(solution.converged.all())
    assert float(solution.gap.max()) <= math.log(2.0)
    market = Market.dense(weights, budgets, torch.ones(40, 4), torch.zeros(40, 4))
    assert float(envy_freeness(market, solution.quantity).min()) >= 2 * ROOT_2 - 2


def test_the_competitive_equilibrium_has_no_envy_with_equal_budgets() -> None:
    generator = torch.Generator().manual_seed(4)
    weights = torch.exp(torch.randn(10, 6, 4, generator=generator, dtype=torch.float64))
    budgets = torch.ones(10, 6, dtype=torch.float64)
    solution = solve_market(weights, budgets)
    market = Market.dense(weights, budgets, torch.ones(10, 4), torch.zeros(10, 4))
    assert float(envy_freeness(market, solution.quantity).min()) >= 1 - 1e-4


def test_the_shares_of_all_mechanisms_and_utilities_are_feasible_and_certified() -> None:
    from allocators.market.solver import MECHANISMS

    generator = torch.Generator().manual_seed(5)
    weights = torch.exp(torch.randn(2, 6, 4, generator=generator, dtype=torch.float64))
    budgets = 0.5 + torch.rand(2, 6, generator=generator, dtype=torch.float64)
    reserve = [0.3, 0.1, 2.0, 0.2]
    for mechanism, utility in itertools.product(MECHANISMS, ("linear", "log", "ces:0.6", "ces:-2", "quasilinear")):
        solution = solve_market(weights, budgets, [1, 2, 1, 3], reserve, utility, mechanism, rounds=1000)
        what = f"{mechanism}, {utility}"
        assert float(solution.shares.sum(1).max()) <= 1 + 1e-9, what
        assert bool((solution.spend.sum(-1) <= budgets * (1 + 1e-9)).all()), what
        if mechanism in ("competitive", "proportional_response"):
            assert bool(solution.converged.all()) and bool(
                (solution.prices >= torch.tensor(reserve).double() - 1e-7).all()
            ), what
            assert float(solution.deviation_gain.max()) < 1e-3, what
        if mechanism == "trading_post":
            assert bool(solution.converged.all()) and float(solution.deviation_gain.max()) <= 1e-6, what


@pytest.mark.parametrize("supply", [[1, 1], [0, 0]])
def test_where_nothing_is_wanted_or_sold_all_settle_at_once(supply: list[float]) -> None:
    from allocators.market.solver import MECHANISMS

    weights = [[0, 0], [0, 0]] if sum(supply) else [[2, 1], [1, 3]]
    for mechanism in MECHANISMS:
        solution = solve_market(weights, [1, 2], supply, [0.1, 0.1], "linear", mechanism)
        assert bool(solution.converged) and int(solution.rounds) == 1, mechanism
        assert float(solution.spend.sum()) == float(solution.shares.sum()) == 0.0, mechanism
