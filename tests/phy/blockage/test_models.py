"""Blockage models A and B: closed forms of the knife edge, slow loops, continuity, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import oracles_blockage as oracle
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from torch import Tensor

from phy.blockage import (
    BlockageSettings,
    ModelASettings,
    ModelBSettings,
    draw_blocking_regions,
    draw_blocking_screens,
    edge_contribution,
    model_a_loss_db,
    model_b_loss_db,
    path_loss_db,
    screen_loss_db,
)
from phy.blockage.model_a import _at
from phy.mobility import area_of, wrap_position
from phy.random import Drops, uniform
from phy.topology.sites import TopologySettings, build_topology, displacement
from phy.topology.users import place_per_cell

TOPOLOGY = build_topology(TopologySettings())
DROPS = Drops(4, (0, 6, 2))
WAVELENGTH_M = 299_792_458.0 / 3.5e9
CORNER = ((0.0, 0.0), (60.0, 0.0), (60.0, 20.0), (20.0, 20.0), (20.0, 80.0), (0.0, 80.0))  # two streets meet


def f64(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# Knife edge


def test_grazing_a_half_plane_costs_6_db() -> None:
    """A screen that ends on the path and has its other edges far away takes half of the field."""
    far = edge_contribution(f64(1.0), f64(1e9), WAVELENGTH_M)
    assert float(far) == pytest.approx(0.5, abs=1e-5)
    grazing = edge_contribution(f64(1.0), f64(0.0), WAVELENGTH_M) + far
    assert float(screen_loss_db(grazing, 2 * far)) == pytest.approx(20 * math.log10(2), abs=1e-3)


def test_deep_shadow_follows_the_knife_edge() -> None:
    """Far in the shadow the field falls like 1 / sqrt(detour), as in ITU-R P.526.

    P.526 has ``20 log10(v) + 13`` dB with ``v = 2 sqrt(d / lambda)`` for a half plane; the standard's arctan gives
    ``20 log10(pi^2 sqrt(pi) v / 4)``, 0.2 dB less.
    """
    for detour in (1.0, 10.0, 100.0):
        covered = (
            edge_contribution(f64(1.0), f64(detour), WAVELENGTH_M) + 0.5
        )  # one edge above the path, the others far away
        loss = float(screen_loss_db(covered, f64(1.0)))
        v = 2.0 * math.sqrt(detour / WAVELENGTH_M)
        assert loss == pytest.approx(20 * math.log10(v) + 13.0, abs=0.3)


def test_the_shadow_of_a_half_plane_follows_p526() -> None:
    """ITU-R P.526: J(v) = 6.9 + 20 log10(sqrt((v - 0.1)^2 + 1) + v - 0.1), within 1.2 dB from v = 0 to 10."""
    for v in (0.0, 0.2, 0.5, 1.0, 2.4, 5.0, 10.0):
        detour = WAVELENGTH_M * v**2 / 4.0
        loss = float(screen_loss_db(edge_contribution(f64(v), f64(detour), WAVELENGTH_M) + 0.5, f64(1.0)))
        assert loss == pytest.approx(6.9 + 20 * math.log10(math.hypot(v - 0.1, 1.0) + v - 0.1), abs=1.2)


# Model B


def test_screens_as_a_loop_words_them() -> None:
    draw = uniform(torch.tensor([1, 2]), (5, 4))
    user = torch.cat((40.0 * draw[..., :2] - 20.0, 1.0 + draw[..., 2:3]), -1)
    site = f64([[60.0, 10.0, 25.0], [-8.0, 14.0, 4.0], [5.0, -80.0, 3.0]])
    middle = 80.0 * uniform(torch.tensor([3, 4]), (40, 2)) - 40.0
    for width, height in ((0.3, 1.7), (4.8, 1.4), (20.0, 15.0)):
        offset = middle[:, None] - user[:, :, None, :2]
        towards = site - user[:, :, None]
        loss = path_loss_db(offset, user[:, :, None, 2:], towards, (width, height), WAVELENGTH_M)
        for b in range(2):
            for u in range(5):
                for n in range(3):
                    for r in range(40):
                        expected = oracle.screen_loss_db(
                            user[b, u].tolist(), site[n].tolist(), middle[b, r].tolist(), width, height, WAVELENGTH_M
                        )
                        assert float(loss[b, u, n, r]) == pytest.approx(expected, abs=1e-9)
        assert loss.max() > 0.4


def test_a_screen_in_the_middle_has_the_closed_form() -> None:
    """Symmetric case: detours are 2 sqrt(d^2 + e^2) - 2 d for both edges of either projection."""
    d, width, height = 10.0, 4.0, 6.0
    loss = path_loss_db(
        f64([[[[d, 0.0]]]]), f64([[[[3.0]]]]), f64([[[2 * d, 0.0, 0.0]]]), (width, height), WAVELENGTH_M
    )
    across = 2 * oracle.f(1.0, 2 * math.hypot(d, width / 2) - 2 * d, WAVELENGTH_M)
    upright = 2 * oracle.f(1.0, 2 * math.hypot(d, height / 2) - 2 * d, WAVELENGTH_M)
    assert float(loss) == pytest.approx(-20 * math.log10(1 - across * upright), abs=1e-9)
    assert 10.0 < float(loss) < 40.0


def test_a_bypassing_screen_changes_nothing_suddenly() -> None:
    """A car crosses the path; in steps of 1 cm the loss changes by a fraction of a dB, and is small far away."""
    y = torch.linspace(-30.0, 30.0, 6001, dtype=torch.float64)
    middle = torch.stack((torch.full_like(y, 8.0), y), -1)[None, None]
    loss = path_loss_db(middle, f64([[[[1.5]]]]), f64([[[300.0, 0.0, 8.5]]]), (4.8, 3.0), WAVELENGTH_M)[0, 0, 0]
    assert loss.max() > 10.0
    assert loss.diff().abs().max() < 0.5
    assert loss[0] < 0.3 and loss[-1] < 0.3
    assert (loss >= 0.0).all()


def test_screens_move_through_the_network() -> None:
    settings = ModelBSettings(count=60, width_m=4.8, height_m=4.0)
    screens = draw_blocking_screens(DROPS, settings, area_of(TOPOLOGY), 50.0)
    user = place_per_cell(DROPS.keys("placement"), TOPOLOGY, 4, 35.0, 1.5)[0]
    towards = -displacement(TOPOLOGY, user)
    now, later = (model_b_loss_db(screens, user, towards, t_s, 3.5e9) for t_s in (0.0, 50.0))
    assert now.shape == (3, 84, 7)
    assert (now >= 0.0).all() and not torch.equal(now, later)
    soon = model_b_loss_db(screens, user, towards, 0.001, 3.5e9)
    assert (now - soon).abs().max() < 1.0
    alone = draw_blocking_screens(Drops(4, (6,)), settings, area_of(TOPOLOGY), 50.0)
    position = torch.tensor([7.0])
    assert torch.equal(alone.trajectory.position_m(position)[0], screens.trajectory.position_m(position)[1])


def test_screens_are_seen_across_the_border_of_the_cluster() -> None:
    """A translation of the cluster changes nothing, whether the user is moved alone or with the screen beside it."""
    settings = ModelBSettings(count=200, width_m=5.0, height_m=5.0)
    screens = draw_blocking_screens(DROPS, settings, area_of(TOPOLOGY), 1.0)
    near = screens.trajectory.position_m(torch.tensor([0.0]))[:, :30, 0] + f64([-2.0, -1.0, 1.5])
    towards = f64([100.0, 50.0, 20.0]).expand(3, 30, 1, 3)
    here = model_b_loss_db(screens, near, towards, 0.0, 3.5e9)
    assert (here > 1.0).any()
    assert torch.allclose(model_b_loss_db(screens, wrap_position(TOPOLOGY, near), towards, 0.0, 3.5e9), here, atol=1e-6)
    step = torch.cat((TOPOLOGY.shift_m[3], f64([0.0])))
    assert torch.allclose(model_b_loss_db(screens, near + step, towards, 0.0, 3.5e9), here, atol=1e-6)


# Model A


def test_regions_as_a_loop_words_them() -> None:
    settings = ModelASettings(self_blocking="none", blockers=6, environment="indoor")
    regions = draw_blocking_regions(DROPS, settings, 8)
    position = torch.zeros((3, 8, 3), dtype=torch.float64)
    direction = uniform(DROPS.keys("direction"), (8, 40, 2))
    azimuth, zenith = 2 * math.pi * direction[..., 0], math.radians(60.0) + math.radians(60.0) * direction[..., 1]
    loss = model_a_loss_db(regions, position, 3.0, azimuth, zenith, 28e9)
    middle, width, height = (torch.rad2deg(value) for value in _at(regions, position, 3.0))
    for b in range(3):
        for u in range(8):
            for n in range(40):
                expected = 0.0
                for r in range(6):
                    off = (math.degrees(azimuth[b, u, n]) - float(middle[b, u, r]) + 180.0) % 360.0 - 180.0
                    size = float(width[b, u, r]), float(height[b, u, r])
                    rise = math.degrees(zenith[b, u, n]) - 90.0
                    expected += oracle.region_loss_db(off, rise, *size, 2.0, 299_792_458.0 / 28e9)
                assert float(loss[b, u, n]) == pytest.approx(expected, abs=1e-8)
    assert loss.max() > 3.0


def test_region_sizes_and_directions() -> None:
    regions = draw_blocking_regions(Drops(1, (0,)), ModelASettings(), 3000)
    azimuth, width, height = (value.flatten().numpy() for value in _at(regions, torch.zeros((1, 3000, 3)), 0.0))
    assert stats.kstest(azimuth / (2 * math.pi), "uniform").pvalue > 1e-3
    assert stats.kstest((width * 180 / math.pi - 5.0) / 10.0, "uniform").pvalue > 1e-3
    assert height == pytest.approx(math.radians(5.0))


@pytest.mark.parametrize(("metres", "seconds"), [(2.0, 0.0), (10.0, 0.0), (0.0, 5.0), (5.0, 5.0), (30.0, 0.0)])
def test_regions_forget_like_an_exponential(metres: float, seconds: float) -> None:
    """10 m, or 10 m over the blockers' 3 km/h, which is 12 s; correlation of the Gaussian below the uniform number."""
    regions = draw_blocking_regions(Drops(2, (0,)), ModelASettings(), 1500)
    here = torch.zeros((1, 1500, 3), dtype=torch.float64)
    there = here + f64([0.6 * metres, 0.8 * metres, 0.0])
    before, after = _gauss(regions, here, 0.0), _gauss(regions, there, seconds)
    expected = math.exp(-(metres / 10.0 + seconds / (10.0 / (3 / 3.6))))
    assert float((before * after).mean() / before.square().mean()) == pytest.approx(expected, abs=0.05)


def _gauss(regions: Any, position_m: Tensor, t_s: float) -> Tensor:
    return torch.special.ndtri(_at(regions, position_m, t_s)[0] / (2 * math.pi))


def test_a_step_of_a_centimetre_changes_little() -> None:
    settings = ModelASettings(blockers=4)
    regions = draw_blocking_regions(Drops(2, (0,)), settings, 300)
    walk = f64([[0.01 * step, 0.0, 1.5] for step in range(400)])
    azimuth = 2 * math.pi * uniform(torch.tensor([3]), (300, 5))
    zenith = torch.full_like(azimuth, math.radians(92.0))
    loss = torch.stack(
        [model_a_loss_db(regions, place.expand(1, 300, 3), 0.0, azimuth, zenith, 3.5e9) for place in walk]
    )
    assert loss.diff(dim=0).abs().max() < 1.5  # the standard cuts a blocker off where it still has up to 0.5 dB
    assert loss.max() > 5.0


@pytest.mark.parametrize(
    ("hold", "centre", "wide", "height"), [("portrait", 260, 120, 100), ("landscape", 40, 160, 110)]
)
def test_the_users_own_region(hold: Any, centre: float, wide: float, height: float) -> None:
    regions = draw_blocking_regions(DROPS, ModelASettings(self_blocking=hold, blockers=0), 5)
    angles = torch.deg2rad(f64([0.0, 0.5 * wide, 0.5 * wide - 5.5, 0.5 * wide + 5.5, 180.0]))
    azimuth = regions.heading_rad[..., None] + math.radians(centre) + angles
    loss = model_a_loss_db(
        regions, torch.zeros((3, 5, 3)), 0.0, azimuth, torch.full_like(azimuth, math.radians(height)), 3.5e9
    )
    assert torch.allclose(loss, f64([30.0, 15.0, 30.0, 0.0, 0.0]).expand_as(loss), atol=1e-6)
    up = model_a_loss_db(regions, torch.zeros((3, 5, 3)), 0.0, azimuth, torch.zeros_like(azimuth), 3.5e9)
    assert (up == 0.0).all()
    sharp = draw_blocking_regions(DROPS, ModelASettings(self_blocking=hold, blockers=0, edge_deg=0.0), 5)
    level = model_a_loss_db(sharp, torch.zeros((3, 5, 3)), 0.0, azimuth, torch.full_like(azimuth, 1.745), 3.5e9)
    assert set(level.unique().tolist()) == {0.0, 30.0}


def test_regions_of_a_drop_alone_and_in_a_batch() -> None:
    position = 100.0 * uniform(DROPS.keys("where"), (9, 3))
    azimuth = 2 * math.pi * uniform(DROPS.keys("direction"), (9, 4))
    zenith = torch.full_like(azimuth, 1.6)
    whole = draw_blocking_regions(DROPS, ModelASettings(), 9)
    alone = draw_blocking_regions(Drops(4, (6,)), ModelASettings(), 9)
    assert torch.equal(alone.wave[0], whole.wave[1]) and torch.equal(alone.phase[0], whole.phase[1])
    one = model_a_loss_db(alone, position[1:2], 2.0, azimuth[1:2], zenith[1:2], 3.5e9)
    assert torch.allclose(one[0], model_a_loss_db(whole, position, 2.0, azimuth, zenith, 3.5e9)[1], atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "screens"}, "Field required"),
        ({"model": "screens", "count": 5, "width_m": 0}, "greater than or equal to 0.05"),
        ({"model": "regions", "self_blocking": "purse"}, "portrait"),
        ({"model": "regions", "edges": 1}, "Unexpected keyword"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(BlockageSettings).validate_python(settings)
