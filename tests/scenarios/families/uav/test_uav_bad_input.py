"""Mistakes in scenarios of flying base stations get one clear sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios import ScenarioError, load
from scenarios.families import find

POINT = {"name": "all", "count": 1, "placement": "points"}

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "below ground": ({"uavs.start_m": [[1, 1, -5]] * 4}, r"UAV 0 starts at \[1, 1, -5\], below ground"),
    "outside": ({"uavs.start_m": [[1, 1, 60]] * 3 + [[1200, 1, 60]]}, r"UAV 3 starts .* outside of the area of 1000 x"),
    "too high": ({"uavs.start_m": [[1, 1, 200]] * 4}, r"UAV 0 starts at \[1, 1, 200\], but UAVs fly at 50 to 150 m"),
    "too high at the start": ({"uavs.start_height_m": 200}, r"start_height_m is 200, but UAVs fly at 50 to 150 m"),
    "a start too few": ({"uavs.start_m": [[1, 1, 60]]}, r"start_m has 1 positions for uavs.count 4"),
    "heights the wrong way": ({"area.min_height_m": 200}, r"min_height_m is 200, above max_height_m, which is 150"),
    "no users": ({"users": [{"name": "a", "count": 0}]}, r"there are no users: every group's count is 0"),
    "no groups": ({"users": []}, r"users"),
    "no UAVs": ({"uavs.count": 0}, r"uavs.count"),
    "an empty battery": ({"uavs.battery_j": 0}, r"uavs.battery_j"),
    "no speed": ({"uavs.speed_mps": 0}, r"uavs.speed_mps"),
    "not a number": ({"uavs.speed_mps": float("nan")}, r"uavs.speed_mps"),
    "a zone over everything": ({"area.no_fly_m": [[-1, -1, 1001, 1001]]}, r"covers the whole area of 1000 x 1000 m"),
    "a zone of nothing": ({"area.no_fly_m": [[5, 5, 5, 9]]}, r"which holds no point; write \[least x"),
    "a start in a zone": ({"area.no_fly_m": [[200, 200, 300, 300]]}, r"UAV 0 starts .* inside the no-fly zone \[200"),
    "a point outside": ({"users": [{**POINT, "points_m": [[5, 2000]]}]}, r"users.0.points_m has the point \[5, 2000\]"),
    "a point too few": ({"users": [{**POINT, "count": 2, "points_m": [[5, 5]]}]}, r"1 positions for count 2 users"),
    "points for nothing": ({"users": [{"name": "a", "points_m": [[5, 5]]}]}, r"placement is not 'points'"),
    "a short day": ({"users": [{"name": "a", "day": [1, 2]}]}, r"day must have 24 factors"),
    "groups of one name": ({"users": [{"name": "a"}, {"name": "a"}]}, r"two groups of users cannot both be called 'a'"),
    "backhaul from nowhere": ({"backhaul.model": "terrestrial"}, r"there is no terrestrial network"),
    "too low for the model": (
        {"backhaul.model": "terrestrial", "terrestrial": {}, "area.min_height_m": 10, "uavs.start_height_m": 20},
        r"uma of TR 36.777 holds from 22.5 to 300 m; set area.min_height_m",
    ),
    "too high for the model": (
        {"backhaul.model": "terrestrial", "terrestrial": {}, "area.max_height_m": 400},
        r"UAVs fly at 50 to 400 m, but uma of TR 36.777 holds from 22.5 to 300 m",
    ),
    "sites": ({"terrestrial": {"sites": 3}}, r"terrestrial.sites"),
    "users above UAVs": ({"user_height_m": 60}, r"UAVs fly above the users, whose user_height_m is 60"),
    "two averages": (
        {"channel.form": "as_published", "channel.average": "gain"},
        r"as_published has an average of its",
    ),
    "a broken window": ({"window_s": 7}, r"'duration_s' must be a whole number of windows"),
}


def checked(**changes: Any) -> None:
    scenario = load("uav-hotspot", **changes)
    family = find("uav")
    family.clock(scenario)
    family.check(scenario)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_gets_one_sentence(name: str) -> None:
    changes, text = CASES[name]
    with pytest.raises(ScenarioError, match=text) as caught:
        checked(**changes)
    assert "Traceback" not in str(caught.value)


def test_zones_that_leave_no_place_for_a_random_start() -> None:
    changes = {"uavs.start": "random", "area.no_fly_m": [[-1, -1, 1001, 999.9999]]}
    with pytest.raises(ScenarioError, match=r"the no-fly zones leave hardly any place; give starts by uavs.start_m"):
        checked(**changes)


@pytest.mark.parametrize(("rows", "text"), [
    ("a,0,10,10\na,100,20,20\n", r"users.0 of group 'walkers': .*gap"),
    ("a,0,10,10\na,5,20,20\n", r"ends at time_s 5, before the run"),
    ("a,0,10,10\na,400,5000,20\n", r"outside of the area"),
    ("a,0,10,10\na,1,900,900\n", r"km/h"),
])  # fmt: skip
def test_tracks_that_cannot_be_followed(tmp_path: Path, rows: str, text: str) -> None:
    file = tmp_path / "tracks.csv"
    file.write_text("user,time_s,x_m,y_m\n" + rows)
    wide = {"max_gap_s": 1000} if "400" in rows else {}
    group = {"name": "walkers", "count": 1, "mobility": {"model": "replay", "file": str(file), **wide}}
    with pytest.raises(ScenarioError, match=text):
        checked(users=[group])


def test_tracks_may_end_with_the_run(tmp_path: Path) -> None:
    file = tmp_path / "tracks.csv"
    file.write_text("user,time_s,x_m,y_m\na,0,10,10\na,40,50,10\n")
    checked(duration_s=40, users=[{"name": "all", "count": 1, "mobility": {"model": "replay", "file": str(file)}}])


def test_tracks_are_followed(tmp_path: Path) -> None:
    import torch
    from oracles_uav import problem

    file = tmp_path / "tracks.csv"
    file.write_text("user,time_s,x_m,y_m\na,0,10,10\na,40,50,10\n")
    one = problem(users=[{"name": "walkers", "count": 1, "mobility": {"model": "replay", "file": str(file)}}])
    state = one.start()
    from mac.uav import UavDecision

    for _ in range(5):
        state, _ = one.step(state, UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64)))
    assert state.user_m[0, 0].tolist() == pytest.approx([15.0, 10.0])


@pytest.mark.parametrize("preset", ["uav-hotspot", "uav-disaster", "uav-reference"])
def test_presets_load(preset: str) -> None:
    scenario = load(preset)
    find("uav").check(scenario)
    assert find("uav").account(scenario)
