"""Measures how often the intervals of a few drops hold the truth, and how often equal allocators are told apart.

fairwave run slicing-quickstart --drops 200 --set duration_s=2 --set queue_bytes=400e3
    --allocators equal,tractor_expert --out runs/population
python -m benchmarks.statistics.coverage runs/population --drops 8

The drops of the run are the population, their mean is the truth. Samples of ``--drops`` drops are drawn from it with
replacement. For the false findings, the two allocators change places in each drop at random: then neither is better,
and the metrics of a drop keep their correlation.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence

import numpy as np

from mac.metrics.intervals import mean_interval
from mac.metrics.multiple_tests import holm
from mac.metrics.small_samples import event_share_interval, remark, sign_flip_p, student_p, tied
from scenarios import Result

Array = np.ndarray


def population(result: Result) -> tuple[list[str], Array]:
    """Reads the metrics of all UEs, ``[2, metrics, drops]``, of the run's first two allocators."""
    table = result.per_drop[~result.per_drop["metric"].str.contains("/")]
    both = [
        table[table["allocator"] == label].pivot(index="metric", columns="drop", values="value")
        for label in result.allocators[:2]
    ]
    names = [name for name in dict.fromkeys(table["metric"]) if np.isfinite(both[0].loc[name]).all()]
    return names, np.stack([part.loc[names].to_numpy(dtype=np.float64) for part in both])


def coverage(values: Array, picked: Array) -> tuple[float, float, float]:
    """Computes the share of samples whose interval holds the mean, that of those without a remark, and their share.

    Args:
        values: of a metric, or differences, ``[drops of the population]``.
        picked: samples of drops, ``[trials, drops]``.
    """
    truth, inside, kept = float(values.mean()), [], []
    for sample in values[picked]:
        found = mean_interval(sample)
        inside.append(found.low - 1e-12 <= truth <= found.high + 1e-12)
        kept.append(not remark(sample))
    held, plain = np.array(inside), np.array(kept)
    return float(held.mean()), float(held[plain].mean()) if plain.any() else np.nan, float(plain.mean())


def share_coverage(values: Array, picked: Array) -> float:
    """Computes the share of samples whose Clopper-Pearson interval holds the share of drops with an event."""
    truth = float((values != 0).mean())
    bounds = {count: event_share_interval(count, picked.shape[1]) for count in range(picked.shape[1] + 1)}
    counts = (values[picked] != 0).sum(axis=1).tolist()
    return float(np.mean([bounds[count][0] <= truth <= bounds[count][1] for count in counts]))


def false_findings(difference: Array, headline: Sequence[int], picked: Array, signs: Array) -> dict[str, float]:
    """Computes how often any metric of two equal allocators is told apart, by four rules.

    Args:
        difference: of all metrics, ``[metrics, drops of the population]``.
        headline: places of the headline metrics.
        picked: samples of drops, ``[trials, drops]``.
        signs: which allocator is which, -1 or 1, ``[trials, drops]``.
    """
    found = {"all metrics, intervals": 0, "headline, intervals": 0, "headline, tests": 0, "headline, tests and Holm": 0}
    for drops, sign in zip(picked, signs, strict=True):
        sample = difference[:, drops] * sign
        by_interval = [student_p(row) <= 0.05 for row in sample]
        p = [sign_flip_p(row) if remark(row) else student_p(row) for row in sample[list(headline)]]
        found["all metrics, intervals"] += any(by_interval)
        found["headline, intervals"] += any(by_interval[place] for place in headline)
        found["headline, tests"] += any(value <= 0.05 for value in p)
        found["headline, tests and Holm"] += any(value <= 0.05 for value in holm(p))
    return {rule: count / len(picked) for rule, count in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a run with two allocators and many drops")
    parser.add_argument("--drops", type=int, default=8, help="of a sample")
    parser.add_argument("--trials", type=int, default=2000, help="samples")
    given = parser.parse_args()
    result = Result(given.run)
    names, values = population(result)
    rng = np.random.default_rng(1)
    picked = rng.integers(values.shape[2], size=(given.trials, given.drops))
    print(f"{values.shape[2]} drops, samples of {given.drops}, {given.trials} of them\n")
    print("| metric | interval of the mean | without remark | in | paired difference | without remark | in |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for name in [name for name in names if name in result.headline]:
        one, two = values[:, names.index(name)]
        cells = [f"{share:.3f}" for array in (one, one - two) for share in coverage(array, picked)]
        rare = f" (share of drops above 0: {share_coverage(one, picked):.3f})" if tied(one) else ""
        print(f"| `{name}`{rare} | {' | '.join(cells).replace('nan', '-')} |")
    headline = [place for place, name in enumerate(names) if name in result.headline]
    signs = rng.choice([-1.0, 1.0], size=picked.shape)
    print(f"\n| rule ({len(names)} metrics, {len(headline)} in the headline) | any false finding |")
    print("| --- | --: |")
    for rule, share in false_findings(values[0] - values[1], headline, picked, signs).items():
        print(f"| {rule} | {share:.3f} |")


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        main()
