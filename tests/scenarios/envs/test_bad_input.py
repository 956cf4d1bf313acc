"""A user's mistakes, each answered by a sentence; features, rewards and families of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from small_environments import own_feature, own_reward, small

import scenarios.envs
from scenarios.envs.gymnasium_env import GymnasiumEnv
from scenarios.envs.gymnasium_vector import GymnasiumVectorEnv
from scenarios.envs.pettingzoo_env import PettingZooEnv
from scenarios.errors import ScenarioError
from scenarios.policies.policy_file import Mlp
from scenarios.policies.saving import save_policy


def wsn(**options: Any) -> GymnasiumEnv:
    return GymnasiumEnv("wsn", **small("wsn", **options))


def test_features_and_rewards_of_a_users_own() -> None:
    mine = ["alive", own_feature, "small_environments:own_feature"]
    env = wsn(features=mine, reward="small_environments:own_reward", overrides={"battery.initial_j": 1})
    assert env.observation_space.shape == (8 * 3,)
    env.reset(seed=0)
    assert env.step(np.zeros(8, np.int64))[1] == 7.0
    assert wsn(reward=own_reward).task.reward.compute.args[0] is own_reward


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reward": "deliverd"}, "unknown reward 'deliverd'; did you mean 'delivered'"),
        ({"features": ["alife"]}, "unknown feature 'alife'; did you mean 'alive'"),
        ({"features": []}, "features must be a list of one or more names"),
        ({"features": ["alive", "alive"]}, "'alive' stands twice"),
        ({"features": [lambda seen, context: torch.zeros(3)]}, r"has the shape \[3\]; with 1 drops and 8 agents"),
        ({"features": [lambda seen, context: seen.energy_j / 0]}, "is not finite"),
        ({"actions": "head"}, "unknown mapping of actions 'head'; did you mean 'heads'"),
        ({"reward": 3}, "a reward is a name, module:function or a function, given 3"),
        ({"reward": "no_such_module:f"}, "reward 'no_such_module:f': there is no module"),
        ({"scenarios": "x"}, "an environment has no option 'scenarios'; did you mean 'scenario'"),
        ({"scenario": "uav-hotspot", "overrides": {}}, "is of the family 'uav'.*take fairwave/Uav-v0"),
    ],
)
def test_options(options: dict[str, Any], says: str) -> None:
    given = options if "scenario" in options else small("wsn", **options)
    with pytest.raises(ScenarioError, match=says):
        GymnasiumEnv("wsn", **given)


def test_a_family_without_an_environment_says_so() -> None:
    with pytest.raises(ScenarioError, match="the family 'market' has no environment; families with one: "):
        gymnasium.make(scenarios.envs.id_of("market"))


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (np.zeros(7, np.int64), r"actions have the shape \[7\]; 1 environments with 8 numbers each"),
        (np.full(8, 2), "an action is 2: choose from 0 to 1"),
        (np.full(8, 0.5), "whole numbers"),
        ("head", "actions must be real numbers in an array or a tensor, given 'head'"),
        (np.zeros(8, complex), "actions must be real numbers"),
    ],
)
def test_actions_out_of_the_space(action: Any, says: str) -> None:
    env = wsn()
    env.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction, match=says):
        env.step(action)


def test_numbers_out_of_the_space() -> None:
    env = GymnasiumVectorEnv("uav", 2, **small("uav"))
    env.reset(seed=0)
    for value, shown in ((1.5, "1.5"), (np.nan, "nan"), (1.0000001, "1.0000001")):
        with pytest.raises(gymnasium.error.InvalidAction, match=rf"an action is {shown}: use -1 to 1; .*ClipAction"):
            env.step(np.full((2, 12), value))


@pytest.mark.parametrize("make", [wsn, lambda: GymnasiumVectorEnv("wsn", 2, **small("wsn"))])
def test_a_step_before_the_reset_and_after_the_end(make: Callable[[], Any]) -> None:
    env = make()
    with pytest.raises(gymnasium.error.ResetNeeded, match="has not begun: call reset"):
        env.step(env.action_space.sample())
    env.reset(seed=0)
    env.close()
    for use in (lambda: env.step(env.action_space.sample()), env.reset):
        with pytest.raises(gymnasium.error.ClosedEnvironmentError, match="closed: make a new one"):
            use()


def test_resets() -> None:
    env, other = GymnasiumVectorEnv("wsn", 2, **small("wsn")), GymnasiumVectorEnv("uav", 2, **small("uav"))
    other.reset(seed=0)
    poor = GymnasiumVectorEnv("wsn", 2, **small("wsn"), features=["energy"])
    poor.reset(seed=0)
    for call, says in (
        (lambda: env.reset(seed=-1), "greater or equal to zero"),
        (lambda: env.reset(seed=2**40), "whole number from 0"),
        (lambda: env.reset(seed=[1]), "1 seeds are given for 2 environments"),
        (lambda: env.reset(options={"stat": 1}), "reset\\(\\) has no option 'stat'; did you mean 'state'"),
        (lambda: env.reset(options={"state": 1}), "must be that of an environment"),
        (lambda: env.reset(state=poor.state), "of an environment with other features than this one"),
        (env.render, "cannot be rendered: plot a run"),
        (lambda: env.reset(options={"reset_mask": np.ones(2, bool)}), "for autoreset_mode 'Disabled'"),
        (lambda: env.reset(seed=1.5), "a seed is a whole number, or a list of one for each environment, given 1.5"),
        (lambda: env.reset(options={"state": other.state}), "is of the scenario uav-hotspot, not of the wsn-field of"),
        (lambda: env.reset(options=5), r"the options of reset\(\) must be a mapping, given 5"),
        (lambda: GymnasiumVectorEnv("wsn", 10**9), "1000000000 drops of .* need about"),
        (lambda: GymnasiumEnv("wsn", overrides=["drops"]), "overrides must be a mapping such as"),
        (lambda: GymnasiumVectorEnv("wsn", 0), "num_envs must be a whole number"),
        (lambda: wsn(render_mode="human"), "cannot be rendered, given render_mode 'human'"),
        (lambda: GymnasiumVectorEnv("wsn", 2, "Never", **small("wsn")), "autoreset_mode must be one of NextStep"),
    ):
        with pytest.raises((ScenarioError, ValueError, gymnasium.error.Error), match=says):
            call()
    with pytest.raises(ScenarioError, match=r"boolean array of 2 values"):
        GymnasiumVectorEnv("wsn", 2, "Disabled", **small("wsn")).reset(options={"reset_mask": np.zeros(2, bool)})


def test_agents_without_an_action() -> None:
    env = PettingZooEnv("uav", **small("uav"))
    env.reset(seed=0)
    with pytest.raises(gymnasium.error.InvalidAction, match="agent 'uav_1' is live and has no action"):
        env.step({"uav_0": np.zeros(3, np.float32)})
    with pytest.raises(gymnasium.error.InvalidAction, match="there is no agent 'uav_9'"):
        env.step({"uav_9": np.zeros(3, np.float32)})


def test_a_reward_that_cannot_be() -> None:
    for reward, says in (
        (torch.zeros(3), r"the reward has the shape \[3\]; it must be a tensor \[1\]"),
        (torch.full((1,), torch.nan), "the reward '<lambda>' is not finite"),
        (None, "the reward '<lambda>' raised AttributeError: .*dim"),
    ):
        env = wsn(reward=lambda outcome, scene, reward=reward: reward[: reward.dim() + 2])
        env.reset(seed=0)
        with pytest.raises(ScenarioError, match=says):
            env.step(np.zeros(8, np.int64))


def test_a_wrapper_for_another_autoreset_mode_says_so() -> None:
    """Gymnasium's own wrapper reads the mode that the metadata tell."""
    from gymnasium.wrappers.vector import NormalizeObservation

    with pytest.raises(ValueError, match=r"autoreset_mode to be .*got AutoresetMode\.SAME_STEP"):
        NormalizeObservation(GymnasiumVectorEnv("wsn", 2, "SameStep", **small("wsn")))


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    env = wsn(features=["energy", "alive"])
    for network, path, says in (
        (Mlp([3, 4]), tmp_path / "policy.pt", "maps 3 to 4 numbers; 8 agents need 16 to 16 numbers, or 2 to 2 numbers"),
        (Mlp([2, 2]), tmp_path / "none" / "policy.pt", "there is no folder"),
        (
            torch.nn.Linear(2, 2),
            tmp_path / "policy.pt",
            "must be an Mlp or a learner of Stable-Baselines3, given Linear",
        ),
    ):
        with pytest.raises((ScenarioError, ValueError), match=says):
            save_policy(path, env, network)
    with pytest.raises(ScenarioError, match="env must be an environment of fairwave, given 5"):
        save_policy(tmp_path / "policy.pt", 5, Mlp([2, 2]))
    with pytest.raises(ScenarioError, match="observations that NormalizeObservation normalised"):
        save_policy(tmp_path / "policy.pt", gymnasium.wrappers.NormalizeObservation(env), Mlp([2, 2]))
