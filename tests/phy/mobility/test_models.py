"""Trajectories: velocity is the derivative of position, statistics are as stated, borders are kept, drops are drops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from oracles_mobility import brute_displacement, in_cluster, walk
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from torch import Tensor

from phy.mobility import (
    MOBILITY_MODELS,
    GaussMarkov,
    Linear,
    Manhattan,
    MobilityModel,
    MobilitySettings,
    RandomWaypoint,
    Rectangle,
    RectangleSettings,
    Static,
    Trajectory,
    area_of,
    join,
    trajectories,
    wrap_position,
)
from phy.mobility.random_waypoint import WaypointVectors
from phy.random import Drops, uniform
from phy.topology.sites import TopologySettings, build_topology, displacement
from phy.topology.users import place_per_cell

TOPOLOGY = build_topology(TopologySettings())
BOX = RectangleSettings(west_m=-300.0, south_m=-200.0, east_m=500.0, north_m=250.0)
AREAS = {"endless": area_of(TOPOLOGY), "box": area_of(TOPOLOGY, BOX)}
MODELS: dict[str, MobilityModel] = {
    "static": Static(),
    "linear": Linear(min_speed_kmh=0.0, max_speed_kmh=500.0),
    "waypoint": RandomWaypoint(min_speed_kmh=2.0, max_speed_kmh=120.0, max_pause_s=3.0, reach_m=60.0),
    "manhattan": Manhattan(min_speed_kmh=20.0, max_speed_kmh=60.0, block_x_m=50.0, block_y_m=80.0),
    "gauss_markov": GaussMarkov(speed_kmh=30.0, deviation_kmh=10.0, step_s=0.7),
}
DROPS = Drops(5, (0, 7, 3))


def starts(drops: Drops, per_cell: int = 4) -> Tensor:
    return place_per_cell(drops.keys("placement"), TOPOLOGY, per_cell, 35.0, 1.5)[0]


def times(end_s: float, count: int) -> Tensor:
    return torch.linspace(0.0, end_s, count, dtype=torch.float64)


def speed_kmh(trajectory: Trajectory, t_s: Tensor) -> Tensor:
    return 3.6 * trajectory.velocity_mps(t_s).norm(dim=-1)


def test_every_model_is_tested() -> None:
    assert {*MODELS, "replay"} == set(MOBILITY_MODELS)


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("name", MODELS)
def test_velocity_is_the_derivative_of_position(name: str, area: str) -> None:
    path = trajectories(DROPS, MODELS[name], starts(DROPS, 1), AREAS[area], 60.0)
    fine = times(60.0, 6_001)
    step_s = float(fine[1])
    position, velocity = path.position_m(fine), path.velocity_mps(fine)
    moved = (position[:, :, 1:] - position[:, :, :-1]) / step_s
    smooth = (velocity[:, :, 1:] - velocity[:, :, :-1]).abs().amax(-1) < 1e-9  # no leg ends in between
    assert smooth.double().mean() > 0.9
    assert (moved - velocity[:, :, :-1])[smooth].abs().max() < 1e-7
    # and over a change of legs the position does not jump: it moves no faster than its users do
    fastest = velocity.norm(dim=-1).max()
    assert moved.norm(dim=-1).max() <= fastest * math.sqrt(2.0) + 1e-6


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("name", MODELS)
def test_a_drop_is_the_same_alone_and_in_a_batch(name: str, area: str) -> None:
    batch = trajectories(DROPS, MODELS[name], starts(DROPS), AREAS[area], 40.0)
    sample = times(40.0, 97)
    for row, drop in enumerate(DROPS.single()):
        alone = trajectories(drop, MODELS[name], starts(drop), AREAS[area], 40.0)
        assert torch.equal(alone.position_m(sample)[0], batch.position_m(sample)[row])
        assert torch.equal(alone.velocity_mps(sample)[0], batch.velocity_mps(sample)[row])
    if name != "static":
        assert not torch.equal(batch.position_m(sample)[0], batch.position_m(sample)[1])


@pytest.mark.parametrize("name", MODELS)
def test_any_time_alone_is_the_same_as_among_others(name: str) -> None:
    path = trajectories(DROPS, MODELS[name], starts(DROPS), AREAS["box"], 40.0)
    sample = times(40.0, 33)
    whole = path.position_m(sample)
    assert torch.equal(path.position_m(sample[[17]])[:, :, 0], whole[:, :, 17])
    assert torch.equal(path.position_m(sample.flip(0)), whole.flip(2))


@pytest.mark.parametrize("name", MODELS)
def test_a_longer_run_begins_with_the_shorter_one(name: str) -> None:
    short = trajectories(DROPS, MODELS[name], starts(DROPS), AREAS["endless"], 20.0)
    long = trajectories(DROPS, MODELS[name], starts(DROPS), AREAS["endless"], 90.0)
    sample = times(20.0, 41)
    assert torch.equal(short.position_m(sample), long.position_m(sample))


@pytest.mark.parametrize("name", MODELS)
def test_looked_up_as_a_loop_would_walk(name: str) -> None:
    path = trajectories(DROPS, MODELS[name], starts(DROPS), AREAS["box"], 40.0)
    legs, box = path.legs, AREAS["box"]
    assert isinstance(box, Rectangle)
    sample = times(40.0, 23)
    position = path.position_m(sample)
    for user in (0, 5, 11):
        parts = [part[1, user].tolist() for part in (legs.start_s, legs.origin_m, legs.velocity_mps)]
        rows = list(zip(*parts, strict=True))
        for number, t_s in enumerate(sample.tolist()):
            expected = walk(rows, t_s, box.corner_m.tolist(), box.size_m.tolist())
            assert position[1, user, number].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "static"])
def test_a_rectangle_is_not_left(name: str) -> None:
    path = trajectories(DROPS, MODELS[name], starts(DROPS), AREAS["box"], 100.0)
    position = path.position_m(times(100.0, 2001))
    x, y = position[..., 0], position[..., 1]
    assert x.min() >= -300.0 and x.max() <= 500.0 and y.min() >= -200.0 and y.max() <= 250.0
    assert torch.equal(position[..., 2], torch.full_like(x, 1.5))


@pytest.mark.parametrize("sites", [7, 19])
def test_fold_keeps_all_users_in_the_cluster_and_displacements_continuous(sites: Any) -> None:
    topology = build_topology(TopologySettings(sites=sites, sectors=1))
    spread = 6000.0 * (uniform(torch.tensor([1]), (4000, 3)) - 0.5)
    folded = wrap_position(topology, spread)
    assert torch.equal(folded[..., 2], spread[..., 2])
    site = topology.site_m[:, :2].tolist()
    assert all(in_cluster(xy, site, topology.isd_m) for xy in folded[0, ::20, :2].tolist())
    steps = (folded - spread)[0, :, :2] @ torch.linalg.inv(topology.shift_m[1:3])
    assert (steps - steps.round()).abs().max() < 1e-9  # whole translations
    expected = [brute_displacement(xy, site, topology.shift_m[1:3].tolist()) for xy in spread[0, ::40, :2].tolist()]
    measured = displacement(topology, folded)[0, ::40, :, :2].norm(dim=-1)
    assert torch.allclose(measured, torch.tensor(expected, dtype=torch.float64), atol=1e-6)


def test_a_folded_walk_makes_no_jump_in_the_geometry() -> None:
    path = trajectories(
        DROPS, Linear(max_speed_kmh=500.0, min_speed_kmh=500.0), starts(DROPS, 1), AREAS["endless"], 30.0
    )
    fine = times(30.0, 1501)
    folded = wrap_position(TOPOLOGY, path.position_m(fine))
    jumps = (folded[:, :, 1:] - folded[:, :, :-1]).norm(dim=-1) > 100.0
    assert jumps.sum() > 100  # the fold is passed often ...
    distance = displacement(TOPOLOGY, folded.flatten(1, 2)).norm(dim=-1).unflatten(1, folded.shape[1:3])
    per_step = 500.0 / 3.6 * float(fine[1])
    assert (distance[:, :, 1:] - distance[:, :, :-1]).abs().max() <= per_step + 1e-6  # ... and nothing jumps


def test_without_wrap_around_users_stay_in_the_box_around_the_hexagons() -> None:
    topology = build_topology(TopologySettings(wrap_around=False))
    area = area_of(topology)
    assert isinstance(area, Rectangle)
    assert area.size_m.tolist() == pytest.approx([2 * (500 * math.sqrt(0.75) + 500 / math.sqrt(3)), 1500.0])
    somewhere = starts(DROPS)
    assert torch.allclose(area.inside(somewhere[..., :2]), somewhere[..., :2], atol=1e-9)
    assert wrap_position(topology, somewhere) is somewhere


def test_users_of_a_hall_stay_in_it() -> None:
    hall = build_topology(TopologySettings(layout="indoor", isd_m=20.0, min_distance_m=0.0, bs_height_m=3.0))
    start = place_per_cell(DROPS.keys("placement"), hall, 2, 0.0, 1.5)[0]
    position = trajectories(DROPS, MODELS["linear"], start, area_of(hall), 60.0).position_m(times(60.0, 601))
    assert position[..., 0].abs().max() <= 60.0 and position[..., 1].abs().max() <= 25.0


# Statistics


@pytest.mark.parametrize(
    "model",
    [
        Linear(min_speed_kmh=100.0, max_speed_kmh=500.0),
        RandomWaypoint(min_speed_kmh=50.0, max_speed_kmh=500.0, max_pause_s=5.0),
        GaussMarkov(speed_kmh=200.0, deviation_kmh=60.0),
    ],
    ids=lambda model: model.model,
)
@pytest.mark.parametrize("area", AREAS)
def test_a_uniform_start_stays_uniform(model: MobilityModel, area: str) -> None:
    drops = Drops(2, (0,))
    start = area_uniform(area, 12_000)
    path = trajectories(drops, model, start, AREAS[area], 60.0)
    for t_s in (0.0, 7.0, 60.0):
        xy = path.position_m(torch.tensor([t_s]))[0, :, 0, :2]
        if area == "endless":
            site = displacement(TOPOLOGY, wrap_position(TOPOLOGY, torch.cat((xy, xy[:, :1]), -1))[None])[0, ..., :2]
            count = torch.bincount(site.norm(dim=-1).argmin(-1), minlength=7)
        else:
            cell = ((xy[:, 0] + 300.0) / 200.0).long() * 3 + ((xy[:, 1] + 200.0) / 150.0).long()
            count = torch.bincount(cell, minlength=12)
        assert stats.chisquare(count.numpy()).pvalue > 1e-3


def area_uniform(area: str, users: int) -> Tensor:
    draw = uniform(torch.tensor([9]), (users, 2))
    plane = draw @ AREAS[area].period_m
    return torch.cat((AREAS[area].inside(plane), torch.full((1, users, 1), 1.5)), -1)


def test_waypoint_is_stationary_from_the_start() -> None:
    """Speeds, pauses and what is left of a leg have the same law at the beginning and much later."""
    model = RandomWaypoint(min_speed_kmh=5.0, max_speed_kmh=100.0, min_pause_s=1.0, max_pause_s=9.0, reach_m=80.0)
    path = trajectories(Drops(4, (0,)), model, area_uniform("endless", 20_000), AREAS["endless"], 400.0)
    early, late = speed_kmh(path, torch.tensor([0.0, 390.0]))[0].T.numpy()
    assert stats.ks_2samp(early, late).pvalue > 1e-3
    # time-stationary law: density of the speed in proportion to 1/v, so that its mean is (b - a) / ln(b / a)
    require_moving_speed = early[early > 0.0]
    assert require_moving_speed.mean() == pytest.approx(95.0 / math.log(20.0), rel=0.02)
    mean_leg_s = (2 / 3 * 80.0) * 3.6 * math.log(20.0) / 95.0
    assert (early == 0.0).mean() == pytest.approx(5.0 / (5.0 + mean_leg_s), abs=0.008)
    shift = path.position_m(torch.tensor([0.0, 5.0, 395.0, 400.0]))
    first, last = (shift[0, :, b] - shift[0, :, a] for a, b in ((0, 1), (2, 3)))
    assert stats.ks_2samp(first.norm(dim=-1).numpy(), last.norm(dim=-1).numpy()).pvalue > 1e-3


def test_fresh_waypoints_begin_a_leg() -> None:
    model = RandomWaypoint(min_speed_kmh=50.0, max_speed_kmh=100.0, min_pause_s=100.0, max_pause_s=100.0, start="fresh")
    path = trajectories(Drops(3, (0,)), model, area_uniform("endless", 2000), AREAS["endless"], 1.0)
    speed = speed_kmh(path, torch.tensor([0.0]))
    assert speed.min() >= 50.0 - 1e-9
    assert float(speed.mean()) == pytest.approx(75.0, rel=0.02)


@pytest.mark.parametrize("area", AREAS)
def test_reach_draws_uniform_places(area: str) -> None:
    reach = WaypointVectors(AREAS[area].period_m, None)
    draw = uniform(torch.tensor([4]), (100_000, 2))[0]
    vector = reach.vectors(draw[:, 0], draw[:, 1])
    part = (vector @ torch.linalg.inv(AREAS[area].period_m)).remainder(1.0)
    count = np.histogram2d(part[:, 0].numpy(), part[:, 1].numpy(), bins=10, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(count.ravel()).pvalue > 1e-3
    assert float(vector.norm(dim=-1).mean()) == pytest.approx(reach.mean_m, rel=0.005)
    weighted = reach.vectors(draw[:, 0], draw[:, 1], seen_on_the_way=True).norm(dim=-1)
    plain = vector.norm(dim=-1)
    assert float(weighted.mean()) == pytest.approx(float(plain.square().mean() / plain.mean()), rel=0.005)


def test_gauss_markov_autocorrelation() -> None:
    model = GaussMarkov(speed_kmh=40.0, deviation_kmh=12.0, alpha=0.8, step_s=0.5)
    path = trajectories(Drops(3, (0,)), model, area_uniform("endless", 6000), AREAS["endless"], 30.0)
    velocity = path.velocity_mps(torch.arange(60) * 0.5 + 0.25)[0, :, :, :2]
    angle = 2.0 * math.pi * uniform(Drops(3, (0,)).keys("mobility/gauss_markov/heading"), (6000,))[0]
    mean = 40.0 / 3.6 * torch.stack((angle.cos(), angle.sin()), -1)[:, None]
    swing = velocity - mean
    power = float(swing.square().mean())
    assert math.sqrt(power) == pytest.approx(12.0 / 3.6, rel=0.01)
    for lag in (1, 2, 5, 10, 20):
        product = float((swing[:, lag:] * swing[:, : 60 - lag]).mean())
        assert product / power == pytest.approx(0.8**lag, abs=0.015)


def test_gauss_markov_with_full_memory_goes_straight() -> None:
    path = trajectories(DROPS, GaussMarkov(alpha=1.0), starts(DROPS), AREAS["endless"], 20.0)
    velocity = path.velocity_mps(times(20.0, 11))
    assert (velocity - velocity[:, :, :1]).abs().max() == 0.0


def test_gauss_markov_never_exceeds_500_kmh() -> None:
    path = trajectories(DROPS, GaussMarkov(speed_kmh=480.0, deviation_kmh=60.0), starts(DROPS), AREAS["box"], 60.0)
    assert 499.0 < float(speed_kmh(path, times(60.0, 241)).max()) <= 500.0 + 1e-9


@pytest.mark.parametrize("area", AREAS)
def test_manhattan_keeps_to_the_streets(area: str) -> None:
    model = MODELS["manhattan"]
    assert isinstance(model, Manhattan)
    path = trajectories(DROPS, model, starts(DROPS), AREAS[area], 200.0)
    position, velocity = path.position_m(times(200.0, 1001))[..., :2], path.velocity_mps(times(200.0, 1001))
    street, block = model.streets(AREAS[area])
    part = ((position - street) / block + 0.5).remainder(1.0) - 0.5
    assert (part.abs() * block).amin(-1).max() < 1e-6  # always on one of the streets of either direction
    assert (velocity[..., :2] == 0.0).any(-1).all()
    speed = speed_kmh(path, times(200.0, 1001))
    assert speed.min() >= 20.0 - 1e-9 and speed.max() <= 60.0 + 1e-9
    if area == "box":
        counts = (AREAS["box"].period_m.diagonal() / 2.0 / block).tolist()
        assert counts == pytest.approx([round(count) for count in counts])


def test_manhattan_turns_as_stated() -> None:
    model = Manhattan(min_speed_kmh=36.0, max_speed_kmh=36.0, block_x_m=20.0, block_y_m=20.0, turn_probability=0.3)
    path = trajectories(Drops(1, (0,)), model, area_uniform("endless", 3000), AREAS["endless"], 50.0)
    velocity = path.velocity_mps(torch.arange(24) * 2.0 + 0.1)[0, ..., :2]  # every 2 s a crossing
    before, after = velocity[:, :-1], velocity[:, 1:]
    cross = before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]
    assert float((cross > 1.0).double().mean()) == pytest.approx(0.15, abs=0.006)
    assert float((cross < -1.0).double().mean()) == pytest.approx(0.15, abs=0.006)
    assert float(((before * after).sum(-1) < -1.0).double().mean()) == 0.0  # no user turns round


def test_manhattan_is_stationary_from_the_start() -> None:
    model = Manhattan(min_speed_kmh=10.0, max_speed_kmh=90.0, block_x_m=60.0, block_y_m=180.0)
    path = trajectories(Drops(6, (0,)), model, area_uniform("endless", 9000), AREAS["endless"], 60.0)
    now = torch.tensor([0.0, 59.0])
    velocity, speed = path.velocity_mps(now)[0], speed_kmh(path, now)[0]
    along_x = (velocity[..., 0] != 0.0).double().mean(0)
    assert along_x.tolist() == pytest.approx([0.25, 0.25], abs=0.02)
    assert stats.ks_2samp(speed[:, 0].numpy(), speed[:, 1].numpy()).pvalue > 1e-3
    part = (path.position_m(now)[0, :, :, 1] / 180.0).remainder(1.0)
    for column in (0, 1):
        on_y = velocity[:, column, 1] != 0.0
        assert stats.kstest(part[on_y, column].numpy(), "uniform").pvalue > 1e-3


def test_linear_speeds_and_headings() -> None:
    start = area_uniform("endless", 5000)
    path = trajectories(Drops(1, (0,)), Linear(min_speed_kmh=0.0, max_speed_kmh=500.0), start, AREAS["endless"], 1.0)
    speed = speed_kmh(path, torch.tensor([0.0]))[0, :, 0]
    assert stats.kstest(speed.numpy() / 500.0, "uniform").pvalue > 1e-3
    velocity = path.velocity_mps(torch.tensor([0.0]))[0, :, 0]
    turn = torch.atan2(velocity[:, 1], velocity[:, 0]) / (2.0 * math.pi) + 0.5
    assert stats.kstest(turn.numpy(), "uniform").pvalue > 1e-3
    north = trajectories(Drops(1, (0,)), Linear(heading_deg=90.0), start, AREAS["endless"], 1.0)
    assert torch.allclose(
        north.velocity_mps(torch.tensor([0.5]))[0, :, 0],
        torch.tensor([0.0, 3.0 / 3.6, 0.0], dtype=torch.float64),
        atol=1e-12,
    )


def test_groups_are_joined_in_the_order_of_users() -> None:
    start = starts(DROPS, 1)
    members = [torch.tensor([0, 4, 9, 20]), torch.tensor([n for n in range(21) if n not in (0, 4, 9, 20)])]
    parts = [
        trajectories(DROPS, model, start[:, own], AREAS["endless"], 30.0, f"mobility/{number}")
        for number, (model, own) in enumerate(zip((MODELS["waypoint"], Static()), members, strict=True))
    ]
    joined = join(parts, members).position_m(times(30.0, 9))
    for part, own in zip(parts, members, strict=True):
        assert torch.equal(joined[:, own], part.position_m(times(30.0, 9)))
    with pytest.raises(ValueError, match="exactly one group"):
        join(parts, [members[0], members[0]])


# What is refused


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "linear", "max_speed_kmh": 501}, "less than or equal to 500"),
        ({"model": "linear", "min_speed_kmh": -1}, "greater than or equal to 0"),
        ({"model": "linear", "min_speed_kmh": 9}, "least speed cannot exceed"),
        ({"model": "waypoint", "min_speed_kmh": 0}, "at least 0.1"),
        ({"model": "waypoint", "min_pause_s": 2}, "least pause cannot exceed"),
        ({"model": "manhattan", "turn_probability": 1.5}, "less than or equal to 1"),
        ({"model": "manhattan", "block_x_m": 1}, "greater than or equal to 10"),
        ({"model": "gauss_markov", "alpha": 1.1}, "less than or equal to 1"),
        ({"model": "gauss_markov", "speed_kmh": math.nan}, "finite"),
        ({"model": "gauss_markov", "step": 1}, "Unexpected keyword"),
        ({"model": "teleport"}, "does not match any of the expected tags"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(MobilitySettings).validate_python(settings)


def test_a_rectangle_must_have_room() -> None:
    with pytest.raises(ValidationError, match="less than 1 m wide"):
        RectangleSettings(west_m=0.0, south_m=0.0, east_m=0.5, north_m=100.0)


def test_nothing_is_known_beyond_the_run() -> None:
    path = trajectories(DROPS, Linear(), starts(DROPS), AREAS["endless"], 10.0)
    for t_s in (-0.1, 10.1):
        with pytest.raises(ValueError, match="known from 0 to 10 s"):
            path.position_m(torch.tensor([5.0, t_s]))


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        (GaussMarkov(step_s=0.01), "raise step_s"),
        (Manhattan(min_speed_kmh=500.0, max_speed_kmh=500.0, block_x_m=10.0), "enlarge the blocks"),
    ],
    ids=["gauss_markov", "manhattan"],
)
def test_too_long_a_run_is_refused(model: MobilityModel, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        trajectories(Drops(1, (0,)), model, starts(Drops(1, (0,)), 1), AREAS["endless"], 20_000.0)
