"""Trains the network by Q-learning on samples (arXiv 2312.07896): Adam 0.01, discount 0.99, batch 128.

The loss is the mean squared error (ours) between the value of the action taken and ``r + 0.99 max Q'``, where the
maximum is over the actions that are possible in the next state, by the target network, and the target is cut to
[0, 100]. The target network is a copy that is made anew every 128 updates.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phy.random import stream_key, uniform

from .moves import ACTIONS, possible_from
from .q_network import QNetwork, first_network, inputs
from .samples import Samples

PUBLISHED_UPDATES = 1_000_000
UPDATES = 50_000
"""Default: a twentieth of what is published, so that a training takes minutes (ours)."""
RATE, DISCOUNT, BATCH, COPY_EVERY = 0.01, 0.99, 128, 128
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam
GREATEST = 100.0
_Floats = NDArray[np.float32]
_BLOCK = 1024  # batches that are drawn at once


def train_network(samples: Samples, least: int, seed: int, updates: int = UPDATES) -> QNetwork:
    """Trains a network from the first weights on.

    Args:
        samples: real and virtual ones, all drawn alike.
        least: RBGs that every slice keeps.
        seed: of the first weights and the batches.
        updates: steps of Adam.
    """
    training = NetworkTraining(first_network(seed))
    after = _NextStates(samples, least)
    numbers, action = inputs(samples.state, torch.float32).numpy(), samples.action.numpy()
    reward, target = samples.reward.float(), np.zeros(0, np.float32)
    for update in range(updates):
        if update % COPY_EVERY == 0:
            target = targets(reward, after.values(training.network)).numpy()
        if update % _BLOCK == 0:
            drawn = _batches(seed, update // _BLOCK, len(samples)).numpy()
        chosen = drawn[update % _BLOCK]
        training.update(numbers[chosen], action[chosen], target[chosen])
    return training.network


class NetworkTraining:
    """Updates the weights of a network by Adam, all in one vector.

    The gradient is written out: the network is so small that automatic differentiation takes most of an update.

    Args:
        network: first weights, which are copied.
    """

    def __init__(self, network: QNetwork) -> None:
        shapes = [tuple(weight.shape) for weight in network.weights]
        self._vector = np.concatenate([weight.numpy().ravel() for weight in network.weights])
        self._slope, self._first, self._second = (np.zeros_like(self._vector) for _ in range(3))  # and two moments
        self._weights, self._slopes = _views(self._vector, shapes), _views(self._slope, shapes)
        self._updates = 0

    @property
    def network(self) -> QNetwork:
        """Returns a copy of the network as it is now."""
        return QNetwork(*(torch.from_numpy(weight.copy()) for weight in self._weights))

    def update(self, numbers: _Floats, action: NDArray[np.int64], target: _Floats) -> None:
        """Makes one step of Adam on a batch.

        Args:
            numbers: scaled states ``[samples, 5]``.
            action: ``[samples]`` that was taken.
            target: ``[samples]`` what its value is to become.
        """
        self._updates += 1
        self._differentiate(numbers, action, target)
        self._first += (1.0 - BETAS[0]) * (self._slope - self._first)
        self._second += (1.0 - BETAS[1]) * (self._slope * self._slope - self._second)
        spread = np.sqrt(self._second) / math.sqrt(1.0 - BETAS[1] ** self._updates) + EPSILON
        self._vector -= RATE / (1.0 - BETAS[0] ** self._updates) * self._first / spread

    def _differentiate(self, numbers: _Floats, action: NDArray[np.int64], target: _Floats) -> None:
        """Computes the slope of the mean squared error of a batch by each weight."""
        w1, b1, w2, b2 = self._weights
        rows = np.arange(len(action))
        hidden = np.maximum(numbers @ w1.T + b1, 0.0)
        error = (hidden @ w2.T + b2)[rows, action] - target
        by_value = np.zeros((len(action), ACTIONS), np.float32)
        by_value[rows, action] = 2.0 / len(action) * error
        by_hidden = (by_value @ w2) * (hidden > 0.0)
        for slope, found in zip(
            self._slopes,
            (by_hidden.T @ numbers, by_hidden.sum(0), by_value.T @ hidden, by_value.sum(0)),
            strict=True,
        ):
            slope[...] = found


def _views(vector: _Floats, shapes: list[tuple[int, ...]]) -> list[_Floats]:
    """Returns parts of a vector in some shapes, one after the other."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)]


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
