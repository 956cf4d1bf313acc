"""Drops are added until an interval is reached; the result is that of so many drops at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from run_helpers import Toy, run

from scenarios import Result, load
from scenarios.errors import ScenarioError
from scenarios.results.precision import goals_of, precision_sentences
from scenarios.running import until as until_module

pytestmark = pytest.mark.usefixtures("short")
GOAL = "Greedy - Even: rate_mean +-0.01"


@pytest.fixture
def short(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes drops short and the pilot small."""
    toy |= {"duration_s": 1.0}
    monkeypatch.setattr(until_module, "PILOT", 10)


def test_goals_are_read_and_wrong_ones_refused(toy: Toy) -> None:
    scenario = load(toy)
    texts = ["rate_mean +-0.01", "Even: rate_mean ± 0.5", "Greedy - Even: jain_rate+/-1e-3"]
    assert [goal.text for goal in goals_of(texts, scenario)] == [
        "rate_mean +-0.01", "Even: rate_mean +-0.5", "Greedy - Even: jain_rate +-0.001",
    ]  # fmt: skip
    for text, match in (
        ("rate_mean 0.01", "write it as"),
        ("rate_maen +-0.01", "did you mean 'rate_mean'"),
        ("rate_mean +-0", "must be above 0"),
        ("rate_mean +-x", "'x' is no number"),
        ("Evn: rate_mean +-1", "unknown allocator 'Evn'; did you mean 'Even'"),
        ("Even - Even: rate_mean +-1", "of two allocators"),
        ("rate_mean +-1 in few", "unknown variant 'few'; this scenario has none"),
        ("satisfaction +-0.1", "no metric 'satisfaction'"),  # after the pilot
    ):
        with pytest.raises(ScenarioError, match=match):
            run(toy, until=text, out="out")
    with pytest.raises(ScenarioError, match="--max-drops 9 is below 10"):
        run(toy, until=GOAL, max_drops=9)


def test_drops_are_added_until_the_interval_is_reached(toy: Toy) -> None:
    result = run(toy, until=GOAL, out="out")
    (goal,) = result.meta["until"]["goals"]
    assert goal["met"] and goal["half"] <= 0.01 and goal["drops"] == result.settings.drops > 10 and result.complete
    assert goal["ci95_high"] - goal["ci95_low"] == pytest.approx(0.02)
    assert precision_sentences(result.meta["until"])[0].startswith(f"{GOAL}: reached with {goal['drops']} drops, ")
    at_once = run(toy, drops=result.settings.drops, out="at_once")
    pd.testing.assert_frame_equal(Result("out").per_drop, at_once.per_drop, check_exact=True)
    assert at_once.meta["hash"] == result.meta["hash"]
    looser = run(toy, until="Even: rate_mean +-1", out="out", resume=True)
    assert looser.settings.drops == result.settings.drops and looser.meta["until"]["goals"][0]["met"]


def test_a_goal_can_be_about_one_variant(toy: Toy) -> None:
    toy["variants"] = {"few": {"users": 2}, "many": {"users": 8}}
    goal, mean = "Even: rate_mean +-0.05 in many", "Even: rate_mean +-0.05"
    result = run(toy, ["toy_family:Even"], until=[goal, mean], out="out", max_drops=10)
    rows = result.per_drop
    rows = rows[(rows["metric"] == "rate_mean") & (rows["allocator"] == "Even")]
    told = {one["goal"]: one["mean"] for one in result.meta["until"]["goals"]}
    assert told == {
        goal: pytest.approx(rows.loc[rows["variant"] == "many", "value"].mean()),
        mean: pytest.approx(rows["value"].mean()),
    }
    with pytest.raises(ScenarioError, match="unknown variant 'mny'; did you mean 'many'"):
        run(toy, until="rate_mean +-1 in mny", out="other")


def test_drops_are_added_in_a_store(toy: Toy) -> None:
    """Allocators one after the other: the folder is uploaded while the batch of the pilot is under way."""
    goal, place = "Even: rate_mean +-1e-6", "memory://until/run"
    far = run(toy, until=goal, max_drops=12, out=place)
    again = run(toy, until="Even: rate_mean +-1", max_drops=12, out=place, resume=True)
    assert far.place == again.place == place and again.settings.drops == 12
    kept = Result(place)
    assert kept.meta["until"]["goals"][0]["met"] and not far.meta["until"]["goals"][0]["met"]
    pd.testing.assert_frame_equal(kept.per_drop, run(toy, drops=12, out="here").per_drop, check_exact=True)


def test_what_cannot_be_reached_is_told(toy: Toy) -> None:
    result = run(toy, until="Even: rate_mean +-1e-6", max_drops=12)
    (goal,) = result.meta["until"]["goals"]
    assert not goal["met"] and goal["drops"] == 12 and goal["needed_drops"] > 1000
    assert "NOT reached with 12 drops (--max-drops 12), only +-" in result.notes()[0][1]
    again = run(toy, until="Even: rate_mean +-1e-6", max_drops=13, resume=True)
    assert again.run_dir == result.run_dir and again.settings.drops == 13
    idle = run(toy, until="Even: served_share +-1", users=1, max_drops=10)
    assert "NOT reached: 10 drops (--max-drops 10) do not tell the spread" in idle.notes()[0][1]


def test_a_run_can_go_on_to_more_drops_and_not_to_fewer(toy: Toy) -> None:
    run(toy, drops=3, out="out")
    more = run(toy, drops=5, out="out", resume=True)
    pd.testing.assert_frame_equal(more.per_drop, run(toy, drops=5, out="at_once").per_drop, check_exact=True)
    with pytest.raises(ScenarioError, match="holds a run of 5 drops, and 4 are asked for"):
        run(toy, drops=4, out="out", resume=True)


_KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from scenarios import families, load
from scenarios.results.result import Result
from scenarios.running import prepared_run as module, run, until

families.FAMILIES["toy"] = "toy_family:FAMILY"
until.PILOT = 10
written, write = [], module.write_shard

def write_or_die(*args):
    written.append(write(*args))
    if len(written) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return written[-1]

module.write_shard = write_or_die
run.run({toy!r}, until={goal!r}, out="killed", plots=False)
"""


def test_a_killed_run_goes_on_to_the_same_result(toy: Toy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is killed in the second stage, when one shard of it is written."""
    given: dict[str, Any] = {**toy, "drops_per_batch": 6}
    script = _KILLED.format(path=sys.path, toy=given, goal=GOAL, after=5)
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load("killed/scenario.yaml").drops > 10 and not Result("killed").complete
    resumed = run(given, until=GOAL, out="killed", resume=True)
    whole = run(given, until=GOAL, out="whole")
    pd.testing.assert_frame_equal(resumed.per_drop, whole.per_drop, check_exact=True)
    assert resumed.meta["until"] == whole.meta["until"]
