"""Collects the experience of allocators on drops that no run has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mac.core import loop
from mac.core.allocator_guard import default_settings

from ..envs.choice import Named
from ..envs.task import Options, Task, one_thread
from ..envs.training_drops import training_drop
from ..errors import ScenarioError
from ..families.environment import Actions, Feature, Reward
from ..results.shards import batches
from ..running import memory
from ..running.entrants import Entrant, Given, as_settings, check, entrants_of
from ..running.progress import Advance, progress_bar
from .experience import Experience, Facts
from .experience_problem import ExperienceProblem

if TYPE_CHECKING:
    from ..config.loading import Source

_FLOAT_BYTES = 4


def collect(
    scenario: Source,
    allocators: Sequence[Given] | Mapping[str, Given] | Given | None = None,
    *,
    drops: int | None = None,
    variant: str | None = None,
    features: Sequence[Named | Feature] | None = None,
    actions: str | Actions | None = None,
    reward: Named | Reward | None = None,
    progress: bool = True,
    **overrides: Any,
) -> Experience:
    """Collects what a learner would have observed, done and been rewarded with where allocators decide.

    An episode is a drop with its warm-up. Episode i of seed s has the network of environment i of
    ``make_vec(...).reset(seed=s)``, which no run has.

    Args:
        scenario: as of :func:`scenarios.run`.
        allocators: as there; left out, the scenario's own.
        drops: episodes of each allocator; left out, the scenario's.
        variant: of the scenario; left out, the scenario itself.
        features: names, or functions; left out, the usual ones of the family.
        actions: mapping of actions to decisions; left out, the family's first.
        reward: left out, the family's usual one.
        progress: show a bar, in a notebook or a terminal.
        overrides: settings that replace the scenario's, such as ``seed=1``.

    Raises:
        ScenarioError: something cannot be found, does not fit into memory, or decisions cannot be told as actions.
        mac.core.contracts.AllocatorError: an allocator raised or decided what is not allowed.
    """
    from ..config.loading import load

    things: list[object | None] = []
    if allocators is not None:
        overrides["allocators"], things = as_settings(allocators)
    settled = load(scenario, **overrides, **({} if drops is None else {"drops": drops}))
    task = Task.of(settled.family, Options(settled, None, variant, features, actions, reward))
    _require_invertible(task)
    entrants = entrants_of(task.scenario, things)
    check(entrants, task.family)
    named = reward if isinstance(reward, str) else getattr(reward, "__name__", task.environment.reward)
    facts = _facts(task, [entrant.label for entrant in entrants], named)
    _require_memory(task, facts, len(entrants))
    whole = settled.drops * len(entrants) * task.intervals
    with default_settings(), progress_bar(whole, progress) as advance:
        parts = [part for entrant in entrants for part in _of_allocator(task, entrant, advance)]
    return Experience.joined(facts, parts)


def _of_allocator(task: Task, entrant: Entrant, advance: Advance) -> Iterator[dict[str, np.ndarray]]:
    """Runs one allocator, batch by batch, and yields the arrays of each, ``[episodes, steps, ...]``."""
    scenario, device = task.scenario, task.device.type
    size, _ = memory.fit(scenario, task.family, device, memory.available_bytes(device))
    for batch in batches(range(scenario.drops), size):
        scene = task.draw(tuple(training_drop(scenario.seed + number, 0) for number in batch))
        tell = partial(_counting, advance, len(batch), entrant.label)
        span = loop.Span(task.intervals, seed=scenario.seed)
        with one_thread(task.device):
            windows = loop.run(
                ExperienceProblem(task, scene), entrant.make(task.family), span, entrant.label, progress=tell
            )
        shape = windows.arrays["reward"].shape
        yield {
            **windows.arrays,
            "allocator": np.full(shape, entrant.label),
            "episode": np.broadcast_to(np.array(batch)[:, None], shape),
            "step": np.broadcast_to(np.arange(shape[1]), shape),
        }


def _counting(advance: Advance, drops: int, label: str, intervals: int) -> None:
    advance(intervals * drops, label)


def _require_invertible(task: Task) -> None:
    """Refuses a mapping of actions of which no decision can be told.

    Raises:
        ScenarioError: it has no ``nearest``; those that have one are named.
    """
    if task.actions.nearest is None:
        known = [name for name, one in task.environment.actions.items() if one.nearest is not None]
        raise ScenarioError(
            "decisions of allocators cannot be told as these actions, which have no function 'nearest'; "
            f"mappings of actions that have one: {', '.join(known) or 'none'}"
        )


def _facts(task: Task, allocators: Sequence[str], reward: str) -> Facts:
    scene = task.draw((training_drop(0, 0),))
    stack = task.stack(scene)
    seen = scene.problem.observe(scene.problem.start())
    stack(seen)
    names = [name for name, one in task.environment.actions.items() if one is task.actions]
    return Facts(
        family=task.family.name,
        scenario=task.scenario.name,
        seed=task.scenario.seed,
        allocators=tuple(allocators),
        agent=task.environment.agent,
        agents=task.environment.agents(scene.context),
        features=stack.widths,
        units={name: one.unit for name, one in task.features.items()},
        actions=names[0] if names else "",
        action=task.actions.description,
        size=task.actions.size(seen, scene.context),
        choices=task.actions.choices,
        reward=reward,
        reward_unit=task.reward.unit,
        interval_s=float(scene.interval_s),
    )


def _require_memory(task: Task, facts: Facts, allocators: int) -> None:
    """Refuses more experience than fits into memory.

    Raises:
        ScenarioError: with the need and what is free.
    """
    row = facts.agents * (2 * sum(facts.features.values()) + facts.size + 4) * _FLOAT_BYTES
    need = 2 * row * task.intervals * task.scenario.drops * allocators
    free = memory.available_bytes("cpu")
    if need > memory.SHARE * free:
        raise ScenarioError(
            f"this experience needs about {memory.human_bytes(need)}, but {memory.human_bytes(free)} are free; take "
            "fewer drops, a shorter duration_s or fewer features, and collect the others with another seed"
        )
