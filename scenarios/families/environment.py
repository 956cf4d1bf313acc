"""Defines what a family tells learners: agents, named features, mappings of actions to decisions, and rewards.

Features and actions are functions of what an allocator is given (the observation, and the context of ``reset``), so
that a trained policy can decide in a run as it did in training. Rewards are functions of outcomes, which an allocator
does not see. B drops; an *agent* is a part of the network that decides for itself, such as a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from phy.numerics.jit import uses_numba

if TYPE_CHECKING:
    from mac.core.contracts import Outcome, Problem

    from .schema import ScenarioBase


class Scene:
    """Holds what stays the same over an episode: the scenario, the problem of a batch of drops, and its labels.

    Args:
        scenario: of the episode.
        problem: built of it, for the drops of the episode.
        labels: computes the coordinates and attributes of the results (``Labels``) of the two.
    """

    def __init__(
        self, scenario: ScenarioBase, problem: Problem[Any, Any, Any], labels: Callable[[Any, Any], Any]
    ) -> None:
        self.scenario, self.problem, self._labels = scenario, problem, labels
        self.context: Any = problem.context
        self.interval_s = problem.interval_s
        self.device: torch.device = getattr(self.context, "device", torch.device("cpu"))
        self._kept: dict[str, Tensor] = {}

    @cached_property
    def labels(self) -> Any:
        """Returns the coordinates and attributes that the results of a run would have."""
        return self._labels(self.scenario, self.problem)

    def label(self, name: str) -> Tensor:
        """Returns a coordinate of the results, such as ``sla_rate_bps`` of each UE, as a tensor on the device.

        Raises:
            KeyError: the results of this family have no such coordinate.
        """
        if name not in self._kept:
            self._kept[name] = torch.as_tensor(self.labels.coordinates[name][1]).to(self.device)
        return self._kept[name]


@dataclass(frozen=True)
class Feature:
    """Describes a feature: numbers of the order of 1 that each agent is given.

    Attributes:
        compute: (observation, context) -> ``[B, agents, numbers]``, ``[B, agents]``, or ``[B]``, the same for all
            agents of a drop; finite.
        unit: of the numbers.
        description: what they are.
        constant: they follow from the context alone and are computed once.
    """

    compute: Callable[[Any, Any], Tensor]
    unit: str
    description: str
    constant: bool = False


@dataclass(frozen=True)
class Reward:
    """Describes a reward of an interval; greater is better.

    Attributes:
        compute: (outcome, scene) -> ``[B]``, or ``[B, agents]`` where each agent has its own.
        unit: of it.
        description: what it is.
    """

    compute: Callable[[Outcome, Scene], Tensor]
    unit: str
    description: str


@dataclass(frozen=True)
class Actions:
    """Describes how the actions of agents become a decision that is allowed, whatever they are.

    Attributes:
        decide: (actions, observation, context) -> the decision, and how many actions of each drop were projected to
            what is feasible, int64 ``[B]``. Actions are ``[B, agents, numbers]`` from -1 to 1 in the dtype float32, or
            int64 ``[B, agents]``, a choice of each agent.
        size: (observation, context) -> the numbers, or the choices, of an agent.
        description: what an action means.
        choices: whether an agent chooses one of several, or sets numbers.
        mask: (observation, context) -> which choices are open to each agent, bool ``[B, agents, choices]``; none: all.
        nearest: (decision, observation, context) -> the actions whose decision comes nearest to one that is allowed,
            so that what any allocator decides can be shown to learners. None: decisions cannot be told as actions.
        compared: names of the parts of a decision in which two are the same or not; empty: all.
    """

    decide: Callable[[Tensor, Any, Any], tuple[Any, Tensor]]
    size: Callable[[Any, Any], int]
    description: str
    choices: bool = False
    mask: Callable[[Any, Any], Tensor] | None = None
    nearest: Callable[[Any, Any, Any], Tensor] | None = None
    compared: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """Holds everything that environments and policies need to know of a family.

    Attributes:
        scenario: preset that an environment takes where none is named.
        agent: what an agent is, in one word that names agents: ``cell`` makes ``cell_0``, ``cell_1``.
        agents: number of agents, from the context.
        features: by name.
        actions: by name, the usual one first.
        rewards: by name.
        metrics: metrics that mean something over a single interval; each is a reward of its own name, too.
        reward: name of the usual reward.
        usual: names of the features that an environment takes where a user names none; empty: all.
        graph: name of the feature that tells which other agents are in range, ``[B, agents, agents]`` of 0 and 1; None:
            there is none.
        live: (observation, context) -> agents that can still act, bool ``[B, agents]``; an episode whose agents have
            all ended is over. None: all agents live until the time ends.
        compiled: context -> a function of the observation that computes the usual features at once, in new memory of
            float32 ``[B, agents, numbers]``, by a compiled loop on a CPU; None: they are computed one by one.
    """

    scenario: str
    agent: str
    agents: Callable[[Any], int]
    features: Mapping[str, Feature]
    actions: Mapping[str, Actions]
    reward: str
    rewards: Mapping[str, Reward] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    graph: str | None = None
    live: Callable[[Any, Any], Tensor] | None = None
    compiled: Callable[[Any], Callable[[Any], Tensor]] | None = None

    def stack(self, features: Mapping[str, Feature], context: Any, drops: int) -> FeatureStack:
        """Returns what computes features, in a compiled loop where they are the usual ones and the loop can be used.

        Args:
            features: in this order.
            context: of the run.
            drops: B.
        """
        usual = [(name, self.features[name]) for name in self.usual or self.features]
        on_cpu = getattr(context, "device", torch.device("cpu")).type == "cpu"
        compiled = self.compiled if on_cpu and uses_numba() and list(features.items()) == usual else None
        at_once = None if compiled is None else compiled(context)
        return FeatureStack(features, context, drops, self.agents(context), at_once)


def by_agent(values: Tensor, drops: int, agents: int, name: str) -> Tensor:
    """Brings the values of a feature into the shape ``[B, agents, numbers]``, float32.

    Args:
        values: as a feature may return them.
        drops: B.
        agents: how many there are.
        name: of the feature, for the message.

    Raises:
        ValueError: they are no tensor, or of another shape.
    """
    if not isinstance(values, Tensor):
        raise ValueError(f"the feature '{name}' must be a tensor, not {type(values).__name__}")
    if values.dim() == 1 and len(values) == drops:
        values = values[:, None, None].expand(-1, agents, -1)
    elif values.shape == (drops, agents):
        values = values[..., None]
    if values.dim() != 3 or values.shape[:2] != (drops, agents):
        raise ValueError(
            f"the feature '{name}' has the shape {list(values.shape)}; with {drops} drops and {agents} agents it must "
            f"be [{drops}], [{drops}, {agents}] or [{drops}, {agents}, numbers]"
        )
    return values.to(torch.float32)


class FeatureStack:
    """Computes the numbers of features one after the other.

    Args:
        features: in this order.
        context: of the run.
        drops: B.
        agents: how many there are.
        compiled: computes all of them at once from an observation.
    """

    def __init__(
        self,
        features: Mapping[str, Feature],
        context: Any,
        drops: int,
        agents: int,
        compiled: Callable[[Any], Tensor] | None = None,
    ) -> None:
        self._compiled = compiled
        self.features, self.context, self.drops, self.agents = features, context, drops, agents
        self._constant: dict[str, Tensor] = {}
        self.widths: dict[str, int] = {}
        """Numbers of each feature for an agent, once they were computed."""

    def __call__(self, observation: Any) -> Tensor:
        """Computes the numbers of each agent, float32 ``[B, agents, numbers]``.

        Raises:
            ValueError: a feature is of another shape.
        """
        if self._compiled is not None and self.widths:
            return self._compiled(observation)
        found = {name: self._numbers(name, one, observation) for name, one in self.features.items()}
        self.widths = {name: values.shape[-1] for name, values in found.items()}
        return self._compiled(observation) if self._compiled else torch.cat(list(found.values()), -1)

    def _numbers(self, name: str, feature: Feature, observation: Any) -> Tensor:
        if name in self._constant:
            return self._constant[name]
        found = by_agent(feature.compute(observation, self.context), self.drops, self.agents, name)
        if feature.constant:
            self._constant[name] = found
        return found
