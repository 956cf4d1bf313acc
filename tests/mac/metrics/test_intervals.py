"""Intervals over drops: against scipy, their coverage, pairing, variants, and missing values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from mac.metrics.intervals import (
    PAIRED_COLUMNS,
    PAIRED_VARIANTS_COLUMNS,
    SUMMARY_COLUMNS,
    MeanInterval,
    mean_interval,
    paired,
    paired_variants,
    summarise,
)
from phy import random

NAN, INF = float("nan"), float("inf")


def table(rows: list[tuple[str | None, str, int, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["variant", "allocator", "drop", "metric", "value"])
    return frame.assign(unit="1")[["variant", "allocator", "drop", "metric", "unit", "value"]]


def pick(frame: pd.DataFrame, **where: str | None) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column].isna() if value is None else frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_interval_equals_scipys() -> None:
    for count in (2, 3, 8, 40):
        values = random.normal(random.Drops(1, (count,)).keys("test"), (count,)).numpy()[0] * 3 + 7
        found = mean_interval(values)
        expected = stats.t.interval(0.95, count - 1, loc=np.mean(values), scale=stats.sem(values))
        assert_allclose([found.mean, found.low, found.high], [np.mean(values), *expected], rtol=1e-10)


@pytest.mark.parametrize("drops", [2, 5, 20])
def test_interval_covers_the_truth_95_times_in_100(drops: int) -> None:
    trials = 20_000
    values = random.normal(random.Drops(2, (drops,)).keys("coverage"), (trials, drops)).numpy()[0] + 3.0
    inside = [found.low <= 3.0 <= found.high for found in map(mean_interval, values)]
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / trials)


def test_interval_between_limits_is_students_of_the_logit_and_of_the_logarithm() -> None:
    """By the delta method: the ends in closed form, and that they move with the limits and with the unit."""
    values = np.array([0.6, 0.8, 0.9, 0.95])
    mean, half = values.mean(), stats.t.ppf(0.975, 3) * stats.sem(values)
    share = mean_interval(values, (0.0, 1.0))
    odds = mean / (1 - mean) * np.exp(np.array([-1, 1]) * half / (mean * (1 - mean)))
    assert_allclose([share.mean, share.low, share.high], [mean, *(odds / (1 + odds))])
    moved = mean_interval(10 * values - 3, (-3.0, 7.0))
    assert_allclose([moved.low, moved.high], [10 * share.low - 3, 10 * share.high - 3])
    mirrored = mean_interval(1 - values, (0.0, 1.0))
    assert_allclose([mirrored.low, mirrored.high], [1 - share.high, 1 - share.low])
    above = mean_interval(values + 2, (2.0, INF))
    assert_allclose([above.low, above.high], 2 + mean * np.exp(np.array([-1, 1]) * half / mean))


def test_interval_of_few_values_above_a_limit_goes_on_along_the_tangent() -> None:
    half = stats.t.ppf(0.975, 1) * stats.sem([1.0, 3.0])
    found = mean_interval([1.0, 3.0], (0.0, INF))
    assert_allclose([found.low, found.high], [2 * np.exp(-half / 2), np.e * half])


def test_interval_at_a_limit() -> None:
    assert mean_interval([1.0, 1.0, 1.0], (0.0, 1.0)) == MeanInterval(1.0, 1.0, 1.0)
    assert mean_interval([0.0, 0.0], (0.0, INF)) == MeanInterval(0.0, 0.0, 0.0)
    almost = mean_interval([1.0] * 7 + [0.0], (0.0, 1.0))
    assert 0.0 < almost.low < 0.5 and 0.99 < almost.high < 1.0
    difference = mean_interval([1.0, -1.0], (-1.0, 1.0))
    assert -1.0 <= difference.low < 0.0 < difference.high <= 1.0


def test_intervals_of_shares_near_their_limit_cover_more_often_than_students() -> None:
    """Shares of the shape Beta(9, 1), 8 drops: 95 % within four standard errors of it, Student's are below."""
    rng = np.random.default_rng(4)
    values, held, students = rng.beta(9, 1, (3000, 8)), [], []
    for row in values:
        found, plain = mean_interval(row, (0.0, 1.0)), mean_interval(row)
        held.append(found.low <= 0.9 <= found.high)
        students.append(plain.low <= 0.9 <= plain.high)
    assert np.mean(students) < 0.93 < np.mean(held) < 0.97


def test_few_values() -> None:
    assert mean_interval([4.0]).mean == 4.0
    for known in ([4.0], [], [NAN, NAN], [1.0, INF]):
        assert np.isnan([mean_interval(known).low, mean_interval(known).high]).all()
    assert np.isnan([mean_interval([]).mean, mean_interval([NAN, NAN]).mean]).all()
    assert mean_interval([1.0, NAN, 3.0]) == mean_interval([1.0, 3.0])
    assert mean_interval([2.0, 2.0, 2.0]) == MeanInterval(2.0, 2.0, 2.0)
    assert mean_interval([1.0, INF]).mean == INF


def test_summary_without_variants() -> None:
    rows = [(None, a, d, "x", v + d) for a, v in (("p", 1.0), ("q", 5.0)) for d in range(3)]
    found = summarise(table(rows))
    assert list(found.columns) == SUMMARY_COLUMNS
    assert list(found["allocator"]) == ["p", "q"] and found["variant"].tolist() == [None, None]
    assert_allclose(pick(found, allocator="q")[["mean", "ci95_low", "ci95_high"]].astype(float),
                    [6.0, *stats.t.interval(0.95, 2, 6.0, 1 / np.sqrt(3))])  # fmt: skip


def test_all_is_the_mean_of_each_drops_mean_over_variants() -> None:
    values = {("u", 0): 1.0, ("u", 1): 2.0, ("v", 0): 5.0, ("v", 1): 10.0}
    found = summarise(table([(v, "p", d, "x", value) for (v, d), value in values.items()]))
    assert list(found["variant"]) == ["u", "v", "all"]
    assert_allclose(pick(found, variant="all")["mean"], 4.5)
    expected = mean_interval([3.0, 6.0])
    assert_allclose(pick(found, variant="all")[["ci95_low", "ci95_high"]].astype(float), [expected.low, expected.high])


def test_all_needs_every_variant_of_a_drop_that_knows_the_metric() -> None:
    rows = [("u", "p", 0, "x", 1.0), ("u", "p", 1, "x", 2.0), ("v", "p", 0, "x", 3.0), ("v", "p", 1, "x", NAN)]
    rows += [("u", "p", 0, "only_u", 9.0), ("u", "p", 1, "only_u", 7.0)]
    found = summarise(table(rows))
    assert_allclose(pick(found, variant="all", metric="x")[["mean", "drops"]].astype(float), [2.0, 1])
    assert_allclose(pick(found, variant="all", metric="only_u")[["mean", "drops"]].astype(float), [8.0, 2])
    missing = summarise(table(rows[:3]))  # drop 1 was not run in variant v
    assert_allclose(pick(missing, variant="all")[["mean", "drops"]].astype(float), [2.0, 1])


def test_all_keeps_infinities() -> None:
    found = summarise(table([("u", "p", 0, "x", INF), ("v", "p", 0, "x", 1.0)]))
    assert pick(found, variant="all")["mean"] == INF


def test_paired_interval_is_that_of_the_differences() -> None:
    air = random.normal(random.Drops(3, (0,)).keys("air"), (10,)).numpy()[0] * 100
    noise = random.normal(random.Drops(3, (0,)).keys("noise"), (10,)).numpy()[0]
    a, b = air + noise, air - 2.0
    rows = [(None, name, d, "x", v[d]) for name, v in (("a", a), ("b", b)) for d in range(10)]
    found = paired(table(rows))
    assert list(found.columns) == PAIRED_COLUMNS
    row = pick(found, a="a", b="b", variant=None)
    test = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert_allclose(
        row[["mean_difference", "ci95_low", "ci95_high"]].astype(float), [np.mean(a - b), test.low, test.high]
    )
    assert row["ci95_high"] - row["ci95_low"] < 3  # the spread of the air, 100, has gone


def test_pairs_follow_the_order_of_the_allocators_and_common_drops() -> None:
    rows = [(None, "z", 0, "x", 1.0), (None, "z", 1, "x", 2.0), (None, "z", 2, "x", NAN)]
    rows += [(None, "m", 1, "x", 5.0), (None, "m", 2, "x", 5.0), (None, "m", 3, "x", 5.0), (None, "a", 1, "x", 0.0)]
    found = paired(table(rows))
    assert list(zip(found["a"], found["b"], strict=True)) == [("z", "m"), ("z", "a"), ("m", "a")]
    first = pick(found, a="z", b="m")
    assert (first["mean_difference"], first["drops"]) == (-3.0, 1) and np.isnan(first["ci95_low"])


def test_pairs_over_variants() -> None:
    rows = [
        (v, a, d, "x", {"u": 1.0, "v": 2.0}[v] * {"p": 1, "q": 3}[a] + d) for v in "uv" for a in "pq" for d in (0, 1)
    ]
    found = paired(table(rows))
    assert list(found["variant"]) == ["u", "v", "all"]
    assert_allclose(found["mean_difference"], [-2, -4, -3])


def test_one_allocator_has_no_pairs_and_nothing_has_no_rows() -> None:
    assert list(paired(table([(None, "p", 0, "x", 1.0)])).columns) == PAIRED_COLUMNS
    assert len(paired(table([(None, "p", 0, "x", 1.0)]))) == 0
    assert len(summarise(table([]))) == len(paired(table([]))) == 0


def test_the_first_variant_is_paired_with_each_other_one_by_allocator() -> None:
    """The spread of the drops, which all variants share, is in no interval."""
    rows = [
        (v, a, d, "x", 50.0 * d + {"u": 3.0, "v": 1.0, "w": 4.0}[v] * {"p": 1, "q": 2}[a] + 0.1 * d * (v == "v"))
        for v in "uvw"
        for a in "pq"
        for d in range(4)
    ]
    rows += [("w", "p", 0, "y", 1.0)]
    found = paired_variants(table(rows), ["x"])
    assert list(found.columns) == PAIRED_VARIANTS_COLUMNS
    assert list(zip(found["allocator"], found["a"], found["b"], strict=True)) == [
        ("p", "u", "v"), ("p", "u", "w"), ("q", "u", "v"), ("q", "u", "w"),
    ]  # fmt: skip
    assert_allclose(found["mean_difference"], [1.85, -1.0, 3.85, -2.0])
    wanted = stats.ttest_1samp([2.0, 1.9, 1.8, 1.7], 0.0)
    first, interval = pick(found, allocator="p", b="v"), wanted.confidence_interval(0.95)
    assert_allclose(first[["ci95_low", "ci95_high", "p"]].astype(float), [interval.low, interval.high, wanted.pvalue])
    assert len(paired_variants(table([(None, "p", 0, "x", 1.0)]))) == len(paired_variants(table([]))) == 0
