"""Engines of unusual shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from engine_cases import packets

from mac.carrier import CarrierSettings
from mac.engine.engine import Engine
from mac.engine.state import EngineParts, Users
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.link_adaptation.tables import link_tables
from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import ChannelPlan, build_channel
from phy.channel.fading import FadingSettings
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings

CPU, SLOTS = torch.device("cpu"), 45


HEIGHT_M = {"uma": 25.0, "umi": 10.0, "rma": 35.0, "free_space": 25.0}


@dataclass(frozen=True)
class Case:
    """A small network; users are attached to the strongest cell, so cells are unequal and some are empty."""

    users: int = 3
    sites: int = 1
    sectors: int = 1
    model: str = "uma"
    fading: str = "rays"
    placement: str = "per_cell"
    indoor: float = 0.8
    numerology: int = 0
    mcs_table: int = 1
    link: LinkSettings = LinkSettings()  # noqa: RUF009
    dtype: torch.dtype = torch.float32
    saturated: bool = False
    speed_mps: float = 8.0


def build(case: Case, ids: tuple[int, ...]) -> Engine:
    drops, carrier = Drops(3, ids), CarrierSettings(prbs=13, numerology=case.numerology, mcs_table=case.mcs_table)
    settings: dict[str, Any] = {"sites": case.sites, "sectors": case.sectors, "bs_height_m": HEIGHT_M[case.model]}
    topology = build_topology(TopologySettings(layout="hexagonal", **settings))
    users = case.users * topology.cells
    plan = ChannelPlan(
        topology=topology,
        propagation=PropagationSettings(model=case.model, indoor_share=case.indoor),  # type: ignore[arg-type]
        antenna=SectorAntennaSettings(),
        fading=FadingSettings(model=case.fading),  # type: ignore[arg-type]
        users_per_cell=case.users,
        placement=case.placement,  # type: ignore[arg-type]
        attachment="strongest",
        min_distance_m=35.0,
        speed_mps=torch.full((users,), case.speed_mps, dtype=torch.float64),
        frequency_hz=carrier.prb_frequency_hz(),
        snr_at_unit_gain=carrier.snr_at_unit_gain,
    )
    crowd = Users(
        torch.full((users,), case.saturated),
        torch.full((users,), 0.01, dtype=torch.float64),
        torch.zeros(users, dtype=torch.int64),
        1,
        20_000.0,
    )
    arrivals = None if case.saturated else packets(drops, users, SLOTS + 20, 0.4, 3000)
    channel, tables = build_channel(drops, plan, CPU, case.dtype), link_tables(carrier, case.link, CPU, case.dtype)
    return Engine(EngineParts(drops, carrier, case.link, HarqSettings(), channel, tables, crowd, arrivals, 15))
