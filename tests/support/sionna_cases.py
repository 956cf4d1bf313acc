"""Plans of channels on Sionna's rays."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mac.carrier import CarrierSettings
from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import Channel, ChannelPlan
from phy.channel.fading import FadingSettings
from phy.sionna_adapter.channel import SionnaLinks
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings
from phy.units import SPEED_OF_LIGHT_MPS

sionna_38901 = pytest.importorskip("sionna.phy.channel.tr38901")


CPU = torch.device("cpu")


CARRIER_HZ, SPEED_MPS = 3.5e9, 10.0


def plan(
    per_cell: int,
    topology: dict[str, Any] | None = None,
    antenna: dict[str, Any] | None = None,
    prbs: int = 12,
    speed_mps: float = SPEED_MPS,
    **propagation: Any,
) -> ChannelPlan:
    carrier, settings = CarrierSettings(prbs=prbs), TopologySettings(**(topology or {}))
    network = build_topology(settings)
    return ChannelPlan(
        topology=network,
        propagation=PropagationSettings(carrier_hz=CARRIER_HZ, **propagation),
        antenna=SectorAntennaSettings(**(antenna or {})),
        fading=FadingSettings(),
        users_per_cell=per_cell,
        placement="per_cell",
        attachment="strongest",
        min_distance_m=settings.min_distance_m,
        speed_mps=torch.full((network.cells * per_cell,), speed_mps, dtype=torch.float64),
        frequency_hz=carrier.prb_frequency_hz(),
        snr_at_unit_gain=carrier.snr_at_unit_gain,
    )


def response(channel: Channel, first: int, slots: int, slot_s: float = 1e-3) -> Tensor:
    """Complex ``[B, U, C, T, K]``."""
    values = channel.fading.coordinates(first, slots, slot_s)
    cells = channel.mean_snr.shape[2]
    real, imag = values.unflatten(-1, (cells, 2, -1)).transpose(2, 3).unbind(-2)
    return torch.complex(real, imag)


def apart(ours: Tensor, theirs: Tensor) -> float:
    """The greatest difference of responses ``[U, C, T, K]`` over the size of its link."""
    return float(((ours - theirs).abs().amax((-1, -2)) / theirs.abs().amax((-1, -2))).max())


def of_sionna(of: ChannelPlan, links: SionnaLinks, times: int, per_s: float) -> Tensor:
    """Sionna's own coefficients of these rays at some instants, as responses ``[U, C, T, K]``."""
    site, scenario, rays = of.topology.cell_site, links.scenario, links.rays
    names = ("delays", "powers", "aoa", "aod", "zoa", "zod", "xpr")
    of_cells = sionna_38901.Rays(**{n: getattr(rays, n)[:, site] for n in names}, phases=rays.phases)
    shared = {"carrier_frequency": CARRIER_HZ, "precision": "double", "device": "cpu"}
    phone = sionna_38901.PanelArray(1, 1, "single", "V", "omni", **shared)
    sector = of.antenna
    omni, slant = sector.kind == "omni" or of.topology.omnidirectional, sector.polarization == "slant"
    count = 1 if omni else sector.vertical_elements
    column = sionna_38901.PanelArray(
        count, 1, "dual" if slant else "single", "cross" if slant else "V", "omni" if omni else "38.901",
        element_vertical_spacing=0.8, **shared,
    )  # fmt: skip
    weights = torch.exp(-2j * math.pi * column.ant_pos_pol1[:, 2] * CARRIER_HZ / SPEED_OF_LIGHT_MPS
                        * math.cos(math.radians(99.0))) / math.sqrt(count)  # fmt: skip
    tilt = torch.full_like(of.topology.azimuth_rad, math.radians(sector.mechanical_tilt_deg))
    turned = torch.stack((of.topology.azimuth_rad, tilt, 0 * tilt), -1)[None]
    angles = {n: torch.deg2rad(getattr(scenario, n)[:, site]) for n in ("los_aoa", "los_aod", "los_zoa", "los_zod")}
    from sionna.phy.channel.tr38901.channel_coefficients import Topology as Sight

    sight = Sight(
        velocities=links.velocity_mps, moving_end="rx", los=scenario.los[:, site],
        distance_3d=scenario.distance_3d[:, site], tx_orientations=turned,
        rx_orientations=torch.zeros_like(links.velocity_mps), **angles,
    )  # fmt: skip
    generator = sionna_38901.ChannelCoefficientsGenerator(
        CARRIER_HZ, column, phone, subclustering=True, precision="double", device="cpu"
    )
    spread = 1e-9 * scenario.get_param("cDS")[:, site]
    paths, delay = generator(times, per_s, links.lsp.k_factor[:, site], of_cells, sight, spread)
    ports = torch.einsum("cuplt,l->cupt", paths[0, ..., 0, column.ant_ind_pol1, :], weights)
    tone = torch.exp(-2j * math.pi * delay[0, ..., None] * of.frequency_hz)
    theirs = torch.einsum("cupt,cupk->uctk", ports, tone)
    return theirs * (of.snr_at_unit_gain * links.gain[0, site].T).sqrt()[..., None, None]
