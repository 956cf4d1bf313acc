"""What families tell learners: decisions that are always allowed, projections that are counted, masks, rewards."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_environments import WITH_ENVIRONMENT, small

from scenarios import families
from scenarios.envs.choice import environment_of, rewards_of
from scenarios.envs.gymnasium_env import GymnasiumEnv
from scenarios.envs.gymnasium_vector import GymnasiumVectorEnv
from scenarios.families.environment import FeatureStack


@pytest.mark.parametrize("family", WITH_ENVIRONMENT)
def test_what_is_usual_is_there_and_described(family: str) -> None:
    environment = environment_of(families.find(family))
    assert environment.reward in rewards_of(environment)
    assert set(environment.usual) <= set(environment.features)
    for named in (environment.features, environment.actions, rewards_of(environment)):
        assert named and all(one.description for one in named.values())


@pytest.mark.parametrize("family", WITH_ENVIRONMENT)
def test_all_features_and_extreme_actions(family: str) -> None:
    """Steps refuse a decision that is not allowed."""
    environment = environment_of(families.find(family))
    for name in list(environment.actions)[-1:]:
        env = GymnasiumEnv(family, **small(family, actions=name, features=list(environment.features)))
        env.reset(seed=0)
        shape, most = env.action_space.shape, env.episodes.sizes.actions - 1
        for value in (0, most) if environment.actions[name].choices else (-1.0, 1.0):
            seen = env.step(np.full(shape, value, env.action_space.dtype))[0]
            assert np.isfinite(seen).all()


@pytest.mark.parametrize("family", [name for name in WITH_ENVIRONMENT if environment_of(families.find(name)).compiled])
def test_features_of_a_compiled_loop_are_those_computed_one_by_one(family: str) -> None:
    env = GymnasiumVectorEnv(family, 3, **small(family))
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(4):
        seen = env.step(env.action_space.sample())[0]
        cohort = env.state.cohorts[0]
        stack = FeatureStack(env.task.features, cohort.scene.context, 3, env.episodes.sizes.agents)
        assert seen == pytest.approx(stack(cohort.observation).flatten(1).numpy(), rel=1e-5, abs=1e-6)


def test_the_mean_logarithm_of_rates_in_a_compiled_loop() -> None:
    """UEs whose logarithms are taken together; rates from 0 to 1e30 Mbit/s."""
    from scenarios.families.rate_rewards_numba import mean_log_rate

    draw = np.random.default_rng(0)
    for users in (1, 7, 8, 9, 20):
        bits, found = 10.0 ** draw.uniform(-3.0, 36.0, (3, users)), np.empty(3)
        bits[0, 0] = 0.0
        mean_log_rate(bits, 1e-6, found)
        expected = [sum(math.log1p(one * 1e-6) for one in row) / users for row in bits.tolist()]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_rewards_of_a_family() -> None:
    """On the same interval; those that are shares lie between 0 and 1."""
    env = GymnasiumVectorEnv("wsn", 2, **small("wsn", overrides={"battery.initial_j": 1}))
    env.reset(seed=0)
    scene = env.state.cohorts[0].scene
    decision, _ = env.task.actions.decide(torch.ones((2, 8)).long(), env.state.cohorts[0].observation, scene.context)
    _, outcome = scene.problem.step(env.state.cohorts[0].state, decision)
    found = {name: one.compute(outcome, scene) for name, one in rewards_of(env.task.environment).items()}
    assert found["delivered"].tolist() == [1.0, 1.0] and found["own_packet"].shape == (2, 8)
    assert found["alive"].tolist() == [1.0, 1.0] and bool((found["energy"] < 0).all())


def test_a_metric_as_reward_is_that_of_a_run() -> None:
    """The satisfaction of a window that is an interval, from the outcome alone."""
    env = GymnasiumEnv("slicing", **small("slicing"))
    env.reset(seed=3)
    rewards = [env.step(np.zeros(3, np.float32))[1] for _ in range(3)]
    assert all(0.0 <= reward <= 1.0 for reward in rewards)


def test_projections_are_counted() -> None:
    env = GymnasiumEnv("uav", **small("uav"))
    env.reset(seed=0)
    fast = np.zeros((4, 3), np.float32)
    fast[:2] = 1.0
    assert env.step(fast.ravel())[4]["projected"] == 2, "1 along x and along y is faster than a UAV may fly"
    velocity = env.state.cohorts[0].state.motion.velocity_mps[0]
    assert float(velocity[:, :2].norm(dim=-1).max()) <= 20.0
    env = GymnasiumEnv("slicing", **small("slicing", actions="moves"))
    _, info = env.reset(seed=0)
    assert info["action_mask"].shape == (1, 7) and env.action_masks().shape == (7,)
    taken = 0
    while info["action_mask"][0, 1]:
        info = env.step(1)[4]
        assert info["projected"] == 0
        taken += 1
        if taken == 2:
            break
    rbg = env.state.cohorts[0].state.rbg[0, 0]
    assert taken and int(rbg.sum()) == env.state.cohorts[0].scene.context.rbgs


def test_bids_beyond_the_budget_are_scaled() -> None:
    from dataclasses import replace

    from allocators.comp.contract import CASES
    from mac.comp import CompContext
    from mac.market.feasible import require_market_decision
    from phy.random import Drops
    from scenarios.families.comp.environment import ENVIRONMENT

    for case in CASES:
        context, (seen, *_) = case.play(Drops(1, (0, 1)))
        assert isinstance(context, CompContext)
        bids = torch.ones(seen.weights.shape)
        decision, beyond = ENVIRONMENT.actions["bids"].decide(bids, seen, context)
        require_market_decision(decision, seen, context)
        links = seen.market.links.sum(-1)
        assert beyond.tolist() == (links > 1).sum(1).tolist()
        paid = torch.where(links > 0, seen.budgets, 0.0)
        assert torch.allclose(decision.spend.sum(-1), paid)
        nothing = ENVIRONMENT.actions["bids"].decide(-bids, replace(seen), context)[0]
        assert not bool(nothing.quantity.any())
