"""``fading.dominant_interferers`` in scenarios: the settings that it is refused with, and its own bounds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scenarios import load
from scenarios.errors import ScenarioError

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no fading": ({"fading.model": "none"}, "fading.model is 'none'"),
    "panels": ({"mimo": {}, "topology.sectors": 3}, "mimo is given"),
    "uplink": ({"carrier.direction": "uplink"}, "carrier.direction is 'uplink'"),
    "Sionna": ({"channel.provider": "sionna"}, "channel.provider is 'sionna'"),
    "motion": (
        {"users.ftp.mobility": {"model": "linear", "min_speed_kmh": 3, "max_speed_kmh": 3}},
        r"users\.0\.mobility lets users move",
    ),
    "blockage": ({"blockage": [{"model": "regions"}]}, "blockage is given"),
    "handover": ({"handover": {}}, "handover is given"),
}


def limited(interferers: int | None, **change: Any) -> None:
    load("scheduling-macro", **{"fading.dominant_interferers": interferers, **change})


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_all_links_is_refused(case: str) -> None:
    change, reason = REFUSED[case]
    limited(None, **change)  # by itself it is allowed
    with pytest.raises(ScenarioError) as caught:
        limited(3, **change)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert re.search(
        rf"fading\.dominant_interferers is 3, but {reason}.*; leave fading\.dominant_interferers out$", lines[0]
    )


def test_mobility_of_an_empty_group_does_not_matter() -> None:
    walk = {"model": "linear", "min_speed_kmh": 3, "max_speed_kmh": 3}
    group = {"name": "walk", "count": 0, "mobility": walk, "traffic": {"model": "full_buffer"}}
    stay = {"name": "stay", "count": 1, "traffic": {"model": "full_buffer"}}
    load("scheduling-macro", **{"fading.dominant_interferers": 3, "users": [group, stay]})
    with pytest.raises(ScenarioError, match=r"users\.0\.mobility"):
        load("scheduling-macro", **{"fading.dominant_interferers": 3, "users": [{**group, "count": 1}, stay]})


@pytest.mark.parametrize(("given", "why"), [(-1, "greater than or equal to 0"), (1.5, "integer"), ("few", "integer")])
def test_a_number_is_whole_and_not_negative(given: object, why: str) -> None:
    with pytest.raises(ScenarioError, match=rf"'fading\.dominant_interferers' must be .*{why}.*, given"):
        load("scheduling-macro", **{"fading.dominant_interferers": given})
