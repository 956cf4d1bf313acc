"""A family in one file: one pipe, users that share it, a decision a second. Proves that a family is one more file.

Its randomness is that of the real ones: a pure function of seed, drop, stream and counter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field as Limits
from torch import Tensor

from mac.core.contracts import ArraySpec, InfeasibleDecision, Outcome
from phy.random import Drops, uniform
from scenarios.families import Family, Labels
from scenarios.families.schema import Clock, Model, ScenarioBase, clock


class Pipe(Model):
    """What the users share."""

    rate_bps: float = Limits(default=1e6, gt=0, le=1e9)
    """Rate of the pipe."""


class ToyScenario(ScenarioBase):
    """Users on one pipe."""

    users: int = Limits(default=4, ge=1, le=100)
    """Users of each drop."""
    pipe: Pipe = Limits(default_factory=Pipe)
    """What they share."""
    interval_s: float = Limits(default=1.0, gt=0)
    """Time between decisions."""
    bytes_per_drop: int = Limits(default=1000, ge=0)
    """What the estimate of memory says."""
    trace: str | None = None
    """A file that must be there."""


@dataclass(frozen=True)
class ToyContext:
    drops: Drops
    users: int


@dataclass(frozen=True)
class ToyState:
    interval: int
    demand_bits: Tensor  # [B, U]


class ToyProblem:
    def __init__(self, scenario: ToyScenario, drops: Drops, dtype: torch.dtype) -> None:
        self.scenario, self.drops, self.dtype = scenario, drops, dtype
        self.interval_s = scenario.interval_s
        self.array_specs: Mapping[str, ArraySpec] = {"backlog_bits": ArraySpec(("user",), "bit", "last", "not served")}
        self.context = ToyContext(drops, scenario.users)

    def start(self) -> ToyState:
        return self._state(0)

    def observe(self, state: ToyState, /) -> Tensor:
        return state.demand_bits

    def step(self, state: ToyState, decision: Tensor, /) -> tuple[ToyState, Outcome]:
        if (decision < 0).any() or (decision.sum(-1) > 1 + 1e-6).any():
            raise InfeasibleDecision("shares must be positive and sum to 1 at most", self.drops.ids[0])
        served = torch.minimum(state.demand_bits, decision * self.scenario.pipe.rate_bps * self.interval_s)
        zero = torch.zeros_like(served)
        outcome = Outcome(
            served, state.demand_bits, zero, zero, served.sum(-1) * 1e-9, {"backlog_bits": state.demand_bits - served}
        )
        return self._state(state.interval + 1), outcome

    def _state(self, interval: int) -> ToyState:
        users, keys = self.scenario.users, self.drops.keys("toy demand")
        share = uniform(keys, (users,), start=interval * users).to(self.dtype)
        return ToyState(interval, share * self.scenario.pipe.rate_bps * self.interval_s)


class Even:
    """Gives each user the same share."""

    def reset(self, context: ToyContext, seed: int) -> None:
        self.users = context.users

    def decide(self, demand: Tensor) -> Tensor:
        return torch.full_like(demand, 1 / self.users)


@dataclass
class Greedy:
    """Gives most to the user that asks most."""

    power: float = 2.0

    def reset(self, context: ToyContext, seed: int) -> None:
        return None

    def decide(self, demand: Tensor) -> Tensor:
        weight = demand**self.power
        return weight / weight.sum(-1, keepdim=True)


class Slow(Even):
    """Takes its time."""

    def decide(self, demand: Tensor) -> Tensor:
        time.sleep(0.05)
        return super().decide(demand)


class TooMuch(Even):
    """Gives out twice what there is, from the fourth interval on."""

    def reset(self, context: ToyContext, seed: int) -> None:
        super().reset(context, seed)
        self.calls = 0

    def decide(self, demand: Tensor) -> Tensor:
        self.calls += 1
        return super().decide(demand) * (2 if self.calls > 3 else 1)


class Raises(Even):
    """Fails at once."""

    def decide(self, demand: Tensor) -> Tensor:
        raise ZeroDivisionError("no users left")


def _clock(scenario: ToyScenario) -> Clock:
    return clock(scenario, scenario.interval_s, scenario.interval_s)


def _check(scenario: ToyScenario) -> None:
    if scenario.trace is not None and not Path(scenario.trace).is_file():
        raise ValueError(f"trace: there is no file {scenario.trace}")


def _labels(scenario: ToyScenario, problem: Any) -> Labels:
    names = np.array(["odd" if i % 2 else "even" for i in range(scenario.users)])
    return Labels({"user": (("user",), np.arange(scenario.users)), "group": (("user",), names)}, {"cells": 1})


FAMILY = Family(
    name="toy",
    allocator_family="toy",
    scenario_type=ToyScenario,
    clock=_clock,
    check=_check,
    build=lambda scenario, drops, device, dtype: ToyProblem(scenario, drops, dtype),
    labels=_labels,
    estimate_bytes=lambda scenario, drops: scenario.bytes_per_drop * drops,
    estimate_seconds=lambda scenario, drops: 1e-3 * drops,
    best_batch=lambda scenario, device: 4,
)
