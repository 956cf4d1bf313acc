"""Jain's index and alpha-fair utility: closed forms, edge cases, and loop-written oracles."""

from __future__ import annotations

import numpy as np
import oracles_metrics as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mac.metrics import fairness

positive = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=12)


def row(*values: float) -> np.ndarray:
    return np.array([values], dtype=np.float64)


def test_jain_in_closed_form() -> None:
    assert_allclose(fairness.jain(row(3, 3, 3, 3)), 1)
    assert_allclose(fairness.jain(row(5, 0, 0, 0)), 0.25)
    assert_allclose(fairness.jain(row(7)), 1)
    assert_allclose(fairness.jain(row(1, 2, 3)), 36 / 42)
    assert_allclose(fairness.jain(row(1, np.nan, 1)), 1)
    assert_allclose(fairness.jain(row(1e-200, 1e-200)), 1)
    assert_allclose(fairness.jain(row(1e200, 0)), 0.5)


def test_jain_of_nothing_is_undefined() -> None:
    assert np.isnan(fairness.jain(row(0, 0))).all()
    assert np.isnan(fairness.jain(row(np.nan))).all()
    assert np.isnan(fairness.jain(np.zeros((1, 0)))).all()


@given(positive, st.floats(1e-3, 1e3))
def test_jain_has_no_unit_and_lies_between_1_over_n_and_1(values: list[float], factor: float) -> None:
    index = fairness.jain(row(*values))
    assert 1 / len(values) - 1e-9 <= index[0] <= 1 + 1e-9
    assert_allclose(fairness.jain(row(*values) * factor), index, rtol=1e-9)


def test_utility_in_closed_form() -> None:
    values = row(1, 4)
    assert_allclose(fairness.alpha_fair_utility(values, 0), 2.5)
    assert_allclose(fairness.alpha_fair_utility(values, 0.5), 3.0)
    assert_allclose(fairness.alpha_fair_utility(values, 1), np.log(4) / 2)
    assert_allclose(fairness.alpha_fair_utility(values, 2), -0.625)
    assert_allclose(fairness.alpha_fair_utility(row(0, 1), 0.5), 1.0)  # zero is finite below alpha 1
    assert_allclose(fairness.alpha_fair_utility(row(0, np.nan), 1), np.log(1e-3))
    assert_allclose(fairness.alpha_fair_utility(row(0), 2), -1000)


@given(positive, st.floats(0, 5))
def test_utility_equals_the_loop_and_prefers_more(values: list[float], alpha: float) -> None:
    found = fairness.alpha_fair_utility(row(*values), alpha)
    assert_allclose(found, oracle.utility(values, alpha), rtol=1e-9)
    assert fairness.alpha_fair_utility(row(*values) * 2, alpha) >= found


@pytest.mark.parametrize("alpha", [-1.0, float("nan"), float("inf")])
def test_alpha_is_checked(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha >= 0"):
        fairness.alpha_fair_utility(row(1), alpha)


def test_larger_alpha_prefers_the_even_allocation() -> None:
    uneven, even = row(1, 10), row(4, 4)
    assert fairness.alpha_fair_utility(uneven, 0) > fairness.alpha_fair_utility(even, 0)
    assert fairness.alpha_fair_utility(uneven, 1) < fairness.alpha_fair_utility(even, 1)


@pytest.mark.parametrize("of_share", [False, True])
def test_metrics_of_a_dataset_equal_the_loops(of_share: bool) -> None:
    ds = oracle.windows(seed=8)
    value = oracle.served_share if of_share else oracle.rate_mbps
    jain = fairness.jain_served_share(ds) if of_share else fairness.jain_rate(ds)
    utility = (fairness.utility_served_share if of_share else fairness.utility_rate)(ds, 1.0)
    for name, users in oracle.groups(ds):
        rows = [[value(ds, d, u) for u in users] for d in range(ds.sizes["drop"])]
        assert_allclose(jain[name], [oracle.jain(r) for r in rows], rtol=1e-9)
        assert_allclose(utility[name], [oracle.utility(r, 1.0) for r in rows], rtol=1e-9)


def test_served_share_leaves_out_users_without_demand() -> None:
    ds = oracle.windows()
    assert np.isnan(fairness.served_share_per_user(ds)[:, -1]).all()
    expected = oracle.by_user(ds, lambda d, u: oracle.served_share(ds, d, u))
    for name, values in fairness.served_share(ds).items():
        assert_allclose(values, expected[name], rtol=1e-9)
        assert (values <= 1).all()


def test_a_group_of_one_user_has_no_index() -> None:
    ds = oracle.windows(users=4)  # two phones, one robot, one meter
    assert set(fairness.jain_rate(ds)) == {"", "phones"}
    assert set(fairness.utility_rate(ds, 1.0)) == {"", "phones", "robots", "meters"}
