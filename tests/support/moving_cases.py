"""Channels of UEs that move."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phy.channel.channel import Channel
from phy.channel.moving import MovingFading, build_moving_single_antenna_channel
from phy.mobility import Trajectory, wrap_position
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology
from scenarios import load
from scenarios.families import find
from scenarios.families.cellular import engine_factory
from scenarios.families.cellular.mobility import motion_plan
from scenarios.families.cellular.shape import Shape
from scenarios.families.scheduling.scenario import SchedulingScenario

CPU, SLOT_S = torch.device("cpu"), 1e-3


BASE: dict[str, Any] = {
    "name": "walks",
    "family": "scheduling",
    "duration_s": 1.0,
    "window_s": 0.1,
    "drops": 1,
    "allocators": ["round_robin"],
    "carrier": {"prbs": 12},
    "propagation": {"los": "never", "indoor_share": 0.0},
    "users": [{"name": "all", "count": 2, "traffic": {"model": "full_buffer"}}],
}


def scenario(**changes: Any) -> SchedulingScenario:
    loaded = load(BASE, **changes)
    assert isinstance(loaded, SchedulingScenario)
    return loaded


def moving(case: SchedulingScenario, ids: tuple[int, ...] = (0,), dtype: torch.dtype = torch.float64) -> Channel:
    shape = Shape(find("scheduling").clock(case), 1, (0,) * len(case.users))
    plan, motion = engine_factory.channel_plan(case), motion_plan(case, shape)
    return build_moving_single_antenna_channel(Drops(1, ids), plan, motion, CPU, dtype)


def linear(speed_kmh: float, **more: Any) -> dict[str, Any]:
    return {"users.all.mobility": {"model": "linear", "min_speed_kmh": speed_kmh, "max_speed_kmh": speed_kmh, **more}}


def fading(channel: Channel) -> MovingFading:
    assert isinstance(channel.fading, MovingFading)
    return channel.fading


UE = {"polarizations": 2, "ports": 2, "polarization_slant_deg": 0.0}


TOPOLOGY = build_topology(TopologySettings())


def crossings(walk: Trajectory) -> list[tuple[int, float]]:
    """Users and times of their way over the border, to a hundredth of a millimetre."""
    fine = torch.arange(0.0, walk.duration_s, 0.05, dtype=torch.float64)
    jumps = _apart(walk, fine)[0].nonzero().tolist()
    found = []
    for user, step in jumps[:12]:
        low, high = float(fine[step]), float(fine[step + 1])
        while high - low > 1e-7:
            middle = 0.5 * (low + high)
            before = bool(_apart(walk, torch.tensor([low, middle], dtype=torch.float64))[0, user, 0])
            low, high = (low, middle) if before else (middle, high)
        found.append((user, low))
    return found


def _apart(walk: Trajectory, t_s: Tensor) -> Tensor:
    place = wrap_position(TOPOLOGY, walk.position_m(t_s))
    return (place[:, :, 1:] - place[:, :, :-1]).norm(dim=-1) > 100.0
