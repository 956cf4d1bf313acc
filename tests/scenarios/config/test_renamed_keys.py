"""Old keys and values of scenario files are refused, and the new ones are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios import families, load
from scenarios.calibration.settings import load_calibration
from scenarios.errors import ScenarioError
from scenarios.families.cellular.renamed_keys import RENAMED

SCREENS = {"model": "screens", "count": 2, "motion": {"model": "static"}}
OLD: dict[str, tuple[dict[str, Any], str]] = {
    "antennas": ({"antennas": {"base": {}}}, "the key 'antennas' was renamed; write mimo"),
    "antennas, dotted": ({"antennas.base.ports": 2}, "the key 'antennas' was renamed; write mimo"),
    "blockage.motion": (
        {"blockage": [SCREENS]},
        "the key 'blockage.0.motion' was renamed; write blockage.mobility",
    ),
    "fading.faded_interferers": (
        {"fading": {"faded_interferers": None}},
        "the key 'fading.faded_interferers' was renamed; write fading.dominant_interferers",
    ),
    "mimo.base.downtilt_deg": (
        {"mimo": {"base": {"downtilt_deg": 5.0}}},
        "the key 'mimo.base.downtilt_deg' was renamed; write mimo.base.mechanical_tilt_deg",
    ),
    "mimo.ue.downtilt_deg": (
        {"mimo.ue.downtilt_deg": 5.0},
        "the key 'mimo.ue.downtilt_deg' was renamed; write mimo.ue.mechanical_tilt_deg",
    ),
    "motion": (
        {"motion.update_s": 0.1},
        "the key 'motion' was renamed; write channel.update_s for its update_s and mobility_area for its area",
    ),
}


@pytest.mark.parametrize("case", OLD)
def test_an_old_key_is_refused_and_the_new_one_named(case: str) -> None:
    change, sentence = OLD[case]
    with pytest.raises(ScenarioError) as caught:
        load("scheduling-macro", **change)
    assert str(caught.value) == f"overrides: {sentence}"


def test_every_renamed_key_is_tried() -> None:
    assert {case.partition(",")[0] for case in OLD} == set(RENAMED.keys)


def test_an_old_value_is_refused_and_the_new_one_named(tmp_path: Path) -> None:
    assert set(RENAMED.values) == {("attachment", "home")}
    said = r"'attachment' must be 'cell_area' or 'strongest' \(the value 'home' was renamed; write cell_area\)"
    with pytest.raises(ScenarioError, match=said):
        load("scheduling-macro", attachment="home")
    with pytest.raises(ScenarioError, match="the value 'home' was renamed; write cell_area"):
        load_calibration("calibration-rural", ["attachment=home"])


def test_an_old_scenario_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("extends: scheduling-macro\nantennas: null\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: the key 'antennas' was renamed; write mimo"


def test_a_key_of_the_same_name_elsewhere_is_only_unknown() -> None:
    with pytest.raises(ScenarioError, match=r"unknown key 'topology\.antennas'"):
        load("scheduling-macro", **{"topology.antennas": 1})


@pytest.mark.parametrize("key", RENAMED.keys)
def test_a_renamed_key_of_another_family_is_only_unknown(key: str, toy: dict[str, Any]) -> None:
    for source in ("wsn-field", toy):
        with pytest.raises(ScenarioError, match="unknown key") as caught:
            load(source, **{key: 2})
        assert "renamed" not in str(caught.value)


def test_a_renamed_value_of_another_family_is_no_hint(toy: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="unknown key 'attachment'") as caught:
        load(toy, attachment="home")
    assert "renamed" not in str(caught.value)


def test_a_family_of_a_package_has_renamed_keys_of_its_own(
    toy: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(families.FAMILIES, "toy", "toy_package:FAMILY")
    with pytest.raises(ScenarioError, match=r"the key 'capacity_bps' was renamed; write pipe\.rate_bps"):
        load(toy, capacity_bps=2e6)
    with pytest.raises(ScenarioError, match="unknown key 'capacity_bps'"):
        load("scheduling-macro", capacity_bps=2e6)
