"""Reads every file that a cellular scenario names, so that what is wrong is said before a run."""

from __future__ import annotations

from mac.traffic import TraceError, TraceReplay

from ...errors import ScenarioError
from . import mobility
from .scenario import CellularScenario
from .shape import Shape


def check_files(scenario: CellularScenario, shape: Shape) -> None:
    """Reads every file that the scenario names.

    Raises:
        ScenarioError: files that are missing or cannot be used.
    """
    check_traces(scenario)
    mobility.check_trajectories(scenario, shape)


def check_traces(scenario: CellularScenario) -> None:
    """Reads every trace file that the scenario names.

    Raises:
        ScenarioError: files that are missing or cannot be used, each with its line and the group that plays it.
    """
    problems = []
    for i, group in enumerate(scenario.users):
        if isinstance(group.traffic, TraceReplay) and group.count:
            try:
                group.traffic.locate()
            except TraceError as error:
                problems.append(f"{scenario.name}: users.{i}.traffic of group '{group.name}': {error}")
    if problems:
        raise ScenarioError("\n".join(problems))
