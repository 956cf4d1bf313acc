from __future__ import annotations

import dataclasses
import math
import warnings

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from phy.antenna.element import SectorAntennaSettings
from phy.random import Drops
from phy.topology.sites import Topology, TopologySettings, build_topology
from phy.topology.users import place_per_cell
from phy.tr38901.indoor import indoor_distance_m
from phy.tr38901.large_scale import LargeScale, PropagationSettings, delay_spread_log10, large_scale
from phy.tr38901.los import los_probability
from phy.tr38901.pathloss import PathLossModel, free_space_db

ANTENNA = SectorAntennaSettings()
TOPOLOGY = build_topology(TopologySettings())


def users(drops: Drops, per_cell: int = 4, topology: Topology = TOPOLOGY) -> Tensor:
    return place_per_cell(drops.keys("place"), topology, per_cell, 35.0, 1.5)[0]


def state(drops: Drops, user_m: Tensor, topology: Topology = TOPOLOGY, **settings: object) -> LargeScale:
    """Antenna gains are those of the direct line: the sums over rays have tests of their own (test_phy_rays)."""
    settings.setdefault("antenna_gain", "direct")
    return large_scale(drops, topology, user_m, PropagationSettings(**settings), ANTENNA)  # type: ignore[arg-type]


def shadowing_db(model: PathLossModel, los: str, indoor: float, user_m: Tensor, drops: Drops) -> Tensor:
    common = {"model": model, "los": los, "indoor_share": indoor, "o2i": "none"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        on, off = (state(drops, user_m, shadowing=s, **common) for s in (True, False))
    return on.gain_db - off.gain_db


@pytest.mark.parametrize(("model", "los"), [("uma", "always"), ("uma", "never"), ("umi", "always"), ("umi", "never")])
def test_one_centimetre_changes_shadowing_by_a_fraction_of_a_tenth_of_a_decibel(model: PathLossModel, los: str) -> None:
    drops = Drops(5, (0, 1))
    here = users(drops)
    there = here + torch.tensor([0.006, -0.008, 0.0])
    change = shadowing_db(model, los, 0.0, there, drops) - shadowing_db(model, los, 0.0, here, drops)
    assert 0.0 < change.abs().mean() < 0.03
    assert change.abs().max() < 0.15


def test_one_centimetre_indoors() -> None:
    """Indoors the table demands 7 dB over 7 m; a change beyond 0.1 dB is an event of one in some thousands."""
    drops = Drops(5, tuple(range(8)))
    here = users(drops)
    there = here + torch.tensor([0.006, -0.008, 0.0])
    change = shadowing_db("uma", "random", 1.0, there, drops) - shadowing_db("uma", "random", 1.0, here, drops)
    assert change.abs().quantile(0.99) < 0.1 and change.abs().max() < 0.15


@pytest.mark.parametrize(
    ("model", "los", "indoor", "sigma"),
    [("uma", "always", 0.0, 4.0), ("uma", "never", 0.0, 6.0), ("umi", "never", 0.0, 7.82), ("rma", "never", 1.0, 8.0)],
)
def test_shadowing_spread(model: PathLossModel, los: str, indoor: float, sigma: float) -> None:
    drops = Drops(2, tuple(range(100)))
    shadow = shadowing_db(model, los, indoor, users(drops, 1), drops)
    assert torch.allclose(shadow[..., 0::3], shadow[..., 1::3], atol=1e-9)  # the sectors of a site share it
    assert shadow.std().item() == pytest.approx(sigma, rel=0.03)
    assert abs(shadow.mean().item()) < 0.1 * sigma


def test_line_of_sight_has_its_probability_and_is_continuous() -> None:
    drops = Drops(4, tuple(range(200)))
    here = users(drops, 2)
    seen = state(drops, here)
    distance_2d = (seen.distance_m.square() - 23.5**2).sqrt()
    expected = los_probability("uma", distance_2d, torch.full_like(distance_2d, 1.5))
    near = distance_2d < 250.0
    for links in (near, ~near):
        assert seen.los[links].double().mean().item() == pytest.approx(expected[links].mean().item(), rel=0.08)
    moved = state(drops, here + torch.tensor([0.01, 0.0, 0.0]))
    assert 0.0 < (moved.los != seen.los).double().mean() < 1e-3


def test_line_of_sight_decorrelates_over_50_m() -> None:
    """Two users side by side agree more often than two far apart, and two on one spot always."""
    drops = Drops(9, tuple(range(500)))
    x = torch.tensor([120.0, 120.0, 121.0, 145.0, -120.0]).double()
    spot = torch.stack([x, torch.zeros(5).double(), torch.full((5,), 1.5).double()], dim=-1)
    seen = state(drops, spot.expand(500, -1, -1)).los[..., 0].double()
    correlation = torch.corrcoef(seen.T)[0]
    assert correlation[1] == pytest.approx(1.0)
    assert correlation[2] > 0.8 > correlation[3] > 0.25 > correlation[4].abs() * 2


def test_forced_line_of_sight() -> None:
    drops = Drops(4, (0,))
    assert state(drops, users(drops), los="always").los.all()
    assert not state(drops, users(drops), los="never").los.any()
    assert not state(drops, users(drops), los="always", indoor_share=1.0).los.any()


def test_line_of_sight_ends_at_the_outer_wall() -> None:
    """Indoors the probability is that of the outdoor distance, some metres shorter: its effect shows in the loss."""
    topology = build_topology(TopologySettings(layout="single", sectors=1))
    drops = Drops(6, tuple(range(300)))
    angle = torch.linspace(0.0, 2.0 * math.pi, 13, dtype=torch.float64)[:-1]
    ring = torch.stack([30.0 * torch.cos(angle), 30.0 * torch.sin(angle), torch.full_like(angle, 1.5)], dim=-1)
    ring = ring.expand(300, -1, -1)
    common = {"indoor_share": 1.0, "o2i": "none", "shadowing": False}
    seen, clear = (state(drops, ring, topology, los=los, **common).gain_db for los in ("random", "always"))
    depth = indoor_distance_m(drops.keys("indoor_distance"), 12, "uma")
    expected = los_probability("uma", 30.0 - depth, torch.full_like(depth, 1.5)).mean().item()
    assert (seen == clear).double().mean().item() == pytest.approx(expected, abs=0.025)  # 0.84 without the depth
    assert expected > 0.9


def test_free_space_is_geometry_alone() -> None:
    topology = build_topology(TopologySettings(layout="single", sectors=1))
    drops = Drops(4, (0,))
    seen = state(drops, users(drops, 20, topology), topology, model="free_space", carrier_hz=2e9)
    assert torch.allclose(seen.gain_db, -free_space_db(seen.distance_m, 2e9))
    assert (seen.k_factor_db == 100.0).all()


def test_penetration_lowers_the_gain_of_those_indoors_only() -> None:
    drops = Drops(4, tuple(range(10)))
    here = users(drops)
    without, low, high = (state(drops, here, indoor_share=0.5, o2i=o2i) for o2i in ("none", "low", "high"))
    assert torch.equal(without.indoor, low.indoor) and 0.4 < low.indoor.double().mean() < 0.6
    loss_low, loss_high = without.gain_db - low.gain_db, without.gain_db - high.gain_db
    assert loss_low[~low.indoor].abs().max() < 1e-9
    assert 12.0 < loss_low[low.indoor].mean() < 25.0 < loss_high[low.indoor].mean() < 45.0
    assert loss_low.std(dim=-1).max() < 1e-9  # one loss per user towards all cells


def test_k_factor_and_delay_spread_follow_the_tables() -> None:
    drops = Drops(6, tuple(range(100)))
    seen = state(drops, users(drops, 2), indoor_share=0.3)
    assert (seen.k_factor_db[~seen.los] == -100.0).all()
    assert seen.k_factor_db[seen.los].mean().item() == pytest.approx(9.0, abs=0.4)
    assert seen.k_factor_db[seen.los].std().item() == pytest.approx(3.5, rel=0.08)
    inside = seen.indoor[..., None].expand_as(seen.los)
    columns = (seen.los, ~seen.los & ~inside, inside)
    for links, (mean, sigma) in zip(columns, delay_spread_log10("uma", 3.5e9), strict=True):
        log = seen.delay_spread_s[links].log10()
        assert log.mean().item() == pytest.approx(mean, abs=0.06)
        assert log.std().item() == pytest.approx(sigma, rel=0.08)
    assert 1e-8 < seen.delay_spread_s.median() < 1e-6


@pytest.mark.parametrize("model", ["uma", "umi", "rma", "free_space"])
def test_shapes_types_and_finiteness(model: str) -> None:
    drops = Drops(3, (0, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = state(drops, users(drops), model=model, indoor_share=0.5)
    u, c, n = 84, 21, 7
    shapes = {"gain_db": (u, c), "los": (u, n), "indoor": (u,), "k_factor_db": (u, n), "delay_spread_s": (u, n)}
    for name, shape in {**shapes, "distance_m": (u, n)}.items():
        value = getattr(seen, name)
        assert value.shape == (2, *shape)
        assert value.dtype == (torch.bool if name in ("los", "indoor") else torch.float64)
        assert torch.isfinite(value.double()).all()
    assert seen.gain_db.min() > -250.0 and seen.gain_db.max() < -30.0


def test_drops_are_independent_of_their_batch() -> None:
    batch = Drops(8, (0, 1, 2, 3, 4))
    together = state(batch, users(batch), indoor_share=0.5)
    for row, alone in enumerate(batch.single()):
        apart = state(alone, users(alone), indoor_share=0.5)
        for f in dataclasses.fields(LargeScale):
            mine, theirs = getattr(together, f.name)[row], getattr(apart, f.name)[0]
            assert torch.allclose(mine.double(), theirs.double(), rtol=1e-12, atol=1e-9), f.name
    again = state(Drops(8, (3,)), users(Drops(8, (3,))), indoor_share=0.5)
    apart = state(batch.single()[3], users(batch.single()[3]), indoor_share=0.5)
    assert torch.equal(again.gain_db, apart.gain_db)
    assert not torch.allclose(together.gain_db[0], together.gain_db[1])
    other_seed = state(Drops(9, (3,)), users(Drops(8, (3,))), indoor_share=0.5)
    for f in ("gain_db", "los", "indoor", "k_factor_db", "delay_spread_s"):
        assert not torch.equal(getattr(other_seed, f), getattr(apart, f)), f


def test_nothing_draws_from_the_global_generator() -> None:
    drops = Drops(8, (0,))
    torch.manual_seed(1)
    first = state(drops, users(drops), indoor_share=0.5).gain_db
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert torch.equal(state(drops, users(drops), indoor_share=0.5).gain_db, first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_users_in_the_air_are_refused() -> None:
    drops = Drops(1, (0,))
    flying = users(drops) + torch.tensor([0.0, 0.0, 100.0])
    with pytest.raises(ValueError, match=r"101\.5 m high"):
        state(drops, flying)
    with pytest.raises(ValidationError, match="terrestrial model"):
        PropagationSettings(ue_height_m=100.0)
    assert PropagationSettings(model="free_space", ue_height_m=100.0).ue_height_m == 100.0
    with pytest.raises(ValidationError, match="nothing that could block"):
        PropagationSettings(model="free_space", los="never")


def test_the_own_cell_is_usually_the_strongest() -> None:
    drops = Drops(1, tuple(range(5)))
    here, home = place_per_cell(drops.keys("place"), TOPOLOGY, 10, 35.0, 1.5)
    quiet = state(drops, here, shadowing=False, los="never")
    assert (quiet.gain_db.argmax(-1) == home).double().mean() > 0.9
    loud = state(drops, here)
    assert 0.6 < (loud.gain_db.argmax(-1) == home).double().mean() < 0.97
