"""Defines the experience of allocators: rows of what was observed, done and rewarded, for offline learners."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ScenarioError

Arrays = Mapping[str, np.ndarray]
_OF_NUMBERS = ("observation", "next_observation")
_MASKS = ("action_mask", "next_action_mask")
_SHARED = ("truncated", "allocator", "episode", "step", "exact")


@dataclass(frozen=True)
class Facts:
    """Holds what the rows of an experience mean."""

    family: str
    scenario: str
    seed: int
    allocators: tuple[str, ...]
    agent: str  # what an agent is, in one word
    agents: int
    features: Mapping[str, int]  # numbers of each feature of an agent, in the order of a row
    units: Mapping[str, str]  # of the features
    actions: str  # name of the mapping of actions; empty: without a name
    action: str  # what an action means
    size: int  # numbers, or choices, of an agent
    choices: bool  # whether an agent chooses one of several, or sets numbers from -1 to 1
    reward: str
    reward_unit: str
    interval_s: float

    def as_plain(self) -> dict[str, Any]:
        """Returns plain values, for a file."""
        return {**asdict(self), "allocators": list(self.allocators)}


@dataclass(frozen=True)
class Experience:
    """Holds the steps of all episodes, one after the other.

    Attributes:
        facts: what they mean.
        arrays: ``[steps, ...]``: ``observation`` and ``next_observation`` ``[steps, agents, numbers]`` float32,
            ``action`` ``[steps, agents, numbers]`` float32 or int64 ``[steps, agents]``, ``reward`` ``[steps]`` and
            ``agent_reward`` ``[steps, agents]`` float64, ``terminated`` and ``truncated`` ``[steps]``, ``live`` and
            ``next_live`` ``[steps, agents]``, ``exact`` ``[steps]``, ``allocator``, ``episode``, ``step`` ``[steps]``
            and, where choices may be closed, ``action_mask`` and ``next_action_mask`` ``[steps, agents, choices]``.
    """

    facts: Facts
    arrays: Arrays

    @classmethod
    def joined(cls, facts: Facts, parts: Sequence[Arrays]) -> Experience:
        """Joins the arrays of batches, ``[episodes, steps, ...]``; steps after the end of an episode are left out."""
        names = [name for name in parts[0] if name in _NAMES]
        counted = [part["counts"].astype(bool) for part in parts]
        arrays = {
            name: np.concatenate([part[name][rows] for part, rows in zip(parts, counted, strict=True)])
            for name in names
        }
        return cls(facts, arrays)

    def __len__(self) -> int:
        return len(self.arrays["reward"])

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Computes the sum of the rewards of each episode, and the share of its actions that are exact.

        Columns ``allocator, episode, steps, return, exact``.
        """
        names = ("allocator", "episode", "reward", "exact")
        table = pd.DataFrame({name: self.arrays[name] for name in names})
        grouped = table.groupby(["allocator", "episode"], sort=False)
        found = grouped.agg(steps=("reward", "size"), exact=("exact", "mean")).assign(
            **{"return": grouped["reward"].sum()}
        )
        return found.reset_index()[["allocator", "episode", "steps", "return", "exact"]]

    @property
    def exact(self) -> float:
        """Computes the share of the steps whose action makes the allocator's own decision."""
        return float(self.arrays["exact"].mean())

    def rows(self, by_agent: bool = False) -> dict[str, np.ndarray]:
        """Returns arrays of one row a step, all agents one after the other, or of one row a step and live agent.

        Args:
            by_agent: a row for each agent that can act: ``reward`` is its own, ``terminated`` that it can act no more.

        Returns:
            ``observation [rows, numbers]``, ``action [rows, numbers]`` (int64 ``[rows]`` of a single agent that
            chooses), ``reward``, ``next_observation``, ``terminated``, ``truncated``, ``allocator``, ``episode``,
            ``step``, ``exact``, where choices may be closed ``action_mask``, ``next_action_mask``, and by agent
            ``agent``.
        """
        return self._by_agent() if by_agent else self._central()

    def _central(self) -> dict[str, np.ndarray]:
        found, count = self.arrays, len(self)
        action = found["action"].reshape(count, -1)
        single = self.facts.choices and self.facts.agents == 1
        return {
            **{name: found[name].reshape(count, -1) for name in (*_OF_NUMBERS, *_MASKS) if name in found},
            "action": action[:, 0] if single else action,
            **{name: found[name] for name in ("reward", "terminated", *_SHARED)},
        }

    def _by_agent(self) -> dict[str, np.ndarray]:
        found, live = self.arrays, self.arrays["live"]
        own = {name: found[name][live] for name in (*_OF_NUMBERS, "action", *_MASKS) if name in found}
        shared = {name: np.repeat(found[name], live.sum(1)) for name in _SHARED}
        ended = ~found["next_live"][live]
        agent = np.broadcast_to(np.arange(live.shape[1]), live.shape)[live]
        more = {"reward": found["agent_reward"][live], "terminated": ended, "agent": agent}
        return {**own, **more, **shared, "truncated": shared["truncated"] & ~ended}

    def to_pandas(self, by_agent: bool = False) -> pd.DataFrame:
        """Makes a table of :meth:`rows`, a column for each number: ``observation.share_held.0``."""
        columns: dict[str, np.ndarray] = {}
        for name, values in self.rows(by_agent).items():
            if values.ndim == 1:
                columns[name] = values
            else:
                columns |= dict(zip(self.column_names(name, by_agent), values.T, strict=True))
        return pd.DataFrame(columns)

    def column_names(self, name: str, by_agent: bool = False) -> list[str]:
        """Names the numbers of ``observation``, ``action`` or a mask: ``observation.ue_1.backlog.0``."""
        facts = self.facts
        if name in _OF_NUMBERS:
            own = [f"{feature}.{place}" for feature, width in facts.features.items() for place in range(width)]
        else:
            own = [] if name == "action" and facts.choices else [str(place) for place in range(facts.size)]
        agents = [f".{facts.agent}_{agent}" for agent in range(facts.agents)]
        before = [""] if by_agent or facts.agents == 1 else agents
        return [f"{name}{agent}{f'.{place}' if place else ''}" for agent in before for place in own or [""]]

    def to_torch(self, by_agent: bool = False) -> dict[str, Any]:
        """Returns the numbers of :meth:`rows` as tensors; ``torch.utils.data.StackDataset(**tensors)`` takes them."""
        import torch

        return {name: torch.from_numpy(values.copy()) for name, values in self._numbers(by_agent).items()}

    def to_tf_dataset(self, by_agent: bool = False) -> Any:
        """Returns :meth:`rows` as a ``tf.data.Dataset`` of one mapping a row, without the texts.

        Raises:
            ScenarioError: TensorFlow is not installed.
        """
        try:
            tensorflow = importlib.import_module("tensorflow")
        except ModuleNotFoundError:
            raise ScenarioError("to_tf_dataset() needs TensorFlow: pip install 'fairwave[tensorflow]'") from None
        return tensorflow.data.Dataset.from_tensor_slices(self._numbers(by_agent))

    def _numbers(self, by_agent: bool) -> dict[str, np.ndarray]:
        return {name: values for name, values in self.rows(by_agent).items() if values.dtype.kind != "U"}


_NAMES = (*_OF_NUMBERS, *_MASKS, *_SHARED, "action", "reward", "agent_reward", "terminated", "live", "next_live")
