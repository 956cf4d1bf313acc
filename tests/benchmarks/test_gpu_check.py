"""The dry form of ``benchmarks/gpu/check.sh`` on the CPU, so that the script runs on the day when a GPU is there."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr("scenarios.bench.measure._COPY_BYTES", {"cpu": 1 << 20})
    return importlib.import_module("benchmarks.gpu.check")


def test_the_dry_form_measures_every_part(check: ModuleType, tmp_path: Path) -> None:
    assert check.main(["--device", "cpu", "--here", "--minutes", "5", "--out", str(tmp_path / "gpu")]) == 0
    report = json.loads((tmp_path / "gpu.json").read_text())
    parts = {part["name"]: part for part in report["parts"]}
    assert [part["outcome"] for part in parts.values()] == ["done"] * len(check.PARTS)
    (parity,), (drawn,) = parts["parity with the CPU"]["rows"], parts["networks drawn"]["rows"]
    assert parity["failed"] == parity["passed"] == 0 and parity["skipped"] > 0
    assert drawn["networks_per_s"] > 0 and drawn["snr_differs_by"] < 1e-4 and drawn["serving_cells_differ"] == 0
    assert {row["workload"] for row in parts["slots and rounds"]["rows"]} == {"W1", "wsn-100"}
    assert all(row["share_of_copy"] > 0.0 for row in parts["slots and rounds"]["rows"])
    assert parts["environments"]["rows"][0]["steps_per_s"] > 0
    page = (tmp_path / "gpu.md").read_text()
    assert all(f"## {part.name}: done" in page for part in check.PARTS) and "left out" in page


def test_what_there_is_no_time_for_is_left_out_and_said(check: ModuleType) -> None:
    part, options = check.PARTS[2], check.Options("cpu", time.time() + 1.0)
    found = check._run(part, options, here=True)
    assert [row["note"] for row in found["rows"]] == ["left out for want of time"] * 2
    found = check._run(part, check.Options("cpu", time.time() - 2.5), here=False)  # torch's import alone takes longer
    assert found["outcome"] == "failed" and found["reason"] == "stopped at the end of its share"


def test_a_part_runs_in_a_process_of_its_own(check: ModuleType) -> None:
    found = check._run(check.PARTS[-1], check.Options("cpu", time.time() + 60.0), here=False)
    assert found["outcome"] == "done" and "left out" in found["rows"][0]["note"]
    broken = check.Part("broken", "options", "nothing", 1.0)
    assert "AttributeError" in check._run(broken, check.Options("cpu", time.time() + 60.0), here=True)["reason"]
