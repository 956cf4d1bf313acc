"""The family personalized: what is allotted is served, zones are learned from a run, bad input gets one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from allocators.registry import resolve
from mac.core.contracts import InfeasibleDecision
from mac.personalized import PersonalizedDecision
from mac.personalized.predictor import load_predictor
from mac.personalized.problem import PersonalizedProblem
from phy.random import Drops
from scenarios import ScenarioError, families, load, run
from scenarios.cli.main import app

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "variants": {},
    "duration_s": 0.3,
    "warmup_s": 0,
    "drops": 2,
    "carrier.prbs": 12,
    "personalized.interval_s": 0.02,
    "users.video.count": 4,
    "users.game.count": 2,
}


def problem(*drops: int, **changes: Any) -> PersonalizedProblem:
    scenario = load("personalized-cell", **{**SMALL, **changes})
    made = families.find("personalized").build(scenario, Drops(1, drops), CPU, torch.float64)
    assert isinstance(made, PersonalizedProblem)
    return made


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("past") / "run"
    run({"extends": "personalized-cell"}, out=folder, allocators=["random_share"], plots=False, progress=False, **SMALL)
    return folder


def fairwave(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_what_is_allotted_is_granted_and_what_is_promised_is_nearly_served() -> None:
    made = problem(0, **{"personalized.interval_s": 0.1})
    allocator = resolve("proportional_fair", "personalized", {})
    allocator.reset(made.context, 1)
    state = made.start()
    for _ in range(2):
        seen = made.observe(state)
        decision = allocator.decide(seen)
        state, outcome = made.step(state, decision)
        assert outcome.totals is not None
        granted = outcome.totals.by_name()["granted_prbs"] / made.slots
        assert granted.numpy() == pytest.approx(decision.prbs.numpy(), abs=0.05)
    promised, served = decision.promised_bps(seen), state.rate_bps
    assert float((served / promised).mean()) == pytest.approx(1.0, abs=0.15)


def test_drops_are_the_same_alone_and_in_a_batch_with_predicted_zones() -> None:
    both, alone = (problem(*drops, **{"personalized.predictor": "personalized-cell"}) for drops in ((0, 3), (3,)))
    seen, own = both.observe(both.start()), alone.observe(alone.start())
    assert torch.equal(seen.zones.desired_bps[1], own.zones.desired_bps[0])
    assert torch.equal(seen.bps_per_prb[1], own.bps_per_prb[0])
    assert bool((seen.zones.desired_bps > seen.zones.adequate_bps).all())


def test_decisions_that_no_cell_can_carry_out_are_refused() -> None:
    made = problem(4)
    state = made.start()
    for prbs, says in ((3.0, "cell 0 gives 18 PRBs of 12"), (-1.0, "gets -1 PRBs"), (float("nan"), "is no number")):
        with pytest.raises(InfeasibleDecision, match=says):
            made.step(state, PersonalizedDecision(torch.full((1, 6), prbs, dtype=torch.float64)))


def test_zones_are_learned_from_a_run_and_used_by_the_next(past: Path, tmp_path: Path) -> None:
    file = tmp_path / "needs.npz"
    done = fairwave("personalized", "fit", str(past), "--out", str(file), "--steps", "30", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["windows"] == 2 * 15 * 6 and 0 < told["rmse"] < 1
    found = load_predictor(file)
    assert found.groups == ("video", "game") and found.origin["seed"] == 1
    again = fairwave("personalized", "fit", str(past), "--out", str(file))
    assert again.exit_code == 2 and "is there already" in again.stderr
    made = problem(0, **{"personalized.predictor": str(file)})
    seen = made.observe(made.start())
    assert not torch.equal(seen.zones.desired_bps, made.needs.declared.desired_bps)
    with pytest.raises(ScenarioError, match=r"trained on 3 traits, and personalized\.trait_weights has 2"):
        problem(0, **{"personalized.predictor": str(file), "personalized.trait_weights": [1.0, 1.0]})
    with pytest.raises(ScenarioError, match="trained on the groups video, game, and the scenario has film, game"):
        problem(0, **{"personalized.predictor": str(file), "users.0.name": "film"})


@pytest.mark.parametrize("kind", ["missing", "text", "pickle", "foreign"])
def test_a_file_that_is_no_predictor_is_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.npz"
    if kind == "text":
        file.write_text("weights")
    elif kind == "pickle":
        np.savez(file, about=np.array({"groups": []}, dtype=object))
    elif kind == "foreign":
        np.savez(file, weights=np.zeros(3))
    with pytest.raises(ScenarioError, match="there is no file" if kind == "missing" else "is no predictor") as caught:
        problem(0, **{"personalized.predictor": str(file)})
    assert "\n" not in str(caught.value)


def test_the_front_of_a_cell_and_what_has_none(tmp_path: Path) -> None:
    small = [f"--set={key}={value}" for key, value in SMALL.items() if key != "variants"]
    done = fairwave("personalized", "front", "personalized-cell", "--json", "--set=personalized.target=0.2", *small)
    assert done.exit_code == 0, done.stderr
    front = json.loads(done.stdout)
    assert front["prbs"] == sorted(front["prbs"]) and front["satisfaction"] == sorted(front["satisfaction"])
    for arguments, says in (
        (["personalized-cell", "--cell", "3"], "--cell 3 does not exist; the scenario has 1"),
        (["slicing-quickstart"], "of the family slicing, not personalized"),
        (["personalized-cell", *small, "--set=users.0.zone.desired_bps=9e7"], "lower the target"),
    ):
        refused = fairwave("personalized", "front", *arguments)
        assert refused.exit_code == 2 and says in refused.stderr


def test_runs_of_other_families_or_windows_teach_nothing(past: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run("market-random", out=out, drops=1, duration_s=0.2, allocators=["equal_share"], plots=False, progress=False)
    done = fairwave("personalized", "fit", str(out), "--out", str(tmp_path / "x.npz"))
    assert done.exit_code == 2 and "is a run of the family market" in done.stderr


def test_predictor_needs_windows_that_differ(past: Path) -> None:
    from mac.personalized.predictor_fit import PastWindows
    from mac.personalized.zone import Zones

    column = torch.ones(200, dtype=torch.float64)
    zones = Zones(column, 2 * column)
    with pytest.raises(ValueError, match="all windows report a satisfaction of about 1"):
        PastWindows(column[:, None], column.long(), column, column, zones).require()
    with pytest.raises(ValueError, match="too few"):
        PastWindows(column[:9, None], column.long()[:9], column[:9], column[:9], zones).require()
    with pytest.raises(ValueError, match="NaN"):
        PastWindows(column[:, None], column.long(), column * float("nan"), column, zones).require()
