"""Copies the network that decides out of a learner of Stable-Baselines3."""

from __future__ import annotations

import itertools
from typing import Any

from torch import nn

from .policy_file import Mlp


def network_of(learner: Any) -> Mlp:
    """Copies the network of ``MlpPolicy`` whose output is the action without noise, or the score of each choice.

    Args:
        learner: PPO, DQN or SAC.

    Raises:
        ValueError: its policy has other layers.
    """
    policy = learner.policy
    if hasattr(policy, "q_net"):
        return _copied(policy.q_net.q_net)
    if hasattr(policy, "actor"):
        return _copied(policy.actor.latent_pi, policy.actor.mu, squash=True)
    return _copied(policy.mlp_extractor.policy_net, policy.action_net)


def _copied(*parts: nn.Module, squash: bool = False) -> Mlp:
    layers = [one for part in parts for one in part.modules() if isinstance(one, nn.Linear)]
    relu = any(isinstance(one, nn.ReLU) for part in parts for one in part.modules())
    sizes = [layers[0].in_features, *(one.out_features for one in layers)]
    if any(one.in_features != before.out_features for before, one in itertools.pairwise(layers)):
        raise ValueError("the policy is no chain of linear layers: write its network by torch.save or TorchScript")
    network = Mlp(sizes, "relu" if relu else "tanh", squash)
    for mine, trained in zip(network.layers, layers, strict=True):
        mine.load_state_dict({name: value.detach().cpu().clone() for name, value in trained.state_dict().items()})
    return network
