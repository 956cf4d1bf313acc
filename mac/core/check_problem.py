"""Checks that the state of a problem is a value: a problem that passes can be searched, cloned and reset.

``check_problem(problem, allocator)`` asserts that

- starting twice gives equal states and observations, and starting again after all steps the same ones and the same
  first step;
- stepping an old state again, with the decision of the first time, gives the same outcome, state and observation, also
  after newer states were stepped;
- no step writes into a state that exists already, and none replaces or changes the problem's context.

It compares tensors, arrays, numbers, text, dataclasses, mappings, lists, tuples, sets and objects by their attributes.
Tensors are compared on the CPU. An observation may share them with the state: code that calls ``problem.observe`` must
not write into it (:mod:`mac.core.loop` hands plug-ins copies).
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, MethodType, ModuleType
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


class NotComparable(TypeError):
    """Reports a value of a state, observation, outcome or context that cannot be copied and compared."""


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
        NotComparable: with the name of a value of a type that cannot be compared.
        ValueError: less than one interval.
    """
    if intervals < 1:
        raise ValueError(f"intervals must be 1 or more, given {intervals}: without a step nothing is checked")
    context = frozen(problem.context, "context")
    allocator.reset(problem.context, seed)
    states = [problem.start()]
    seen = [_picture(problem, states[0])]
    _require(seen[0], _picture(problem, problem.start()), "start() gave two different states")
    states[0] = problem.start()  # the newest one of the problem, where there is such a thing
    decisions: list[Dec] = []
    outcomes = []
    for _ in range(intervals):
        decisions.append(allocator.decide(problem.observe(states[-1])))
        state, outcome = problem.step(states[-1], decisions[-1])
        outcomes.append(frozen(outcome, "outcome"))
        states.append(state)
        seen.append(_picture(problem, state))
    for number in reversed(range(intervals)):
        _require(seen[number], _picture(problem, states[number]), f"later steps wrote into the state of step {number}")
        for _ in range(2):
            state, outcome = problem.step(states[number], decisions[number])
            again = f"step {number} gave another %s when its state was stepped again"
            _require(outcomes[number], frozen(outcome, "outcome"), again % "outcome")
            _require(seen[number + 1], _picture(problem, state), again % "state")
    for number, state in enumerate(states):
        _require(seen[number], _picture(problem, state), f"stepping again wrote into the state of step {number}")
    start = problem.start()
    _require(seen[0], _picture(problem, start), "start() gave another state after steps")
    state, outcome = problem.step(start, decisions[0])
    _require(
        outcomes[0], frozen(outcome, "outcome"), "the first step gave another outcome after start() was called again"
    )
    _require(seen[1], _picture(problem, state), "the first step gave another state after start() was called again")
    _require(context, frozen(problem.context, "context"), "steps changed problem.context")


def _picture(problem: Problem[State, Any, Any], state: State) -> Mapping[str, Any]:
    return {
        "state": frozen(state, "state"),
        "observation": frozen(problem.observe(state), "observation"),
    }


def _require(before: Any, after: Any, complaint: str) -> None:
    where = difference(before, after)
    if where is not None:
        raise StateNotAValue(f"{complaint}: {where.lstrip('.') or 'its type'} differs")


_CONSTANT = (type, ModuleType, FunctionType, BuiltinFunctionType, torch.dtype, torch.layout, torch.memory_format)


def frozen(value: Any, name: str = "") -> Any:
    """Returns a copy in plain containers of everything a value holds; functions without arguments are called.

    Args:
        value: of any type.
        name: of the value, in errors.

    Raises:
        NotComparable: a part of it cannot be copied and compared; the message names it.
    """
    return _frozen(value, (), name)


def _frozen(value: Any, above: tuple[int, ...], name: str) -> Any:
    if isinstance(value, Tensor):
        return _as_array(value, name)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.copy()
    if id(value) in above:
        return "itself"
    inside = (*above, id(value))
    if is_dataclass(value) and not isinstance(value, type):
        return _frozen_attributes(value, {one.name: getattr(value, one.name) for one in fields(value)}, inside, name)
    if isinstance(value, Mapping):
        return {key: _frozen(one, inside, f"{name}.{key}") for key, one in value.items()}
    if isinstance(value, (tuple, list, deque, np.ndarray)):
        return [_frozen(one, inside, f"{name}[{i}]") for i, one in enumerate(value)]
    if isinstance(value, (Set, bytearray)):
        return frozenset(value) if isinstance(value, Set) else bytes(value)
    if isinstance(value, _CONSTANT) and not _computes(value):
        return value
    return _frozen_object(value, inside, name)


def _frozen_attributes(value: Any, attributes: Mapping[str, Any], inside: tuple[int, ...], name: str) -> dict[str, Any]:
    return {
        "": type(value).__name__,
        **{key: _frozen(one, inside, f"{name}.{key}") for key, one in attributes.items()},
    }


def _as_array(value: Tensor, name: str) -> np.ndarray:
    """Copies a tensor into an array: a sparse one in full, bfloat16 as float32, which holds the same numbers."""
    try:
        dense = value.detach().to_dense() if value.layout != torch.strided else value.detach()
        plain = dense.float() if dense.dtype == torch.bfloat16 else dense
        return plain.cpu().resolve_conj().resolve_neg().numpy().copy()
    except (TypeError, RuntimeError, NotImplementedError):
        raise _not_comparable(name, f"a tensor of {value.dtype}, {value.layout}, on {value.device}") from None


def _frozen_object(value: Any, inside: tuple[int, ...], name: str) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().copy()
    if isinstance(value, np.random.Generator):
        return _frozen(value.bit_generator.state, inside, name)
    if callable(value) and _computes(value):
        return _frozen(value(), inside, name)
    if value is None or any("__eq__" in vars(kind) for kind in type(value).__mro__[:-1]):
        return _copy(value, name)
    attributes = _attributes(value)
    if not attributes and type(value) is not object and type(value).__flags__ & _HEAP_TYPE == 0:
        raise _not_comparable(name, f"a {type(value).__name__}")
    return _frozen_attributes(value, attributes, inside, name)


_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: set for classes that are written in Python, whose attributes are all that they hold."""


def _attributes(value: Any) -> dict[str, Any]:
    """Returns the attributes of an object, those in ``__slots__`` included."""
    slots = [
        one for kind in type(value).__mro__ for one in vars(kind).values() if isinstance(one, MemberDescriptorType)
    ]
    held = {one.__name__: getattr(value, one.__name__) for one in slots if hasattr(value, one.__name__)}
    return {**held, **getattr(value, "__dict__", {})}


def _copy(value: Any, name: str) -> Any:
    """Copies a value that says itself what it equals."""
    if value is None or isinstance(value, (str, float)):  # a missing number does not equal itself
        return value
    try:
        copied = copy.deepcopy(value)
        equal = bool(copied == value)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        equal = False
    if not equal:
        raise _not_comparable(name, f"a {type(value).__name__}")
    return copied


def _not_comparable(name: str, what: str) -> NotComparable:
    return NotComparable(
        f"{name.lstrip('.') or 'the value'} is {what}, which cannot be compared: "
        "hold it as tensors, NumPy arrays, numbers, text, dataclasses, mappings, lists, tuples or sets"
    )


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
