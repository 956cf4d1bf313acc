"""What ``fairwave bench`` prints; its figures are for people, and no test looks at them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from scenarios import families
from scenarios.bench import bench, environments, measure, scaling
from scenarios.bench.case import BenchCase, BenchOptions
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.families.scheduling.workloads import WORKLOADS
from scenarios.running import memory

KEYS = ["workload", "mode", "compiled", "cells", "users", "prbs", "drops", "threads", "workers", "device",
        "slots_per_s", "cell_slots_per_s", "operations_per_slot", "host_syncs_per_slot", "bytes_per_cell_slot",
        "copy_bytes_per_s", "share_of_copy", "peak_memory_bytes", "setup_s"]  # fmt: skip


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements that take no time and mean nothing."""
    monkeypatch.setattr(measure, "_WINDOW_S", 1e-3)
    monkeypatch.setattr(measure, "_WARMUP_SLOTS", 1)
    monkeypatch.setattr(measure, "_COPY_BYTES", {"cpu": 1 << 20})


def pretend(monkeypatch: pytest.MonkeyPatch, measured: Callable[[BenchCase], dict[str, Any] | None]) -> None:
    """Rows from ``measured`` instead of a process of their own."""
    monkeypatch.setattr(bench, "measure_alone", lambda _, case: measured(case))


def test_a_row_has_exactly_the_keys_that_were_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    row = measure.measure(BenchCase("W1", 2, "exact", BenchOptions(allocator="round_robin")))
    assert list(row) == KEYS
    assert (row["cells"], row["users"], row["prbs"], row["drops"]) == (7, 70, 50, 2)
    assert (row["mode"], row["compiled"], row["threads"]) == ("exact", True, 1)
    moved = row["bytes_per_cell_slot"] * row["cell_slots_per_s"]
    assert row["share_of_copy"] == pytest.approx(moved / row["copy_bytes_per_s"], rel=1e-2, abs=1e-4)


def test_sensor_fields_are_counted_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once(monkeypatch)
    row = measure.measure(BenchCase("wsn-100", 2, "exact", BenchOptions()))
    assert (row["nodes"], row["drops"]) == (100, 2)
    assert row["rounds_per_s"] > 0 and row["node_rounds_per_s"] == pytest.approx(100 * row["rounds_per_s"], rel=1e-3)
    assert row["operations_per_round"] > 0 and row["bytes_per_node_round"] > 0


def test_a_large_batch_repeats_the_drops_that_were_drawn() -> None:
    problem, _ = measure.prepare(WORKLOADS["W1"], BenchCase("W1", 6, "exact", BenchOptions()), distinct=2)
    assert problem.drops.ids == (0, 1) * 3
    snr = problem.engine.parts.channel.mean_snr
    assert torch.equal(snr[0], snr[4]) and not torch.equal(snr[0], snr[1])


@pytest.mark.parametrize(("best", "rows"), [(1, [("W1", 1), ("W2", 1)]), (32, [("W1", 1), ("W1", 32), ("W2", 1)])])
def test_a_row_for_one_drop_and_one_for_the_best_batch(
    best: int, rows: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(case: BenchCase) -> dict[str, Any]:
        rate = 9.0 if case.drops == best else 7.0 - case.drops / 100
        return {"workload": case.workload, "drops": case.drops, "slots_per_s": rate}

    pretend(monkeypatch, measured)
    exact = BenchOptions(mode="exact")
    assert [(row["workload"], row["drops"]) for row in bench.bench(["W1", "W2"], exact)] == rows
    assert [row["drops"] for row in bench.bench(["W1"], replace(exact, drops=4))] == [4]


def test_both_modes_are_measured_where_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(case: BenchCase) -> dict[str, Any]:
        rate = {"slots_per_s": 9.0} if case.workload == "W1" else {"rounds_per_s": 9.0}
        return {"workload": case.workload, "mode": case.mode, "drops": case.drops, **rate}

    pretend(monkeypatch, measured)
    monkeypatch.setattr(bench, "that_fit", lambda case: case.drops)
    modes = [(row["workload"], row["mode"]) for row in bench.bench(["W1", "wsn-100"], BenchOptions(drops=1))]
    assert modes == [("W1", "exact"), ("W1", "fast"), ("wsn-100", "exact")]
    assert [row["mode"] for row in bench.bench(["W1"], BenchOptions(drops=1, mode="fast"))] == ["fast"]


def test_modes_and_compiling_are_settings_of_the_scenario() -> None:
    case = BenchCase("W2", 3, "fast", BenchOptions(compiled=False))
    scenario = bench.as_scenario(WORKLOADS["W2"], case)
    assert scenario["fading"] == {"dominant_interferers": 3}
    assert "fading" not in bench.as_scenario(WORKLOADS["W2"], BenchCase("W2", 3, "exact", BenchOptions()))


def test_batches_are_cut_to_what_fits_and_said_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def row(case: BenchCase) -> dict[str, Any]:
        measured.append(case.drops)
        return {"workload": "W1", "drops": case.drops, "slots_per_s": float(case.drops)}

    pretend(monkeypatch, row)
    monkeypatch.setattr(memory, "available_bytes", lambda _: int(2e8))
    with pytest.warns(UserWarning, match=r"drops_per_batch 32 -> 4: needs about .* of the 200 MB free on the cpu"):
        bench.bench(["W1"], BenchOptions(mode="exact"))
    assert measured == [1, 4]


def test_the_free_memory_of_a_gpu_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (int(2e8), int(1e9)))
    assert memory.available_bytes("cuda") == int(2e8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    measured: list[int] = []

    def row(case: BenchCase) -> dict[str, Any]:
        measured.append(case.drops)
        return {"workload": "W1", "drops": case.drops, "slots_per_s": float(case.drops)}

    pretend(monkeypatch, row)
    with pytest.warns(UserWarning, match=r"drops_per_batch 4096 -> 4: needs about .* free on the cuda"):
        bench.bench(["W1"], BenchOptions(device="cuda", mode="exact"))
    assert measured == [1, 4], "64, 512 and 4096 are all cut to 4, which is measured once"


def test_a_batch_for_which_memory_runs_out_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(case: BenchCase) -> dict[str, Any] | None:
        return None if case.drops > 1 else {"workload": "W1", "drops": 1, "slots_per_s": 1.0}

    pretend(monkeypatch, row)
    assert [one["drops"] for one in bench.bench(["W1"], BenchOptions(mode="exact"))] == [1]
    with pytest.raises(ScenarioError, match="W1 could not be measured for want of memory"):
        bench.bench(["W1"], BenchOptions(mode="exact", drops=2))


def test_workloads_of_two_kinds_have_a_table_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(case: BenchCase) -> dict[str, Any]:
        own: dict[str, Any] = {"cells": 7, "slots_per_s": 5.0}
        if case.workload != "W1":
            own = {"nodes": 100, "rounds_per_s": 9.0}
        return {"workload": case.workload, "drops": case.drops, "threads": 1, "workers": 1, "device": "cpu", **own}

    pretend(monkeypatch, measured)
    told = CliRunner().invoke(app, ["bench", "W1", "wsn-100", "--drops", "1", "--mode", "exact"])
    assert told.exit_code == 0 and "slots per s" in told.stdout and "rounds per s" in told.stdout
    assert "bench on cpu, 1 thread" in told.stdout


def test_scaling_leaves_out_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"us_per_user_slot": 2.0, "slots_per_s": 100.0, "memory_bytes": 10**8}
    monkeypatch.setattr(scaling, "measure_alone", lambda *_: dict(found))
    monkeypatch.setattr(memory, "available_bytes", lambda _: int(8e9))
    rows = json.loads(CliRunner().invoke(app, ["bench", "--scaling", "--mode", "exact", "--json"]).stdout)
    fits = {(row["users"], row["drops"]) for row in rows if row["skipped"] is None}
    assert len(rows) == 16 and fits == {(70, 1), (70, 8), (70, 64), (70, 512), (210, 1), (210, 8), (210, 64),
                                        (570, 1), (570, 8), (2052, 1)}  # fmt: skip
    assert "needs about" in next(row["skipped"] for row in rows if row["skipped"])
    told = CliRunner().invoke(app, ["bench", "--scaling", "--mode", "exact"])
    assert told.exit_code == 0 and "2.00  100 MB" in told.stdout and "8 drops" in told.stdout
    assert "2052 users x 512 drops (exact) left out: needs about" in told.stderr


def test_scales_of_several_families_have_modes_and_tables_of_their_own(
    toy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The toy has names that another family has too, no mode ``fast``, and neither cells nor PRBs nor slots."""

    def measured(_: object, case: BenchCase) -> dict[str, Any] | None:
        if case.workload.startswith("toy-"):
            return scaling.measure(case)
        return {"us_per_user_slot": 2.0, "slots_per_s": 100.0, "memory_bytes": 10**8}

    monkeypatch.setitem(families.FAMILIES, "toy", "toy_package:FAMILY")
    monkeypatch.setattr(scaling, "_STEPS", 10)
    monkeypatch.setattr(scaling, "measure_alone", measured)
    monkeypatch.setattr(memory, "available_bytes", lambda _: int(8e9))
    rows = scaling.scaling(BenchOptions(drops=2))
    found = [(row["family"], row["users"], row["mode"]) for row in rows]
    downlinks = [("scheduling", users, "exact") for users in (70, 210, 570, 2052)]
    assert sorted(found) == sorted(
        [*downlinks, *((*one[:2], "fast") for one in downlinks), ("toy", 4, "exact"), ("toy", 40, "exact")]
    )
    pipe = next(row for row in rows if row["family"] == "toy" and row["users"] == 40)
    assert list(pipe) == [
        "family", "users", "drops", "mode", "us_per_user_second", "seconds_per_s", "memory_bytes", "skipped",
    ]  # fmt: skip
    rate = pipe["seconds_per_s"]  # to two digits, the cost to three: less than these tolerances together
    assert pipe["us_per_user_second"] == pytest.approx(1e6 / rate / 40, rel=0.01 / rate, abs=1e-3)
    assert {row["family"] for row in scaling.scaling(BenchOptions(drops=2, mode="fast"))} == {"scheduling"}
    told = CliRunner().invoke(app, ["bench", "--scaling", "--drops", "2", "--mode", "exact"])
    assert told.exit_code == 0, told.output
    assert "scheduling: microseconds per user slot, and memory of the batch (exact, 50 prbs)" in told.stdout
    assert "toy: microseconds per user second, and memory of the batch (exact)" in told.stdout


def test_a_cell_of_the_table_of_scales_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "_ENOUGH_S", 0.0)
    found = scaling.measure(BenchCase("scheduling-70", 4, "exact", BenchOptions()))
    assert found["us_per_user_slot"] == pytest.approx(1e6 / found["slots_per_s"] / 70, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["W9"], "unknown workload 'W9'"),
        ([], "W1, W2, W3, "),
        (["W1", "--scaling"], "or else take --scaling alone"),
        (["W1", "--device", "tpu"], "--device must be cpu or cuda, given 'tpu'"),
        (["W1", "--mode", "quick"], "--mode must be exact, fast or both, given 'quick'"),
        (["wsn-100", "--mode", "fast"], "workload 'wsn-100' has no mode 'fast'"),
        (["W1", "--drops", "0"], "--drops must be 1 or more, given 0"),
        (["W1", "--threads", "0"], "--threads must be 1 or more, given 0"),
        (["W1", "--workers", "0"], "--workers must be 1 or more, given 0"),
        (["W1", "--workers", "100000"], "--workers must be at most"),
        (["W1", "--threads", "100000"], "--threads must be at most"),
        (["--scaling", "--workers", "2"], "--scaling measures one process alone, given --workers 2; leave it out"),
        (["--scaling", "--mode", "slow"], "--mode must be exact, fast or both, given 'slow'"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], part: str) -> None:
    for form in ([], ["--json"]):
        told = CliRunner().invoke(app, ["bench", *arguments, *form])
        assert told.exit_code == 2 and told.stdout == ""
        assert part in " ".join(told.stderr.split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    for form in ([], ["--json"]):
        told = CliRunner().invoke(app, ["bench", "W1", "--device", "cuda", *form])
        assert told.exit_code == 2 and told.stdout == "" and "finds no GPU here" in " ".join(told.stderr.split())


def test_environments_are_measured_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_WINDOW_S", 1e-3)
    monkeypatch.setattr(environments, "_WINDOWS", 1)
    pretend(monkeypatch, environments.measure_environment)
    (row,) = bench.bench(["env-uav"], BenchOptions(drops=2))
    assert row["environments"] == 2 and row["scenario"] == "uav-hotspot"
    assert row["steps_per_s"] > 0 and row["loop_intervals_per_s"] > 0 and row["time_over_loop"] > 0
    with pytest.raises(ScenarioError, match="did you mean 'env-uav'"):
        bench.bench(["env-uaf"])
    with pytest.raises(ScenarioError, match="leave --workers out"):
        bench.bench(["env-uav"], BenchOptions(workers=2))
