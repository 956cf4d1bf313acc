"""Computes decisions of a trained team: by features, messages of the agents in range, and the memory of each agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..allocator import Policy
from ..network import Network
from .policy_file import read_team
from .rollout import split


class GraphPolicies(Policy):
    """Decides as the means of the agents' policies say, for all drops of a batch.

    Networks compute in float64, drop by drop, so that a drop has the same results in any batch.

    Args:
        file: that ``fairwave train SCENARIO --method gamatr`` wrote.
        family: of the scenario; empty: that which the file tells.

    Raises:
        ValueError: the file is none, or of another family.
    """

    def __init__(self, file: str, family: str) -> None:
        self.actors, facts = read_team(Path(file))
        super().__init__(Network(self.actors[0].embed, None, facts), file, family)

    def reset(self, context: Any, seed: int) -> None:
        """Starts on the drops of a context with empty memories; the seed changes nothing.

        Raises:
            ValueError: the scenario has another number of agents.
        """
        super().reset(context, seed)
        facts, agents = self.network.trained_for, self.environment.agents(context)
        if facts is not None and agents != facts.agents:
            raise ValueError(
                f"{self.label} was trained on {facts.scenario} for {facts.agents} {self.environment.agent}s, and this "
                f"scenario has {agents}: train it anew"
            )
        hidden = self.actors[0].shape.hidden
        self._hidden = torch.zeros((len(context.drops), agents, hidden), dtype=torch.float64)

    def decide(self, observation: Any) -> Any:
        """Returns the decision of all drops."""
        features = self._stack(observation)
        seen, graph = split(features.to(torch.float64).cpu(), self.actors[0].shape.numbers)
        found = [self._act(seen[drop : drop + 1], graph[drop : drop + 1], drop) for drop in range(len(seen))]
        mean = torch.cat([mean for mean, _ in found])
        self._hidden = torch.cat([hidden for _, hidden in found])
        numbers = mean.clamp(-1.0, 1.0).to(device=features.device, dtype=torch.float32)
        decision, infeasible = self.actions.decide(numbers, observation, self._context)
        self.projected = self.projected + infeasible
        return decision

    def _act(self, seen: Tensor, graph: Tensor, drop: int) -> tuple[Tensor, Tensor]:
        """Computes means and memories of one drop, ``[1, agents, ...]``."""
        hidden, means, memories = self._hidden[drop : drop + 1], [], []
        for agent, actor in enumerate(self.actors):
            mean, memory = actor(seen, graph, agent, hidden[:, agent])
            means.append(mean)
            memories.append(memory)
        return torch.stack(means, 1), torch.stack(memories, 1)


def gamatr_policy(file: str, family: str) -> GraphPolicies:
    """Makes a team of the file of ``fairwave train SCENARIO --method gamatr``."""
    return GraphPolicies(file, family)
