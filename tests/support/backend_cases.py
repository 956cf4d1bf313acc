"""Runs in compiled loops and the same in torch, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from allocators.registry import resolve
from mac.core.loop import Span, run
from phy.numerics import jit
from phy.random import Drops
from scenarios.config.loading import load
from scenarios.families import Family, find

Scenario = dict[str, Any]
Arrays = dict[str, np.ndarray]

POISSON = {"model": "poisson", "rate_bps": 1e6, "packet_bytes": 700}
CITY: Scenario = {
    "name": "city",
    "family": "scheduling",
    "seed": 5,
    "drops": 2,
    "duration_s": 0.03,
    "window_s": 0.01,
    "allocators": ["proportional_fair"],
    "carrier": {"prbs": 9},
    "topology": {"sites": 7, "sectors": 1, "isd_m": 300},
    "users": [
        {"name": "busy", "count": 2, "traffic": {"model": "full_buffer"}},
        {"name": "calls", "count": 2, "traffic": POISSON, "sla": {"delay_s": 0.01}},
    ],
}


@contextmanager
def torch_alone() -> Iterator[None]:
    """Nothing is compiled in here."""
    before = os.environ.get(jit.SWITCH)
    os.environ[jit.SWITCH] = "0"
    jit.uses_numba.cache_clear()
    try:
        yield
    finally:
        if before is None:
            del os.environ[jit.SWITCH]
        else:
            os.environ[jit.SWITCH] = before
        jit.uses_numba.cache_clear()


def city(**sections: Any) -> Scenario:
    """The small city with some sections changed, each key by key."""
    return {
        **CITY,
        **{
            name: {**CITY[name], **value} if isinstance(value, dict) and isinstance(CITY.get(name), dict) else value
            for name, value in sections.items()
        },
    }


def problem(scenario: Scenario, ids: tuple[int, ...] = (0, 1), dtype: torch.dtype = torch.float32) -> Any:
    """The problem of some drops, and its family."""
    loaded = load(scenario)
    family = find(loaded.family)
    made = family.build(loaded, Drops(loaded.seed, ids), torch.device("cpu"), dtype)
    return made, loaded, family


def arrays(
    scenario: Scenario,
    ids: tuple[int, ...] = (0, 1),
    dtype: torch.dtype = torch.float32,
    allocator: Any = None,
    compiled: bool = True,
) -> Arrays:
    """Everything that a run records. The scenario's first allocator decides, or the one that is given."""
    tested, loaded, family = problem(scenario, ids, dtype)
    assert tested.backend == ("numba" if compiled else "torch")
    clock = family.clock(loaded)
    found = allocator or _allocator(scenario["allocators"][0], family)
    return dict(run(tested, found, Span(clock.intervals, clock.warmup, clock.window)).arrays)


def _allocator(named: Any, family: Family) -> Any:
    named = {"name": named} if isinstance(named, str) else named
    return resolve(named["name"], family.allocator_family, named.get("params", {}))


def same(one: Arrays, other: Arrays) -> None:
    """Bit for bit, array by array."""
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values.dtype == other[name].dtype
        assert np.array_equal(values, other[name]), name


class Recorded:
    """An allocator whose decisions are kept."""

    def __init__(self, allocator: Any) -> None:
        self.allocator = allocator
        self.decisions: list[tuple[torch.Tensor, ...]] = []

    def reset(self, context: Any, seed: int) -> None:
        self.allocator.reset(context, seed)
        self.decisions.clear()

    def decide(self, observation: Any) -> Any:
        decision = self.allocator.decide(observation)
        kept = (getattr(decision, one.name) for one in fields(decision))
        self.decisions.append(tuple(value.clone() for value in kept if isinstance(value, torch.Tensor)))
        return decision


def both(
    scenario: Scenario, ids: tuple[int, ...] = (0, 1), dtype: torch.dtype = torch.float32, allocator: Any = None
) -> Arrays:
    """The arrays of a run, with the decisions of torch alone, and its numbers to one in a million."""
    family = find(load(scenario).family)
    one, other = (Recorded(allocator or _allocator(scenario["allocators"][0], family)) for _ in range(2))
    fast = arrays(scenario, ids, dtype, one)
    with torch_alone():
        slow = arrays(scenario, ids, dtype, other, compiled=False)
    assert len(one.decisions) == len(other.decisions) > 0
    for slot, (mine, theirs) in enumerate(zip(one.decisions, other.decisions, strict=True)):
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)), slot
    assert fast.keys() == slow.keys()
    for name, values in fast.items():
        assert values.dtype == slow[name].dtype
        np.testing.assert_allclose(values, slow[name], rtol=1e-6, err_msg=name)
    assert fast["served_bits"].sum() > 0
    return fast


def tensors(record: Any, name: str = "") -> dict[str, Tensor]:
    """All tensors that a record holds, those of the block apart, which both engines prepare alike."""
    if isinstance(record, Tensor):
        return {name: record}
    if isinstance(record, tuple):
        parts = {f"{name}.{i}": value for i, value in enumerate(record)}
    elif is_dataclass(record):
        parts = {f"{name}.{one.name}": getattr(record, one.name) for one in fields(record) if one.name != "block"}
    else:
        parts = {f"{name}.{one}": value for one, value in vars(record).items()} if hasattr(record, "__dict__") else {}
    return {path: value for key, part in parts.items() for path, value in tensors(part, key).items()}
