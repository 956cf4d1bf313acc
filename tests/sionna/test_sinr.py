"""Small-scale fading and the SINR of every PRB at full load, against the rays of Sionna's UMa channel.

Both get the same sites, users, line of sight, large-scale gains, powers, noise and serving cells, so that only what
happens within a link differs: clusters and rays here, clusters and rays with angles of their own there. Antennas are
isotropic, seven wrapped-around sites of one cell each, three users of ten indoors.
"""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import j0
from sionna_networks import (
    CARRIER,
    CARRIER_HZ,
    DROPS,
    SPEED_MPS,
    STEP_S,
    TIMES,
    Network,
    correlation,
    network_of,
    quantiles,
    sinr_db,
    sionna_38901,
)
from torch import Tensor

from phy.antenna.element import SectorAntennaSettings
from phy.link.response import Response, basis_of
from phy.link.sinr import sinr
from phy.random import Drops, uniform
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings, large_scale
from phy.units import SPEED_OF_LIGHT_MPS


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of("uma", Drops(1, tuple(range(DROPS))))


def test_sinr_of_every_prb(network: Network) -> None:
    """Quantiles 5 to 95 % of the SINR and of its distance from the SINR without fading.

    Measured: at most 0.23 dB apart (at the 75 % quantile); with a third of the drops another seed moves it by 0.5 dB.
    """
    everything = torch.ones(DROPS, 7, CARRIER.prbs, dtype=torch.float64)
    coordinates = network.channel.fading.coordinates(0, 1, STEP_S)[:, :, 0]
    response = Response(coordinates, basis_of(network.channel.fading.to_prbs))
    engine = 10 * torch.log10(sinr(response, network.channel.serving, everything))
    assert torch.allclose(engine, sinr_db(network, network.ours, 0))
    flat = sinr_db(network, torch.ones_like(network.ours[..., :1, :]), 0)
    slots = range(TIMES)
    ours = torch.stack([sinr_db(network, network.ours, slot) for slot in slots])
    theirs = torch.stack([sinr_db(network, network.theirs, slot) for slot in slots])
    assert (quantiles(ours) - quantiles(theirs)).abs().max() < 0.3
    assert (quantiles(ours - flat) - quantiles(theirs - flat)).abs().max() < 0.3


@pytest.mark.parametrize("prbs", [1, 4, 16, 40])
def test_frequency_correlation(network: Network, prbs: int) -> None:
    """Links outdoors without line of sight; Sionna's clusters have subclusters."""
    ours, theirs = (correlation(h, prbs, network.scattered) for h in (network.ours, network.theirs))
    assert ours == pytest.approx(theirs, abs=0.05)


def test_power_of_the_links(network: Network) -> None:
    """Mean power, and E|h|^4 / E|h|^2^2, which is 2 for Rayleigh fading and less with a direct path."""
    for links in (network.scattered, ~network.scattered):
        ours, theirs = (h[:, :, :, 0].abs().square()[links] for h in (network.ours, network.theirs))
        assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.06)
        spread = [float(power.square().mean() / power.mean().square()) for power in (ours, theirs)]
        assert spread[0] == pytest.approx(spread[1], abs=0.15)


@pytest.mark.parametrize("lag", [1, 2])
def test_autocorrelation_is_j0_and_sionnas_is_near(network: Network, lag: int) -> None:
    """Isotropic scattering here; there each cluster has its direction, which in the mean over links is nearly that."""
    exact = j0(2 * math.pi * SPEED_MPS * CARRIER_HZ / SPEED_OF_LIGHT_MPS * lag * STEP_S)
    seen = []
    for h in (network.ours[network.scattered], network.theirs[network.scattered]):
        seen.append(complex((h[:, lag] * h[:, 0].conj()).mean() / h[:, 0].abs().square().mean()))
    assert abs(seen[0] - exact) < 0.05
    assert abs(seen[1] - exact) < 0.15


LINKS = 120


def gains_of_sionna(azimuth_deg: float, los: bool) -> Tensor:
    """Power of many links at one spot, of a column of eight elements with electrical tilt, mean over 2 s of a walk."""
    from sionna.phy import config

    config.seed = 1
    shared = {"carrier_frequency": CARRIER_HZ, "precision": "double", "device": "cpu"}
    phone = sionna_38901.Antenna(polarization="single", polarization_type="V", antenna_pattern="omni", **shared)
    column = sionna_38901.PanelArray(
        num_rows_per_panel=8, num_cols_per_panel=1, polarization="single", polarization_type="V",
        antenna_pattern="38.901", element_vertical_spacing=0.8, **shared,
    )  # fmt: skip
    model = sionna_38901.UMa(
        o2i_model="low", ut_array=phone, bs_array=column, direction="downlink",
        enable_pathloss=False, enable_shadow_fading=False, **shared,
    )  # fmt: skip
    angle = math.radians(azimuth_deg)
    user = torch.tensor([250 * math.cos(angle), 250 * math.sin(angle), 1.5], dtype=torch.float64).expand(LINKS, 1, 3)
    site, still = torch.tensor([[0.0, 0.0, 25.0]], dtype=torch.float64).expand(LINKS, 1, 3), torch.zeros(LINKS, 1, 3)
    heading = 2 * math.pi * uniform(torch.tensor([3]), (LINKS, 1))[0]
    walk = SPEED_MPS * torch.stack((heading.cos(), heading.sin(), torch.zeros_like(heading)), -1)
    indoor = torch.zeros(LINKS, 1, dtype=torch.bool)
    model.set_topology(user, site, still.double(), still.double(), walk, indoor, los=los)
    height_m = column.ant_pos[:, 2]
    phase = 2 * math.pi * height_m * CARRIER_HZ / SPEED_OF_LIGHT_MPS * math.cos(math.radians(99.0))
    weights = torch.exp(-1j * phase) / math.sqrt(8.0)
    paths, _ = model(20, 10.0)  # [B, 1, 1, 1, 8, paths, T]
    ports = torch.einsum("balt,a->blt", paths[:, 0, 0, 0], weights)
    return ports.abs().square().sum(1).mean(-1)


@pytest.mark.parametrize(("azimuth_deg", "los"), [(0.0, False), (0.0, True), (150.0, False)])  # off the boresight
def test_antenna_gain_summed_over_rays(azimuth_deg: float, los: bool) -> None:
    """Quantiles 10 to 90 % of what a tilted column gives to links at one spot, whose rays alone differ.

    Measured with 500 links and 100 instants, in front and without line of sight, where the gain has a standard
    deviation of 2.5 dB: 0.72, 0.05, 0.08, 0.13 and 0.05 dB apart.
    """
    topology = build_topology(TopologySettings(layout="single", isd_m=1000))
    angle = math.radians(azimuth_deg) + float(topology.azimuth_rad[0])
    spot = torch.tensor([[[250 * math.cos(angle), 250 * math.sin(angle), 1.5]]], dtype=torch.float64)
    settings = PropagationSettings(carrier_hz=CARRIER_HZ, los="always" if los else "never", shadowing=False)
    drops = Drops(1, tuple(range(LINKS)))
    seen = large_scale(drops, topology, spot.expand(LINKS, -1, -1), settings, SectorAntennaSettings())
    bare = large_scale(drops, topology, spot.expand(LINKS, -1, -1), settings, SectorAntennaSettings(kind="omni"))
    ours = (seen.gain_db - bare.gain_db)[:, 0, 0]
    theirs = 10 * torch.log10(gains_of_sionna(azimuth_deg, los))
    levels = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)
    gap = ours.quantile(levels) - theirs.quantile(levels)
    assert gap.abs().max() < 0.25 + 5.0 * float(theirs.std()) / math.sqrt(LINKS)
