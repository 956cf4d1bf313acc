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


def test_the_dry_form_measures_every_part(check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MOST_MINUTES", 600.0)  # so that nothing is left out on a busy machine
    assert check.main(["--device", "cpu", "--here", "--minutes", "600", "--out", str(tmp_path / "gpu")]) == 0
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--minutes", "9"], "--minutes must be more than 0 and 8 at most, given 9"),
        (["--minutes", "nan"], "--minutes must be more than 0 and 8 at most, given nan"),
        (["--out", "notes"], "notes.md is there and no earlier report; give another --out"),
        (["--out", "notes.md/gpu"], "notes.md/gpu.json cannot be written: "),
        (["--device", "cuda"], "torch finds no GPU here; take --device cpu for the dry form"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    check: ModuleType,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    Path("notes.md").write_text("mine")
    assert check.main(["--device", "cpu", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")
    assert Path("notes.md").read_text() == "mine"


def test_packages_that_are_not_there_are_named(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_NEEDED", ("torch", "no_such_package"))
    with pytest.raises(check.CannotCheck, match=r"^no_such_package cannot be imported .* carry build/gpu-wheels"):
        check._require_machine("cpu")


def test_a_check_without_a_test_that_ran_fails(check: ModuleType) -> None:
    def failed(device: str, outcome: str = "done", **row: object) -> bool:
        return bool(check._failed({"outcome": outcome, "rows": [row]}, device))

    assert failed("cuda", tests="a.py", passed=0, failed=0) and failed("cuda", tests="a.py", note="stopped")
    assert failed("cpu", tests="a.py", passed=7, failed=1) and failed("cpu", outcome="failed")
    assert not failed("cpu", tests="a.py", passed=0, failed=0) and not failed("cuda", tests="a.py", passed=8, failed=0)
    assert not failed("cuda", workload="W1", note="left out for want of time")


def test_a_network_that_memory_has_no_room_for_ends_no_other(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(name: str, drops: int, *_: object) -> dict[str, int]:
        if drops > 2:
            raise RuntimeError("CUDA out of\nmemory")
        return {"networks_per_s": 1}

    drawing = importlib.import_module("benchmarks.gpu.drawing")
    monkeypatch.setattr(drawing, "_drawn", drawn)
    monkeypatch.setattr(check.Options, "tiny", False)
    rows = list(drawing.rows(check.Options("cpu", time.time() + 60.0)))
    assert rows[0] == {"workload": "W1", "drops": 512, "note": "CUDA out of memory"}
    assert rows[-1] == {"workload": "W3", "drops": 2, "networks_per_s": 1}
