"""Computes values of actions by TRACTOR's network: 5 numbers, 256 units with ReLU, 7 values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import stream_key, uniform

from .moves import ACTIONS, SCALE, STATE

HIDDEN = 256


@dataclass(frozen=True)
class QNetwork:
    """Holds the weights of the network."""

    w1: Tensor  # [256, 5]
    b1: Tensor  # [256]
    w2: Tensor  # [7, 256]
    b2: Tensor  # [7]

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Lists the tensors."""
        return self.w1, self.b1, self.w2, self.b2

    def values(self, states: Tensor) -> Tensor:
        """Computes the value of each action, ``[samples, 7]``, in states int64 ``[samples, 5]``."""
        return self.of_inputs(inputs(states, self.w1.dtype))

    def of_inputs(self, numbers: Tensor) -> Tensor:
        """Computes the values, ``[samples, 7]``, of scaled states ``[samples, 5]``."""
        hidden = torch.relu(numbers @ self.w1.T + self.b1)
        return hidden @ self.w2.T + self.b2


def inputs(states: Tensor, dtype: torch.dtype) -> Tensor:
    """Scales states to the input of the network: UEs over 10, RBGs over 17."""
    return states.to(dtype) / torch.tensor(SCALE, dtype=dtype, device=states.device)


def first_network(seed: int) -> QNetwork:
    """Draws weights before training, uniform within ``+- 1/sqrt(inputs)`` of each layer (ours), float32."""

    def draw(name: str, *shape: int, fan_in: int) -> Tensor:
        key = torch.tensor([stream_key(seed, 0, f"allocator/tractor_dqn/{name}")])
        return ((2.0 * uniform(key, shape)[0] - 1.0) / math.sqrt(fan_in)).to(torch.float32)

    return QNetwork(
        draw("w1", HIDDEN, STATE, fan_in=STATE),
        draw("b1", HIDDEN, fan_in=STATE),
        draw("w2", ACTIONS, HIDDEN, fan_in=HIDDEN),
        draw("b2", ACTIONS, fan_in=HIDDEN),
    )
