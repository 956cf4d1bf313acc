"""The slicing family: every report, how many RBGs each slice has; a scheduler works below it every slot."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field, model_validator

from mac.core.allocator_guard import AllocatorGuard
from mac.core.contracts import Allocator
from mac.core.plugin_traceback import error_text, plug_in_line
from mac.scheduling import SchedulingDecision, SchedulingObservation
from mac.slicing import SlicingContext
from mac.slicing.feasible import require_slicing
from mac.slicing.problem import SlicingProblem
from mac.slicing.settings import SlicingSettings
from phy.random import Drops

from ...config.schema import Clock, clock
from ...errors import ScenarioError, did_you_mean
from .. import Family, Labels
from ..cellular import engine_factory, estimates
from ..cellular import scenario as cellular
from ..cellular.scenario import CellularScenario, Shape, UserGroup


class SlicingUsers(UserGroup):
    """Users who are alike and belong to one slice."""

    slice: str
    """Name of their slice, one of `slicing.slices`."""


class SlicingScenario(CellularScenario):
    """Slice controllers compared on one carrier."""

    users: tuple[SlicingUsers, ...] = Field(min_length=1)
    """Groups of users."""
    slicing: SlicingSettings = Field(default_factory=SlicingSettings)
    """Slices, the controller's clock and rules, the scheduler below it."""

    @model_validator(mode="after")
    def _slices_are_known(self) -> SlicingScenario:
        names = [one.name for one in self.slicing.slices]
        if len(set(names)) < len(names):
            raise ValueError(f"slicing.slices: two slices have the same name ({', '.join(names)})")
        for i, group in enumerate(self.users):
            if group.slice not in names:
                raise ValueError(f"users.{i}.slice is '{group.slice}'{did_you_mean(group.slice, names)}")
        return self

    @model_validator(mode="after")
    def _least_quotas_fit(self) -> SlicingScenario:
        self.slicing.rbgs(self.carrier.prbs)
        return self


def _clock(scenario: SlicingScenario) -> Clock:
    try:
        scenario.slicing.slots(scenario.carrier.slot_s)
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    return clock(scenario, scenario.slicing.interval_s, scenario.slicing.interval_s)


def _shape(scenario: SlicingScenario) -> Shape:
    names = [one.name for one in scenario.slicing.slices]
    return Shape(
        clock=_clock(scenario),
        slots=scenario.slicing.slots(scenario.carrier.slot_s),
        slice_of_group=tuple(names.index(group.slice) for group in scenario.users),
        slices=len(names),
    )


def _scheduler(scenario: SlicingScenario) -> Allocator[SchedulingObservation, SchedulingDecision]:
    from allocators.registry import resolve

    settings = scenario.slicing
    found: Allocator[Any, Any] = resolve(settings.scheduler, "scheduling", dict(settings.scheduler_params))
    return AllocatorGuard(found, f"{settings.scheduler} (slicing.scheduler)")


def _check(scenario: SlicingScenario) -> None:
    cellular.check_files(scenario, _shape(scenario))
    try:
        _scheduler(scenario)
    except Exception as error:  # a plug-in's module may raise anything at all when it is imported
        raise ScenarioError(
            f"slicing.scheduler '{scenario.slicing.scheduler}': {error_text(error)}{plug_in_line(error)}"
        ) from error


def _build(scenario: SlicingScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> SlicingProblem:
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype)
    repair = scenario.on_infeasible == "repair"
    return SlicingProblem(engine, scenario.slicing, _scheduler(scenario), scenario.power, repair)


def _context(scenario: SlicingScenario) -> SlicingContext:
    drops = Drops(scenario.seed, (0,))
    return SlicingContext.of(
        scenario.slicing, scenario.carrier, drops, scenario.cells, torch.device("cpu"), torch.float32
    )


def _labels(scenario: SlicingScenario, problem: SlicingProblem) -> Labels:
    slices, shape = scenario.slicing.slices, _shape(scenario)
    services = [slices[place].service for place in shape.slice_of_group]
    common = cellular.labels(scenario, problem.engine, services, shape)
    own = {
        "slice_id": (("user",), problem.engine.parts.users.slice_id.numpy()),
        "slice_name": (("slice",), np.array([one.name for one in slices])),
    }
    return Labels({**common.coordinates, **own}, common.attributes)


FAMILY = Family(
    name="slicing",
    allocator_family="slicing",
    scenario_type=SlicingScenario,
    clock=_clock,
    check=_check,
    build=_build,
    labels=_labels,
    estimate_bytes=lambda scenario, drops: estimates.estimate_bytes(scenario, drops, _shape(scenario)),
    estimate_seconds=lambda scenario, drops: estimates.estimate_seconds(scenario, drops, _shape(scenario)),
    best_batch=estimates.best_batch,
    account=cellular.account,
    require=require_slicing,
    context=_context,
)
