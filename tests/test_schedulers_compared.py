"""What the textbooks say of schedulers, on the whole engine: air time, throughput, fairness, deadlines."""

from __future__ import annotations

import numpy as np
import pytest

from allocators.registry import resolve
from mac.loop import Span, run
from mac.metrics.fairness import jain
from mac.record import Windows
from phy.random import Drops
from scenarios import families
from scenarios.loading import load

NAMES = ("round_robin", "proportional_fair", "max_rate", "water_filling")


@pytest.fixture(scope="module")
def saturated() -> dict[str, Windows]:
    """Two drops of three cells with six full-buffer users each; a second after half a second of settling."""
    users = [{"name": "ue", "count": 6, "traffic": {"model": "full_buffer"}}]
    return {name: compare(name, users) for name in NAMES}


def compare(name: str, users: list[dict[str, object]], slots: int = 1000) -> Windows:
    import torch

    scenario = load(
        {
            "name": "textbook",
            "family": "scheduling",
            "drops": 2,
            "allocators": [name],
            "topology": {"layout": "single", "sectors": 3, "isd_m": 500},
            "carrier": {"prbs": 25},
            "attachment": "home",  # as many users in each cell
            "propagation": {"antenna_gain": "direct"},  # sectors with little in common
            "users": users,
        }
    )
    family = families.find("scheduling")
    problem = family.build(scenario, Drops(3, (0, 1)), torch.device("cpu"), torch.float32)
    return run(problem, resolve(name, "scheduling"), Span(intervals=slots, warmup=500, window=slots), name)


def rates(windows: Windows) -> np.ndarray:
    return windows.arrays["served_bits"].sum(1)


def air_time(windows: Windows) -> np.ndarray:
    return windows.arrays["granted_prbs"].sum(1)


def test_proportional_fair_with_equal_traffic_gives_equal_air_time(saturated: dict[str, Windows]) -> None:
    granted = air_time(saturated["proportional_fair"])
    assert (granted.std(1) / granted.mean(1) < 0.1).all()


def test_round_robin_gives_exactly_equal_air_time(saturated: dict[str, Windows]) -> None:
    granted = air_time(saturated["round_robin"])
    assert np.ptp(granted) <= 25


def test_throughput_and_fairness_trade_off(saturated: dict[str, Windows]) -> None:
    """Throughput rises and fairness of air time falls from round robin over proportional fair to max rate.

    Of rates, proportional fair may be the fairer one: users at the edge gain most from their peaks.
    """
    total = {name: rates(windows).sum() for name, windows in saturated.items()}
    fair = {name: np.mean([jain(drop) for drop in air_time(windows)]) for name, windows in saturated.items()}
    assert total["max_rate"] > 1.05 * total["proportional_fair"] > 1.05 * 1.1 * total["round_robin"]
    assert fair["round_robin"] > fair["proportional_fair"] > fair["max_rate"] + 0.3
    of_rates = {name: np.mean([jain(drop) for drop in rates(windows)]) for name, windows in saturated.items()}
    assert of_rates["max_rate"] < min(of_rates["round_robin"], of_rates["proportional_fair"]) - 0.3


def test_proportional_fair_has_the_greatest_sum_of_logarithms(saturated: dict[str, Windows]) -> None:
    utility = {name: np.log(rates(windows) + 1e3).sum() for name, windows in saturated.items()}
    assert max(utility, key=utility.__getitem__) == "proportional_fair"


def test_water_filling_shares_like_round_robin_where_nobody_has_enough(saturated: dict[str, Windows]) -> None:
    granted = air_time(saturated["water_filling"])
    assert (granted.std(1) / granted.mean(1) < 0.02).all()


def late_share(name: str, users: list[dict[str, object]]) -> float:
    windows = compare(name, users, slots=1500)
    return float(windows.arrays["late_packets"].sum() / windows.arrays["packets"].sum())


def group(name: str, count: int, rate_bps: float, delay_s: float) -> dict[str, object]:
    traffic = {"model": "poisson", "rate_bps": rate_bps, "packet_bytes": 1000}
    return {"name": name, "count": count, "traffic": traffic, "sla": {"delay_s": delay_s}}


def test_m_lwdf_meets_deadlines_that_others_miss() -> None:
    late = {name: late_share(name, [group("ue", 6, 0.9e6, 0.05)]) for name in ("m_lwdf", "round_robin")}
    assert late["m_lwdf"] < 0.1 * late["round_robin"]


def test_earliest_deadline_prefers_the_urgent() -> None:
    """Half of the users have 20 ms, half a second: the urgent are rarely late, and nobody else has reason to be."""
    mixed = [group("urgent", 3, 0.8e6, 0.02), group("patient", 3, 1.4e6, 1.0)]
    late = {name: late_share(name, mixed) for name in ("earliest_deadline", "round_robin")}
    assert late["earliest_deadline"] < 0.7 * late["round_robin"]
