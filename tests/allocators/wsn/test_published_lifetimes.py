"""Published lifetimes, and what the rules of cluster heads promise."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from allocators.registry import resolve
from mac.core.loop import Span, run
from mac.wsn.problem import WsnParts, WsnProblem
from mac.wsn.settings import AccountSettings, BatterySettings, FailureSettings, SensingSettings, SinkSettings
from phy.random import Drops
from phy.sensors.deployment import DeploymentSettings, place_nodes
from phy.sensors.packet_error import SensorLinkSettings
from phy.sensors.radio_energy import SensorRadioSettings

FIRST_ORDER = SensorRadioSettings(amplifier_j_per_bit_m2=100e-12, amplifier_j_per_bit_m4=None)
DROPS = Drops(1, tuple(range(6)))


def field(sink: tuple[float, float] = (50.0, 50.0), **battery: Any) -> WsnProblem:
    """100 nodes on 100 x 100 m, two slopes, packets of 4000 bits."""
    return _problem(DeploymentSettings(), sink, SensorRadioSettings(), 4000, BatterySettings(**battery))


def hicss(initial_j: float) -> WsnProblem:
    """100 nodes on 50 x 50 m, the sink 100 m below, first order, packets of 2000 bits."""
    square = DeploymentSettings(width_m=50.0, height_m=50.0)
    return _problem(square, (25.0, -100.0), FIRST_ORDER, 2000, BatterySettings(initial_j=initial_j))


def _problem(
    place: DeploymentSettings,
    sink: tuple[float, float],
    radio: SensorRadioSettings,
    bits: int,
    battery: BatterySettings,
) -> WsnProblem:
    return WsnProblem(
        WsnParts(
            drops=DROPS,
            position_m=place_nodes(DROPS, place),
            extent_m=(place.width_m, place.height_m),
            radio=radio,
            account=AccountSettings(packet_bits=bits),
            battery=battery,
            sensing=SensingSettings(),
            sink=SinkSettings(x_m=sink[0], y_m=sink[1]),
            failures=FailureSettings(),
            link=SensorLinkSettings(),
            round_s=1.0,
            device=torch.device("cpu"),
        )
    )


def deaths(problem: WsnProblem, name: str, **params: Any) -> NDArray[np.float64]:
    """Rounds of death, ascending, ``[B, N]``."""
    windows = run(problem, resolve(name, "wsn", params), Span(intervals=3000, window=3000)).arrays
    assert (windows["left_j"] == 0).all()
    return np.asarray(np.sort(windows["life_rounds"], 1), dtype=np.float64)


@functools.cache
def lives(name: str, sink: tuple[float, float], p: float | None = None) -> NDArray[np.float64]:
    """The same of a protocol on fields of equal batteries; found once."""
    return deaths(field(sink), name, **({} if p is None else {"p": p}))


CENTRAL, FAR = (50.0, 50.0), (50.0, 175.0)


def ends(died: NDArray[np.float64]) -> tuple[float, float, float]:
    """Means of FND, HND and LND."""
    return tuple(float(died[:, rank].mean()) for rank in (0, died.shape[1] // 2 - 1, -1))  # type: ignore[return-value]


@pytest.mark.parametrize("initial_j", [0.25, 0.5])
def test_direct_transmission_is_the_closed_form_node_by_node(initial_j: float) -> None:
    problem = hicss(initial_j)
    windows = run(problem, resolve("direct", "wsn"), Span(intervals=600, window=600)).arrays
    for drop, node in ((0, 0), (3, 41), (5, 99)):
        x, y = problem.position_m[drop, node].tolist()
        cost = 2000 * (50e-9 + 100e-12 * math.dist((x, y), (25.0, -100.0)) ** 2)
        assert windows["life_rounds"][drop, node] == math.ceil(initial_j / cost)
        assert windows["packets"][drop, 0, node] == math.floor(initial_j / cost)


@pytest.mark.parametrize(("initial_j", "first", "last"), [(0.25, 54, 117), (0.5, 108, 234), (1.0, 216, 467)])
def test_direct_transmission_of_hicss(initial_j: float, first: int, last: int) -> None:
    fnd, _, lnd = ends(deaths(hicss(initial_j), "direct"))
    assert (fnd, lnd) == (pytest.approx(first, rel=0.02), pytest.approx(last, rel=0.02))


@pytest.mark.parametrize(
    ("name", "p", "sink", "published", "share"),
    [
        ("leach", 0.1, CENTRAL, (990, 1165, 1394), 0.1),
        ("leach", 0.05, FAR, (715, 894, 1215), 0.1),
        ("direct", None, CENTRAL, (1325, 1898, 2486), 0.1),
        ("pegasis", None, CENTRAL, (988, 1176, 1504), 0.15),
    ],
)
def test_two_slope_table(
    name: str, p: float | None, sink: tuple[float, float], published: tuple[int, ...], share: float
) -> None:
    assert ends(lives(name, sink, p)) == pytest.approx(published, rel=share)


def test_half_of_pegasis_dies_when_published_and_sooner_if_own_packets_cost_aggregation() -> None:
    """1176 rounds; 4000 bits at 5 nJ more of some 430 uJ a round are 4.5 % less."""
    half = ends(lives("pegasis", CENTRAL))[1]
    assert half == pytest.approx(1176, rel=0.005)
    assert ends(deaths(field(), "pegasis", fuse_own=True))[1] == pytest.approx(1176 * 0.955, rel=0.005)


def test_an_exact_epoch_lives_as_long_as_one_that_is_rounded_to_the_nearest() -> None:
    """At p = 0.3 an epoch has 10/3 rounds; rounded up to 4 it has fewer heads, and the first death comes later."""
    first = {epoch: ends(deaths(field(FAR), "leach", p=0.3, epoch=epoch))[0] for epoch in ("exact", "nearest", "up")}
    assert first["exact"] == pytest.approx(first["nearest"], rel=0.03)
    assert first["up"] > 1.1 * first["exact"]


def test_heterogeneous_fields_prefer_sep_and_deec() -> None:
    """SEP keeps the first node alive for longer than LEACH, DEEC for longer still; the first two as in the table."""
    mixed: dict[str, Any] = {"advanced_share": 0.2, "advanced_extra": 1.0}
    leach, sep, deec = (ends(deaths(field(**mixed), name, p=0.1)) for name in ("leach", "sep", "deec"))
    assert sep == pytest.approx((1097, 1319, 2297), rel=0.1)
    assert leach == pytest.approx((993, 1203, 2466), rel=0.1)
    assert leach[0] * 1.05 < sep[0] < sep[0] * 1.05 < deec[0]


def test_the_trap_a_central_sink_makes_direct_transmission_outlive_leach() -> None:
    assert ends(lives("direct", CENTRAL))[0] > 1.2 * ends(lives("leach", CENTRAL, 0.1))[0]
    assert ends(lives("direct", FAR))[0] < 0.3 * ends(lives("leach", FAR, 0.05))[0]


def test_the_game_lives_longest_and_dies_at_once() -> None:
    """The first death comes last, and the last soon after it, of all protocols that need no sink to choose heads."""
    game = lives("game_learning", FAR)
    spread = game[:, -1] - game[:, 0]
    rules = ("direct", None), ("leach", 0.05), ("sep", 0.05), ("deec", 0.05), ("heed", None), ("pegasis", None)
    for name, p in rules:
        other = lives(name, FAR, p)
        assert (game[:, 0] - other[:, 0]).mean() > 0, name
        assert (spread - (other[:, -1] - other[:, 0])).mean() < 0, name
