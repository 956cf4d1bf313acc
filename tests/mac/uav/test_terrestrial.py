"""Base stations on the ground: interference and backhaul in plain arithmetic, shadowing of both kinds of links."""

from __future__ import annotations

import math

import pytest
import torch
from oracles_uav import points, problem, tr36777

from mac.uav import UavDecision

USERS = points((700, 500), (500, 300))
SITE = {"terrestrial": {"sites": 1, "load": 0.25}, "users": USERS}  # at (500, 500), 25 m high
START = {"uavs__count": 1, "uavs__start_m": [[500, 800, 60]]}
BASE_M = {"rma": 35.0, "uma": 25.0, "umi": 10.0}
SHADOWED = {"channel__shadowing_los_db": 2.0, "channel__shadowing_nlos_db": 8.0}


def test_interference_by_hand() -> None:
    """UMa of TR 38.901 at 2 GHz, 200 m away and before the break point at 320 m; 43 dBm a quarter of the time."""
    lg = math.log10(math.hypot(200.0, 25.0 - 1.5))
    los = 18.0 / 200.0 + math.exp(-200.0 / 63.0) * (1.0 - 18.0 / 200.0)
    clear, blocked = 28.0 + 22.0 * lg + 20.0 * math.log10(2.0), 13.54 + 39.08 * lg + 20.0 * math.log10(2.0)
    received_dbm = 43.0 + 10.0 * math.log10(0.25) - (los * clear + (1.0 - los) * blocked)
    rise = 1.0 + 10.0 ** ((received_dbm - (-167.0 + 70.0)) / 10.0)
    assert problem((0,), **SITE, **START).start().observation.noise_rise[0].tolist() == pytest.approx([rise] * 2)


def test_backhaul_by_hand() -> None:
    """UMa-AV of TR 36.777 at 2 GHz, 300 m away and 60 m high; 43 dBm, noise in 100 kHz."""
    quiet = {**SITE, **START, "terrestrial": {"sites": 1, "load": 0.0}}
    one = problem((0,), **quiet, backhaul__model="terrestrial", backhaul__bandwidth_hz=1e5)
    los, clear, blocked = tr36777("uma", 60.0, 300.0, math.hypot(300.0, 35.0))
    snr = 10.0 ** ((43.0 - los * clear - (1.0 - los) * blocked - (-167.0 + 50.0)) / 10.0)
    expected = 1e5 * math.log2(1.0 + snr)
    _, outcome = one.step(one.start(), UavDecision(torch.zeros((1, 1, 3), dtype=torch.float64)))
    free = problem((0,), **quiet)
    _, unlimited = free.step(free.start(), UavDecision(torch.zeros((1, 1, 3), dtype=torch.float64)))
    assert float(unlimited.served_bits.sum()) > expected
    assert float(outcome.served_bits.sum()) == pytest.approx(expected)


def test_uavs_raise_the_noise_of_a_base_station_by_hand() -> None:
    """30 dBm each from two UAVs at one place; UMa-AV 300 m away; noise in 10 MHz."""
    pair = {"uavs__count": 2, "uavs__start_m": [[500, 800, 60]] * 2}
    one = problem((0,), **{**SITE, "users": points((480, 800), (520, 800))}, **pair)
    los, clear, blocked = tr36777("uma", 60.0, 300.0, math.hypot(300.0, 35.0))
    rise = 2.0 * 10.0 ** ((30.0 - los * clear - (1.0 - los) * blocked - (-167.0 + 70.0)) / 10.0)
    both = UavDecision(torch.zeros((1, 2, 3), dtype=torch.float64), serving=torch.tensor([[0, 1]]))
    none = UavDecision(torch.zeros((1, 2, 3), dtype=torch.float64), serving=torch.tensor([[-1, -1]]))
    found = [float(one.step(one.start(), decision)[1].extras["site_rise_db"]) for decision in (both, none)]
    assert found == pytest.approx([10.0 * math.log10(1.0 + rise), 0.0])


@pytest.mark.parametrize(("model", "clear_db", "blocked_db"), [
    ("rma", 4.2 * math.exp(-0.0046 * 60), 6.0), ("uma", 4.64 * math.exp(-0.0066 * 60), 6.0),
    ("umi", max(5.0 * math.exp(-0.01 * 60), 2.0), 8.0),
])  # fmt: skip
def test_backhaul_has_the_shadowing_of_its_model(model: str, clear_db: float, blocked_db: float) -> None:
    network = {"sites": 1, "model": model, "blend_m": 0.0, "bs_height_m": BASE_M[model]}
    plain_one, shadowed = (
        problem(tuple(range(400)), users=USERS, **START, terrestrial={**network, "shadowing": on}, duration_s=1)
        for on in (False, True)
    )
    position = shadowed.start().motion.position_m
    assert plain_one.parts.terrestrial is not None and shadowed.parts.terrestrial is not None
    differ = shadowed.parts.terrestrial.losses_db(position) - plain_one.parts.terrestrial.losses_db(position)
    los = tr36777(model, 60.0, 300.0, 304.0)[0] if model != "rma" else 1.0
    sigma = math.sqrt(los * clear_db**2 + (1.0 - los) * blocked_db**2)
    assert float(differ.std()) == pytest.approx(sigma, rel=0.12)
    assert abs(float(differ.mean())) < 0.2 * sigma


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_shadowing_of_users_stays_with_the_places(backend: str) -> None:
    """While UAVs and users stand it stays; after a metre it has changed by little, after 200 m it is another one."""
    bare, one = (problem(tuple(range(20)), users=points((700, 500), (500, 300)), **START, **more)
                 for more in ({}, SHADOWED))  # fmt: skip
    bare.backend = one.backend = backend

    def shadow_db(east: float) -> torch.Tensor:
        places = one.start().motion.position_m + torch.tensor([east, 0.0, 0.0])
        both = [each._observed(0, type(each.start().motion)(places, each.start().motion.velocity_mps,
                each.start().motion.battery_j), each.start().data).snr for each in (one, bare)]  # fmt: skip
        return 10.0 * torch.log10(both[0] / both[1])

    first = shadow_db(0.0)
    assert 1.0 < float(first.std()) < 9.0
    assert torch.equal(first, shadow_db(0.0))
    assert float((shadow_db(1.0) - first).abs().mean()) < 0.4 * float(first.std())
    far = shadow_db(200.0)
    assert abs(float((first * far).mean() / (first.std() * far.std()))) < 0.5
