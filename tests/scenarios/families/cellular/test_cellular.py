"""The families on a cellular carrier, from their presets to whole runs of a second."""

from __future__ import annotations

import functools
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import scenarios
from allocators.scheduling.round_robin import RoundRobin
from mac.core.contracts import AllocatorError
from mac.metrics.registry import metric_table
from mac.scheduling import SchedulingDecision, SchedulingObservation
from phy.random import Drops
from scenarios import families, load
from scenarios.errors import ScenarioError
from scenarios.families.cellular import engine_factory
from scenarios.families.cellular import traffic as arriving
from scenarios.running import entrants as running_entrants
from scenarios.running.plan import make_plan

run = functools.partial(scenarios.run, progress=False, plots=False)
SHORT: dict[str, Any] = {"drops": 3, "duration_s": 0.5, "warmup_s": 0.25}
MACRO: dict[str, Any] = {
    "extends": "scheduling-macro",
    "name": "small-macro",
    "drops": 2,
    "duration_s": 0.2,
    "warmup_s": 0.05,
    "window_s": 0.05,
    "topology": {"sites": 1, "wrap_around": False},
    "carrier": {"prbs": 12},
    "users.ftp.count": 3,
    "users.ftp.traffic": {"file_bytes": 20000, "files_per_s": 20},
    "allocators": ["round_robin", "proportional_fair", "max_rate"],
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_slicing_leaves_every_array_that_metrics_read() -> None:
    result = run("slicing-quickstart", out="out", **SHORT)
    windows = result.to_xarray("equal")
    assert dict(windows.sizes) == {
        "drop": 3, "window": 2, "user": 12, "cell": 1, "slice": 3, "delay_bin": windows.sizes["delay_bin"]
    }  # fmt: skip
    coordinates = {"time_s", "group", "service", "slice_id", "slice_name", "serving", "delay_edge_s",
                   "sla_rate_bps", "sla_desired_bps", "sla_delay_s", "sla_loss"}  # fmt: skip
    assert coordinates <= set(windows.coords)
    attributes = {"slot_s": 1e-3, "window_s": 0.25, "prbs": 50, "cells": 1, "slots_per_window": 250}
    assert {name: windows.attrs[name] for name in attributes} == attributes
    assert windows["group"].to_numpy().tolist() == ["mmtc"] * 6 + ["urllc"] * 3 + ["embb"] * 3
    assert windows["slice_id"].to_numpy().tolist() == [0] * 6 + [1] * 3 + [2] * 3
    assert windows["delay_edge_s"][-1] == np.inf
    assert windows.sizes["delay_bin"] == windows["delay_edge_s"].size
    assert (windows["rbg"].sum("slice") == 17).all()
    assert (windows["slice_prbs"].sum("slice") == 50).all()
    known = set(metric_table(windows)["metric"])
    assert {"satisfaction/embb", "tractor_score", "rate_mean", "jain_rate", "delay_p95", "loss_ratio",
            "prb_utilisation", "energy_per_bit", "bler_first_tx", "late_share/urllc"} <= known  # fmt: skip


def test_nothing_is_created_or_lost() -> None:
    result = run("slicing-quickstart", out="out", **{**SHORT, "warmup_s": 0, "allocators": ["equal"]})
    windows = result.to_xarray("equal").sum("window")
    last = result.to_xarray("equal")["backlog_bits"].isel(window=-1)
    out = windows["served_bits"] + windows["dropped_bits"] + windows["lost_bits"] + last
    np.testing.assert_allclose(out, windows["demand_bits"], rtol=0, atol=0.5)


def test_traffic_and_air_are_the_same_for_every_allocator() -> None:
    crowd = {"users.embb.count": 20}  # so many that quotas matter
    both = run("slicing-quickstart", ["equal", "max_weight"], out="both", **SHORT, **crowd).to_xarray()
    for name in ("demand_bits", "serving"):
        first, second = (both[name].sel(allocator=label) if "allocator" in both[name].dims else both[name]
                         for label in ("equal", "max_weight"))  # fmt: skip
        np.testing.assert_array_equal(first, second)
    assert (both["served_bits"].sel(allocator="equal") != both["served_bits"].sel(allocator="max_weight")).any()


@pytest.mark.parametrize("source", ["slicing-quickstart", MACRO], ids=["slicing", "scheduling"])
def test_results_do_not_depend_on_batches_or_on_what_else_runs(source: Any) -> None:
    change = SHORT if isinstance(source, str) else {}
    names = [spec.name for spec in load(source).allocators]
    assert make_plan(load(source, **change)).parts[0].copies == len(names), "they run side by side"
    together = run(source, out="together", **change).per_drop
    for label, more in (("alone", {"allocators": names[1:2]}), ("single", {"drops_per_batch": 1})):
        part = run(source, out=label, **{**change, **more}).per_drop
        same = together[together["allocator"].isin(part["allocator"].unique())].reset_index(drop=True)
        pd.testing.assert_frame_equal(same, part, check_exact=True)


def test_more_users_of_one_group_leave_the_traffic_of_the_others() -> None:
    def demand(**change: Any) -> np.ndarray:
        windows = run("slicing-quickstart", ["equal"], out=str(len(change)), **SHORT, **change).to_xarray("equal")
        return windows["demand_bits"].sel(user=windows["group"] == "urllc").to_numpy()

    np.testing.assert_array_equal(demand(), demand(**{"users.embb.count": 1}))


def test_a_group_without_users_leaves_its_slice() -> None:
    result = run("slicing-quickstart", ["equal"], out="out", **SHORT, **{"users.mmtc.count": 0})
    windows = result.to_xarray("equal")
    assert set(windows["group"].to_numpy().tolist()) == {"urllc", "embb"}
    assert windows["slice_name"].to_numpy().tolist() == ["mmtc", "urllc", "embb"]
    assert (windows["slice_prbs"].isel(slice=0) > 0).all()


def test_scheduling_runs_on_many_cells() -> None:
    result = run(MACRO, out="out")
    windows = result.to_xarray("max_rate")
    assert dict(windows.sizes) | {"delay_bin": 0} == {"drop": 2, "window": 4, "user": 9, "cell": 3, "delay_bin": 0}
    assert set(windows["serving"].to_numpy().ravel().tolist()) <= {0, 1, 2}
    assert windows.attrs["slots_per_window"] == 50
    assert float(windows["packets"].sum()) > 0
    assert float(windows["packets"].sum()) == float(windows["delay_packets"].sum())


def test_users_stand_cell_by_cell_and_group_by_group() -> None:
    scenario = load(MACRO, **{"users": [
        {"name": "a", "count": 2, "traffic": {"model": "full_buffer"}},
        {"name": "b", "count": 0, "traffic": {"model": "full_buffer"}},
        {"name": "c", "count": 1, "speed_kmh": 36, "traffic": {"model": "constant_bit_rate", "rate_bps": 8e6}},
    ]})  # fmt: skip
    problem = families.find("scheduling").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float64)
    users = problem.engine.parts.users
    assert users.full_buffer.tolist() == [True, True, False] * 3
    assert engine_factory.channel_plan(scenario).speed_mps.tolist() == pytest.approx([3 / 3.6, 3 / 3.6, 10.0] * 3)
    arrived = problem.engine.parts.arrivals.block(0, 100, 9)[0].sum(-1).view(3, 3)
    assert (arrived[:, :2] == 0).all()
    assert ((arrived[:, 2] > 97_000) & (arrived[:, 2] < 103_000)).all(), "8 Mbit/s for 0.1 s, in packets of 1500 bytes"


def test_an_infeasible_decision_is_repaired_and_counted_on_request() -> None:
    change = {**SHORT, "duration_s": 0.25, "warmup_s": 0, "drops": 1}
    with pytest.raises(Exception, match=r"Greedy.*drop 0, interval 0"):
        run("slicing-quickstart", [Greedy()], out="error", **change)
    result = run("slicing-quickstart", [Greedy()], out="repair", on_infeasible="repair", **change)
    windows = result.to_xarray("Greedy")
    assert float(windows["repairs"].sum()) > 0
    assert (windows["rbg"].sum("slice") <= 17).all()
    assert result.repairs == {"Greedy": int(windows["repairs"].sum())}
    assert "repairs" in result.headline and "repairs" in result.table().columns
    allowed = run("slicing-quickstart", ["equal"], out="allowed", **change)
    assert allowed.repairs == {} and "repairs" not in set(allowed.metrics["metric"])


class Greedy:
    """Wants everything for every slice."""

    def reset(self, context: Any, seed: int) -> None:
        self.rbgs = context.rbgs

    def decide(self, observation: Any) -> Any:
        from mac.slicing import SlicingDecision

        return SlicingDecision(torch.full_like(observation.rbg, self.rbgs))


def test_the_estimate_of_memory_is_of_the_right_size() -> None:
    """The rays are most of it: the estimate may not fall short of what is really held."""
    scenario = load("scheduling-macro", drops=2)
    family = families.find("scheduling")
    problem = family.build(scenario, Drops(1, (0, 1)), torch.device("cpu"), torch.float32)
    rays = problem.engine.parts.channel.fading.rays
    estimate = family.estimate_bytes(scenario, 2) - family.estimate_bytes(scenario, 1)
    held = rays.numel() * rays.element_size() / 2
    assert held < estimate < 20 * held
    assert family.estimate_bytes(load("scheduling-macro", dtype="float64"), 1) > family.estimate_bytes(scenario, 1)


def test_a_scenario_that_cannot_fit_is_refused() -> None:
    huge = {"topology.sites": 19, "users.ftp.count": 10_000, "carrier.prbs": 275}
    with pytest.raises(ScenarioError, match="for a single drop"):
        run("scheduling-macro", out="out", **huge)
    assert not Path("out").exists()


BESIDE = Path(__file__).resolve().parents[5] / "shared" / "data"
DATA = Path(os.environ.get("FAIRWAVE_DATA", BESIDE))


@pytest.mark.skipif(not (DATA / "tractor" / "raw").is_dir(), reason="the TRACTOR traces are not here")
def test_tractor_plays_real_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRWAVE_DATA", str(DATA))
    labels = ["tractor_expert", "tractor_random"]
    change = {"drops": 2, "duration_s": 2.5, "warmup_s": 0.5, "slicing.held_reports": 2}
    result = run("slicing-tractor", labels, out="out", variants=["0_1_2", "3_2_3"], **change)
    assert set(result.metrics["variant"]) == {"0_1_2", "3_2_3", "all"}
    scores = result.metrics.query("metric == 'tractor_score'")["mean"]
    assert ((scores > 0) & (scores < 1)).all()
    quotas = result.to_xarray("tractor_expert", "3_2_3")["rbg"]
    assert (quotas == np.array([3, 5, 9])).all()
    moving = result.to_xarray("tractor_random", "3_2_3")["rbg"]
    assert (np.abs(moving.diff("window")).sum("slice") <= 2).all(), "one RBG moves at a time"
    assert float(result.to_xarray("tractor_expert", "0_1_2")["demand_bits"].sum()) > 0


@pytest.mark.parametrize(
    "traffic",
    [
        {"model": "poisson", "rate_bps": 4e7, "packet_bytes": 10},
        {"model": "constant_bit_rate", "rate_bps": 4e7, "packet_bytes": 10},
        {"model": "on_off", "rate_bps": 8e7, "packet_bytes": 10, "on_s": 1e-3, "off_s": 1e-3},
        {"model": "ftp_model_3", "files_per_s": 5e5, "file_bytes": 10},
    ],
)
def test_the_packets_of_a_drop_fit_into_the_memory_that_was_estimated(traffic: dict[str, Any]) -> None:
    """However small: at 10 bytes a packet, a user of 40 Mbit/s has half a million of them in a second."""
    change = {"users.embb.traffic": traffic, "users.embb.count": 1, "users.mmtc.count": 0, "users.urllc.count": 0}
    scenario = load("slicing-quickstart", duration_s=0.5, warmup_s=0.0, **change)
    family = families.find("slicing")
    light = load(scenario, **{"users.embb.traffic": {"model": "full_buffer"}})
    estimated = family.estimate_bytes(scenario, 2) - family.estimate_bytes(light, 2)
    tracemalloc.start()
    try:
        arrivals = arriving.arrivals(scenario, Drops(1, (0, 1)), 500)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert arrivals is not None and len(arrivals.drops[0]) > 150_000
    assert peak < estimated < 4 * peak


SCHEDULERS = """
import sys
from allocators.scheduling.round_robin import RoundRobin
class Raises(RoundRobin):
    def decide(self, observation):
        raise KeyError("weights")
class Leaves(RoundRobin):
    def decide(self, observation):
        sys.exit(0)
class Unready(RoundRobin):
    def reset(self, context, seed):
        raise ValueError("no weights")
class Writes(RoundRobin):
    def decide(self, observation):
        decision = super().decide(observation)
        observation.backlog_bits.zero_()
        return decision
"""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Raises", "raised KeyError: 'weights'"),
        ("Leaves", "raised SystemExit: 0"),
        ("Unready", "raised ValueError: no weights"),
        ("Writes", "wrote into observation.backlog_bits"),
    ],
)
def test_a_scheduler_inside_the_slices_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "inner_schedulers.py").write_text(SCHEDULERS)
    spec = f"inner_schedulers:{name}"
    with pytest.raises(AllocatorError) as caught:
        run("slicing-quickstart", ["equal"], out="out", **SHORT, **{"slicing.scheduler": spec})
    when = "(drops 0-2)" if name == "Unready" else "(drops 0-2, in the warm-up, 1 interval (0.25 s) before its end)"
    for part in (f"allocator {spec} (slicing.scheduler): ", says, when):
        assert part in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_allocator_that_writes_into_what_it_sees_is_refused_before_it_changes_any_other() -> None:
    """Reports are views of the engine's state: written to, they would change this allocator's truth and the next's."""

    class Writes(RoundRobin):
        def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
            decision = super().decide(observation)
            observation.serving.zero_()
            return decision

    with pytest.raises(AllocatorError, match=r"allocator Writes: .*wrote into observation\.serving"):
        run(MACRO, [Writes(), "round_robin"], out="out")


def test_what_an_allocator_finds_at_its_reset_is_found_before_a_run(tmp_path: Path) -> None:
    wrong = {"name": "rrm_policy", "params": {"policies": {"video": {"minimum": 30}}}}
    scenario = load("slicing-quickstart", allocators=["equal", wrong])
    entrants = running_entrants.entrants_of(scenario)
    with pytest.raises(ScenarioError, match=r"allocator 'rrm_policy': rrm_policy: policies names the slice 'video'"):
        running_entrants.check(entrants, families.find("slicing"))
    slices = [{"name": "a", "service": "embb"}]
    users = [{"name": "u", "slice": "a", "traffic": {"model": "full_buffer"}}]
    wrong["params"] = {"policies": {"embb": {"minimum": 30}}}
    change = {"few": {"slicing": {"slices": slices}, "users": users}}
    varied = load("slicing-quickstart", allocators=[wrong], variants=change)
    with pytest.raises(ScenarioError, match=r"allocator 'rrm_policy' \(variant 'few'\): .* only a"):
        running_entrants.check(running_entrants.entrants_of(varied), families.find("slicing"))


def test_the_context_of_that_trial_is_that_of_a_run() -> None:
    scenario, family = load("slicing-quickstart"), families.find("slicing")
    problem = family.build(scenario, Drops(scenario.seed, (0,)), torch.device("cpu"), torch.float32)
    assert family.context is not None
    assert family.context(scenario) == problem.context


def test_other_groups_and_their_order_leave_the_traffic_of_a_group_as_it_was() -> None:
    """Streams are keyed by the group's name; a number would change with the groups before it."""
    traffic = {"model": "poisson", "rate_bps": 2e6, "packet_bytes": 400}
    groups = {name: {"name": name, "count": 2, "traffic": traffic} for name in ("a", "b", "c")}

    def arrived(*names: str) -> dict[str, list[list[int]]]:
        """Bytes of each group by slot and user, as they arrive in the first cell."""
        network = {key: value for key, value in MACRO.items() if not key.startswith("users.")}
        scenario = load({**network, "users": [groups[name] for name in names]})
        packets = arriving._packets_of_drop(scenario, 7, 1, 50)
        found: dict[str, list[list[int]]] = {name: [] for name in names}
        for slot, user, size in zip(packets.slot.tolist(), packets.user.tolist(), packets.bytes.tolist(), strict=True):
            cell, place = divmod(user, 2 * len(names))
            found[names[place // 2]].append([slot, cell, place % 2, size])
        return {name: sorted(rows) for name, rows in found.items()}

    usual = arrived("a", "b")
    assert usual["a"] != usual["b"] and len(usual["a"]) > 10
    assert arrived("b", "a") == usual
    more = arrived("c", "a", "b")
    assert {name: more[name] for name in usual} == usual
