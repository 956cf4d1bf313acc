"""SINR of whole networks, ours and Sionna's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from mac.carrier import CarrierSettings
from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import Channel, ChannelPlan, build_channel
from phy.channel.fading import FadingSettings
from phy.random import Drops, uniform
from phy.topology.sites import TopologySettings, build_topology, displacement
from phy.tr38901.large_scale import PropagationSettings, large_scale

sionna_38901 = pytest.importorskip("sionna.phy.channel.tr38901")


DROPS, PER_CELL, CARRIER_HZ, SPEED_MPS = 24, 10, 3.5e9, 10.0


CARRIER = CarrierSettings(prbs=50)


LEVELS = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], dtype=torch.float64)


TIMES, STEP_S = 3, 5e-3  # 0, 5 and 10 ms


@dataclass(frozen=True)
class Network:
    """Responses of unit mean power of the same links by both models, and what the links share."""

    channel: Channel
    ours: Tensor  # [B, U, C, T, K] complex
    theirs: Tensor  # [B, U, C, T, K] complex
    scattered: Tensor  # [B, U, C] bool, outdoors and without line of sight


NETWORKS: dict[str, dict[str, Any]] = {
    "uma": {},
    "umi": {"isd_m": 200.0, "bs_height_m": 10.0, "min_distance_m": 10.0},
    "rma": {"isd_m": 1732.0, "bs_height_m": 35.0},
}


def build(model: str, drops: Drops) -> tuple[Channel, ChannelPlan]:
    topology = build_topology(TopologySettings(sectors=1, **NETWORKS[model]))
    plan = ChannelPlan(
        topology=topology,
        propagation=PropagationSettings(model=model, carrier_hz=CARRIER_HZ, indoor_share=0.3),  # type: ignore[arg-type]
        antenna=SectorAntennaSettings(kind="omni"),
        fading=FadingSettings(),
        users_per_cell=PER_CELL,
        placement="per_cell",
        attachment="strongest",
        min_distance_m=35.0,
        speed_mps=torch.full((7 * PER_CELL,), SPEED_MPS, dtype=torch.float64),
        frequency_hz=CARRIER.prb_frequency_hz(),
        snr_at_unit_gain=CARRIER.snr_at_unit_gain,
    )
    return build_channel(drops, plan, torch.device("cpu"), torch.float64), plan


def rays_of_sionna(plan: ChannelPlan, user: Tensor, indoor: Tensor, los: Tensor) -> Tensor:
    """Response ``[B, U, C, T, K]`` of the same links, each slot, without path loss and shadowing."""
    from sionna.phy import config

    config.seed = 1
    shared = {"carrier_frequency": CARRIER_HZ, "precision": "double", "device": "cpu"}
    element = sionna_38901.Antenna(polarization="single", polarization_type="V", antenna_pattern="omni", **shared)
    walls = {} if plan.propagation.model == "rma" else {"o2i_model": "low"}
    model = {"uma": sionna_38901.UMa, "umi": sionna_38901.UMi, "rma": sionna_38901.RMa}[plan.propagation.model](
        ut_array=element, bs_array=element, direction="downlink", enable_pathloss=False, enable_shadow_fading=False,
        **walls, **shared,
    )  # fmt: skip
    sites, still = plan.topology.site_m.expand(len(user), -1, -1), torch.zeros_like(user)
    heading = 2 * math.pi * uniform(torch.arange(len(user)) + 5, user.shape[1:2])
    velocity = SPEED_MPS * torch.stack((heading.cos(), heading.sin(), torch.zeros_like(heading)), -1)
    images = (user[:, :, None] - displacement(plan.topology, user)).transpose(1, 2)
    model.set_topology(
        user, sites, still, torch.zeros_like(sites), velocity, indoor, los=los.transpose(1, 2), bs_virtual_loc=images
    )
    paths, delay = model(TIMES, 1 / STEP_S)  # [B, U, 1, C, 1, paths, T], [B, U, C, paths]
    frequency = CARRIER.prb_frequency_hz()
    turn = torch.exp(-2j * math.pi * delay[..., None] * frequency)
    return torch.einsum("buclt,buclk->buctk", paths[:, :, 0, :, 0], turn)


def network_of(model: str, drops: Drops) -> Network:
    """Both models' responses in one network."""
    channel, plan = build(model, drops)
    scale = large_scale(drops, plan.topology, channel.position_m, plan.propagation, plan.antenna)
    coordinates = channel.fading.coordinates(0, TIMES, STEP_S)
    size, both = channel.fading.to_prbs.shape
    shape = (*channel.mean_snr.shape[:2], TIMES, -1, both)
    parts = (coordinates.reshape(-1, size) @ channel.fading.to_prbs).view(shape)
    ours = torch.complex(parts[..., : both // 2], parts[..., both // 2 :]).transpose(2, 3)
    ours = ours / channel.mean_snr.sqrt()[..., None, None]
    theirs = rays_of_sionna(plan, channel.position_m, scale.indoor, scale.los)
    return Network(channel, ours, theirs, ~scale.los & ~scale.indoor[..., None])


def sinr_db(network: Network, response: Tensor, slot: int) -> Tensor:
    """SINR ``[B, U, K]`` in dB in one slot with every cell at full load, in plain arithmetic."""
    power = network.channel.mean_snr[..., None] * response[:, :, :, slot].abs().square()
    own = network.channel.serving[..., None, None].expand(-1, -1, 1, power.shape[-1])
    signal = power.gather(2, own)[:, :, 0]
    return 10 * torch.log10(signal / (1 + power.sum(2) - signal))


def quantiles(values: Tensor) -> Tensor:
    return values.flatten().quantile(LEVELS)


def correlation(response: Tensor, prbs: int, links: Tensor) -> float:
    """Size of the correlation of the responses ``prbs`` apart, over the given links."""
    h = response[:, :, :, 0][links]
    return float((h[:, prbs:] * h[:, :-prbs].conj()).mean().abs() / h.abs().square().mean())
