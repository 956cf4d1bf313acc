"""Small-scale fading and the SINR of every PRB at full load, against the rays of Sionna's UMa channel.

Both get the same sites, users, line of sight, large-scale gains, powers, noise and serving cells, so that only what
happens within a link differs: clusters and rays here, clusters and rays with angles of their own there. Antennas are
isotropic, seven wrapped-around sites of one cell each, three users of ten indoors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from scipy.special import j0
from torch import Tensor

from mac.carrier import CarrierSettings
from phy.antenna import SectorAntennaSettings
from phy.channel import Channel, ChannelPlan, build_channel
from phy.fading import FadingSettings
from phy.large_scale import PropagationSettings, large_scale
from phy.link import sinr
from phy.random import Drops, uniform
from phy.topology import TopologySettings, build_topology, displacement
from phy.units import SPEED_OF_LIGHT_MPS

sionna_38901 = pytest.importorskip("sionna.phy.channel.tr38901")

DROPS, PER_CELL, CARRIER_HZ, SPEED_MPS = 8, 10, 3.5e9, 10.0
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


def build() -> tuple[Channel, ChannelPlan]:
    topology = build_topology(TopologySettings(sectors=1))
    plan = ChannelPlan(
        topology=topology,
        propagation=PropagationSettings(carrier_hz=CARRIER_HZ, indoor_share=0.3),
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
    return build_channel(Drops(1, tuple(range(DROPS))), plan, torch.device("cpu"), torch.float64), plan


def rays_of_sionna(plan: ChannelPlan, user: Tensor, indoor: Tensor, los: Tensor) -> Tensor:
    """Response ``[B, U, C, T, K]`` of the same links, each slot, without path loss and shadowing."""
    from sionna.phy import config

    config.seed = 1
    shared = {"carrier_frequency": CARRIER_HZ, "precision": "double", "device": "cpu"}
    element = sionna_38901.Antenna(polarization="single", polarization_type="V", antenna_pattern="omni", **shared)
    model = sionna_38901.UMa(
        o2i_model="low", ut_array=element, bs_array=element, direction="downlink",
        enable_pathloss=False, enable_shadow_fading=False, **shared,
    )  # fmt: skip
    sites, still = plan.topology.site_m.expand(len(user), -1, -1), torch.zeros_like(user)
    heading = 2 * math.pi * uniform(torch.arange(len(user)) + 5, user.shape[1:2])
    velocity = SPEED_MPS * torch.stack((heading.cos(), heading.sin(), torch.zeros_like(heading)), -1)
    images = (user[:, :, None] - displacement(plan.topology, user)).transpose(1, 2)
    model.set_topology(
        user, sites, still, torch.zeros_like(sites), velocity, indoor, los=los.transpose(1, 2), bs_virtual_loc=images
    )
    paths, delay = model(TIMES, 1 / STEP_S)  # [B, U, 1, C, 1, L, T], [B, U, C, L]
    frequency = CARRIER.prb_frequency_hz()
    turn = torch.exp(-2j * math.pi * delay[..., None] * frequency)
    return torch.einsum("buclt,buclk->buctk", paths[:, :, 0, :, 0], turn)


@pytest.fixture(scope="module")
def network() -> Network:
    channel, plan = build()
    drops = Drops(1, tuple(range(DROPS)))
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


def test_sinr_of_every_prb(network: Network) -> None:
    """Quantiles 5 to 95 % of the SINR and of its distance from the SINR without fading.

    Measured: at most 0.36 dB apart (at the 90 % quantile) and 0.09 dB. Another seed of Sionna, or our channel at
    another time, moves the first by up to 0.4 dB and the second by up to 0.3 dB, so there is nothing left to see.
    """
    everything = torch.ones(DROPS, 7, CARRIER.prbs, dtype=torch.float64)
    coordinates = network.channel.fading.coordinates(0, 1, STEP_S)[:, :, 0]
    to_prbs, serving = network.channel.fading.to_prbs, network.channel.serving
    engine = 10 * torch.log10(sinr(coordinates, to_prbs, serving, everything))
    assert torch.allclose(engine, sinr_db(network, network.ours, 0))
    flat = sinr_db(network, torch.ones_like(network.ours[..., :1, :]), 0)
    slots = range(TIMES)
    ours = torch.stack([sinr_db(network, network.ours, slot) for slot in slots])
    theirs = torch.stack([sinr_db(network, network.theirs, slot) for slot in slots])
    assert (quantiles(ours) - quantiles(theirs)).abs().max() < 0.6
    assert (quantiles(ours - flat) - quantiles(theirs - flat)).abs().max() < 0.3


def correlation(response: Tensor, prbs: int, links: Tensor) -> float:
    """Size of the correlation of the responses ``prbs`` apart, over the given links."""
    h = response[:, :, :, 0][links]
    return float((h[:, prbs:] * h[:, :-prbs].conj()).mean().abs() / h.abs().square().mean())


@pytest.mark.parametrize("prbs", [1, 4, 16, 40])
def test_frequency_correlation(network: Network, prbs: int) -> None:
    """Links outdoors without line of sight.

    Measured, ours and theirs: 0.917 and 0.885 at 1 PRB (Sionna has subclusters), 0.598 and 0.590 at 4, 0.281 and 0.277
    at 16, 0.168 and 0.169 at 40.
    """
    ours, theirs = (correlation(h, prbs, network.scattered) for h in (network.ours, network.theirs))
    assert ours == pytest.approx(theirs, abs=0.05)


def test_power_of_the_links(network: Network) -> None:
    """Mean power, and E|h|^4 / E|h|^2^2, which is 2 for Rayleigh fading and less with a direct path.

    Measured, ours and theirs: power 0.977 and 0.995, ratio 2.03 and 1.99 without line of sight outdoors; 0.991 and
    0.986, 1.88 and 1.96 for all other links.
    """
    for links in (network.scattered, ~network.scattered):
        ours, theirs = (h[:, :, :, 0].abs().square()[links] for h in (network.ours, network.theirs))
        assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.06)
        spread = [float(power.square().mean() / power.mean().square()) for power in (ours, theirs)]
        assert spread[0] == pytest.approx(spread[1], abs=0.15)


@pytest.mark.parametrize("lag", [1, 2])
def test_autocorrelation_is_j0_and_sionnas_is_near(network: Network, lag: int) -> None:
    """Isotropic scattering here; there each cluster has its direction, which in the mean over links is much the same.

    Measured: J0 is -0.397 and 0.285, ours -0.397 and 0.291, Sionna's -0.352 and 0.251.
    """
    exact = j0(2 * math.pi * SPEED_MPS * CARRIER_HZ / SPEED_OF_LIGHT_MPS * lag * STEP_S)
    seen = []
    for h in (network.ours[network.scattered], network.theirs[network.scattered]):
        seen.append(complex((h[:, lag] * h[:, 0].conj()).mean() / h[:, 0].abs().square().mean()))
    assert abs(seen[0] - exact) < 0.05
    assert abs(seen[1] - exact) < 0.15
