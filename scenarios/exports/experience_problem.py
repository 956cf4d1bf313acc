"""Records what a learner would have seen, done and been rewarded with where an allocator decides. B drops.

An allocator decides as in a run. Its decision becomes the nearest action of the environment, and that action is carried
out, so that reward and next observation always follow from the recorded action. ``exact`` tells whether the action
makes the allocator's own decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mac.core.contracts import ArraySpec, Outcome
from phy.random import Drops

from ..envs.episodes import Step, ends_of, reward_of
from ..envs.task import Task, View
from ..families import LazyImport
from ..families.environment import Scene

_CLOSE = 1e-4  # of the greatest number of a drop; actions are float32

_OF_AGENTS = ("agent",)
_SPECS = {
    "observation": ArraySpec(("agent", "number"), "1", "last", "features of each agent"),
    "next_observation": ArraySpec(("agent", "number"), "1", "last", "features of each agent after the interval"),
    "action": ArraySpec(_OF_AGENTS, "1", "last", "action of each agent"),
    "reward": ArraySpec((), "1", "last", "reward of the network"),
    "agent_reward": ArraySpec(_OF_AGENTS, "1", "last", "reward of each agent"),
    "live": ArraySpec(_OF_AGENTS, "1", "last", "whether the agent can act"),
    "next_live": ArraySpec(_OF_AGENTS, "1", "last", "whether the agent can act after the interval"),
    "terminated": ArraySpec((), "1", "last", "whether no agent can act any more"),
    "truncated": ArraySpec((), "1", "last", "whether the time of the episode has ended"),
    "exact": ArraySpec((), "1", "last", "whether the action makes the allocator's own decision"),
    "counts": ArraySpec((), "1", "sum", "whether the episode still went on: zeros follow its end"),
}
_MASKS = {
    "action_mask": ArraySpec(("agent", "choice"), "1", "last", "choices that are open"),
    "next_action_mask": ArraySpec(("agent", "choice"), "1", "last", "choices that are open after the interval"),
}


@dataclass(frozen=True)
class Moment:
    """Holds where the drops are, and what learners would see there."""

    state: Any
    observation: Any
    view: View
    interval: int


class ExperienceProblem:
    """Represents the problem of a scene whose outcomes hold the experience of an interval.

    Args:
        task: features, actions and reward.
        scene: of the drops.
    """

    def __init__(self, task: Task, scene: Scene) -> None:
        self.task, self.scene, self._stack = task, scene, task.stack(scene)
        require = task.family.require
        self._require = require.load() if isinstance(require, LazyImport) else require
        self.array_specs: Mapping[str, ArraySpec] = {**_SPECS, **({} if task.actions.mask is None else _MASKS)}

    @property
    def interval_s(self) -> float:
        """Returns the time between two decisions."""
        return float(self.scene.problem.interval_s)

    @property
    def drops(self) -> Drops:
        """Returns the drops."""
        return self.scene.problem.drops

    @property
    def context(self) -> Any:
        """Returns what allocators are reset with."""
        return self.scene.context

    def start(self) -> Moment:
        """Begins all episodes."""
        return self._moment(self.scene.problem.start(), 0)

    def observe(self, moment: Moment) -> Any:
        """Returns what an allocator observes."""
        return moment.observation

    def step(self, moment: Moment, decision: Any) -> tuple[Moment, Outcome]:
        """Carries out the action that is nearest to a decision.

        Raises:
            mac.core.contracts.InfeasibleDecision: the decision itself is not allowed.
        """
        self._check(decision, moment)
        actions, seen, context = self.task.actions, moment.observation, self.context
        assert actions.nearest is not None
        action = actions.nearest(decision, seen, context)
        made, _ = actions.decide(action, seen, context)
        state, outcome = self.scene.problem.step(moment.state, made)
        after = self._moment(state, moment.interval + 1)
        reward = reward_of(self.task.reward.compute(outcome, self.scene), after.view.live)
        exact = same_decision(decision, made, actions.compared)
        recorded = {"action": action, "exact": exact, **self._recorded(moment, after, reward)}
        return after, replace(outcome, extras=recorded, totals=None)

    def _check(self, decision: Any, moment: Moment) -> None:
        """Refuses a decision that a run would refuse."""
        if self._require is not None:
            self._require(decision, moment.observation, self.context)
        else:
            self.scene.problem.step(moment.state, decision)

    def _moment(self, state: Any, interval: int) -> Moment:
        observation = self.scene.problem.observe(state)
        return Moment(state, observation, self.task.view(self._stack, observation), interval)

    def _recorded(self, before: Moment, after: Moment, reward: Tensor) -> dict[str, Tensor]:
        ends = ends_of(after.view.live, after.interval >= self.task.intervals)
        step = Step(after.view, reward, torch.zeros_like(ends[0], dtype=torch.int64), *ends)
        found = {
            "observation": before.view.features,
            "next_observation": after.view.features,
            "reward": step.network_reward,
            "agent_reward": step.agent_reward,
            "terminated": step.terminated,
            "truncated": step.truncated,
            "live": before.view.live,
            "next_live": after.view.live,
            "counts": before.view.live.any(1).to(torch.int64),
        }
        if before.view.mask is not None and after.view.mask is not None:
            found |= {"action_mask": before.view.mask, "next_action_mask": after.view.mask}
        return found


def same_decision(one: Any, other: Any, parts: tuple[str, ...] = ()) -> Tensor:
    """Compares two decisions of the same drops, bool ``[B]``: whole numbers are equal, others close.

    Args:
        one: a decision, a dataclass of tensors ``[B, ...]``.
        other: of the same type.
        parts: names of the fields that are compared; empty: all.
    """
    names = parts or tuple(field.name for field in fields(one))
    found = [_same(getattr(one, name), getattr(other, name)) for name in names]
    tensors = [each for each in found if isinstance(each, Tensor)]
    if not all(each is True for each in found if not isinstance(each, Tensor)):
        return torch.zeros(_drops(one), dtype=torch.bool)
    return torch.stack(tensors).all(0)


def _same(one: Any, other: Any) -> Tensor | bool:
    if is_dataclass(one) and is_dataclass(other):
        return same_decision(one, other)
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or one.shape != other.shape:
        return one is None and other is None
    if not one.dtype.is_floating_point:
        return (one == other).reshape(len(one), -1).all(1)
    apart, size = (values.abs().reshape(len(one), -1).amax(1) for values in (one - other, other))
    return apart <= _CLOSE * size


def _drops(decision: Any) -> int:
    return next(len(value) for field in fields(decision) if isinstance(value := getattr(decision, field.name), Tensor))
