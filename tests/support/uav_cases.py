"""Small problems of flying base stations."""

from __future__ import annotations

from typing import Any

import torch

from mac.uav.problem import UavProblem
from phy.random import Drops
from scenarios import load
from scenarios.families import find


def scenario(**changes: Any) -> Any:
    """The preset uav-hotspot, changed by dotted keys."""
    return load(
        "uav-hotspot", **{"duration_s": 20, "drops": 2, **{k.replace("__", "."): v for k, v in changes.items()}}
    )


def problem(drops: tuple[int, ...] = (0, 1), dtype: torch.dtype = torch.float64, **changes: Any) -> UavProblem:
    made: UavProblem = find("uav").build(scenario(**changes), Drops(1, drops), torch.device("cpu"), dtype)
    return made


def points(*places: tuple[float, float], **more: Any) -> list[dict[str, Any]]:
    """One group of users at given places."""
    group = {"name": "all", "count": len(places), "placement": "points", "points_m": [list(p) for p in places]}
    return [{**group, **more}]
