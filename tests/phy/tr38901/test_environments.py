"""What the tables of TR 38.901 give a network, and what contradicts them."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from phy.tr38901.environments import Deployment, contradictions, environment
from phy.tr38901.pathloss import PathLossModel

MODELS: tuple[PathLossModel, ...] = get_args(PathLossModel)


def words_of(model: PathLossModel, carrier_hz: float = 3.5e9, layout: str = "hexagonal", **change: float) -> list[str]:
    there = dataclasses.replace(environment(model, carrier_hz), **change)
    return contradictions(Deployment(model, carrier_hz, there, layout))


@pytest.mark.parametrize(
    ("model", "carrier_hz", "values"),
    [
        ("uma", 3.5e9, (500.0, 25.0, 35.0, 1.5, 46.0, 7.0)),
        ("uma", 28e9, (500.0, 25.0, 35.0, 1.5, 35.0, 10.0)),
        ("umi", 6e9, (200.0, 10.0, 10.0, 1.5, 44.0, 7.0)),
        ("umi", 28e9, (200.0, 10.0, 10.0, 1.5, 35.0, 10.0)),
        ("rma", 0.7e9, (1732.0, 35.0, 35.0, 1.5, 46.0, 7.0)),
        ("inh", 30e9, (20.0, 3.0, 0.0, 1.0, 24.0, 10.0)),
        ("free_space", 3.5e9, (500.0, 25.0, 35.0, 1.5, 46.0, 7.0)),
    ],
)
def test_values_are_those_of_the_tables(model: PathLossModel, carrier_hz: float, values: tuple[float, ...]) -> None:
    """Distance between sites, height, least distance, height of the UEs, power, noise figure."""
    assert dataclasses.astuple(environment(model, carrier_hz)) == values


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("carrier_hz", [0.7e9, 4e9, 28e9])
def test_a_network_of_the_tables_contradicts_nothing(model: PathLossModel, carrier_hz: float) -> None:
    assert words_of(model, carrier_hz, "indoor" if model == "inh" else "single") == []


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("umi", {"bs_height_m": 25.0}, "topology.bs_height_m is 25, but path-loss model 'umi' holds for 10 m"),
        ("umi", {"isd_m": 500.0}, "topology.isd_m is 500, but model 'umi' has 200 m (TR 38.901 Table 7.2-1)"),
        ("umi", {"min_distance_m": 35.0}, "topology.min_distance_m is 35, but model 'umi' has 10 m"),
        ("umi", {"tx_power_dbm": 51.0}, "carrier.tx_power_dbm is 51, but model 'umi' has 44 dBm at 3.5 GHz"),
        ("uma", {"min_distance_m": 5.0}, "topology.min_distance_m is 5, but model 'uma' has 35 m"),
        ("rma", {"ue_height_m": 0.5}, "propagation.ue_height_m is 0.5, but path-loss model 'rma' holds for 1 to 10 m"),
        ("rma", {"isd_m": 500.0}, "topology.isd_m is 500, but model 'rma' has 1732 m (TR 38.901 Table 7.2-3)"),
    ],
)
def test_contradictions_name_key_and_value(model: PathLossModel, change: dict[str, float], words: str) -> None:
    found = words_of(model, **change)
    assert len(found) == 1 and words in found[0]


def test_frequencies_and_halls() -> None:
    words = "propagation.carrier_hz is 4e+10, but path-loss model 'rma' holds for 5e+08 to 3e+10 Hz"
    assert words in words_of("rma", 40e9)[0]
    assert "topology.layout is 'hexagonal', but model 'inh' has 'indoor', a hall" in words_of("inh")[0]
    assert "topology.layout is 'indoor', but model 'uma' has sites outdoors" in words_of("uma", layout="indoor")[0]


def test_configurations_of_m2412_pass_without_a_word() -> None:
    """Dense urban: 200 m and 10 m from the site; large rural cells: 6000 m; URLLC: 49 dBm in 20 MHz."""
    assert not words_of("uma", isd_m=200.0, min_distance_m=10.0, tx_power_dbm=49.0)
    assert not words_of("rma", 0.7e9, isd_m=6000.0, min_distance_m=10.0)
