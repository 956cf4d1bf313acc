"""Writes what a learner of any library has learned in an environment as a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..envs.task import Sizes, Task
from ..errors import ScenarioError, shown
from .network import TrainedFor
from .policy_file import Mlp, write_policy
from .sb3_networks import network_of

_NORMALISING = ("VecNormalize", "NormalizeObservation")  # wrappers of Stable-Baselines3 and Gymnasium


def save_policy(path: str | Path, env: Any, network: Any) -> None:
    """Writes a policy file, to be used as ``torch:FILE`` wherever the name of an allocator stands.

    Args:
        path: of the file, which is overwritten.
        env: any environment of fairwave, also within wrappers that have ``unwrapped``.
        network: a :class:`.policy_file.Mlp`, or a learner of Stable-Baselines3: PPO, DQN or SAC.

    Raises:
        ScenarioError: it is no environment of fairwave, or within a wrapper that normalises observations; a feature
            or the mapping of actions has no name by which a run could find it; the network's sizes are not those
            of the environment, or there is no folder for the file.
        ValueError: it is neither, or a learner's policy is no chain of linear layers.
    """
    inner = getattr(env, "unwrapped", env)
    if not isinstance(getattr(inner, "task", None), Task):
        raise ScenarioError(f"env must be an environment of fairwave, given {shown(env)}")
    _require_same_observations(env)
    if not isinstance(network, Mlp) and not hasattr(network, "policy"):
        raise ValueError(f"a network must be an Mlp or a learner of Stable-Baselines3, given {type(network).__name__}")
    found = network if isinstance(network, Mlp) else network_of(network)
    _require_sizes(found, inner.episodes.sizes)
    if not Path(path).parent.is_dir():
        raise ScenarioError(f"there is no folder {Path(path).parent} for the policy; make it, or choose another path")
    write_policy(Path(path), found, trained_for(inner.task, inner.episodes.sizes))


def _require_same_observations(env: Any) -> None:
    """Refuses wrappers between environment and network that normalise observations, which a run would not do."""
    while env is not None:
        name = type(env).__name__
        if name in _NORMALISING and getattr(env, "norm_obs", True):
            raise ScenarioError(
                f"the network learned from observations that {name} normalised, and a policy file does not hold that: "
                "train without it, or put the normalisation into the network and write TorchScript"
            )
        env = vars(env).get("venv", vars(env).get("env"))


def _require_sizes(network: Mlp, sizes: Sizes) -> None:
    """Refuses a network that takes or gives other numbers than the environment has."""
    agents, fits = (
        sizes.agents,
        [(sizes.numbers, sizes.actions), (sizes.agents * sizes.numbers, sizes.agents * sizes.actions)],
    )
    if (network.sizes[0], network.sizes[-1]) not in fits:
        each, whole = (f"{one} to {other} numbers" for one, other in fits)
        raise ScenarioError(
            f"the network maps {network.sizes[0]} to {network.sizes[-1]} numbers; {agents} agents need {whole}, "
            f"or {each} where it acts for each"
        )


def trained_for(task: Task, sizes: Sizes) -> TrainedFor:
    """Describes a task as a policy file holds it.

    Raises:
        ScenarioError: a feature or the mapping of actions has no name by which a run could find it.
    """
    for name in task.features:
        if name not in task.environment.features and ":" not in name:
            raise ScenarioError(
                f"the feature '{name}' has no name in a file: give it to the environment as module:name"
            )
    named = [name for name, one in task.environment.actions.items() if one is task.actions]
    if not named:
        raise ScenarioError("actions of your own have no name in a policy file: write the network by torch.save")
    scene = task.draw((0,))  # only its sizes count
    stack = task.stack(scene)
    stack(scene.problem.observe(scene.problem.start()))
    return TrainedFor(
        family=task.family.name,
        scenario=task.scenario.name,
        agents=sizes.agents,
        features=stack.widths,
        actions=named[0],
        size=sizes.actions,
    )
