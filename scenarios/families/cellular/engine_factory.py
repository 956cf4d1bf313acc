"""Builds the engine of a batch of drops from the sections of a cellular scenario."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from mac.engine.coordination import CoordinationSettings
from mac.engine.engine import Engine
from mac.engine.state import EngineParts, Users
from mac.link_adaptation.tables import link_tables
from phy.channel.channel import Channel, ChannelPlan, build_channel
from phy.channel.moving_matrices import build_moving_channel
from phy.random import Drops
from phy.sionna_adapter.channel import build_sionna_channel
from phy.sionna_adapter.matrices import build_sionna_matrices
from phy.sionna_adapter.moving import build_moving_sionna_channel
from phy.topology.sites import build_topology
from phy.units import kmh_to_mps

from . import mobility, uplink
from .scenario import CellularScenario
from .shape import Shape
from .traffic import arrivals


def engine(
    scenario: CellularScenario,
    drops: Drops,
    shape: Shape,
    place: torch.device,
    dtype: torch.dtype,
    coordination: CoordinationSettings | None = None,
) -> Engine:
    """Builds the slot engine of a batch of drops.

    Args:
        scenario: describes carrier, channel and users.
        drops: of the batch.
        shape: what the family adds.
        place: device of the engine, which computes in ``dtype``.
        dtype: float32 or float64.
        coordination: of the cells; None where each cell sends to its own users alone.
    """
    channel = _channel(scenario, drops, shape, place, dtype)
    up = scenario.carrier.direction == "uplink"
    if not up:  # a downlink reads every link on every PRB
        channel = channel.quick_to_read()
    layers = 1 if scenario.mimo is None or up else scenario.mimo.layers
    tables = link_tables(scenario.carrier, scenario.link, place, dtype, layers)
    serving_plan = mobility.serving_plan(scenario, channel, shape)
    return Engine(
        EngineParts(
            drops=drops,
            carrier=scenario.carrier,
            link=scenario.link,
            harq=scenario.harq,
            channel=channel,
            tables=tables,
            users=_users(scenario, shape),
            arrivals=arrivals(scenario, drops, shape.total_slots),
            block_slots=shape.block_slots,
            serving_plan=serving_plan,
            uplink=uplink.uplink_plan(scenario, channel, serving_plan, shape),
            coordination=coordination,
            recorded_users=scenario.record_slots_of,
        )
    )


def channel_plan(scenario: CellularScenario) -> ChannelPlan:
    """Builds the plan that the channel of any drop follows from."""
    return ChannelPlan(
        topology=build_topology(scenario.topology),
        propagation=mobility.propagation(scenario),
        antenna=scenario.antenna,
        fading=scenario.fading,
        users_per_cell=scenario.users_per_cell,
        placement=scenario.placement,
        attachment=scenario.attachment,
        min_distance_m=scenario.topology.min_distance_m,
        speed_mps=_per_user(scenario, [kmh_to_mps(group.speed_kmh) for group in scenario.users]),
        frequency_hz=scenario.carrier.prb_frequency_hz(),
        snr_at_unit_gain=scenario.carrier.snr_at_unit_gain,
        mimo=scenario.mimo,
    )


def _channel(
    scenario: CellularScenario, drops: Drops, shape: Shape, place: torch.device, dtype: torch.dtype
) -> Channel:
    """Builds the channel of a batch of drops by the provider that the scenario names."""
    plan, by_sionna = channel_plan(scenario), scenario.channel.provider == "sionna"
    if scenario.on_the_way:
        build_moving = build_moving_sionna_channel if by_sionna else build_moving_channel
        return build_moving(drops, plan, mobility.motion_plan(scenario, shape), place, dtype)
    if by_sionna:
        build = build_sionna_channel if plan.mimo is None else build_sionna_matrices
        return build(drops, plan, place, dtype)
    return build_channel(drops, plan, place, dtype)


def _users(scenario: CellularScenario, shape: Shape) -> Users:
    budgets = [math.inf if group.sla.delay_s is None else group.sla.delay_s for group in scenario.users]
    return Users(
        full_buffer=_per_user(scenario, [group.traffic.full_buffer for group in scenario.users]).bool(),
        delay_budget_s=_per_user(scenario, budgets),
        slice_id=_per_user(scenario, shape.slice_of_group).long(),
        slices=shape.slices,
        queue_bytes=scenario.queue_bytes,
    )


def _per_user(scenario: CellularScenario, values: Sequence[float]) -> torch.Tensor:
    """Repeats a value of each group for each user, float64 ``[U]``."""
    return torch.tensor(values, dtype=torch.float64)[scenario.group_of_user()]
