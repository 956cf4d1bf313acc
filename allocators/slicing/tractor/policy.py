"""Defines TRACTOR's learned controllers as allocators: each report the possible move with the greatest value."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic.dataclasses import dataclass

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS

from ..apportionment import require_room
from .moves import ACTIONS, Moves
from .policy_file import Method, read_values
from .q_network import QNetwork
from .q_table import QTable

DEFAULT = "default"


class GreedyMoves:
    """Takes in each cell the possible move with the greatest value; of equal ones the first, which is to keep.

    Args:
        values: learned ones.
        context: of the run.
    """

    def __init__(self, values: QNetwork | QTable, context: SlicingContext) -> None:
        require_room(context)
        self._values, self._moves = _on(values, context.device), Moves(context)

    def __call__(self, observation: SlicingObservation) -> SlicingDecision:
        """Returns the quotas for the next interval."""
        state, possible = self._moves.state(observation), self._moves.possible(observation)
        # Rounded from float64, rows of a product do not depend on how many there are.
        values = self._values.values(state.flatten(0, 1)).float().view(*state.shape[:2], ACTIONS)
        action = values.masked_fill(~possible, -torch.inf).argmax(-1)
        return SlicingDecision(self._moves.after(observation, action))


class _TrainedMoves:
    """Decides as the trained values of a file say; a class below names the method of their training."""

    policy: str
    _method: ClassVar[Method]

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Reads the policy.

        Raises:
            ValueError: the file cannot be read or is no such policy, or the slices' least RBGs do not fit.
        """
        self._decide = GreedyMoves(_read(self.policy, self._method), context)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Moves an RBG or none."""
        return self._decide(observation)


@dataclass(config=PARAMETERS)
class TractorDqn(_TrainedMoves):
    """Moves one RBG at a report or none, as the values of TRACTOR's trained network say.

    Source: Groen et al., "From classification to optimization: Slicing and resource management with TRACTOR", arXiv
    2312.07896 (its learned policy), trained on our channel.
    """

    policy: str = DEFAULT
    """File of `fairwave train slicing-tractor --method dqn`, or `default` for the one that comes with fairwave."""

    _method: ClassVar[Method] = "dqn"


@dataclass(config=PARAMETERS)
class TractorTabular(_TrainedMoves):
    """Moves one RBG at a report or none, as TRACTOR's learned table says; states that it lacks keep the quotas.

    Source: Groen et al., "From classification to optimization: Slicing and resource management with TRACTOR", arXiv
    2312.07896 (its tabular policy), trained on our channel.
    """

    policy: str = DEFAULT
    """File of `fairwave train slicing-tractor --method tabular`, or `default` for the one that comes with fairwave."""

    _method: ClassVar[Method] = "tabular"


def _read(policy: str, method: Method) -> QNetwork | QTable:
    if policy != DEFAULT:
        return read_values(Path(policy), method)
    with importlib.resources.as_file(importlib.resources.files(__package__) / f"{method}.npz") as path:
        return read_values(path, method)


def _on(values: QNetwork | QTable, device: torch.device) -> QNetwork | QTable:
    """Returns the values on a device, a network in float64."""
    if isinstance(values, QTable):
        return QTable(values.table.to(device))
    moved: Any = [weight.to(device, torch.float64) for weight in values.weights]
    return QNetwork(*moved)
