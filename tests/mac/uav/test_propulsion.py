"""Power of a rotary wing; the numbers are worked out from the published formula."""

from __future__ import annotations

import pytest
import torch
from oracles_uav import power_w

from mac.uav.propulsion import flight_power_w, level_power_w
from mac.uav.settings import RotorSettings

SPEED = torch.linspace(0.0, 40.0, 400_001, dtype=torch.float64)
POWER = level_power_w(RotorSettings(), SPEED)


def test_hover() -> None:
    assert float(POWER[0]) == pytest.approx(168.49, abs=1e-9)


def test_least_power() -> None:
    assert float(POWER.min()) == pytest.approx(126.0073, abs=5e-5)
    assert float(SPEED[POWER.argmin()]) == pytest.approx(10.2125, abs=1e-4)


def test_best_range() -> None:
    per_metre = POWER[1:] / SPEED[1:]
    best = int(per_metre.argmin())
    assert float(SPEED[1 + best]) == pytest.approx(18.2953, abs=1e-4)
    assert float(POWER[1 + best]) == pytest.approx(161.529, abs=1e-3)
    assert float(per_metre[best]) == pytest.approx(8.82897, abs=5e-6)


def test_formula_is_that_of_plain_arithmetic() -> None:
    for speed in (0.0, 1.0, 7.0, 25.0):
        assert float(level_power_w(RotorSettings(), torch.tensor(speed, dtype=torch.float64))) == pytest.approx(
            power_w(speed), rel=1e-12
        )


def test_the_induced_power_does_not_cancel_in_single_precision() -> None:
    speed = torch.tensor([60.0, 150.0])
    double = level_power_w(RotorSettings(), speed.double())
    assert level_power_w(RotorSettings(), speed).double() == pytest.approx(double, rel=1e-6)


def test_climbing_costs_the_weight_times_the_climb_and_descending_saves_nothing() -> None:
    velocity = torch.tensor([[6.0, 8.0, 3.0], [6.0, 8.0, -3.0]], dtype=torch.float64)
    seen = flight_power_w(RotorSettings(), velocity).tolist()
    assert seen == pytest.approx([power_w(10.0) + 60.0, power_w(10.0)])
