"""Sums over rays against plain loops, and the air as a function of position: continuous, fresh far away."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from oracles_rays import clusters, directions, mean_gain
from torch import Tensor

from phy.antenna.element import SectorAntennaSettings, polarization_gain
from phy.channel.channel import ChannelPlan, build_channel
from phy.channel.fading import FadingSettings
from phy.link.response import FrequencyBasis, Response
from phy.random import Drops, normal, uniform
from phy.topology.sites import TopologySettings, build_topology
from phy.topology.users import place_per_cell
from phy.tr38901 import cluster_angles
from phy.tr38901.large_scale import (
    LargeScale,
    LargeScaleModel,
    LargeScalePlan,
    PropagationSettings,
    draw_large_scale_model,
    large_scale,
    place_on_floors,
)
from phy.tr38901.lsp_tables import propagation_states
from phy.tr38901.pathloss import PathLossModel, path_loss_db

DROP = Drops(3, (1,))
ANTENNA = SectorAntennaSettings()
SMALL = build_topology(TopologySettings(sites=7))
NETWORKS: dict[str, TopologySettings] = {
    "uma": TopologySettings(sites=7),
    "umi": TopologySettings(sites=7, isd_m=200, bs_height_m=10, min_distance_m=10),
    "rma": TopologySettings(sites=7, isd_m=1732, bs_height_m=35),
    "inh": TopologySettings(layout="indoor", isd_m=20, bs_height_m=3, min_distance_m=0, sectors=1),
}


@pytest.mark.parametrize(("model", "column", "k_db"), [("uma", 0, 6.0), ("uma", 1, None), ("rma", 2, None)])
def test_gains_equal_the_loop(model: PathLossModel, column: int, k_db: float | None) -> None:
    state, rows, boresight = propagation_states(model, "v16")[column], 6, [30.0, 150.0, -90.0]
    draw = normal(torch.tensor([5]), (rows, 20, 4))[0]
    side = torch.where(uniform(torch.tensor([6]), (rows, 20, 2))[0] < 0.5, 1.0, -1.0).double()
    pick = cluster_angles.pairing_index(uniform(torch.tensor([7]), (rows, 20))[0])
    asd, zsd = (torch.linspace(low, high, rows, dtype=torch.float64) for low, high in ((3.0, 60.0), (0.5, 12.0)))
    spread, k = torch.full((rows,), 2e-7).double(), None if k_db is None else torch.full((rows,), k_db).double()
    made = cluster_angles.clusters(state, spread, k, draw[..., :2], 20)
    spreads = cluster_angles.AngularSpreads(
        asd, zsd, torch.full_like(asd, 2.4), torch.full_like(asd, 70.0), torch.full_like(asd, 96.0), 0 * asd - 2.0, k
    )
    n = state.clusters
    found = cluster_angles.cluster_angles_deg(state, made.power[:, :n], spreads, draw[:, :n, 2:], side[:, :n])
    gain = cluster_angles.mean_gains(
        state, ANTENNA, torch.deg2rad(torch.tensor(boresight)), spreads, (*found, pick[:, :n])
    )
    for r in range(rows):
        delays, powers = clusters(state, 2e-7, k_db, draw[r, :, :2].tolist())
        assert made.delay_s[r, :n].tolist() == pytest.approx(delays, rel=1e-6, abs=1e-18)
        assert made.power[r, :n].tolist() == pytest.approx(powers, rel=1e-6)
        assert (made.power[r, n:] == 0.0).all()
        aimed = directions(
            state, powers, float(asd[r]), float(zsd[r]), 70.0, 94.0, k_db, draw[r, :, 2:].tolist(), side[r].tolist()
        )
        for c, (azimuth, zenith) in enumerate(aimed):
            assert (float(found[0][r, c]), float(found[1][r, c])) == pytest.approx((azimuth, zenith), abs=1e-4)
            paired = cluster_angles.pairings()[pick[r, c]].tolist()
            for s, towards in enumerate(boresight):
                expected = mean_gain(state, azimuth, zenith, paired, 2.4, towards, (8, 0.8, 99.0))
                assert float(gain[r, s, c]) == pytest.approx(expected, rel=2e-3, abs=1e-9)


def test_pairings_are_permutations() -> None:
    table = cluster_angles.pairings().sort(-1).values
    assert torch.allclose(table, cluster_angles.ray_offsets().float().sort().values.expand_as(table))
    assert len({tuple(row) for row in cluster_angles.pairings().tolist()}) == 64
    assert cluster_angles.ray_offsets().square().mean().sqrt().item() == pytest.approx(1.0, abs=1e-3)


def drawn_model(
    model: str, users: int = 40, antenna: SectorAntennaSettings = ANTENNA, **settings: Any
) -> tuple[LargeScaleModel, Tensor]:
    topology = build_topology(NETWORKS[model])
    propagation = PropagationSettings(model=model, **settings)  # type: ignore[arg-type]
    plan = LargeScalePlan(topology, propagation, antenna, users)
    per_cell = -(-users // topology.cells)
    position = place_per_cell(DROP.keys("place"), topology, per_cell, NETWORKS[model].min_distance_m, 1.5)[0]
    return draw_large_scale_model(DROP, plan), position[:, :users]


@pytest.mark.parametrize("model", list(NETWORKS))
def test_rays_of_isotropic_antennas_carry_exactly_the_power_of_the_link(model: str) -> None:
    """Loss and shadowing are all that is left; an element with 0 dBi everywhere goes through the sums over rays."""
    flat = SectorAntennaSettings(max_gain_dbi=0.0, front_to_back_db=0.0, vertical_elements=1)
    drawn, position = drawn_model(model, antenna=flat)
    seen = drawn.at(position)
    loss = path_loss_db(model, _link(drawn, position), seen.los)  # type: ignore[arg-type]
    expected = (seen.shadowing_db - loss)[..., drawn.plan.topology.cell_site]
    assert (seen.gain_db - expected).abs().max() < 1e-5
    cell_k = seen.cell_k_db[seen.los[..., drawn.plan.topology.cell_site]]
    own_k = seen.k_factor_db[..., drawn.plan.topology.cell_site][seen.los[..., drawn.plan.topology.cell_site]]
    assert torch.allclose(cell_k, own_k, atol=1e-4)
    assert torch.allclose(seen.cluster_power.sum(-1), torch.ones(()).double())


def _link(drawn: LargeScaleModel, position: Tensor) -> Any:
    from phy.tr38901.large_scale import _geometry

    return _geometry(drawn, position, position).link


def test_polarization_costs_half_of_the_direct_ray_and_less_of_the_others() -> None:
    slant = SectorAntennaSettings(polarization="slant")
    assert polarization_gain(ANTENNA, (7.0, 3.0)) == (1.0, 1.0)
    scattered, direct = polarization_gain(slant, (7.0, 3.0))
    many = 7.0 + 3.0 * normal(torch.tensor([1]), (200_000,))
    assert scattered == pytest.approx(0.5 * (1.0 + float((10 ** (-many / 10)).mean())), rel=2e-3)
    assert direct == 0.5
    drawn, position = drawn_model("uma")
    turned = dataclasses.replace(drawn, plan=dataclasses.replace(drawn.plan, antenna=slant))
    lost = drawn.at(position).gain_db - turned.at(position).gain_db
    assert lost.min() > 1.8 and lost.max() < 3.02


def test_scattering_lights_up_the_sectors_that_look_elsewhere() -> None:
    """Behind a sector the direct line is 30 dB down; the rays of a link without line of sight are so only in part."""
    drawn, position = drawn_model("uma", los="never")
    direct = dataclasses.replace(drawn.plan.propagation, antenna_gain="direct")
    straight = dataclasses.replace(drawn, plan=dataclasses.replace(drawn.plan, propagation=direct))
    rays, line = drawn.at(position).gain_db, straight.at(position).gain_db
    contrast = [gain.view(1, 40, 7, 3).amax(-1).repeat_interleave(3, -1) - gain for gain in (rays, line)]
    behind = contrast[1] > 20.0
    assert contrast[0][behind].mean() < contrast[1][behind].mean() - 2.0
    assert rays.view(1, 40, 7, 3).amax(-1).mean() < line.view(1, 40, 7, 3).amax(-1).mean()


@pytest.mark.parametrize("model", list(NETWORKS))
def test_one_centimetre_changes_nothing_visible(model: str) -> None:
    """Line of sight that ends softly, some users indoors, all gains summed over rays."""
    drawn, here = drawn_model(model, indoor_share=0.0 if model == "inh" else 0.4, los_transition="soft")
    there = here + torch.tensor([0.006, -0.008, 0.0])
    one, two = drawn.at(here), drawn.at(there)
    for before, after in ((one.gain_db, two.gain_db), (one.shadowing_db, two.shadowing_db)):
        change = (after - before).abs()
        bar = 0.12 if model == "inh" else 0.05  # indoors 8 dB of shadowing decorrelate within 6 m
        assert 0.0 < change.mean() < bar
        assert change.quantile(0.95) < 3 * bar and change.max() < 3.0
    same = one.los == two.los
    for name in ("delay_spread_s", "spreads_deg"):
        ratio = (getattr(two, name)[same] / getattr(one, name)[same]).log10().abs()
        assert ratio.mean() < 5e-3 and ratio.max() < 0.1
    steady = same[..., drawn.plan.topology.cell_site]
    assert (two.cluster_power - one.cluster_power)[steady].abs().flatten().quantile(0.99) < 0.02


def test_a_walk_has_no_jumps() -> None:
    """40 m in steps of 2 cm past corners: with a soft end of line of sight, no step changes a gain by 1 dB.

    Without wrap-around, where a far site is seen from its other side at the border of the cluster.
    """
    drawn, here = drawn_model("umi", users=3, los_transition="soft")
    alone_plan = dataclasses.replace(
        drawn.plan, topology=build_topology(dataclasses.replace(NETWORKS["umi"], wrap_around=False))
    )
    drawn = dataclasses.replace(drawn, plan=alone_plan)
    steps = 0.02 * torch.arange(2000, dtype=torch.float64)
    path = here[:, :1] + torch.stack((0.8 * steps, 0.6 * steps, 0.0 * steps), -1)
    plan = dataclasses.replace(drawn.plan, users=len(steps))
    alone = {name: getattr(drawn, name)[:, :1].expand(-1, len(steps), *[-1] * (getattr(drawn, name).ndim - 2))
             for name in ("indoor", "depth_m", "extra_loss_db", "environment", "side")}  # fmt: skip
    walk = dataclasses.replace(drawn, plan=plan, **alone).at(path)
    step = walk.gain_db.diff(dim=1).abs()
    assert step.max() < 1.0
    assert (walk.los[:, 1:] != walk.los[:, :-1]).any()  # there was a corner
    hard = dataclasses.replace(plan, propagation=dataclasses.replace(plan.propagation, los_transition="hard"))
    assert dataclasses.replace(drawn, plan=hard, **alone).at(path).gain_db.diff(dim=1).abs().max() > 5.0


def test_far_away_everything_is_fresh() -> None:
    """Users that moved by 40 decorrelation distances: uncorrelated, and with the same distributions."""
    drawn, here = drawn_model("uma", users=400)
    there = here.flip(1)  # each takes the place of another
    one, two = drawn.at(here), drawn.at(there)
    for name in ("shadowing_db", "delay_spread_s"):
        a, b = (getattr(state, name).flatten() for state in (one, two))
        assert a.mean().item() == pytest.approx(b.mean().item(), rel=0.2, abs=0.3)
        assert torch.corrcoef(torch.stack((a, b)))[0, 1].abs() < 0.12
    assert one.los.double().mean().item() == pytest.approx(two.los.double().mean().item(), rel=0.1)
    assert torch.equal(drawn.at(here).gain_db, one.gain_db)  # nothing but a function of position


def test_fields_are_taken_where_they_are_said_to_be() -> None:
    drawn, here = drawn_model("uma", users=30)
    away = here + torch.tensor([4000.0, 300.0, 0.0])
    folded, plain = drawn.at(here, away), drawn.at(here)
    assert torch.equal(folded.distance_m, plain.distance_m)
    assert torch.equal(drawn.at(here, here).gain_db, plain.gain_db)
    assert not torch.equal(folded.shadowing_db, plain.shadowing_db)


def test_users_on_one_spot_see_the_same_air() -> None:
    drawn, here = drawn_model("uma", users=2)
    seen = drawn.at(here[:, :1].expand(-1, 2, -1))
    # Not bit for bit: on some processors a row of a product is rounded according to its place in the block.
    torch.testing.assert_close(seen.shadowing_db[:, 0], seen.shadowing_db[:, 1], rtol=1e-12, atol=1e-12)
    assert torch.equal(seen.los[:, 0], seen.los[:, 1]) and torch.equal(
        seen.cluster_delay_s[:, 0], seen.cluster_delay_s[:, 1]
    )


def test_drop_by_drop_bit_for_bit() -> None:
    batch = Drops(8, (0, 1, 2))
    here = place_per_cell(batch.keys("place"), SMALL, 3, 35.0, 1.5)[0]
    settings = PropagationSettings(indoor_share=0.5)
    together = large_scale(batch, SMALL, here, settings, ANTENNA, clusters=True)
    alone = large_scale(Drops(8, (2,)), SMALL, here[2:], settings, ANTENNA, clusters=True)
    for f in dataclasses.fields(LargeScale):
        assert torch.equal(getattr(together, f.name)[2:], getattr(alone, f.name)), f.name


def test_fading_has_the_power_and_the_clusters_that_the_antenna_makes() -> None:
    """Three sectors: mean received power over users and PRBs is the large-scale one, and sectors differ in clusters."""
    users = 10 * SMALL.cells
    plan = ChannelPlan(
        topology=SMALL, propagation=PropagationSettings(indoor_share=0.3), antenna=ANTENNA, fading=FadingSettings(),
        users_per_cell=10, placement="per_cell", attachment="strongest", min_distance_m=35.0,
        speed_mps=torch.ones(users, dtype=torch.float64),
        frequency_hz=(torch.arange(50, dtype=torch.float64) - 24.5) * 180e3, snr_at_unit_gain=1e12,
    )  # fmt: skip
    channel = build_channel(DROP, plan, torch.device("cpu"), torch.float64)
    basis = FrequencyBasis(channel.fading.to_prbs)
    power = Response(channel.fading.coordinates(0, 1, 1e-3)[:, :, 0], basis).power()[0]
    ratio = power.mean(-1) / channel.mean_snr[0]
    assert ratio.mean().item() == pytest.approx(1.0, abs=0.03)
    seen = draw_large_scale_model(DROP, plan.large_scale).at(channel.position_m)
    assert torch.allclose(10.0 ** (seen.gain_db / 10.0) * 1e12, channel.mean_snr)
    sectors = seen.cluster_power.view(users, 7, 3, -1)
    assert (sectors[:, :, 0] - sectors[:, :, 1]).abs().max() > 0.3
    assert (seen.cell_k_db.view(users, 7, 3).diff(dim=-1).abs()[seen.los[0]] > 3.0).any()


def test_floors_and_cars() -> None:
    drops = Drops(2, tuple(range(20)))
    ground = torch.zeros(20, 500, 3, dtype=torch.float64) + 1.5
    settings = PropagationSettings(indoor_share=0.5, indoor_floors=(4, 8), in_car_share=1.0)
    height = place_on_floors(drops, ground, settings)[..., 2]
    inside = height > 1.5
    assert 0.30 < inside.double().mean() < 0.46  # indoors, but on the first floor
    floors = ((height - 1.5) / 3.0).round()
    assert torch.allclose(height, 1.5 + 3.0 * floors) and floors.max() == 7.0
    plan = LargeScalePlan(SMALL, settings, ANTENNA, 500, clusters=False)
    drawn = draw_large_scale_model(drops, plan)
    cars = drawn.extra_loss_db[~drawn.indoor]
    assert (cars.mean().item(), cars.std().item()) == pytest.approx((9.0, 5.0), abs=0.3)
    assert place_on_floors(drops, ground, PropagationSettings(indoor_share=0.5)) is ground


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ue_height_m": 100.0}, "air-to-ground"),
        ({"o2i": "legacy", "model": "rma"}, "7.4.3-3"),
        ({"o2i": "legacy", "carrier_hz": 28e9}, "below 6 GHz"),
        ({"parameters": "imt2020_a", "carrier_hz": 28e9}, "0.5 to 6 GHz"),
        ({"model": "inh", "indoor_share": 0.5}, "leave it at 0"),
        ({"indoor_floors": (4, 9)}, "from 1 to 8"),
        ({"indoor_floors": (6, 4)}, "least and a greatest"),
        ({"indoor_floors": (4, 8), "model": "rma"}, "leave them out"),
        ({"large_cells": True}, "belongs to model 'rma'"),
        ({"model": "uma", "ue_height_m": 0.5}, "above 1 m"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PropagationSettings(**settings)


def test_a_hall_has_its_own_distances() -> None:
    with pytest.raises(ValueError, match="set isd_m: 20"):
        TopologySettings(layout="indoor")
    hall = build_topology(NETWORKS["inh"])
    assert (hall.sites, hall.cells, hall.omnidirectional) == (12, 12, False)
    place, home = place_per_cell(DROP.keys("place"), hall, 50, 0.0, 1.5)
    assert place[..., 0].abs().max() <= 60.0 and place[..., 1].abs().max() <= 25.0
    nearest = (place[..., None, :2] - hall.site_m[:, :2]).norm(dim=-1).argmin(-1)
    assert torch.equal(nearest, home)


def test_los_of_offices_falls_with_distance() -> None:
    from phy.tr38901.los import los_probability

    d = torch.tensor([0.5, 5.0, 10.0, 49.0, 100.0]).double()
    mixed, open_plan, hotspot = (los_probability("inh", d, d, office) for office in ("mixed", "open", "hotspot"))
    assert mixed.tolist() == pytest.approx(
        [1.0, math.exp(-3.8 / 4.7), 0.32 * math.exp(-3.5 / 32.6), 0.32 * math.exp(-42.5 / 32.6),
         0.32 * math.exp(-93.5 / 32.6)]
    )  # fmt: skip
    assert open_plan.tolist() == pytest.approx([1.0, 1.0, math.exp(-5 / 70.8), 0.54, 0.54 * math.exp(-51 / 211.7)])
    assert hotspot.tolist() == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.5])
