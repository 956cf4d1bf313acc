"""Finds features, actions and rewards by name: those of a family, or a user's own as ``module:function``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch

from mac.core.plugin_traceback import describe_error
from mac.metrics.registry import metric_named

from ..errors import ScenarioError, did_you_mean, shown
from ..families.environment import Actions, Environment, Feature, Reward
from ..families.family import Family, LazyImport
from .metric_reward import metric_reward

T = TypeVar("T", Feature, Reward)
Named = str | Callable[..., Any]


def environment_of(family: Family) -> Environment:
    """Returns what learners need to know of a family.

    Raises:
        ScenarioError: the family has no environment; those that have one are named.
    """
    found = family.environment
    if found is None:
        from .. import families

        known = [one.name for one in families.every() if one.environment is not None]
        raise ScenarioError(f"the family '{family.name}' has no environment; families with one: {', '.join(known)}")
    environment: Environment = found.load() if isinstance(found, LazyImport) else found
    return environment


def rewards_of(environment: Environment) -> dict[str, Reward]:
    """Lists the rewards of a family by name, those that are metrics of an interval first."""
    signed = {}
    for name in environment.metrics:
        metric = metric_named(name)
        sign = "minus the" if metric.better == "lower" else "the"
        text = f"{sign} metric of this name of the interval: {metric.description}"
        signed[name] = Reward(partial(metric_reward, metric=metric), metric.unit, text)
    return {**signed, **environment.rewards}


def find_reward(environment: Environment, name: Named | Reward | None) -> Reward:
    """Finds a reward.

    Args:
        environment: of the family.
        name: of the reward, ``module:function``, or a function of (outcome, scene); None: the family's usual one.

    Raises:
        ScenarioError: there is none of that name; the nearest is named.
    """
    found = _found(environment.reward if name is None else name, rewards_of(environment), "reward")
    if isinstance(found, Reward):
        return found
    label = name if isinstance(name, str) else getattr(name, "__name__", "of your own")
    return Reward(partial(_own, found, f"the reward '{label}'"), "", "")


def find_features(environment: Environment, names: Sequence[Named | Feature] | None) -> dict[str, Feature]:
    """Finds features, in the order of their names.

    Args:
        environment: of the family.
        names: each the name of a feature, ``module:function``, or a function of (observation, context); None: the
            family's usual ones.

    Raises:
        ScenarioError: there is none of a name, the same one stands twice, or there are none at all.
    """
    if names is None:
        return {name: environment.features[name] for name in environment.usual or environment.features}
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ScenarioError(f"features must be a list of one or more names, given {shown(names)}")
    chosen: dict[str, Feature] = {}
    for name in names:
        found = _found(name, environment.features, "feature")
        label = name if isinstance(name, str) else getattr(name, "__name__", f"feature {len(chosen)}")
        if label in chosen:
            raise ScenarioError(f"features: '{label}' stands twice")
        own = partial(_own, found, f"the feature '{label}'")
        chosen[label] = found if isinstance(found, Feature) else Feature(own, "", "")
    return chosen


def find_actions(environment: Environment, name: str | Actions | None) -> Actions:
    """Finds a mapping of actions to decisions.

    Args:
        environment: of the family.
        name: of the mapping, or ``module:attribute`` of an :class:`Actions`; None: the first of the family.

    Raises:
        ScenarioError: there is none of that name; the nearest is named.
    """
    found = _found(next(iter(environment.actions)) if name is None else name, environment.actions, "mapping of actions")
    if not isinstance(found, Actions):
        raise ScenarioError(f"actions: {shown(name)} is no scenarios.families.environment.Actions")
    return found


def _own(function: Callable[[Any, Any], Any], what: str, seen: Any, more: Any) -> Any:
    """Calls a user's own feature or reward.

    Raises:
        ScenarioError: it raises an error of its own, which is the cause, or returns NaN or infinite numbers.
    """
    try:
        found = function(seen, more)
    except ScenarioError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise ScenarioError(f"{what} raised {describe_error(error)}") from error
    if isinstance(found, torch.Tensor) and not bool(torch.isfinite(found).all()):
        raise ScenarioError(f"{what} is not finite (NaN or infinite): does it divide by what can be 0?")
    return found


def _found(name: Any, known: Mapping[str, Any], what: str) -> Any:
    """Returns what is known by a name, what an import string names, or what is given itself."""
    if not isinstance(name, str):
        if callable(name) or isinstance(name, Feature | Reward | Actions):
            return name
        raise ScenarioError(f"a {what} is a name, module:function or a function, given {shown(name)}")
    if name in known:
        return known[name]
    if ":" not in name:
        raise ScenarioError(f"unknown {what} '{name}'{did_you_mean(name, known)}; your own: module:function")
    from allocators.construction import load

    try:
        found = load(name)
    except ValueError as error:
        raise ScenarioError(f"{what} '{name}': {error}") from None
    if not callable(found) and not isinstance(found, Feature | Reward | Actions):
        raise ScenarioError(f"{what} '{name}' is {shown(found)}, which is no function")
    return found
