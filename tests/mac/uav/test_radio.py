"""The downlink of UAVs against plain loops, hand calculation and optima that are known."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import oracles_uav as oracle
import pytest
import torch
from oracles_uav import points, problem

from mac.uav import UavDecision, loops
from mac.uav.radio import measure_mean_links, serve

RULES = ["equal", "proportional_fair", "max_min"]


def decided(one, seed: int = 3, power: bool = True, serving: bool = True, share: bool = True) -> UavDecision:
    """Random powers, association and shares that are allowed."""
    rng, context = np.random.default_rng(seed), one.context
    drops, uavs, users = len(one.drops), context.uavs, context.users
    velocity = torch.zeros((drops, uavs, 3), dtype=context.dtype)
    chosen = torch.from_numpy(rng.integers(-1, uavs, (drops, users)))
    own = (chosen[:, None] == torch.arange(uavs)[:, None]) * torch.from_numpy(rng.uniform(0, 1, (drops, uavs, users)))
    part = (own / own.sum(-1, keepdim=True).clamp(min=1.0)).to(context.dtype)
    watts = torch.from_numpy(rng.uniform(0, 1, (drops, uavs))).to(context.dtype)
    return UavDecision(
        velocity, watts if power else None, chosen if serving or share else None, part if share else None
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("said", [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize("form", ["loops", "torch"])
def test_an_interval_is_that_of_plain_loops(rule: str, said: tuple[int, int, int], form: str) -> None:
    one = problem(radio__sharing=rule)
    one.backend = "numba" if form == "loops" else "torch"
    state, context = one.start(), one.context
    for _ in range(2):  # the second interval has rates of the past
        decision = decided(one, 3, *map(bool, said))
        after, outcome = one.step(state, decision)
        for b in range(2):
            place = state.motion.position_m[b].tolist(), state.user_m[b].tolist()
            power = (
                [1.0] * context.uavs if decision.power_w is None else (decision.power_w[b] / context.power_w).tolist()
            )
            serving = None if decision.serving is None else decision.serving[b].tolist()
            share = None if decision.share is None else decision.share[b].tolist()
            past = (state.data.mean_rate_bps[b] * (1.0 - 1.0 / context.radio.memory_s)).tolist()
            waiting = state.data.waiting_bits[b].tolist()
            uav, bits, sinr = oracle.interval(context, *place, waiting, power, serving, share, past)
            assert outcome.extras["serving_uav"][b].tolist() == uav
            assert outcome.served_bits[b].numpy() == pytest.approx(np.array(bits), rel=0.006, abs=1.0)  # of the table
            covered = [float(s >= 1.0) for s in sinr]
            assert outcome.extras["covered"][b].tolist() == covered
        state = after


def test_users_below_the_least_sinr_get_nothing_and_no_share() -> None:
    for form in ("numba", "torch"):
        few, all_ = problem(radio__least_sinr_db=5.0), problem(radio__least_sinr_db=None)
        few.backend = all_.backend = form
        still = UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64))
        (_, one), (_, other) = (p.step(p.start(), still) for p in (few, all_))
        uavs = [outcome.extras["serving_uav"] for outcome in (one, other)]
        state = few.start()
        places = [(state.motion.position_m[b].tolist(), state.user_m[b].tolist()) for b in range(2)]
        sinr = [oracle.interval(few.context, *place, [1.0] * 60, [1.0] * 4)[2] for place in places]
        weak = torch.tensor(sinr) < 10**0.5
        assert bool(weak.any()) and torch.equal(uavs[0] == -1, weak) and not (uavs[1] == -1).any()
        assert not one.served_bits[weak].any()
        for b, v in itertools.product(range(2), range(4)):
            mine, kept = uavs[1][b] == v, uavs[0][b] == v
            if kept.any():
                ratio = one.served_bits[b][kept] / other.served_bits[b][kept]
                assert ratio.tolist() == pytest.approx([float(mine.sum() / kept.sum())] * int(kept.sum()))


def links(one, state, decision):
    return one._downlink(state, decision)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("average", ["loss", "gain"])
@pytest.mark.parametrize("fading", ["average", "none"])
def test_loops_agree_with_torch(rule: str, average: str, fading: str) -> None:
    changes = {"radio__sharing": rule, "channel__average": average, "channel__fading": fading}
    more = {"backhaul__model": "fixed", "backhaul__limit_bps": 20e6}
    one = problem(**changes, **more)
    state = one.start()
    for seed in range(4):
        for said in ((0, 0, 0), (1, 1, 0), (1, 1, 1)):
            link = links(one, state, decided(one, seed, *map(bool, said)))
            a, b = serve(one.context, link), loops.serve(one.context, link)
            assert torch.equal(a.uav, b.uav) and torch.equal(a.sends, b.sends) and torch.equal(a.covered, b.covered)
            assert a.bits.numpy() == pytest.approx(b.bits.numpy(), rel=1e-3, abs=1e-3)  # neighbouring table entries
            if fading == "none":
                assert a.bits.numpy() == pytest.approx(b.bits.numpy(), rel=1e-9, abs=1e-6)
        state, _ = one.step(state, decided(one, seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_snr_of_loops_and_torch_agree(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(5)
    one = problem(dtype=dtype)
    uav = torch.from_numpy(rng.uniform([0, 0, 50], [1000, 1000, 150], (2, 4, 3))).to(dtype)
    user = torch.from_numpy(rng.uniform(0, 1000, (2, 60, 2))).to(dtype)
    user[:, 0] = uav[:, 0, :2]  # straight below
    exact = measure_mean_links(one.context, uav.double(), user.double()).snr
    assert (loops.measure_snr(one.context, uav, user).double() / exact).numpy() == pytest.approx(1.0, abs=3e-5)
    plain = oracle.snr(one.context, uav[0, 1].tolist(), user[0, 7].tolist())
    assert float(exact[0, 1, 7]) == pytest.approx(plain, rel=1e-9)


def test_two_uavs_at_one_place_interfere() -> None:
    """Free space, user straight below at 98.5 m: the signal equals the interference, and SINR = S / (1 + S).

    S: 30 dBm - 78.33 dB + 97 dBm = 48.67 dB, and log2(1 + S / (1 + S)) = 1 bit/s/Hz but for noise: 10 Mbit in 1 s.
    """
    one = problem(
        users=points((500.0, 500.0), (500.0, 500.0)),
        uavs__count=2,
        uavs__start_m=[[500, 500, 100], [500, 500, 100]],
        channel__environment="free_space",
        channel__fading="none",
    )
    signal = 10.0 ** ((30.0 - 20.0 * math.log10(4 * math.pi * 2e9 * 98.5 / 299_792_458) + 97.0) / 10.0)
    assert 10 * math.log10(signal) == pytest.approx(48.67, abs=0.01)
    zero = torch.zeros((2, 2, 3), dtype=torch.float64)
    each = UavDecision(zero, serving=torch.tensor([[0, 1], [0, 1]]))
    _, outcome = one.step(one.start(), each)
    expected = 10e6 * math.log2(1.0 + signal / (1.0 + signal))
    assert outcome.served_bits.numpy() == pytest.approx(expected, rel=1e-4) and expected == pytest.approx(
        10e6, rel=2e-5
    )
    assert outcome.extras["collisions"].tolist() == [1.0, 1.0]
    alone = UavDecision(zero, serving=torch.tensor([[0, -1], [0, -1]]))  # the other UAV sends nothing
    _, outcome = one.step(one.start(), alone)
    assert outcome.served_bits[0].tolist() == pytest.approx([10e6 * math.log2(1.0 + signal), 0.0], rel=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_shares_of_a_rule_add_up_to_one(rule: str) -> None:
    one = problem(radio__sharing=rule)
    state = one.start()
    link = links(one, state, UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64)))
    for form in (serve, loops.serve):
        given = form(one.context, link)
        wide = measure_mean_links(one.context, link.uav_m, link.user_m)
        assert wide.snr.shape == (2, 4, 60)
        for b in range(2):
            _, _, sinr = oracle.interval(
                one.context, link.uav_m[b].tolist(), link.user_m[b].tolist(), [1.0] * 60, [1.0] * 4
            )
            places = [link.uav_m[b, v].tolist() for v in given.uav[b].tolist()]
            efficiency = [
                oracle.efficiency(one.context, place, link.user_m[b, u].tolist(), sinr[u])
                for u, place in enumerate(places)
            ]
            share = given.bits[b].numpy() / (np.array(efficiency) * 10e6)
            for v in range(4):
                mine = given.uav[b].numpy() == v
                assert share[mine].sum() == pytest.approx(1.0, abs=0.004) if mine.any() else True


def test_max_min_gives_all_users_of_a_uav_one_rate() -> None:
    one = problem(radio__sharing="max_min")
    _, outcome = one.step(one.start(), UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64)))
    for b, v in itertools.product(range(2), range(4)):
        bits = outcome.served_bits[b][outcome.extras["serving_uav"][b] == v]
        assert len(bits) == 0 or float(bits.max() / bits.min()) == pytest.approx(1.0, rel=1e-6)


def test_sampling_agrees_with_the_average_over_fading() -> None:
    still = UavDecision(torch.zeros((2, 4, 3), dtype=torch.float64))
    average = problem().step(problem().start(), still)[1].served_bits
    sampled = problem(channel__fading="sampled", channel__samples=10_000)
    bits = sampled.step(sampled.start(), still)[1].served_bits
    assert (bits / average).numpy() == pytest.approx(1.0, abs=0.04)  # 10,000 samples, the table's 0.006 beside
    assert float((bits / average).mean()) == pytest.approx(1.0, abs=0.004)


def smallest_circle(users: np.ndarray) -> np.ndarray:
    """Centre of the smallest enclosing circle: the best of all circles through two or three of the users."""
    best = (math.inf, users[0])
    candidates = [0.5 * (a + b) for a, b in itertools.combinations(users, 2)]
    for a, b, c in itertools.combinations(users, 3):
        matrix = 2.0 * np.stack([b - a, c - a])
        if abs(np.linalg.det(matrix)) > 1e-9:
            candidates.append(np.linalg.solve(matrix, np.array([b @ b - a @ a, c @ c - a @ a])))
    for centre in candidates:
        best = min(best, (np.linalg.norm(users - centre, axis=1).max(), centre), key=lambda pair: pair[0])
    return best[1]


def bits_at(one, places: np.ndarray) -> torch.Tensor:
    """Bits of each user with one UAV at each of many places, ``[places, U]``: each place is a drop."""
    state = one.start()
    position = torch.from_numpy(places)[:, None]
    snr = measure_mean_links(one.context, position, state.user_m.expand(len(places), -1, -1)).snr
    link = links(one, state, UavDecision(torch.zeros((1, 1, 3), dtype=torch.float64)))
    wide = {name: getattr(link, name).expand(len(places), *getattr(link, name).shape[1:])
            for name in ("user_m", "power", "waiting_bits", "noise_rise", "past_bps")}  # fmt: skip
    return serve(one.context, replace(link, snr=snr, uav_m=position, **wide)).bits


@pytest.mark.parametrize("environment", ["free_space", "urban", "dense_urban"])
def test_max_min_of_one_uav_is_the_centre_of_the_smallest_enclosing_circle(environment: str) -> None:
    users = np.random.default_rng(2).uniform(200, 800, (7, 2))
    one = problem((0,), users=points(*map(tuple, users)), uavs__count=1, channel__environment=environment)
    side = np.arange(200.0, 801.0, 5.0)
    grid = np.stack([*np.meshgrid(side, side), np.full((len(side),) * 2, 100.0)], -1).reshape(-1, 3)
    best = grid[int(bits_at(one, grid).amin(1).argmax()), :2]
    assert best == pytest.approx(smallest_circle(users), abs=5.0)


@pytest.mark.parametrize(("power_dbm", "threshold"), [(-30.0, 1.0 / math.sqrt(3.0)), (60.0, 1.0)])
def test_between_two_users_the_middle_is_best_up_to_a_distance(power_dbm: float, threshold: float) -> None:
    """Sum rate of two users at +-a: H / sqrt(3) at low SNR, nearly H at high SNR (H: height above the users)."""
    height = 98.5
    for factor, expected in ((0.97 * threshold, True), (1.03 * threshold, False)):
        a = factor * height
        one = problem(
            (0,),
            users=points((500.0 - a, 500.0), (500.0 + a, 500.0)),
            uavs__count=1,
            channel__environment="free_space",
            channel__fading="none",
            radio__power_dbm=power_dbm,
            radio__noise_dbm_per_hz=-100.0 if power_dbm < 0 else -167.0,
            radio__least_sinr_db=None,
        )
        line = np.stack([500.0 + np.linspace(-1.2 * a, 1.2 * a, 961), np.full(961, 500.0), np.full(961, 100.0)], -1)
        rate = bits_at(one, line).sum(1)
        assert (abs(int(rate.argmax()) - 480) <= 1) is expected
