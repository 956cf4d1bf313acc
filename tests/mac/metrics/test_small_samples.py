"""Tied and skewed samples are found; exact p-values against plain loops; how many drops a difference needs."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

from mac.metrics.intervals import paired, summarise
from mac.metrics.multiple_tests import holm
from mac.metrics.small_samples import (
    event_share_interval,
    is_skewed,
    mean_remark,
    remark,
    required_drops,
    sign_flip_p,
    skewness,
    student_p,
    tied,
)
from phy import random
from phy.random import Drops

NAN = float("nan")


def normal(drops: int, trials: int = 1) -> np.ndarray:
    return random.normal(Drops(5, (drops,)).keys("small samples"), (trials, drops)).numpy()[0]


def flipped_by_loops(differences: list[float]) -> float:
    """Share of all sign patterns whose sum is at least as far out, on the nearer side, doubled."""
    seen = sum(differences)
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    above = sum(s >= seen - 1e-12 for s in sums) / len(sums)
    below = sum(s <= seen + 1e-12 for s in sums) / len(sums)
    return min(1.0, 2 * min(above, below))


def test_values_of_which_half_are_equal_are_tied() -> None:
    assert tied([0, 0, 0, 0, 0, 1, 2, 3]) == (3, 8, 0.0)
    assert tied([1, 1, 2, 3]) == (2, 4, 1.0) and tied([1, 1, 2, 3, 4]) is None
    assert tied([0, NAN, 0, NAN, 5]) == (1, 3, 0.0)
    assert tied([7.0]) is None and tied([1.0, 2.0]) is None and tied([]) is None


def test_remarks() -> None:
    assert remark([0, 0, 0, 0, 0, 1, 2, 3]) == "3 of 8 drops differ from 0"
    assert remark([0.0] * 4) == "0 of 4 drops differ from 0" and remark([1.0] * 4) == ""
    assert remark([1, 2, 3, 4, 5, 6, 7, 100]) == "skewed" and remark([1, 2, 3, 4, 5, 6, 7, 8]) == ""
    assert remark([1.0]) == remark([]) == ""


def test_no_interval_is_told_of_rare_events() -> None:
    few = [0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert mean_remark(few, of_events=True) == ("6 of 8 drops differ from 0", True)
    assert mean_remark(few, of_events=False) == mean_remark([0.05, *few[1:]], of_events=True) == ("", False)
    assert mean_remark([1.0] * 4 + few[4:], of_events=True) == ("4 of 8 drops differ from 1", True)
    assert mean_remark([1, 2, 3, 4, 5, 6, 7, 100], of_events=True) == ("skewed", False)
    assert mean_remark([0.0], of_events=True) == mean_remark([0.7] * 3, of_events=True) == ("", False)
    told = {name: summarise(table({"p": few}, name))["ci95_low"].iloc[0] for name in ("loss_ratio", "rate_p5")}
    assert math.isnan(told["loss_ratio"]) and math.isfinite(told["rate_p5"])


def test_skewness_is_scipys() -> None:
    for row in normal(9, 20) ** 3 * 1e-30:
        assert_allclose(skewness(row), stats.skew(row, bias=False), rtol=1e-9)


@pytest.mark.parametrize("drops", [8, 20, 100])
def test_normal_samples_are_skewed_once_in_a_hundred(drops: int) -> None:
    trials = 4000
    share = np.mean([is_skewed(row) for row in normal(drops, trials)])
    assert 0.003 < share < 0.02


def test_students_p_is_scipys() -> None:
    values = normal(9)[0] + 0.4
    assert_allclose(student_p(values), stats.ttest_1samp(values, 0.0).pvalue, rtol=1e-10)
    assert (student_p([2.0, 2.0]), student_p([0.0, 0.0])) == (0.0, 1.0) and math.isnan(student_p([1.0]))


@pytest.mark.parametrize(
    "values", [[1.0, 2.0, -0.5, 3.0, 0.7], [0.0, 0.0, 2.0, 1.0, 3.0, 0.0], [-1.0, -2.0, -4.0, -8.0]]
)
def test_flipped_signs_against_loops(values: list[float]) -> None:
    assert_allclose(sign_flip_p(values), flipped_by_loops(values), rtol=1e-12)


def test_flipped_signs_at_the_edges() -> None:
    assert sign_flip_p([0.0, 0.0, 0.0]) == 1.0 and sign_flip_p([0.0, 4.0]) == 1.0
    assert math.isnan(sign_flip_p([1.0])) and math.isnan(sign_flip_p([1.0, math.inf]))
    many = np.abs(normal(40)[0]) + 0.1  # all above 0: no random flip comes near
    assert sign_flip_p(many) == sign_flip_p(many) < 0.002


def test_flipped_signs_hold_their_level_where_students_test_does_not() -> None:
    """Mostly zeros and a sign at random: 5 % at most, in 2,000 samples of 8."""
    rng = np.random.default_rng(3)
    values = rng.exponential(size=(2000, 8)) * rng.choice([-1, 0, 1], (2000, 8), p=[0.2, 0.6, 0.2])
    assert np.mean([sign_flip_p(row) <= 0.05 for row in values]) <= 0.05


def test_share_of_drops_by_the_beta_distribution() -> None:
    assert_allclose(event_share_interval(3, 8), [special.betaincinv(3, 6, 0.025), special.betaincinv(4, 5, 0.975)])
    assert event_share_interval(0, 8)[0] == 0.0
    assert_allclose(event_share_interval(0, 8)[1], 1 - 0.025 ** (1 / 8))


def test_required_drops_have_the_power_of_the_noncentral_t() -> None:
    values = [0.1, 0.5, 0.3]  # mean 0.3, standard deviation 0.2
    needed = required_drops(values)
    assert needed is not None

    def power(drops: int) -> float:
        quantile, shift = stats.t.ppf(0.975, drops - 1), 1.5 * math.sqrt(drops)
        return 1 - stats.nct.cdf(quantile, drops - 1, shift) + stats.nct.cdf(-quantile, drops - 1, shift)

    assert power(needed - 1) < 0.8 <= power(needed)
    assert required_drops([1.0, -1.0]) is None and required_drops([2.0, 2.0]) is None and required_drops([1.0]) is None
    assert required_drops([1000.0, 1000.1]) == 2
    assert required_drops([1.0, -0.5, 0.2, -0.6, 0.05]) == pytest.approx((2.802 * 0.642 / 0.03) ** 2, rel=0.01)


def test_holm_by_loops() -> None:
    """A test falls at a level if it and all smaller ones are below the level over the number that still stands."""
    for p in normal(7, 50):
        values = np.abs(np.sin(p)).tolist()
        ordered = sorted(values)
        for value, seen in zip(values, holm(values), strict=True):
            least = max((7 - k) * ordered[k] for k in range(ordered.index(value) + 1))
            assert_allclose(seen, min(1.0, least))


def test_holm_by_hand() -> None:
    assert_allclose(holm([0.01, 0.04, NAN, 0.03]), [0.03, 0.06, NAN, 0.06])
    assert holm([]) == []


def table(values: dict[str, list[float]], metric: str) -> pd.DataFrame:
    rows = [(None, a, d, metric, "1", v) for a, per_drop in values.items() for d, v in enumerate(per_drop)]
    return pd.DataFrame(rows, columns=["variant", "allocator", "drop", "metric", "unit", "value"])


def test_intervals_stay_within_the_limits_of_the_metric() -> None:
    found = summarise(table({"p": [0.01, 0.02, 0.9], "q": [0.2, 0.3, 0.4]}, "loss_ratio"))
    assert 0.0 < found["ci95_low"].iloc[0] < 0.3 < found["ci95_high"].iloc[0] < 1.0
    unknown = summarise(table({"p": [0.01, 0.02, 0.9]}, "x"))
    assert unknown["ci95_low"].iloc[0] < 0.0
    difference = paired(table({"p": [0.0, 1.0], "q": [1.0, 0.0]}, "loss_ratio")).iloc[0]
    assert (difference["ci95_low"], difference["ci95_high"]) == (-1.0, 1.0)


def test_headline_metrics_are_tested_and_corrected_for_their_number() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=8), rng.normal(size=8)
    parts = [table({"p": (first + 1).tolist(), "q": first.tolist()}, "a"),
             table({"p": second.tolist(), "q": (second + rng.normal(size=8)).tolist()}, "b"),
             table({"p": [0.0] * 8, "q": [0.0] * 7 + [1.0]}, "c")]  # fmt: skip
    found = paired(pd.concat(parts, ignore_index=True), ("b", "c")).set_index("metric")
    assert math.isnan(found.loc["a", "p"]) and math.isnan(found.loc["a", "p_holm"])
    assert found.loc["c", "p"] == 1.0 and found.loc["c", "remark"] == "1 of 8 drops differ from 0"
    assert_allclose(found.loc["b", "p_holm"], min(1.0, 2 * found.loc["b", "p"]))
    assert pd.isna(found.loc["b", "needed_drops"])  # eight drops are not few
    few = paired(table({"p": [1.0, 2.0, 4.0], "q": [0.9, 2.3, 3.0]}, "b"), ("b",)).iloc[0]
    assert few["needed_drops"] == required_drops([0.1, -0.3, 1.0])
