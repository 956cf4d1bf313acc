"""Describes what the arrays of a cellular run mean, and what its metrics are counted with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mac.engine.engine import Engine
from mac.slicing.settings import Service
from mac.traffic.queue_delay import BIN_EDGES_S

from ..family import Labels
from .geometry import geometry_coordinates
from .scenario import CellularScenario
from .shape import Shape


def account(scenario: CellularScenario) -> list[tuple[str, str]]:
    """Describes what metrics make of full-buffer users, as (what, how much); empty where there are none."""
    full = [group.name for group in scenario.users if group.traffic.full_buffer and group.count]
    if not full:
        return []
    names = ", ".join(full)
    return [
        ("full-buffer users", f"{names}: rate targets judge what was served; served shares are not defined (what they "
         "ask for has no end), nor are delays (they have no packets)")
    ]  # fmt: skip


def labels(scenario: CellularScenario, engine: Engine, services: Sequence[Service], shape: Shape) -> Labels:
    """Makes the coordinates and attributes that all cellular families have.

    Args:
        scenario: its groups name and judge the users.
        engine: its cells serve them.
        services: kind of service of each group.
        shape: what the family adds.
    """
    slas = [group.sla for group in scenario.users]
    per_group: Mapping[str, Sequence[Any]] = {
        "group": [group.name for group in scenario.users],
        "service": services,
        "full_buffer": [group.traffic.full_buffer for group in scenario.users],
        "sla_rate_bps": [_or_nan(sla.rate_bps) for sla in slas],
        "sla_desired_bps": [_or_nan(sla.desired_rate_bps) for sla in slas],
        "sla_delay_s": [_or_nan(sla.delay_s) for sla in slas],
        "sla_loss": [_or_nan(sla.loss) for sla in slas],
    }
    which = scenario.group_of_user().numpy()
    coordinates: dict[str, tuple[tuple[str, ...], Any]] = {
        name: (("user",), np.array(values)[which]) for name, values in per_group.items()
    }
    coordinates["user"] = (("user",), np.arange(len(which)))
    coordinates["cell"] = (("cell",), np.arange(scenario.cells))
    coordinates["serving"] = (("drop", "user"), engine.parts.channel.serving.cpu().numpy())
    coordinates.update(geometry_coordinates(scenario, engine, shape))
    coordinates["delay_edge_s"] = (("delay_bin",), np.array(BIN_EDGES_S))
    if scenario.record_slots_of:
        coordinates["recorded_user"] = (("recorded_user",), np.array(scenario.record_slots_of))
    attributes = {
        "slot_s": scenario.carrier.slot_s,
        "slots_per_window": shape.window_slots,
        "prbs": scenario.carrier.prbs,
        "cells": scenario.cells,
    }
    if scenario.on_infeasible == "repair":
        attributes["mends"] = 1  # only then does a count of repairs mean anything
    return Labels(coordinates, attributes)


def with_slices(common: Labels, scenario: CellularScenario, places: Sequence[int], names: Sequence[str]) -> Labels:
    """Adds the slices of UEs.

    Args:
        common: labels without slices.
        scenario: with the groups.
        places: place of the slice of each group in ``names``.
        names: of the slices.
    """
    own = {
        "slice_id": (("user",), np.array(places)[scenario.group_of_user().numpy()]),
        "slice_name": (("slice",), np.array(names)),
    }
    return Labels({**common.coordinates, **own}, common.attributes)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
