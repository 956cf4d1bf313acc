"""Rounds of auctions: the published run exactly, utilities against plain loops, prices, traces, bad input."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from allocators.registry import resolve
from mac.auction import AuctionContext, AuctionDecision, AuctionObservation
from mac.auction.feasible import require_auction_decision
from mac.auction.scoring import allowed_pairs, asked_price, pair_utility
from mac.core.contracts import InfeasibleDecision
from mac.traffic.trace_paths import resolve as find_files
from phy.random import Drops
from scenarios import families, load, run

families.find("auction")
try:
    find_files(("google2011/part-00000-of-00500.csv.gz",))
    NO_TRACE = False
except ValueError:
    NO_TRACE = True
needs_trace = pytest.mark.skipif(
    NO_TRACE, reason="Google cluster data 2011 is neither in $FAIRWAVE_DATA nor in ../shared/data"
)


def problem(scenario: Any, drops: tuple[int, ...] = (0,)) -> Any:
    built = families.find("auction").build(scenario, Drops(1, drops), torch.device("cpu"), torch.float64)
    return built


def synthetic(**changes: Any) -> Any:
    return load("auction-synthetic", **changes)


def one_round(name: str, scenario: Any, **params: Any) -> tuple[Any, Any, Any]:
    """Observation, decision and outcome of the first round."""
    built, allocator = problem(scenario), resolve(name, "auction", params)
    allocator.reset(built.context, 0)
    state = built.start()
    seen = built.observe(state)
    decision = allocator.decide(seen)
    return seen, decision, built.step(state, decision)[1]


def published(**changes: Any) -> Any:
    settings = {"auction.mode": "as-published", "duration_s": 1, "variants": {}, **changes}
    return load("auction-google2011", **settings)


def numbers(outcome: Any) -> tuple[float, float, float]:
    """Efficiency, revenue, Jain's index over winners."""
    score, served = outcome.extras["score"][0], outcome.extras["served"][0] > 0
    won = score[served]
    jain = float(won.sum() ** 2 / (len(won) * won.square().sum()))
    return float(score.sum()) / len(score), float(outcome.extras["revenue"]), jain


@needs_trace
def test_the_published_run_of_mohaf() -> None:
    _, decision, outcome = one_round("mohaf", published())
    assert int(outcome.extras["feasible_bids"]) == 2_168_331
    assert int((decision.resource >= 0).sum()) == 888 and decision.resource.shape == (1, 3553)
    efficiency, revenue, jain = numbers(outcome)
    assert (round(efficiency, 5), round(revenue, 4), round(jain, 5)) == (0.26251, 56.6645, 0.99972)


@needs_trace
def test_the_published_run_with_the_weights_that_its_text_states() -> None:
    weights = {f"auction.utility.{name}": value for name, value in
               zip(("cost", "quality", "energy", "priority"), (0.4, 0.3, 0.1, 0.2), strict=True)}  # fmt: skip
    efficiency, revenue, _ = numbers(one_round("mohaf", published(**weights))[2])
    assert (round(efficiency, 5), round(revenue, 2)) == (0.26862, 44.53)


@needs_trace
def test_the_published_rows_of_the_baselines_follow_from_a_quarter_that_is_served() -> None:
    """Utilities of 0.74, uniform(.3, .8), uniform(.2, .6) times 888 of 3553; drawn ones vary by some thousandths."""
    served = 888 / 3553
    efficiency, revenue, jain = numbers(one_round("greedy", published())[2])
    assert efficiency == pytest.approx(0.74 * served) and round(efficiency, 3) == 0.185
    assert round(revenue, 2) == 161.56 and jain == pytest.approx(1.0)
    efficiency, revenue, jain = numbers(one_round("first_price", published())[2])
    assert efficiency == pytest.approx(0.55 * served, abs=0.004) and efficiency == pytest.approx(0.138, abs=0.004)
    assert round(revenue, 2) == 161.56 and jain == pytest.approx(0.935, abs=0.005)
    efficiency, _, jain = numbers(one_round("random_order", published())[2])
    assert efficiency == pytest.approx(0.40 * served, abs=0.003) and jain == pytest.approx(0.923, abs=0.005)


@needs_trace
@pytest.mark.parametrize(
    ("name", "efficiency"),
    [("mohaf", 0.2625), ("optimal", 0.2625), ("first_price", 0.2431), ("greedy", 0.2431), ("random_order", 0.2435)],
)
def test_one_utility_for_all_brings_the_mechanisms_together(name: str, efficiency: float) -> None:
    found, _, _ = numbers(one_round(name, published(**{"auction.claimed_scores": False}))[2])
    assert found == pytest.approx(efficiency, abs=3e-4 if name == "random_order" else 6e-5)


@needs_trace
def test_the_trace_on_the_common_metric(tmp_path: Path) -> None:
    scenario = load("auction-google2011", variants={}, duration_s=4, **{"auction.requests": 100})
    result = run(scenario, out=tmp_path / "run", plots=False, progress=False)
    mean = result.metrics.pivot_table(index="allocator", columns="metric", values="mean")
    best = mean.loc["capacity_optimal", "auction_efficiency"]
    for name in mean.index:
        assert 0 < mean.loc[name, "auction_efficiency"] <= best * 1.02
        assert mean.loc[name, "jain_requesters"] <= mean.loc[name, "auction_served"] + 1e-9
    assert mean.loc["one-auction", "auction_efficiency"] > mean.loc["first_price", "auction_efficiency"]


@pytest.mark.parametrize("as_published", [True, False])
def test_utilities_against_plain_loops(as_published: bool) -> None:
    built = problem(synthetic(), (0, 3))
    context, seen = replace(built.context, as_published=as_published), built.observe(built.start())
    utility, allowed, asked = pair_utility(seen, context), allowed_pairs(seen), asked_price(seen)
    for drop, i, j in ((0, 0, 0), (0, 7, 20), (1, 99, 3), (1, 50, 24)):
        d, budget = float(seen.demand[drop, i]), float(seen.budget[drop, i])
        cost = float(seen.unit_cost[drop, j]) * d
        distance = math.dist(seen.position_m[drop, j].tolist(), seen.request_position_m[drop, i].tolist())
        quality = (float(seen.reliability[drop, j]) + float(seen.availability[drop, j])) / 2
        quality += max(0.0, 1 - distance / 200) / 2
        parts = [max(0.0, 1 - cost / budget), quality, float(seen.energy[drop, j]), float(seen.priority[drop, i]) / 10]
        parts[1] /= 1 if as_published else 1.5
        expected = sum(weight * part for weight, part in zip((0.3, 0.3, 0.2, 0.2), parts, strict=True))
        assert float(utility[drop, i, j]) == pytest.approx(expected)
        assert bool(allowed[drop, i, j]) == (float(seen.capacity[drop, j]) >= d and cost <= budget)
        assert float(asked[drop, i, j]) == pytest.approx(cost)
    if not as_published:
        assert float(utility.min()) >= 0 and float(utility.max()) <= 1


def test_prices_follow_utilisation() -> None:
    built, allocator = problem(synthetic()), resolve("first_price", "auction")
    allocator.reset(built.context, 0)
    state = built.start()
    decision = allocator.decide(built.observe(state))
    after, outcome = built.step(state, decision)
    seen = built.observe(state)
    used = torch.zeros(25, dtype=torch.float64)
    for request, resource in enumerate(decision.resource[0].tolist()):
        used[resource] += float(seen.demand[0, request]) if resource >= 0 else 0.0
    expected = 1 + 0.1 * (used / seen.capacity[0] - 0.75)
    np.testing.assert_allclose(after.price_factor[0].numpy(), expected.numpy())
    assert float(outcome.extras["price_factor"]) == pytest.approx(float(expected.mean()))
    nothing = replace(decision, resource=torch.full_like(decision.resource, -1), price=torch.zeros_like(decision.price))
    for _ in range(8):
        after, _ = built.step(after, nothing)
    assert float(after.price_factor.max()) == pytest.approx(0.5)  # no request buys: down to the least


CONTEXT = AuctionContext(Drops(1, (4,)), 2, 2, False, (0.3, 0.3, 0.2, 0.2), torch.device("cpu"))
HALF = torch.full((1, 2), 0.5, dtype=torch.float64)
SEEN = AuctionObservation(
    0, 2 * HALF, HALF, torch.zeros(1, 2, 2, dtype=torch.float64), HALF, HALF, HALF, 2 * HALF,
    torch.tensor([[0.6, 0.7]], dtype=torch.float64), torch.tensor([[9.0, 0.1]], dtype=torch.float64), HALF,
    torch.zeros(1, 2, 2, dtype=torch.float64), 0 * HALF, 0 * HALF, 9 * HALF,
)  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "price", "says"),
    [
        ([0, 2], [1.0, 0.0], "request 1 goes to resource 2: use 0 to 1, or -1 for none"),
        ([0, -1], [1.0, 0.5], "request 1 pays 0.5: at least 0, at most its budget 0.1, and 0 where it is not served"),
        ([0, -1], [10.0, 0.0], "request 0 pays 10"),
        ([0, -1], [float("nan"), 0.0], "request 0 pays nan"),
        ([-1, 0], [0.0, 0.1], "request 1 goes to resource 0, which is too small, too dear"),
    ],
)
def test_bad_decisions_are_refused(resource: list[int], price: list[float], says: str) -> None:
    decision = AuctionDecision(torch.tensor([resource]), torch.tensor([price], dtype=torch.float64))
    with pytest.raises(InfeasibleDecision, match=says):
        require_auction_decision(decision, SEEN, CONTEXT)


def test_more_than_a_resource_has() -> None:
    seen = replace(SEEN, budget=9 * HALF)
    decision = AuctionDecision(torch.tensor([[1, 1]]), torch.zeros(1, 2, dtype=torch.float64))
    with pytest.raises(InfeasibleDecision, match=r"resource 1 serves a demand of 1.3 with 1"):
        require_auction_decision(decision, seen, CONTEXT)
    small = replace(seen, demand=seen.demand / 4)
    with pytest.raises(InfeasibleDecision, match="resource 1 serves 2 requests; as published, one"):
        require_auction_decision(decision, small, replace(CONTEXT, as_published=True))
    with pytest.raises(InfeasibleDecision, match="must return an AuctionDecision"):
        require_auction_decision(None, seen, CONTEXT)


ROW = "0,,{job},{event},user,{kind},name,logical\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2,3\n", r"line 1: 3 columns where job_events of Google cluster data 2011 has 8"),
        (ROW.format(job=1, event=0, kind=1) + "0,,2,0,us", r"line 2: 5 columns where"),
        (ROW.format(job=1, event=4, kind=1), "no row has event type 0"),
        (ROW.format(job=1, event=0, kind="x"), r"line 1: scheduling class \(column 6\) is 'x'"),
        (ROW.format(job=1, event=0, kind=1), "auction.requests is 100, and the trace has 1 requests"),
    ],
)
def test_foreign_and_truncated_traces(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    scenario = load("auction-google2011", variants={}, duration_s=4, auction={"files": [str(tmp_path / "t.csv")]})
    with pytest.raises(ValueError, match=says):
        families.find("auction").check(scenario)


def test_a_cut_gzip_file(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(ROW.format(job=n, event=0, kind=n % 4).encode() for n in range(3000)))
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) // 2])
    scenario = load("auction-google2011", variants={}, auction={"files": [str(tmp_path / "t.csv.gz")]})
    with pytest.raises(ValueError, match=r"t\.csv\.gz"):
        families.find("auction").check(scenario)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"auction.mode": "as-published"}, "mode as-published is a run on a trace"),
        ({"auction.requests": 0}, "auction.requests"),
        ({"auction.utility": {"cost": 0, "quality": 0, "energy": 0, "priority": 0}}, "utility has weights 0 alone"),
        ({"auction.price.target": 2}, "auction.price.target"),
        ({"on_infeasible": "repair"}, "of an auction, no decision is repaired"),
    ],
)
def test_settings_out_of_range(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        synthetic(**changes)


def test_as_published_has_one_round() -> None:
    with pytest.raises(ValueError, match="mode as-published has one round and no warm-up; set duration_s to 1"):
        load("auction-google2011", variants={}, duration_s=3, **{"auction.mode": "as-published"})
