"""Small policies on a small scenario of slicing, so that a run takes a moment."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from scenarios.policies.network import TrainedFor
from scenarios.policies.policy_file import Mlp, write_policy

SMALL = {
    "extends": "slicing-quickstart", "name": "small", "drops": 2, "duration_s": 0.02, "warmup_s": 0, "window_s": 0.01,
    "slicing": {"interval_s": 0.01}, "carrier": {"prbs": 10},
}  # fmt: skip
FEATURES = {"share_held": 3, "backlog": 3}
WEIGHTS = TrainedFor("slicing", "slicing-quickstart", 1, FEATURES, "weights", 3)
MOVES = TrainedFor("slicing", "slicing-quickstart", 1, FEATURES, "moves", 7)


def policy(path: Path, facts: TrainedFor = WEIGHTS) -> str:
    """Writes a policy of random weights; returns its name."""
    torch.manual_seed(1)
    inputs = facts.agents * sum(facts.features.values())
    write_policy(path, Mlp([inputs, 4, facts.agents * facts.size]), facts)
    return f"torch:{path}"


class Declared(nn.Module):
    """Has weights of its own names, and an output of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Linear(6, 3)

    def forward(self, numbers: Tensor) -> Tensor:
        out: Tensor = self.only(numbers)
        return out


class NotFinite(nn.Module):
    """Gives NaN for the second of several drops, and for none alone."""

    def forward(self, numbers: Tensor) -> Tensor:
        out = numbers[:, :3].clone()
        out[1:] = torch.nan
        return out
