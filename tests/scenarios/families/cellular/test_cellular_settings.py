"""Settings of a cellular carrier: bandwidths, heights, speeds, MCS tables; what is derived, told and refused."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from scenarios import load
from scenarios.config.loading import resolved, variant
from scenarios.errors import ScenarioError

CARRIER: dict[str, Any] = {
    "name": "carrier",
    "family": "scheduling",
    "allocators": ["round_robin"],
    "users": [{"name": "all", "traffic": {"model": "full_buffer"}}],
}


def test_base_stations_stand_where_the_model_holds() -> None:
    with pytest.raises(ScenarioError, match=r"200 m high.*'uma'.*up to 150 m.*air-to-ground"):
        load("scheduling-macro", **{"topology.bs_height_m": 200})
    load("scheduling-macro", **{"topology.bs_height_m": 200, "propagation.model": "free_space"})


def test_a_speed_without_effect_is_told() -> None:
    moves = {"users.ftp.mobility": {"model": "linear", "min_speed_kmh": 3, "max_speed_kmh": 3}}
    with pytest.warns(UserWarning, match=r"'ftp' moves by its mobility.*speed_kmh.*no effect"):
        load("scheduling-macro", **moves, **{"users.ftp.speed_kmh": 30})


def test_a_preset_does_not_warn_of_its_own_defaults() -> None:
    """A run folder's scenario.yaml holds all defaults, the speed of UEs that stay among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load(resolved(load("mobility-macro")))
    assert {group["speed_kmh"] for group in resolved(again)["users"]} == {3.0}


@pytest.mark.parametrize(
    ("mhz", "numerology", "prbs"),
    [(5, 0, 25), (20, 0, 106), (50, 0, 270), (100, 1, 273), (40, 1, 106), (60, 2, 79), (100, 3, 66), (400, 3, 264)],
)
def test_a_bandwidth_is_so_many_prbs(mhz: int, numerology: int, prbs: int) -> None:
    """TS 38.101-1 and TS 38.101-2, Tables 5.3.2-1."""
    scenario = load({**CARRIER, "carrier": {"bandwidth_hz": mhz * 1e6, "numerology": numerology}})
    assert scenario.carrier.prbs == prbs and len(scenario.carrier.prb_frequency_hz()) == prbs
    assert load(resolved(scenario)) == scenario == load(scenario, **{"carrier.prbs": prbs})
    coarse = load(scenario, variants={"coarse": {"carrier.bandwidth_hz": 50e6, "carrier.numerology": 1}})
    assert variant(coarse, "coarse").carrier.prbs == 133


def test_bandwidths_of_both_ranges_need_their_prbs() -> None:
    for prbs in (135, 132):  # below 7.125 GHz, above 24.25 GHz
        carrier = {"bandwidth_hz": 100e6, "numerology": 2, "prbs": prbs}
        assert load(resolved(load({**CARRIER, "carrier": carrier}))).carrier.prbs == prbs


@pytest.mark.parametrize(
    ("carrier", "said"),
    [
        ({"bandwidth_hz": 20e6, "prbs": 100}, "20 MHz, which at numerology 0 is 106 PRBs, but prbs is 100; set"),
        ({"bandwidth_hz": 7e6}, "numerology 0 is one of 3, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50 MHz (TS 38.101-1"),
        ({"bandwidth_hz": 20e6, "numerology": 3}, "numerology 3 is one of 50, 100, 200, 400 MHz (TS 38.101-1"),
        ({"bandwidth_hz": 100e6, "numerology": 2}, "135 or 132 PRBs (up to 7.125 GHz, or from 24.25 GHz)"),
        ({"bandwidth_hz": 0}, "'carrier.bandwidth_hz' must be greater than 0"),
    ],
)  # fmt: skip
def test_other_bandwidths_are_refused(carrier: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load({**CARRIER, "carrier": carrier})
    assert said in str(caught.value)


def test_eesm_is_refused_where_it_has_no_betas() -> None:
    with pytest.raises(
        ScenarioError, match=r"link.effective_sinr 'eesm' has no betas for carrier.mcs_table 3; .* 1 or 2"
    ):
        load({**CARRIER, "carrier.mcs_table": 3, "link.effective_sinr": "eesm"})
