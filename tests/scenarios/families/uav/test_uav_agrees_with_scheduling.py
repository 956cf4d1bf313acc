"""One UAV that stands still is a cell of one omnidirectional site: the families agree on geometry, gains and shares."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from oracles_uav import points, problem

from allocators.registry import resolve
from mac.core.loop import Span, run
from mac.uav import UavDecision
from phy.random import Drops
from phy.units import BOLTZMANN
from scenarios import load
from scenarios.families import find

PRBS, USERS, POWER_DBM = 52, 12, -5.0
DATA_RE = (12 * 12 - 12) / (12 * 14)  # resource elements with data: two symbols of control, 12 elements of DM-RS
SLOTS = 1200


@pytest.fixture(scope="module")
def cell() -> Any:
    changes: dict[str, Any] = {
        "topology": {"layout": "single", "sectors": 1, "isd_m": 500, "bs_height_m": 100, "min_distance_m": 0},
        "propagation": {"model": "free_space", "carrier_hz": 2e9, "indoor_share": 0},
        "fading": {"model": "none"},
        "carrier": {"prbs": PRBS, "numerology": 0, "noise_figure_db": 7, "tx_power_dbm": POWER_DBM},
        "users": [{"name": "all", "count": USERS, "traffic": {"model": "full_buffer"}}],
    }
    scenario = load("scheduling-macro", drops=1, duration_s=2, warmup_s=0, window_s=1, dtype="float64", **changes)
    return find("scheduling").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float64)


@pytest.fixture(scope="module")
def uav(cell: Any) -> Any:
    place = cell.engine.parts.channel.position_m[0]
    middle = [(float(x) + 500.0, float(y) + 500.0) for x, y, _ in place]
    return problem(
        (0,),
        users=points(*middle),
        uavs__count=1,
        uavs__start_m=[[500, 500, 100]],
        channel__environment="free_space",
        channel__fading="none",
        radio__power_dbm=POWER_DBM,
        radio__bandwidth_hz=PRBS * 180e3,
        radio__noise_dbm_per_hz=10 * math.log10(BOLTZMANN * 290.0) + 30.0 + 7.0,
    )


def test_snr_is_the_same(cell: Any, uav: Any) -> None:
    snr = uav.start().snr[0, 0]
    assert (snr / cell.engine.parts.channel.mean_snr[0, :, 0]).numpy() == pytest.approx(1.0, abs=3e-5)  # of the table
    uav.backend, before = "torch", uav.backend
    exact = uav.start().snr[0, 0]
    uav.backend = before
    assert (exact / cell.engine.parts.channel.mean_snr[0, :, 0]).numpy() == pytest.approx(1.0, abs=1e-9)


def test_equal_shares_are_those_of_round_robin(cell: Any, uav: Any) -> None:
    """A user's bits are those of Shannon on a twelfth of the band, less control and what MCS and CQI lose."""
    _, outcome = uav.step(uav.start(), UavDecision(torch.zeros((1, 1, 3), dtype=torch.float64)))
    arrays = run(cell, resolve("round_robin", "scheduling"), Span(SLOTS, 200, SLOTS)).arrays
    served = torch.from_numpy(arrays["served_bits"][0, 0]) / (SLOTS * 1e-3)
    shannon = outcome.served_bits[0]
    used = served / (shannon * DATA_RE)
    assert bool(((used > 0.6) & (used < 1.0)).all()), used
    total = uav.start().snr[0, 0]
    expected = PRBS * 180e3 / USERS * torch.log2(1.0 + total)
    assert shannon.numpy() == pytest.approx(expected.numpy(), rel=1e-9)
