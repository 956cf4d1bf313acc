"""Satisfaction: clauses one by one, windows that do not count, the zone of tolerance, and a loop-written oracle."""

from __future__ import annotations

import numpy as np
import oracles_metrics as oracle
import pytest
from numpy.testing import assert_allclose
from oracles_metrics import NAN, one_user

from mac.metrics import satisfaction as sat


def met(bits: dict[str, list[float]], **targets: float) -> list[float]:
    return sat.sla_met(one_user(bits, targets))[0, :, 0].tolist()


@pytest.mark.parametrize("seed", range(4))
def test_satisfaction_equals_the_loops(seed: int) -> None:
    ds = oracle.windows(seed=seed)
    expected = oracle.satisfaction(ds)
    found = sat.satisfaction(ds)
    assert set(found) == set(expected) == {"", "phones", "robots", "meters"}
    for name, values in expected.items():
        assert_allclose(found[name], values, rtol=1e-12)
    assert 0.05 < np.mean(found[""]) < 0.95  # the example decides both ways


@pytest.mark.parametrize("logistic", [False, True])
def test_zone_equals_the_loops(logistic: bool) -> None:
    ds = oracle.windows(seed=3)
    found, expected = sat.satisfaction_zone(ds, logistic), oracle.satisfaction_zone(ds, logistic)
    assert set(found) == {"", "phones", "robots"}  # meters have no rate
    for name, values in found.items():
        assert_allclose(values, expected[name], rtol=1e-5, err_msg=name)


def test_the_order_of_dimensions_does_not_matter() -> None:
    ds = oracle.windows()
    turned = ds.transpose("user", "window", "drop", ...)
    assert_allclose(sat.satisfaction(turned)[""], sat.satisfaction(ds)[""], rtol=0)


def test_rate_clause() -> None:
    bits = {"served_bits": [100.0, 99, 50, 0], "demand_bits": [200.0, 0, 100, 0],
            "backlog_bits": [100.0, 1, 51, 51], "oldest_s": [0.5] * 4}  # fmt: skip
    assert met(bits, sla_rate_bps=100) == [1, 0, 0, 0]
    assert met(bits, sla_rate_bps=50) == [1, 1, 1, 0]
    assert met({"served_bits": [30.0], "demand_bits": [30.0]}, sla_rate_bps=100) == [1]  # all that was asked


def test_a_window_without_wishes_is_not_counted() -> None:
    bits = {"served_bits": [10.0, 0, 0], "demand_bits": [10.0, 0, 10], "backlog_bits": [0.0, 0, 10],
            "oldest_s": [0, 0, 0.5]}  # fmt: skip
    assert_allclose(met(bits, sla_rate_bps=5), [1, NAN, 0])
    assert_allclose(sat.satisfaction_per_user(one_user(bits, {"sla_rate_bps": 5})), [[0.5]])


def test_a_first_window_that_drains_an_old_queue_is_counted() -> None:
    assert met({"served_bits": [10.0], "demand_bits": [0.0]}, sla_rate_bps=100) == [1]
    late = {"served_bits": [10.0], "demand_bits": [0.0], "packets": [1.0], "delay_s": [3.0]}
    assert met(late, sla_delay_s=1.0) == [0]


def test_bits_that_came_as_the_window_closed_are_not_due() -> None:
    bits = {"served_bits": [20.0], "demand_bits": [30.0], "backlog_bits": [10.0]}
    assert met(bits | {"oldest_s": [0.05]}, sla_rate_bps=100) == [1]
    assert met(bits | {"oldest_s": [0.2]}, sla_rate_bps=100) == [0]
    assert met(bits | {"oldest_s": [0.05]}, sla_rate_bps=100, sla_delay_s=0.01) == [0]


def test_delay_clause() -> None:
    bits = {"served_bits": [9.0, 9, 9], "demand_bits": [9.0, 9, 9], "packets": [3.0, 3, 3], "delay_s": [0.3, 0.33, 0.0],
            "backlog_bits": [0.0, 0, 1], "oldest_s": [0, 0, 0.11]}  # fmt: skip
    assert met(bits, sla_delay_s=0.1) == [1, 0, 0]


def test_a_starved_user_violates_the_delay_clause_without_one_packet() -> None:
    bits = {"demand_bits": [9.0, 0.0], "backlog_bits": [9.0, 9.0], "oldest_s": [0.05, 1.05]}
    assert met(bits, sla_delay_s=0.1) == [1, 0]


def test_loss_clause_counts_drops_and_losses_against_the_windows_demand() -> None:
    bits = {"served_bits": [98.0, 97, 0], "demand_bits": [100.0, 100, 0], "dropped_bits": [1.0, 2, 0],
            "lost_bits": [1.0, 1, 1], "backlog_bits": [0.0, 0, 0]}  # fmt: skip
    assert_allclose(met(bits, sla_loss=0.02), [1, 0, NAN])
    bits["backlog_bits"] = [0.0, 1, 0]  # the last window loses what was left over: no demand, yet a loss
    assert met(bits, sla_loss=0.02) == [1, 0, 0]


def test_a_tolerated_loss_does_not_break_the_rate_clause() -> None:
    bits = {"served_bits": [98.0], "demand_bits": [100.0], "lost_bits": [2.0]}
    assert met(bits, sla_rate_bps=1000) == [0]
    assert met(bits, sla_rate_bps=1000, sla_loss=0.02) == [1]


def test_a_user_without_targets_is_not_judged() -> None:
    assert np.isnan(met({"served_bits": [1.0], "demand_bits": [1.0]}, sla_delay_s=float("inf"))).all()
    ds = one_user({"served_bits": [1.0]}, {})
    assert not sat.has_targets(ds) and not sat.has_targets(ds, rates=True)
    assert sat.has_targets(one_user({"served_bits": [1.0]}, {"sla_desired_bps": 1.0}), rates=True)


def zone(served: float, due: float = 1e9, logistic: bool = False) -> float:
    return float(sat.zone_of_tolerance(*map(np.array, (served, due, 2.0, 4.0)), logistic))  # type: ignore[arg-type]


def test_zone_of_tolerance_in_closed_form() -> None:
    assert [zone(x) for x in (0.0, 1.9, 2.0, 3.0, 4.0, 9.0)] == [0, 0, 0, 0.5, 1, 1]
    assert_allclose([zone(x, logistic=True) for x in (2.0, 3.0, 4.0)], [0.1, 0.5, 0.9], rtol=1e-12)
    assert zone(1.0, due=1.0) == 1  # asked for little, got it
    assert_allclose(zone(0.75, due=1.0), 0.5)  # halfway between adequate and desired share of what was asked
    assert zone(0.5, due=1.0) == 0
    step = sat.zone_of_tolerance(np.array([1.9, 2.0]), np.array(9.0), np.array(2.0), np.array(2.0))
    assert step.tolist() == [0, 1]


def test_zone_needs_a_rate() -> None:
    bits = {"served_bits": [3.0], "demand_bits": [9.0], "backlog_bits": [6.0], "oldest_s": [1.0]}
    assert_allclose(sat.zone_per_user(one_user(bits, {"sla_desired_bps": 4.0})), [[0.75]])
    assert_allclose(sat.zone_per_user(one_user(bits, {"sla_rate_bps": 2.0})), [[1.0]])
    assert np.isnan(sat.zone_per_user(one_user(bits, {"sla_delay_s": 2.0}))).all()


def test_settings_refuse_nonsense() -> None:
    assert sat.Sla().rate_bps is None
    assert sat.Sla(rate_bps=1e6, desired_rate_bps=1e6, delay_s=0.01, loss=0.0).loss == 0
    with pytest.raises(ValueError, match="desired rate must be at least the adequate rate"):
        sat.Sla(rate_bps=2e6, desired_rate_bps=1e6)
    for wrong in ({"loss": 1.5}, {"rate_bps": 0}, {"delay_s": -1}, {"delay_ms": 3}, {"rate_bps": float("nan")}):
        with pytest.raises(ValueError):
            sat.Sla(**wrong)
