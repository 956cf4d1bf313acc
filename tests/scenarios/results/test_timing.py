"""What deciding costs is told apart from the rest of the loop; its figures are for people, no test looks at them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from run_helpers import Toy, run
from typer.testing import CliRunner

from scenarios.cli.main import app
from scenarios.config import yaml12
from scenarios.results.shards import RunKey, Shard
from scenarios.results.timing import DecisionTime, decision_time_sentences, decision_times, human_us


def told(*shards: dict[str, Any], drops: int = 2) -> Any:
    """As much of a result as costs are read from: shards of one allocator, with these attributes."""
    by_path = {Path(str(number)): SimpleNamespace(attrs=attributes) for number, attributes in enumerate(shards)}
    run_key = RunKey(None, "mine")
    pieces = {run_key: [Shard(path, tuple(range(drops))) for path in by_path]}
    return SimpleNamespace(allocators=["mine"], run_keys=[run_key], shards=pieces, read=by_path.__getitem__)


def times(observe: float, decide: float, step: float, decisions: int) -> dict[str, Any]:
    return {"wall_observe_s": observe, "wall_decide_s": decide, "wall_step_s": step, "decisions": decisions}


def test_shares_and_microseconds_of_a_decision_follow_from_the_shards() -> None:
    result = told(times(1.0, 2.0, 3.0, 1000), times(1.0, 1.0, 2.0, 500))
    assert decision_times(result) == [DecisionTime("mine", 0.2, 0.3, 0.5, 2000.0, 2.0, 1)]
    assert decision_times(told({**times(1.0, 1.0, 2.0, 500), "wall_shared_by": 3}))[0].shared_by == 3


def test_shards_that_tell_no_times_have_no_cost() -> None:
    assert decision_times(told({"wall_decide_s": 1.0})) == []
    assert decision_time_sentences([]) == []


def test_a_line_an_allocator_and_one_on_what_is_shared() -> None:
    alone = DecisionTime("mine", 0.004, 0.1, 0.896, 45.2, 1.0, 1)
    assert decision_time_sentences([alone]) == [
        "time of mine  observe 0.4 %, decide 10.0 %, step 89.6 %; a decision for 1 drop takes 45.2 us"
    ]
    lines = decision_time_sentences(
        [DecisionTime("a", 0.0, 0.5, 0.5, 1234.0, 8.0, 2), DecisionTime("long", 0.0, 0.5, 0.5, 2e6, 8.0, 2)]
    )
    assert lines == [
        "time of a     observe 0.0 %, decide 50.0 %, step 50.0 %; a decision for 8 drops takes 1.23 ms",
        "time of long  observe 0.0 %, decide 50.0 %, step 50.0 %; a decision for 8 drops takes 2 s",
        "2 allocators ran side by side: observe and step are shared out equally",
    ]
    assert [human_us(value) for value in (0.5, 999.0, 1000.0)] == ["0.5 us", "999 us", "1 ms"]


def test_a_run_counts_its_decisions_and_prints_what_they_took(toy: Toy) -> None:
    Path("pipe.yaml").write_text(yaml12.dump({**toy, "drops": 3, "drops_per_batch": 2, "warmup_s": 1.0}))
    result = CliRunner().invoke(app, ["run", "pipe.yaml", "--out", "out"])
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if line.startswith("time of ")]
    assert [line.split()[2] for line in lines] == ["Even", "Greedy"]
    assert all("a decision for 1.5 drops takes" in line for line in lines)
    assert "side by side" not in result.stdout
    found = run(toy, out="out2", warmup_s=1.0)
    assert {found.read(shard.path).attrs["decisions"] for shards in found.shards.values() for shard in shards} == {6}
    for row in found.to_json()["time"]:
        assert row["observe"] + row["decide"] + row["step"] == pytest.approx(1.0, abs=2e-4)
        assert row["us_per_decision"] > 0


def test_allocators_side_by_side_say_so(tmp_path: Path) -> None:
    found = run(
        "slicing-quickstart", ["equal", "max_weight"], drops=1, duration_s=0.25, warmup_s=0, out=tmp_path / "out"
    )
    first, second = decision_times(found)
    assert first.shared_by == second.shared_by == 2
    assert first.us_per_decision != second.us_per_decision
    attributes = [found.read(shard.path).attrs for shards in found.shards.values() for shard in shards]
    assert attributes[0]["wall_step_s"] == attributes[1]["wall_step_s"]


def test_rounds_that_never_came_are_no_decisions(tmp_path: Path) -> None:
    field = {"nodes": 10, "width_m": 100, "height_m": 100}
    short = {"family": "wsn", "name": "short", "duration_s": 100, "field": field, "battery": {"initial_j": 1e-3}}
    found = run({**short, "allocators": ["direct"], "drops": 1}, out=tmp_path / "out")
    ((shard,),) = found.shards.values()
    assert 0 < found.read(shard.path).attrs["decisions"] < 100
