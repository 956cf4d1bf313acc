"""Run folders: their numbers, locks, resumption, damage, and full disks."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import xarray as xr
from run_helpers import Toy, files, refused, run

from scenarios import Result, load
from scenarios.errors import ScenarioError
from scenarios.plots.style import picture
from scenarios.report.report import write_report
from scenarios.results.run_folder import require_ours
from scenarios.results.shards import RunKey, batches, read_shard, whole_shards, write_shard


def test_default_folders_are_numbered_and_resumed(toy: Toy) -> None:
    first, second = (run(toy).run_dir for _ in range(2))
    assert second.name == f"{first.name}-2"
    os.utime(first / "scenario.yaml", (0, 0))
    assert run(toy, resume=True).run_dir == second, "the newest"
    assert run(toy, resume=True, seed=5).run_dir.name != first.name
    assert len(list(Path("runs").iterdir())) == 3


def test_a_folder_in_use_is_left_alone(toy: Toy, tmp_path: Path) -> None:
    Path("out").mkdir()
    Path("out/precious.txt").write_text("mine")
    before = files(tmp_path)
    assert "not empty" in refused(toy, out="out")
    assert "no run folder" in refused(toy, out="out", resume=True)
    assert "is a file" in refused(toy, out="out/precious.txt")
    assert "cannot write" in refused(toy, out="out/precious.txt/deeper")
    assert files(tmp_path) == before


def test_a_look_whether_a_folder_can_be_written_removes_nothing_of_others(toy: Toy) -> None:
    """Two runs that begin at once find that there is no runs/ yet; the probe of one must leave the other's folder."""
    from scenarios.results import run_folder

    def write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        Path("runs/other").mkdir()
        Path("runs/other/scenario.yaml").write_text("theirs")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_folder, "write_atomically", write)
        run_folder.choose(load(toy), None, False)
    assert files(Path()) == {"runs/other/scenario.yaml"}
    assert [path.name for path in Path("runs").iterdir()] == ["other"]


def test_an_edited_scenario_is_told_from_an_unfinished_run(toy: Toy) -> None:
    result = run(toy, out="out")
    path = Path("out/scenario.yaml")
    path.write_text(path.read_text().replace("seed: 0", "seed: 5"))
    edited = Result("out")
    for ask in (lambda: edited.per_drop, lambda: edited.to_xarray("Even")):
        with pytest.raises(ScenarioError, match=r"out/scenario.yaml is not the scenario that the shards") as caught:
            ask()
        assert "--resume" not in str(caught.value) and result.settings.name == "toy"
    path.write_text(path.read_text().replace("seed: 5", "seed: 0"))
    for shard in Path("out").rglob("*.nc"):
        shard.unlink()
    with pytest.raises(ScenarioError, match="holds no whole shard yet; finish the run with --resume"):
        _ = Result("out").per_drop


def test_pipes_and_deep_nesting_in_a_run_folder_are_damage(toy: Toy) -> None:
    whole = run(toy, out="out").per_drop
    shard = Path("out/shards/_/Even/drops-00000-00003.nc")
    shard.unlink()
    os.mkfifo(shard)
    assert [found.drops for found in Result("out").shards[RunKey(None, "Even")]] == [(4, 5)]
    pd.testing.assert_frame_equal(run(toy, out="out", resume=True).per_drop, whole, check_exact=True)
    Path("out/meta.json").write_text("[" * 100_000)
    with pytest.raises(ScenarioError, match=r"meta\.json is damaged"):
        Result("out")


def test_resume_refuses_another_scenario_and_says_what_differs(toy: Toy) -> None:
    run(toy, out="out")
    before = {path: (Path("out") / path).read_bytes() for path in files(Path("out"))}
    text = refused(toy, out="out", resume=True, seed=3, **{"pipe.rate_bps": 2})
    assert "another scenario" in text
    assert "seed is 0 there and 3 here" in text
    assert "pipe.rate_bps is 1000000.0 there and 2.0 here" in text
    assert before == {path: (Path("out") / path).read_bytes() for path in files(Path("out"))}


def test_damaged_shards_are_not_trusted(toy: Toy) -> None:
    result = run(toy, out="out")
    expected = Path("out/metrics.csv").read_bytes()
    folder = Path("out/shards/_/Even")
    first, second = sorted(folder.iterdir())
    good = first.read_bytes()
    first.write_bytes(good[: len(good) // 2])
    with xr.open_dataset(second, engine="netcdf4") as shard:
        altered = shard.load()
    altered["served_bits"][0, 0, 0] += 1
    altered.to_netcdf(second, engine="netcdf4")
    (folder / ".999999-drops-00000-00003.nc.tmp").write_bytes(b"half")
    (folder / "drops-00004-00009.nc").write_bytes(good)
    assert whole_shards(Path("out"), RunKey(None, "Even"), [result.to_xarray("Greedy").attrs["drop_hash"]]) == []
    assert not Result("out").complete
    resumed = run(toy, out="out", resume=True)
    assert resumed.complete
    assert Path("out/metrics.csv").read_bytes() == expected
    assert not list(folder.glob(".*.tmp"))


def test_shards_of_another_scenario_are_not_trusted(toy: Toy) -> None:
    run(toy, out="out")
    run(toy, out="other", seed=1)
    stray = Path("other/shards/_/Even/drops-00000-00003.nc").read_bytes()
    Path("out/shards/_/Even/drops-00000-00003.nc").write_bytes(stray)
    assert not Result("out").complete


def test_batches() -> None:
    assert list(batches(range(5), 2)) == [(0, 1), (2, 3), (4,)]
    assert list(batches({0, 1, 4, 5, 6}, 8)) == [(0, 1), (4, 5, 6)]
    assert list(batches([], 3)) == []


def test_a_full_disk(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(100))

    def fsync(descriptor: int) -> None:
        if next(calls) >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        assert "No space left on device; make room, then go on with --resume" in refused(toy, out="out")
    assert not [name for name in files(Path("out")) if name.endswith(".tmp")]
    for path in Path("out").rglob("*.nc"):
        read_shard(path)
    resumed = run(toy, out="out", resume=True)
    pd.testing.assert_frame_equal(resumed.per_drop, run(toy, out="fresh").per_drop, check_exact=True)


def test_a_disk_that_is_full_when_plots_are_drawn(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        if ".svg" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    text = refused(toy, out="out", plots=True)
    assert "cannot write out/plots/" in text and ".svg: No space left on device; make room" in text
    assert {path.suffix for path in Path("out/plots").iterdir()} == {".png"}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_a_shard_in_the_place_of_another_one_is_not_believed(toy: Toy) -> None:
    """Two variants' folders, two allocators' or two drops' files are swapped; every number stays where it belongs."""
    toy["variants"] = {"few": {"pipe.rate_bps": 1e5}, "fast": {"pipe.rate_bps": 2e6}}
    run(toy, out="out", drops=2, drops_per_batch=1)
    right = {name: content for name, content in snapshot(Path("out")).items() if name.endswith(".csv")}
    shards, drops = Path("out/shards"), ("drops-00000-00000.nc", "drops-00001-00001.nc")
    for a, b in (
        (shards / "few", shards / "fast"),
        (shards / "few/Even", shards / "few/Greedy"),
        (shards / "fast/Even" / drops[0], shards / "fast/Even" / drops[1]),
    ):
        a.rename("aside")
        b.rename(a)
        Path("aside").rename(b)
        assert not Result("out").complete
        assert run(toy, out="out", resume=True, drops=2, drops_per_batch=1).complete
        assert right == {name: content for name, content in snapshot(Path("out")).items() if name.endswith(".csv")}


def test_a_shard_that_is_lost_while_the_run_goes_on_is_told(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    from scenarios.running import prepared_run as running

    def write_and_lose(folder: Path, run_key: RunKey, windows: xr.Dataset) -> Path:
        path = write_shard(folder, run_key, windows)
        if run_key.allocator == "Even" and int(windows["drop"][0]) == 0:
            path.unlink()
        return path

    with monkeypatch.context() as patch:
        patch.setattr(running, "write_shard", write_and_lose)
        text = refused(toy, out="out")
    assert text.startswith(
        "out is not complete, as shards were lost or damaged while it ran: Even: 4 of 6 drops (0-3);"
    )
    assert "--resume computes them anew" in text and "\n" not in text
    assert json.loads(Path("out/meta.json").read_text())["complete"] is False
    assert Result("out").to_json()["complete"] is False
    assert run(toy, out="out", resume=True).complete
    assert json.loads(Path("out/meta.json").read_text())["complete"] is True
    assert Path("out/metrics.csv").read_bytes() == run(toy, out="whole").run_dir.joinpath("metrics.csv").read_bytes()


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_fairwave_has_not_made_is_left_alone(toy: Toy, resume: bool) -> None:
    """Even where everything in it looks like a run's."""
    study = Path("study")
    study.mkdir()
    (study / "scenario.yaml").write_text(f"# mine\n{json.dumps(toy)}\n")
    for name in ("metrics.csv", "meta.json", ".1-metrics.csv.tmp", ".fairwave-run-probe"):
        (study / name).write_text("mine")
    before = snapshot(study)
    text = refused("study/scenario.yaml", out="study", resume=resume)
    assert "study is not empty and no run folder of fairwave's" in text and "--resume" not in text
    assert snapshot(study) == before


def test_a_folder_that_is_filled_while_the_first_batch_runs_is_left_alone(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scenarios.running import run as running

    def meanwhile(*arguments: Any) -> Any:
        Path("out").mkdir(exist_ok=True)
        Path("out/scenario.yaml").write_text("mine")
        return run_batch(*arguments)

    run_batch = running.run_batch
    monkeypatch.setattr(running, "run_batch", meanwhile)
    assert "out is not empty" in refused(toy, out="out", drops=1)
    assert snapshot(Path("out")) == {"scenario.yaml": b"mine"}


def test_a_run_folder_keeps_what_is_not_the_runs(toy: Toy) -> None:
    """What killed writers left of the run's own files goes; anything else stays, hidden or not."""
    run(toy, out="out")
    mine = {"notes.md", "sub/metrics.csv", ".1-notes.md.tmp", "sub/.1-metrics.csv.tmp", ".tmp", ".1-.tmp"}
    left = {".1-metrics.csv.tmp", "shards/_/Even/.1-drops-00000-00003.nc.tmp", "plots/.1-rate_cdf.svg.tmp"}
    gone = unused_pid()
    for name in {*mine, *left}:
        path = Path("out") / name.replace(".1-", f".{gone}-")
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert run(toy, out="out", resume=True).complete
    there = {name.replace(f".{gone}-", ".1-") for name in files(Path("out"))}
    assert mine <= there and not left & there


def unused_pid() -> int:
    """A number that no process has."""
    import psutil

    return next(pid for pid in range(4_000_000, 5_000_000) if not psutil.pid_exists(pid))


def test_a_run_of_before_there_was_a_marker_is_read_and_not_written(toy: Toy) -> None:
    run(toy, out="out")
    Path("out/.fairwave-run").unlink()
    before = snapshot(Path("out"))
    assert Result("out").complete and write_report(Result("out"), "page.html").is_file()
    for resume in (False, True):
        text = refused(toy, out="out", resume=resume)
        assert "a run of an older fairwave, which can be read and reported, but not gone on with" in text
    assert snapshot(Path("out")) == before


def test_what_a_run_that_was_killed_at_once_leaves_can_be_gone_on_with(toy: Toy) -> None:
    Path("out").mkdir()
    Path("out/.fairwave-run").touch()
    assert run(toy, out="out", resume=True, drops=1).complete


def test_a_page_overwrites_only_an_earlier_page(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.report.report.applicable_plots", lambda result: {})
    result = run(toy, out="out", drops=1)
    assert write_report(result) == write_report(result), "its own"
    old = Path("out/report.html").read_text().replace('<meta name="generator" content="fairwave">\n', "")
    Path("old.html").write_text(old)
    assert write_report(result, "old.html").read_text() != old, "one of an older fairwave"
    for name, content in (
        ("notes.md", b"mine"),
        ("empty", b""),
        ("page.html", b"<!doctype html><title>fairwave</title>"),
    ):
        Path(name).write_bytes(content)
        with pytest.raises(ScenarioError, match=f"{name} is there already and nothing that fairwave has written"):
            write_report(result, name)
        assert Path(name).read_bytes() == content
    assert "<html" in write_report(result, "notes.md", force=True).read_text()
    Path("out/report.html").write_text("mine")
    with pytest.raises(ScenarioError, match="give --force to overwrite it"):
        write_report(result)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_pictures_are_signed(toy: Toy, kind: str) -> None:
    figure = run(toy, out="out", drops=1).plot_rate_cdf()
    Path("mine").write_bytes(picture(figure, kind))
    require_ours(Path("mine"))
    figure.savefig("other", format=kind)
    with pytest.raises(ScenarioError, match="other is there already"):
        require_ours(Path("other"))
