"""Tuning: what may stand in a space, that the best is the best of all trials, and that trials are found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from scenarios import Result, ScenarioError, load, load_sweep, tune
from scenarios.campaigns import tuning
from scenarios.campaigns.tuning_space import define_tuning

POWER = "allocators.1.params.power"
TOY: dict[str, Any] = {
    "name": "toy",
    "family": "toy",
    "drops": 2,
    "duration_s": 1.0,
    "allocators": ["toy_family:Even", {"name": "toy_family:Greedy", "params": {"power": 3.0}}],
}
TUNE: dict[str, Any] = {
    "metric": "jain_rate",
    "space": {POWER: {"low": 0.5, "high": 4.0}},
    "trials": 4,
    "validation": {"drops": 6},
}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"metric": "jain_raet"}, "'tune.metric': there is no metric 'jain_raet'; did you mean 'jain_rate'"),
        ({"metrik": "x"}, "'tune.metrik': there is no such key; did you mean 'metric'"),
        ({"trials": 0}, "'tune.trials': .*greater than or equal to 1, given 0"),
        ({"space": {POWER: {"low": 2, "high": 1}}}, f"'tune.space.{POWER}': 'low' must be below 'high', given 2 and 1"),
        ({"space": {POWER: {"low": 0, "high": 1, "log": True}}}, "'log' needs a 'low' above 0"),
        ({"space": {POWER: 3}}, f"'tune.space.{POWER}': must be .* or a list of values, given 3"),
        ({"space": {POWER: {"low": 1}}}, f"'tune.space.{POWER}.high': it is missing"),
        ({"space": {POWER: [1.0]}}, "must have two values or more"),
        ({"space": {POWER: [1.0, "no"]}}, "tune.space.*power=no.*power"),
        ({"space": {"users": {"low": 1, "high": 1000}}, "allocator": "Even"}, "users=1000.*users"),
        ({"space": {"users": [2, 4]}}, "'tune.allocator' must say which allocator is tuned, one of: Even, Greedy"),
        ({"space": {"family": ["toy", "x"]}}, "'family' cannot vary"),
        ({"space": {"drops": [1, 2]}, "allocator": "Even"}, "drops and seed are no parameters"),
        ({"validation": {"seed": 0}}, "'tune.validation.seed' is 0, that of the trials"),
    ],
)
def test_bad_spaces_are_refused_in_a_sentence(change: dict[str, Any], match: str) -> None:
    with pytest.raises(ScenarioError, match=match) as caught:
        define_tuning({**TOY, "tune": {**TUNE, **change}})
    assert "\n" not in str(caught.value)


def test_a_grid_beside_it_is_refused() -> None:
    with pytest.raises(ScenarioError, match="give one of 'tune' and 'grid'"):
        define_tuning({**TOY, "tune": TUNE, "grid": {"users": [2, 4]}})


def test_the_best_trial_meets_the_default_on_fresh_drops(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    found = tune({**TOY, "tune": TUNE}, out="out")
    trials = found.trials
    assert trials["value"].max() == trials.set_index(POWER)["value"][found.best[POWER]] and len(trials) == 4
    sweep = load_sweep("out")
    assert sweep.complete and sweep.allocators == ["Greedy"]
    means = sweep.metric("jain_rate").set_index(POWER)["mean"]
    np.testing.assert_allclose(means[trials[POWER]], trials["value"])
    snippet = yaml.safe_load(Path("out/best.yaml").read_text())
    assert load({**TOY, **snippet}).allocators[0].params == {"power": found.best[POWER]}
    folders = {path.name.split("-")[0]: Result(path) for path in Path("out/validation").iterdir()}
    assert {name: result.settings.seed for name, result in folders.items()} == {"tuned": 1, "default": 1}
    by_drop = {
        name: result.per_drop.query("metric == 'jain_rate'")["value"].to_numpy() for name, result in folders.items()
    }
    row = found.validation.set_index("metric").loc["jain_rate"]
    assert row["drops"] == 6 and np.isclose(row["mean_difference"], (by_drop["tuned"] - by_drop["default"]).mean())
    assert "on 6 fresh drops, tuned less default: jain_rate" in tuning.tuning_sentences(found, "jain_rate")[1]
    run, ran = tuning._run, []
    monkeypatch.setattr(
        tuning, "_run", lambda scenario, folder, options: ran.append(folder.exists()) or run(scenario, folder, options)
    )
    again = tune({**TOY, "tune": {**TUNE, "trials": 5}}, out="out", resume=True)
    assert ran[:5] == [True] * 4 + [False]  # the trials of before are found, one is new
    pd.testing.assert_frame_equal(again.trials.iloc[:4], trials, check_exact=True)


def test_trials_that_fail_are_told_and_the_others_kept(here: Path) -> None:
    pytest.importorskip("optuna")
    given = {**TOY, "duration_s": 4.0, "allocators": ["toy_family:TooMuch"]}  # fails from the fourth interval on
    with pytest.raises(ScenarioError, match=r"none of 2 trials has a value; the first one: .*shares must be positive"):
        tune({**given, "tune": {**TUNE, "space": {"users": [2, 4]}, "trials": 2}}, out="out")
