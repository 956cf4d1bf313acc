"""Computes means over drops with 95 % intervals, and differences between allocators or variants drop by drop.

Drops are independent networks, so Student's t applies to their values; of a metric that has limits, on a scale without
limits (:func:`mean_interval`). Two allocators run on the same drops, so they are compared by the interval of their
*paired* difference, which the spread over drops does not widen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .metric import ANY
from .multiple_tests import holm
from .registry import is_of_events, limits_of
from .small_samples import EXACT_DROPS, mean_remark, remark, required_drops, sign_flip_p, student_p
from .windows import Array as Floats

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
ALL = "all"
"""Name of the variant that stands for the mean over all variants of a scenario."""

SUMMARY_COLUMNS = ["variant", "allocator", "metric", "unit", "mean", "ci95_low", "ci95_high", "drops", "remark"]
_DIFFERENCE_COLUMNS = [
    "metric",
    "a",
    "b",
    "mean_difference",
    "ci95_low",
    "ci95_high",
    "drops",
    "p",
    "p_flips",
    "p_holm",
    "needed_drops",
    "remark",
]
PAIRED_COLUMNS = ["variant", *_DIFFERENCE_COLUMNS]
PAIRED_VARIANTS_COLUMNS = ["allocator", *_DIFFERENCE_COLUMNS]
FEW_DROPS = 3
"""Up to so many drops the number of drops that a difference needs is told."""


@dataclass(frozen=True)
class MeanInterval:
    """Holds a mean over drops and the ends of its 95 % interval, which are NaN where it is not known."""

    mean: float
    low: float = np.nan
    high: float = np.nan


def mean_interval(values: ArrayLike, limits: tuple[float, float] = ANY) -> MeanInterval:
    """Computes the mean of one value per drop and its 95 % interval.

    Without limits Student's: ``mean -+ half``, ``half = t(0.975, n-1) s / sqrt(n)``. Between two limits it is Student's
    on the scale of ``logit(u)``, ``u = (mean - low) / (high - low)``, with the standard error that a small error of the
    mean has there (delta method), and so ``logit(u) -+ half / ((high - low) u (1 - u))``. Above a lower limit alone it
    is that of the logarithm, ``low + (mean - low) exp(-+x)``, ``x = half / (mean - low)``; above ``x = 1``, where few
    drops tell little, the upper end goes on along the tangent, ``low + (mean - low) e x`` (ours).

    NaN is not counted. The ends are NaN for a single drop, which says nothing about spread, and where a value is
    infinite; without any value the mean is NaN, too.

    Args:
        values: one per drop.
        limits: least and greatest possible value.
    """
    known = np.asarray(values, dtype=np.float64).ravel()
    known = known[~np.isnan(known)]
    if not known.size:
        return MeanInterval(np.nan)
    with np.errstate(invalid="ignore"):
        mean = float(known.mean())
    if known.size < 2 or not np.isfinite(known).all():
        return MeanInterval(mean)
    quantile = float(special.stdtrit(known.size - 1, 0.5 + CONFIDENCE / 2))
    half = quantile * float(known.std(ddof=1)) / float(np.sqrt(known.size))
    return _cut(MeanInterval(mean, *_ends(mean, half, limits)), limits)


def _ends(mean: float, half: float, limits: tuple[float, float]) -> tuple[float, float]:
    """Computes the ends of an interval on the scale on which a metric has no limits."""
    low, high = limits
    if not (low < mean < high and half > 0) or low == -np.inf:
        return mean - half, mean + half
    if high == np.inf:
        x = half / (mean - low)
        return low + (mean - low) * float(np.exp(-x)), low + (mean - low) * float(np.exp(x) if x <= 1 else np.e * x)
    u = (mean - low) / (high - low)
    x = half / ((high - low) * u * (1 - u))
    ends = special.expit(special.logit(u) + np.array([-x, x]))
    return low + (high - low) * float(ends[0]), low + (high - low) * float(ends[1])


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Computes mean and interval over drops of every variant, allocator and metric.

    Args:
        table: rows ``variant, allocator, drop, metric, unit, value``; ``variant`` is None where there are none.

    Returns:
        Rows ``variant, allocator, metric, unit, mean, ci95_low, ci95_high, drops, remark``, in the order of first
        appearance; ``drops`` counts the values that are not NaN. Intervals stay within the metric's limits. ``remark``
        says why an interval does not hold, or why there is none (:func:`mac.metrics.small_samples.mean_remark`), and is
        empty where it holds. Where the scenario has variants, rows of the variant ``"all"`` follow: mean over drops of
        the per-drop mean over variants (see :func:`with_all`).
    """
    import pandas as pd

    rows = []
    for variant, part in _variants(with_all(table)):
        names = part[["allocator", "metric", "unit"]].to_numpy(dtype=object)
        values = part["value"].to_numpy(dtype=np.float64)
        for group in _rows_of_groups(part, ["metric", "allocator"]):
            allocator, metric, unit = names[group[0]]
            why, untold = mean_remark(values[group], is_of_events(str(metric)))
            found = mean_interval(values[group], limits_of(str(metric)))
            found = MeanInterval(found.mean) if untold else found
            drops = int((~np.isnan(values[group])).sum())
            rows.append((variant, allocator, metric, unit, found.mean, found.low, found.high, drops, why))
    return _with_object_variant(pd.DataFrame(rows, columns=SUMMARY_COLUMNS))


def paired(table: pd.DataFrame, headline: Collection[str] = ()) -> pd.DataFrame:
    """Computes the interval of the difference ``a - b`` of every two allocators, over the drops that both have.

    Args:
        table: as for :func:`summarise`.
        headline: metrics that are tested; the others have intervals only.

    Returns:
        Rows ``variant, metric, a, b, mean_difference, ci95_low, ci95_high, drops, p, p_flips, p_holm, needed_drops,
        remark``, ``a`` before ``b`` in order of appearance. A drop in which either value is NaN is left out; ``drops``
        counts those that remain. Intervals are Student's, cut to the possible differences. ``p`` is that of Student's
        paired test, or of flipped signs where there is a ``remark``; ``p_flips`` is that of flipped signs wherever
        there are 12 drops or fewer, so that all flips are tried; ``p_holm`` is corrected for the headline metrics of
        the same two allocators and variant. ``needed_drops`` is the estimate of
        :func:`mac.metrics.small_samples.required_drops` where there are two or three drops.
    """
    import pandas as pd

    pairs = list(combinations(dict.fromkeys(table["allocator"]), 2))
    rows = []
    for variant, part in _variants(with_all(table)):
        rows += [(variant, *row) for row in _differences(part, "allocator", pairs, headline)]
    return _with_object_variant(_corrected(pd.DataFrame(rows, columns=PAIRED_COLUMNS), "variant"))


def paired_variants(table: pd.DataFrame, headline: Collection[str] = ()) -> pd.DataFrame:
    """Computes the interval of the difference ``a - b`` of the first variant to every other one, by allocator.

    Drops of one number have the same seeds in all variants: what a variant leaves as it is, both have alike.

    Args:
        table: as for :func:`summarise`.
        headline: as for :func:`paired`.

    Returns:
        Rows ``allocator, metric, a, b, ...``, from ``mean_difference`` on as of :func:`paired`; ``a`` is the first
        variant. ``p_holm`` is corrected for the headline metrics of the same two variants and allocator. None where
        there are no two variants.
    """
    import pandas as pd

    known = table[table["variant"].notna()]
    names = list(dict.fromkeys(known["variant"]))
    rows = []
    for allocator, part in known.groupby("allocator", sort=False):
        pairs = [(names[0], other) for other in names[1:]]
        rows += [(allocator, *row) for row in _differences(part, "variant", pairs, headline)]
    return _corrected(pd.DataFrame(rows, columns=PAIRED_VARIANTS_COLUMNS), "allocator")


_Row = tuple[float | int | str | None, ...]


def _differences(
    part: pd.DataFrame, column: str, pairs: Sequence[tuple[str, str]], headline: Collection[str]
) -> Iterator[_Row]:
    """Yields metric, a, b and the columns of their difference, for all metrics that both of a pair have.

    Args:
        part: rows of one variant, or of one allocator.
        column: the other one of the two, by which rows are paired.
        pairs: of its values.
        headline: metrics that are tested.
    """
    for metric, wide in _by_drop(part, column).items():
        for a, b in pairs:
            if a in wide and b in wide:
                with np.errstate(invalid="ignore"):  # infinity less infinity is NaN: no difference known
                    difference = wide[a] - wide[b]
                yield metric, a, b, *_difference(difference, metric, metric in headline)


def _by_drop(part: pd.DataFrame, column: str) -> dict[str, dict[str, Floats]]:
    """Lists a number for every drop of ``part`` by metric and value of ``column``; NaN where a drop has none."""
    drops, drop = np.unique(part["drop"].to_numpy(), return_inverse=True)
    values = part["value"].to_numpy(dtype=np.float64)
    names = part[["metric", column]].to_numpy(dtype=object)
    found: dict[str, dict[str, Floats]] = {}
    for group in _rows_of_groups(part, ["metric", column]):
        metric, name = names[group[0]]
        wide = found.setdefault(str(metric), {}).setdefault(name, np.full(len(drops), np.nan))
        wide[drop[group]] = values[group]
    return found


def _rows_of_groups(table: pd.DataFrame, columns: list[str]) -> list[NDArray[np.intp]]:
    """Finds the rows of each group of equal ``columns``; groups and rows in order of appearance."""
    group = table.groupby(columns, sort=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(group) else []


def _difference(values: Floats, metric: str, tested: bool) -> _Row:
    """Computes the columns of a row of :func:`paired` from ``mean_difference`` on; ``p_holm`` is still missing."""
    low, high = limits_of(metric)
    found = _cut(mean_interval(values), (low - high, high - low))
    drops, why = int((~np.isnan(values)).sum()), remark(values)
    flips = sign_flip_p(values) if tested and (why or drops <= EXACT_DROPS) else np.nan
    p = np.nan if not tested else flips if why else student_p(values)
    needed = required_drops(values) if tested and 2 <= drops <= FEW_DROPS else None
    return found.mean, found.low, found.high, drops, p, flips, np.nan, needed, why


def _corrected(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Fills ``p_holm``: corrected for the tests of the same two, and the same value of ``column``."""
    corrected = table["p_holm"].to_numpy(dtype=np.float64, copy=True)
    for rows in table.groupby([column, "a", "b"], sort=False, dropna=False).indices.values():
        corrected[rows] = holm(table["p"].to_numpy(dtype=np.float64)[rows].tolist())
    return table.assign(p_holm=corrected, needed_drops=table["needed_drops"].astype("Int64"))


def _cut(found: MeanInterval, limits: tuple[float, float]) -> MeanInterval:
    """Cuts an interval to what the metric can be; NaN stays."""
    low, high = found.low, found.high
    return MeanInterval(
        found.mean,
        max(low, limits[0]) if low == low else low,
        min(high, limits[1]) if high == high else high,
    )


def with_all(table: pd.DataFrame) -> pd.DataFrame:
    """Adds to ``table``, where it has variants, rows of the variant ``"all"``: each drop's mean over the variants.

    A metric's mean runs over the variants that have it (a mix without mMTC users has no mMTC row). A drop with NaN
    or without a row in one of them gets NaN: a mean over fewer variants would not be the same quantity.
    """
    import pandas as pd

    if table["variant"].isna().all():
        return table
    by_metric = table.groupby("metric", sort=False)
    count, unit = by_metric["variant"].nunique(), by_metric["unit"].first()
    keys = table.groupby(["metric", "allocator", "drop"], sort=False)["value"]
    mean = keys.agg(["mean", "count"]).reset_index()
    mean = mean.iloc[np.argsort(mean.groupby("metric", sort=False).ngroup().to_numpy(), kind="stable")]
    known = mean["count"].to_numpy() == mean["metric"].map(count).to_numpy()
    means = mean[["allocator", "drop", "metric"]].assign(
        value=mean["mean"].where(known), variant=ALL, unit=mean["metric"].map(unit)
    )
    return pd.concat([table, means], ignore_index=True)


def _variants(table: pd.DataFrame) -> Iterator[tuple[str | None, pd.DataFrame]]:
    """Yields each variant's rows; pandas may hold None as NaN, which is undone here."""
    for variant, part in table.groupby("variant", sort=False, dropna=False):
        yield (variant if isinstance(variant, str) else None), part


def _with_object_variant(table: pd.DataFrame) -> pd.DataFrame:
    variants = [name if isinstance(name, str) else None for name in table["variant"]]
    return table.assign(variant=np.array(variants, dtype=object))
