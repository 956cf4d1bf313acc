"""Makes trajectories and serving cells over time from cellular scenarios."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from mac.handover.a3 import rules as handover_rules
from mac.handover.serving_plan import ServingPlan, period_slots, plan_drop
from phy.channel.channel import Channel
from phy.channel.moving import MotionPlan, MovingFading
from phy.mobility import Replay, Static, area_of, trajectories
from phy.random import Drops
from phy.topology.sites import build_topology
from phy.tr38901.pathloss import MAX_UE_HEIGHT_M
from phy.tr38901.settings import PropagationSettings

from ...errors import ScenarioError

if TYPE_CHECKING:
    from .scenario import CellularScenario
    from .shape import Shape


def serving_plan(scenario: CellularScenario, channel: Channel, shape: Shape) -> ServingPlan | None:
    """Computes the serving cells over the run, drop by drop; the same whatever the allocators do."""
    if scenario.handover is None:
        return None
    assert isinstance(channel.fading, MovingFading)
    cpu = torch.device("cpu")
    rules = handover_rules(scenario.handover, scenario.cells, scenario.carrier.slot_s, cpu)
    slots = range(0, shape.total_slots, period_slots(scenario.measurements, rules.slot_s))
    plans = [
        plan_drop(moving_drop.drop, moving_drop.snr(slots), scenario.measurements, rules, serving)
        for moving_drop, serving in channel.fading.starts(channel.serving.to(cpu))
    ]
    row = list(channel.fading.row)
    parts = zip(*((plan.serving, plan.served_from_slot, plan.counts) for plan in plans), strict=True)
    return ServingPlan(plans[0].period_slots, *(torch.cat(part)[row] for part in parts))


def propagation(scenario: CellularScenario) -> PropagationSettings:
    """Returns the scenario's propagation, where line of sight ends softly for moving users unless it says how."""
    said = scenario.propagation.los_transition
    moves = any(group.count and not isinstance(group.mobility, Static) for group in scenario.users)
    return replace(scenario.propagation, los_transition=said or ("soft" if moves else "hard"))


def motion_plan(scenario: CellularScenario, shape: Shape) -> MotionPlan:
    """Describes how the users move, where, and what blocks their links."""
    return MotionPlan(
        update_interval_s=scenario.channel.update_s,
        area=scenario.mobility_area,
        groups=tuple(group.name for group in scenario.users),
        models=tuple(group.mobility for group in scenario.users),
        group_of_user=scenario.group_of_user(),
        blockage=scenario.blockage,
        slot_s=scenario.carrier.slot_s,
        slots=shape.total_slots,
    )


def _require_heights(scenario: CellularScenario, replay: Replay) -> None:
    """Checks heights against those of the propagation model (TR 38.901 Table 7.4.1-1)."""
    model = scenario.propagation.model
    low_m = 1.0 if model in ("uma", "umi") else 0.0
    high_m = float("inf") if model == "free_space" else MAX_UE_HEIGHT_M
    upper = "" if model == "free_space" else f" and up to {high_m:g} m (TR 38.901 Table 7.4.1-1)"
    other = "" if model == "free_space" else "; change z_m, or take propagation.model: free_space for users in the air"
    replay.require_heights(low_m, high_m, f"users of '{model}' are above {low_m:g} m{upper}{other}")


def check_trajectories(scenario: CellularScenario, shape: Shape) -> None:
    """Reads every trajectory file that the scenario names, and walk the whole run.

    Raises:
        ScenarioError: files that are missing or cannot be used, and the group that follows them.
    """
    area = area_of(build_topology(scenario.topology), scenario.mobility_area)
    duration_s = shape.total_slots * scenario.carrier.slot_s
    for number, group in enumerate(scenario.users):
        if group.count:
            start = torch.zeros((1, group.count * scenario.cells, 3), dtype=torch.float64)
            try:
                trajectories(Drops(scenario.seed, (0,)), group.mobility, start, area, duration_s)
                if isinstance(group.mobility, Replay):
                    _require_heights(scenario, group.mobility)
            except ValueError as error:
                where = f"{scenario.name}: users.{number}.mobility of group '{group.name}'"
                raise ScenarioError(f"{where}: {error}") from None
