"""Runs, their folders, and that being cut off, resumed or cut into other batches never shows in a number."""

from __future__ import annotations

import errno
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import toy_family
import xarray as xr

import scenarios
from mac.contracts import AllocatorError
from scenarios import Result, families, load, memory
from scenarios.errors import ScenarioError
from scenarios.shards import Cell, batches, read_shard, whole_shards

Toy = dict[str, Any]


run = functools.partial(scenarios.run, plots=False)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def refused(*args: Any, **kwargs: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        run(*args, **kwargs)
    return str(caught.value)


def test_a_run_folder_holds_everything(toy: Toy) -> None:
    result = run(toy, out="out", plots=True)
    there = files(Path("out"))
    assert {"scenario.yaml", "metrics.csv", "summary.csv", "paired.csv", "meta.json"} <= there
    assert {f"shards/_/{label}/drops-{drops}.nc" for label in ("Even", "Greedy") for drops in
            ("00000-00003", "00004-00005")} <= there  # fmt: skip
    assert any(name.startswith("plots/") for name in there)
    assert not [name for name in there if name.endswith(".tmp")]
    assert result.complete
    meta = json.loads(Path("out/meta.json").read_text())
    assert (meta["seed"], meta["drops"], meta["dtype"]) == (0, 6, "float32")
    assert meta["versions"]["torch"]
    assert set(meta["wall_s"]) >= {"setup", "observe", "decide", "step", "allocators"}
    table = pd.read_csv("out/metrics.csv")
    assert list(table.columns) == ["variant", "allocator", "drop", "metric", "unit", "value"]
    assert set(table["drop"]) == set(range(6))
    assert load("out/scenario.yaml") == load(toy)


def test_the_arrays_open_with_xarray(toy: Toy) -> None:
    result = run(toy, out="out")
    with xr.open_dataset("out/shards/_/Even/drops-00000-00003.nc", engine="h5netcdf") as shard:
        assert dict(shard.sizes) == {"drop": 4, "window": 5, "user": 4}
        assert shard.attrs["allocator"] == "Even"
        assert shard["served_bits"].attrs["units"] == "bit"
    both = result.to_xarray()
    assert dict(both.sizes) == {"allocator": 2, "drop": 6, "window": 5, "user": 4}
    np.testing.assert_array_equal(both["time_s"], np.arange(1.0, 6.0))
    one = result.to_xarray("Greedy")
    assert one["drop"].to_numpy().tolist() == list(range(6))
    np.testing.assert_array_equal(both["served_bits"].sel(allocator="Greedy"), one["served_bits"])
    assert float(one["served_bits"].sum()) == pytest.approx(
        float(one["demand_bits"].sum() - one["backlog_bits"].sum()), rel=1e-5
    )


def test_results_do_not_depend_on_batches_or_on_who_else_runs(toy: Toy) -> None:
    whole = run(toy, out="whole").per_drop
    for name, size in (("ones", 1), ("fives", 5), ("all", 100)):
        cut = run(toy, out=name, drops_per_batch=size).per_drop
        pd.testing.assert_frame_equal(whole, cut, check_exact=True)
    alone = run(toy, "toy_family:Even", out="alone").per_drop
    both = whole[whole["allocator"] == "Even"].reset_index(drop=True)
    pd.testing.assert_frame_equal(both, alone, check_exact=True)
    fewer = run(toy, out="fewer", drops=3).per_drop
    pd.testing.assert_frame_equal(whole[whole["drop"] < 3].reset_index(drop=True), fewer, check_exact=True)
    again = run(toy, out="again").per_drop
    pd.testing.assert_frame_equal(whole, again, check_exact=True)
    other = run(toy, out="other", seed=1).per_drop
    assert not np.allclose(whole["value"], other["value"], equal_nan=True)


def test_variants_and_their_mean(toy: Toy) -> None:
    toy["variants"] = {"few": {"users": 2}, "fast": {"pipe.rate_bps": 2e6}}
    result = run(toy, out="out")
    assert result.variants == ["few", "fast"]
    assert (Path("out/shards/few/Even")).is_dir()
    assert set(result.metrics["variant"]) == {"few", "fast", "all"}
    rate = result.per_drop[(result.per_drop["metric"] == "rate_mean") & (result.per_drop["allocator"] == "Even")]
    mean = result.metrics.query("metric == 'rate_mean' and allocator == 'Even' and variant == 'all'")["mean"].item()
    assert mean == pytest.approx(rate["value"].mean())
    assert result.to_xarray("Even", "few").sizes["user"] == 2
    assert set(result.to_xarray()) == {"few", "fast"}
    document = result.to_json()
    assert {row["variant"] for row in document["metrics"]} == {"few", "fast", "all"}
    with pytest.raises(ScenarioError, match="did you mean 'fast'"):
        result.to_xarray("Even", "fst")


def test_json_is_exactly_as_promised(toy: Toy) -> None:
    document = run(toy, out="out", drops=1).to_json()
    assert list(document) == ["run_dir", "scenario", "metrics", "paired"]
    assert all(list(row) == ["variant", "allocator", "metric", "unit", "mean", "ci95"] for row in document["metrics"])
    assert all(list(row) == ["variant", "metric", "a", "b", "mean_difference", "ci95"] for row in document["paired"])
    assert {row["variant"] for row in document["metrics"]} == {None}
    assert all(row["ci95"] == [None, None] for row in document["metrics"]), "one drop has no interval"
    json.dumps(document, allow_nan=False)


def test_paired_differences(toy: Toy) -> None:
    result = run(toy, out="out")
    one, other = result.compare("rate_mean", "Even", "Greedy"), result.compare("rate_mean", "Greedy", "Even")
    assert one["mean_difference"] == -other["mean_difference"]
    assert (one["ci95_low"], one["ci95_high"]) == (-other["ci95_high"], -other["ci95_low"])
    wide = result.per_drop.query("metric == 'rate_mean'").pivot(index="drop", columns="allocator", values="value")
    assert one["mean_difference"] == pytest.approx((wide["Even"] - wide["Greedy"]).mean())
    with pytest.raises(ScenarioError, match="did you mean 'rate_mean'"):
        result.compare("rate_men", "Even", "Greedy")
    with pytest.raises(ScenarioError, match="did you mean 'Even'"):
        result.compare("rate_mean", "Evn", "Greedy")


def test_an_unknown_variant_is_an_error_everywhere(toy: Toy) -> None:
    plain = run(toy, out="plain", drops=1)
    toy["variants"] = {"few": {"users": 2}, "fast": {"pipe.rate_bps": 2e6}}
    result = run(toy, out="out", drops=2)
    for ask in (
        lambda: result.table("fst"),
        lambda: result.compare("rate_mean", "Even", "Greedy", variant="fst"),
        lambda: result.plot_rate_cdf("fst"),
    ):
        with pytest.raises(ScenarioError, match="unknown variant 'fst'; did you mean 'fast'"):
            ask()
    assert not result.table("all").isna().any().any() and not result.table("fast").isna().any().any()
    assert result.compare("rate_mean", "Even", "Greedy", variant="all")["drops"] == 2
    with pytest.raises(ScenarioError, match="unknown variant 'fast'; this run has none"):
        plain.table("fast")


def test_results_draw_themselves(toy: Toy) -> None:
    plain = run(toy, out="plain", drops=1)
    for figure in (plain.plot_rate_cdf(), plain.plot_fairness_throughput()):
        assert len(figure.axes) == 2
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    with pytest.raises(ScenarioError, match=r"not the data for plot_quotas.* one of: fairness_throughput, rate_cdf"):
        plain.plot_quotas()
    with pytest.raises(ScenarioError, match="no variants"):
        plain.plot_variants()
    toy["variants"] = {"few": {"users": 2}, "fast": {"pipe.rate_bps": 2e6}}
    result = run(toy, out="out", drops=2)
    assert "rate_p5" in result.plot_variants("rate_p5").axes[0].get_xlabel()
    assert "variant few" in result.plot_rate_cdf("few").get_suptitle()
    with pytest.raises(ScenarioError, match="did you mean 'rate_p5'"):
        result.plot_variants("rate_p6")


def test_importing_results_does_not_wait_for_matplotlib() -> None:
    code = "import sys, scenarios.results; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_allocators_as_objects(toy: Toy) -> None:
    result = run(toy, {"mine": toy_family.Greedy(3.0), "plain": toy_family.Even}, out="out")
    assert result.allocators == ["mine", "plain"]
    assert result.settings.allocators[0].params == {"power": 3.0}
    named = run(toy, out="named")
    np.testing.assert_array_equal(result.to_xarray("mine")["served_bits"], named.to_xarray("Greedy")["served_bits"])
    twice = run(toy, [toy_family.Even(), toy_family.Even()], out="twice")
    assert twice.allocators == ["Even", "Even-2"]
    alone = run(toy, toy_family.Greedy(3.0), out="alone")
    assert alone.allocators == ["Greedy"]
    assert "decide()" in refused(toy, [3])
    assert "decide()" in refused(toy, 3)

    class Local(toy_family.Even):
        """Its qualified name is longer than a folder's may be."""

    assert run(toy, [Local], out="local").allocators == ["Local"]


def test_one_object_under_two_labels_is_refused(toy: Toy) -> None:
    """They would run side by side on one memory."""
    one = toy_family.Even()
    text = refused(toy, {"x": one, "y": one}, out="out")
    assert text == (
        "the allocators 'x' and 'y' are one and the same Even object, and what one remembers would change what the "
        "other decides: give each an object of its own, or the class"
    )
    assert "'Even' and 'Even-2' are one and the same" in refused(toy, [one, one], out="out")
    Path("plug_shared.py").write_text("import toy_family\nEVEN = toy_family.Even()\n", "utf-8")
    named = [{"name": "plug_shared:EVEN", "label": label} for label in ("x", "y")]
    assert "'x' and 'y' are one and the same" in refused(toy, named, out="out")
    assert not Path("out").exists()


def test_a_plug_in_that_cannot_be_made_is_told_with_its_line(toy: Toy) -> None:
    Path("plug_ctor.py").write_text(
        "import toy_family\n\n\nclass Mine(toy_family.Even):\n    def __init__(self):\n        open('w')[0]\n", "utf-8"
    )
    Path("plug_import.py").write_text("a = 1\n1 / 0\n", "utf-8")
    text = refused(toy, ["plug_ctor:Mine", "plug_import:Mine"])
    assert "FileNotFoundError" in text and "(plug_ctor.py, line 6)" in text
    assert "ZeroDivisionError: division by zero (plug_import.py, line 2)" in text


def test_repr_says_what_a_reader_wants_to_know(toy: Toy) -> None:
    result = run(toy, out="out")
    text = repr(result)
    for part in ("toy", "2 allocators x 6 drops of 5 s", "out", "rate_mean [Mbit/s]", "Greedy", "±"):
        assert part in text
    assert "<table" in result._repr_html_()


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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"allocators": ["toy_family:Evn"]}, ["Evn", "did you mean 'Even'"]),
        ({"allocators": ["nowhere:Evn"]}, ["nowhere"]),
        ({"allocators": ["Even"]}, ["allocator 'Even'"]),
        ({"allocators": [{"name": "toy_family:Greedy", "params": {"powr": 2.0}}]}, ["powr", "did you mean 'power'"]),
        ({"allocators": [{"name": "toy_family:Greedy", "params": {"power": "x"}}]}, ["power", "'x'"]),
        ({"device": "cuda"}, ["no GPU"]),
        ({"bytes_per_drop": 10**15}, ["needs about 1,000 TB", "for a single drop"]),
        ({"users": 0}, ["must be greater"]),
    ],
)
def test_what_cannot_run_writes_nothing(toy: Toy, tmp_path: Path, change: Toy, says: list[str]) -> None:
    if "device" in change:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
    text = refused(toy, out="out", **change)
    for part in says:
        assert part in text
    assert files(tmp_path) == set()
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("TooMuch", ["TooMuch", "sum to 1 at most", "drop 0", "interval 3", "time 3 s"]),
        ("Raises", ["Raises", "ZeroDivisionError: no users left", "interval 0"]),
    ],
)
def test_an_allocator_that_fails_is_named(toy: Toy, tmp_path: Path, name: str, says: list[str]) -> None:
    with pytest.raises(AllocatorError) as caught:
        run(toy, [f"toy_family:{name}"], out="out")
    for part in says:
        assert part in str(caught.value)
    assert files(tmp_path) == set()


def test_batches_are_cut_to_the_memory_that_is_free(toy: Toy) -> None:
    scenario, family = load(toy, bytes_per_drop=1000), families.find("toy")
    fit = [memory.fit(scenario, family, "cpu", int(free / memory.SHARE))[0] for free in (10**6, 4000, 3999, 1000)]
    assert fit == [4, 4, 2, 1], "four are best, then half and half again"
    with pytest.raises(ScenarioError, match=r"needs about 1 kB for a single drop, but only 999 B"):
        memory.fit(scenario, family, "cpu", int(999 / memory.SHARE) + 1)
    asked = load(toy, bytes_per_drop=1000, drops_per_batch=3)
    assert memory.fit(asked, family, "cpu", 10**6)[0] == 3
    assert memory.available_bytes("cpu") > 10**6


_CHILD = """
import sys
sys.path.insert(0, {tests!r})
from scenarios import families
families.FAMILIES["toy"] = "toy_family:FAMILY"
from scenarios.cli import main
sys.argv = ["fairwave", "run", "slow.yaml", "--out", "out"]
main()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_cut_off_resumes_with_the_very_metrics(toy: Toy, how: signal.Signals) -> None:
    slow = {**toy, "drops": 6, "drops_per_batch": 1, "allocators": ["toy_family:Slow", "toy_family:Greedy"]}
    Path("slow.yaml").write_text(json.dumps(slow))
    code = _CHILD.format(tests=str(Path(__file__).parent))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while _shards_in("out") < 3 and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(how)
    out, err = child.communicate(timeout=60)
    assert child.returncode == (-9 if how is signal.SIGKILL else 130), err
    assert out == ""
    assert "Traceback" not in err
    if how is signal.SIGINT:
        assert "interrupted" in err
        assert not list(Path("out").rglob("*.tmp"))
    done = list(Path("out").rglob("*.nc"))
    assert 3 <= len(done) < 12
    for path in done:
        read_shard(path)
    run("slow.yaml", out="out", resume=True)
    run("slow.yaml", out="whole")
    for name in ("metrics.csv", "summary.csv", "paired.csv"):
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()
    assert not list(Path("out").rglob("*.tmp"))


def _shards_in(folder: str) -> int:
    """As ``rglob`` counts them, but a folder may go while it is read: the run tries first whether it can write one."""
    return sum(name.endswith(".nc") for _, _, names in os.walk(folder) for name in names)
