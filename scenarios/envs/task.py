"""Settles what an environment is: its scenario, features, actions, reward, and the sizes that follow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from phy.random import Drops

from .. import families
from ..config.loading import load, variant
from ..errors import ScenarioError, did_you_mean, shown
from ..families.environment import Actions, Environment, Feature, FeatureStack, Reward, Scene
from ..running import memory
from ..running.plan import device_of
from .choice import Named, environment_of, find_actions, find_features, find_reward
from .training_drops import training_drop

if TYPE_CHECKING:
    from ..config.loading import Source
    from ..families.family import Family
    from ..families.schema import Clock, ScenarioBase


@dataclass(frozen=True)
class Options:
    """Holds what a user may say of an environment, the same for every interface."""

    scenario: Source | None = None
    """Name of a preset, path of a YAML file, or a mapping; left out, the usual one of the family."""
    overrides: Mapping[str, Any] | None = None
    """Settings that replace the scenario's, such as ``{"duration_s": 10}``; keys may be dotted."""
    variant: str | None = None
    """Variant of the scenario; left out, the scenario itself."""
    features: Sequence[Named | Feature] | None = None
    """Names of features, or functions of (observation, context), also as ``module:function``; left out, the usual."""
    actions: str | Actions | None = None
    """Mapping of actions to decisions; left out, the family's first."""
    reward: Named | Reward | None = None
    """Name of a reward, or a function of (outcome, scene), also as ``module:function``; left out, the usual one."""
    draw_ahead: bool = True
    """Draw the networks of the next episode while the present one is simulated."""
    tensors: bool = False
    """Return tensors on the scenario's device in place of NumPy arrays, where the interface knows both."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Reads keyword arguments.

        Raises:
            ScenarioError: there is no such option, and the nearest is named; or the overrides are no mapping.
        """
        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                raise ScenarioError(f"an environment has no option '{name}'{did_you_mean(name, known)}")
        overrides = given.get("overrides")
        if overrides is not None and not isinstance(overrides, Mapping):
            raise ScenarioError(f"overrides must be a mapping such as {{'duration_s': 10}}, given {shown(overrides)}")
        return cls(**given)


class View(NamedTuple):
    """Holds what agents are given at the start of an interval."""

    features: Tensor  # [B, agents, numbers] float32
    live: Tensor  # [B, agents] bool, agents that can still act
    mask: Tensor | None  # [B, agents, choices] bool, choices that are open; None: the actions are numbers, or all are


@dataclass(frozen=True)
class Sizes:
    """Holds how much there is of what."""

    agents: int
    numbers: int  # of features of an agent
    actions: int  # numbers, or choices, of an agent


@dataclass(frozen=True)
class Task:
    """Describes an environment of one family and scenario.

    Attributes:
        clock: its episodes have the warm-up and the recorded intervals.
    """

    scenario: ScenarioBase
    family: Family
    environment: Environment
    features: Mapping[str, Feature]
    actions: Actions
    reward: Reward
    clock: Clock
    device: torch.device

    @classmethod
    def of(cls, family: str, options: Options) -> Task:
        """Settles a task.

        Args:
            family: of the environment.
            options: of a user.

        Raises:
            ScenarioError: something cannot be found, or the scenario is of another family.
        """
        found = families.find(family)
        environment = environment_of(found)
        scenario = load(options.scenario or environment.scenario, **(options.overrides or {}))
        if scenario.family != family:
            raise ScenarioError(
                f"the scenario '{scenario.name}' is of the family '{scenario.family}', and this is an environment of "
                f"'{family}': take {id_of(scenario.family)}"
            )
        scenario = variant(scenario, options.variant)
        found.check(scenario)
        return cls(
            scenario=scenario,
            family=found,
            environment=environment,
            features=find_features(environment, options.features),
            actions=find_actions(environment, options.actions),
            reward=find_reward(environment, options.reward),
            clock=found.clock(scenario),
            device=torch.device(device_of(scenario)),
        )

    @property
    def intervals(self) -> int:
        """Returns the intervals of an episode: those of a run's drop, the warm-up included."""
        return self.clock.warmup + self.clock.intervals

    def draw(self, numbers: tuple[int, ...]) -> Scene:
        """Draws the drops of these numbers.

        Raises:
            ScenarioError: there is too little memory for so many.
        """
        self.require_memory(len(numbers))
        dtype = torch.float64 if self.scenario.dtype == "float64" else torch.float32
        with torch.no_grad(), one_thread(self.device):
            problem = self.family.build(self.scenario, Drops(self.scenario.seed, numbers), self.device, dtype)
            return Scene(self.scenario, problem, self.family.labels)

    def stack(self, scene: Scene) -> FeatureStack:
        """Returns what computes the features of an episode."""
        return self.environment.stack(self.features, scene.context, len(scene.problem.drops))

    def view(self, stack: FeatureStack, observation: Any) -> View:
        """Computes what agents are given.

        Raises:
            ValueError: a feature is of another shape.
        """
        values, context = stack(observation), stack.context
        if self.environment.live is None:
            live = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        else:
            live = self.environment.live(observation, context)
        mask = None if self.actions.mask is None else self.actions.mask(observation, context)
        return View(values, live, mask)

    def sizes(self) -> Sizes:
        """Finds the sizes, from a drop of its own.

        Raises:
            ScenarioError: a feature is of another shape, or not finite.
        """
        scene = self.draw((training_drop(0, 0),))
        with torch.no_grad(), one_thread(self.device):
            seen = scene.problem.observe(scene.problem.start())
            view = _settled(self.view, self.stack(scene), seen)
            _require_finite(self.features, seen, scene)
            return Sizes(view.features.shape[1], view.features.shape[2], self.actions.size(seen, scene.context))

    def require_memory(self, drops: int) -> None:
        """Refuses more drops than memory has room for.

        Raises:
            ScenarioError: what they need, and what is free.
        """
        need, free = self.family.estimate_bytes(self.scenario, drops), memory.available_bytes(self.device.type)
        if need > memory.SHARE * free:
            raise ScenarioError(
                f"{drops} drops of {self.scenario.name} need about {memory.human_bytes(need)}, but a process may take "
                f"{memory.SHARE:.0%} of the {memory.human_bytes(free)} that are free; take fewer environments, or a "
                "smaller scenario"
            )


def id_of(family: str) -> str:
    """Returns the name under which the environment of a family is registered."""
    return f"fairwave/{family.capitalize()}-v0"


def one_thread(device: torch.device) -> AbstractContextManager[None]:
    """Keeps torch to one thread on a CPU within a block, as in a run, unless OMP_NUM_THREADS says otherwise."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or os.environ.get("OMP_NUM_THREADS"):
        return nullcontext()
    return _one_of(threads)


@contextmanager
def _one_of(threads: int) -> Iterator[None]:
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _settled(view: Callable[[FeatureStack, Any], View], stack: FeatureStack, seen: Any) -> View:
    try:
        return view(stack, seen)
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(str(error)) from None


def _require_finite(features: Mapping[str, Feature], seen: Any, scene: Scene) -> None:
    for name, feature in features.items():
        if not bool(torch.isfinite(feature.compute(seen, scene.context)).all()):
            raise ScenarioError(f"the feature '{name}' is not finite at the start of an episode")
