"""Trains a team of agents: rounds of an episode in each of many environments and an update.

Methods, each an ablation of the first but for ``shared``:

| method | is |
|---|---|
| ``gamatr`` | graph recurrent policies, attention critic, trust region, the deviation of rates in the reward |
| ``gamatr_no_attention`` | the critic takes all observations one after the other |
| ``gamatr_no_graph`` | policies of two layers, without messages and memory |
| ``gamatr_no_deviation`` | the reward is the mean rate alone |
| ``gamatr_clip`` | clipped steps of Adam instead of a trust region |
| ``hatrpo`` | without graph, attention and deviation: HATRPO |
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...config.loading import scenario_hash
from ...envs.episodes import Episodes
from ...envs.task import Options, Task
from ...errors import ScenarioError
from ...results.provenance import versions
from ..saving import trained_for
from .networks import Shape, Team
from .policy_file import write_team
from .rollout import collect
from .update import Update, update_team

if TYPE_CHECKING:
    from ...families.schema import ScenarioBase

ROUNDS = 100
_SEEDS = 1 << 30


@dataclass(frozen=True)
class Method:
    """Describes what is trained and how."""

    graph: bool = True
    attention: bool = True
    deviation: bool = True
    update: Update = field(default_factory=Update)


METHODS = {
    "gamatr": Method(),
    "gamatr_no_attention": Method(attention=False),
    "gamatr_no_graph": Method(graph=False),
    "gamatr_no_deviation": Method(deviation=False),
    "gamatr_clip": Method(update=Update(clip=0.2)),
    "hatrpo": Method(graph=False, attention=False, deviation=False),
}


@dataclass(frozen=True)
class Progress:
    """Holds what a round showed."""

    number: int
    steps: int  # of all environments so far
    mean_return: float
    most_kl: float
    accepted: int  # of the agents' steps
    seconds: float


def train_team(
    scenario: ScenarioBase,
    method: Method,
    rounds: int,
    tell: Callable[[Progress], None],
    envs: int = 32,
    keep: Callable[[Team, Task, int], None] | None = None,
) -> tuple[Team, Task]:
    """Trains a team on drops that no run has.

    Args:
        scenario: without variants; its seed is that of the training.
        method: what and how.
        rounds: of an episode in each environment.
        tell: told of each round.
        envs: environments side by side.
        keep: given the team after each round.

    Raises:
        ScenarioError: the family has no graph of agents, or the scenario has variants.
    """
    if scenario.variants:
        raise ScenarioError(f"{scenario.name} has variants; train on one of them, as a scenario of its own")
    task = _task(scenario, method)
    began, seed = time.perf_counter(), scenario.seed % _SEEDS
    episodes = Episodes(task, envs)
    sizes = episodes.sizes
    shape = Shape(sizes.agents, sizes.numbers - sizes.agents, sizes.actions, graph=method.graph,
                  attention=method.attention)  # fmt: skip
    team, luck = Team(shape, seed), torch.Generator().manual_seed(seed)
    critic = torch.optim.Adam(team.critic.parameters(), lr=method.update.critic_rate)
    steps = 0
    try:
        for number in range(rounds):
            seeds = [(seed * 1009 + number * envs + env) % _SEEDS for env in range(envs)]
            experience = collect(episodes, team, seeds, luck)
            done = update_team(team, experience, method.update, critic, luck)
            steps += int(experience.going.sum())
            most, accepted = max(one.kl for one in done), sum(one.accepted for one in done)
            seconds = time.perf_counter() - began
            tell(Progress(number + 1, steps, experience.mean_return, most, accepted, seconds))
            if keep is not None:
                keep(team, task, number + 1)
    finally:
        episodes.close()
    return team, task


def _task(scenario: ScenarioBase, method: Method) -> Task:
    """Settles the environment: its usual features, the graph of agents last, and numbers as actions."""
    task = Task.of(scenario.family, Options(scenario=scenario))
    graph, numbers = task.environment.graph, [one for one in task.environment.actions.values() if not one.choices]
    if graph is None or not numbers:
        raise ScenarioError(f"the family '{scenario.family}' has no graph of agents that set numbers")
    features = [name for name in task.features if name != graph] + [graph]
    reward = "rate_less_deviation" if method.deviation else "rate"
    named = {name: task.environment.features[name] for name in features}
    return replace(Task.of(scenario.family, Options(scenario=scenario, reward=reward)), features=named,
                   actions=numbers[0])  # fmt: skip


def train_method(
    name: str,
    scenario: ScenarioBase,
    rounds: int | None,
    updates: int | None,
    out: Path,
    tell: Callable[[str], None],
    force: bool,
    envs: int = 32,
    watch: Callable[[Progress], None] | None = None,
) -> Any:
    """Trains a team by a method's name, and writes its file after every round; see :func:`train_team`.

    Args:
        name: of the method.
        scenario: without variants.
        rounds: how many; None: 100.
        updates: must be None, as a round has one update.
        out: file of the team.
        tell: told of each round, in words.
        force: overwrite a file that is there.
        envs: environments side by side.
        watch: told of each round in place of ``tell``.

    Raises:
        ScenarioError: ``updates`` is given, which no method has, or the file is in the way.
    """
    from ...running.training import TrainingSummary, require_room

    if updates is not None:
        raise ScenarioError(f"--updates does not go with --method {name}, which has one update a round")
    require_room(out)
    if out.exists() and not force:
        raise ScenarioError(f"{out} is there already; give another --out, or --force to overwrite it")
    count, method = rounds or ROUNDS, METHODS[name]

    def keep(team: Team, task: Task, done: int) -> None:
        origin = {"method": name, "rounds": done, "scenario_hash": scenario_hash(scenario), "seed": scenario.seed,
                  "versions": versions()}  # fmt: skip
        write_team(out, team, trained_for(task, task.sizes()), origin)

    told = partial(_tell, tell, count) if watch is None else watch
    train_team(scenario, method, count, told, envs, keep)
    return TrainingSummary(name, count, count, out)


def _tell(tell: Callable[[str], None], rounds: int, done: Progress) -> None:
    speed = done.steps / max(done.seconds, 1e-9)
    tell(
        f"{done.number} of {rounds} rounds, {done.steps} steps, {speed:.0f} a second, "
        f"mean return {done.mean_return:.4g}, greatest KL {done.most_kl:.2g}, {done.accepted} steps accepted"
    )
