"""The TRACTOR score: every corner of the definition, the lookup of the slice's PRBs, and a loop-written oracle."""

from __future__ import annotations

import numpy as np
import oracles_metrics as oracle
import pytest
from numpy.testing import assert_allclose

from mac.slicing import tractor_score


def at(*numbers: float) -> list[np.ndarray]:
    return [np.array([number], dtype=np.float64) for number in numbers]


@pytest.mark.parametrize(
    ("backlog_mbit", "rate_mbps", "score"),
    [
        (0.0, 0.0, 0.5),  # idle
        (0.0, 6.0, 1.0),
        (0.0, 60.0, 1.0),  # never above 1
        (1.5, 0.0, 0.0),
        (9.0, 4.0, 0.0),  # never below 0
        (1.0, 4.0, 0.5),
        (0.25, 1.0, 0.5),
    ],
)
def test_embb(backlog_mbit: float, rate_mbps: float, score: float) -> None:
    assert_allclose(tractor_score.embb_score(*at(backlog_mbit, rate_mbps)), score, rtol=1e-15)


@pytest.mark.parametrize(
    ("backlog_mbit", "rate_mbps", "score"),
    [(0.0, 0.0, 1.0), (0.0, 3.0, 1.0), (0.1, 0.0, 0.0), (1.0, 4.0, 0.75), (4.0, 4.0, 0.0), (9.0, 4.0, 0.0)],
)
def test_urllc(backlog_mbit: float, rate_mbps: float, score: float) -> None:
    assert_allclose(tractor_score.urllc_score(*at(backlog_mbit, rate_mbps)), score, rtol=1e-15)


@pytest.mark.parametrize(
    ("granted", "requested", "slice_prbs", "score"),
    [
        (0, 0, 0, 0.0),  # no PRB in the slice
        (5, 10, 0, 0.0),
        (0, 0, 9, 1 / 9),  # none requested
        (4, 0, 9, 1 / 9),
        (0, 10, 9, 0.0),
        (5, 10, 9, 0.5),
        (10, 10, 9, 1.0),
        (20, 10, 9, 1.0),  # more than asked
    ],
)
def test_mmtc(granted: float, requested: float, slice_prbs: float, score: float) -> None:
    assert_allclose(tractor_score.mmtc_score(*at(granted, requested, slice_prbs)), score, rtol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_trial_score_equals_the_loops(seed: int) -> None:
    ds = oracle.windows(seed=seed)
    found, expected = tractor_score.tractor_score(ds), oracle.tractor_score(ds)
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert_allclose(found[name], values, rtol=1e-6, err_msg=name)  # windows are float32


def test_prbs_are_those_of_the_users_own_cell_and_slice() -> None:
    ds = oracle.windows(drops=2, count=3, users=4, cells=3)
    prbs = np.arange(2 * 3 * 3 * 3).reshape(2, 3, 3, 3)
    ds["slice_prbs"] = (("drop", "window", "cell", "slice"), prbs)
    found = tractor_score.own_slice_prbs(ds)
    for d, t, u in np.ndindex(2, 3, 4):
        assert found[d, t, u] == prbs[d, t, int(ds["serving"][d, u]), int(ds["slice_id"][u])]


def test_trial_is_a_mean_of_users_and_not_of_slices() -> None:
    ds = oracle.windows(users=7)  # three phones, two robots, two meters
    score = tractor_score.tractor_score(ds)
    weighted = (3 * score["phones"] + 2 * score["robots"] + 2 * score["meters"]) / 7
    assert_allclose(score[""], weighted, rtol=1e-12)


def test_one_slice_has_no_rows_of_its_own() -> None:
    ds = oracle.windows().isel(user=[0, 3])
    assert set(tractor_score.tractor_score(ds)) == {""}


def test_unknown_services_have_no_score() -> None:
    ds = oracle.windows()
    assert tractor_score.has_services(ds)
    changed = ds.assign_coords(service=("user", ["voice"] * ds.sizes["user"]))
    assert not tractor_score.has_services(changed)
    assert np.isnan(tractor_score.score_per_report(changed)).all()
