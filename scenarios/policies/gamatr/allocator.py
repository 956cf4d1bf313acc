"""Lets a trained team decide: each agent from its features, messages of the agents in range, and its memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import families
from ...envs.choice import environment_of, find_actions, find_features
from ...families.environment import FeatureStack
from .policy_file import read_team
from .rollout import split


class GraphPolicies:
    """Decides as the means of the agents' policies say, for all drops of a batch.

    Networks compute in float64, drop by drop, so that a drop has the same results in any batch.

    Args:
        file: that ``fairwave train SCENARIO --method gamatr`` wrote.
        family: of the scenario; empty: that which the file tells.

    Raises:
        ValueError: the file is none, or of another family.
    """

    def __init__(self, file: str, family: str) -> None:
        self.actors, self.trained_for = read_team(Path(file))
        self.label, facts = file, self.trained_for
        if family not in ("", facts.family):
            raise ValueError(
                f"{file} was trained for the family '{facts.family}' (on {facts.scenario}), and this is one of "
                f"'{family}'"
            )
        self.environment = environment_of(families.find(facts.family))
        self.features = find_features(self.environment, list(facts.features))
        self.actions = find_actions(self.environment, facts.actions)
        self.projected = torch.zeros(0, dtype=torch.int64)

    def reset(self, context: Any, seed: int) -> None:
        """Starts on the drops of a context with empty memories; the seed changes nothing.

        Raises:
            ValueError: the scenario has another number of agents.
        """
        drops, agents = len(context.drops), self.environment.agents(context)
        if agents != self.trained_for.agents:
            raise ValueError(
                f"{self.label} was trained on {self.trained_for.scenario} for {self.trained_for.agents} "
                f"{self.environment.agent}s, and this scenario has {agents}: train it anew"
            )
        self._context = context
        self._stack = FeatureStack(self.features, context, drops, agents)
        hidden = self.actors[0].shape.hidden
        self._hidden = torch.zeros((drops, agents, hidden), dtype=torch.float64)
        self.projected = torch.zeros(drops, dtype=torch.int64)

    def decide(self, observation: Any) -> Any:
        """Returns the decision of all drops."""
        features = self._stack(observation)
        seen, graph = split(features.to(torch.float64).cpu(), self.actors[0].shape.numbers)
        found = [self._act(seen[drop : drop + 1], graph[drop : drop + 1], drop) for drop in range(len(seen))]
        mean = torch.cat([mean for mean, _ in found])
        self._hidden = torch.cat([hidden for _, hidden in found])
        numbers = mean.clamp(-1.0, 1.0).to(device=features.device, dtype=torch.float32)
        decision, infeasible = self.actions.decide(numbers, observation, self._context)
        self.projected = self.projected + infeasible.cpu()
        return decision

    def _act(self, seen: Tensor, graph: Tensor, drop: int) -> tuple[Tensor, Tensor]:
        """Computes means and memories of one drop, ``[1, V, ...]``."""
        hidden, means, memories = self._hidden[drop : drop + 1], [], []
        for agent, actor in enumerate(self.actors):
            mean, memory = actor(seen, graph, agent, hidden[:, agent])
            means.append(mean)
            memories.append(memory)
        return torch.stack(means, 1), torch.stack(memories, 1)


def gamatr_policy(file: str, family: str) -> GraphPolicies:
    """Makes a team of the file of ``fairwave train SCENARIO --method gamatr``."""
    return GraphPolicies(file, family)
