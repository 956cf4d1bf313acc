"""Large-scale propagation against Sionna's TR 38.901 scenarios, in double precision."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from phy.antenna.element import SectorAntennaSettings, element_gain_db
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology, displacement
from phy.topology.users import place_uniform
from phy.tr38901.large_scale import PropagationSettings, large_scale
from phy.tr38901.los import los_probability
from phy.tr38901.lsp_tables import NAMES, moments, propagation_states, sigma_db, zod_offset_deg, zsd_log10
from phy.tr38901.pathloss import Link, PathLossModel, path_loss_db
from phy.tr38901.penetration import penetration_loss_db

sionna_38901 = pytest.importorskip("sionna.phy.channel.tr38901")

MODELS: list[PathLossModel] = ["uma", "umi", "rma"]
BS_HEIGHT_M = {"uma": 25.0, "umi": 10.0, "rma": 35.0}
DISTANCE_M = torch.logspace(1.0, 3.69, 50, dtype=torch.float64)


@pytest.fixture(autouse=True)
def sionna_seed() -> None:
    """Sionna draws from one global generator."""
    from sionna.phy import config

    config.seed = 1


def scenario(model: str, carrier_hz: float, o2i: str = "low") -> Any:
    from sionna.phy.channel.tr38901.rma_scenario import RMaScenario
    from sionna.phy.channel.tr38901.uma_scenario import UMaScenario
    from sionna.phy.channel.tr38901.umi_scenario import UMiScenario

    def array(pattern: str) -> Any:
        return sionna_38901.Antenna(
            polarization="single",
            polarization_type="V",
            antenna_pattern=pattern,
            carrier_frequency=carrier_hz,
            precision="double",
            device="cpu",
        )

    arrays = {"ut_array": array("omni"), "bs_array": array("omni"), "direction": "downlink"}
    common = {**arrays, "precision": "double", "device": "cpu"}
    if model == "rma":
        return RMaScenario(carrier_hz, **common)
    kind = {"uma": UMaScenario, "umi": UMiScenario}[model]
    return kind(carrier_hz, o2i_model=o2i, **common)


def place(of: Any, model: str, user_height_m: float, distance_m: Tensor, **propagation_states: Any) -> Any:
    """Users at distances ``[U]`` or ``[B, U]`` on a line away from one base station."""
    x = torch.atleast_2d(distance_m)
    user = torch.stack([x, torch.zeros_like(x), torch.full_like(x, user_height_m)], dim=-1)
    base = torch.tensor([0.0, 0.0, BS_HEIGHT_M[model]], dtype=torch.float64).expand(len(x), 1, 3)
    outdoors = torch.zeros(x.shape, dtype=torch.bool)
    if model == "rma":
        propagation_states["in_car"] = outdoors
    propagation_states.setdefault("in_state", outdoors)
    still = torch.zeros_like(user)
    of.set_topology(user, base, still, torch.zeros_like(base), still, **propagation_states)
    return of


def link(model: str, user_height_m: float, distance_m: Tensor, carrier_hz: float) -> Link:
    heights = (torch.full_like(distance_m, h) for h in (BS_HEIGHT_M[model], user_height_m))
    return Link(distance_m, *heights, carrier_hz)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("carrier_hz", [0.7e9, 3.5e9, 6e9, 28e9])
@pytest.mark.parametrize("height", [1.5, 5.0, 9.5])
def test_path_loss(model: PathLossModel, carrier_hz: float, height: float) -> None:
    theirs = scenario(model, carrier_hz)
    at = link(model, height, DISTANCE_M, carrier_hz)
    for los in (True, False):
        place(theirs, model, height, DISTANCE_M, los=los)
        ours = path_loss_db(model, at, torch.full((50,), los))
        assert (ours - theirs.basic_pathloss[0, 0]).abs().max() < 0.01


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("height", [1.5, 9.0, 16.0, 22.0])
def test_los_probability(model: PathLossModel, height: float) -> None:
    theirs = place(scenario(model, 3.5e9), model, height, DISTANCE_M)
    ours = los_probability(model, DISTANCE_M, torch.full_like(DISTANCE_M, height))
    assert (ours - theirs.los_probability[0, 0].clamp_max(1.0)).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("model", "o2i", "carrier_hz"),
    [("uma", "low", 6e9), ("uma", "high", 6e9), ("umi", "high", 28e9), ("umi", "low", 28e9), ("rma", "low", 3.5e9)],
)
def test_penetration(model: PathLossModel, o2i: str, carrier_hz: float) -> None:
    from sionna.phy.channel.tr38901.lsp import LSPGenerator

    distance = torch.full((100, 40), 300.0, dtype=torch.float64)
    depth = torch.linspace(0.0, 8.0, 40, dtype=torch.float64).expand(100, -1)
    indoor_state = torch.ones(100, 40, dtype=torch.bool)
    theirs = scenario(model, carrier_hz, o2i)
    place(theirs, model, 1.5, distance, in_state=indoor_state, los=False, distance_2d_in=depth)
    generator = LSPGenerator(theirs)
    generator.topology_updated_callback()
    sampled = (generator.sample_pathloss() - theirs.basic_pathloss)[:, 0]
    keys = Drops(1, tuple(range(100))).keys("wall")
    ours = penetration_loss_db(keys, o2i, carrier_hz, indoor_state, depth)  # type: ignore[arg-type]
    assert ours.mean().item() == pytest.approx(sampled.mean().item(), abs=4.5 * 6.5 * math.sqrt(2.0 / 4000))
    assert ours.std().item() == pytest.approx(sampled.std().item(), rel=0.07)


def test_antenna_element() -> None:
    theirs = sionna_38901.AntennaElement("38.901", 0.0, precision="double", device="cpu")
    azimuth, zenith = torch.meshgrid(
        torch.linspace(-math.pi, math.pi, 73).double(), torch.linspace(0.0, math.pi, 37).double(), indexing="ij"
    )
    f_theta, f_phi = theirs.field(zenith, azimuth)
    ours = element_gain_db(SectorAntennaSettings(vertical_elements=1), azimuth, zenith)
    assert (ours - 10.0 * torch.log10(f_theta**2 + f_phi**2)).abs().max() < 1e-6


SIONNA_ORDER = ("DS", "ASD", "ASA", "SF", "K", "ZSA", "ZSD")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("carrier_hz", [0.7e9, 3.5e9, 28e9])
def test_laws_of_large_scale_parameters(model: PathLossModel, carrier_hz: float) -> None:
    """Means and sigmas of all seven at every distance, LOS, NLOS and indoors, and the offset of the zenith angles."""
    theirs = scenario(model, carrier_hz)
    at = link(model, 1.5, DISTANCE_M, carrier_hz)
    for column, (los, indoor_state) in enumerate(((True, False), (False, False), (False, True))):
        place(theirs, model, 1.5, DISTANCE_M, los=los, in_state=torch.full((1, 50), indoor_state))
        share = torch.full_like(DISTANCE_M, float(los))
        laws = dict(zip(NAMES, moments(propagation_states(model)[column], model, carrier_hz), strict=True))
        zenith = zsd_log10(model, "v19", at, share)
        for i, name in enumerate(SIONNA_ORDER):
            mean, sigma = zenith if name == "ZSD" else (torch.full_like(share, value) for value in laws[name])
            if name == "SF":
                sigma = sigma_db(model, at, torch.full((50,), column))
            scale = 10.0 if name in ("SF", "K") else 1.0
            if name == "K" and column:
                continue
            assert (scale * theirs.lsp_log_mean[0, 0, :, i] - mean).abs().max() < 1e-4, name
            assert (scale * theirs.lsp_log_std[0, 0, :, i] - sigma).abs().max() < 1e-4, name
        assert (theirs.zod_offset[0, 0] - zod_offset_deg(model, at, share)).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("model", "los", "indoor_state"), [("uma", True, False), ("uma", False, False), ("umi", False, True)]
)
def test_distributions_and_cross_correlations(model: PathLossModel, los: bool, indoor_state: bool) -> None:
    """Delay and angular spreads, K-factor and shadowing of many independent users, drawn by both.

    Quantiles 5 to 95 % of each within what 3000 samples leave open, and the correlations between them.
    """
    from sionna.phy.channel.tr38901.lsp import LSPGenerator

    topology = build_topology(TopologySettings(layout="single", sectors=1, bs_height_m=BS_HEIGHT_M[model], isd_m=4000))
    drops, users = Drops(5, tuple(range(150))), 20
    angle = 2.0 * math.pi * torch.arange(users, dtype=torch.float64) / users
    ring = torch.stack((300.0 * angle.cos(), 300.0 * angle.sin(), torch.full_like(angle, 1.5)), -1)
    settings = PropagationSettings(
        model=model,
        los="always" if los else "never",
        indoor_share=float(indoor_state),
        o2i="none",
        antenna_gain="direct",
    )
    seen = large_scale(drops, topology, ring.expand(150, -1, -1), settings, SectorAntennaSettings(kind="omni"))
    spreads = seen.spreads_deg[:, :, 0].log10().unbind(-1)
    ours = dict(zip(("ASD", "ASA", "ZSD", "ZSA"), (s.flatten() for s in spreads), strict=True))
    ours |= {"DS": seen.delay_spread_s.log10().flatten(), "SF": seen.shadowing_db.flatten() / 10.0}
    ours["K"] = seen.k_factor_db.flatten() / 10.0

    theirs = scenario(model, 3.5e9)
    far = torch.full((3000, 1), 300.0, dtype=torch.float64)
    place(theirs, model, 1.5, far, los=los, in_state=torch.full((3000, 1), indoor_state))
    generator = LSPGenerator(theirs)
    generator.topology_updated_callback()
    drawn = generator()
    names = [n for n in NAMES if n != "K" or los]
    field = {"DS": drawn.ds, "ASD": drawn.asd, "ASA": drawn.asa, "SF": drawn.sf, "K": drawn.k_factor}
    field |= {"ZSA": drawn.zsa, "ZSD": drawn.zsd}
    other = {name: field[name].flatten().log10() for name in names}
    levels = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
    for name in names:
        room = 0.15 * float(other[name].std())  # 4 standard errors of an outer quantile
        assert (ours[name].quantile(levels) - other[name].quantile(levels)).abs().max() < room, name
    matrices = [torch.corrcoef(torch.stack([source[name] for name in names])) for source in (ours, other)]
    assert (matrices[0] - matrices[1]).abs().max() < 0.1


def geometry_quantiles_db(gain_db: Tensor) -> list[float]:
    """Quantiles of the strongest site's gain and of its ratio to the sum of all others."""
    power = 10.0 ** (gain_db / 10.0)
    best = power.amax(-1)
    level = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95], dtype=torch.float64)
    ratio = best / (power.sum(-1) - best)
    return [float(v) for q in (best, ratio) for v in 10.0 * torch.log10(q.flatten().quantile(level))]


def test_whole_network_of_omnidirectional_sites() -> None:
    """Seven wrapped-around UMa sites, half of the users indoors: path loss, LOS, walls and shadowing put together."""
    from sionna.phy.channel.tr38901.lsp import LSPGenerator

    drops = Drops(1, tuple(range(60)))
    topology = build_topology(TopologySettings(sectors=1))
    user, _ = place_uniform(drops.keys("place"), topology, 50, 35.0, 1.5)
    settings = PropagationSettings(carrier_hz=6e9, indoor_share=0.5)
    ours = large_scale(drops, topology, user, settings, SectorAntennaSettings())

    theirs, still = scenario("uma", 6e9, "low"), torch.zeros_like(user)
    images = (user[:, :, None] - displacement(topology, user)).transpose(1, 2)
    sites = topology.site_m.expand(60, -1, -1)
    theirs.set_topology(
        user, sites, still, torch.zeros_like(sites), still, ours.indoor, los="random", bs_virtual_loc=images
    )
    generator = LSPGenerator(theirs)
    generator.topology_updated_callback()
    drawn = generator()
    gain = (10.0 * torch.log10(drawn.sf) - drawn.pathloss).transpose(1, 2)
    assert geometry_quantiles_db(ours.gain_db) == pytest.approx(geometry_quantiles_db(gain), abs=1.5)
    assert ours.gain_db.mean().item() == pytest.approx(gain.mean().item(), abs=0.5)
    assert ours.distance_m.transpose(1, 2).flatten().tolist() == pytest.approx(theirs.distance_3d.flatten().tolist())
