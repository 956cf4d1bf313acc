"""Scenarios on an uplink: both families, comparisons, motion, Sionna's air, estimates, and what is refused."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_cases import rotate
from torch.utils._python_dispatch import TorchDispatchMode

import scenarios
from mac.engine.engine import Engine
from mac.engine.radio.uplink import Uplink
from mac.scheduling.observe import observe
from phy.random import Drops
from scenarios import families, load
from scenarios.errors import ScenarioError
from scenarios.running.plan import make_plan

run = functools.partial(scenarios.run, progress=False, plots=False)
UPLINK = {"carrier.direction": "uplink"}
MACRO: dict[str, Any] = {
    "drops": 2,
    "duration_s": 0.1,
    "warmup_s": 0,
    "window_s": 0.05,
    "topology": {"sites": 1, "wrap_around": False},
    "carrier.prbs": 12,
    "users.always.count": 3,
}
MOBILE: dict[str, Any] = {
    **UPLINK,
    "drops": 2,
    "duration_s": 0.4,
    "warmup_s": 0,
    "carrier.prbs": 6,
    "topology": {"sites": 7, "sectors": 1, "isd_m": 200, "min_distance_m": 10},
    "users.foot.count": 0,
    "users.bicycle.count": 0,
    "users.car.count": 2,
    "allocators": ["round_robin"],
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def built(source: str, **change: Any) -> Engine:
    scenario = load(source, **change)
    problem = families.find(scenario.family).build(scenario, Drops(1, (0, 1)), torch.device("cpu"), torch.float32)
    assert isinstance(problem.engine.radio, Uplink)
    return problem.engine


def test_an_uplink_leaves_its_powers_and_its_interference() -> None:
    result = run("uplink-macro", out="out", **MACRO)
    found = {(row.allocator, row.metric): row.mean for row in result.metrics.itertuples()}
    for allocator in ("round_robin", "proportional_fair"):
        assert found[allocator, "rate_mean"] > 0.1
        assert -20 < found[allocator, "transmit_power"] <= 23.0
        assert found[allocator, "interference_over_thermal"] > 0
        assert 0 <= found[allocator, "limited_share"] <= 1
        assert found[allocator, "user_energy_per_bit"] > 0
    windows = result.to_xarray("round_robin")
    assert (windows["sent_prbs"] <= windows["granted_prbs"]).all()
    watts = windows["transmit_j"].sum("window") / (windows["sent_slots"].sum("window") * 1e-3)
    assert float(watts.max()) <= 10 ** (23 / 10) / 1e3 * (1 + 1e-6)


def test_cells_that_listen_radiate_nothing() -> None:
    """What they draw is the static part; asleep in slots in which no user sends, if they may sleep."""
    windows = run("uplink-macro", out="out", **MACRO).to_xarray("round_robin")
    np.testing.assert_allclose(windows["energy_j"], 3 * 2 * 130.0 * 0.05, rtol=1e-5)
    change = {**MACRO, "users.always.traffic": {"model": "constant_bit_rate", "rate_bps": 1e4}, "power.sleeps": True}
    asleep = run("uplink-macro", out="asleep", **change).to_xarray("round_robin")
    assert float(asleep["energy_j"].max()) < 3 * 2 * 100.0 * 0.05


def test_slices_share_an_uplink() -> None:
    short = {"drops": 1, "duration_s": 0.25, "warmup_s": 0.25, "allocators": ["equal"]}
    result = run("slicing-quickstart", out="out", **UPLINK, **short)
    windows = result.to_xarray("equal")
    assert float(windows["served_bits"].sum()) > 1e5 and float(windows["transmit_j"].sum()) > 0
    again = run("slicing-quickstart", out="down", **short).to_xarray("equal")
    for name in ("demand_bits", "serving"):  # the same traffic and cells
        np.testing.assert_array_equal(windows[name].to_numpy(), again[name].to_numpy())
    assert "transmit_j" not in again


@pytest.mark.parametrize("source", ["uplink-macro", "slicing-quickstart"])
def test_results_do_not_depend_on_batches_or_on_what_else_runs(source: str) -> None:
    sliced = {**UPLINK, "drops": 2, "duration_s": 0.25, "warmup_s": 0, "allocators": ["equal", "max_weight"]}
    change = MACRO if source == "uplink-macro" else sliced
    names = [spec.label for spec in load(source, **change).allocators]
    assert make_plan(load(source, **change)).parts[0].copies == len(names), "they run side by side"
    both = run(source, out="both", **change)
    alone = run(source, out="alone", **{**change, "drops_per_batch": 1, "allocators": names[1:2]})
    assert both.to_xarray(names[1]).equals(alone.to_xarray(names[1]))


def test_the_power_of_users_that_move_follows_the_cell_that_serves_them() -> None:
    tested = built("mobility-macro", **MOBILE)
    plan, serving_plan = tested.parts.uplink, tested.parts.serving_plan
    assert plan is not None and serving_plan is not None
    fading: Any = tested.parts.channel.fading
    for row, moving_drop in enumerate(fading.moving_drops):
        snr = list(moving_drop.snr(range(0, 400, plan.period_slots)))
        for number in (0, 5, 9):
            own = snr[number].gather(-1, serving_plan.serving[row, number][:, None])[:, 0]
            loss = 10 * (tested.parts.carrier.snr_at_unit_gain / own).log10()
            torch.testing.assert_close(plan.path_loss_db[number, row], loss)
    assert len(plan.path_loss_db) == serving_plan.serving.shape[1] == 10
    assert not torch.equal(tested.radio.powers.open_loop(0), tested.radio.powers.open_loop(399))
    assert torch.equal(tested.radio.powers.open_loop(10_000), tested.radio.powers.open_loop(399))


def test_users_move_change_their_cells_and_are_blocked() -> None:
    corner = {"model": "scripted", "events": [{"loss_db": 25, "start_s": 0.2, "transition_s": 0.1, "cells": [0]}]}
    result = run(
        "mobility-macro", out="out", **{**MOBILE, "allocators": ["round_robin", "max_rate"]}, blockage=[corner]
    )
    windows = result.to_xarray("round_robin")
    assert float(windows["served_bits"].sum()) > 0 and float(windows["handovers"].sum()) > 0
    alone = run("mobility-macro", out="alone", **{**MOBILE, "drops_per_batch": 1}, blockage=[corner])
    assert windows.equals(alone.to_xarray("round_robin"))


def test_it_runs_on_the_air_of_sionna() -> None:
    pytest.importorskip("sionna")
    change = {**MACRO, "drops": 1, "channel.provider": "sionna", "carrier.prbs": 4, "users.always.count": 1}
    windows = run("uplink-macro", out="out", **change).to_xarray("round_robin")
    assert float(windows["served_bits"].sum()) > 0


class _NothingIsReadBack(TorchDispatchMode):
    """Refuses every operation for which a GPU would have to be waited for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket.__name__ not in ("_local_scalar_dense", "nonzero", "masked_select", "_to_copy_cpu")
        return func(*args, **(kwargs or {}))


def test_a_slot_reads_nothing_back() -> None:
    tested = built("uplink-macro", **MACRO)
    state = tested.start()
    for _ in range(3):
        observation = observe(tested, state)
        decision = rotate(observation)
        with _NothingIsReadBack():
            state, _ = tested.step(state, decision, observation.need_prbs)
            observe(tested, state)
    with pytest.raises(AssertionError), _NothingIsReadBack():
        bool(state.waiting_bytes.any())


def test_estimates_hold_for_uplinks() -> None:
    scenario, family = load("uplink-macro"), families.find("scheduling")
    down = load("scheduling-macro", **{"users.ftp.count": 5, "carrier.prbs": 25, "duration_s": 0.5, "warmup_s": 0.2})
    memory = [family.estimate_bytes(one, 2) - family.estimate_bytes(one, 1) for one in (scenario, down)]
    seconds = [family.estimate_seconds(one, 2) for one in (scenario, down)]
    assert memory[1] < memory[0] < 2 * memory[1] and 0.3 < seconds[0] / seconds[1] < 3
    moving = load("mobility-macro", **{**MOBILE, "duration_s": 60})
    more = family.estimate_bytes(moving, 2) - family.estimate_bytes(moving, 1)
    plain = moving.model_copy(update={"carrier": replace(moving.carrier, direction="downlink")})
    assert more > family.estimate_bytes(plain, 2) - family.estimate_bytes(plain, 1)


@pytest.mark.parametrize(
    ("source", "change", "says"),
    [
        ("scheduling-macro", {"uplink.alpha": 0.6}, "uplink is given, but carrier.direction is 'downlink'; set"),
        (
            "uplink-macro",
            {"mimo": {"precoding": "svd"}},
            "mimo.precoding is 'svd', but carrier.direction is 'uplink', where",
        ),
        ("uplink-macro", {"uplink.alpha": 0.55}, "alpha is 0.55, but it can be signalled as one of 0, 0.4"),
        ("uplink-macro", {"uplink.delta_mcs": True}, "delta_mcs is true, but in a run the MCS follows from the power"),
        ("uplink-macro", {"uplink.spread_db": -1}, "spread_db"),
        ("uplink-macro", {"carrier.direction": "sidelink"}, "carrier.direction"),
        ("slicing-tractor", UPLINK, "users.0.traffic.direction is 'downlink', but carrier.direction is 'uplink'"),
    ],
)
def test_what_does_not_fit_an_uplink_is_refused(source: str, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        load(source, **change)
    assert says in str(raised.value)


def test_traces_replay_what_their_ue_sent(tmp_path: Path) -> None:
    rows = [f"{n / 100},{'172.30.1.1' if n % 5 else '10.0.0.1'},10.0.0.1,170" for n in range(100)]
    (tmp_path / "trace.csv").write_text("\n".join(["Time,Source,Destination,Length", *rows, ""]))
    change = {**MACRO, "users.always.traffic": {"model": "trace_replay", "files": ["trace.csv"], "direction": "uplink"}}
    windows = run("uplink-macro", out="out", **change).to_xarray("round_robin")
    asked = windows["demand_bits"].sum("window") / 0.1
    assert float(asked.mean()) == pytest.approx(80 * 100 * 8, rel=0.15)
    assert float(windows["served_bits"].sum() / windows["demand_bits"].sum()) > 0.8
