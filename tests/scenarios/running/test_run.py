"""Runs, their folders, and that being cut off, resumed or cut into other batches never shows in a number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toy_family
import xarray as xr
from run_helpers import Toy, files, refused, run

from mac.core.contracts import AllocatorError
from scenarios import families, load
from scenarios.errors import ScenarioError
from scenarios.results.shards import read_shard
from scenarios.running import memory


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
    with xr.open_dataset("out/shards/_/Even/drops-00000-00003.nc", engine="netcdf4") as shard:
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


def test_results_do_not_depend_on_batches_or_on_what_else_runs(toy: Toy) -> None:
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
    written = pd.read_csv(result.run_dir / "paired_variants.csv")
    assert set(zip(written["a"], written["b"], strict=True)) == {("few", "fast")}
    assert set(written["allocator"]) == set(result.allocators) and len(result.to_json()["paired_variants"]) > 0
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
    assert list(document) == ["run_dir", "scenario", "metrics", "paired", "notes", "time", "not_stationary"]
    ours = ["variant", "allocator", "metric", "unit", "mean", "drops", "remark", "ci95"]
    assert all(list(row) == ours for row in document["metrics"])
    pairs = ["variant", "metric", "a", "b", "mean_difference", "drops", "p", "p_flips", "p_holm",
             "needed_drops", "remark", "ci95"]  # fmt: skip
    assert all(list(row) == pairs for row in document["paired"])
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
    with pytest.raises(ScenarioError, match=r"no.* data for a plot 'quotas'.* one of: fairness_throughput, rate_cdf"):
        plain.plot("quotas")
    with pytest.raises(ScenarioError, match="no variants"):
        plain.plot_variants()
    toy["variants"] = {"few": {"users": 2}, "fast": {"pipe.rate_bps": 2e6}}
    result = run(toy, out="out", drops=2)
    assert "rate_p5" in result.plot_variants("rate_p5").axes[0].get_xlabel()
    assert "variant few" in result.plot_rate_cdf("few").get_suptitle()
    with pytest.raises(ScenarioError, match="did you mean 'rate_p5'"):
        result.plot_variants("rate_p6")


def test_importing_results_does_not_wait_for_matplotlib() -> None:
    code = "import sys, scenarios.results.result; assert 'matplotlib' not in sys.modules"
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

    def fit(free: int) -> int:
        return memory.fit(scenario, family, "cpu", int(free / memory.SHARE))[0]

    assert [fit(10**6), fit(4000)] == [4, 4], "four are best"
    with pytest.warns(UserWarning, match=r"toy: drops_per_batch 4 -> 2: needs about 4 kB, and 4 kB of the 5 kB free"):
        assert fit(3999) == 2
    with pytest.warns(UserWarning, match="drops_per_batch 4 -> 1"):
        assert fit(1000) == 1
    with pytest.raises(ScenarioError, match=r"needs about 1 kB for a single drop, but only 999 B"):
        memory.fit(scenario, family, "cpu", int(999 / memory.SHARE) + 1)
    asked = load(toy, bytes_per_drop=1000, drops_per_batch=3)
    assert memory.fit(asked, family, "cpu", 10**6)[0] == 3
    assert memory.available_bytes("cpu") > 10**6


_CHILD = """
import sys
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background inherits that Ctrl-C is ignored
sys.path.insert(0, {tests!r})
from scenarios import families
families.FAMILIES["toy"] = "toy_family:FAMILY"
from scenarios.cli.main import main
sys.argv = ["fairwave", "run", "slow.yaml", "--out", "out"]
main()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_cut_off_resumes_with_the_very_metrics(toy: Toy, how: signal.Signals) -> None:
    slow = {**toy, "drops": 6, "drops_per_batch": 1, "allocators": ["toy_family:Slow", "toy_family:Greedy"]}
    Path("slow.yaml").write_text(json.dumps(slow))
    code = _CHILD.format(tests=str(Path(__file__).parents[2] / "support"))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while _shards_in("out") < 3 and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(how)
    out, err = child.communicate()
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
