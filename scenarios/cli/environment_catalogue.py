"""Lists what environments offer to learners: features, actions and rewards of each family."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .. import families

if TYPE_CHECKING:
    from ..families.environment import Environment

Rows = list[dict[str, Any]]


def features() -> Rows:
    """Lists the features of agents; ``usual`` tells which an environment takes where a user names none."""
    return [
        {
            "name": name,
            "family": family,
            "usual": "yes" if name in (described.usual or described.features) else "no",
            "unit": one.unit,
            "description": one.description,
        }
        for family, described in _environments()
        for name, one in described.features.items()
    ]


def actions() -> Rows:
    """Lists the mappings of actions to decisions, the usual one of a family first."""
    return [
        {
            "name": name,
            "family": family,
            "kind": "choices" if one.choices else "numbers",
            "description": f"of each {described.agent}: {one.description}",
        }
        for family, described in _environments()
        for name, one in described.actions.items()
    ]


def rewards() -> Rows:
    """Lists the rewards; ``usual`` tells which an environment takes where a user names none."""
    from ..envs.choice import rewards_of

    return [
        {
            "name": name,
            "family": family,
            "usual": "yes" if name == described.reward else "no",
            "unit": one.unit,
            "description": one.description,
        }
        for family, described in _environments()
        for name, one in rewards_of(described).items()
    ]


def _environments() -> Iterator[tuple[str, Environment]]:
    """Lists the families that have an environment, by name."""
    from ..envs.choice import environment_of

    for family in sorted(families.every(), key=lambda family: family.name):
        if family.environment is not None:
            yield family.name, environment_of(family)


TOPICS: dict[str, Callable[[], Rows]] = {"features": features, "actions": actions, "rewards": rewards}
"""Topics that the overview leaves out, for they import torch."""
