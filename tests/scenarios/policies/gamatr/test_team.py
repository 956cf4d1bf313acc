"""Teams are trained on drops that no run has, written as plain arrays, and decide as allocators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from allocators.registry import BadAllocator, resolve
from phy.random import Drops
from scenarios import ScenarioError, families, load
from scenarios.policies.gamatr.training import METHODS, Progress, train_method, train_team

SMALL: dict[str, Any] = {"duration_s": 4, "users.0.count": 6, "users.1.count": 2, "uavs.count": 3}


def scenario(**changes: Any) -> Any:
    return load("uav-hotspot", **{**SMALL, **changes})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("team") / "team.npz"
    train_method("gamatr", scenario(), 2, None, out, lambda text: None, False)
    return out


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_the_same_seed_gives_the_same(method: str) -> None:
    told: list[list[Progress]] = [[], []]
    for rounds in told:
        train_team(scenario(), METHODS[method], 2, rounds.append, envs=2)
    assert [(one.steps, one.mean_return, one.most_kl) for one in told[0]] == [
        (one.steps, one.mean_return, one.most_kl) for one in told[1]
    ]
    assert told[0][1].steps == 2 * 2 * 4
    assert method == "gamatr_clip" or all(0 <= one.most_kl < 0.01 for one in told[0])


def test_the_family_names_all_methods() -> None:
    assert set(families.find("uav").trainers) == set(METHODS)


def played(team: Any, *drops: int) -> torch.Tensor:
    """The velocities that a team decides on in three intervals, ``[3, B, agents, 3]``."""
    problem = families.find("uav").build(scenario(), Drops(1, drops), torch.device("cpu"), torch.float32)
    team.reset(problem.context, 1)
    state, found = problem.start(), []
    for _ in range(3):
        decision = team.decide(problem.observe(state))
        state, _ = problem.step(state, decision)
        found.append(decision.velocity_mps)
    return torch.stack(found)


def test_a_team_decides_the_same_alone_and_in_a_batch(file: Path) -> None:
    team = resolve(f"gamatr:{file}", "uav")
    both = played(team, 0, 5)
    assert bool((both != 0).any()) and torch.equal(both[:, 1:], played(team, 5))
    assert torch.equal(both, played(team, 0, 5))  # reset() empties the memories


def test_what_does_not_fit_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BadAllocator, match="trained for the family 'uav'"):
        resolve(f"gamatr:{file}", "slicing")
    other = families.find("uav").build(
        scenario(**{"uavs.count": 2}), Drops(1, (0,)), torch.device("cpu"), torch.float32
    )
    with pytest.raises(ValueError, match="for 3 uavs, and this scenario has 2: train it anew"):
        resolve(f"gamatr:{file}", "uav").reset(other.context, 1)
    for name, content in (("none.npz", None), ("text.npz", b"weights"), ("other.npz", {"a": np.zeros(2)})):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            np.savez(path, **content)
        with pytest.raises(BadAllocator, match="there is no policy file" if content is None else "is no team that"):
            resolve(f"gamatr:{path}", "uav")
    with pytest.raises(ScenarioError, match="is there already"):
        train_method("gamatr", scenario(), 1, None, file, lambda text: None, False)
    with pytest.raises(ScenarioError, match="--updates does not go with"):
        train_method("gamatr", scenario(), 1, 5, tmp_path / "x.npz", lambda text: None, False)
    with pytest.raises(ScenarioError, match="has no graph of agents"):
        train_team(load("slicing-quickstart"), METHODS["gamatr"], 1, lambda progress: None)
