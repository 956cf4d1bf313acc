"""Runs a batch of environments, each an episode on a drop of its own, side by side.

Environments that begin together are a *cohort*: one problem, whose drops are stepped at once. Where some begin anew
while others go on, as batteries end at different times, there are several cohorts; a drop that its environment has left
is stepped with its cohort, and counts no more. N environments have the same episodes in one batch as alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from torch import Tensor

from ..errors import ScenarioError, shown
from ..families.environment import FeatureStack, Scene
from .drop_pool import DropPool
from .task import Sizes, Task, View, one_thread
from .training_drops import training_drop

_LEFT = -1
_GIVEN_AWAY = torch.empty(0)


class Step(NamedTuple):
    """Holds what an interval led to.

    The features are the caller's own: no state can reach them. All else belongs to states, and is to be copied.
    """

    view: View
    reward: Tensor  # [B] or [B, agents] float64
    projected: Tensor  # [B] int64, actions that were projected to what is feasible
    terminated: Tensor  # [B] bool
    truncated: Tensor  # [B] bool
    ends: bool  # whether any episode has ended

    @property
    def over(self) -> Tensor:
        """Finds the episodes that have ended, bool ``[B]``."""
        return self.terminated | self.truncated

    @property
    def network_reward(self) -> Tensor:
        """Returns one reward a drop, ``[B]``: the mean over the agents where each has its own."""
        return self.reward if self.reward.dim() == 1 else self.reward.sum(1) / self.reward.shape[1]

    @property
    def agent_reward(self) -> Tensor:
        """Returns the reward of each agent, ``[B, agents]``: that of the drop where they share one."""
        return self.reward if self.reward.dim() == 2 else self.reward[:, None].expand_as(self.view.live)


@dataclass(frozen=True)
class Seats:
    """Holds which environments the drops of a cohort belong to."""

    envs: tuple[int, ...]  # environment of each drop, or that it has left
    count: int  # environments of all cohorts
    device: torch.device

    @cached_property
    def every(self) -> bool:
        """Returns whether the drops are those of all environments, in their order."""
        return self.envs == tuple(range(self.count))

    @cached_property
    def rows(self) -> Tensor:
        """Lists the drops that count, int64."""
        return torch.tensor([row for row, env in enumerate(self.envs) if env != _LEFT], device=self.device)

    @cached_property
    def places(self) -> Tensor:
        """Lists the environments of the drops that count, int64."""
        return torch.tensor([env for env in self.envs if env != _LEFT], device=self.device)

    @cached_property
    def none(self) -> Tensor:
        """Returns false for each drop."""
        return torch.zeros(len(self.envs), dtype=torch.bool, device=self.device)

    def without(self, left: set[int]) -> Seats | None:
        """Returns the seats after some environments have left; None where no drop counts any more."""
        stay = tuple(_LEFT if env in left else env for env in self.envs)
        if stay == self.envs:
            return self
        return replace(self, envs=stay) if any(env != _LEFT for env in stay) else None


@dataclass(frozen=True)
class Cohort:
    """Holds drops whose episodes began together."""

    scene: Scene
    stack: FeatureStack  # computes the features
    seats: Seats
    state: Any
    observation: Any
    interval: int
    step: Step  # that led here, without features


@dataclass(frozen=True)
class EpisodesState:
    """Holds where a batch of environments is; a value, which may be put back at any time."""

    cohorts: tuple[Cohort, ...]
    seeds: tuple[int | None, ...]  # of each environment
    episodes: tuple[int, ...]  # that each began since its seed was set
    over: tuple[bool, ...]  # whether each has to begin anew


def require_count(given: Any) -> None:
    """Refuses a number of environments that cannot be.

    Raises:
        ScenarioError: it is no whole number, or below 1.
    """
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ScenarioError(f"num_envs must be a whole number of 1 or more, given {shown(given)}")


class Episodes:
    """Runs environments side by side.

    Args:
        task: what they are.
        count: how many.
        draw_ahead: draw the drops of the next episodes while the present ones run.
    """

    def __init__(self, task: Task, count: int, draw_ahead: bool = True) -> None:
        require_count(count)
        task.require_memory(count)
        self.task, self.count, self._draws_ahead = task, count, draw_ahead
        self.sizes: Sizes = task.sizes()
        self.state = EpisodesState((), (None,) * count, (0,) * count, (True,) * count)
        self.closed = False
        self.pool = DropPool(task.draw)

    def clone(self) -> Episodes:
        """Returns environments of the same state, which go on by themselves."""
        other = object.__new__(Episodes)
        other.__dict__.update(self.__dict__, pool=DropPool(self.task.draw))
        return other

    def close(self) -> None:
        """Stops drawing; nothing can be done afterwards."""
        self.pool.close()
        self.closed = True

    def begin(self, envs: Sequence[int], seeds: Sequence[int | None]) -> None:
        """Begins a new episode in each of some environments.

        Args:
            envs: which, in ascending order.
            seeds: of each; None: the next episode of the seed that it has, or of one drawn at random.

        Raises:
            ClosedEnvironmentError: they are closed.
            ScenarioError: a seed is out of range.
        """
        self._require_open()
        kept, number, over = list(self.state.seeds), list(self.state.episodes), list(self.state.over)
        for env, seed in zip(envs, seeds, strict=True):
            number[env] = 0 if seed is not None or kept[env] is None else number[env] + 1
            kept[env] = seed if seed is not None else kept[env] if kept[env] is not None else secrets.randbits(32)
            over[env] = False
        fresh = self._cohort(envs, self.pool.take(_drops(envs, kept, number)))
        if self._draws_ahead and len(envs) == self.count:
            self.pool.draw_ahead(_drops(envs, kept, [one + 1 for one in number]))
        left = set(envs)
        stay = [(cohort, cohort.seats.without(left)) for cohort in self.state.cohorts]
        cohorts = (*(replace(cohort, seats=seats) for cohort, seats in stay if seats is not None), fresh)
        self.state = EpisodesState(cohorts, tuple(kept), tuple(number), tuple(over))

    def step(self, actions: Tensor, waiting: Sequence[int] = ()) -> Step:
        """Runs an interval of all environments but those that have just begun.

        Args:
            actions: that the spaces allow, ``[B, agents, numbers]`` float32, or int64 ``[B, agents]``.
            waiting: environments that have begun in this step, in cohorts of their own.

        Raises:
            ClosedEnvironmentError: they are closed.
            ResetNeeded: one has ended, or was never reset.
        """
        self.require_begun()
        idle = set(waiting)
        with torch.no_grad(), one_thread(self.task.device):
            moved = [
                (cohort, self._present(cohort))
                if idle and idle.issuperset(cohort.seats.envs)
                else self._advanced(cohort, actions)
                for cohort in self.state.cohorts
            ]
            cohorts, before = tuple(cohort for cohort, _ in moved), self.state
            self.state = EpisodesState(cohorts, before.seeds, before.episodes, before.over)
            step = self._together([step for _, step in moved])
            if step.ends:
                self.state = replace(self.state, over=tuple(step.over.tolist()))
            return step

    def put(self, state: EpisodesState) -> None:
        """Puts a state back.

        Raises:
            ClosedEnvironmentError: the environments are closed.
        """
        self._require_open()
        self.state = state

    def require_begun(self) -> None:
        """Refuses to go on where an episode has not begun or has ended.

        Raises:
            ClosedEnvironmentError: the environments are closed.
            ResetNeeded: which one needs a reset.
        """
        self._require_open()
        if True in self.state.over:
            env = self.state.over.index(True)
            began = self.state.seeds[env] is not None
            which = f"environment {env}" if self.count > 1 else "the environment"
            raise ResetNeeded(f"{which} {'has ended its episode' if began else 'has not begun'}: call reset() first")

    def last(self) -> Step:
        """Returns the last step of every environment: of those that have just begun, one without a reward.

        The features are computed anew from the observations.

        Raises:
            ResetNeeded: none has begun.
        """
        if not self.state.cohorts:
            self.require_begun()
        with torch.no_grad(), one_thread(self.task.device):
            return self._together([self._present(cohort) for cohort in self.state.cohorts])

    def mask(self) -> Tensor | None:
        """Returns which choices are open, bool ``[B, agents, choices]``, to be copied; None: see :class:`View`."""
        steps = [cohort.step for cohort in self.state.cohorts]
        return None if steps[0].view.mask is None else self._joined([_tensor(step.view.mask) for step in steps])

    def _present(self, cohort: Cohort) -> Step:
        """Returns the step that led to where a cohort is, with features."""
        return cohort.step._replace(view=self.task.view(cohort.stack, cohort.observation))

    def _together(self, steps: Sequence[Step]) -> Step:
        """Makes one step of those of all cohorts."""
        if len(steps) == 1 and self.state.cohorts[0].seats.every:
            return steps[0]
        views = [step.view for step in steps]
        mask = None if views[0].mask is None else self._joined([_tensor(view.mask) for view in views])
        shared = all(step.reward.dim() == 1 for step in steps)
        terminated = self._joined([step.terminated for step in steps])
        truncated = self._joined([step.truncated for step in steps])
        return Step(
            View(self._joined([view.features for view in views]), self._joined([view.live for view in views]), mask),
            self._joined([step.reward if shared else step.agent_reward for step in steps]),
            self._joined([step.projected for step in steps]),
            terminated,
            truncated,
            bool((terminated | truncated).any()),
        )

    def _require_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("this environment is closed: make a new one")

    def _cohort(self, envs: Sequence[int], scene: Scene) -> Cohort:
        with torch.no_grad(), one_thread(self.task.device):
            state = scene.problem.start()
            observation = scene.problem.observe(state)
            stack = self.task.stack(scene)
            view = self.task.view(stack, observation)
        count, device = len(envs), view.features.device
        none = torch.zeros(count, dtype=torch.bool, device=device)
        nothing = torch.zeros(count, dtype=torch.float64, device=device)
        step = Step(_without_features(view), nothing, none.long(), none, none, False)
        return Cohort(scene, stack, Seats(tuple(envs), self.count, device), state, observation, 0, step)

    def _advanced(self, cohort: Cohort, actions: Tensor) -> tuple[Cohort, Step]:
        """Steps all drops of a cohort; those that have been left act by zeros."""
        task, scene, problem, seats = self.task, cohort.scene, cohort.scene.problem, cohort.seats
        if not seats.every:
            own = actions.new_zeros((len(seats.envs), *actions.shape[1:]))
            own[seats.rows] = actions[seats.places]
            actions = own
        decision, projected = task.actions.decide(actions, cohort.observation, scene.context)
        state, outcome = problem.step(cohort.state, decision)
        observation, interval = problem.observe(state), cohort.interval + 1
        view = task.view(cohort.stack, observation)
        reward = reward_of(task.reward.compute(outcome, scene), view.live)
        late = interval >= task.intervals
        ends = ends_of(view.live, late) if late or not _all_go_on(view.live) else (seats.none, seats.none, False)
        step = Step(view, reward, projected, *ends)
        kept = step._replace(view=_without_features(view))
        return Cohort(scene, cohort.stack, seats, state, observation, interval, kept), step

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Brings what each cohort has into the order of the environments, ``[B, ...]``."""
        joined = parts[0].new_zeros((self.count, *parts[0].shape[1:]))
        for cohort, values in zip(self.state.cohorts, parts, strict=True):
            joined[cohort.seats.places] = values[cohort.seats.rows]
        return joined


def _without_features(view: View) -> View:
    return view._replace(features=_GIVEN_AWAY)


def reward_of(values: Any, live: Tensor) -> Tensor:
    """Returns a reward in float64.

    Args:
        values: of a reward's function.
        live: agents that can still act, ``[B, agents]``.

    Raises:
        ScenarioError: it is no tensor of one number a drop or a drop and agent.
    """
    if isinstance(values, Tensor) and values.shape in (live.shape[:1], live.shape):
        return values.to(torch.float64)
    given = f"the shape {list(values.shape)}" if isinstance(values, Tensor) else f"the type {type(values).__name__}"
    raise ScenarioError(
        f"the reward has {given}; it must be a tensor [{len(live)}], one number a drop, or {list(live.shape)}, "
        "one for each agent"
    )


def ends_of(live: Tensor, late: bool) -> tuple[Tensor, Tensor, bool]:
    """Finds the episodes that have ended.

    Args:
        live: agents that can still act, ``[B, agents]``.
        late: whether the time is over.

    Returns:
        Those without any live agent, terminated, bool ``[B]``; those whose time is over, truncated, bool ``[B]``; and
        whether there is any of them.
    """
    goes_on = live.any(1)
    truncated = goes_on if late else torch.zeros_like(goes_on)
    return ~goes_on, truncated, late or not bool(goes_on.all())


def _all_go_on(live: Tensor) -> bool:
    """Returns whether each drop has a live agent; on a CPU by NumPy, which takes a third of the time."""
    if live.device.type != "cpu":
        return bool(live.any(1).all())
    alive = live.numpy()
    return bool(np.logical_and.reduce(alive, None) or np.logical_or.reduce(alive, 1).all())


def _drops(envs: Sequence[int], seeds: Sequence[int | None], episodes: Sequence[int]) -> tuple[int, ...]:
    """Numbers the drops of environments."""
    return tuple(training_drop(_seed(seeds[env]), episodes[env]) for env in envs)


def _seed(seed: int | None) -> int:
    assert seed is not None
    return seed


def _tensor(mask: Tensor | None) -> Tensor:
    assert mask is not None
    return mask
