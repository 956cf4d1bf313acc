"""Checks that the state of a problem is a value: a problem that passes can be searched, cloned and reset.

``check_problem(problem, allocator)`` asserts that

- starting twice gives equal states and observations;
- stepping an old state again, with the decision of the first time, gives the same outcome, state and observation, also
  after newer states were stepped;
- no step writes into a state that exists already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from .contracts import Allocator, Problem

State = TypeVar("State")
Obs = TypeVar("Obs")
Dec = TypeVar("Dec")


class StateNotAValue(AssertionError):
    """Reports a problem whose state changes after it was returned, or does not determine what follows from it."""


def check_problem(
    problem: Problem[State, Obs, Dec], allocator: Allocator[Obs, Dec], intervals: int = 4, seed: int = 0
) -> None:
    """Steps a problem forwards, and then every one of its states again from the last one to the first.

    Args:
        problem: of any family.
        allocator: makes the decisions of the first pass, which are used again in the second one.
        intervals: steps of the first pass; make them reach over whatever the problem prepares for several intervals.
        seed: given to the allocator's ``reset``.

    Raises:
        StateNotAValue: with the name of the first value that differs.
    """
    allocator.reset(problem.context, seed)
    states = [problem.start()]
    seen = [_picture(problem, states[0])]
    _require(seen[0], _picture(problem, problem.start()), "start() gave two different states")
    states[0] = problem.start()  # the newest one of the problem, where there is such a thing
    decisions, outcomes = [], []
    for _ in range(intervals):
        decisions.append(allocator.decide(problem.observe(states[-1])))
        state, outcome = problem.step(states[-1], decisions[-1])
        outcomes.append(frozen(outcome))
        states.append(state)
        seen.append(_picture(problem, state))
    for number in reversed(range(intervals)):
        _require(seen[number], _picture(problem, states[number]), f"later steps wrote into the state of step {number}")
        for _ in range(2):
            state, outcome = problem.step(states[number], decisions[number])
            again = f"step {number} gave another %s when its state was stepped again"
            _require(outcomes[number], frozen(outcome), again % "outcome")
            _require(seen[number + 1], _picture(problem, state), again % "state")
    for number, state in enumerate(states):
        _require(seen[number], _picture(problem, state), f"stepping again wrote into the state of step {number}")


def _picture(problem: Problem[State, Any, Any], state: State) -> Mapping[str, Any]:
    return {"state": frozen(state), "observation": frozen(problem.observe(state))}


def _require(before: Any, after: Any, complaint: str) -> None:
    where = difference(before, after)
    if where is not None:
        raise StateNotAValue(f"{complaint}: {where.lstrip('.')} differs")


def frozen(value: Any) -> Any:
    """Returns a copy in plain containers of everything a value holds; functions without arguments are called."""
    return _frozen(value, ())


def _frozen(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, np.ndarray):
        return value.copy()
    if id(value) in above:
        return "itself"
    inside = (*above, id(value))
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "": type(value).__name__,
            **{one.name: _frozen(getattr(value, one.name), inside) for one in fields(value)},
        }
    if isinstance(value, Mapping):
        return {key: _frozen(one, inside) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_frozen(one, inside) for one in value]
    if isinstance(value, (type, ModuleType, FunctionType, BuiltinFunctionType)) and not _computes(value):
        return value
    return _frozen_object(value, inside)


def _frozen_object(value: Any, inside: tuple[int, ...]) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().copy()
    if isinstance(value, np.random.Generator):
        return _frozen(value.bit_generator.state, inside)
    if callable(value) and _computes(value):
        return _frozen(value(), inside)
    if any("__eq__" in vars(kind) for kind in type(value).__mro__[:-1]):
        return value
    return {
        "": type(value).__name__,
        **{name: _frozen(one, inside) for name, one in getattr(value, "__dict__", {}).items()},
    }


def _computes(value: Any) -> bool:
    """Returns whether a value is a function that computes something on demand, as in an observation or an outcome."""
    if isinstance(value, partial):
        return True
    return isinstance(value, (FunctionType, MethodType)) and value.__code__.co_argcount == isinstance(value, MethodType)


def difference(one: Any, other: Any, where: str = "") -> str | None:
    """Returns the name of the first value that differs between two copies of :func:`frozen`; None if none does."""
    if type(one) is not type(other):
        return where
    if isinstance(one, np.ndarray):
        return None if _equal(one, other) else where
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return where
        found = (difference(one[key], other[key], f"{where}.{key}") for key in one)
        return next((name for name in found if name is not None), None)
    if isinstance(one, list):
        if len(one) != len(other):
            return where
        found = (difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True)))
        return next((name for name in found if name is not None), None)
    return None if one == other or (one != one and other != other) else where


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Compares bit by bit, so that a missing value equals a missing value."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
