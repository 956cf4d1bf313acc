"""Engines whose UEs change their cell, with single antennas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from engine_cases import packets
from engine_factory import engine
from torch import Tensor

from mac.engine.engine import Engine
from mac.handover.a3 import COUNTERS
from mac.handover.serving_plan import ServingPlan
from mac.scheduling import SchedulingDecision
from phy.random import Drops

PERIOD, AWAY = 20, 7


def wandering(tested: Engine, slots: int) -> ServingPlan:
    """At every other measurement a third of the users moves on to the next cell, and is away for a while."""
    count = slots // PERIOD + 1
    drop = torch.tensor([d % 3 for d in tested.parts.drops.ids])[:, None, None]
    user, number = torch.arange(tested.shape[1]), torch.arange(count)[:, None]
    hops = (number // 2 + (user + drop) % 3) // 3
    serving = (tested.parts.channel.serving[:, None] + hops) % tested.cells
    moved = torch.zeros_like(serving, dtype=torch.bool)
    moved[:, 1:] = serving[:, 1:] != serving[:, :-1]
    back = torch.where(moved, number * PERIOD + AWAY, 0).cummax(1).values
    counts = torch.zeros((len(serving), count, len(COUNTERS), tested.shape[1]), dtype=torch.float64)
    counts[:, :, COUNTERS.index("handovers")] = moved.double()
    counts[:, :, COUNTERS.index("interruption_s")] = moved * AWAY * 1e-3
    return ServingPlan(PERIOD, serving, back, counts)


def mobile(drops: Drops, slots: int, saturated: bool = False, **more: Any) -> Engine:
    arrivals = None if saturated else packets(drops, 28, slots + 50, 0.5, 3000)
    still = engine(drops, arrivals, **more)
    return Engine(replace(still.parts, serving_plan=wandering(still, slots)))


def all_in_turn(roster: Tensor, tested: Engine) -> SchedulingDecision:
    """PRB k of each cell to its k-th user, whether it can use it or not."""
    place = torch.arange(tested.prbs).clamp(max=roster.shape[-1] - 1)
    user = roster[:, :, place]
    return SchedulingDecision(torch.where(user < tested.shape[1], user, -1))


SCENARIO: dict[str, Any] = {
    "name": "walks",
    "family": "scheduling",
    "seed": 3,
    "drops": 2,
    "duration_s": 1.0,
    "window_s": 0.1,
    "allocators": ["round_robin", "max_rate"],
    "carrier": {"prbs": 6},
    "topology": {"sectors": 1, "isd_m": 150, "min_distance_m": 10},
    "handover": {"time_to_trigger_ms": 40, "hysteresis_db": 0.5, "offset_db": 0.5},
    "measurements": {"filter_coefficient": 0},
    "users": [
        {
            "name": "cars",
            "count": 3,
            "mobility": {"model": "linear", "min_speed_kmh": 300, "max_speed_kmh": 300},
            "traffic": {"model": "poisson", "rate_bps": 5e5, "packet_bytes": 500},
        }
    ],
}


NAMED = ("handovers", "ping_pongs", "handover_failures", "radio_link_failures", "interruption_s", "stay_s")
