"""Writes and reads the file of a policy: the sizes and weights of its layers, and what it was trained for.

The file is what ``torch.save`` writes of plain values and tensors, so that ``weights_only`` reads it: reading runs no
code.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .network import TrainedFor

VERSION = 1
_MARK = "fairwave_policy"
_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class Mlp(nn.Module):
    """Computes linear layers with an activation between them.

    Args:
        sizes: numbers of the input, of each layer's output, the last one that of the network.
        activation: between the layers: tanh or relu.
        squash: the output goes through tanh.
    """

    def __init__(self, sizes: Sequence[int], activation: str = "tanh", squash: bool = False) -> None:
        super().__init__()
        self.sizes, self.activation, self.squash = list(sizes), activation, squash
        self.layers = nn.ModuleList(nn.Linear(one, other) for one, other in itertools.pairwise(sizes))
        self.between = _ACTIVATIONS[activation]()

    def forward(self, numbers: Tensor) -> Tensor:
        """Computes ``[rows, outputs]`` of ``[rows, inputs]``."""
        for layer in self.layers[:-1]:
            numbers = self.between(layer(numbers))
        found: Tensor = self.layers[-1](numbers)
        return found.tanh() if self.squash else found


def write_policy(path: Path, network: Mlp, trained_for: TrainedFor) -> None:
    """Writes a policy, whole or not at all.

    Args:
        path: of the file, which is overwritten.
        network: of it.
        trained_for: what it was trained for.
    """
    content = {
        _MARK: VERSION,
        "trained_for": trained_for.as_plain(),
        "sizes": network.sizes,
        "activation": network.activation,
        "squash": network.squash,
        "weights": network.state_dict(),
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(content, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def is_policy(content: Any) -> bool:
    """Checks whether what a file holds was written by :func:`write_policy`."""
    return isinstance(content, Mapping) and _MARK in content


def policy_of(content: Mapping[str, Any], path: Path) -> tuple[Mlp, TrainedFor]:
    """Makes the network that a file of :func:`write_policy` holds.

    Raises:
        ValueError: another version, or damaged.
    """
    if content[_MARK] != VERSION:
        raise ValueError(f"{path} is a policy of version {content[_MARK]}, and this fairwave reads {VERSION}")
    try:
        network = Mlp(content["sizes"], content["activation"], content["squash"])
        network.load_state_dict(content["weights"])
        return network, TrainedFor(**content["trained_for"])
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise ValueError(f"{path} is a damaged policy; write it anew with: fairwave train") from None
