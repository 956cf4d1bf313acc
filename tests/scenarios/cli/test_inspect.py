"""``fairwave inspect``: the map of a drop, and one UE over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backend_cases import torch_alone
from matplotlib.patches import StepPatch
from small_policies import SMALL
from typer.testing import CliRunner, Result

import scenarios
from mac.engine import slot_series
from scenarios.cli.main import app
from scenarios.plots.user_life import UserChoice, plot_user


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("inspected") / "run"
    given = {"record_slots_of": [2, 5], "harq.max_attempts": 2}
    return scenarios.run(SMALL, ["equal", "max_weight"], out=out, plots=False, progress=False, **given)


def inspect(run: Any, *words: str) -> Result:
    return CliRunner().invoke(app, ["inspect", str(run.run_dir), *words])


def test_a_user_is_drawn_from_its_windows(run: Any, tmp_path: Path) -> None:
    figure = plot_user(run, UserChoice(drop=1, user=5, allocator="max_weight"))
    labels = {axes.get_ylabel().replace("\n", " "): axes for axes in figure.axes}
    stored = run.to_xarray("max_weight").sel({"drop": 1, "user": 5})
    (served, *_) = [patch for patch in labels["rate [Mbit/s]"].patches if isinstance(patch, StepPatch)]
    assert np.allclose(served.get_data().values, stored["served_bits"] / stored.attrs["window_s"] / 1e6)
    done = inspect(run, "--drop", "1", "--user", "5", "--out", str(tmp_path / "user.svg"))
    assert done.exit_code == 0 and "<svg" in (tmp_path / "user.svg").read_text()


def test_whole_numbers_have_whole_ticks(run: Any) -> None:
    figure = plot_user(run, UserChoice(drop=0, user=2))
    labels = {axes.get_ylabel().replace("\n", " "): axes for axes in figure.axes}
    for name in ("CQI", "MCS", "rank", "attempt (HARQ)"):
        low, high = labels[name].get_ylim()
        ticks = [tick for tick in labels[name].get_yticks() if low <= tick <= high]
        assert ticks and all(tick == round(tick) for tick in ticks), name


def test_without_a_user_it_is_the_map(run: Any) -> None:
    done = inspect(run, "--drop", "1")
    assert done.exit_code == 0 and (run.run_dir / "plots" / "drop-1.png").is_file(), done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--drop", "7"], "there is no drop 7 in this run; there are 0 to 1"),
        (["--user", "99"], "there is no user 99 in this run; there are 0 to"),
        (["--user", "1", "--allocator", "max_weigt"], "did you mean 'max_weight'"),
        (["--user", "1", "--from", "5"], "there is no window from 5.0"),
        (["--allocator", "equal"], "--allocator goes with --user"),
        (["--out", "map.gif"], "the suffix tells the format"),
    ],
)
def test_bad_input_is_one_sentence(run: Any, words: list[str], message: str) -> None:
    done = inspect(run, *words)
    assert done.exit_code == 2 and message in " ".join(done.stderr.split())


def test_recorded_slots_add_up_to_the_windows_and_change_nothing(run: Any, tmp_path: Path) -> None:
    plain = scenarios.run(
        SMALL, run.allocators, out=tmp_path / "plain", plots=False, progress=False, **{"harq.max_attempts": 2}
    )
    assert plain.per_drop["value"].equals(run.per_drop["value"])
    for allocator in run.allocators:
        stored = run.to_xarray(allocator)
        assert stored["recorded_user"].to_numpy().tolist() == [2, 5]
        slots = stored.sizes["slot"] // stored.sizes["window"]
        windows = stored.isel({"user": [2, 5]})

        def by_window(values: Any, stored: Any = stored, slots: int = slots) -> np.ndarray[Any, Any]:
            found = values.transpose("drop", "slot", "recorded_user").to_numpy()
            return found.reshape(len(found), stored.sizes["window"], slots, 2).sum(2)

        sent = stored["slot_attempts"].notnull()
        for series, array in (
            (stored["slot_served_bits"], "served_bits"),
            (stored["slot_prbs"], "granted_prbs"),
            ((stored["slot_attempts"] == 1), "first_tx"),
            ((stored["slot_attempts"] == 1) & (stored["slot_decoded"] == 0), "first_nack"),
        ):
            assert np.array_equal(by_window(series.astype(float)), windows[array].transpose("drop", "window", "user"))
        assert int(sent.sum()) > 0 and bool((stored["slot_mcs"].notnull() == sent).all())
        assert float(stored["slot_cqi"].min()) >= 0 and float(stored["slot_cqi"].max()) <= 15
        assert bool((stored["slot_cell"] == 0).all()) and bool((stored["slot_rank"].fillna(1) == 1).all())
        assert float(stored["slot_time_s"][-1]) == pytest.approx(float(stored["time_s"][-1]))


def test_recorded_slots_are_the_same_in_torch(run: Any, tmp_path: Path) -> None:
    given = {"record_slots_of": [2, 5], "harq.max_attempts": 2}
    with torch_alone():
        other = scenarios.run(SMALL, ["equal"], out=tmp_path / "torch", plots=False, progress=False, **given)
    assert (run.meta["backend"], other.meta["backend"]) == ("numba", "torch")
    for name in slot_series.ARRAY_SPECS:
        mine, theirs = (each.to_xarray("equal")[name].to_numpy() for each in (run, other))
        assert np.allclose(mine, theirs, rtol=1e-4, equal_nan=True), name


def test_users_that_are_not_there_are_refused() -> None:
    with pytest.raises(scenarios.ScenarioError, match="record_slots_of has 99, and the users are 0 to"):
        scenarios.load(SMALL, record_slots_of=[99])
