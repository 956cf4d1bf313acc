"""Defines the policy of an agent, a graph recurrent network over observations, and the critic, with attention.

B sequences, T steps. An observation is the features of all agents ``[B, agents, numbers]``, and the graph
``[B, agents, agents]``: whether agent i has agent j in range. An agent is given its own features and those of agents
in its range, no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_LOG_DEVIATION = -0.5  # of the actions at the start


@dataclass(frozen=True)
class Shape:
    """Sets the sizes and parts of the networks; what is left out is an ablation."""

    agents: int
    numbers: int  # of features of an agent, without the graph
    actions: int  # numbers of an agent
    hidden: int = 64
    graph: bool = True  # messages of agents in range, and memory
    attention: bool = True  # of the critic


class GraphActor(nn.Module):
    """Computes the normal distribution of one agent's actions.

    With e_j = tanh(W o_j + b), the message m_i = mean of e_j over the agents in range (0 without any) and
    h_i <- GRU([e_i, m_i], h_i), the mean is linear in h_i; the deviation is a parameter. Without the graph, h_i is the
    tanh of a linear layer on e_i.

    Args:
        shape: of the networks.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, size = shape, shape.hidden
        self.embed = nn.Linear(shape.numbers, size)
        self.memory = nn.GRUCell(2 * size, size) if shape.graph else None
        self.second = None if shape.graph else nn.Linear(size, size)
        self.mean = nn.Linear(size, shape.actions)
        nn.init.orthogonal_(self.mean.weight, 0.01)
        nn.init.zeros_(self.mean.bias)
        self.log_deviation = nn.Parameter(torch.full((shape.actions,), _LOG_DEVIATION))

    def forward(self, seen: Tensor, graph: Tensor, agent: int, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Computes one step.

        Args:
            seen: ``[B, agents, numbers]``.
            graph: ``[B, agents, agents]``, 1 or 0.
            agent: its number.
            hidden: its memory, ``[B, hidden]``.

        Returns:
            The mean of its actions ``[B, actions]``, and its new memory.
        """
        if self.memory is None:
            assert self.second is not None
            own = torch.tanh(self.embed(seen[:, agent]))
            return self.mean(torch.tanh(self.second(own))), hidden
        embedded = torch.tanh(self.embed(seen))
        near = graph[:, agent, :, None]
        message = (embedded * near).sum(1) / near.sum(1).clamp(min=1.0)
        hidden = self.memory(torch.cat((embedded[:, agent], message), -1), hidden)
        return self.mean(hidden), hidden

    def means(self, seen: Tensor, graph: Tensor, agent: int, hidden: Tensor) -> Tensor:
        """Computes the means of a sequence, ``[B, T, actions]``.

        Args:
            seen: ``[B, T, agents, numbers]``.
            graph: ``[B, T, agents, agents]``.
            agent: its number.
            hidden: its memory before the first step, ``[B, hidden]``.
        """
        found = []
        for step in range(seen.shape[1]):
            mean, hidden = self(seen[:, step], graph[:, step], agent, hidden)
            found.append(mean)
        return torch.stack(found, 1)


class AttentionCritic(nn.Module):
    """Computes the value of what all agents observe.

    With e_j = tanh(W o_j + b), each agent attends to all: a_i = sum_j softmax_j(q(e_i) k(e_j) / sqrt(hidden)) v(e_j).
    The value is a network of one layer on the mean of e_i + a_i. Without attention, on all e_j one after the other.

    Args:
        shape: of the networks.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, size = shape, shape.hidden
        self.embed = nn.Linear(shape.numbers, size)
        self.attend = nn.Linear(size, 3 * size) if shape.attention else None
        inputs = size if shape.attention else size * shape.agents
        self.value = nn.Sequential(nn.Linear(inputs, size), nn.Tanh(), nn.Linear(size, 1))

    def forward(self, seen: Tensor) -> Tensor:
        """Computes values ``[...]`` of observations ``[..., agents, numbers]``."""
        embedded = torch.tanh(self.embed(seen))
        if self.attend is None:
            found: Tensor = self.value(embedded.flatten(-2))[..., 0]
            return found
        query, key, content = self.attend(embedded).chunk(3, -1)
        weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(self.shape.hidden), -1)
        found = self.value((embedded + weights @ content).mean(-2))[..., 0]
        return found


class Team:
    """Holds the policies of all agents, each with parameters of its own, and the critic.

    Args:
        shape: of the networks.
        seed: of the first weights.
        shared: all agents have one policy (for comparison; the guarantee of improvement is then lost).
    """

    def __init__(self, shape: Shape, seed: int, shared: bool = False) -> None:
        self.shape = shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            first = GraphActor(shape)
            self.actors = [first if shared or not agent else GraphActor(shape) for agent in range(shape.agents)]
            self.critic = AttentionCritic(shape)

    def start(self, count: int) -> Tensor:
        """Returns the memories of all agents at the start of an episode, ``[B, agents, hidden]``."""
        kind = self.actors[0].mean.weight
        return kind.new_zeros((count, self.shape.agents, self.shape.hidden))

    def act(self, seen: Tensor, graph: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Computes means and deviations of all agents' actions ``[B, agents, actions]`` and their new memories."""
        means, memories = [], []
        for agent, actor in enumerate(self.actors):
            mean, memory = actor(seen, graph, agent, hidden[:, agent])
            means.append(mean)
            memories.append(memory)
        deviations = torch.stack([actor.log_deviation.exp() for actor in self.actors])
        mean = torch.stack(means, 1)
        return mean, deviations.expand_as(mean), torch.stack(memories, 1)
