"""What the textbooks say of schedulers, on the whole engine: air time, throughput, fairness, deadlines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from allocators.registry import resolve
from mac.core.loop import Span, run
from mac.core.recorder import Windows
from mac.metrics.fairness import jain
from phy.random import Drops
from scenarios import families
from scenarios.config.loading import load

NAMES = ("round_robin", "proportional_fair", "max_rate", "water_filling")


@dataclass(frozen=True)
class Compared:
    """What an allocator did in two drops, and the serving cell of each UE."""

    windows: Windows
    serving: np.ndarray  # [B, U]

    def total(self, name: str) -> np.ndarray:
        """Sum over the run, ``[B, U]``."""
        return self.windows.arrays[name].sum(1)

    def in_cells(self, name: str) -> list[np.ndarray]:
        """The sums of the users of each cell that has two or more."""
        totals = self.total(name)
        cells = [own[home == c] for own, home in zip(totals, self.serving, strict=True) for c in range(3)]
        return [cell for cell in cells if len(cell) > 1]


@pytest.fixture(scope="module")
def saturated() -> dict[str, Compared]:
    """Two drops of three cells with 18 full-buffer users; a second after half a second of settling."""
    users = [{"name": "ue", "count": 6, "traffic": {"model": "full_buffer"}}]
    return {name: compare(name, users) for name in NAMES}


def compare(name: str, users: list[dict[str, object]]) -> Compared:
    import torch

    scenario = load(
        {
            "name": "textbook",
            "family": "scheduling",
            "drops": 2,
            "allocators": [name],
            "topology": {"layout": "single", "sectors": 3, "isd_m": 500},
            "carrier": {"prbs": 25},
            "users": users,
        }
    )
    problem = families.find("scheduling").build(scenario, Drops(3, (0, 1)), torch.device("cpu"), torch.float32)
    windows = run(problem, resolve(name, "scheduling"), Span(intervals=1000, warmup=500, window=1000), name)
    return Compared(windows, problem.engine.parts.channel.serving.numpy())


def spread(values: np.ndarray) -> float:
    return float(values.std() / values.mean())


def test_proportional_fair_with_equal_traffic_gives_equal_air_time(saturated: dict[str, Compared]) -> None:
    assert max(spread(cell) for cell in saturated["proportional_fair"].in_cells("granted_prbs")) < 0.1


def test_round_robin_gives_exactly_equal_air_time(saturated: dict[str, Compared]) -> None:
    assert max(np.ptp(cell) for cell in saturated["round_robin"].in_cells("granted_prbs")) <= 25


def test_throughput_and_fairness_trade_off(saturated: dict[str, Compared]) -> None:
    """Throughput rises and fairness of air time falls from round robin over proportional fair to max rate.

    Of rates, proportional fair may be the fairer one: users at the edge gain most from their peaks.
    """

    def fairness(of: str) -> dict[str, float]:
        return {name: float(np.mean([jain(cell) for cell in one.in_cells(of)])) for name, one in saturated.items()}

    total = {name: compared.total("served_bits").sum() for name, compared in saturated.items()}
    assert total["max_rate"] > 1.05 * total["proportional_fair"] > 1.05 * 1.1 * total["round_robin"]
    air_time, rates = fairness("granted_prbs"), fairness("served_bits")
    assert air_time["round_robin"] > air_time["proportional_fair"] > air_time["max_rate"] + 0.3
    assert rates["max_rate"] < min(rates["round_robin"], rates["proportional_fair"]) - 0.3


def test_proportional_fair_has_the_greatest_sum_of_logarithms(saturated: dict[str, Compared]) -> None:
    utility = {name: np.log(compared.total("served_bits") + 1e3).sum() for name, compared in saturated.items()}
    assert max(utility, key=utility.__getitem__) == "proportional_fair"


def test_water_filling_shares_like_round_robin_where_no_user_has_enough(saturated: dict[str, Compared]) -> None:
    assert max(spread(cell) for cell in saturated["water_filling"].in_cells("granted_prbs")) < 0.02


def late_share(name: str, users: list[dict[str, object]]) -> float:
    windows = compare(name, users).windows
    return float(windows.arrays["late_packets"].sum() / windows.arrays["packets"].sum())


def group(name: str, count: int, rate_bps: float, delay_s: float) -> dict[str, object]:
    traffic = {"model": "poisson", "rate_bps": rate_bps, "packet_bytes": 1000}
    return {"name": name, "count": count, "traffic": traffic, "sla": {"delay_s": delay_s}}


def test_m_lwdf_meets_deadlines_that_others_miss() -> None:
    """Near the capacity of the cells; beyond it no allocator can, and far below all do."""
    late = {name: late_share(name, [group("ue", 6, 1.1e6, 0.05)]) for name in ("m_lwdf", *NAMES[:3])}
    assert late["m_lwdf"] < 0.7 * min(late[name] for name in NAMES[:3])
    assert late["m_lwdf"] < 0.4 * late["round_robin"]


def test_earliest_deadline_prefers_the_urgent() -> None:
    """Half of the users have 20 ms, half a second: urgent UEs are rarely late, and no other UE has reason to be."""
    mixed = [group("urgent", 3, 0.8e6, 0.02), group("patient", 3, 1.4e6, 1.0)]
    late = {name: late_share(name, mixed) for name in ("earliest_deadline", "round_robin")}
    assert late["earliest_deadline"] < 0.7 * late["round_robin"]
