"""Defines the scenarios of scheduling, and makes their problems: every slot, which UE holds each PRB."""

from __future__ import annotations

import torch
from pydantic import Field

from mac.scheduling.problem import SchedulingProblem
from mac.slicing.settings import Service
from phy.random import Drops

from ..cellular import engine_factory, estimates, named_files
from ..cellular import labels as cellular_labels
from ..cellular.scenario import CellularScenario
from ..cellular.shape import Shape
from ..cellular.users import UserGroup
from ..family import Labels
from ..schema import Clock, clock

_WINDOW_S = 0.1


class SchedulingUsers(UserGroup):
    """Describes users that are alike."""

    service: Service = "embb"
    """Kind of service, by which results may be told apart."""


class SchedulingScenario(CellularScenario):
    """Compares schedulers on one carrier."""

    users: tuple[SchedulingUsers, ...] = Field(min_length=1)
    """Groups of users."""


def clock_of(scenario: SchedulingScenario) -> Clock:
    return clock(scenario, scenario.carrier.slot_s, _WINDOW_S)


def _shape(scenario: SchedulingScenario) -> Shape:
    return Shape(clock_of(scenario), slots=1, slice_of_group=(0,) * len(scenario.users))


def build(scenario: SchedulingScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> SchedulingProblem:
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype)
    return SchedulingProblem(engine, scenario.power, repair=scenario.on_infeasible == "repair")


def labels(scenario: SchedulingScenario, problem: SchedulingProblem) -> Labels:
    services = [group.service for group in scenario.users]
    return cellular_labels.labels(scenario, problem.engine, services, _shape(scenario))


def estimate_bytes(scenario: SchedulingScenario, drops: int) -> int:
    """Estimates the memory of a batch."""
    return estimates.estimate_bytes(scenario, drops, _shape(scenario))


def estimate_seconds(scenario: SchedulingScenario, drops: int) -> float:
    """Estimates the time of one allocator for a batch, on one CPU thread."""
    return estimates.estimate_seconds(scenario, drops, _shape(scenario))


def check(scenario: SchedulingScenario) -> None:
    """Reads every file that the scenario names."""
    named_files.check_files(scenario, _shape(scenario))
