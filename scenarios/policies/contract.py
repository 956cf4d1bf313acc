"""Checks that a trained policy keeps the contract of its family, on drops of its scenario: others have other sizes."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from allocators.contract.cases import Case
from allocators.contract.check import CheckReport, check_allocator
from allocators.registry import resolve
from phy.random import Drops

from .. import families
from ..config.loading import load
from ..errors import ScenarioError
from .allocator import Policy

_INTERVALS = 3


def check_policy(name: str, family: str | None = None, scenario: str | None = None) -> CheckReport:
    """Checks a policy.

    Args:
        name: such as ``torch:policy.pt``.
        family: of it; None: that which its file tells.
        scenario: preset or file; None: the one of its training, or the usual one of the family.

    Raises:
        ValueError: the policy cannot be read, or the scenario cannot be found or is of another family.
    """
    policy: Policy = resolve(name, family or "")
    facts = policy.network.trained_for
    source = scenario or (facts.scenario if facts else policy.environment.scenario)
    try:
        settled = load(source)
    except ScenarioError as error:
        if scenario is not None:
            raise
        raise ScenarioError(f"{error}; say by --scenario on which scenario the policy is to be checked") from None
    if settled.family != policy.family:
        raise ScenarioError(
            f"{name} is a policy for the family '{policy.family}', and the scenario '{settled.name}' is of "
            f"'{settled.family}'"
        )
    policy.try_on(settled)
    case = Case(settled.name, partial(_play, settled, policy))
    return check_allocator(name, policy.family, (case,))


def _play(scenario: Any, policy: Policy, drops: Drops) -> tuple[Any, list[Any]]:
    """Lists what an allocator observes while actions are all zero."""
    dtype = torch.float64 if scenario.dtype == "float64" else torch.float32
    problem = families.find(policy.family).build(scenario, drops, torch.device("cpu"), dtype)
    context, state, seen = problem.context, problem.start(), []
    for _ in range(_INTERVALS):
        observation = problem.observe(state)
        seen.append(observation)
        shape = [len(drops), policy.environment.agents(context)]
        if policy.actions.choices:
            actions = torch.zeros(shape, dtype=torch.int64)
        else:
            actions = torch.zeros([*shape, policy.actions.size(observation, context)])
        state, _ = problem.step(state, policy.actions.decide(actions, observation, context)[0])
    return context, seen
