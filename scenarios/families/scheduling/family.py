"""The scheduling family: every slot, who holds each PRB of each cell."""

from __future__ import annotations

import torch
from pydantic import Field

from mac.scheduling.feasible import require_scheduling
from mac.scheduling.problem import SchedulingProblem
from mac.slicing.settings import Service
from phy.random import Drops

from ...config.schema import Clock, clock
from .. import Family, Labels
from ..cellular import engine_factory, estimates
from ..cellular import scenario as cellular
from ..cellular.scenario import CellularScenario, Shape, UserGroup

_WINDOW_S = 0.1


class SchedulingUsers(UserGroup):
    """Users who are alike."""

    service: Service = "embb"
    """Kind of service, by which results may be told apart."""


class SchedulingScenario(CellularScenario):
    """Schedulers compared on one carrier."""

    users: tuple[SchedulingUsers, ...] = Field(min_length=1)
    """Groups of users."""


def _clock(scenario: SchedulingScenario) -> Clock:
    return clock(scenario, scenario.carrier.slot_s, _WINDOW_S)


def _shape(scenario: SchedulingScenario) -> Shape:
    return Shape(_clock(scenario), slots=1, slice_of_group=(0,) * len(scenario.users))


def _build(scenario: SchedulingScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> SchedulingProblem:
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype)
    return SchedulingProblem(engine, scenario.power, repair=scenario.on_infeasible == "repair")


def _labels(scenario: SchedulingScenario, problem: SchedulingProblem) -> Labels:
    services = [group.service for group in scenario.users]
    return cellular.labels(scenario, problem.engine, services, _shape(scenario))


FAMILY = Family(
    name="scheduling",
    allocator_family="scheduling",
    scenario_type=SchedulingScenario,
    clock=_clock,
    check=lambda scenario: cellular.check_files(scenario, _shape(scenario)),
    build=_build,
    labels=_labels,
    estimate_bytes=lambda scenario, drops: estimates.estimate_bytes(scenario, drops, _shape(scenario)),
    estimate_seconds=lambda scenario, drops: estimates.estimate_seconds(scenario, drops, _shape(scenario)),
    best_batch=estimates.best_batch,
    account=cellular.account,
    require=require_scheduling,
)
