"""Small scenarios of the environments, so that an episode takes a moment."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from scenarios import families

_OVERRIDES: dict[str, dict[str, Any]] = {
    "slicing": {"duration_s": 0.02, "warmup_s": 0.01, "window_s": 0.01, "slicing.interval_s": 0.01, "carrier.prbs": 10},
    "scheduling": {
        "duration_s": 0.004, "warmup_s": 0, "window_s": 0.001, "topology.sites": 1, "carrier.prbs": 6,
        "users.0.count": 2,
    },
    "wsn": {"duration_s": 6, "field.nodes": 8, "battery.initial_j": 0.003},
    "uav": {"duration_s": 5, "users.0.count": 6, "users.1.count": 2},
    "comp": {
        "duration_s": 0.002, "warmup_s": 0, "window_s": 0.001, "comp.interval_s": 0.001, "carrier.prbs": 4,
        "users.0.count": 0, "users.1.count": 1, "topology.sites": 1, "topology.sectors": 3, "blockage": [],
        "mimo.base": {"columns": 2, "ports": 2}, "mimo.heard_cells": 3, "comp.cluster_size": 2,
    },
    "personalized": {
        "duration_s": 0.03, "warmup_s": 0, "personalized.interval_s": 0.01, "carrier.prbs": 10, "users.0.count": 2,
        "users.1.count": 1,
    },
}  # fmt: skip

WITH_ENVIRONMENT = sorted(family.name for family in families.every() if family.environment is not None)
"""Families that have an environment."""


def small(family: str, **options: Any) -> dict[str, Any]:
    """Options of a small environment; one that stands not above has its usual scenario."""
    overrides = {**_OVERRIDES.get(family, {}), **options.pop("overrides", {})}
    return {"overrides": overrides, "draw_ahead": False, **options}


def own_feature(seen: Any, context: Any) -> Tensor:
    """A feature of a user's own: the charge of all nodes, the same for each."""
    charge: Tensor = seen.energy_j.sum(1)
    return charge


def own_reward(outcome: Any, scene: Any) -> Tensor:
    """A reward of a user's own."""
    packets: Tensor = outcome.packets.sum(1)
    return packets - scene.interval_s
