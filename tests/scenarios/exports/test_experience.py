"""Experience of allocators: what a learner would have seen, whose decision it was, and how it is written."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from small_environments import WITH_ENVIRONMENT, small
from small_policies import SMALL as TINY
from typer.testing import CliRunner

import scenarios
from allocators.slicing.equal import Equal
from mac.core.contracts import AllocatorError
from mac.slicing import SlicingDecision
from scenarios import families
from scenarios.cli.main import app
from scenarios.envs.choice import environment_of
from scenarios.envs.task import id_of
from scenarios.errors import ScenarioError
from scenarios.exports.experience_file import save_experience
from scenarios.exports.experience_problem import same_decision


def collect(family: str, allocators: Any, **options: Any) -> Any:
    scenario = environment_of(families.find(family)).scenario
    return scenarios.collect(scenario, allocators, progress=False, **{**small(family)["overrides"], **options})


@pytest.mark.parametrize("family", WITH_ENVIRONMENT)
def test_replaying_the_actions_gives_the_experience(family: str) -> None:
    """By the environment itself: the same seed and the recorded actions lead to the same rows, bit for bit."""
    environment = environment_of(families.find(family))
    for actions in environment.actions:
        first = scenarios.load(environment.scenario).allocators[0].name
        found = collect(family, first, drops=2, seed=5, actions=actions)
        rows = found.rows()
        envs = gymnasium.make_vec(
            f"scenarios.envs:{id_of(family)}", num_envs=2, actions=actions, **small(family, overrides={"seed": 5})
        )
        seen, _ = envs.reset(seed=5)
        for step in range(int(rows["step"].max()) + 1):
            now = rows["step"] == step
            assert np.array_equal(rows["observation"][now], seen)
            seen, reward, terminated, truncated, _ = envs.step(rows["action"][now])
            assert np.array_equal(rows["reward"][now], reward)
            assert np.array_equal(rows["next_observation"][now], seen)
            assert np.array_equal(rows["terminated"][now], terminated)
            assert np.array_equal(rows["truncated"][now], truncated)
        envs.close()


@pytest.mark.parametrize(
    ("family", "allocator", "actions"),
    [("slicing", "max_weight", "weights"), ("slicing", "equal", "moves"), ("wsn", "leach", "heads")],
)
def test_what_can_be_told_as_an_action_is_exact(family: str, allocator: str, actions: str) -> None:
    assert collect(family, allocator, drops=2, actions=actions).exact == 1.0


def test_what_cannot_be_told_is_the_nearest_action_and_marked() -> None:
    """Worked out by hand: slices hold 2, 2, 2 of 6 RBGs and are to hold 1, 1, 4, which takes two moves."""
    found = collect("slicing", Jump(), drops=1, actions="moves", **{"carrier.prbs": 16})
    held = found.arrays["observation"][:, 0, :3] * 6
    assert held.round().tolist() == [[2, 2, 2], [1, 2, 3], [1, 1, 4]]
    assert found.arrays["action"][:, 0].tolist() == [2, 4, 0]  # first to last, second to last, none
    assert found.arrays["exact"].tolist() == [False, True, True]


class Jump(Equal):
    """Gives all that can be given to the last slice."""

    def decide(self, observation: Any) -> SlicingDecision:
        rbg = torch.ones_like(observation.rbg)
        rbg[..., -1] = observation.rbg[0, 0].sum() - 2
        return SlicingDecision(rbg)


def test_rows_by_agent_are_those_of_live_agents() -> None:
    found = collect("wsn", "leach", drops=2)
    rows, live = found.rows(by_agent=True), found.arrays["live"]
    assert len(rows["reward"]) == int(live.sum())
    place = np.argwhere(live)
    assert np.array_equal(rows["observation"], found.arrays["observation"][place[:, 0], place[:, 1]])
    assert np.array_equal(rows["agent"], place[:, 1])
    tensors = found.to_torch()
    assert torch.equal(tensors["reward"], torch.from_numpy(found.rows()["reward"])) and "allocator" not in tensors


def test_decisions_are_compared_part_by_part() -> None:
    one = SlicingDecision(torch.tensor([[[1, 2, 3]], [[2, 2, 2]]]))
    other = SlicingDecision(torch.tensor([[[1, 2, 3]], [[1, 3, 2]]]))
    assert same_decision(one, other).tolist() == [True, False]
    limited = replace(one, most_rbg=one.rbg)
    assert same_decision(one, limited).tolist() == [False, False]
    assert same_decision(one, limited, ("rbg",)).tolist() == [True, True]


def test_the_command_writes_what_python_returns(tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(json.dumps(TINY))
    options = ["--allocators", "equal,max_weight", "--drops", "1", "--features", "share_held,backlog", "--json"]
    for suffix in ("npz", "csv"):
        done = CliRunner().invoke(app, ["experience", str(scenario), *options, "--out", str(tmp_path / f"e.{suffix}")])
        assert done.exit_code == 0, done.output
    assert [row["allocator"] for row in json.loads(done.stdout)["allocators"]] == ["equal", "max_weight"]
    expected = scenarios.collect(str(scenario), ["equal", "max_weight"], drops=1, features=["share_held", "backlog"])
    with np.load(tmp_path / "e.npz") as stored:
        assert json.loads(str(stored["facts"])) == expected.facts.as_plain()
        assert all(np.array_equal(stored[name], values) for name, values in expected.rows().items())
    header = (tmp_path / "e.csv").read_text().splitlines()[0].split(",")
    assert header[:2] == ["observation.share_held.0", "observation.share_held.1"] and "action.2" in header
    again = CliRunner().invoke(app, ["experience", str(scenario), *options, "--out", str(tmp_path / "e.csv")])
    assert again.exit_code == 2 and "is there already" in again.stderr


def test_parquet_holds_lists_of_numbers(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    found = collect("slicing", "equal", drops=1)
    table = parquet.read_table(save_experience(found, tmp_path / "e.parquet"))
    assert np.array_equal(np.stack(table.to_pandas()["observation"]), found.rows()["observation"])
    assert json.loads(table.schema.metadata[b"fairwave_facts"])["family"] == "slicing"


def test_tensorflow_reads_the_rows() -> None:
    pytest.importorskip("tensorflow", reason="needs the extra tensorflow")
    found = collect("slicing", "equal", drops=1)
    first = next(iter(found.to_tf_dataset().batch(len(found))))
    assert np.array_equal(first["observation"].numpy(), found.rows()["observation"])


class Greedy(Equal):
    """Gives more than there is."""

    def decide(self, observation: Any) -> SlicingDecision:
        return SlicingDecision(observation.rbg + 100)


def test_bad_input_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AllocatorError, match=r"allocator Greedy: decision not allowed: a slice gets 10\d RBGs"):
        collect("slicing", Greedy(), drops=1)
    with pytest.raises(ScenarioError, match="unknown mapping of actions 'weight'; did you mean 'weights'"):
        collect("slicing", "equal", actions="weight")
    mapping = environment_of(families.find("slicing")).actions["weights"]
    with pytest.raises(ScenarioError, match="no function 'nearest'; mappings of actions that have one: weights, moves"):
        collect("slicing", "equal", actions=replace(mapping, nearest=None))
    found = collect("slicing", "equal", drops=1)
    with pytest.raises(ScenarioError, match=r"the suffix tells the format; did you mean '\.npz'"):
        save_experience(found, tmp_path / "e.npy")
    for package, call in (
        ("pyarrow", lambda: save_experience(found, tmp_path / "e.parquet")),
        ("tensorflow", found.to_tf_dataset),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.setitem(sys.modules, f"{package}.parquet", None)
        with pytest.raises(ScenarioError, match="pip install 'fairwave"):
            call()
