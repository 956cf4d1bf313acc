"""Trains a policy by Stable-Baselines3 on drops that no run has, with checkpoints that outlive the process."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecMonitor

from .. import families
from ..config.loading import scenario_hash
from ..envs.choice import environment_of
from ..envs.sb3_vec_env import Sb3VecEnv
from ..errors import ScenarioError, did_you_mean
from .saving import save_policy

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase

ALGORITHMS: dict[str, Any] = {"ppo": PPO, "dqn": DQN, "sac": SAC}
_CHOICES = {"ppo": None, "dqn": True, "sac": False}  # whether actions must be choices; None: either
_ROLLOUT = 2048  # most steps of all environments between two updates of PPO (that of its authors for one environment)
_UPDATES = 20  # of PPO, at least, in a short training (ours)
_BATCH = 64  # steps of a gradient of PPO, as of its authors
_BUFFER = 100_000  # steps that DQN and SAC keep (ours)
_SEEDS = 1 << 31
_SETTINGS = "settings.json"


@dataclass(frozen=True)
class Training:
    """Describes a training.

    Attributes:
        algorithm: ppo, dqn or sac.
        steps: of all environments together.
        envs: environments side by side.
        features: names; None: the usual ones.
        actions: name of the mapping; None: the first of the family that the algorithm can use.
        reward: name; None: the usual one.
        logs: folder of TensorBoard's logs; None: none.
    """

    algorithm: str
    steps: int
    envs: int = 16
    features: list[str] | None = None
    actions: str | None = None
    reward: str | None = None
    logs: Path | None = None


@dataclass(frozen=True)
class Trained:
    """Sums up a training."""

    algorithm: str
    steps: int
    seconds: float
    policy: Path


def train_policy(
    scenario: ScenarioBase,
    training: Training,
    out: Path,
    tell: Callable[[str], None],
    resume: bool = False,
    force: bool = False,
) -> Trained:
    """Trains a policy and writes its file; the checkpoint stays in the folder ``<out>.training``.

    Args:
        scenario: without variants.
        training: what and how long.
        out: the file of the policy.
        tell: told how far it is, at each checkpoint.
        resume: go on from the checkpoint, with new episodes; the experience that DQN and SAC keep begins anew.
        force: overwrite a file, or begin a training anew.

    Raises:
        ScenarioError: an option does not fit, or files are in the way.
    """
    began = time.perf_counter()
    _require_room(out, resume, force)
    _require_logs(training.logs)
    folder = _folder(out)
    training = _settled(scenario, training)
    env = _environment(scenario, training)
    try:
        learner = _learner(scenario, training, env, folder, resume)
        if (left := training.steps - learner.num_timesteps) > 0:
            settings = None if resume else _comparable(scenario, training)
            callback = _Checkpoints(folder, settings, training.steps, tell)
            learner.learn(left, callback=callback, reset_num_timesteps=False)
        save_policy(out, env, learner)
    except KeyboardInterrupt:
        there = f"what is learned so far is in {folder}; --resume goes on" if _has_checkpoint(folder) else ""
        raise KeyboardInterrupt(there or "nothing is learned so far") from None
    finally:
        env.close()
    return Trained(training.algorithm, learner.num_timesteps, time.perf_counter() - began, out)


def _folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.training")


def _has_checkpoint(folder: Path) -> bool:
    return (folder / "checkpoint.zip").is_file()


def _require_logs(logs: Path | None) -> None:
    if logs is not None and not importlib.util.find_spec("tensorboard"):
        raise ScenarioError("--logs needs TensorBoard: pip install tensorboard")
    if logs is not None and logs.is_file():
        raise ScenarioError(f"--logs {logs} is a file; name a folder")


def _require_room(out: Path, resume: bool, force: bool) -> None:
    if out.is_dir():
        raise ScenarioError(f"{out} is a folder; name a file, such as {out / 'policy.pt'}")
    if not out.parent.is_dir():
        raise ScenarioError(f"there is no folder {out.parent} for the policy; make it, or choose another --out")
    folder = _folder(out)
    if resume and not _has_checkpoint(folder):
        raise ScenarioError(f"there is no checkpoint in {folder} to go on from; leave --resume out")
    if not resume and not force and (out.exists() or folder.exists()):
        there = out if out.exists() else folder
        raise ScenarioError(f"{there} is there already; --resume goes on with it, --force begins anew")


def _settled(scenario: ScenarioBase, training: Training) -> Training:
    """Chooses the mapping of actions.

    Raises:
        ScenarioError: no such algorithm, there are variants, or the family has no actions for the algorithm.
    """
    if training.algorithm not in ALGORITHMS:
        raise ScenarioError(f"unknown algorithm '{training.algorithm}'{did_you_mean(training.algorithm, ALGORITHMS)}")
    if scenario.variants:
        raise ScenarioError(f"{scenario.name} has variants; train on one of them, as a scenario of its own")
    known = environment_of(families.find(scenario.family)).actions
    needed = _CHOICES[training.algorithm]
    fitting = [name for name, one in known.items() if needed is None or one.choices == needed]
    if training.actions is None and fitting:
        return Training(**{**training.__dict__, "actions": fitting[0]})
    if not fitting or (training.actions in known and training.actions not in fitting):
        kind = "choices" if needed else "numbers"
        have = f"take --actions {' or '.join(fitting)}" if fitting else f"the family '{scenario.family}' has none"
        raise ScenarioError(f"{training.algorithm} needs actions that are {kind}: {have}, or another --algorithm")
    return training


def _environment(scenario: ScenarioBase, training: Training) -> Any:
    chosen = {"features": training.features, "actions": training.actions, "reward": training.reward}
    inner = Sb3VecEnv(scenario.family, training.envs, scenario=scenario, **chosen)
    if training.algorithm == "dqn" and inner.episodes.sizes.agents > 1:
        agents = inner.episodes.sizes.agents
        inner.close()
        raise ScenarioError(f"dqn decides for one agent, and {scenario.name} has {agents}: take --algorithm ppo")
    return VecMonitor(inner)


def _learner(scenario: ScenarioBase, training: Training, env: Any, folder: Path, resume: bool) -> Any:
    """Makes a learner, or reads that of the checkpoint."""
    kind = ALGORITHMS[training.algorithm]
    if resume:
        before = json.loads((folder / _SETTINGS).read_text("utf-8"))
        _require_same(before, _comparable(scenario, training), folder)
        learner = kind.load(folder / "checkpoint.zip", env=env, device="cpu")
        if training.algorithm != "ppo":  # the replay buffer begins empty
            learner.learning_starts += learner.num_timesteps
        env.seed((scenario.seed + learner.num_timesteps) % _SEEDS)
        return learner
    logs, options = str(training.logs) if training.logs else None, _options(training)
    return kind("MlpPolicy", env, seed=scenario.seed % _SEEDS, device="cpu", tensorboard_log=logs, **options)


def _options(training: Training) -> dict[str, Any]:
    if training.algorithm != "ppo":
        return {"buffer_size": min(_BUFFER, max(training.steps, 1000))}
    per_env = max(2, min(_ROLLOUT, training.steps // _UPDATES) // training.envs)
    rollout = per_env * training.envs  # in equal parts; in one where it has no part of a useful size
    parts = [size for size in range(_BATCH // 4, _BATCH + 1) if rollout % size == 0]
    return {"n_steps": per_env, "batch_size": max(parts, default=rollout)}


def _comparable(scenario: ScenarioBase, training: Training) -> dict[str, Any]:
    """Returns what must be the same for a training to go on."""
    names = ("algorithm", "envs", "features", "actions", "reward")
    return {"scenario": scenario_hash(scenario), **{name: getattr(training, name) for name in names}}


def _require_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for name, value in now.items():
        if before.get(name) != value:
            what = "another scenario" if name == "scenario" else f"{name} {before.get(name)}, and now {name} is {value}"
            raise ScenarioError(f"{folder} holds a training with {what}: --resume goes on with the same one only")


class _Checkpoints(BaseCallback):
    """Writes a checkpoint, whole or not at all, at each twentieth of the training and at its end.

    The folder is made for the first one, so that a training that fails at once leaves nothing behind.
    """

    def __init__(self, folder: Path, settings: dict[str, Any] | None, steps: int, tell: Callable[[str], None]) -> None:
        super().__init__()
        self.folder, self.settings, self.steps, self.tell = folder, settings, steps, tell
        self._began, self._first, self._written = time.perf_counter(), 0, 0

    def _on_training_start(self) -> None:
        self._first = self._written = self.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.num_timesteps - self._written >= self.steps / 20:
            self._write()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._write()

    def _make_folder(self) -> None:
        if self.settings is not None:
            self.folder.mkdir(exist_ok=True)
            (self.folder / "checkpoint.zip").unlink(missing_ok=True)
            (self.folder / _SETTINGS).write_text(json.dumps(self.settings, indent=2), "utf-8")
            self.settings = None

    def _write(self) -> None:
        self._written = self.num_timesteps
        self._make_folder()
        partial = self.folder / ".checkpoint.zip"
        self.model.save(partial)
        os.replace(partial, self.folder / "checkpoint.zip")
        speed = (self.num_timesteps - self._first) / max(time.perf_counter() - self._began, 1e-9)
        rewards = [episode["r"] for episode in self.model.ep_info_buffer or ()]
        mean = f", mean return of an episode {sum(rewards) / len(rewards):.4g}" if rewards else ""
        self.tell(f"{self.num_timesteps} of {self.steps} steps, {speed:.0f} a second{mean}")
