"""Slices, handovers and the market of city-evening at once: they conserve, keep their rules, refuse bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden_runs import SHORT

from allocators.registry import resolve
from mac.comp.problem import CompProblem
from phy.random import Drops
from scenarios import ScenarioError, families, load

CPU = torch.device("cpu")
SMALL = {**SHORT["city-evening"], "comp.interval_s": 0.01, "slicing.interval_s": 0.02}
INTERVALS = 4


def problem(drops: tuple[int, ...] = (0,), **changes: Any) -> CompProblem:
    made = families.find("comp").build(
        load("city-evening", **{**SMALL, **changes}), Drops(1, drops), CPU, torch.float64
    )
    assert isinstance(made, CompProblem)
    return made


def play(made: CompProblem, allocator: str = "equal_share") -> list[tuple[Any, Any]]:
    """Observation and outcome of each market."""
    seller = resolve(allocator, "comp", {})
    seller.reset(made.context, 1)
    state, found = made.start(), []
    for _ in range(INTERVALS):
        seen = made.observe(state)
        state, outcome = made.step(state, seller.decide(seen))
        found.append((seen, outcome))
    return found


@pytest.fixture(scope="module")
def evening() -> list[tuple[Any, Any]]:
    return play(problem((0, 1)))


def test_cells_sell_no_prb_that_a_slice_keeps_and_slices_go_without_in_proportion(
    evening: list[tuple[Any, Any]],
) -> None:
    made, sold_any = problem(), False
    prbs, kept = made.engine.prbs, torch.tensor([0, 2, 1])  # dedicated 0, 12 and 4 % of 12 PRBs, rounded up together
    for seen, outcome in evening:
        sold, left, quota = (outcome.extras[name] for name in ("sold", "slice_prbs", "rbg"))
        assert bool((seen.supply <= prbs - kept.sum()).all()) and bool((left >= kept).all())
        whole = (sold + 1e-6).floor().long()  # shares are sold, and their whole part is dealt out
        lost = (quota - left).sum(-1)
        assert torch.equal(lost, (whole - (prbs - quota.sum(-1))).clamp(min=0))
        exact = lost[..., None] * (quota - kept) / (quota - kept).sum(-1, keepdim=True)
        assert bool((((quota - left) - exact).abs() < 1.0).all())
        sold_any |= bool((lost > 0).any())
    assert sold_any


def test_quotas_change_at_reports_alone_and_follow_demand(evening: list[tuple[Any, Any]]) -> None:
    quotas = [outcome.extras["rbg"] for _, outcome in evening]
    assert torch.equal(quotas[0], quotas[1]) and torch.equal(quotas[2], quotas[3])
    assert not torch.equal(quotas[1], quotas[2])


def test_a_drop_is_the_same_alone_and_beside_another_one(evening: list[tuple[Any, Any]]) -> None:
    for (seen, outcome), (alone, its) in zip(evening, play(problem((1,))), strict=True):
        for name in ("sold", "slice_prbs", "other_cell_bits", "paid", "serving_sinr_db"):
            assert torch.equal(outcome.extras[name][1:], its.extras[name]), name
        assert torch.equal(seen.supply[1:], alone.supply) and torch.equal(outcome.served_bits[1:], its.served_bits)


def test_a_slice_that_keeps_the_whole_carrier_leaves_nothing_to_sell() -> None:
    dedicated = {"embb": 50, "urllc": 30, "mmtc": 20}
    policies = {name: {"dedicated": share, "minimum": share, "maximum": 100} for name, share in dedicated.items()}
    found = play(problem(**{"slicing.policy_params.policies": policies}))
    assert all(float(seen.supply.sum()) == 0 for seen, _ in found)
    assert sum(float(outcome.extras["other_cell_bits"].sum()) for _, outcome in found) == 0


def test_slices_may_name_users_without_having_quotas() -> None:
    whole = {key: value for key, value in SMALL.items() if not key.startswith("slicing")}
    scenario = load("city-evening", **{**whole, "slicing": None, "comp.mode": "none"})
    family = families.find("comp")
    made = family.build(scenario, Drops(1, (0,)), CPU, torch.float64)
    labels = family.labels(scenario, made).coordinates
    assert labels["slice_name"][1].tolist() == ["embb", "urllc", "mmtc"]
    assert labels["slice_id"][1][:4].tolist() == [0, 0, 1, 2] and not made.engine.slice_id.any()
    assert labels["service"][1][:4].tolist() == ["embb", "embb", "urllc", "mmtc"]
    assert "rbg" not in made.array_specs


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"users.car.slice": "ebb"}, "users.1.slice is 'ebb'; did you mean 'embb'?"),
        ({"users.car.slice": None}, "users.1.slice is missing, but slicing is given"),
        ({"users.car.slice": None, "slicing": None}, "users.1.slice is missing; name the slice of every group"),
        ({"users.meter.slice": "embb", "users.meter.service": "embb"}, "slicing.slices names 'mmtc', but no group"),
        ({"users.meter.service": "urllc"}, "users.3.service is 'urllc', but its slice 'mmtc' is of service 'mmtc'"),
        (
            {"slicing.min_rbg": 9},
            "3 slices that keep at least 9 RBGs each do not fit into 25 RBGs",
        ),
        (
            {"slicing.interval_s": 0.12},
            "slicing.interval_s is 0.12 s, but quotas can change only where",
        ),
        ({"slicing.policy": "equals"}, "slicing.policy 'equals'"),
        ({"slicing.policy_params.policies.embb.minimum": 80}, "slicing.policy 'rrm_policy'"),
        ({"slicing.policy_params.policies.gold": {"maximum": 5}}, "policies names the slice 'gold'"),
        ({"comp.cluster_size": 1}, "a cell alone cannot coordinate"),
        ({f"users.{name}.budget": 0 for name in ("foot", "car", "control")}, "every group's budget is 0"),
        ({"on_infeasible": "repair"}, "no trade is repaired"),
    ],
)
def test_bad_input_gets_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario = load("city-evening", **changes)
        family = families.find("comp")
        family.clock(scenario)
        family.check(scenario)
    said = str(refused.value)
    assert words in said and "\n" not in said and "Traceback" not in said, said
