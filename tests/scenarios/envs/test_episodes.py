"""Episodes: seeds, drops, ends, states that are values, rewards of outcomes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from small_environments import small

from phy.random import Drops, stream_key
from scenarios import families, load
from scenarios.envs.gymnasium_env import GymnasiumEnv
from scenarios.envs.gymnasium_vector import GymnasiumVectorEnv
from scenarios.envs.pettingzoo_env import PettingZooEnv
from scenarios.envs.training_drops import FIRST, MOST_SEED, training_drop


def episode(env: GymnasiumEnv, seed: int | None, actions: int = 0) -> list[Any]:
    """Observations and rewards of an episode with sampled actions."""
    env.action_space.seed(actions)
    seen: list[Any] = [env.reset(seed=seed)[0].tolist()]
    over = False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen += [observation.tolist(), reward]
        over = terminated or truncated
    return seen


def test_a_seed_names_an_episode_and_the_next_ones() -> None:
    env, other = GymnasiumEnv("wsn", **small("wsn")), GymnasiumEnv("wsn", **small("wsn", draw_ahead=True))
    first, second = episode(env, 4), episode(env, None)
    assert first != second != episode(env, 5)
    assert [episode(other, 4), episode(other, None)] == [first, second], "drawn ahead, the networks are the same"
    other.close()


def test_unseeded_environments_differ() -> None:
    one, other = (GymnasiumEnv("wsn", **small("wsn")).reset()[0] for _ in range(2))
    assert not np.array_equal(one, other)


def test_no_drop_of_training_is_one_of_a_run() -> None:
    assert training_drop(0, 0) == FIRST > 1_000_000, "more than a scenario may have"
    assert training_drop(MOST_SEED, 2**28 - 1) < 2**63, "drops are numbered in 64 bits"
    seen = {training_drop(seed, number) for seed in (0, 1, 7, MOST_SEED) for number in (0, 1, 2**28 - 1)}
    assert len(seen) == 12
    for stream in ("wsn/loss", "a"):
        keys = {stream_key(1, drop, stream) for drop in [*seen, *range(12)]}
        assert len(keys) == 24


def test_an_episode_is_what_a_run_of_the_same_drop_and_decisions_is() -> None:
    """Stepped by hand on the problem of the drop, warm-up and all."""
    options = small("slicing", reward="rate")
    env = GymnasiumEnv("slicing", **options)
    rewards = episode(env, 9)[2::2]
    scenario = load("slicing-quickstart", **options["overrides"])
    family = families.find("slicing")
    problem = family.build(scenario, Drops(scenario.seed, (training_drop(9, 0),)), torch.device("cpu"), torch.float32)
    env.action_space.seed(0)
    state, found = problem.start(), []
    for _ in range(3):
        weights = torch.from_numpy(env.action_space.sample())[None, None]
        decision, _ = env.task.actions.decide(weights, problem.observe(state), problem.context)
        state, outcome = problem.step(state, decision)
        found.append(float(outcome.served_bits.mean() / (0.01 * 1e6)))
    assert rewards == pytest.approx(found, rel=1e-12) and len(found) == len(rewards)


def test_time_that_ends_truncates_and_empty_batteries_terminate() -> None:
    env = GymnasiumEnv("wsn", **small("wsn", overrides={"duration_s": 2}))
    env.reset(seed=0)
    none = np.zeros(8, np.int64)
    assert env.step(none)[2:4] == (False, False)
    assert env.step(none)[2:4] == (False, True)
    env = GymnasiumEnv("wsn", **small("wsn", overrides={"battery.initial_j": 1e-9}))
    env.reset(seed=0)
    assert env.step(none)[2:4] == (True, False)


def test_agents_leave_one_by_one() -> None:
    env = PettingZooEnv("wsn", **small("wsn", overrides={"battery.initial_j": 0.002}))
    env.reset(seed=1)
    lengths = []
    while env.agents:
        acting = env.agents
        _, rewards, terminated, truncated, _ = env.step(dict.fromkeys(acting, 0))
        assert list(rewards) == acting
        assert env.agents == [agent for agent in acting if not terminated[agent] and not truncated[agent]]
        assert not any(terminated[agent] and truncated[agent] for agent in acting)
        lengths.append(len(acting))
    assert len(set(lengths)) > 1, "some left before the others"


def test_a_state_is_a_value() -> None:
    env = GymnasiumEnv("uav", **small("uav"))
    env.reset(seed=2)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(3)]
    env.step(actions[0])
    kept, branch = env.state, env.clone()
    first = [env.step(action)[:2] for action in actions]
    seen, _ = env.reset(state=kept)
    seen[:] = 0.0  # an observation is a copy
    again = [env.step(action)[:2] for action in actions]
    cloned = [branch.step(action)[:2] for action in actions]
    for one, two, three in zip(first, again, cloned, strict=True):
        assert np.array_equal(one[0], two[0]) and np.array_equal(one[0], three[0]) and one[1] == two[1] == three[1]


def test_a_mask_resets_some_and_leaves_the_others() -> None:
    lasting = small("wsn", overrides={"battery.initial_j": 1})
    env, alone = GymnasiumVectorEnv("wsn", 3, autoreset_mode="Disabled", **lasting), GymnasiumEnv("wsn", **lasting)
    before, _ = env.reset(seed=1)
    none = np.zeros((3, 8), np.int64)
    env.step(none)
    seen, _ = env.reset(seed=7, options={"reset_mask": np.array([False, True, False])})
    assert np.array_equal(seen[1], alone.reset(seed=8)[0]) and not np.array_equal(seen[0], before[0])
    for _ in range(5):
        seen, _, terminated, truncated, _ = env.step(none)
    assert (terminated | truncated).tolist() == [True, False, True]
    with pytest.raises(gymnasium.error.ResetNeeded, match="environment 0 has ended its episode"):
        env.step(none)
    env.reset(options={"reset_mask": np.array([True, False, True])})
    env.step(none)


def test_tensors_are_the_same_numbers() -> None:
    env, other = (GymnasiumVectorEnv("uav", 2, tensors=tensors, **small("uav")) for tensors in (False, True))
    env.action_space.seed(0)
    action = env.action_space.sample()
    seen, found = (one.reset(seed=1)[0] for one in (env, other))
    assert isinstance(found, torch.Tensor) and np.array_equal(seen, found.numpy())
    for one, two in zip(env.step(action)[:4], other.step(torch.from_numpy(action))[:4], strict=True):
        assert isinstance(two, torch.Tensor) and np.array_equal(one, two.numpy())
