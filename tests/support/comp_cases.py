"""Engines whose cells coordinate, and decisions in which UEs have PRBs of several cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from engine_factory import engine
from torch import Tensor

from mac.engine.coordination import CoordinationSettings
from mac.engine.engine import Engine
from mac.engine.grant import with_helpers
from mac.engine.radio.comp import Comp
from mac.engine.radio.comp_report import ClusterReport
from mac.engine.state import CellState
from mac.scheduling import SchedulingDecision
from phy.antenna.panel import PanelSettings
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops

FOUR = PanelSettings(columns=4, ports=4)


def antennas(ports: int = 4, heard_cells: int = 4) -> MimoSettings:
    return MimoSettings(
        base=PanelSettings(columns=ports, ports=ports), ue=PanelSettings(), heard_cells=heard_cells, refresh_slots=4
    )


def coordinated(
    settings: CoordinationSettings, ids: tuple[int, ...] = (2,), mimo: MimoSettings | None = None, **more: Any
) -> Engine:
    drops = Drops(5, ids)
    plain = engine(drops, antennas=mimo or antennas(), **{"dtype": torch.float64, **more})
    made = Engine(replace(plain.parts, coordination=settings))
    assert isinstance(made.radio, Comp)
    return made


def first_ues(made: Engine, state: CellState) -> Tensor:
    """The first UE of each cell on all of its PRBs, ``[B, C, K]``."""
    first = state.attached.roster[..., :1].expand(-1, -1, made.prbs)
    return torch.where(first < made.shape[1], first, -1)


def bought(made: Engine, state: CellState, prbs: int, helps: bool = False) -> SchedulingDecision:
    """First UEs on all PRBs, but that the last UE of cell 0 has the first PRBs of its two strongest other cells.

    Args:
        made: the engine.
        state: of it.
        prbs: that it has of each, one after the other, or with help on the same.
        helps: whether the second cell helps the first.
    """
    report = state.reports[0]
    assert isinstance(report, ClusterReport)
    user, helped = first_ues(made, state).clone(), torch.full((made.shape[0], made.cells, made.prbs), -1)
    for drop in range(made.shape[0]):
        members = [u for u in state.attached.roster[drop, 0].tolist() if u < made.shape[1]]
        buyer = members[-1]
        one, other = report.cells[drop, buyer, 1:3].tolist()
        user[drop, one, :prbs] = buyer
        if helps:
            user[drop, other, :prbs] = -1
            helped[drop, other, :prbs] = buyer
        else:
            user[drop, other, prbs : 2 * prbs] = buyer
    return SchedulingDecision(with_helpers(user, helped))
