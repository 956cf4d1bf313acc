"""A run whose backlog grows says so: on the console, in JSON, in meta.json and in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mac.metrics.stationarity import BacklogTrend
from scenarios import Result, load, run
from scenarios.cli import comparison
from scenarios.report import report
from scenarios.results.drift import drift_sentence
from scenarios.results.shards import RunKey

ONE_CELL: dict[str, Any] = {"drops": 2, "duration_s": 1.5, "warmup_s": 0.25, "allocators": ["equal"]}


@pytest.fixture(scope="module")
def overloaded(tmp_path_factory: pytest.TempPathFactory) -> Result:
    traffic = {"model": "poisson", "rate_bps": 40e6, "packet_bytes": 1500}
    scenario = load("slicing-quickstart", **ONE_CELL, **{"users.embb.traffic": traffic, "queue_bytes": 1e9})
    return run(scenario, out=tmp_path_factory.mktemp("overloaded") / "run", progress=False, plots=False)


def test_an_overloaded_cell_is_named_everywhere(overloaded: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = overloaded.to_json()["not_stationary"]
    assert record["allocator"] == "equal" and record["variant"] is None
    assert 0.5 < record["share"] < 1.0 and record["p"] < 0.01  # of 120 Mbit/s a slice carries some ten
    assert json.loads((overloaded.run_dir / "meta.json").read_text())["not_stationary"] == [record]
    sentence = drift_sentence(overloaded.drifts)
    assert sentence is not None and "not stationary: delay and loss measure the run's length for equal (" in sentence
    printed = Console(width=1000, record=True, soft_wrap=True)
    monkeypatch.setattr(comparison, "stdout", lambda: printed)
    comparison.show_result(overloaded)
    assert sentence in printed.export_text()
    assert "length for equal (" in report.render(overloaded)


@pytest.mark.parametrize(
    "traffic",
    [{"model": "full_buffer"}, {"model": "poisson", "rate_bps": 200e3, "packet_bytes": 500}],
    ids=["full buffer", "light load"],
)
def test_no_other_run_warns(traffic: dict[str, Any], tmp_path: Path) -> None:
    changes: dict[str, Any] = {}
    for group in ("mmtc", "urllc", "embb"):
        changes |= {f"users.{group}.traffic": traffic, f"users.{group}.sla": {"rate_bps": 1e5}}
    result = run(load("slicing-quickstart", **ONE_CELL, **changes), out=tmp_path / "run", progress=False, plots=False)
    assert result.drifts == {} and result.to_json()["not_stationary"] == []
    assert "tationary" not in report.render(result)


def test_long_lists_are_cut() -> None:
    drifts = {RunKey("few", f"a{number}"): BacklogTrend(1e6, 0.25, 1e-6) for number in range(8)}
    sentence = drift_sentence(drifts)
    assert sentence is not None and "a5 on few (25 %" in sentence and "a6" not in sentence
    assert "2 more in meta.json" in sentence and drift_sentence({}) is None
