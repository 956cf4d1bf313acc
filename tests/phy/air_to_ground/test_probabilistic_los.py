"""Line of sight and loss by elevation; the numbers are worked out by hand from the published formula."""

from __future__ import annotations

import math

import pytest
import torch

from phy.air_to_ground.coverage_circle import coverage_radius_m, optimal_elevation_deg
from phy.air_to_ground.elevation_table import ROOT, STEPS, elevation_table
from phy.air_to_ground.probabilistic_los import ENVIRONMENTS, excess_gain, los_probability, path_loss_db
from phy.air_to_ground.rician import k_factor_db
from phy.air_to_ground.settings import AirToGroundSettings


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize(("degrees", "expected"), [(15, 0.19775), (30, 0.73098), (45, 0.96769)])
def test_urban_line_of_sight(degrees: float, expected: float) -> None:
    assert float(los_probability(ENVIRONMENTS["urban"], number(degrees))) == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(("environment", "expected"), [("suburban", 20.339), ("urban", 42.439)])
def test_optimal_elevation(environment: str, expected: float) -> None:
    settings = AirToGroundSettings(environment=environment)
    assert optimal_elevation_deg(settings) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("average", ["loss", "gain"])
@pytest.mark.parametrize("environment", ["suburban", "urban", "dense_urban", "high_rise"])
def test_optimal_elevation_is_the_greatest_of_all_maxima(environment: str, average: str) -> None:
    settings = AirToGroundSettings(environment=environment, average=average)
    best = optimal_elevation_deg(settings)
    radii = [coverage_radius_m(settings, 2e9, 100.0, 0.01 * step) for step in range(9000)]
    assert coverage_radius_m(settings, 2e9, 100.0) >= max(radii)
    assert best == pytest.approx(0.01 * max(range(9000), key=radii.__getitem__), abs=0.01)


def test_high_rise_has_further_stationary_points() -> None:
    """So a search that starts at the horizon or follows the slope may stop at 6.7 degrees."""
    settings = AirToGroundSettings(environment="high_rise")
    radii = [coverage_radius_m(settings, 2e9, 100.0, 0.1 * step) for step in range(900)]
    turns = [i for i in range(1, 899) if (radii[i] - radii[i - 1]) * (radii[i + 1] - radii[i]) < 0]
    assert len(turns) == 3 and turns[0] == 67 and turns[-1] == 755


def test_at_the_edge_of_the_circle_the_loss_is_the_greatest_allowed() -> None:
    settings = AirToGroundSettings(environment="urban")
    radius, elevation = coverage_radius_m(settings, 2e9, 103.0), math.radians(optimal_elevation_deg(settings))
    height = radius * math.tan(elevation)
    assert float(path_loss_db(settings, 2e9, number(radius), number(height))) == pytest.approx(103.0, abs=1e-9)


def plain_loss_db(name: str, degrees: float, distance_m: float, carrier_hz: float, average: str) -> float:
    place = ENVIRONMENTS[name]
    los = 1.0 / (1.0 + place.a * math.exp(-place.b * (degrees - place.a)))
    free = 20.0 * math.log10(4.0 * math.pi * carrier_hz * distance_m / 299_792_458.0)
    if average == "loss":
        return free + los * place.los_db + (1.0 - los) * place.nlos_db
    return free - 10.0 * math.log10(los * 10 ** (-place.los_db / 10) + (1.0 - los) * 10 ** (-place.nlos_db / 10))


@pytest.mark.parametrize("average", ["loss", "gain"])
@pytest.mark.parametrize("name", ["suburban", "urban", "dense_urban", "high_rise"])
def test_loss_is_that_of_plain_arithmetic(name: str, average: str) -> None:
    settings = AirToGroundSettings(environment=name, average=average)
    for degrees in (1.0, 20.0, 50.0, 89.0):
        level, height = 300.0 * math.cos(math.radians(degrees)), 300.0 * math.sin(math.radians(degrees))
        seen = float(path_loss_db(settings, 2e9, number(level), number(height)))
        assert seen == pytest.approx(plain_loss_db(name, degrees, 300.0, 2e9, average), abs=1e-9)


def test_the_two_averages_differ_by_decibels() -> None:
    """At 20 degrees in urban surroundings 5.4 dB: a comparison must say which is used."""
    one, other = (plain_loss_db("urban", 20.0, 300.0, 2e9, average) for average in ("loss", "gain"))
    assert one - other > 5.0


def test_reference_environment_as_published_and_corrected() -> None:
    """Dense urban at 2.4 GHz, 100 m above the user: 91.44 dB as published, 81.69 by the formula, with c = 3e8 m/s."""
    shift = 20.0 * math.log10(3e8 / 299_792_458.0)
    for form, expected in (("as_published", 91.44), ("corrected", 81.69)):
        settings = AirToGroundSettings(environment="dense_urban", form=form)
        loss = float(path_loss_db(settings, 2.4e9, number(0.0), number(100.0)))
        assert loss - shift == pytest.approx(expected, abs=5e-3)


def test_placement_matters_less_as_published() -> None:
    """From straight below to 100 m away: 3.0 dB, the distance alone; by the formula 8.2 dB."""
    for form, expected in (("as_published", 3.0), ("corrected", 8.2)):
        settings = AirToGroundSettings(environment="dense_urban", form=form)
        near, far = (float(path_loss_db(settings, 2.4e9, number(level), number(100.0))) for level in (0.0, 100.0))
        assert far - near == pytest.approx(expected, abs=0.05)


def test_free_space_has_no_excess() -> None:
    gain = excess_gain(AirToGroundSettings(environment="free_space"), torch.linspace(0, 1.5, 50))
    assert torch.equal(gain, torch.ones(50))


def test_k_factor_is_linear_in_decibels() -> None:
    settings = AirToGroundSettings(k_horizon_db=5.0, k_zenith_db=15.0)
    elevation = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64) * (math.pi / 2)
    assert k_factor_db(settings, elevation).tolist() == pytest.approx([5.0, 7.5, 10.0, 15.0])


@pytest.mark.parametrize("average", ["loss", "gain"])
@pytest.mark.parametrize("name", ["suburban", "urban", "dense_urban", "high_rise"])
def test_table_by_elevation_is_exact_to_ten_thousandths_of_a_decibel(name: str, average: str) -> None:
    settings = AirToGroundSettings(environment=name, average=average)
    table = elevation_table(settings)
    elevation = torch.linspace(1e-4, math.pi / 2 - 1e-4, 100_001, dtype=torch.float64)
    t = torch.where(elevation < math.pi / 4, elevation.sin(), ROOT - elevation.cos()) * (STEPS / ROOT)
    i = t.long()
    gain, k_db = (torch.from_numpy(values) for values in (table.gain, table.k_db))
    read = gain[i] + (t - i) * (gain[i + 1] - gain[i])
    assert float((read / excess_gain(settings, elevation) - 1.0).abs().max()) < 2.3e-5  # 1e-4 dB
    read = k_db[i] + (t - i) * (k_db[i + 1] - k_db[i])
    assert float((read - k_factor_db(settings, elevation)).abs().max()) < 1e-5
