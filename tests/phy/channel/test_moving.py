"""The channel of users on their way: continuous, Doppler-shifted by the way, the same alone and in a batch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from moving_cases import BASE, CPU, SLOT_S, fading, linear, moving, scenario
from torch import Tensor

from phy.channel.channel import Channel, build_channel
from phy.random import Drops
from scenarios.errors import ScenarioError
from scenarios.families import find
from scenarios.families.cellular import engine_factory


def power(channel: Channel, first: int, slots: int) -> Tensor:
    """Received power over all PRBs, ``[U, T, C]``."""
    coordinates = channel.fading.coordinates(first, slots, SLOT_S)[0]
    return coordinates.unflatten(-1, (channel.mean_snr.shape[2], -1)).square().sum(-1)


def test_a_user_at_rest_has_the_air_of_a_scenario_without_motion() -> None:
    case = scenario(**{"channel.update_s": 0.02})
    still, moved = build_channel(Drops(1, (0,)), engine_factory.channel_plan(case), CPU, torch.float64), moving(case)
    assert torch.equal(still.mean_snr, moved.mean_snr) and torch.equal(still.serving, moved.serving)
    for first in (0, 15, 400):
        one, other = (channel.fading.coordinates(first, 10, SLOT_S) for channel in (still, moved))
        apart = (one - other).unflatten(-1, (21, -1)).norm(dim=-1) / one.unflatten(-1, (21, -1)).norm(dim=-1)
        assert float(apart.max()) < 1e-3  # the rest of a direct ray, 100 dB down, has a phase of its own


def test_straight_along_the_axis_turns_as_the_nominal_speed_does() -> None:
    channel = moving(scenario(**linear(90.0, heading_deg=0.0), **{"users.all.speed_kmh": 90.0}))
    moving_drop, t_s = fading(channel).moving_drops[0], torch.linspace(0.0, 0.9, 7, dtype=torch.float64)
    rays = moving_drop.rays(0, torch.float64)[0]
    turns = moving_drop.turns(t_s, rays)
    assert torch.allclose(turns, rays.doppler_hz[:, :, None] * t_s[:, None], atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_drop_alone_is_the_drop_in_a_batch(dtype: torch.dtype) -> None:
    case = scenario(**linear(120.0), **{"propagation.los": "random"})
    alone, batch = moving(case, (2,), dtype), moving(case, (0, 2, 1, 2), dtype)
    for first in (0, 90, 95, 700):
        one, many = (channel.fading.coordinates(first, 10, SLOT_S) for channel in (alone, batch))
        assert torch.equal(one[0], many[1]) and torch.equal(one[0], many[3])
        assert not torch.equal(many[0], many[1])


@pytest.mark.parametrize("los", ["never", "always"])
def test_nothing_jumps_from_one_state_to_the_next(los: str) -> None:
    """From slot to slot the response changes by the turn of its phasors, and over an update by no more."""
    speed = 30.0
    channel = moving(scenario(**linear(speed), **{"propagation.los": los, "channel.update_s": 0.05}))
    response = channel.fading.coordinates(0, 400, SLOT_S)[0]  # [U, T, C * 2D]
    size = response.square().sum(-1).mean(1).sqrt()
    step = response.diff(dim=1).norm(dim=-1) / size[:, None]
    turn = 2.0 * math.pi * speed / 3.6 * SLOT_S * 3.5e9 / 3e8
    at_updates = step[:, 49::50]
    assert at_updates.shape[1] >= 7
    assert float(at_updates.max()) <= 1.1 * float(step.max()) < 2.5 * turn
    assert float(at_updates.mean()) == pytest.approx(float(step.mean()), rel=0.1)


def test_autocorrelation_along_a_path_is_a_bessel_function() -> None:
    """J0(2 pi s / lambda) over the way s, in the mean over links; across updates, for users that turn."""
    model = {"model": "gauss_markov", "speed_kmh": 20.0, "deviation_kmh": 5.0, "alpha": 0.8, "step_s": 0.05}
    case = scenario(**{"users.all.mobility": model, "users.all.count": 5, "channel.update_s": 0.03})
    channel = moving(case)
    response = channel.fading.coordinates(0, 300, SLOT_S)[0]
    way = fading(channel).moving_drops[0].trajectory.position_m(torch.arange(300) * SLOT_S)[0]
    unit = response / channel.mean_snr[0].sqrt().repeat_interleave(response.shape[-1] // 21, -1)[:, None]
    size = unit.shape[-1] // 42  # D
    flat = torch.complex(unit.unflatten(-1, (21, 2, size))[..., 0, :], unit.unflatten(-1, (21, 2, size))[..., 1, :])
    for lag in (4, 10, 18):
        moved = (way[:, lag:] - way[:, :-lag]).norm(dim=-1)
        expected = torch.special.bessel_j0(2.0 * math.pi * moved * 3.5e9 / 299792458.0).mean()
        seen = (flat[:, lag:] * flat[:, :-lag].conj()).real.sum(-1).mean() / flat.abs().square().sum(-1).mean()
        assert float(seen) == pytest.approx(float(expected), abs=0.06)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("changes", [linear(120.0), {"blockage": [{"model": "regions"}]}, {"handover": {}}])
def test_without_fading_a_link_has_its_mean_power(changes: dict[str, Any], dtype: torch.dtype) -> None:
    """At the time of a state the power on each PRB is the mean SNR that the state's gain says, and no more."""
    case = scenario(**changes, **{"fading.model": "none", "channel.update_s": 0.05})
    channel = moving(case, dtype=dtype)
    moving_drop = fading(channel).moving_drops[0]
    for slot, snr in zip((0, 50, 400), moving_drop.snr((0, 50, 400)), strict=True):
        coordinates = channel.fading.coordinates(slot, 1, SLOT_S)[0, :, 0]  # [U, C * 2]
        assert coordinates.dtype == dtype and coordinates.shape[-1] == 2 * 21
        real, imaginary = channel.fading.to_prbs.to(dtype).split(12, 1)
        on_prbs = coordinates.unflatten(-1, (21, 2)) @ real, coordinates.unflatten(-1, (21, 2)) @ imaginary
        power_of_prb = on_prbs[0].square() + on_prbs[1].square()  # [U, C, K]
        assert torch.allclose(power_of_prb.double(), snr[..., None].double(), rtol=1e-4)


@pytest.mark.parametrize("speed_kmh", [3.0, 30.0, 120.0])
def test_power_between_two_states_is_that_of_a_state_taken_there(speed_kmh: float) -> None:
    """Interpolated half-way, where it is worst, the mean power of a link errs by some tenths of a dB."""
    case = scenario(**linear(speed_kmh), **{"users.all.count": 5, "propagation.los": "random"})
    moving_drop = fading(moving(case)).moving_drops[0]
    fine = replace(moving_drop.motion, update_interval_s=0.05)
    direct = type(moving_drop)(moving_drop.drop, moving_drop.plan, fine, moving_drop.basis)
    (one, _), (other, _), (there, _) = (
        c.rays(n, torch.float64) for c, n in ((moving_drop, 0), (moving_drop, 1), (direct, 1))
    )
    between = (0.5 * (one.rays + other.rays)).unflatten(-1, (21, -1)).square().sum((2, 4))
    true = there.rays.unflatten(-1, (21, -1)).square().sum((2, 4))
    error_db = 10.0 * torch.log10(between / true)
    assert abs(float(error_db.mean())) < 0.3
    limit_db = {3.0: 0.1, 30.0: 0.6, 120.0: 3.0}[speed_kmh]  # beyond are those whose line of sight begins or ends
    assert float(error_db.abs().quantile(0.8)) < limit_db


def test_a_corner_takes_25_db_within_metres(tmp_path: Path) -> None:
    """A user that walks at 36 km/h round a corner of 4 m, half of it on either side of x = 100 m, hears 25 dB less."""
    (tmp_path / "walk.csv").write_text("user,time_s,x_m,y_m\nann,0,95,40\nann,1,105,40\n")
    replay = {"model": "replay", "file": str(tmp_path / "walk.csv"), "if_fewer": "cycle"}
    corner = {"loss_db": 25.0, "rectangle": {"west_m": 100, "south_m": 0, "east_m": 200, "north_m": 80}}
    event = {**corner, "transition_m": 4.0, "cells": [0, 1, 2]}
    blockage = [{"model": "scripted", "events": [event]}]
    changes: dict[str, Any] = {"users.all.mobility": replay, "channel.update_s": 0.02}
    open_, blocked = (moving(scenario(blockage=way, **changes)) for way in ([], blockage))
    loss_db = 10.0 * torch.log10(power(open_, 0, 1000) / power(blocked, 0, 1000))
    assert float(loss_db[..., 3:].abs().max()) < 1e-6
    own = loss_db[..., :3]
    assert float(own[:, :300].abs().max()) < 1e-6  # up to 98 m
    assert torch.allclose(own[:, 701:], torch.tensor(25.0, dtype=torch.float64))  # from 102 m on
    assert torch.allclose(own[:, 500], torch.tensor(12.5, dtype=torch.float64), atol=0.5)
    assert float(own.diff(dim=1).abs().max()) < 0.3  # and nowhere a jump


def test_states_in_between_are_linear_in_decibels() -> None:
    moving_drop = fading(moving(scenario(**linear(120.0)))).moving_drops[0]
    snr = 10.0 * torch.log10(torch.stack(list(moving_drop.snr([0, 25, 100, 150, 200]))))
    assert torch.allclose(snr[1], 0.75 * snr[0] + 0.25 * snr[2])
    assert torch.allclose(snr[3], 0.5 * snr[2] + 0.5 * snr[4])


def test_every_model_of_motion_and_of_blockage_runs(tmp_path: Path) -> None:
    from scenarios import run

    (tmp_path / "walk.csv").write_text("user,time_s,x_m,y_m\na,0,0,50\na,5,20,50\n")
    motions = [
        {"model": "static"},
        {"model": "waypoint"},
        {"model": "manhattan"},
        {"model": "gauss_markov"},
        {"model": "replay", "file": str(tmp_path / "walk.csv"), "if_fewer": "cycle"},
    ]
    users = [
        {"name": f"g{n}", "count": 1, "mobility": motion, "traffic": {"model": "full_buffer"}}
        for n, motion in enumerate(motions)
    ]
    blockage = [
        {"model": "regions"},
        {"model": "screens", "count": 5},
        {"model": "scripted", "events": [{"loss_db": 20.0, "groups": ["g1"], "cells": [0]}]},
    ]
    data = {**BASE, "users": users, "blockage": blockage, "duration_s": 0.1, "channel": {"update_s": 0.03}}
    result = run(data, out=tmp_path / "run", progress=False, plots=False)
    assert result.per_drop.query("metric == 'rate_mean'").value.item() > 0.0


def test_line_of_sight_ends_softly_for_users_that_move() -> None:
    def end(**changes: Any) -> str | None:
        return engine_factory.channel_plan(scenario(**changes)).propagation.los_transition

    assert end() == "hard" and end(**linear(30.0)) == "soft"
    assert end(blockage=[{"model": "regions"}]) == "hard"  # something stands in the way, but no user moves
    assert end(**linear(30.0), **{"propagation.los_transition": "hard"}) == "hard"
    assert end(**{"propagation.los_transition": "soft"}) == "soft"


def _complaint(tmp_path: Path, **changes: Any) -> str:
    from scenarios.config.loading import load as load_again

    with pytest.raises(ScenarioError) as caught:
        case = load_again(BASE, **changes)
        find("scheduling").check(case)
    return str(caught.value)


def test_bad_input(tmp_path: Path) -> None:
    def says(text: str, **changes: Any) -> None:
        assert text in _complaint(tmp_path, **changes)

    track = tmp_path / "walk.csv"
    track.write_text("user,time_s,x_m,y_m\na,0,0,50\na,5,2000,50\n")
    replay: dict[str, Any] = {"model": "replay", "file": str(track), "if_fewer": "cycle"}
    says("km/h", **{"users.all.mobility": replay})
    says("cannot be read", **{"users.all.mobility": {**replay, "file": "nowhere.csv"}})
    track.write_text("user,time_s,x_m,y_m,z_m\na,0,0,50,1.5\na,5,2,50,40\n")
    says("line 3: user 'a' is at z_m 40, but users of 'uma' are above 1 m and up to", **{"users.all.mobility": replay})
    track.write_text("user,time_s,x_m,y_m\na,0,0,50\na,0.5,2,50\n")
    says("before the run, which takes 1 s", **{"users.all.mobility": replay})
    says("'cell_area' means nothing", **{"users.all.mobility": replay, "attachment": "cell_area"})
    says("'users.0.mobility.model' is 'teleport'", **{"users.all.mobility": {"model": "teleport"}})
    event: dict[str, Any] = {"loss_db": 10.0, "cells": [21]}
    says("blockage.0: blockage event 0 names the cell 21", blockage=[{"model": "scripted", "events": [event]}])
    event = {"loss_db": 10.0, "groups": ["absent"]}
    says("absent", blockage=[{"model": "scripted", "events": [event]}])
    says("update_s", **{"channel.update_s": 0.0})
    says("less than 1 m wide", mobility_area={"west_m": 0.0, "south_m": 0.0, "east_m": 0.0, "north_m": 5.0})


def test_an_event_after_the_end_is_told() -> None:
    events = [{"loss_db": 20, "start_s": 0.5}, {"loss_db": 20, "start_s": 1.0}]
    with pytest.warns(UserWarning, match=r"blockage.0.events.1 begins at start_s 1.*ends after 1 s.*never happens"):
        scenario(blockage=[{"model": "scripted", "events": events}])
