"""Trains the rivals of GA-MATR with TorchRL: IPPO, MAPPO and MADDPG, all agents with one shared policy.

The environment, its features, actions and reward are those of ``gamatr_no_graph``; networks have two layers of 64. What
a paper leaves open takes TorchRL's defaults or those of its multi-agent examples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tensordict.nn import InteractionType, TensorDictModule, TensorDictSequential
from tensordict.nn.distributions import NormalParamExtractor
from torch import nn
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.modules import MultiAgentMLP, ProbabilisticActor, TanhNormal
from torchrl.objectives import ClipPPOLoss, DDPGLoss, SoftUpdate, ValueEstimators

from scenarios.envs.torchrl_env import TorchRLEnv
from scenarios.policies.policy_file import Mlp, write_policy
from scenarios.policies.saving import trained_for

Tell = Callable[[int, float], None]
"""Told the steps of all environments so far and the mean return of an episode."""

_HIDDEN, _DISCOUNT, _SMOOTHING = 64, 0.99, 0.95
_EPOCHS, _BATCH, _RATE, _CRITIC_RATE = 10, 400, 3e-4, 5e-3
_REWARD_SCALE = 0.1  # of the critics of IPPO and MAPPO, whose loss is slow to reach returns far above 1
_NOISE, _BUFFER, _UPDATES, _DDPG_BATCH = 0.2, 100_000, 100, 256


class Rival:
    """Holds what the rivals share: the environment, the group of agents, the shared policy's layers.

    Args:
        scenario: of the training.
        envs: environments side by side.
        outputs: numbers of the policy for one of an action.
    """

    def __init__(self, scenario: Any, envs: int, outputs: int) -> None:
        self.env = TorchRLEnv(scenario.family, envs, scenario=scenario, reward="rate_less_deviation")
        sizes, self.group = self.env.episodes.sizes, self.env.group
        self.sizes, self.steps = sizes, self.env.task.intervals
        self.policy = MultiAgentMLP(sizes.numbers, outputs * sizes.actions, sizes.agents, centralized=False,
                                    share_params=True, depth=2, num_cells=_HIDDEN)  # fmt: skip

    def critic(self, centralized: bool, inputs: int) -> MultiAgentMLP:
        """Makes a critic of each agent's numbers, or of all."""
        return MultiAgentMLP(inputs, 1, self.sizes.agents, centralized=centralized, share_params=True, depth=2,
                             num_cells=_HIDDEN)  # fmt: skip

    def collect(self, actor: Any, seed: int) -> Any:
        """Runs an episode in every environment, ``[B, T]``."""
        self.env.set_seed(seed)
        with torch.no_grad():
            return self.env.rollout(self.steps, actor, break_when_any_done=False)

    def mean_return(self, data: Any) -> float:
        """Returns the mean sum of the rewards, which agents share."""
        return float(data["next", self.group, "reward"][..., 0, 0].sum(-1).mean())

    def save(self, path: Path) -> None:
        """Writes the mean of the policy as ``torch:FILE``."""
        layers = [self.sizes.numbers, _HIDDEN, _HIDDEN, self.sizes.actions]
        network, found = Mlp(layers, "tanh", squash=True), _linear_layers(self.policy)
        for own, (weight, bias) in zip(network.layers, found, strict=True):
            rows = own.weight.shape[0]
            own.load_state_dict({"weight": weight[:rows], "bias": bias[:rows]})
        write_policy(path, network, trained_for(self.env.task, self.sizes))


def _linear_layers(policy: MultiAgentMLP) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Lists weights and biases of the shared layers, first to last."""
    values = policy.params.flatten_keys(".").to_dict()
    names = sorted({name.rpartition(".")[0] for name in values}, key=int)
    found = []
    for name in names:
        weight, bias = values[f"{name}.weight"], values[f"{name}.bias"]
        found.append((weight.reshape(-1, weight.shape[-1]).detach(), bias.reshape(-1).detach()))
    return found


def stochastic_policy(rival: Rival) -> ProbabilisticActor:
    """Makes the policy of IPPO and MAPPO, which draws its actions also where TorchRL takes the mean by default."""
    group = rival.group
    module = TensorDictModule(
        nn.Sequential(rival.policy, NormalParamExtractor()),
        [(group, "observation")],
        [(group, "loc"), (group, "scale")],
    )
    return ProbabilisticActor(
        module, in_keys=[(group, "loc"), (group, "scale")], out_keys=[(group, "action")], distribution_class=TanhNormal,
        return_log_prob=True, default_interaction_type=InteractionType.RANDOM,
    )  # fmt: skip


def train_ppo(scenario: Any, rounds: int, envs: int, centralized: bool, tell: Tell) -> Rival:
    """Trains IPPO, or MAPPO where the critic is given what all agents observe."""
    torch.manual_seed(scenario.seed)
    rival = Rival(scenario, envs, outputs=2)
    group = rival.group
    actor = stochastic_policy(rival)
    critic = TensorDictModule(rival.critic(centralized, rival.sizes.numbers), [(group, "observation")],
                              [(group, "state_value")])  # fmt: skip
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.0, normalize_advantage=True)
    loss.set_keys(reward=(group, "reward"), action=(group, "action"), value=(group, "state_value"),
                  done=(group, "done"), terminated=(group, "terminated"))  # fmt: skip
    loss.make_value_estimator(ValueEstimators.GAE, gamma=_DISCOUNT, lmbda=_SMOOTHING)
    optimiser = torch.optim.Adam([
        {"params": [*loss.actor_network_params.flatten_keys().values()], "lr": _RATE},
        {"params": [*loss.critic_network_params.flatten_keys().values()], "lr": _CRITIC_RATE},
    ])  # fmt: skip
    for number in range(rounds):
        data = rival.collect(actor, scenario.seed * 1009 + number)
        mean_return, data = rival.mean_return(data), _with_ends(data, group)
        data["next", group, "reward"] = data["next", group, "reward"] * _REWARD_SCALE
        with torch.no_grad():
            loss.value_estimator(
                data, params=loss.critic_network_params, target_params=loss.target_critic_network_params
            )
        flat = data.reshape(-1)
        for _ in range(_EPOCHS):
            for rows in torch.randperm(len(flat)).split(_BATCH):
                found = loss(flat[rows])
                total = found["loss_objective"] + found["loss_critic"]
                optimiser.zero_grad()
                total.backward()
                nn.utils.clip_grad_norm_(loss.parameters(), 1.0)
                optimiser.step()
        tell((number + 1) * envs * rival.steps, mean_return)
    return rival


def _with_ends(data: Any, group: str) -> Any:
    """Gives each agent the ends of its episode."""
    shape = data["next", group, "reward"].shape
    for name in ("done", "terminated"):
        data.set(("next", group, name), data["next", name][..., None].expand(shape))
    return data


def train_maddpg(scenario: Any, rounds: int, envs: int, tell: Tell) -> Rival:
    """Trains MADDPG: deterministic policies, and a critic of what all agents observe and do (Lowe et al., 2017)."""
    torch.manual_seed(scenario.seed)
    rival = Rival(scenario, envs, outputs=1)
    group, sizes = rival.group, rival.sizes
    actor = TensorDictModule(nn.Sequential(rival.policy, nn.Tanh()), [(group, "observation")], [(group, "action")])
    joined = TensorDictModule(lambda seen, action: torch.cat((seen, action), -1),
                              [(group, "observation"), (group, "action")], [(group, "both")])  # fmt: skip
    values = rival.critic(True, sizes.numbers + sizes.actions)
    critic = TensorDictSequential(joined, TensorDictModule(values, [(group, "both")], [(group, "state_action_value")]))
    loss = DDPGLoss(actor, critic, delay_value=True)
    loss.set_keys(state_action_value=(group, "state_action_value"), reward=(group, "reward"), done=(group, "done"),
                  terminated=(group, "terminated"))  # fmt: skip
    loss.make_value_estimator(ValueEstimators.TD0, gamma=_DISCOUNT)
    target = SoftUpdate(loss, tau=0.005)
    buffer = ReplayBuffer(storage=LazyTensorStorage(_BUFFER), batch_size=_DDPG_BATCH)
    actors = torch.optim.Adam(rival.policy.parameters(), lr=_RATE)
    critics = torch.optim.Adam(list(loss.value_network_params.flatten_keys().values()), lr=1e-3)

    def noisy(seen: torch.Tensor) -> torch.Tensor:
        action = rival.policy(seen).tanh()
        return (action + _NOISE * torch.randn_like(action)).clamp(-1.0, 1.0)

    explore = TensorDictModule(noisy, [(group, "observation")], [(group, "action")])

    for number in range(rounds):
        data = rival.collect(explore, scenario.seed * 1009 + number)
        mean_return, data = rival.mean_return(data), _with_ends(data, group)
        buffer.extend(data.reshape(-1))
        for _ in range(_UPDATES):
            batch = buffer.sample()
            for optimiser, name in ((critics, "loss_value"), (actors, "loss_actor")):
                optimiser.zero_grad()
                loss(batch)[name].backward()
                optimiser.step()
            target.step()
        tell((number + 1) * envs * rival.steps, mean_return)
    return rival
