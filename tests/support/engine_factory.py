"""Small engines for tests: every part real, nothing stubbed."""

from __future__ import annotations

import torch

from mac.carrier import CarrierSettings
from mac.engine.engine import Engine
from mac.engine.state import EngineParts, Users
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.link_adaptation.tables import link_tables
from mac.traffic.packets import Arrivals
from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import Channel, ChannelPlan, build_channel
from phy.channel.fading import FadingSettings
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings

CPU = torch.device("cpu")


def channel(
    drops: Drops,
    carrier: CarrierSettings,
    per_cell: int = 4,
    sites: int = 7,
    dtype: torch.dtype = torch.float32,
    fading: str = "rays",
    attachment: str = "cell_area",
    device: torch.device = CPU,
    antennas: MimoSettings | None = None,
) -> Channel:
    layout = "single" if sites == 1 else "hexagonal"
    topology = build_topology(
        TopologySettings(layout=layout, sites=sites, sectors=1, isd_m=500.0, wrap_around=sites > 1)
    )
    users = per_cell * sites
    plan = ChannelPlan(
        topology,
        PropagationSettings(),
        SectorAntennaSettings(),
        FadingSettings(model=fading),
        per_cell,
        "per_cell",
        attachment,
        35.0,
        torch.full((users,), 30.0 / 3.6),
        carrier.prb_frequency_hz(),
        carrier.snr_at_unit_gain,
        antennas,
    )
    return build_channel(drops, plan, device, dtype)


def engine(
    drops: Drops,
    arrivals: Arrivals | None = None,
    carrier: CarrierSettings | None = None,
    link: LinkSettings | None = None,
    harq: HarqSettings | None = None,
    queue_bytes: float = 1e9,
    block_slots: int = 20,
    budget_s: float = float("inf"),
    slice_id: list[int] | None = None,
    **air: object,
) -> Engine:
    carrier, link = carrier or CarrierSettings(prbs=12), link or LinkSettings()
    air_ = channel(drops, carrier, **air).quick_to_read()  # type: ignore[arg-type]
    users = air_.mean_snr.shape[1]
    slices = torch.tensor(slice_id or [0] * users)
    crowd = Users(
        full_buffer=torch.full((users,), arrivals is None),
        delay_budget_s=torch.full((users,), budget_s, dtype=torch.float64),
        slice_id=slices,
        slices=int(slices.max()) + 1,
        queue_bytes=queue_bytes,
    )
    layers = 1 if air_.mimo is None else air_.mimo.settings.layers
    tables = link_tables(carrier, link, air_.mean_snr.device, air_.mean_snr.dtype, layers)
    parts = EngineParts(drops, carrier, link, harq or HarqSettings(), air_, tables, crowd, arrivals, block_slots)
    return Engine(parts)
