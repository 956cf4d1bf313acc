"""Our rays at both ends against Sionna's in UMa: rank and condition of 2 x 4 channels, and angular spreads.

Both have the same line of sight, distances and large-scale parameters; clusters and rays are drawn by each side.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from phy.antenna.panel import PanelSettings
from phy.random import Drops, normal, uniform
from phy.tr38901.cluster_directions import DRAWS, SIDES, LinkStatistics, cluster_directions, cluster_spreads, direct_ray
from phy.tr38901.coefficients import LinkEnd, MimoRays, steer, with_sub_clusters
from phy.tr38901.lsp_tables import NAMES, propagation_states
from phy.tr38901.rays import draw_rays

CARRIER_HZ = 3.5e9
FREQUENCY_HZ = torch.tensor([-2e6, 0.0, 2e6], dtype=torch.float64)
LEVELS = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], dtype=torch.float64)
BATCH, USERS = 120, 40


@pytest.fixture(scope="module")
def uma() -> tuple[Any, Any, Tensor]:
    """Sionna's model, its rays, and its 2 x 4 responses ``[links, K, 2, 4]``."""
    tr38901 = pytest.importorskip("sionna.phy.channel.tr38901")
    from sionna.phy import config

    config.seed = 3
    shared = {"carrier_frequency": CARRIER_HZ, "precision": "double", "device": "cpu"}
    ue = tr38901.PanelArray(1, 1, "dual", "VH", "omni", **shared)
    base = tr38901.PanelArray(1, 2, "dual", "cross", "38.901", **shared)
    model = tr38901.UMa(
        o2i_model="low", ut_array=ue, bs_array=base, direction="downlink",
        enable_pathloss=False, enable_shadow_fading=False, **shared,
    )  # fmt: skip
    place = uniform(torch.arange(BATCH), (USERS, 2))
    distance, bearing = 35 + 300 * place[..., 0], (place[..., 1] - 0.5) * 2.0
    user = torch.stack((distance * bearing.cos(), distance * bearing.sin(), 0 * distance + 1.5), -1)
    site, still = torch.tensor([0.0, 0.0, 25.0], dtype=torch.float64).expand(BATCH, 1, 3), torch.zeros_like(user)
    indoor = uniform(torch.arange(BATCH) + 500, (USERS,)) < 0.3
    model.set_topology(user, site, still, torch.zeros_like(site), still, indoor)
    model.return_rays = True
    h, delay, rays = model(1, 1.0)
    tone = torch.exp(-2j * math.pi * delay[..., None] * FREQUENCY_HZ)
    return model, rays, torch.einsum("burctn,bucnk->bukrt", h[..., 0], tone).flatten(0, 1)


def ours(model: Any, indices: Tensor, state: int) -> tuple[MimoRays, Tensor]:
    """Rays of the links of one state, with the large-scale parameters of Sionna's, and their c_DS."""
    scenario, lsp, kind = model._scenario, model._lsp, propagation_states("uma", "v19")[state]

    def of(tensor: Tensor) -> Tensor:
        return tensor[:, 0].flatten()[indices]

    values = torch.zeros((len(indices), len(NAMES)), dtype=torch.float64)
    for name in ("DS", "ASD", "ASA", "ZSD", "ZSA"):
        values[:, NAMES.index(name)] = of(getattr(lsp, name.lower())).log10()
    values[:, NAMES.index("K")] = 10 * of(lsp.k_factor).log10()
    links = LinkStatistics(
        values, 10 ** of(scenario.lsp_log_mean[..., 6]), of(scenario.zod_offset),
        *(torch.deg2rad(of(getattr(scenario, f"los_{name}"))) for name in ("aod", "zod")), of(scenario.distance_3d),
    )  # fmt: skip
    key = torch.tensor([state])
    normals = normal(key + 10, (len(indices), 20, DRAWS))[0]
    sides = torch.where(uniform(key + 20, (len(indices), 20, SIDES))[0] < 0.5, 1.0, -1.0)
    clusters = cluster_directions(kind, links, normals, sides, indoor=state == 2)
    drops = Drops(state, tuple(range(len(indices))))
    rays = draw_rays(drops, clusters, cluster_spreads(kind, links), direct_ray(kind, links))
    return rays, of(scenario.get_param("cDS")) * 1e-9


def response(rays: MimoRays, spread: Tensor) -> Tensor:
    base = PanelSettings(columns=2, polarizations=2, ports=4, element="sector")
    ue = PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0)
    zero = torch.zeros((len(spread), 3), dtype=torch.float64)
    one = torch.ones(len(spread), dtype=torch.float64)
    steered = steer(with_sub_clusters(rays, spread), LinkEnd(base, zero), LinkEnd(ue, zero), zero, CARRIER_HZ, one)
    return steered.response(FREQUENCY_HZ, torch.zeros(1, dtype=torch.float64))[:, 0]


def links_of(model: Any, state: int) -> Tensor:
    indoor, los = model._scenario.indoor.flatten(), model._scenario.los[:, 0].flatten()
    return torch.where(indoor, 2, torch.where(los & ~indoor, 0, 1)).eq(state).nonzero()[:, 0]


@pytest.mark.parametrize("state", [0, 1, 2], ids=["LOS", "NLOS", "O2I"])
def test_condition_and_rank(uma: tuple[Any, Any, Tensor], state: int) -> None:
    """Quantiles of 700 to 2600 links, whose standard errors are up to 0.2 dB, and 0.35 dB at 5 and 95 %.

    With two thirds more links the condition differs by at most 0.17 dB from 5 to 90 % and 0.3 dB at 95 %, the power by
    at most 0.19 dB.
    """
    model, _, theirs = uma
    indices = links_of(model, state)
    assert len(indices) > 700
    found = []
    for h in (response(*ours(model, indices, state)), theirs[indices]):
        values = torch.linalg.svdvals(h)
        condition_db = 20 * (values[..., 0] / values[..., 1]).log10().flatten()
        power_db = 10 * values.square().sum(-1).log10().flatten()
        found.append((condition_db.quantile(LEVELS), power_db.quantile(LEVELS), (condition_db < 10).double().mean()))
    for ours_db, theirs_db in zip(found[0][:2], found[1][:2], strict=True):
        apart = (ours_db - theirs_db).abs()
        assert float(apart[1:-1].max()) < 0.6 and float(apart.max()) < 1.0
    assert float(found[0][2]) == pytest.approx(float(found[1][2]), abs=0.05)


@pytest.mark.parametrize("state", [0, 1, 2], ids=["LOS", "NLOS", "O2I"])
def test_angular_spreads(uma: tuple[Any, Any, Tensor], state: int) -> None:
    """Circular spreads of the scattered rays at both ends: medians, within what some hundred links determine."""
    model, theirs, _ = uma
    indices = links_of(model, state)
    rays, _ = ours(model, indices, state)
    for name in ("aod", "aoa", "zod", "zoa"):
        other = getattr(theirs, name)[:, 0].flatten(0, 1)[indices]
        weight = (theirs.powers[:, 0].flatten(0, 1)[indices] / 20)[..., None].expand_as(other)
        medians = [spread(getattr(rays, name), rays.power).median(), spread(other, weight).median()]
        assert float(medians[0]) == pytest.approx(float(medians[1]), rel=0.08)


@pytest.mark.parametrize("state", [0, 1, 2], ids=["LOS", "NLOS", "O2I"])
def test_directions(uma: tuple[Any, Any, Tensor], state: int) -> None:
    """The direct rays are the same; the others lie around the same directions, within the median's error."""
    model, theirs, _ = uma
    indices = links_of(model, state)
    rays, _ = ours(model, indices, state)
    for name in ("aod", "aoa", "zod", "zoa"):
        line = torch.deg2rad(getattr(model._scenario, f"los_{name}")[:, 0].flatten()[indices])
        torch.testing.assert_close(torch.exp(1j * getattr(rays, f"los_{name}")), torch.exp(1j * line))
        other = getattr(theirs, name)[:, 0].flatten(0, 1)[indices]
        weight = (theirs.powers[:, 0].flatten(0, 1)[indices] / 20)[..., None].expand_as(other)
        away = [off(getattr(rays, name), rays.power, line), off(other, weight, line)]
        error = 1.25 * float(torch.sqrt((away[0].var() + away[1].var()) / len(line)))
        assert abs(float(away[0].median() - away[1].median())) < 4 * error


def off(angle: Tensor, power: Tensor, line: Tensor) -> Tensor:
    """Mean direction of the rays from the direct line in rad, ``[links]``."""
    return torch.angle((power * torch.exp(1j * (angle - line[:, None, None]))).sum((-2, -1)))


def spread(angle: Tensor, power: Tensor) -> Tensor:
    """Circular standard deviation in rad (TR 38.901 Annex A.1), ``[links]``."""
    mean = (power * torch.exp(1j * angle)).sum((-2, -1)).abs() / power.sum((-2, -1))
    return (-2 * mean.clamp(max=1 - 1e-12).log()).sqrt()
