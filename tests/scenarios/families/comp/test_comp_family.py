"""The family comp: mechanisms keep the contract, markets of outages conserve, bad input gets one sentence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden_runs import SHORT

from allocators.registry import resolve
from mac.comp import CompObservation
from mac.comp.problem import CompProblem, CompState
from mac.engine.radio.comp import cluster_report
from phy.random import Drops
from scenarios import ScenarioError, families, load

CPU = torch.device("cpu")
SMALL = {
    **SHORT["comp-corner"],
    "comp.interval_s": 0.02,
    "duration_s": 0.06,
    "window_s": 0.02,
    "channel.update_s": 0.02,
}


def problem(**changes: Any) -> CompProblem:
    scenario = load("comp-corner", **{**SMALL, **changes})
    made = families.find("comp").build(scenario, Drops(1, (0,)), CPU, torch.float64)
    assert isinstance(made, CompProblem)
    return made


def play(made: CompProblem, allocator: str, intervals: int = 3) -> tuple[list[CompObservation], list[Any], CompState]:
    seller = resolve(allocator, "comp", {})
    seller.reset(made.context, 1)
    state, seen, outcomes = made.start(), [], []
    for _ in range(intervals):
        seen.append(made.observe(state))
        state, outcome = made.step(state, seller.decide(seen[-1]))
        outcomes.append(outcome)
    return seen, outcomes, state


def test_ues_in_outage_buy_from_other_cells_of_their_cluster_alone() -> None:
    made = problem()
    seen, outcomes, _ = play(made, "trading_post")
    for market in seen:
        assert bool((market.budgets[~market.outage] == 0).all())
        assert bool((market.weights[market.cells == market.serving[..., None]] == 0).all())
        assert int((market.weights > 0).sum(-1).max()) <= made.settings.cluster_size - 1
    other = torch.stack([outcome.totals.by_name()["other_cell_prbs"] for outcome in outcomes])
    outage = torch.stack([market.outage for market in seen])
    assert float(other[outage].sum()) > 0 and float(other[~outage].sum()) == 0
    bits = torch.stack([outcome.extras["other_cell_bits"] for outcome in outcomes])
    served = torch.stack([outcome.served_bits for outcome in outcomes])
    assert float(bits.sum()) > 0 and bool((bits <= served + 1e-6).all())


def test_a_ue_whose_handover_interrupts_it_is_served_by_other_cells() -> None:
    """Weak UEs lose their cells at a measurement and have none for the rest of the run."""
    lost = {"handover.qout_db": 10, "handover.qin_db": 10, "handover.t310_ms": 0, "handover.qout_window_ms": 0}
    made = problem(**lost, **{"handover.reestablishment_ms": 1000, "comp.interval_s": 0.02})
    seen, outcomes, state = play(made, "equal_share")
    assert state.cells.attached.served_from_slot is not None
    gone = state.cells.attached.served_from_slot > state.cells.slot
    assert int(gone.sum()) >= 3 and bool(seen[-1].outage[gone].all())
    other, served = outcomes[-1].extras["other_cell_bits"], outcomes[-1].served_bits
    assert float(served[gone].sum()) > 0 and torch.allclose(other[gone], served[gone])
    granted = outcomes[-1].totals.by_name()["granted_prbs"]
    assert torch.equal(granted[gone], outcomes[-1].totals.by_name()["other_cell_prbs"][gone])


def test_outages_do_not_depend_on_the_mechanism_and_without_comp_nothing_is_bought() -> None:
    one, outcomes, _ = play(problem(), "no_comp")
    other, _, _ = play(problem(), "equal_share")
    for here, there in zip(one, other, strict=True):
        assert torch.equal(here.outage, there.outage) and torch.equal(here.weights, there.weights)
    assert sum(float(outcome.extras["other_cell_bits"].sum()) for outcome in outcomes) == 0


def test_mode_none_has_nothing_to_sell() -> None:
    seen, outcomes, _ = play(problem(**{"comp.mode": "none"}), "max_rate")
    assert all(float(market.supply.sum()) == 0 for market in seen)
    assert sum(float(outcome.extras["other_cell_bits"].sum()) for outcome in outcomes) == 0


@pytest.mark.parametrize("mode", ["dynamic_point_selection", "dynamic_point_blanking", "non_coherent", "coherent"])
def test_every_mode_serves_buyers(mode: str) -> None:
    made = problem(**{"comp.mode": mode})
    _, outcomes, state = play(made, "equal_share")
    assert sum(float(outcome.extras["other_cell_bits"].sum()) for outcome in outcomes) > 0
    assert made.context.prbs == cluster_report(state.cells.reports[0]).bits.shape[-1]


def test_static_clusters_sell_within_a_cluster() -> None:
    made = problem(**{"comp.clusters": [[0, 1, 2], [0, 3, 4], [0, 5, 6]]})
    seen, _, _ = play(made, "equal_share", 1)
    market, together = seen[0], made.settings.together(7, CPU)
    assert together is not None
    home = market.serving[..., None].expand_as(market.cells)
    assert bool(together[home, market.cells][market.weights > 0].all())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"comp.most_sold": 0.01}, "no cell has a PRB to sell"),
        ({"comp.cluster_size": 1}, "a cell alone cannot coordinate"),
        ({"comp.clusters": [[0, 1], [2]]}, "clusters.1 has one cell"),
        ({"comp.clusters": [[0, 7]]}, "comp.clusters.0 names the cell 7; there are 0 to 6"),
        ({"comp.most_nulls": 4}, "comp.most_nulls is 4, but a cell of 4 ports can spare 3 UEs"),
        ({"comp.cluster_size": 6}, "users know the channels of 5 cells"),
        ({"mimo.ue.ports": 2, "mimo.ue.columns": 2}, "comp sends to users of one port"),
        ({"mimo": None}, "mimo is missing"),
        ({"users.car.budget": -1}, "greater than or equal to 0"),
        ({"users.car.budget": 0, "users.foot.budget": 0}, "every group's budget is 0"),
        ({"on_infeasible": "repair"}, "no trade is repaired"),
        ({"comp.interval_s": 0.0205}, "no whole number of slots"),
        ({"comp.scheduler": "no_such"}, "comp.scheduler 'no_such'"),
        ({"carrier.direction": "uplink", "blockage": []}, "set it to downlink"),
    ],
)
def test_bad_input_gets_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario = load("comp-corner", **changes)
        family = families.find("comp")
        family.clock(scenario)
        family.check(scenario)
    assert words in str(refused.value), str(refused.value)
