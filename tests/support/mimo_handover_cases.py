"""Engines with panels whose UEs change their cell."""

from __future__ import annotations

from typing import Any

import torch
from handover_cases import SCENARIO

from mac.engine.engine import Engine
from mac.engine.radio.panels import MatrixResponses
from phy.random import Drops
from scenarios import load
from scenarios.families import find
from scenarios.families.cellular import engine_factory
from scenarios.families.cellular.scenario import CellularScenario
from scenarios.families.cellular.shape import Shape

UE = {"polarizations": 2, "ports": 2, "polarization_slant_deg": 0.0}


PANELS = {"base": {"columns": 2, "polarizations": 2, "ports": 4}, "ue": UE, "heard_cells": 3, "refresh_slots": 5}


def engine(ids: tuple[int, ...] = (0,), **more: Any) -> Engine:
    case = load(SCENARIO, mimo={**PANELS, **more}, **{"handover.interruption_ms": 3.0, "channel.update_s": 0.05})
    assert isinstance(case, CellularScenario)
    shape = Shape(find("scheduling").clock(case), 1, (0,) * len(case.users))
    made = engine_factory.engine(case, Drops(3, ids), shape, torch.device("cpu"), torch.float32)
    assert isinstance(made.start().block.response, MatrixResponses)
    return made
