"""Trains the network by Q-learning on samples (arXiv 2312.07896): Adam 0.01, discount 0.99, batch 128.

The loss is the mean squared error (ours) between the value of the action taken and ``r + 0.99 max Q'``, where the
maximum is over the actions that are possible in the next state, by the target network, and the target is cut to
[0, 100]. The target network is a copy that is made anew every 128 updates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phy.random import stream_key, uniform

from .moves import possible_from
from .q_network import QNetwork, first_network, inputs
from .samples import Samples

PUBLISHED_UPDATES = 1_000_000
UPDATES = 50_000
"""Default: a twentieth of what is published, so that a training takes minutes (ours)."""
RATE, DISCOUNT, BATCH, COPY_EVERY = 0.01, 0.99, 128, 128
GREATEST = 100.0
_BLOCK = 1024  # batches that are drawn at once


def train_network(samples: Samples, least: int, seed: int, updates: int = UPDATES) -> QNetwork:
    """Trains a network from the first weights on.

    Args:
        samples: real and virtual ones, all drawn alike.
        least: RBGs that every slice keeps.
        seed: of the first weights and the batches.
        updates: steps of Adam.
    """
    network = first_network(seed)
    weights = [weight.requires_grad_() for weight in network.weights]
    optimiser = torch.optim.Adam(weights, lr=RATE)
    after = _NextStates(samples, least)
    numbers, action, reward = inputs(samples.state, torch.float32), samples.action[:, None], samples.reward.float()
    target = torch.zeros(0)
    for update in range(updates):
        if update % COPY_EVERY == 0:
            target = targets(reward, after.values(network))
        if update % _BLOCK == 0:
            drawn = _batches(seed, update // _BLOCK, len(samples))
        chosen = drawn[update % _BLOCK]
        value = network.of_inputs(numbers[chosen]).gather(1, action[chosen])[:, 0]
        loss = torch.nn.functional.mse_loss(value, target[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return QNetwork(*(weight.detach() for weight in weights))


def targets(reward: Tensor, best: Tensor) -> Tensor:
    """Computes what values are to become, ``[samples]``: ``r + 0.99 max Q'`` cut to [0, 100].

    Args:
        reward: ``[samples]``.
        best: ``[samples]`` greatest value of a possible action in the next state, by the target network.
    """
    return (reward + DISCOUNT * best).clamp(0.0, GREATEST)


def greatest_possible(values: Tensor, possible: Tensor) -> Tensor:
    """Computes the greatest value of a possible action, ``[samples]``; both ``[samples, 7]``."""
    return values.masked_fill(~possible, -torch.inf).amax(1)


class _NextStates:
    """Computes the value of the next states of samples; there are far fewer states than samples."""

    def __init__(self, samples: Samples, least: int) -> None:
        states, self._place = torch.unique(samples.after, dim=0, return_inverse=True)
        self._inputs, self._possible = inputs(states, torch.float32), possible_from(states, least)

    def values(self, network: QNetwork) -> Tensor:
        """Returns the greatest value of a possible action in each sample's next state, ``[samples]``."""
        with torch.no_grad():
            return greatest_possible(network.of_inputs(self._inputs), self._possible)[self._place]


def _batches(seed: int, block: int, samples: int) -> Tensor:
    """Draws batches of places of samples, int64 ``[1024, 128]``."""
    key = torch.tensor([stream_key(seed, 0, "allocator/tractor_dqn/batches")])
    unit = uniform(key, (_BLOCK, BATCH), block * _BLOCK * BATCH)[0]
    return (unit * samples).to(torch.int64)
