"""What ``fairwave bench`` prints; its figures are for people, and no test looks at them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from typer.testing import CliRunner

from scenarios import bench
from scenarios.cli import app

KEYS = ["workload", "cells", "users", "prbs", "drops", "threads", "device", "slots_per_s", "cell_slots_per_s",
        "peak_memory_bytes", "setup_s"]  # fmt: skip


def test_a_row_has_exactly_the_keys_that_were_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_WINDOW_S", 1e-3)
    monkeypatch.setattr(bench, "_WARMUP_SLOTS", 1)
    row = bench.measure("W1", 2, "cpu", "round_robin")
    assert list(row) == KEYS
    assert (row["cells"], row["users"], row["prbs"], row["drops"]) == (7, 70, 50, 2)


def test_sensor_fields_are_counted_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_WINDOW_S", 1e-3)
    monkeypatch.setattr(bench, "_WARMUP_SLOTS", 1)
    row = bench.measure("wsn-100", 2, "cpu")
    assert (row["nodes"], row["drops"]) == (100, 2)
    assert row["rounds_per_s"] > 0 and row["node_rounds_per_s"] == pytest.approx(100 * row["rounds_per_s"], rel=1e-3)


@pytest.mark.parametrize(("best", "rows"), [(1, [("W1", 1), ("W2", 1)]), (32, [("W1", 1), ("W1", 32), ("W2", 1)])])
def test_a_row_for_one_drop_and_one_for_the_best_batch(
    best: int, rows: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(name: str, drops: int, *_: Any) -> dict[str, Any]:
        return {"workload": name, "drops": drops, "slots_per_s": 9.0 if drops == best else 7.0 - drops / 100}

    monkeypatch.setattr(bench, "ProcessPoolExecutor", lambda count, mp_context: ThreadPoolExecutor(count))
    monkeypatch.setattr(bench, "measure", measured)
    assert [(row["workload"], row["drops"]) for row in bench.bench(["W1", "W2"])] == rows
    assert [row["drops"] for row in bench.bench(["W1"], drops=4)] == [4]


def test_workloads_of_two_kinds_have_a_table_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(name: str, drops: int, *_: Any) -> dict[str, Any]:
        own: dict[str, Any] = {"cells": 7, "slots_per_s": 5.0} if name == "W1" else {"nodes": 100, "rounds_per_s": 9.0}
        return {"workload": name, "drops": drops, **own}

    monkeypatch.setattr(bench, "ProcessPoolExecutor", lambda count, mp_context: ThreadPoolExecutor(count))
    monkeypatch.setattr(bench, "measure", measured)
    told = CliRunner().invoke(app, ["bench", "W1", "wsn-100", "--drops", "1"])
    assert told.exit_code == 0 and "slots_per_s" in told.stdout and "rounds_per_s" in told.stdout
