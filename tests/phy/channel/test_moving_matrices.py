"""Matrices of users on their way: continuous, turned by the way, of the cells in force, the same in every batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from moving_cases import BASE, CPU, SLOT_S, UE, linear, scenario
from torch import Tensor

from mac.link_adaptation.adaptation import LinkSettings
from phy.channel.channel import Channel, build_channel
from phy.channel.moving_matrices import MovingMatrices, build_moving_channel
from phy.random import Drops
from scenarios.families import find
from scenarios.families.cellular import engine_factory
from scenarios.families.cellular.mimo_estimates import NetworkSize, mimo_bytes
from scenarios.families.cellular.mobility import motion_plan
from scenarios.families.cellular.shape import Shape
from scenarios.families.scheduling.scenario import SchedulingScenario

PANELS: dict[str, Any] = {
    "mimo": {"base": {"columns": 2, "polarizations": 2, "ports": 4, "element": "sector"}, "ue": UE},
    "topology.sectors": 1,
}
OMNI: dict[str, Any] = {"mimo": {"base": {}, "ue": {}}, "topology.sectors": 1}


def build(case: SchedulingScenario, ids: tuple[int, ...] = (0,), dtype: torch.dtype = torch.float64) -> Channel:
    shape = Shape(find("scheduling").clock(case), 1, (0,) * len(case.users))
    return build_moving_channel(Drops(1, ids), engine_factory.channel_plan(case), motion_plan(case, shape), CPU, dtype)


def moving(channel: Channel) -> MovingMatrices:
    assert isinstance(channel.mimo, MovingMatrices)
    return channel.mimo


def matrices(channel: Channel, *slots: int) -> Tensor:
    """``[T, U, K, J, Nr, Nt]`` of the first drop."""
    return torch.stack([moving(channel).at_slot(slot, SLOT_S)[0][0] for slot in slots])


def test_a_user_at_rest_sees_what_users_see_without_motion() -> None:
    """The same powers in the mean and at the quantiles; nothing changes where no user walks, whatever the state."""
    still = {"users.all.speed_kmh": 0.0, "users.all.count": 6, "propagation.los": "random"}
    case = scenario(**PANELS, **still, **{"channel.update_s": 0.2})
    one, other = (
        build(case, (0, 1)),
        build_channel(Drops(1, (0, 1)), engine_factory.channel_plan(case), CPU, torch.float64),
    )
    assert torch.equal(one.mean_snr, other.mean_snr) and torch.equal(one.serving, other.serving)
    assert other.mimo is not None
    (ours, around), (theirs, same) = moving(one).at_slot(0, SLOT_S), other.mimo.at_slot(0, SLOT_S)
    assert torch.equal(around.heard, same.heard)
    assert torch.allclose(around.rest_snr, same.rest_snr)
    power = [(h.abs().square().mean((2, 4, 5)) / one.mean_snr.gather(2, around.heard)) for h in (ours, theirs)]
    for p in power:
        assert float(p.mean()) == pytest.approx(1.0, abs=0.03)
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    fades = [10 * (h.abs().square() / h.abs().square().mean((2, 4, 5), keepdim=True)).log10() for h in (ours, theirs)]
    assert (
        float((fades[0].flatten()[::7].quantile(levels) - fades[1].flatten()[::7].quantile(levels)).abs().max()) < 0.4
    )
    torch.testing.assert_close(moving(one).at_slot(355, SLOT_S)[0], ours)


def test_a_user_at_rest_walks_on_the_spot_as_without_motion() -> None:
    """The Doppler shifts of the nominal speed, across states: the turns of two parts add up to that of the whole."""
    case = scenario(**OMNI, **{"users.all.speed_kmh": 30.0, "channel.update_s": 0.02, "propagation.los": "always"})
    channel = build(case)
    moving_drop = moving(channel).moving_drops[0]
    channel.mimo.at_slot(0, SLOT_S)  # type: ignore[union-attr]
    assert moving_drop._segment is not None
    rays = moving_drop._segment.joined.rays
    half = rays.doppler_hz.shape[2] // 2
    phase = torch.polar(torch.ones_like(rays.doppler_hz), 2 * torch.pi * rays.doppler_hz * 0.137)
    turned = (rays.rx[..., 0, :] * phase.repeat_interleave(2, -1)).unsqueeze(-2) @ rays.tx
    expected = moving_drop._segment.joined.tones[..., :half] @ turned[:, :, :half, 0]
    torch.testing.assert_close(matrices(channel, 137)[0][..., 0, 0].transpose(1, 2), expected[..., 0])


@pytest.mark.parametrize("los", ["never", "always"])
def test_nothing_jumps_from_one_state_to_the_next(los: str) -> None:
    """A slot is a centimetre. At an update matrices change by no more than in the slots around it."""
    case = scenario(
        **PANELS, **linear(36.0), **{"users.all.count": 6, "propagation.los": los, "channel.update_s": 0.05}
    )
    channel, steps = build(case), []
    for update in (50, 100, 150):
        h, cells = zip(*(moving(channel).at_slot(slot, SLOT_S) for slot in range(update - 3, update + 3)), strict=True)
        kept = cells[0].heard == cells[-1].heard
        assert float(kept.double().mean()) > 0.8
        size = h[0].abs().square().sum((2, 4, 5)).sqrt()
        change = [
            ((a - b).abs().square().sum((2, 4, 5)).sqrt() / size)[kept] for a, b in zip(h[1:], h[:-1], strict=True)
        ]
        steps.append(torch.stack(change))  # [5, links], the third is over the update
    at, around = torch.cat([s[2] for s in steps]), torch.cat([s[[0, 1, 3, 4]].amax(0) for s in steps])
    assert float(around.median()) < 0.75  # 2 pi 1 cm / 8.6 cm
    assert float((at / around).max()) < 1.25
    assert float(at.mean()) == pytest.approx(float(torch.cat([s[[1, 3]].mean(0) for s in steps]).mean()), rel=0.03)


def test_the_field_along_a_path_turns_as_its_rays_do() -> None:
    """Users that turn, across states: autocorrelation over the way, against the drawn rays and a Bessel function."""
    model = {"model": "gauss_markov", "speed_kmh": 20.0, "deviation_kmh": 5.0, "alpha": 0.8, "step_s": 0.05}
    case = scenario(
        **OMNI, **{"users.all.mobility": model, "users.all.count": 10, "channel.update_s": 0.03, "carrier.prbs": 3}
    )
    channel = build(case)
    moving_drop = moving(channel).moving_drops[0]
    slots = range(0, 150, 3)
    h = matrices(channel, *slots)[..., 0, 0][:, :, :, 0]  # [T, U, K] of the own cell
    way = moving_drop.moving_drop.position_m(torch.tensor(slots) * SLOT_S)[0]  # [U, T, 3]
    before = moving_drop._segment.before  # type: ignore[union-attr]
    links = slice(0, None, moving_drop._segment.heard.shape[1])  # type: ignore[union-attr]
    power = (before.rx.abs().square().sum(-2).unflatten(-1, (-1, 2)).sum(-1))[links, :-1][:, : before.wave.shape[1]]
    for lag in (1, 3, 6):
        moved = way[:, lag:] - way[:, :-lag]
        turns = torch.einsum("unmx,utx->unmt", before.wave[links], moved)
        expected = (power[..., None] * torch.exp(2j * torch.pi * turns)).sum((1, 2)) / power.sum((1, 2))[:, None]
        seen = (h[lag:] * h[:-lag].conj()).mean(2).T / h.abs().square().mean((0, 2))[:, None]
        assert abs(complex(seen.mean() - expected.mean())) < 0.06
        bessel = torch.special.bessel_j0(2 * torch.pi * moved.norm(dim=-1) * 3.5e9 / 299792458.0).mean()
        assert abs(complex(seen.mean()) - float(bessel)) < 0.1


def test_power_does_not_fade_between_two_states() -> None:
    """At 120 km/h, 39 wavelengths from state to state: mean power half-way is that at the states."""
    channel = build(scenario(**PANELS, **linear(120.0), **{"users.all.count": 8}))
    power = [matrices(channel, *slots).abs().square().mean((2, 4, 5)) for slots in ((0, 100), (25, 50, 75))]
    ratio = power[1].mean(0) / power[0].mean(0)
    assert abs(float(10 * ratio.log10().mean())) < 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_drop_alone_is_the_drop_in_a_batch(dtype: torch.dtype) -> None:
    case = scenario(**PANELS, **linear(120.0), **{"propagation.los": "random", "users.all.count": 1})
    alone, batch = build(case, (2,), dtype), build(case, (0, 2, 1, 2), dtype)
    for slot in (0, 5, 100, 130):
        (one, around), (many, them) = (moving(channel).at_slot(slot, SLOT_S) for channel in (alone, batch))
        assert one.dtype == dtype.to_complex()
        assert torch.equal(one[0], many[1]) and torch.equal(one[0], many[3]) and not torch.equal(many[0], many[1])
        assert torch.equal(around.rest_snr[0], them.rest_snr[1])


def test_a_slot_is_the_same_whatever_was_asked_before() -> None:
    case = scenario(**PANELS, **linear(120.0), **{"users.all.count": 1})
    one, other = build(case), build(case)
    seen = [matrices(one, slot)[0] for slot in (0, 40, 250, 130)]
    assert torch.equal(matrices(other, 130)[0], seen[3])
    assert torch.equal(matrices(other, 40)[0], seen[1]) and torch.equal(matrices(other, 250)[0], seen[2])


def test_a_corner_takes_25_db(tmp_path: Path) -> None:
    (tmp_path / "walk.csv").write_text("user,time_s,x_m,y_m\nann,0,95,40\nann,1,105,40\n")
    replay = {"model": "replay", "file": str(tmp_path / "walk.csv"), "if_fewer": "cycle"}
    corner = {"loss_db": 25.0, "rectangle": {"west_m": 100, "south_m": 0, "east_m": 200, "north_m": 80}}
    blockage = [{"model": "scripted", "events": [{**corner, "transition_m": 4.0, "cells": [0, 1]}]}]
    changes: dict[str, Any] = {"users.all.mobility": replay, "users.all.count": 1, "topology.sites": 1, **PANELS}
    changes["topology.sectors"] = 3
    changes["topology.wrap_around"] = False
    open_, blocked = (build(scenario(blockage=way, **changes)) for way in ([], blockage))
    for slot, loss in ((200, 0.0), (500, 12.5), (800, 25.0)):
        power = []
        for channel in (open_, blocked):
            h, around = moving(channel).at_slot(slot, SLOT_S)
            total = torch.zeros((h.shape[1], 3), dtype=torch.float64)
            power.append(total.scatter(1, around.heard[0], h[0].abs().square().sum((1, 3, 4))))
        db = 10 * (power[0] / power[1]).log10()
        assert float((db[:, :2] - loss).abs().max()) < 1e-6
        assert float(db[:, 2:].abs().max()) < 1e-6


def test_other_cells_are_their_mean_power() -> None:
    """Linear in dB between states, none of those that are heard one by one."""
    case = scenario(**PANELS, **linear(60.0))
    channel = build(case)
    moving_drop = moving(channel).moving_drops[0].moving_drop
    for slot in (0, 30, 100, 170):
        _, around = moving(channel).at_slot(slot, SLOT_S)
        gain = [moving_drop.state(slot // 100 + later)[0].gain_db[0] for later in (0, 1)]
        between = gain[0] + (gain[1] - gain[0]) * (slot % 100) / 100
        expected = moving_drop.plan.snr_at_unit_gain * 10 ** (between / 10)
        heard = torch.zeros_like(expected, dtype=torch.bool).scatter(1, around.heard[0], True)
        assert not around.rest_snr[0][heard].any()
        torch.testing.assert_close(around.rest_snr[0][~heard], expected[~heard])


@pytest.mark.parametrize("where", ["within a state", "at a state"])
def test_cells_change_when_users_do(where: str) -> None:
    """A moving user hears the new cell first from that slot on; matrices that stay in are the same, to rounding."""
    case = scenario(**PANELS, **linear(30.0), **{"users.all.count": 1})
    channel = build(case)
    slot = 140 if where == "within a state" else 200
    serving = channel.serving[:, None].expand(-1, 15, -1).clone()
    weakest = channel.mean_snr.argmin(-1)
    serving[:, slot // 20 :, ::2] = weakest[:, None, ::2]
    served = moving(channel).with_serving(serving, 20)
    for at in (slot - 1, slot, slot + 7):
        h, around = served.at_slot(at, SLOT_S)
        assert torch.equal(around.heard[:, :, 0], serving[:, at // 20])
        plain, cells = moving(channel).at_slot(at, SLOT_S)
        for user, j in ((0, 1), (2, 2), (1, 0), (1, 3)):
            there = (cells.heard[0, user] == around.heard[0, user, j]).nonzero()
            for k in there[:, 0].tolist():
                torch.testing.assert_close(h[0, user, :, j], plain[0, user, :, k])
    back = served.at_slot(100, SLOT_S)[0]
    assert torch.equal(
        back, replace(served, moving_drops=tuple(c.to(c.target) for c in served.moving_drops)).at_slot(100, SLOT_S)[0]
    )


def test_a_scenario_of_walkers_with_panels_runs(tmp_path: Path) -> None:
    from scenarios import run

    change: dict[str, Any] = {
        "carrier": {"prbs": 6},
        "topology": {"sites": 7, "sectors": 1},
        "duration_s": 0.15,
        "window_s": 0.05,
    }
    data = {**BASE, **change, "mimo": {"base": {"polarizations": 2, "ports": 2}, "ue": UE}}
    data["users"] = [{**BASE["users"][0], "mobility": {"model": "linear"}}]
    result = run(data, out=tmp_path / "run", progress=False, plots=False)
    assert result.per_drop.query("metric == 'rate_mean'").value.item() > 0.0


def test_the_estimate_of_memory_covers_what_is_held() -> None:
    case = scenario(**PANELS, **linear(30.0), **{"users.all.count": 1})
    assert case.mimo is not None
    channel, found = build(case, (0,), torch.float32), []
    moving(channel).at_slot(150, SLOT_S)
    segment = moving(channel).moving_drops[0]._segment
    assert segment is not None
    parts = (segment.before, segment.after, segment.joined, segment.joined.rays)
    tensors = [value for part in parts for value in vars(part).values() if isinstance(value, Tensor)]
    held = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    for update_slots in (100.0, float("inf")):
        crowd = NetworkSize(channel.mean_snr.shape[1], 7, 12, LinkSettings(), update_slots)
        found.append(mimo_bytes(case.mimo, crowd, 4)[0])
    assert held < found[0] < 3 * held
    assert found[1] < held / 2
