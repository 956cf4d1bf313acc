"""Settings that follow from the propagation model, and the warnings where they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from phy.antenna.element import SectorAntennaSettings
from scenarios import load
from scenarios.calibration.settings import load_calibration
from scenarios.cli.main import app
from scenarios.config import yaml12
from scenarios.config.loading import resolved, scenario_hash, variants
from scenarios.errors import ScenarioError
from scenarios.families.cellular.scenario import CellularScenario

SMALL: dict[str, Any] = {
    "name": "small",
    "family": "scheduling",
    "drops": 1,
    "duration_s": 0.01,
    "window_s": 0.01,
    "allocators": ["round_robin"],
    "carrier": {"prbs": 6},
    "users": [{"name": "all", "traffic": {"model": "full_buffer"}}],
}
STREET = {"model": "umi", "carrier_hz": 28e9}
WRONG = {"isd_m": 500, "bs_height_m": 25, "min_distance_m": 35}
"""UMa's distances and heights, given by name."""
TOLD = (
    "topology.bs_height_m is 25",
    "topology.isd_m is 500",
    "topology.min_distance_m is 35",
    "carrier.tx_power_dbm is 46",
)


def fairwave(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def cellular(**change: Any) -> CellularScenario:
    scenario = load({**SMALL, **change})
    assert isinstance(scenario, CellularScenario)
    return scenario


def numbers(scenario: CellularScenario) -> tuple[float, ...]:
    """Distance between sites, height, least distance, height of the UEs, power, noise figure."""
    topology, air, carrier = scenario.topology, scenario.propagation, scenario.carrier
    place = (topology.isd_m, topology.bs_height_m, topology.min_distance_m)
    return (*place, air.ue_height_m, carrier.tx_power_dbm, carrier.noise_figure_db)


@pytest.mark.parametrize(
    ("air", "expected"),
    [
        ({}, (500.0, 25.0, 35.0, 1.5, 46.0, 7.0)),
        (STREET, (200.0, 10.0, 10.0, 1.5, 35.0, 10.0)),
        ({"model": "umi"}, (200.0, 10.0, 10.0, 1.5, 44.0, 7.0)),
        ({"model": "rma", "carrier_hz": 0.7e9}, (1732.0, 35.0, 35.0, 1.5, 46.0, 7.0)),
        ({"model": "inh"}, (20.0, 3.0, 0.0, 1.0, 24.0, 7.0)),
        ({"model": "free_space"}, (500.0, 25.0, 35.0, 1.5, 46.0, 7.0)),
    ],
)
def test_what_is_left_out_follows_from_the_model(
    air: dict[str, Any], expected: tuple[float, ...], recwarn: pytest.WarningsRecorder
) -> None:
    scenario = cellular(propagation=air)
    assert numbers(scenario) == expected
    assert load(resolved(scenario)) == scenario, "a run folder's scenario.yaml says everything"
    assert not recwarn.list


def test_what_is_given_stays() -> None:
    with pytest.warns(UserWarning) as caught:
        scenario = cellular(propagation=STREET, topology=WRONG, carrier={"prbs": 6, "tx_power_dbm": 46})
    assert numbers(scenario)[:5] == (500.0, 25.0, 35.0, 1.5, 46.0)
    texts = [str(one.message) for one in caught]
    assert len(texts) == len(TOLD) and all(any(text.startswith(told) for text in texts) for told in TOLD)


def test_a_hall_has_antennas_that_look_at_the_floor() -> None:
    hall = cellular(propagation={"model": "inh"})
    assert (hall.topology.layout, hall.cells) == ("indoor", 12)
    assert (hall.antenna.mechanical_tilt_deg, hall.antenna.vertical_elements, hall.antenna.max_gain_dbi) == (90, 1, 5)
    assert cellular(propagation={"model": "inh"}, antenna={"max_gain_dbi": 8}).antenna.max_gain_dbi == 8.0
    panels = cellular(propagation={"model": "inh"}, mimo={"base": {"polarizations": 2, "ports": 2}})
    assert panels.antenna == SectorAntennaSettings() and panels.mimo is not None
    assert cellular(propagation={"model": "uma"}).antenna == SectorAntennaSettings()
    omni = cellular(propagation={"model": "inh"}, antenna={"kind": "omni"})
    assert omni.antenna == SectorAntennaSettings(kind="omni")


def test_variants_follow_their_own_model_and_survive_a_run_folder() -> None:
    change = {"street": {"propagation.model": "umi"}, "high": {"topology": {"bs_height_m": 25}}, "rural": {
        "propagation": {"model": "rma", "carrier_hz": 0.7e9}, "topology.isd_m": 1000}}  # fmt: skip
    scenario = load({**SMALL, "variants": change})
    again = load(yaml12.parse(yaml12.dump(resolved(scenario)), "dump"))
    assert again == scenario and scenario_hash(again) == scenario_hash(scenario)
    for one in (scenario, again):
        street, high, rural = variants(one).values()
        assert isinstance(street, CellularScenario) and isinstance(high, CellularScenario)
        assert isinstance(rural, CellularScenario)
        assert numbers(street)[:5] == (200.0, 10.0, 10.0, 1.5, 44.0)
        assert numbers(high)[:5] == (500.0, 25.0, 35.0, 1.5, 46.0)
        assert numbers(rural)[:5] == (1000.0, 35.0, 35.0, 1.5, 46.0)


def test_variants_that_keep_the_model_say_no_more_than_they_did() -> None:
    more = {"users": {"all": {"count": 3}}}
    assert load({**SMALL, "variants": {"more": more}}).variants == {"more": more}


def test_validate_dry_run_and_run_warn_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site = {"sites": 1, "sectors": 1, "wrap_around": False, **WRONG}
    data = {**SMALL, "propagation": STREET, "topology": site, "carrier": {"prbs": 6, "tx_power_dbm": 46}}
    Path("mine.yaml").write_text(yaml12.dump(data))
    told = []
    for arguments in (("validate", "mine.yaml"), ("run", "mine.yaml", "--dry-run"), ("run", "mine.yaml", "--out", "o")):
        done = fairwave(*arguments)
        assert done.exit_code == 0, done.stderr
        lines = " ".join(done.stderr.split()).split("warning: ")[1:]
        told.append({line.strip() for line in lines})
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == len(TOLD) and all(any(line.startswith(text) for line in told[0]) for text in TOLD)


def test_validate_shows_what_followed() -> None:
    setting = ("--set", "propagation.model=umi", "--set", "topology.isd_m=200")
    document = json.loads(fairwave("validate", "scheduling-macro", *setting, "--json").stdout)
    followed = document["followed"]
    assert followed["topology.bs_height_m"] == 10.0 and followed["carrier.tx_power_dbm"] == 44.0
    assert "topology.isd_m" not in followed, "the preset gives it"
    assert "topology.bs_height_m 10," in " ".join(fairwave("validate", "scheduling-macro", *setting).stdout.split())


@pytest.mark.parametrize("change", [
    {"propagation": {"model": "metro"}},
    {"propagation": {"model": ["umi"]}},
    {"propagation": {"model": "umi", "carrier_hz": "high"}},
    {"propagation": 5},
    {"propagation": {"model": "umi"}, "topology": 7},
    {"propagation": {"model": "umi"}, "topology": None},
    {"propagation": {"model": "inh"}, "topology": {"isd_m": 30}},
    {"propagation": {"model": "umi"}, "topology": {"isd_m": 15}},
    {"carrier": {"prbs": 6, "tx_power_dbm": 49}},
    {"variants": {"a": {"propagation": 5}}},
    {"variants": {"a": {"propagation.model": "metro"}}},
    {"variants": {"a": {"topology": [1]}}},
    {"variants": {"a": 5}},
])  # fmt: skip
def test_bad_input_is_explained(change: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError) as caught:
        load({**SMALL, **change})
    assert "scenario" in str(caught.value)


def test_transceivers_that_cannot_radiate_the_power_are_told_before_a_run() -> None:
    loud = {"prbs": 6, "tx_power_dbm": 49}
    with pytest.raises(ScenarioError, match=r"carrier\.tx_power_dbm is 49, but .*power\.transceivers"):
        cellular(carrier=loud)
    assert cellular(carrier=loud, power={"transceivers": 4}).carrier.tx_power_dbm == 49.0


def test_calibrations_follow_the_model_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("propagation: {model: umi, carrier_hz: 28e9}\n")
    mine = load_calibration(str(path))
    assert (mine.topology.isd_m, mine.topology.bs_height_m, mine.topology.min_distance_m) == (200.0, 10.0, 10.0)
    assert (mine.tx_power_dbm, mine.noise_figure_db) == (35.0, 10.0)
