"""Defines what the contract check knows of a family: difficult cases, and what a decision must be."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from phy.random import Drops, uniform

DROPS = Drops(seed=20, ids=(0, 3, 17))
"""The drops of every case; each is also played alone."""


@dataclass(frozen=True)
class Case:
    """Describes one small run with given reports. They do not depend on the decisions."""

    name: str
    play: Callable[[Drops], tuple[Any, list[Any]]]
    """Makes the context and the observations of all intervals, anew at each call."""


@dataclass(frozen=True)
class FamilyCheck:
    """Describes a family's part of the contract check."""

    observation: type
    decision: type
    require: Callable[[Any, Any, Any], object]
    """Raises unless a decision is feasible: decision, observation, context."""
    cases: tuple[Case, ...]


class CaseRandom:
    """Draws uniform numbers of each drop by stream and interval, so that a drop is the same alone and in a batch."""

    def __init__(self, drops: Drops, case: str) -> None:
        self._drops, self._case = drops, case

    def __call__(self, stream: str, *shape: int, interval: int = 0) -> Tensor:
        """Draws numbers in (0, 1), float64 ``[B, *shape]``."""
        return _drawn(self._drops, f"check/{self._case}/{stream}", shape, interval).clone()


@functools.lru_cache(1 << 13)
def _drawn(drops: Drops, stream: str, shape: tuple[int, ...], interval: int) -> Tensor:
    """Draws what a case asks for each time that it is played, which is several times in a check."""
    return uniform(_keys(drops, stream), shape, interval * math.prod(shape))


@functools.lru_cache(1 << 10)
def _keys(drops: Drops, stream: str) -> Tensor:
    """Computes the keys of a stream."""
    return drops.keys(stream)


def tensors(record: object) -> dict[str, Tensor]:
    """Copies all tensors of an observation or a decision, by field; those made on demand are made.

    A record that is a tensor itself has one, without a name.
    """
    if isinstance(record, Tensor):
        return {"": record.clone()}
    found = {}
    for field in fields(record):  # type: ignore[arg-type]
        value = getattr(record, field.name)
        value = value() if callable(value) and not isinstance(value, Tensor) else value
        if isinstance(value, Tensor):
            found[field.name] = value.clone()
    return found


def first_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> str | None:
    """Returns the name of the first field that differs in any bit of value, or None."""
    for name in {**one, **other}:
        if name not in one or name not in other or not _same(one[name], other[name]):
            return name
    return None


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
