"""The checkers of the interfaces themselves, on small environments of all families."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test
from pettingzoo.test.seed_test import parallel_seed_test
from small_environments import WITH_ENVIRONMENT, small

import scenarios.envs
from scenarios import families
from scenarios.envs.choice import environment_of
from scenarios.envs.gymnasium_env import GymnasiumEnv
from scenarios.envs.pettingzoo_env import PettingZooEnv

ACTIONS = {name: list(environment_of(families.find(name)).actions) for name in WITH_ENVIRONMENT}
first_actions = pytest.mark.parametrize(("family", "actions"), [(name, names[0]) for name, names in ACTIONS.items()])
last_actions = pytest.mark.parametrize(("family", "actions"), [(name, names[-1]) for name, names in ACTIONS.items()])
pytestmark = pytest.mark.filterwarnings("ignore")


def play(env: Any, steps: int) -> list[Any]:
    """What a few steps of sampled actions return."""
    env.action_space.seed(7)
    return [env.step(env.action_space.sample()) for _ in range(steps)]


def same(one: Any, other: Any) -> bool:
    """Whether two infos are equal bit by bit."""
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) and one.dtype == object:
        return all((a is None and b is None) or np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(np.array_equal(one, other))


@first_actions
def test_gymnasium(family: str, actions: str) -> None:
    check_env(gymnasium.make(scenarios.envs.id_of(family), **small(family, actions=actions)).unwrapped)


@last_actions
def test_pettingzoo(family: str, actions: str) -> None:
    options = small(family, actions=actions)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # it warns of agents that are missing or should not be there
        warnings.filterwarnings("ignore", message=".*(path-loss|extrapolated).*")
        parallel_api_test(PettingZooEnv(family, **options), 7)
    parallel_seed_test(lambda: PettingZooEnv(family, **options), 2)


@last_actions
def test_torchrl(family: str, actions: str) -> None:
    pytest.importorskip("torchrl", reason="the extra rl is not installed")
    from torchrl.envs.utils import check_env_specs

    from scenarios.envs.torchrl_env import TorchRLEnv

    env = TorchRLEnv(family, 2, **small(family, actions=actions))
    check_env_specs(env)
    torch.manual_seed(0)
    seen = env.rollout(env.task.intervals, break_when_any_done=False)["next"]
    assert seen["done"].shape == (2, env.task.intervals, 1) and bool(seen["done"].any())
    assert seen[env.group, "reward"].shape == (2, env.task.intervals, env.episodes.sizes.agents, 1)


@first_actions
def test_stable_baselines3(family: str, actions: str) -> None:
    pytest.importorskip("stable_baselines3", reason="the extra rl is not installed")
    from stable_baselines3.common.env_checker import check_env as check

    from scenarios.envs.sb3_vec_env import Sb3VecEnv

    check(GymnasiumEnv(family, **small(family, actions=actions)))
    env = Sb3VecEnv(family, 2, **small(family, actions=actions))
    env.seed(3)
    env.reset()
    env.action_space.seed(0)
    ended = []
    for _ in range(env.task.intervals):
        _, _, over, infos = env.step(np.stack([env.action_space.sample() for _ in range(2)]))
        ended += [info for info, done in zip(infos, over, strict=True) if done]
    assert ended and all("terminal_observation" in info and "TimeLimit.truncated" in info for info in ended)


@pytest.mark.parametrize(
    ("family", "mode"), [*((name, "NextStep") for name in WITH_ENVIRONMENT), ("wsn", "SameStep"), ("uav", "SameStep")]
)
def test_a_batch_is_as_many_single_environments_bit_for_bit(family: str, mode: str) -> None:
    name, options = scenarios.envs.id_of(family), small(family)
    batch = gymnasium.make_vec(name, num_envs=2, autoreset_mode=mode, **options)
    kinds = {"autoreset_mode": gymnasium.vector.AutoresetMode(mode)}
    alone = gymnasium.make_vec(name, num_envs=2, vectorization_mode="sync", vector_kwargs=kinds, **options)
    assert (batch.observation_space, batch.action_space) == (alone.observation_space, alone.action_space)
    first, other = batch.reset(seed=5), alone.reset(seed=5)
    assert np.array_equal(first[0], other[0]) and same(first[1], other[1])
    steps = len(first[0]) + batch.unwrapped.task.intervals
    for one, two in zip(play(batch, steps), play(alone, steps), strict=True):
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(one[:4], two[:4], strict=True))
        assert same(one[4], two[4])
