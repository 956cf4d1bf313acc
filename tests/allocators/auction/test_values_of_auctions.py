"""Auctions of tables of values: worked examples, payments against brute force, matching against plain sorting."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from typer.testing import CliRunner

from allocators.auction import solve_auction
from allocators.auction.capacity_optimal import best_packing, reachable_load
from allocators.auction.pair_matching import match_pairs
from allocators.auction.values import MECHANISMS
from scenarios.cli.main import app  # type: ignore[attr-defined]

Floats = NDArray[np.float64]


def best_welfare(values: Floats, bundles: list[list[int]]) -> float:
    """Over all ways to give each bidder one bundle or none, by trying them."""
    best, columns = 0.0, len(bundles)
    for chosen in itertools.product(range(-1, columns), repeat=len(values)):
        held = [resource for column in chosen if column >= 0 for resource in bundles[column]]
        if len(held) == len(set(held)):
            best = max(best, sum(values[i, column] for i, column in enumerate(chosen) if column >= 0))
    return best


def test_unit_demand() -> None:
    result = solve_auction([[5, 3], [4, 1], [2, 2]])
    assert result.welfare == 7
    values = np.array([[5, 3], [4, 1], [2, 2]], dtype=float)
    won = [(i, j) for i, j in enumerate(result.winners) if j is not None]
    for i, j in won:
        others = best_welfare(np.delete(values, i, 0), [[0], [1]])
        assert result.payments[i] == pytest.approx(others - (7 - values[i, j]))


def test_three_equal_prbs() -> None:
    table = [[10, 6, 1], [8, 5, 0], [4, 0, 0]]
    result = solve_auction(table, "vcg", units=3)
    assert result.winners == [2, 1, 0] and result.payments == [9, 4, 0] and result.welfare == 24
    assert solve_auction(table, "uniform").payments == [10, 5, 0]  # 5 is the best bid that loses
    assert solve_auction(table, "first_price", units=3).payments == [16, 8, 0]
    assert solve_auction(table, "optimal", units=3).payments == [0, 0, 0]
    assert solve_auction(table, "uniform", units=9).payments == [0, 0, 0]  # more units than are wanted


def test_greedy_guarantees_a_half_and_no_more() -> None:
    table = [[1, 0.99], [0.99, 0]]
    assert solve_auction(table, "greedy").welfare == pytest.approx(1.0)
    assert solve_auction(table, "optimal").welfare == pytest.approx(1.98)
    generator = np.random.default_rng(2)
    for _ in range(50):
        values = generator.random((6, 4)) ** 3
        greedy, best = solve_auction(values, "greedy").welfare, solve_auction(values, "optimal").welfare
        assert best / 2 <= greedy <= best + 1e-12


def test_core_payments_of_two_small_bidders_against_a_large_one() -> None:
    table, bundles = [[10, 0, 0], [0, 10, 0], [0, 0, 12]], [[0], [1], [0, 1]]
    assert solve_auction(table, "vcg", bundles=bundles).payments == [2, 2, 0]  # less than the large one would pay
    assert solve_auction(table, "vcg_nearest", bundles=bundles).payments == pytest.approx([6, 6, 0])


@pytest.mark.parametrize("seed", range(6))
def test_core_payments_leave_no_coalition_an_objection(seed: int) -> None:
    """Every set of bidders, by trying them, would pay the seller no more than it gets."""
    generator = np.random.default_rng(seed)
    bundles = [[0], [1], [2], [0, 1], [1, 2], [0, 1, 2]]
    values = np.round(generator.random((4, 6)) * np.array([len(one) ** 1.2 for one in bundles]) * 10, 2)
    values *= generator.random(values.shape) < 0.6
    nearest, vcg = (solve_auction(values, name, bundles=bundles) for name in ("vcg_nearest", "vcg"))
    paid, worth = np.array(nearest.payments), np.zeros(4)
    for bidder, won in enumerate(nearest.winners):
        if won is not None:
            worth[bidder] = values[bidder, bundles.index(won)]
    assert nearest.welfare == pytest.approx(best_welfare(values, bundles))
    assert (paid >= np.array(vcg.payments) - 1e-6).all() and (paid <= worth + 1e-6).all()
    for size in range(1, 5):
        for coalition in itertools.combinations(range(4), size):
            gains = sum(worth[bidder] - paid[bidder] for bidder in coalition)
            assert paid.sum() >= best_welfare(values[list(coalition)], bundles) - gains - 1e-5


@pytest.mark.parametrize("one_each", [True, False])
@pytest.mark.parametrize("shape", [(7, 3), (60, 40), (400, 150)])
def test_matching_is_that_of_sorting_all_pairs(shape: tuple[int, int], one_each: bool) -> None:
    generator = np.random.default_rng(3)
    score = np.round(generator.random(shape), 2)  # many are equal
    score[generator.random(shape) < 0.3] = -np.inf
    demand, capacity = 0.1 + 0.4 * generator.random(shape[0]), 0.5 + 0.5 * generator.random(shape[1])
    found = match_pairs(score, demand, capacity, one_each)
    expected, left, used = np.full(shape[0], -1), capacity.copy(), np.zeros(shape[1], dtype=int)
    for value, i, j in sorted((-score[i, j], i, j) for i in range(shape[0]) for j in range(shape[1])):
        if np.isfinite(value) and expected[i] < 0 and left[j] >= demand[i] and not (one_each and used[j]):
            expected[i] = j
            left[j] -= demand[i]
            used[j] += 1
    np.testing.assert_array_equal(found, expected)


def test_packing_is_the_best_one() -> None:
    generator = np.random.default_rng(4)
    values, demand, capacity = generator.random((5, 2)), 0.2 + 0.3 * generator.random(5), np.array([0.8, 0.6])
    allowed = demand[:, None] <= capacity
    found = best_packing(values, demand, capacity, allowed, gap=0.0)
    best = 0.0
    for chosen in itertools.product((-1, 0, 1), repeat=5):
        load = [sum(demand[i] for i in range(5) if chosen[i] == j) for j in range(2)]
        if load[0] <= 0.8 and load[1] <= 0.6:
            best = max(best, sum(values[i, j] for i, j in enumerate(chosen) if j >= 0))
    assert sum(values[i, j] for i, j in enumerate(found) if j >= 0) == pytest.approx(best)
    np.testing.assert_allclose(
        reachable_load(np.array([1 / 3, 2 / 3, 1 / 3]), np.array([0.5, 0.9, 1.4])), [1 / 3, 2 / 3, 4 / 3]
    )
    with pytest.raises(ValueError, match="capacity_optimal has 250,000 pairs"):
        best_packing(np.ones((500, 500)), np.ones(500), np.ones(500), np.ones((500, 500), dtype=bool), gap=0.1)


def test_an_assignment_is_the_best_one() -> None:
    values = np.random.default_rng(5).random((30, 12))
    rows, columns = linear_sum_assignment(values, maximize=True)
    assert solve_auction(values, "optimal").welfare == pytest.approx(values[rows, columns].sum())


def auction(folder: Path, text: str, *options: str) -> Any:
    (folder / "v.csv").write_text(text)
    return CliRunner().invoke(app, ["auction", "--values", str(folder / "v.csv"), *options])


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_json_has_the_promised_keys(mechanism: str, tmp_path: Path) -> None:
    found = json.loads(auction(tmp_path, "5,3\n4,1\n2,2\n", "--mechanism", mechanism, "--json").stdout)
    assert set(found) == {"winners", "payments", "welfare"} and len(found["winners"]) == len(found["payments"]) == 3
    assert found["welfare"] == (9 if mechanism == "uniform" else 7)


def test_the_command(tmp_path: Path) -> None:
    shown = auction(tmp_path, "10,6,1\n8,5\n4\n", "--units", "3")
    assert shown.exit_code == 2 and "line 2: 2 numbers where the first row has 3" in " ".join(shown.stderr.split())
    assert "welfare 24, revenue 13" in auction(tmp_path, "10,6,1\n8,5,\n4,,\n", "--units", "3").stdout
    options = ("--bundles", "0,1,0+1", "--mechanism", "vcg_nearest", "--json")
    found = json.loads(auction(tmp_path, "10,0,0\n0,10,0\n0,0,12\n", *options).stdout)
    assert found["winners"] == [[0], [1], None] and found["payments"] == pytest.approx([6, 6, 0])


def test_no_bids_and_one_bidder_for_everything(tmp_path: Path) -> None:
    for mechanism in MECHANISMS:
        found = json.loads(auction(tmp_path, "0,0\n0,0\n", "--mechanism", mechanism, "--json").stdout)
        assert found["welfare"] == 0 and found["payments"] == [0, 0]
        alone = json.loads(auction(tmp_path, "5,3\n", "--mechanism", mechanism, "--json").stdout)
        assert alone["welfare"] == (8 if mechanism == "uniform" else 5)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("5,nan\n", (), "values: bidder 0, column 1 (counted from 0) has nan: use a finite number of at least 0"),
        ("5,-1\n", (), "values: bidder 0, column 1 (counted from 0) has -1"),
        ("5,\n", (), "v.csv, line 1, column 2: '' is no number"),
        ("5,1\n", ("--mechanism", "english"), "unknown mechanism 'english': one of vcg, vcg_nearest"),
        ("5,1\n", ("--units", "0"), "units is 0: use a whole number of at least 1"),
        ("1,5\n", ("--units", "2"), "bidder 0 (counted from 0) values unit 2 at 5, more than the one before at 1"),
        ("5,1\n", ("--bundles", "0"), "bundles: 1 given for 2 columns: give one for each"),
        ("5,1\n", ("--bundles", "0,a"), "--bundles: '0,a' is no list of bundles"),
        ("5,1\n", ("--bundles", "0,1", "--units", "1"), "give one of the two"),
    ],
)
def test_bad_input_gets_one_sentence(text: str, options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    result = auction(tmp_path, text, *options)
    assert result.exit_code == 2 and not result.stdout
    assert says in " ".join(result.stderr.split()) and "Traceback" not in result.output
