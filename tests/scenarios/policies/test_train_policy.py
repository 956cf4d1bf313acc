"""Training of a small network: its file, its checkpoints, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from small_policies import SMALL
from stable_baselines3 import DQN, PPO, SAC
from typer.testing import CliRunner, Result

from scenarios import load
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.policies.learning import Training, train_policy
from scenarios.policies.sb3_networks import network_of
from scenarios.policies.torch_file import read_torch
from scenarios.running import options as options_of_runs

TINY = Training("ppo", steps=8, envs=2, features=["share_held", "backlog"])


def train(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", *arguments])


def test_the_command_trains_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options_of_runs, "RunOptions", partial(options_of_runs.RunOptions, plots=False))
    scenario = tmp_path / "small.yaml"
    scenario.write_text(json.dumps({**SMALL, "allocators": ["equal"]}))
    options = ["--algorithm", "dqn", "--steps", "8", "--envs", "2", "--out", "policy.pt", "--json"]
    done = train(str(scenario), *options)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["steps"] == 8 and {row["allocator"] for row in told["comparison"]["metrics"]} == {"equal", "dqn"}
    facts = read_torch(Path("policy.pt")).trained_for
    assert facts is not None and (facts.actions, facts.size, facts.scenario) == ("moves", 7, "small")
    assert "--resume goes on with it" in " ".join(train(str(scenario), *options).stderr.split())


def test_a_killed_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "policy.pt"
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path; from scenarios import load\n"
        "from scenarios.policies.learning import train_policy; from test_train_policy import SMALL, TINY\n"
        "def tell(text):\n    print(text, flush=True); os.kill(os.getpid(), 9)\n"
        "train_policy(load(SMALL), TINY, Path(sys.argv[1]), tell)\n"
    )
    here = str(Path(__file__).parent)
    killed = subprocess.run([sys.executable, "-c", code, str(out), here], capture_output=True, text=True, check=False)
    assert killed.returncode == -9 and killed.stdout.startswith("4 of 8 steps"), killed.stderr
    assert not out.exists()
    with pytest.raises(ScenarioError, match="--resume goes on with it, --force begins anew"):
        train_policy(load(SMALL), TINY, out, print)
    other = Training("ppo", steps=8, envs=2, features=["share_held"])
    with pytest.raises(ScenarioError, match=r"a training with features \['share_held', 'backlog'\], and now"):
        train_policy(load(SMALL), other, out, print, resume=True)
    told: list[str] = []
    done = train_policy(load(SMALL), TINY, out, told.append, resume=True)
    assert done.steps == 8 and len(told) == 1 and told[0].startswith("8 of 8 steps") and out.is_file()


@pytest.mark.parametrize(("kind", "space"), [(PPO, Box(-1, 1, (3,))), (PPO, Discrete(4)), (DQN, Discrete(4)),
                                             (SAC, Box(-1, 1, (3,)))])  # fmt: skip
def test_the_network_of_a_learner_says_what_the_learner_does(kind: type, space: Box | Discrete) -> None:
    import gymnasium

    class Still(gymnasium.Env):  # type: ignore[type-arg]
        observation_space, action_space = Box(-1, 1, (5,)), space

    options = {} if kind is PPO else {"buffer_size": 10}
    learner = kind("MlpPolicy", Still(), seed=1, device="cpu", **options)
    seen = np.random.default_rng(1).uniform(-1, 1, (20, 5)).astype(np.float32)
    expected, _ = learner.predict(seen, deterministic=True)
    found = network_of(learner)(torch.from_numpy(seen)).detach()
    if isinstance(space, Discrete):
        assert found.argmax(-1).tolist() == expected.tolist()
    else:
        assert np.allclose(found.clamp(-1, 1), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wsn-field", "--algorithm", "a2c"], "unknown algorithm 'a2c'"),
        (["wsn-field", "--algorithm", "sac"], "sac needs actions that are numbers: the family 'wsn' has none"),
        (["slicing-quickstart", "--algorithm", "dqn", "--actions", "weights"], "dqn needs actions that are choices"),
        (["slicing-quickstart", "--steps", "5"], "--steps goes with --algorithm"),
        (["slicing-quickstart", "--algorithm", "ppo", "--episodes", "5"], "--episodes does not go with --algorithm"),
        (["slicing-quickstart", "--algorithm", "ppo", "--resume"], "there is no checkpoint in"),
        (["slicing-quickstart", "--algorithm", "ppo", "--features", "backlogs"], "did you mean 'backlog'"),
        (["uav-hotspot", "--algorithm", "ppo", "--reward", "reference"], "set its key reward to reference"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    told = train(*arguments, "--out", str(tmp_path / "policy.pt"))
    assert told.exit_code == 2 and message in " ".join(told.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_policy() -> None:
    told = train("slicing-quickstart", "--algorithm", "ppo", "--out", ".")
    assert told.exit_code == 2 and "is a folder; name a file, such as policy.pt" in " ".join(told.stderr.split())
