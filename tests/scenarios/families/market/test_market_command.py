"""``fairwave market``: what it prints, and one sentence for each thing that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenarios import load, run
from scenarios.cli.main import app  # type: ignore[attr-defined]

KEYS = {"prices", "shares", "utilities", "gap", "deviation_gain", "rounds", "converged"}


def market(folder: Path, weights: str, *options: str) -> Any:
    (folder / "w.csv").write_text(weights)
    return CliRunner().invoke(app, ["market", "--weights", str(folder / "w.csv"), *options])


def test_json_has_the_promised_keys(tmp_path: Path) -> None:
    result = market(tmp_path, "4,1\n2,3\n1,5\n", "--budgets", "5,2,1", "--json")
    found = json.loads(result.stdout)
    assert set(found) == KEYS
    assert found["prices"] == pytest.approx([5, 3]) and found["converged"] is True
    assert found["utilities"] == pytest.approx([4, 2, 5 / 3])


def test_supply_reserve_utility_and_mechanism(tmp_path: Path) -> None:
    options = ("--budgets", "1,2", "--supply", "2,1", "--reserve", ".2,3", "--utility", "linear", "--json")
    assert json.loads(market(tmp_path, "2,1\n1,3\n", *options).stdout)["prices"] == pytest.approx([1, 3])
    options = ("--budgets", "1,2", "--utility", "ces:.5", "--mechanism", "tatonnement", "--json")
    found = json.loads(market(tmp_path, "2,1\n1,3", *options).stdout)
    assert set(found) == {*KEYS, "radius"} and 0 <= found["radius"] < 1e-3
    assert found["prices"] == pytest.approx([1.162313874092, 1.837686125908], rel=1e-6)


def test_the_table_says_whether_it_settled(tmp_path: Path) -> None:
    text = market(tmp_path, "5,1\n1,3\n", "--budgets", "3,1", "--mechanism", "trading_post", "--rounds", "3").stdout
    assert "not converged after 3 rounds" in text and "share of UE 1" in text
    assert "settled after" in market(tmp_path, "5,1\n1,3\n", "--budgets", "3,1").stdout


def test_a_base_station_without_bids_or_without_supply(tmp_path: Path) -> None:
    for mechanism in ("competitive", "trading_post", "proportional_response", "tatonnement", "bargaining"):
        options = ("--budgets", "1,2", "--mechanism", mechanism, "--reserve", ".1,.5,.1", "--supply", "1,1,0", "--json")
        found = json.loads(market(tmp_path, "2,0,1\n1,0,3\n", *options).stdout)
        assert [row[1:] for row in found["shares"]] == [[0, 0], [0, 0]], mechanism
        nothing = market(tmp_path, "0,0\n0,0\n", "--budgets", "1,2", "--mechanism", mechanism, "--json")
        assert json.loads(nothing.stdout)["utilities"] == [0, 0], mechanism


@pytest.mark.parametrize(
    ("weights", "options", "says"),
    [
        ("2,1\n4,1\n", ("--budgets", "2,0"), "budgets: UE 1 (counted from 0) has 0: use a finite number above 0"),
        ("2,1\n4,1\n", ("--budgets", "-2,1"), "budgets: UE 0 (counted from 0) has -2"),
        ("2,1\n4,1\n", ("--budgets", "2"), "budgets: 1 given for 2 UEs: give one for each"),
        ("2,1\n4,1\n", ("--budgets", "2,x"), "--budgets, entry 2: 'x' is no number"),
        ("2,1\n4,nan\n", ("--budgets", "2,1"), "weights: UE 1, base station 1 (counted from 0) has nan"),
        ("2,1\n4,-1\n", ("--budgets", "2,1"), "weights: UE 1, base station 1 (counted from 0) has -1"),
        ("2,1\n4,-1,3\n", ("--budgets", "2,1"), "line 2: 3 numbers where the first row has 2"),
        ("2,1\na,1\n", ("--budgets", "2,1"), "w.csv, line 2, column 1: 'a' is no number"),
        ("", ("--budgets", "2,1"), "w.csv: the file is empty"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--supply", "1,-1"), "supply: base station 1 (counted from 0) has -1"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--reserve", "-.5,1"), "reserve: base station 0 (counted from 0) has -0.5"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--utility", "ces:2"), "rho of a CES utility is 2"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--utility", "ces:"), "utility: rho of 'ces:' is no number"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--utility", "cobb"), "unknown utility 'cobb': one of linear, log"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--mechanism", "auction"), "unknown mechanism 'auction': one of compet"),
        ("2,1\n4,1\n", ("--budgets", "2,1", "--rounds", "0"), "rounds is 0: use a whole number of at least 1"),
        ("2\n", ("--budgets", "2", "--mechanism", "trading_post"), "base station 0 (counted from 0) has one bidder"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path: Path, weights: str, options: tuple[str, ...], says: str) -> None:
    result = market(tmp_path, weights, *options)
    assert result.exit_code == 2 and not result.stdout
    assert says in " ".join(result.stderr.split()) and "Traceback" not in result.output


def test_a_missing_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["market", "--weights", str(tmp_path / "none.csv"), "--budgets", "1"])
    assert result.exit_code == 2 and "none.csv: cannot be read" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("market.links", 9, "links is 9 and base_stations 5"),
        ("market.rho", 2, "market.rho"),
        ("market.reserve", -1, "market.reserve"),
        ("market.supply", 0, "market.supply"),
        ("on_infeasible", "repair", "of a market, no decision is repaired"),
    ],
)
def test_settings_out_of_range(setting: str, value: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load("market-random", **{setting: value})


def test_a_run_tells_mechanisms_apart(tmp_path: Path) -> None:
    result = run("market-random", ["competitive", "trading_post", "max_weight"], drops=2, duration_s=0.2, plots=False,
                 out=tmp_path / "run", progress=False)  # fmt: skip
    mean = result.metrics.pivot_table(index="allocator", columns="metric", values="mean")
    assert mean.loc["competitive", "nash_ratio"] > 0.999 > mean.loc["trading_post", "nash_ratio"] > 0.9
    assert mean.loc["max_weight", "welfare_ratio"] == pytest.approx(1.0) and mean.loc["max_weight", "nash_ratio"] < 1e-9
    assert mean.loc["competitive", "budget_spent"] == pytest.approx(1.0)
    assert mean.loc["trading_post", "envy_freeness"] >= 0.828
