"""``channel.provider: sionna`` with users that move, blockage and handovers: Sionna's rays in our large-scale state."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sionna_cases as one_antenna
import sionna_panel_cases as panels
import torch
from moving_cases import BASE, CPU, SLOT_S, UE
from torch import Tensor

import scenarios
from phy.channel.channel import Channel
from phy.channel.moving_matrices import MovingMatrices, build_moving_channel
from phy.random import Drops
from phy.sionna_adapter.channel import SionnaLinks
from phy.sionna_adapter.large_scale_state import rays_in_state
from phy.sionna_adapter.moving import SionnaMovingDrop, build_moving_sionna_channel
from phy.topology.sites import displacement
from phy.tr38901.large_scale import site_links
from phy.units import SPEED_OF_LIGHT_MPS
from scenarios import families, load
from scenarios.errors import ScenarioError
from scenarios.families.cellular import engine_factory
from scenarios.families.cellular.mobility import motion_plan
from scenarios.families.cellular.shape import Shape
from scenarios.families.scheduling.scenario import SchedulingScenario

pytest.importorskip("sionna.phy.channel.tr38901")

WAVES_PER_M = one_antenna.CARRIER_HZ / SPEED_OF_LIGHT_MPS
WALK: dict[str, Any] = {"model": "linear", "min_speed_kmh": 36.0, "max_speed_kmh": 36.0}
PANELS: dict[str, Any] = {"base": {"columns": 2, "polarizations": 2, "ports": 4}, "ue": UE}
SECTORS: dict[str, Any] = {"sites": 1, "wrap_around": False}
WALL: dict[str, Any] = {"model": "scripted", "events": [{"loss_db": 10.0, "cells": [0]}]}


def case_of(mobility: dict[str, Any] = WALK, users: int = 1, **more: Any) -> SchedulingScenario:
    """Users of one kind, a state of the air every 20 ms."""
    group = {**BASE["users"][0], "count": users, "mobility": mobility}
    data = {**BASE, "channel": {"provider": "sionna", "update_s": 0.02}, "users": [group], "carrier": {"prbs": 4}}
    data |= {"propagation": {"indoor_share": 0.3}, "topology": {"sectors": 1}}
    loaded = load({**data, **more})
    assert isinstance(loaded, SchedulingScenario)
    return loaded


def build(
    case: SchedulingScenario, ids: tuple[int, ...] = (0,), dtype: torch.dtype = torch.float64, ours: bool = False
) -> Channel:
    shape = Shape(families.find("scheduling").clock(case), 1, (0,) * len(case.users))
    plan, motion = engine_factory.channel_plan(case), motion_plan(case, shape)
    return (build_moving_channel if ours else build_moving_sionna_channel)(Drops(1, ids), plan, motion, CPU, dtype)


def course_of(channel: Channel) -> SionnaMovingDrop:
    moving_drop: SionnaMovingDrop = channel.fading.moving_drops[0]  # type: ignore[attr-defined]
    return moving_drop


def way_of(moving_drop: SionnaMovingDrop, time_s: float) -> Tensor:
    """Where users are, ``[U, 3]``; one that stays is taken to walk at its nominal speed."""
    now = torch.tensor([time_s], dtype=torch.float64)
    walked = moving_drop.links(0).velocity_mps[0] * time_s
    return moving_drop.position_m(now)[0, :, 0] + walked * moving_drop.is_static[:, None]


def turns_by_loops(moving_drop: SionnaMovingDrop, time_s: float) -> Tensor:
    """Turns of all scattered rays since the start, one state, link and ray after the other, ``[U, Si, Rl]``."""
    update_s, last = moving_drop.motion.update_s, int(time_s / moving_drop.motion.update_s + 1e-9)
    rays = [moving_drop.links(number).rays for number in range(last + 2)]
    azimuth, zenith = ([getattr(state, name)[0].flatten(2).tolist() for state in rays] for name in ("aoa", "zoa"))
    stops = [number * update_s for number in range(last + 1)] + [time_s]
    way = [way_of(moving_drop, stop).tolist() for stop in stops]
    turns = torch.zeros(
        (moving_drop.plan.users, moving_drop.plan.topology.sites, len(azimuth[0][0][0])), dtype=torch.float64
    )
    for user, site, ray in torch.cartesian_prod(*(torch.arange(n) for n in turns.shape)).tolist():
        made = 0.0
        for number in range(last + 1):
            share = (stops[number + 1] - stops[number]) / update_s
            step = [way[number + 1][user][x] - way[number][user][x] for x in range(3)]
            for state, weight in ((number, 1.0 - share / 2), (number + 1, share / 2)):
                a, z = azimuth[state][site][user][ray], zenith[state][site][user][ray]
                towards = (math.sin(z) * math.cos(a), math.sin(z) * math.sin(a), math.cos(z))
                made += weight * sum(e * dx for e, dx in zip(towards, step, strict=True)) * WAVES_PER_M
        turns[user, site, ray] = made
    return turns


def at(moving_drop: SionnaMovingDrop, number: int, turns: Tensor, time_s: float) -> SionnaLinks:
    """Rays of a state whose phases are those of a time: turned, and the direct path as long as it then is."""
    links = moving_drop.links(number)
    whole = turns.transpose(0, 1)[moving_drop.plan.topology.cell_site].unflatten(-1, (-1, 20))[None, ..., None]
    names = ("delays", "powers", "aoa", "aod", "zoa", "zod", "xpr")
    rays = type(links.rays)(
        **{name: getattr(links.rays, name) for name in names}, phases=links.rays.phases + 2.0 * math.pi * whole
    )
    here = (
        way_of(moving_drop, time_s) * ~moving_drop.is_static[:, None]
        + way_of(moving_drop, 0.0) * moving_drop.is_static[:, None]
    )
    path = displacement(moving_drop.plan.topology, moving_drop._wrapped(here[None]))[0]  # [U, Si, 3]
    length, walked = (
        path.norm(dim=-1),
        (way_of(moving_drop, time_s) - way_of(moving_drop, 0.0)) * moving_drop.is_static[:, None],
    )
    length = length + (path * walked[:, None]).sum(-1) / length
    same = {name: getattr(links.scenario, name) for name in ("los", "los_aoa", "los_aod", "los_zoa", "los_zod")}
    scenario = SimpleNamespace(get_param=links.scenario.get_param, distance_3d=length.T[None], **same)
    return replace(links, scenario=scenario, rays=rays)


@pytest.mark.parametrize("slot", [40, 53])  # at a state, and between two
@pytest.mark.parametrize(
    ("mobility", "more"),
    [
        (WALK, {}),
        (WALK, {"topology": SECTORS}),
        ({"model": "static"}, {"topology": SECTORS, "blockage": [WALL], "propagation": {"los": "always"}}),
    ],
)
def test_equals_what_sionna_makes_of_the_rays_of_both_states(
    mobility: dict[str, Any], more: dict[str, Any], slot: int
) -> None:
    """Its own coefficients at one instant, after turns that loops add up; users in the open and behind walls."""
    moving_drop = course_of(channel := build(case_of(mobility, **more)))
    ours = one_antenna.response(channel, slot, 1, SLOT_S)[0]
    number, share, time_s = slot // 20, slot % 20 / 20, slot * SLOT_S
    turns = turns_by_loops(moving_drop, time_s)
    theirs = torch.zeros_like(ours)
    for state, weight in ((number, 1.0 - share), (number + 1, share)):
        theirs += weight * one_antenna.of_sionna(moving_drop.plan, at(moving_drop, state, turns, time_s), 1, 1.0)
    if "blockage" in more:
        theirs[:, 0] *= 10.0 ** (-10.0 / 20.0)
    assert one_antenna.apart(ours, theirs) < 1e-5


@pytest.mark.parametrize("slot", [40, 53])
def test_matrices_equal_what_sionna_makes_of_the_rays_of_both_states(slot: int) -> None:
    """As above with panels and direct rays, through Sionna's arrays of the same elements; all cells are heard."""
    moving_drop = course_of(channel := build(case_of(mimo={**PANELS, "heard_cells": 7}, propagation={"los": "always"})))
    assert isinstance(channel.mimo, MovingMatrices)
    ours, around = channel.mimo.at_slot(slot, SLOT_S)
    number, share, time_s = slot // 20, slot % 20 / 20, slot * SLOT_S
    turns, bearing = turns_by_loops(moving_drop, time_s), channel.mimo.moving_drops[0]._bearing[None]
    theirs = torch.zeros((), dtype=torch.complex128)
    for state, weight in ((number, 1.0 - share), (number + 1, share)):
        links = at(moving_drop, state, turns, time_s)
        theirs = theirs + weight * panels.of_sionna(moving_drop.plan, links, bearing, 1)
    assert panels.apart(ours, theirs, around.heard[0]) < 1e-5


@pytest.mark.parametrize("mimo", [None, PANELS])
def test_the_large_scale_state_is_ours(mimo: dict[str, Any] | None) -> None:
    """Between isotropic antennas mean SNRs equal those of our provider, at every state, with a wall in the way."""
    case = case_of(blockage=[WALL], mimo=mimo and {"base": {}, "ue": {}})
    theirs, ours = build(case), build(case, ours=True)
    apart = 10.0 * torch.log10(theirs.mean_snr / ours.mean_snr)
    assert float(apart.abs().max()) < 1e-9
    assert torch.equal(theirs.serving, ours.serving) and torch.equal(theirs.position_m, ours.position_m)
    seen, expected = (list(course_of(channel).snr([0, 30, 45])) for channel in (theirs, ours))
    torch.testing.assert_close(torch.stack(seen), torch.stack(expected))


@pytest.mark.filterwarnings("ignore:path-loss")
@pytest.mark.parametrize(
    ("topology", "propagation"),
    [
        ({"isd_m": 200.0, "bs_height_m": 10.0}, {"model": "umi", "indoor_share": 0.5, "indoor_floors": (4, 8)}),
        ({"isd_m": 1732.0, "bs_height_m": 35.0}, {"model": "rma", "in_car_share": 0.5, "parameters": "v16"}),
        (
            {"layout": "indoor", "isd_m": 20.0, "bs_height_m": 3.0, "min_distance_m": 0.0},
            {"model": "inh", "ue_height_m": 1.0},
        ),
    ],
)
def test_every_model_moves(topology: dict[str, Any], propagation: dict[str, Any]) -> None:
    case = case_of(topology={"sectors": 1, **topology}, propagation=propagation, antenna={"kind": "omni"})
    theirs, ours = build(case), build(case, ours=True)
    assert float((10.0 * torch.log10(theirs.mean_snr / ours.mean_snr)).abs().max()) < 1e-9
    assert bool(theirs.fading.coordinates(30, 2, SLOT_S).isfinite().all())


def test_antennas_are_summed_over_sionnas_rays() -> None:
    """Powers of sectors are those of the rays that fade, and over many links those of our provider."""
    case = case_of(users=40, topology=SECTORS, propagation={"los": "random"})
    theirs, ours = build(case, (0, 1)), build(case, (0, 1), ours=True)
    gap = 10.0 * torch.log10(theirs.mean_snr / ours.mean_snr)
    assert float(gap.std()) > 1.0  # other rays
    assert abs(float(gap.mean())) < 0.4
    power = torch.stack([one_antenna.response(theirs, n, 1, SLOT_S)[:, :, :, 0].abs().square() for n in range(0, 20)])
    assert float((power.mean((0, -1)) / theirs.mean_snr).mean()) == pytest.approx(1.0, abs=0.1)


def test_a_centimetre_changes_nothing_visible() -> None:
    """From state to state a centimetre: gains of sectors, directions of the rays by their power."""
    case = case_of(users=20, topology=SECTORS, channel={"provider": "sionna", "update_s": 1e-3})
    moving_drop, gain, azimuth, power = course_of(build(case)), [], [], []
    for number in range(6):
        gain.append(moving_drop.state(number)[0].gain_db)
        azimuth.append(moving_drop.links(number).rays.aoa)
        power.append(moving_drop.links(number).rays.powers[..., None] / 20)
    step_db = torch.stack(gain).diff(dim=0).abs()
    assert float(step_db.mean()) < 0.03 and float(step_db.max()) < 0.3
    turn = torch.remainder(torch.stack(azimuth).diff(dim=0) + math.pi, 2 * math.pi) - math.pi
    spread = (torch.stack(power)[1:] * turn.square()).sum((-1, -2)).sqrt().rad2deg()
    assert float(spread.median()) < 0.1 and float(spread.max()) < 2.0


def test_sionna_asks_for_as_many_numbers_whatever_the_state() -> None:
    """Line of sight taken from a link leaves the others as they are, and its own random numbers, too."""
    moving_drop = course_of(build(case_of(propagation={"los": "always"})))
    _, way, place = moving_drop.position_at_state(0)
    state = site_links(moving_drop.large_scale, place, way)
    column = state.column.clone()
    column[0, 2, 4] = 1
    before, after = (
        rays_in_state(moving_drop.drop, moving_drop.plan, replace(state, column=of), place, moving_drop._indoor_state)
        for of in (state.column, column)
    )
    others = torch.ones((7, 7), dtype=torch.bool)  # [Si, U]
    others[4, 2] = False
    for name in ("aoa", "aod", "zoa", "zod", "xpr", "delays", "powers"):
        assert torch.equal(getattr(before.rays, name)[0, others], getattr(after.rays, name)[0, others])
    assert torch.equal(before.rays.phases, after.rays.phases)
    normals = []
    for links in (before, after):
        mean, sigma = (links.scenario.get_param(name)[0, 4, 2] for name in ("muXPR", "sigmaXPR"))
        normals.append((10.0 * links.rays.xpr[0, 4, 2].log10() - mean) / sigma)
    torch.testing.assert_close(*normals)
    assert int((before.rays.powers[0, 4, 2] > 0).sum()) <= 12 < int((after.rays.delays[0, 4, 2] < 0.1).sum())


def test_fading_is_slower_where_rays_arrive_in_clusters() -> None:
    """At 60 km/h and without line of sight PRBs change by 3.9 dB from one ms to the next, on our rays by 5.4 dB."""
    fast = {**WALK, "min_speed_kmh": 60.0, "max_speed_kmh": 60.0}
    case = case_of(fast, users=12, topology={"layout": "single", "sectors": 1}, propagation={"los": "never"})
    change = []
    for ours in (False, True):
        channel = build(case, tuple(range(6)), ours=ours)
        h = torch.stack([one_antenna.response(channel, slot, 2, SLOT_S) for slot in (0, 7, 13, 29)])
        change.append(float((20.0 * h.abs().log10()).diff(dim=4).abs().mean()))
    assert 0.6 < change[0] / change[1] < 0.8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mimo", [None, PANELS])
def test_a_drop_alone_is_the_drop_in_a_batch(mimo: dict[str, Any] | None, dtype: torch.dtype) -> None:
    case = case_of(mimo=mimo, topology={**SECTORS, "sectors": 1}, users=3)
    alone, batch = build(case, (2,), dtype), build(case, (0, 2, 2), dtype)
    assert torch.equal(alone.mean_snr[0], batch.mean_snr[1])
    first: list[Tensor] = []
    for slot in (5, 45, 30, 5):
        if mimo is None:
            block = batch.fading.coordinates(slot - 2, 5, SLOT_S)[:, :, 2]
            seen, many = alone.fading.coordinates(slot, 1, SLOT_S)[:, :, 0], block
        else:
            assert alone.mimo is not None and batch.mimo is not None
            seen, many = alone.mimo.at_slot(slot, SLOT_S)[0], batch.mimo.at_slot(slot, SLOT_S)[0]
        assert seen.dtype in (dtype, dtype.to_complex())
        assert torch.equal(seen[0], many[1]) and torch.equal(seen[0], many[2]) and not torch.equal(seen[0], many[0])
        first.append(seen)
    assert torch.equal(first[0], first[-1]) and not torch.equal(first[0], first[1])  # whatever was asked before


RUN: dict[str, Any] = {
    **BASE,
    "channel": {"provider": "sionna", "update_s": 0.02},
    "topology": {"sectors": 1},
    "carrier": {"prbs": 6},
    "duration_s": 0.04,
    "window_s": 0.02,
    "handover": {},
    "blockage": [WALL, {"model": "regions"}],
}
RUN["users"] = [
    {"name": "walkers", "mobility": WALK, "traffic": {"model": "full_buffer"}},
    {"name": "sitters", "traffic": {"model": "full_buffer"}},
]


@pytest.mark.parametrize("kind", ["downlink", "uplink", "panels"])
def test_a_scenario_of_walkers_handovers_and_blockage_runs(kind: str, tmp_path: Path) -> None:
    data = {**RUN, "mimo": PANELS} if kind == "panels" else RUN
    if kind == "uplink":
        data = {**RUN, "carrier": {"prbs": 6, "direction": "uplink"}}
    result = scenarios.run(data, out=tmp_path / "run", progress=False, plots=False)
    windows = result.to_xarray("round_robin")
    assert float(windows["served_bits"].sum()) > 0.0
    assert "handovers" in windows


def test_what_belongs_to_the_large_scale_state_may_be_anything() -> None:
    """It is ours; what concerns rays stays Sionna's."""
    ours = {"site_correlation": 0.5, "los_transition": "soft", "model": "rma", "large_cells": True}
    case_of(propagation=ours, topology={"isd_m": 1732.0, "bs_height_m": 35.0})
    for propagation in ({"model": "free_space"}, {"parameters": "imt2020_a"}, {"antenna_gain": "direct"}):
        with pytest.raises(ScenarioError, match=r"which cannot do propagation\.\w+: \w+; set it to"):
            case_of(propagation=propagation)
    with pytest.raises(ScenarioError, match="los_transition: soft"):
        case_of({"model": "static"}, propagation={"los_transition": "soft"})


def test_generators_are_left_as_they_were_and_estimates_cover_motion() -> None:
    before = torch.get_rng_state()
    walking, still = case_of(), case_of({"model": "static"})
    build(walking).fading.coordinates(0, 30, SLOT_S)
    assert torch.equal(torch.get_rng_state(), before)
    family = families.find("scheduling")
    for estimate in (family.estimate_bytes, family.estimate_seconds):
        assert estimate(still, 2) < estimate(walking, 2) < estimate(walking, 4)
