"""Defines what a network of a policy is: rows of numbers in, rows of numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class TrainedFor:
    """Describes what a policy was trained for.

    Attributes:
        scenario: its name.
        agents: that it decides for.
        features: name -> numbers of it for each agent, in the order of the input.
        actions: name of the mapping of actions.
        size: numbers, or choices, of an agent.
    """

    family: str
    scenario: str
    agents: int
    features: Mapping[str, int]
    actions: str
    size: int

    def as_plain(self) -> dict[str, Any]:
        """Returns plain values that a file can hold."""
        return {**asdict(self), "features": dict(self.features)}


@dataclass(frozen=True)
class Network:
    """Holds a network as it was read from a file.

    Attributes:
        compute: ``[rows, inputs]`` float32 -> ``[rows, outputs]``.
        inputs: numbers of a row; None where the file does not tell.
        trained_for: what it was trained for; None where the file does not tell.
        to: moves it to a device, where that is for us to do.
    """

    compute: Callable[[Tensor], Tensor]
    inputs: int | None
    trained_for: TrainedFor | None = None
    to: Callable[[torch.device], object] = lambda device: None


def require_file(path: Path) -> None:
    """Refuses a file that is not there.

    Raises:
        ValueError: it is not there, or a folder.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder, and a policy is a file")
    if not path.is_file():
        raise ValueError(f"there is no policy file {path}; make one with: fairwave train SCENARIO --algorithm ppo")
