"""Measures how often the intervals of a few drops hold the truth, and how often equal allocators are told apart.

python -m benchmarks.statistics.coverage runs/slicing runs/uav --drops 8

The drops of a run are a population, their mean is the truth. Samples of ``--drops`` drops are drawn from it with
replacement. For the false findings, the two allocators of the first run change places in each drop at random: then
neither is better, and the metrics of a drop keep their correlation.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from mac.metrics.multiple_tests import holm
from mac.metrics.registry import is_of_events, limits_of
from mac.metrics.small_samples import event_share_interval, mean_remark, remark, sign_flip_p, student_p, tied
from scenarios import Result

from .interval_methods import METHODS, student

Array = np.ndarray
_ROUNDING = 1e-12
GENERAL = ("satisfaction", "rate_mean", "rate_p5", "jain_rate", "delay_p95", "loss_ratio")


def population(result: Result) -> tuple[list[str], Array]:
    """Reads the metrics of all UEs, ``[2, metrics, drops]``, of the run's first two allocators and first variant."""
    table = pd.read_csv(result.run_dir / "metrics.csv", dtype={"variant": object})
    table = table[~table["metric"].str.contains("/")]
    table = (
        table[table["variant"].isna()] if result.variants == [None] else table[table["variant"] == result.variants[0]]
    )
    both = [
        table[table["allocator"] == label].pivot(index="metric", columns="drop", values="value")
        for label in result.allocators[:2]
    ]
    names = [name for name in dict.fromkeys(table["metric"]) if all(np.isfinite(part.loc[name]).all() for part in both)]
    return names, np.stack([part.loc[names].to_numpy(dtype=np.float64) for part in both])


def headline(result: Result) -> set[str]:
    """Lists the headline metrics as :attr:`.Result.headline`, without computing all metrics of many drops anew."""
    return {*result.settings.headline, *result.family.headline, *GENERAL}


def coverage(ends: tuple[Array, Array], truth: float) -> float:
    """Computes the share of intervals that hold the truth."""
    low, high = ends
    return float(np.mean((low - _ROUNDING <= truth) & (truth <= high + _ROUNDING)))


def method_row(name: str, values: Array, picked: Array) -> list[str]:
    """Computes coverage and median width, over that of Student's interval, of each method for a metric.

    Args:
        name: of the metric.
        values: of it, ``[drops of the population]``.
        picked: samples of drops, ``[trials, drops]``.
    """
    samples, limits, truth = values[picked], limits_of(name), float(values.mean())
    remarks = [mean_remark(sample, is_of_events(name)) for sample in samples]
    ends = {method: computed(samples, limits) for method, computed in METHODS.items()}
    usual = np.median(ends["Student"][1] - ends["Student"][0])
    cells = [
        f"{coverage(found, truth):.3f} ({np.nanmedian(found[1] - found[0]) / usual:.2f})" for found in ends.values()
    ]
    told = np.array([not untold for _, untold in remarks])
    plain = np.array([not text for text, _ in remarks])
    shares = [f"{kept.mean():.2f} ({_of_kept(ends['scaled'], kept, truth):.3f})" for kept in (told, plain)]
    return [f"{truth:.3g}", f"{stats.skew(values):.1f}", *cells, *shares]


def _of_kept(ends: tuple[Array, Array], kept: Array, truth: float) -> float:
    return coverage((ends[0][kept], ends[1][kept]), truth) if kept.any() else np.nan


def share_coverage(values: Array, picked: Array) -> float:
    """Computes the share of samples whose Clopper-Pearson interval holds the share of drops with an event."""
    truth = float((values != 0).mean())
    bounds = {count: event_share_interval(count, picked.shape[1]) for count in range(picked.shape[1] + 1)}
    counts = (values[picked] != 0).sum(axis=1).tolist()
    return float(np.mean([bounds[count][0] <= truth <= bounds[count][1] for count in counts]))


def false_findings(difference: Array, headline: Sequence[int], picked: Array, signs: Array) -> dict[str, float]:
    """Computes how often any metric of two equal allocators is told apart, by six rules.

    Args:
        difference: of all metrics, ``[metrics, drops of the population]``.
        headline: places of the headline metrics.
        picked: samples of drops, ``[trials, drops]``.
        signs: which allocator is which, -1 or 1, ``[trials, drops]``.
    """
    rules = ("all metrics, intervals", "headline, intervals", "headline, tests", "headline, tests and Holm",
             "headline, flipped signs", "headline, flipped signs and Holm")  # fmt: skip
    found = dict.fromkeys(rules, 0)
    for drops, sign in zip(picked, signs, strict=True):
        sample = difference[:, drops] * sign
        by_interval = [student_p(row) <= 0.05 for row in sample]
        flips = [sign_flip_p(row) for row in sample[list(headline)]]
        p = [flip if remark(row) else student_p(row) for row, flip in zip(sample[list(headline)], flips, strict=True)]
        found["all metrics, intervals"] += any(by_interval)
        found["headline, intervals"] += any(by_interval[place] for place in headline)
        found["headline, tests"] += any(value <= 0.05 for value in p)
        found["headline, tests and Holm"] += any(value <= 0.05 for value in holm(p))
        found["headline, flipped signs"] += any(value <= 0.05 for value in flips)
        found["headline, flipped signs and Holm"] += any(value <= 0.05 for value in holm(flips))
    return {rule: count / len(picked) for rule, count in found.items()}


def show_methods(results: Sequence[Result], drops: int, trials: int) -> None:
    """Prints a row for each headline metric of the runs that varies."""
    print(f"| run | metric | mean | skewness | {' | '.join(METHODS)} | told | no remark |")
    print(f"| --- | --- |{' --: |' * (len(METHODS) + 4)}")
    for result in results:
        names, values = population(result)
        picked = np.random.default_rng(1).integers(values.shape[2], size=(trials, drops))
        for name in [name for name in names if name in headline(result)]:
            one, both = values[0, names.index(name)], values[:, names.index(name)]
            if np.ptp(one) > 1e-9 * np.abs(one).max():
                print(f"| {result.run_dir.name} | `{name}` | {' | '.join(method_row(name, one, picked))} |")
                if tied(one):
                    print(f"| {result.run_dir.name} | `{name}`, share of drops above 0 | | | "
                          f"{share_coverage(one, picked):.3f} |{' |' * (len(METHODS) + 1)}")  # fmt: skip
            show_difference(result, name, both[0] - both[1], picked)


def show_difference(result: Result, name: str, values: Array, picked: Array) -> None:
    """Prints the coverage of Student's interval of the paired difference."""
    if np.ptp(values) == 0:
        return
    samples, limits, truth = values[picked], limits_of(name), float(values.mean())
    ends = student(samples, (limits[0] - limits[1], limits[1] - limits[0]))
    kept = np.array([not remark(sample) for sample in samples])
    empty = " |" * len(METHODS)
    print(f"| {result.run_dir.name} | `{name}`, paired | {truth:.2g} | {stats.skew(values):.1f} | "
          f"{coverage(ends, truth):.3f} |{empty} {kept.mean():.2f} ({_of_kept(ends, kept, truth):.3f}) |")  # fmt: skip


def show_false_findings(result: Result, drops: int, trials: int) -> None:
    """Prints how often equal allocators are told apart."""
    names, values = population(result)
    rng = np.random.default_rng(1)
    picked = rng.integers(values.shape[2], size=(trials, drops))
    first = [place for place, name in enumerate(names) if name in headline(result)]
    signs = rng.choice([-1.0, 1.0], size=picked.shape)
    print(f"\n| rule ({len(names)} metrics, {len(first)} in the headline) | any false finding |")
    print("| --- | --: |")
    for rule, share in false_findings(values[0] - values[1], first, picked, signs).items():
        print(f"| {rule} | {share:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs with two allocators and many drops")
    parser.add_argument("--drops", type=int, default=8, help="of a sample")
    parser.add_argument("--trials", type=int, default=2000, help="samples")
    given = parser.parse_args()
    results = [Result(run) for run in given.runs]
    print(f"Samples of {given.drops} drops, {given.trials} of them; in brackets the median width over Student's\n")
    show_methods(results, given.drops, given.trials)
    show_false_findings(results[0], given.drops, given.trials // 2)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        main()
