"""Flight never exceeds its limits, whatever is decided."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mac.uav import loops
from mac.uav.flight import FlightResult, Motion, fly_interval
from mac.uav.kinematics import FlightLimits, closest_approach_m
from mac.uav.settings import RotorSettings

SPEED, CLIMB = 20.0, 5.0
MOTION = ("position_m", "velocity_mps", "battery_j")
FORMS = {"torch": fly_interval, "loops": loops.fly_interval}


def limits(acceleration: float | None, interval_s: float, zones: tuple = ()) -> FlightLimits:
    low, high = torch.tensor([0.0, 0.0, 50.0]), torch.tensor([300.0, 200.0, 120.0])
    return FlightLimits(low.double(), high.double(), zones, acceleration, interval_s, 5.0)


def flown(form: str, bounds: FlightLimits, motion: Motion, wanted: torch.Tensor) -> FlightResult:
    return FORMS[form](bounds, RotorSettings(), motion, wanted, torch.zeros_like(motion.battery_j))


def commands(seed: int, steps: int, uavs: int) -> torch.Tensor:
    """Velocities within the limits of speed, many of them at the limits; ``[steps, 1, V, 3]``."""
    rng = np.random.default_rng(seed)
    angle, climb = rng.uniform(0, 2 * math.pi, (steps, uavs)), rng.choice([-CLIMB, 0, CLIMB, 1.0], (steps, uavs))
    speed = SPEED * rng.choice([0.0, 0.3, 1.0], (steps, uavs))
    wanted = np.stack([speed * np.cos(angle), speed * np.sin(angle), climb], -1)
    hold = rng.integers(1, 12)  # keeps each command for a while, so that borders are reached
    return torch.from_numpy(wanted[np.arange(steps) // hold])[:, None]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    acceleration=st.sampled_from([None, 0.5, 2.0, 5.0, 50.0]),
    interval_s=st.sampled_from([0.1, 1.0, 3.0]),
    form=st.sampled_from(["torch", "loops"]),
    walled=st.booleans(),
)
def test_flight_keeps_all_limits(
    seed: int, acceleration: float | None, interval_s: float, form: str, walled: bool
) -> None:
    zones = ((100.0, 60.0, 160.0, 130.0), (160.0, 60.0, 200.0, 90.0)) if walled else ()
    bounds = limits(acceleration, interval_s, zones)
    place = torch.tensor([[[50.0, 50.0, 60.0], [250.0, 150.0, 110.0], [99.0, 131.0, 80.0]]], dtype=torch.float64)
    motion = Motion(place, torch.zeros_like(place), torch.full((1, 3), 1e9, dtype=torch.float64))
    for wanted in commands(seed, 60, 3):
        after = flown(form, bounds, motion, wanted).motion
        velocity, change = after.velocity_mps, after.velocity_mps - motion.velocity_mps
        assert float(torch.hypot(velocity[..., 0], velocity[..., 1]).max()) <= SPEED * (1 + 1e-9)
        assert float(velocity[..., 2].abs().max()) <= CLIMB * (1 + 1e-9)
        if acceleration is not None:
            assert float(change.abs().max()) <= acceleration * interval_s * (1 + 1e-9)
        assert bool(((after.position_m >= bounds.low_m) & (after.position_m <= bounds.high_m)).all())
        for west, south, east, north in zones:
            x, y = after.position_m[..., 0], after.position_m[..., 1]
            inside = (x > west + 1e-6) & (x < east - 1e-6) & (y > south + 1e-6) & (y < north - 1e-6)
            assert not bool(inside.any())
        mean = velocity if acceleration is None else 0.5 * (velocity + motion.velocity_mps)
        expected = motion.position_m + mean * interval_s
        assert after.position_m.numpy() == pytest.approx(expected.numpy(), abs=1e-6)
        motion = after


@pytest.mark.parametrize("acceleration", [None, 3.0])
def test_loops_agree_with_torch(acceleration: float | None) -> None:
    bounds = limits(acceleration, 1.0, ((100.0, 60.0, 160.0, 130.0),))
    place = torch.tensor([[[50.0, 50.0, 60.0], [250.0, 150.0, 110.0], [52.0, 50.0, 60.0]]], dtype=torch.float64)
    battery = torch.tensor([[1e9, 2000.0, 1e9]], dtype=torch.float64)
    one = other = Motion(place, torch.zeros_like(place), battery)
    for wanted in commands(3, 80, 3):
        radio_w = torch.tensor([[2.5, 1.0, 0.0]], dtype=torch.float64)
        a, b = (
            form(bounds, RotorSettings(), m, wanted, radio_w)
            for form, m in zip(FORMS.values(), (one, other), strict=True)
        )
        pairs = [(getattr(a.motion, name), getattr(b.motion, name)) for name in MOTION]
        for x, y in (*pairs, (a.flight_j, b.flight_j), (a.radio_j, b.radio_j)):
            assert x.numpy() == pytest.approx(y.numpy(), rel=1e-9, abs=1e-9)
        assert torch.equal(a.near, b.near)
        one, other = a.motion, b.motion
    assert float(one.battery_j[0, 1]) == 0.0


def test_a_far_target_is_reached_at_constant_acceleration() -> None:
    """From rest at 2 m/s^2: after 3 s 6 m/s and 9 m."""
    bounds = limits(2.0, 1.0)
    place = torch.tensor([[[50.0, 50.0, 60.0]]], dtype=torch.float64)
    motion = Motion(place, torch.zeros_like(place), torch.full((1, 1), 1e9, dtype=torch.float64))
    for _ in range(3):
        motion = flown("torch", bounds, motion, torch.tensor([[[20.0, 0.0, 0.0]]], dtype=torch.float64)).motion
    assert motion.velocity_mps[0, 0].tolist() == pytest.approx([6.0, 0.0, 0.0])
    assert motion.position_m[0, 0].tolist() == pytest.approx([59.0, 50.0, 60.0])


def test_crossing_paths_collide_between_the_ends_of_an_interval() -> None:
    start = torch.tensor([[[0.0, 0.0, 60.0], [20.0, 0.0, 60.0], [0.0, 3.0, 60.0]]])
    end = torch.tensor([[[20.0, 0.0, 60.0], [0.0, 0.0, 60.0], [0.0, 9.0, 60.0]]])
    near = closest_approach_m(start, end, torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2]))
    part = 382.0 / 436.0  # of the interval, where the third pair is nearest
    assert near[0].tolist() == pytest.approx([0.0, 3.0, math.hypot(20.0 - 20.0 * part, 3.0 + 6.0 * part)])
    motion = Motion(start, torch.zeros_like(start), torch.ones((1, 3), dtype=torch.float64))
    assert flown("torch", limits(None, 1.0), motion, torch.zeros_like(start)).near[0].tolist() == [False, True, False]


def test_an_empty_battery_ends_the_flight() -> None:
    bounds = limits(None, 1.0)
    place = torch.tensor([[[50.0, 50.0, 60.0]]], dtype=torch.float64)
    motion = Motion(place, torch.zeros_like(place), torch.full((1, 1), 100.0, dtype=torch.float64))
    wanted = torch.tensor([[[10.0, 0.0, 0.0]]], dtype=torch.float64)
    last = flown("torch", bounds, motion, wanted)
    assert float(last.flight_j) == 100.0 and float(last.motion.battery_j) == 0.0
    after = flown("torch", bounds, last.motion, wanted)
    assert torch.equal(after.motion.position_m, last.motion.position_m)
    assert float(after.flight_j) == 0.0 and not after.motion.velocity_mps.any()
