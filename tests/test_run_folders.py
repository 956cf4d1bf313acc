"""Run folders: their numbers, locks, resumption, damage, and full disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from run_helpers import Toy, files, refused, run

from scenarios import Result, load
from scenarios.errors import ScenarioError
from scenarios.shards import Cell, batches, read_shard, whole_shards


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
    from scenarios import folders

    def write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        Path("runs/other").mkdir()
        Path("runs/other/scenario.yaml").write_text("theirs")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "write_atomically", write)
        folders.choose(load(toy), None, False)
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
    assert [found.drops for found in Result("out").shards[Cell(None, "Even")]] == [(4, 5)]
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
    with xr.open_dataset(second, engine="h5netcdf") as shard:
        altered = shard.load()
    altered["served_bits"][0, 0, 0] += 1
    altered.to_netcdf(second, engine="h5netcdf")
    (folder / ".999999-drops-00000-00003.nc.tmp").write_bytes(b"half")
    (folder / "drops-00004-00009.nc").write_bytes(good)
    assert whole_shards(Path("out"), Cell(None, "Even"), result.to_xarray("Greedy").attrs["scenario_hash"]) == []
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
