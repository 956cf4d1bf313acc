"""Sweeps, their folders, and that what is done is never computed twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import toy_family

from scenarios import Result, ScenarioError, Sweep, load_sweep, run, sweep
from scenarios.campaigns import sweep as sweep_module
from scenarios.campaigns.sweep_result import unmoved
from scenarios.running import until

TOY: dict[str, Any] = {
    "name": "toy",
    "family": "toy",
    "drops": 2,
    "duration_s": 2.0,
    "allocators": ["toy_family:Even", {"name": "toy_family:Greedy", "params": {"power": 3.0}}],
}


def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the points that run from now on."""
    numbers: list[int] = []

    def counted(point: sweep_module.PlannedPoint, *rest: Any) -> object:
        numbers.append(point.stored.point.number)
        return sweep_module.run_point(point, *rest)

    monkeypatch.setattr(sweep_module.execute_sweep, "__defaults__", ((), counted))
    return numbers


def test_a_point_is_a_run(made: Sweep, here: Path) -> None:
    assert made.complete and len(made.points) == 6 and set(made.points["state"]) == {"done"}
    point = made.result(users=4, **{"pipe.rate_bps": 2e6})
    assert isinstance(point, Result) and point.complete and point.settings.users == 4  # type: ignore[attr-defined]
    alone = run({**point.scenario}, out="alone", plots=False)
    pd.testing.assert_frame_equal(point.per_drop, alone.per_drop, check_exact=True)
    with pytest.raises(ScenarioError, match="2 points"):
        made.result(users=4)


def test_results_open_as_one_dataset_and_as_tables(made: Sweep) -> None:
    dataset = load_sweep(made.folder).to_xarray()
    assert dict(dataset.sizes) == {"users": 3, "pipe.rate_bps": 2, "allocator": 2, "drop": 3}
    assert dataset["rate_mean"].attrs["units"] == "Mbit/s"
    chosen = dataset["rate_mean"].sel({"users": 40, "pipe.rate_bps": 1e6, "allocator": "Greedy"})
    rows = made.result(users=40, **{"pipe.rate_bps": 1e6}).per_drop.query("metric == 'rate_mean'")
    expected = rows[rows["allocator"] == "Greedy"]["value"]
    np.testing.assert_array_equal(chosen, expected)
    table = made.metric("rate_mean")
    assert list(table.columns[:3]) == ["point", "users", "pipe.rate_bps"] and len(table) == 12
    assert np.isclose(table.query("users == 40 and allocator == 'Greedy'")["mean"].iloc[0], expected.mean())
    assert len(pd.read_csv(made.folder / "metrics.csv")) == len(made.metrics)
    with pytest.raises(ScenarioError, match=r"no metric 'rate_maen'; did you mean 'rate_mean'"):
        made.metric("rate_maen")


@pytest.mark.parametrize("chunks", [None, {}])
def test_windows_of_all_points_open_as_one_dataset(made: Sweep, chunks: dict[str, int] | None) -> None:
    if chunks is not None:
        pytest.importorskip("dask", reason="the extra 'dask' is not installed")
    dataset = made.to_xarray(windows=True, chunks=chunks)
    first = {"users": 3, "pipe.rate_bps": 2, "allocator": 2, "drop": 3}
    assert {name: dataset.sizes[name] for name in first} == first and dataset.sizes["user"] == 40
    bits = dataset["served_bits"]
    assert bits.dims[:2] == ("users", "pipe.rate_bps") and (bits.chunks is None) == (chunks is None)
    for users in (2, 40):
        own = made.result(users=users, **{"pipe.rate_bps": 2e6}).to_xarray("Greedy")["served_bits"]
        chosen = bits.sel({"users": users, "pipe.rate_bps": 2e6, "allocator": "Greedy"})
        np.testing.assert_array_equal(chosen.isel(user=slice(users)).transpose(*own.dims), own)
        assert chosen.isel(user=slice(users, None)).isnull().all()


def test_chunks_without_dask_are_refused_with_what_to_do(made: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match=r"pip install 'fairwave\[dask\]'"):
        made.to_xarray(chunks={})


def test_what_is_drawn_stays_the_same_where_it_does_not_depend_on_the_key(made: Sweep) -> None:
    said = {key: one["sentence"] for key, one in made.record["networks"].items()}
    assert "users (2 against 40): for the users that both have the same demand_bits" in said["users"]
    assert said["pipe.rate_bps"].endswith("other demand_bits")
    definition = sweep_module.define(TOY, {"allocators.1.params.power": [1.0, 2.0]})
    (network,) = sweep_module.plan_sweep(definition, "unused").networks
    assert network.same and "the same drops at all values" in network.sentence()


def test_a_new_value_computes_only_what_is_new(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = computed(monkeypatch)
    first = sweep(TOY, {"users": [2, 8]})
    before = first.per_drop
    again = sweep(TOY, {"users": [2, 4, 8]}, resume=True)
    assert again.folder == first.folder and numbers == [1, 2, 2]
    assert again.points["users"].tolist() == [2, 4, 8]
    kept = again.per_drop.query("users != 4").drop(columns="point").reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before.drop(columns="point"), check_exact=True)
    assert sweep(TOY, {"users": [2, 8]}).folder != first.folder  # without resume a new one
    with pytest.raises(ScenarioError, match="give --resume"):
        sweep(TOY, {"users": [2]}, out=first.folder)
    with pytest.raises(ScenarioError, match="another scenario"):
        sweep({**TOY, "seed": 5}, {"users": [2]}, out=first.folder, resume=True)


def test_points_that_fail_are_told_and_the_others_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = {**TOY, "allocators": ["toy_family:TooMuch"]}  # from the fourth interval on
    with pytest.warns(UserWarning, match=r"duration_s=4 failed: .*shares must be positive"):
        found = sweep(fails, {"duration_s": [1.0, 4.0, 2.0]}, out="out")
    assert found.points["state"].tolist() == ["done", "failed", "done"] and not found.complete
    assert list(found.failed) == ["duration_s=4"] and found.per_drop["duration_s"].nunique() == 2
    assert np.isnan(found.to_xarray()["rate_mean"].sel(duration_s=4.0)).all()
    monkeypatch.setattr(toy_family.TooMuch, "decide", toy_family.Even.decide)
    again = computed(monkeypatch)
    sweep(fails, {"duration_s": [1.0, 4.0, 2.0]}, out="out", resume=True)
    assert again == [2] and load_sweep("out").failed == {}


def test_a_wrong_point_stops_the_sweep_before_the_first_run(here: Path) -> None:
    with pytest.raises(ScenarioError, match=r"point 2 \(trace=no.csv\): trace: there is no file no.csv"):
        sweep({**TOY, "users": 2}, {"trace": [None, "no.csv"]}, out="out")
    assert not Path("out").exists()
    with pytest.raises(ScenarioError, match=r"point 2 .*no_such"):
        sweep(TOY, {"allocators.1.params.power": [1.0, "no_such"]}, out="out")
    assert not Path("out").exists()


def test_folders_of_others_are_left_alone(here: Path) -> None:
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    with pytest.raises(ScenarioError, match="no sweep of fairwave's"):
        sweep(TOY, {"users": [2]}, out="mine")
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]
    with pytest.raises(ScenarioError, match="is no sweep"):
        load_sweep("mine")


def test_a_full_store_stops_the_sweep(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> object:
        monkeypatch.setattr(sweep_module, "probe", probe)
        raise ScenarioError("cannot write shard: No space left on device")

    def probe(folder: Path) -> None:
        raise ScenarioError(f"cannot write {folder}: No space left on device")

    monkeypatch.setattr(sweep_module.execute_sweep, "__defaults__", ((), full))
    with pytest.raises(ScenarioError, match="No space left"):
        sweep(TOY, {"users": [2, 4]}, out="out")


def test_pairs_have_one_dimension(here: Path) -> None:
    found = sweep({**TOY, "variants": {"a": {}, "b": {"seed": 7}}}, {"users": [2, 4], "duration_s": [1.0, 2.0]},
                  how="zip", out="out")  # fmt: skip
    dataset = found.to_xarray()
    assert dict(dataset.sizes) == {"point": 2, "variant": 3, "allocator": 2, "drop": 2}
    assert dataset["users"].to_numpy().tolist() == [2, 4]
    mean = dataset["rate_mean"].sel(variant=["a", "b"]).mean("variant")
    np.testing.assert_allclose(dataset["rate_mean"].sel(variant="all"), mean)


def test_a_key_that_changes_no_metric_is_told(here: Path) -> None:
    found = sweep(TOY, {"bytes_per_drop": [1000, 2000], "users": [2, 4]}, out="out")
    assert unmoved(found) == ["bytes_per_drop"]


_KILLED = """
import os, signal, sys
from dataclasses import replace
sys.path[:0] = {path!r}
from scenarios import families, sweep
from scenarios.campaigns import sweep as module

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def run_or_die(point, things, options):
    dies = point.stored.point.number == 3
    return module.run_point(point, things, replace(options, advance=kill) if dies else options)

families.FAMILIES["toy"] = "toy_family:FAMILY"
module.execute_sweep.__defaults__ = ((), run_or_die)
sweep({toy!r}, {{"users": [2, 4, 8, 16]}}, out="out")
"""


def test_a_killed_sweep_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed in the middle of the third point."""
    killed = subprocess.run([sys.executable, "-c", _KILLED.format(path=sys.path, toy=TOY)], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = load_sweep("out")
    assert before.points["state"].tolist() == ["done", "done", "missing", "missing"]
    numbers = computed(monkeypatch)
    whole = sweep(TOY, {"users": [2, 4, 8, 16]}, out="out", resume=True)
    assert whole.complete and numbers == [3, 4]
    alone = run({**TOY, "users": 8}, out="alone", plots=False).per_drop
    there = whole.per_drop.query("users == 8")[alone.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(there, alone, check_exact=True)


def test_each_point_has_the_drops_that_a_precision_needs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(until, "PILOT", 10)
    given, goal = {**TOY, "duration_s": 1.0}, "Even: rate_mean +-1e-6"
    with pytest.raises(ScenarioError, match="'drops' cannot vary"):
        sweep(given, {"drops": [2, 4]}, until=goal, out="out")
    found = sweep(given, {"users": [2, 8]}, until=goal, max_drops=14, out="out")
    drops = [Result(one.folder).settings.drops for one in found.stored]
    assert found.complete and drops == [14, 14] and list(found.not_reached) == ["users=2", "users=8"]
    assert "NOT reached with 14 drops (--max-drops 14), only +-" in found.not_reached["users=2"][0]
    numbers = computed(monkeypatch)
    sweep(given, {"users": [2, 8]}, until=goal, max_drops=14, out="out", resume=True)
    assert numbers == []
    sweep(given, {"users": [2, 8]}, until=goal, max_drops=15, out="out", resume=True)
    assert sorted(set(numbers)) == [1, 2] and load_sweep("out").per_drop["drop"].max() == 14
