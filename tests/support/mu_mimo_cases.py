"""Engines of multi-user MIMO and decisions that share every PRB."""

from __future__ import annotations

import torch
from engine_factory import engine

from mac.engine.engine import Engine
from mac.engine.radio.mu_mimo import MuMimo
from mac.scheduling import SchedulingDecision, SchedulingObservation
from phy.antenna.panel import PanelSettings
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops

CROSSED = PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0)


EIGHT = PanelSettings(columns=4, polarizations=2, ports=8)


SHARED = MimoSettings(
    base=EIGHT, ue=CROSSED, heard_cells=3, refresh_slots=4, precoding="zf", users_per_prb=3, receiver="lmmse"
)


def shared(drops: Drops, antennas: MimoSettings, **more: object) -> Engine:
    made = engine(drops, antennas=antennas, **more)  # type: ignore[arg-type]
    assert isinstance(made.radio, MuMimo)
    return made


def all_share(observation: SchedulingObservation, users: int) -> SchedulingDecision:
    """The first users of each cell on all PRBs."""
    prbs = observation.rate_bits.shape[-1]
    first = observation.roster[:, :, None, :users].repeat(1, 1, prbs, 1)
    first = torch.where(first < observation.serving.shape[1], first, -1)
    return SchedulingDecision(first[..., 0], first[..., 1:])
