"""Users on the move: a centimetre changes nothing visible, over the border neither; far away everything is fresh."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from moving_cases import crossings, fading, linear, moving, scenario
from torch import Tensor

from phy.antenna.element import SectorAntennaSettings
from phy.mobility import Linear, Trajectory, area_of, trajectories, wrap_position
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology, displacement
from phy.topology.users import place_per_cell
from phy.tr38901.large_scale import LargeScale, LargeScaleModel, LargeScalePlan, draw_large_scale_model
from phy.tr38901.settings import PropagationSettings

TOPOLOGY = build_topology(TopologySettings())
DROP = Drops(1, (0,))
SPEED_MPS = 10.0


def walkers(users: int, duration_s: float) -> Trajectory:
    start, _ = place_per_cell(DROP.keys("placement"), TOPOLOGY, 1, 35.0, 1.5)
    speed = Linear(min_speed_kmh=3.6 * SPEED_MPS, max_speed_kmh=3.6 * SPEED_MPS)
    return trajectories(DROP, speed, start[:, :users], area_of(TOPOLOGY), duration_s)


def air_of(users: int, **changes: Any) -> LargeScaleModel:
    settings = PropagationSettings(carrier_hz=2e9, **{"los_transition": "soft", **changes})
    return draw_large_scale_model(DROP, LargeScalePlan(TOPOLOGY, settings, SectorAntennaSettings(), users))


def two_states(
    model: LargeScaleModel, walk: Trajectory, t_s: float, step_m: float = 0.01
) -> tuple[LargeScale, LargeScale, Tensor]:
    """State here and a centimetre on, and of which sites another image is nearest then, ``[1, U, Si]``."""
    way = walk.position_m(torch.tensor([t_s, t_s + step_m / SPEED_MPS], dtype=torch.float64))
    place = wrap_position(TOPOLOGY, way)
    one, two = (model.at(place[:, :, n], way[:, :, n]) for n in (0, 1))
    path = [displacement(TOPOLOGY, place[:, :, n]) for n in (0, 1)]
    return one, two, (path[0] - path[1]).norm(dim=-1) > 1.0


def sinr_db(gain_db: Tensor, cell: Tensor) -> Tensor:
    power = torch.pow(10.0, gain_db / 10.0)
    own = power.gather(-1, cell)
    return 10.0 * torch.log10(own / (power.sum(-1, keepdim=True) - own + 1e-14))


@pytest.mark.parametrize("indoor_share", [0.0, 0.5])
def test_a_centimetre_anywhere_on_the_way(indoor_share: float) -> None:
    """12 users over 600 m, the ends of lines of sight and the border of the cluster among them."""
    walk, model = walkers(12, 61.0), air_of(12, indoor_share=indoor_share)
    steps: dict[str, list[Tensor]] = {"gain": [], "spread": [], "k": [], "sinr": []}
    ends, before = 0, None
    for t_s in torch.linspace(0.0, 60.0, 75).tolist():
        one, two, jump = two_states(model, walk, t_s)
        cells = ~jump.repeat_interleave(3, -1)
        same = (one.los == two.los) & ~jump
        ends += 0 if before is None else int((one.los[~one.indoor] != before.los[~one.indoor]).sum())
        before = one
        steps["gain"].append((one.gain_db - two.gain_db).abs()[cells])
        spreads = [torch.cat((s.delay_spread_s[..., None] * 1e9, s.spreads_deg), -1) for s in (one, two)]
        steps["spread"].append(10.0 * torch.log10(spreads[0] / spreads[1]).abs()[same].flatten())
        strong = cells & (one.cell_k_db > -10.0)
        steps["k"].append((one.cell_k_db - two.cell_k_db).abs()[strong])
        best = one.gain_db.argmax(-1, keepdim=True)
        steps["sinr"].append((sinr_db(one.gain_db, best) - sinr_db(two.gain_db, best)).abs().flatten())
    assert ends > 20
    for name, (mean, nearly_all, most) in {
        "gain": (0.03, 0.15, 3.0),
        "spread": (0.02, 0.1, 0.5),
        "k": (0.1, 1.0, 8.0),
        "sinr": (0.03, 0.2, 1.0),
    }.items():
        step = torch.cat(steps[name])
        assert 0.0 < step.mean() < mean, name
        assert step.quantile(0.99) < nearly_all and step.max() < most, name


def test_soft_ends_of_line_of_sight_are_not_frayed() -> None:
    """As much line of sight, and far fewer changes: an exponential correlation has no smooth border."""
    walk = walkers(12, 61.0)
    share, changes = {}, {}
    for end in ("hard", "soft"):
        model = air_of(12, los_transition=end)
        way = walk.position_m(torch.arange(0.0, 50.0, 0.25, dtype=torch.float64))  # every 2.5 m
        place = wrap_position(TOPOLOGY, way)
        los = torch.stack([model.at(place[:, :, n], way[:, :, n]).los[0] for n in range(way.shape[2])])
        share[end], changes[end] = float(los.double().mean()), int((los[1:] != los[:-1]).sum())
    assert share["soft"] == pytest.approx(share["hard"], abs=0.03)
    assert 20 < changes["soft"] < 0.4 * changes["hard"]


def test_where_another_image_of_a_site_comes_nearer() -> None:
    """Half-way between two images of a site its sectors turn by 20 dB and more, far below what serves a user there."""
    walk, model = walkers(21, 61.0), air_of(21)
    found = 0
    fine = torch.arange(0.0, 60.0, 0.1, dtype=torch.float64)
    place = wrap_position(TOPOLOGY, walk.position_m(fine))
    path = displacement(TOPOLOGY, place.flatten(1, 2)).unflatten(1, place.shape[1:3])
    jumps = (path[:, :, 1:] - path[:, :, :-1]).norm(dim=-1)[0] > 100.0  # [U, T - 1, Si]
    for user, number, site in jumps.nonzero().tolist()[::9][:24]:
        low, high = float(fine[number]), float(fine[number + 1])
        while high - low > 1e-4:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if two_states_jump(walk, low, middle)[user, site] else (middle, high)
        one, two, jump = two_states(model, walk, low - 2e-4)
        if not jump[0, user, site]:
            continue
        found += 1
        own = slice(3 * site, 3 * site + 3)
        best = one.gain_db[0, user].max()
        assert torch.maximum(one.gain_db, two.gain_db)[0, user, own].max() < best - 10.0
        cell = one.gain_db.argmax(-1, keepdim=True)
        assert (sinr_db(one.gain_db, cell) - sinr_db(two.gain_db, cell)).abs()[0, user] < 0.3
    assert found >= 8


def two_states_jump(walk: Trajectory, before_s: float, after_s: float) -> Tensor:
    place = wrap_position(TOPOLOGY, walk.position_m(torch.tensor([before_s, after_s], dtype=torch.float64)))
    path = [displacement(TOPOLOGY, place[:, :, n]) for n in (0, 1)]
    return (path[0] - path[1]).norm(dim=-1)[0] > 1.0


def test_over_the_border_of_the_cluster_in_a_run() -> None:
    """At 36 km/h a slot is a centimetre: SINR and response step no more where a user is folded back than elsewhere."""
    case = scenario(**linear(36.0), **{"users.all.count": 1, "channel.update_s": 0.05, "duration_s": 30.0})
    for model in ("none", "rays"):
        channel = moving(case.model_copy(update={"fading": replace(case.fading, model=model)}))
        moving_drop = fading(channel).moving_drops[0]
        border = [(user, t_s) for user, t_s in crossings(moving_drop.trajectory) if t_s > 0.1]
        assert len(border) >= 3
        for user, t_s in border[:4]:
            first = round(t_s / 1e-3) - 25
            response = channel.fading.coordinates(first, 50, 1e-3)[0, user]
            power = response.unflatten(-1, (21, -1)).square().sum(-1)
            own = power.mean(0).argmax()
            db = 10.0 * torch.log10(power[:, own] / (1.0 + power.sum(-1) - power[:, own]))
            step = db.diff().abs()
            if model == "none":
                assert step.max() < 0.2
            else:
                turn = response.diff(dim=0).norm(dim=-1) / response.norm(dim=-1).mean()
                assert turn[23:26].max() < 2.0 * turn.mean()


def test_far_on_the_way_everything_is_fresh_and_as_it_should_be() -> None:
    """Users that walk on through image after image: 2 km later nothing is as it was, and laws are what they were."""
    walk = walkers(21, 801.0)
    states = []
    model = air_of(21, los_transition="hard")
    for t_s in range(0, 801, 100):  # every kilometre
        way = walk.position_m(torch.tensor([float(t_s)], dtype=torch.float64))[:, :, 0]
        states.append(model.at(wrap_position(TOPOLOGY, way), way))
    clear = torch.stack([state.los for state in states])
    blocked = torch.stack([state.shadowing_db for state in states])[~clear]
    assert abs(float(blocked.mean())) < 0.8 and float(blocked.std()) == pytest.approx(6.0, rel=0.12)
    for one, two in itertools.pairwise(states):
        both = ~one.los & ~two.los
        pair = torch.stack((one.shadowing_db[both], two.shadowing_db[both]))
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.35
    expected = _expected_los(walk, list(range(0, 801, 100)))
    assert float(clear.double().mean()) == pytest.approx(expected, abs=0.04)


def _expected_los(walk: Trajectory, times: list[int]) -> float:
    from phy.tr38901.los import los_probability

    place = wrap_position(TOPOLOGY, walk.position_m(torch.tensor([float(t) for t in times], dtype=torch.float64)))
    path = displacement(TOPOLOGY, place.flatten(1, 2))
    distance = torch.hypot(path[..., 0], path[..., 1])
    return float(los_probability("uma", distance, torch.full_like(distance, 1.5)).mean())
