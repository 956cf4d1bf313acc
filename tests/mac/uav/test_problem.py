"""The problem of flying base stations: state, drops, batteries, sensing, limits, decisions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from oracles_uav import points, problem, scenario

from allocators.registry import resolve
from mac.core.check_problem import check_problem
from mac.core.contracts import InfeasibleDecision
from mac.core.loop import Span, run
from mac.uav import UavDecision
from mac.uav.feasible import require_uav

WALK = {"mobility": {"model": "waypoint", "min_speed_kmh": 3, "max_speed_kmh": 6}}
DATA = {"traffic": {"model": "poisson", "rate_bps": 2e6, "packet_bytes": 1500}, "day": [0.5] * 12 + [1.5] * 12}
MOVING = [{"name": "walkers", "count": 12, "placement": "hotspots", **WALK, **DATA}]


def still(one: Any) -> UavDecision:
    return UavDecision(torch.zeros((len(one.drops), one.context.uavs, 3), dtype=one.context.dtype))


@pytest.mark.parametrize("changes", [
    {},
    {"users": MOVING},
    {"channel__fading": "sampled", "channel__samples": 3},
    {"uavs__battery_j": 900.0},
    {"sensing__positions": "heard", "sensing__heard_snr_db": 20, "sensing__neighbour_range_m": 300},
    {"terrestrial": {"shadowing": True}, "backhaul__model": "terrestrial", "channel__shadowing_nlos_db": 6},
    {"radio__max_users": 5, "radio__coverage_radius_m": 200, "radio__association": "nearest"},
])  # fmt: skip
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_state_is_a_value(changes: dict[str, Any], backend: str) -> None:
    one = problem(**changes)
    one.backend = backend
    check_problem(one, resolve("random_walk", "uav"), intervals=8)


@pytest.mark.parametrize("users", [None, MOVING])
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_drop_is_the_same_in_any_batch(users: Any, backend: str) -> None:
    changes = {} if users is None else {"users": users}
    together = problem((0, 1, 2, 3, 4), torch.float32, radio__sharing="proportional_fair", **changes)
    alone = problem((3,), torch.float32, radio__sharing="proportional_fair", **changes)
    together.backend = alone.backend = backend
    windows = [run(one, resolve("random_walk", "uav"), Span(20, 0, 5)).arrays for one in (together, alone)]
    for name, values in windows[0].items():
        assert (values[3:4] == windows[1][name]).all(), name


def test_backends_agree_over_a_run() -> None:
    runs = []
    for backend in ("numba", "torch"):
        one = problem(users=MOVING, radio__sharing="proportional_fair")
        one.backend = backend
        runs.append(run(one, resolve("static_grid", "uav"), Span(20, 0, 20)).arrays)
    for name, values in runs[0].items():
        assert values == pytest.approx(runs[1][name], rel=2e-3, abs=1e-6), name


def test_allocators_meet_the_same_users_and_data() -> None:
    busy = [{**MOVING[0], "traffic": {"model": "poisson", "rate_bps": 20e6, "packet_bytes": 1500}}]
    served = [
        run(problem(users=busy), resolve(name, "uav"), Span(20, 0, 20)).arrays
        for name in ("static_grid", "random_walk")
    ]
    for name in ("demand_bits", "user_m"):
        assert (served[0][name] == served[1][name]).all()
    assert (served[0]["served_bits"] != served[1]["served_bits"]).any()


def test_bits_are_conserved() -> None:
    arrays = run(problem(users=MOVING), resolve("random_walk", "uav"), Span(20, 0, 5)).arrays
    demand, served = arrays["demand_bits"].sum(1), arrays["served_bits"].sum(1)
    assert demand == pytest.approx(served + arrays["backlog_bits"][:, -1], rel=1e-9)
    assert (served > 0).any()


def test_the_day_scales_what_arrives() -> None:
    flat = [{**MOVING[0], "day": [1.0] * 24}]
    seen = {}
    for hour in (8, 20):
        for name, users in (("flat", flat), ("day", MOVING)):
            one = problem(users=users, day__start_hour=hour)
            seen[name, hour] = run(one, resolve("static_grid", "uav"), Span(20, 0, 20)).arrays["demand_bits"].sum()
    assert seen["day", 8] == pytest.approx(0.5 * seen["flat", 8])
    assert seen["day", 20] == pytest.approx(1.5 * seen["flat", 20])


def test_users_walk_within_the_area() -> None:
    one = problem(users=MOVING)
    state = one.start()
    places = [state.user_m]
    for _ in range(19):
        state, _ = one.step(state, still(one))
        places.append(state.user_m)
    track = torch.stack(places)
    assert bool(((track >= 0) & (track <= 1000)).all())
    step = track.diff(dim=0).norm(dim=-1)
    assert 0.5 < float(step.mean()) < 2.0 and float(step.max()) <= 6 / 3.6 + 1e-9


def test_batteries_account_for_all_energy_and_end_the_service() -> None:
    """168.49 W of hover and 1 W / 0.4 of the transmitter: 900 J last 5.26 s."""
    one = problem(uavs__battery_j=900.0)
    state = one.start()
    total = torch.zeros(2, dtype=torch.float64)
    for number in range(8):
        state, outcome = one.step(state, still(one))
        total += outcome.energy_j
        if number == 0:
            assert outcome.extras["flight_j"].numpy() == pytest.approx(168.49, abs=1e-6)
            sends = outcome.extras["radio_j"] > 0
            assert outcome.extras["radio_j"][sends].tolist() == pytest.approx([2.5] * int(sends.sum()))
        assert bool(state.observation.active.all()) is (number < 5)
        assert outcome.over is (number >= 5)
    assert total.tolist() == pytest.approx([3600.0, 3600.0])
    assert not outcome.served_bits.any() and not state.observation.snr.any()
    assert not state.observation.neighbour.any()


def test_first_service_is_the_end_of_the_interval_with_the_first_bits() -> None:
    one = problem((0,), users=points((500.0, 500.0), (100.0, 100.0)), uavs__count=1)
    state = one.start()
    for number in range(4):
        chosen = torch.tensor([[0 if number >= 2 else -1, -1]])
        state, outcome = one.step(state, replace(still(one), serving=chosen))
    assert outcome.extras["first_service_s"].tolist() == [[3.0, math.inf]]


def test_sensing_hides_what_is_far() -> None:
    one = problem(sensing__positions="heard", sensing__heard_snr_db=32, sensing__neighbour_range_m=510)
    seen = one.start().observation
    assert 0.1 < float(seen.known.double().mean()) < 0.9
    assert torch.equal(seen.known, (seen.snr > 0).any(1))
    assert bool((seen.user_m[~seen.known] == 500.0).all())
    assert seen.neighbour[0].sum(-1).tolist() == [2, 2, 2, 2]  # of the grid's neighbours 500 m away, not the diagonal
    every = problem().start().observation
    assert every.neighbour[0].sum(-1).tolist() == [3, 3, 3, 3] and bool(every.known.all())


def test_position_errors_stay_and_have_their_spread() -> None:
    one = problem(tuple(range(40)), sensing__position_error_m=10.0)
    state = one.start()
    error = state.observation.user_m - state.user_m
    assert float(error.std()) == pytest.approx(10.0, rel=0.05)
    later, _ = one.step(state, still(one))
    assert torch.equal(later.observation.user_m - later.user_m, error)


def test_backhaul_limits_the_sum_of_each_uav() -> None:
    free, held = problem(), problem(backhaul__model="fixed", backhaul__limit_bps=5e6)
    _, before = free.step(free.start(), still(free))
    _, after = held.step(held.start(), still(held))
    for v in range(4):
        mine = before.extras["serving_uav"] == v
        total = (before.served_bits * mine).sum(1)
        cut = (after.served_bits * mine).sum(1)
        assert cut.tolist() == pytest.approx(total.clamp(max=5e6).tolist())
    assert bool((after.served_bits <= before.served_bits + 1e-6).all())


def test_a_terrestrial_network_interferes() -> None:
    quiet, loud = problem(), problem(terrestrial={"load": 1.0})
    rise = loud.start().observation.noise_rise
    assert bool((rise > 1.0).all()) and bool((quiet.start().observation.noise_rise == 1.0).all())
    _, before = quiet.step(quiet.start(), still(quiet))
    _, after = loud.step(loud.start(), still(loud))
    assert float(after.served_bits.sum()) < float(before.served_bits.sum())


def test_few_users_and_a_radius_limit_service() -> None:
    one = problem(radio__max_users=5, radio__coverage_radius_m=200)
    state = one.start()
    _, outcome = one.step(state, still(one))
    uav, place = outcome.extras["serving_uav"], state.motion.position_m
    for b in range(2):
        for v in range(4):
            mine = (uav[b] == v).nonzero().flatten()
            away = (state.user_m[b] - place[b, v, :2]).norm(dim=-1)
            assert len(mine) <= 5 and bool((away[mine] <= 200).all())
            best = state.snr[b].argmax(0) == v
            able = best & (away <= 200)
            assert len(mine) == min(5, int(able.sum()))
            if len(mine):
                assert float(state.snr[b, v, mine].min()) >= float(
                    state.snr[b, v, able].sort(descending=True).values[len(mine) - 1]
                )


@pytest.mark.parametrize(("changed", "text"), [
    ({"velocity_mps": [21.0, 0.0, 0.0]}, r"UAV 1 is to fly at 21 m/s, but its greatest speed is 20 m/s"),
    ({"velocity_mps": [math.nan, 0.0, 0.0]}, r"UAV 1 is to fly at nan m/s"),
    ({"velocity_mps": [0.0, 0.0, -6.0]}, r"UAV 1 is to climb or sink at 6 m/s"),
    ({"power_w": 1.5}, r"UAV 1 is to transmit 1.5 W, but it may transmit 0 to 1 W"),
    ({"serving": 4}, r"user 1 is served by UAV 4, which does not exist: use 0 to 3, or -1 for none"),
    ({"share": -0.1}, r"user 1 gets the share -0.1 of the band of UAV 1"),
    ({"share": 1.0}, r"user 1 has a share of the band of UAV 1, but its serving UAV is 0"),
])  # fmt: skip
def test_decisions_that_are_not_allowed(changed: dict[str, Any], text: str) -> None:
    one = problem()
    state = one.start()
    decision = UavDecision(
        torch.zeros((2, 4, 3), dtype=torch.float64),
        torch.ones((2, 4), dtype=torch.float64),
        torch.zeros((2, 60), dtype=torch.int64),
        torch.zeros((2, 4, 60), dtype=torch.float64),
    )
    require_uav(decision, state.observation, one.context)
    for name, value in changed.items():
        at = (1, 1, 1) if name == "share" else (1, 1)
        getattr(decision, name)[at] = torch.as_tensor(value, dtype=getattr(decision, name).dtype)
    with pytest.raises(InfeasibleDecision, match=text) as caught:
        one.step(state, decision)
    assert caught.value.drop == 1
    mended = problem(on_infeasible="repair")
    _, outcome = mended.step(mended.start(), decision)
    assert outcome.extras["repairs"].tolist() == [0.0, 1.0]


def test_shares_that_add_up_to_more_than_one_are_refused_or_scaled() -> None:
    one, mended = problem(), problem(on_infeasible="repair")
    share = torch.zeros((2, 4, 60), dtype=torch.float64)
    share[:, 0, :3] = 0.5
    decision = replace(still(one), serving=torch.zeros((2, 60), dtype=torch.int64), share=share)
    with pytest.raises(InfeasibleDecision, match=r"shares of the band of UAV 0 add up to 1.5"):
        one.step(one.start(), decision)
    _, outcome = mended.step(mended.start(), decision)
    fair = replace(decision, share=share / 1.5)
    assert torch.equal(outcome.served_bits, one.step(one.start(), fair)[1].served_bits)
    assert outcome.extras["repairs"].tolist() == [1.0, 1.0]


def test_the_reference_reward() -> None:
    """Two users with rates 1 : 3: Jain (1 + 3)^2 / (2 * 10) = .8, mean over greatest 2/3; an idle UAV gets 0."""
    from mac.uav.radio import Service
    from mac.uav.reference_reward import reference_reward

    service = Service(torch.zeros((1, 2), dtype=torch.int64), torch.zeros(1), torch.zeros(1),
                      torch.tensor([[True, False, True]]))  # fmt: skip
    pairs = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])
    apart = torch.zeros((1, 3), dtype=torch.bool)
    reward = reference_reward(torch.tensor([[1.0, 3.0]]), service, apart, pairs)
    assert reward[0].tolist() == pytest.approx([0.8 * 2 / 3, 0.0, 0.8 * 2 / 3])
    hit = reference_reward(torch.tensor([[1.0, 3.0]]), service, torch.tensor([[False, False, True]]), pairs)
    assert hit[0].tolist() == pytest.approx([0.8 * 2 / 3, -5.0, -5.0])


def test_all_users_at_one_point_and_one_user() -> None:
    for places in (((300.0, 300.0),) * 6, ((10.0, 10.0),)):
        one = problem(users=points(*places))
        _, outcome = one.step(one.start(), still(one))
        assert bool((outcome.served_bits > 0).all()) and bool(outcome.served_bits.isfinite().all())


def test_scenario_counts() -> None:
    assert scenario().count == 60
