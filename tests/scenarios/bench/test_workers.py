"""``fairwave bench --workers``: the same at the same time in several processes, added up."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch
from typer.testing import CliRunner

from scenarios.bench import bench
from scenarios.bench.case import BenchCase, BenchOptions
from scenarios.bench.isolated_process import measure_alone, wait_for_others
from scenarios.cli.bench import _show
from scenarios.cli.main import app
from scenarios.running import memory

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # whatever name pytest gave it, workers need not import it
TWO = BenchCase("W1", 4, "exact", BenchOptions(workers=2))


def row(case: BenchCase, rate: float, share: float) -> dict[str, Any]:
    return {
        "workload": case.workload,
        "drops": case.drops,
        "threads": 1,
        "workers": case.options.workers,
        "device": "cpu",
        "slots_per_s": rate,
        "cell_slots_per_s": 7 * rate,
        "copy_bytes_per_s": 10.0 * rate,
        "share_of_copy": share,
        "peak_memory_bytes": 1000,
        "setup_s": rate / 100,
    }


def test_what_processes_do_at_the_same_time_is_added_up(tmp_path: Path) -> None:
    def measured(case: BenchCase) -> dict[str, Any]:
        wait_for_others(case, "here")
        first = min(case.meeting.glob("here-*")).name == f"here-{os.getpid()}"  # type: ignore[union-attr]
        return row(case, *((100.0, 0.2) if first else (300.0, 0.4)))

    found = measure_alone(measured, TWO)
    assert found is not None
    assert (found["workers"], found["drops"], found["peak_memory_bytes"]) == (2, 4, 2000)
    assert (found["slots_per_s"], found["cell_slots_per_s"], found["setup_s"]) == (400.0, 2800.0, 3.0)
    assert (found["copy_bytes_per_s"], found["share_of_copy"]) == (4000.0, 0.35), "0.2 of 1000 and 0.4 of 3000"


def test_no_process_waits_for_one_that_failed() -> None:
    def measured(case: BenchCase) -> dict[str, Any]:
        wait_for_others(case, "here")
        if min(case.meeting.glob("here-*")).name == f"here-{os.getpid()}":  # type: ignore[union-attr]
            raise MemoryError
        wait_for_others(case, "there")
        return {}

    with pytest.warns(UserWarning, match="W1: memory ran out with 4 drops in each of 2 workers side by side"):
        assert measure_alone(measured, TWO) is None


def test_one_waits_until_the_other_has_come(tmp_path: Path) -> None:
    wait_for_others(BenchCase("W1", 4, "exact", BenchOptions()), "alone")
    thread = threading.Thread(
        target=wait_for_others, args=(BenchCase("W1", 4, "exact", BenchOptions(workers=2), tmp_path), "here")
    )
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    (tmp_path / "here-of-another").touch()
    thread.join(10)
    assert not thread.is_alive()


def test_batches_must_fit_into_each_workers_share_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    def note(_: object, case: BenchCase) -> dict[str, Any]:
        measured.append(case.drops)
        return row(case, float(case.drops), 0.1)

    monkeypatch.setattr(bench, "measure_alone", note)
    free = int((2e8 * memory.SHARE + memory.WORKER_BYTES) * 2 / memory.SHARE)  # 200 MB for each of two
    monkeypatch.setattr(memory, "available_bytes", lambda _: free)
    with pytest.warns(UserWarning, match=r"drops_per_batch 32 -> 4: .* by each of 2 workers"):
        bench.bench(["W1"], BenchOptions(mode="exact", workers=2))
    assert measured == [1, 4], "as one process has with 200 MB"


def test_the_heading_says_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    _show([row(TWO, 100.0, 0.2)])
    assert "bench on cpu, 1 thread in each of 2 workers, added up" in capsys.readouterr().out


def test_a_gpu_is_not_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    told = CliRunner().invoke(app, ["bench", "W1", "--device", "cuda", "--workers", "2"])
    assert told.exit_code == 2 and "--workers 2 is for --device cpu" in told.stderr
