"""``fairwave inspect``: the map of a drop, and one UE over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import StepPatch
from small_policies import SMALL
from typer.testing import CliRunner, Result

import scenarios
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
