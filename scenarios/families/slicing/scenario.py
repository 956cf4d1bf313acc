"""Defines the scenarios of slicing, and makes their problems: every report, how many RBGs each slice has."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator

from mac.slicing import SlicingContext
from mac.slicing.problem import SlicingProblem
from mac.slicing.settings import SlicingSettings
from phy.random import Drops

from ...errors import did_you_mean
from ..cellular import engine_factory, estimates, named_files
from ..cellular import labels as cellular_labels
from ..cellular.scenario import CellularScenario
from ..cellular.shape import Shape, check_scheduler, clock_of_interval, scheduler_below
from ..cellular.users import UserGroup
from ..family import Labels
from ..schema import Clock


class SlicingUsers(UserGroup):
    """Describes users that are alike and belong to one slice."""

    slice: str
    """Name of their slice, one of `slicing.slices`."""


class SlicingScenario(CellularScenario):
    """Compares slice controllers on one carrier."""

    users: tuple[SlicingUsers, ...] = Field(min_length=1)
    """Groups of users."""
    slicing: SlicingSettings = Field(default_factory=SlicingSettings)
    """Slices, the controller's clock and rules, the scheduler below it."""

    @model_validator(mode="after")
    def _slices_are_known(self) -> SlicingScenario:
        self.slicing.require_distinct()
        names = self.slicing.names
        for i, group in enumerate(self.users):
            if group.slice not in names:
                raise ValueError(f"users.{i}.slice is '{group.slice}'{did_you_mean(group.slice, names)}")
        return self

    @model_validator(mode="after")
    def _least_quotas_fit(self) -> SlicingScenario:
        self.slicing.rbgs(self.carrier.prbs)
        return self


def clock_of(scenario: SlicingScenario) -> Clock:
    return clock_of_interval(scenario, scenario.slicing, scenario.carrier.slot_s)


def _shape(scenario: SlicingScenario) -> Shape:
    names = scenario.slicing.names
    return Shape(
        clock=clock_of(scenario),
        slots=scenario.slicing.slots(scenario.carrier.slot_s),
        slice_of_group=tuple(names.index(group.slice) for group in scenario.users),
        slices=len(names),
    )


def check(scenario: SlicingScenario) -> None:
    named_files.check_files(scenario, _shape(scenario))
    check_scheduler(scenario.slicing, "slicing.scheduler")


def build(scenario: SlicingScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> SlicingProblem:
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype)
    repair = scenario.on_infeasible == "repair"
    return SlicingProblem(
        engine, scenario.slicing, scheduler_below(scenario.slicing, "slicing.scheduler"), scenario.power, repair
    )


def context(scenario: SlicingScenario) -> SlicingContext:
    drops = Drops(scenario.seed, (0,))
    return SlicingContext.of(
        scenario.slicing, scenario.carrier, drops, scenario.cells, torch.device("cpu"), torch.float32
    )


def labels(scenario: SlicingScenario, problem: SlicingProblem) -> Labels:
    slices, shape = scenario.slicing.slices, _shape(scenario)
    services = [slices[place].service for place in shape.slice_of_group]
    common = cellular_labels.labels(scenario, problem.engine, services, shape)
    return cellular_labels.with_slices(common, scenario, shape.slice_of_group, scenario.slicing.names)


def estimate_bytes(scenario: SlicingScenario, drops: int) -> int:
    """Estimates the memory of a batch."""
    return estimates.estimate_bytes(scenario, drops, _shape(scenario))


def estimate_seconds(scenario: SlicingScenario, drops: int) -> float:
    """Estimates the time of one allocator for a batch, on one CPU thread."""
    return estimates.estimate_seconds(scenario, drops, _shape(scenario))
