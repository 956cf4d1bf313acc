from __future__ import annotations

import math

import pytest
import torch
from oracles_geometry import chi_square, in_hexagon, nearest_displacement
from pydantic import ValidationError
from torch import Tensor

from phy.random import Drops
from phy.topology.sites import Topology, TopologySettings, build_topology, displacement
from phy.topology.users import place_per_cell, place_uniform
from phy.tr38901.indoor import draw_indoor, indoor_distance_m

DROPS = Drops(7, (0, 1))


def network(sites: int = 7, sectors: int = 3, wrap: bool = True, isd_m: float = 500.0) -> Topology:
    return build_topology(TopologySettings(sites=sites, sectors=sectors, wrap_around=wrap, isd_m=isd_m))


@pytest.mark.parametrize("sites", [1, 7, 19, 37])
@pytest.mark.parametrize("sectors", [1, 3])
def test_sites_and_cells(sites: int, sectors: int) -> None:
    topology = network(sites, sectors)
    assert (topology.sites, topology.cells) == (sites, sites * sectors)
    assert topology.cell_site.tolist() == [c // sectors for c in range(sites * sectors)]
    assert topology.site_m[0].tolist() == [0.0, 0.0, 25.0]
    if sites > 1:
        gaps = torch.cdist(topology.site_m, topology.site_m) + 1e9 * torch.eye(sites, dtype=torch.float64)
        assert torch.allclose(gaps.amin(1), torch.full((sites,), 500.0, dtype=torch.float64))
    if sectors == 3:
        assert torch.rad2deg(topology.azimuth_rad[:3]).tolist() == pytest.approx([30.0, 150.0, 270.0])


def test_boresights_point_at_neighbours() -> None:
    topology = network()
    for azimuth in topology.azimuth_rad[:3].tolist():
        ahead = torch.tensor([500.0 * math.cos(azimuth), 500.0 * math.sin(azimuth), 25.0], dtype=torch.float64)
        assert (topology.site_m - ahead).norm(dim=1).min() < 1e-9


def test_single_layout_knows_no_others() -> None:
    topology = build_topology(TopologySettings(layout="single", sectors=1, bs_height_m=10.0))
    assert topology.site_m.tolist() == [[0.0, 0.0, 10.0]]
    assert topology.shift_m.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("sites", [7, 19, 37])
def test_images_tile_the_plane(sites: int) -> None:
    """The sites of all images together are points of the grid, none twice, with a density of one cluster each."""
    topology = network(sites)
    shift = topology.shift_m
    assert shift.shape == (7, 2)
    assert shift[1:].norm(dim=1).tolist() == pytest.approx([500.0 * math.sqrt(sites)] * 6)
    places = (topology.site_m[:, None, :2] + shift).reshape(-1, 2)
    gaps = torch.cdist(places, places) + 1e9 * torch.eye(len(places), dtype=torch.float64)
    assert gaps.min() == pytest.approx(500.0)


def everywhere_alike(topology: Topology, points: int = 40) -> Tensor:
    """The same scattered points in the hexagon of every site: positions ``[Si, points, 3]``."""
    keys = Drops(3, (0,)).keys("scatter")
    single = build_topology(TopologySettings(layout="single", sectors=1, isd_m=topology.isd_m))
    local, _ = place_per_cell(keys, single, points, 0.0, 0.0)
    return topology.site_m[:, None] * torch.tensor([1.0, 1.0, 0.0]) + local


@pytest.mark.parametrize("sites", [7, 19, 37])
def test_with_wrap_around_every_cell_sees_the_same_geometry(sites: int) -> None:
    topology = network(sites)
    user = everywhere_alike(topology)
    distance = displacement(topology, user)[..., :2].norm(dim=-1)  # [site of the user, point, site]
    as_seen_by_users = distance.sort(dim=-1).values
    assert torch.allclose(as_seen_by_users, as_seen_by_users[:1].expand_as(as_seen_by_users), atol=1e-8)
    as_seen_by_sites = distance.flatten(0, 1).sort(dim=0).values
    assert torch.allclose(as_seen_by_sites, as_seen_by_sites[:, :1].expand_as(as_seen_by_sites), atol=1e-8)
    without = displacement(network(sites, wrap=False), user)[..., :2].norm(dim=-1).sum(-1).mean(1)
    assert without[-1] > 1.2 * without[0]  # the test can tell: without wrap-around the edge differs from the centre


@pytest.mark.parametrize("sites", [1, 7, 19, 37])
@pytest.mark.parametrize("wrap", [True, False])
def test_displacement_equals_the_loop(sites: int, wrap: bool) -> None:
    topology = network(sites, wrap=wrap)
    user, _ = place_uniform(DROPS.keys("place"), topology, 15, 35.0, 1.5)
    got = displacement(topology, user)
    for b in range(2):
        for u in range(15):
            for n in range(sites):
                expected = nearest_displacement(
                    topology.site_m[n].tolist(), user[b, u].tolist(), topology.shift_m.tolist()
                )
                assert got[b, u, n].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sectors", [1, 3])
@pytest.mark.parametrize("sites", [1, 7])
def test_every_cell_gets_its_users_in_its_own_area(sites: int, sectors: int) -> None:
    topology = network(sites, sectors)
    user, home = place_per_cell(DROPS.keys("place"), topology, 30, 35.0, 1.5)
    assert home.tolist() == [[c for c in range(sites * sectors) for _ in range(30)]] * 2
    assert user.dtype == torch.float64 and (user[..., 2] == 1.5).all()
    local = user - topology.site_m[topology.cell_site[home]]
    assert (local[..., :2].norm(dim=-1) >= 35.0 - 1e-9).all()
    assert all(in_hexagon(x, y, 500.0) for x, y, _ in local.flatten(0, 1).tolist())
    if sectors == 3:
        off = torch.atan2(local[..., 1], local[..., 0]) - topology.azimuth_rad[home]
        assert (torch.cos(off) >= 0.5 - 1e-12).all()
    nearest = displacement(topology, user)[..., :2].norm(dim=-1).argmin(-1)
    assert torch.equal(nearest, topology.cell_site[home])


@pytest.mark.parametrize("sectors", [1, 3])
@pytest.mark.parametrize("min_distance_m", [0.0, 35.0, 240.0])
def test_placement_is_uniform_outside_the_disc(sectors: int, min_distance_m: float) -> None:
    """Counts on a grid of equal squares wholly inside the permitted area, against equal expectations."""
    topology = build_topology(TopologySettings(layout="single", sectors=sectors))
    user, _ = place_per_cell(Drops(1, (0,)).keys("place"), topology, 240_000 // sectors, min_distance_m, 1.5)
    side = 12.0 if min_distance_m > 200.0 else 25.0
    square = torch.floor(user[0, :, :2] / side).long()
    span = range(-int(300 / side) - 1, int(300 / side) + 1)
    counts = torch.zeros(len(span), len(span), dtype=torch.long)
    counts.index_put_(tuple((square - span[0]).T), torch.ones(len(square), dtype=torch.long), accumulate=True)
    inside = []
    for i in span:
        for j in span:
            corners = [(side * (i + a), side * (j + b)) for a in (0, 1) for b in (0, 1)]
            far = all(math.hypot(*c) > min_distance_m for c in corners)
            straddles = min_distance_m > 0 and i in (-1, 0) and j in (-1, 0)
            if far and not straddles and all(in_hexagon(x, y, 500.0) for x, y in corners):
                inside.append(int(counts[i - span[0], j - span[0]]))
    freedom = len(inside) - 1
    assert freedom > 50
    assert abs(chi_square(inside) - freedom) < 4.5 * math.sqrt(2.0 * freedom)
    area = math.sqrt(0.75) * 500.0**2 - math.pi * min_distance_m**2
    assert sum(inside) / len(inside) == pytest.approx(240_000 * side**2 / area, rel=0.02)


def test_uniform_placement_fills_all_cells_alike() -> None:
    topology = network()
    user, home = place_uniform(Drops(1, (0,)).keys("place"), topology, 42_000, 35.0, 1.5)
    counts = torch.bincount(home[0], minlength=21).tolist()
    assert abs(chi_square(counts) - 20) < 4.5 * math.sqrt(40)
    assert user.shape == (1, 42_000, 3)


def test_excluded_disc_must_fit() -> None:
    with pytest.raises(ValueError, match="less than half the inter-site distance"):
        place_per_cell(DROPS.keys("place"), network(), 1, 250.0, 1.5)
    with pytest.raises(ValidationError, match="less than half of isd_m"):
        TopologySettings(isd_m=60.0)
    with pytest.raises(ValidationError):
        TopologySettings(sites=4)  # type: ignore[arg-type]


def test_placement_of_a_drop_does_not_depend_on_the_batch() -> None:
    topology = network()
    alone, _ = place_per_cell(Drops(7, (3,)).keys("place"), topology, 5, 35.0, 1.5)
    batch, _ = place_per_cell(Drops(7, (0, 3, 9)).keys("place"), topology, 5, 35.0, 1.5)
    assert torch.equal(alone[0], batch[1])
    assert not torch.equal(batch[0], batch[1])


def test_indoor_draws() -> None:
    keys = Drops(7, (0,)).keys("indoor")
    assert draw_indoor(keys, 100_000, 0.8).double().mean().item() == pytest.approx(0.8, abs=0.006)
    assert not draw_indoor(keys, 1000, 0.0).any() and draw_indoor(keys, 1000, 1.0).all()
    for model, reach in (("uma", 25.0), ("umi", 25.0), ("rma", 10.0)):
        depth = indoor_distance_m(keys, 100_000, model)  # type: ignore[arg-type]
        assert depth.mean().item() == pytest.approx(reach / 3.0, rel=0.02)  # the smaller of two uniform draws
        assert depth.square().mean().item() == pytest.approx(reach**2 / 6.0, rel=0.03)
        assert depth.min() > 0.0 and depth.max() < reach
