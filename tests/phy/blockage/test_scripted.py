"""Scripted blockage: regions and times against slow loops, continuity at their borders, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import oracles_blockage as oracle
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from phy.blockage import BlockageScript, BlockageSettings, ScriptedSettings, build_script, depth_m, scripted_loss_db
from phy.mobility import RectangleSettings, wrap_position
from phy.random import uniform
from phy.topology.sites import TopologySettings, build_topology

TOPOLOGY = build_topology(TopologySettings())
CORNER = ((0.0, 0.0), (60.0, 0.0), (60.0, 20.0), (20.0, 20.0), (20.0, 80.0), (0.0, 80.0))  # two streets meet


def f64(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def script(*events: dict[str, Any], groups: list[str] | None = None) -> BlockageScript:
    settings = TypeAdapter(ScriptedSettings).validate_python({"events": events})
    return build_script(settings, TOPOLOGY, groups or ["a"] * 4)


def loss_at(what: BlockageScript, xy: list[tuple[float, float]], t_s: float = 0.0) -> Tensor:
    return scripted_loss_db(what, f64([[[x, y, 1.5] for x, y in xy]]), t_s)


def test_a_street_corner() -> None:
    """Half on the border, all a metre inside, nothing a metre outside; 25 dB within 2 m, and no step."""
    what = script({"loss_db": 25.0, "polygon_m": CORNER, "transition_m": 2.0}, groups=["a"] * 601)
    walk = [(10.0, -3.0 + 0.01 * step) for step in range(601)]
    loss = loss_at(what, walk)[0, :, 0]
    assert loss[200].item() == 0.0 and loss[400].item() == 25.0  # one metre outside and inside
    assert loss[300].item() == pytest.approx(12.5)
    assert loss.diff().min() >= 0.0
    assert loss.diff().max() == pytest.approx(1.5 * 25.0 / 2.0 * 0.01, rel=1e-3)
    assert (loss_at(what, walk)[0] == loss[:, None]).all()  # towards all cells


def test_scripts_as_a_loop_words_them() -> None:
    events: list[dict[str, Any]] = [
        {"loss_db": 25.0, "polygon_m": CORNER, "transition_m": 6.0},
        {"loss_db": 8.0, "start_s": 2.0, "end_s": 5.0, "transition_s": 1.5, "cells": [0, 3]},
        {"loss_db": 11.0, "rectangle": {"west_m": 10, "south_m": 10, "east_m": 40, "north_m": 40}, "transition_m": 0.0},
        {"loss_db": 5.0, "groups": ["b"], "start_s": 3.0},
        {"loss_db": 30.0, "users": [2, 3], "polygon_m": [[0, 0], [50, 0], [0, 50]], "start_s": 1.0, "end_s": 4.0},
    ]
    groups = ["a", "b"] * 30
    what = script(*events, groups=groups)
    where = 100.0 * uniform(torch.tensor([7, 8]), (60, 2)) - 15.0
    position = torch.cat((where, torch.ones_like(where[..., :1])), -1)
    for t_s in (0.0, 1.0, 2.7, 3.5, 5.9, 100.0):
        loss = scripted_loss_db(what, position, t_s)
        for b in range(2):
            for u in range(60):
                for c in (0, 1, 3, 20):
                    expected = sum(_event(event, groups[u], u, c, where[b, u].tolist(), t_s) for event in events)
                    assert float(loss[b, u, c]) == pytest.approx(expected, abs=1e-9)


def _event(event: dict[str, Any], group: str, user: int, cell: int, xy: list[float], t_s: float) -> float:
    if group not in event.get("groups", [group]) or user not in event.get("users", [user]):
        return 0.0
    if cell not in event.get("cells", [cell]):
        return 0.0
    rise = event.get("transition_s", 0.0)
    now = oracle.ramp(t_s - event.get("start_s", 0.0), rise) - oracle.ramp(t_s - event.get("end_s", math.inf), rise)
    corners = event.get("polygon_m")
    if "rectangle" in event:
        corners = [(10, 10), (40, 10), (40, 40), (10, 40)]
    if corners is None:
        return float(event["loss_db"]) * now
    width = event.get("transition_m", 2.0)
    return float(event["loss_db"]) * now * oracle.ramp(oracle.depth_m(corners, xy) + width / 2, width)


def test_depth_in_any_polygon() -> None:
    corners = [*CORNER[:3], (30.0, 12.0), *CORNER[3:]]
    points = 120.0 * uniform(torch.tensor([1]), (2000, 2))[0] - 20.0
    for order in (corners, corners[::-1]):
        depth = depth_m(f64([order]), points)[:, 0]
        expected = [oracle.depth_m(order, point) for point in points.tolist()]
        assert torch.allclose(depth, f64(expected), atol=1e-9)
        assert (depth > 0).any() and (depth < 0).any()


def test_timing() -> None:
    """Nothing before the start, all after the transition, until the end, nothing a transition later."""
    what = script({"loss_db": 20.0, "start_s": 10.0, "end_s": 20.0, "transition_s": 2.0})
    sample = [0.0, 10.0, 11.0, 12.0, 20.0, 21.0, 22.0, 1e6]
    losses = [float(loss_at(what, [(0.0, 0.0)] * 4, t_s)[0, 0, 0]) for t_s in sample]
    assert losses == pytest.approx([0, 0, 10, 20, 20, 10, 0, 0])
    sudden = script({"loss_db": 20.0, "start_s": 10.0, "end_s": 20.0})
    losses = [float(loss_at(sudden, [(0.0, 0.0)] * 4, t_s)[0, 0, 0]) for t_s in (9.999, 10.0, 19.999, 20.0)]
    assert losses == [0, 20, 20, 0]


def test_a_region_at_the_border_of_the_cluster_is_seen_from_both_sides() -> None:
    """A region that reaches over the border holds for UEs that come in from the other side of the folded network."""
    border = 0.5 * TOPOLOGY.shift_m[1]
    box = {"west_m": float(border[0]) - 50, "east_m": float(border[0]) + 50,
           "south_m": float(border[1]) - 50, "north_m": float(border[1]) + 50}  # fmt: skip
    what = script({"loss_db": 25.0, "rectangle": box, "transition_m": 5.0}, groups=["a"] * 2001)
    way = (
        torch.linspace(-80.0, 80.0, 2001, dtype=torch.float64)[:, None]
        * TOPOLOGY.shift_m[1]
        / TOPOLOGY.shift_m[1].norm()
        + border
    )
    position = torch.cat((way, torch.ones_like(way[:, :1])), -1)[None]
    folded = wrap_position(TOPOLOGY, position)
    assert (folded - position).abs().max() > 500.0  # the way does cross the border
    loss = scripted_loss_db(what, folded, 0.0)[0, :, 0]
    assert loss[1000] == 25.0 and loss[0] == 0.0 and loss[-1] == 0.0
    assert loss.diff().abs().max() < 1.5 * 25.0 / 5.0 * 0.08 * 1.01


def test_bad_references_are_named() -> None:
    for event, words in (
        ({"groups": ["c"]}, "event 0 names the group 'c'; there are a"),
        ({"users": [4]}, "event 0 names the user 4; there are 0 to 3"),
        ({"cells": [21]}, "event 0 names the cell 21; there are 0 to 20"),
        ({"cells": [-1]}, "event 0 names the cell -1"),
    ):
        with pytest.raises(ValueError, match=words):
            script({"loss_db": 1.0, **event})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "scripted", "events": []}, "at least 1 item"),
        ({"model": "scripted", "events": [{"loss_db": -1}]}, "greater than or equal to 0"),
        ({"model": "scripted", "events": [{"loss_db": 1, "start_s": 5, "end_s": 4}]}, "end_s is 4"),
        ({"model": "scripted", "events": [{"loss_db": 1, "start_s": 5, "end_s": 6, "transition_s": 2}]}, "rise faster"),
        ({"model": "scripted", "events": [{"loss_db": 1, "polygon_m": [[0, 0], [1, 1]]}]}, "at least 3 items"),
        ({"model": "scripted", "events": [{"loss_db": 1, "polygon_m": [[0, 0], [1, 1], [2, 2]]}]}, "no area"),
        (
            {"model": "scripted", "events": [{"loss_db": 1, "polygon_m": [[0, 0], [9, 8], [9, 0], [0, 9]]}]},
            "crosses itself: side 0 meets side 2",
        ),
        (
            {
                "model": "scripted",
                "events": [
                    {
                        "loss_db": 1,
                        "polygon_m": CORNER,
                        "rectangle": {"west_m": 0, "south_m": 0, "east_m": 9, "north_m": 9},
                    }
                ],
            },
            "one region",
        ),
        ({"model": "wall"}, "does not match any of the expected tags"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(BlockageSettings).validate_python(settings)


def test_rectangles_and_polygons_are_the_same_region() -> None:
    box = RectangleSettings(west_m=0.0, south_m=0.0, east_m=30.0, north_m=20.0)
    as_polygon = {"loss_db": 9.0, "polygon_m": [[0, 0], [30, 0], [30, 20], [0, 20]]}
    points = [(3.0, 4.0), (0.3, 5.0), (-0.3, 5.0), (29.5, 20.2)]
    one = script({"loss_db": 9.0, "rectangle": box})
    assert torch.equal(loss_at(one, points), loss_at(script(as_polygon), points))
