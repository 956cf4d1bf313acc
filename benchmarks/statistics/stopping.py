"""Measures how often the intervals of ``--until`` hold the truth after drops were added until they are narrow enough.

python -m benchmarks.statistics.stopping runs/slicing runs/uav

Values are drawn from textbook shapes, and with replacement from the drops of runs. The wanted interval is such that
``--size`` drops would do if the spread were known. Three rules are compared: that of :mod:`mac.metrics.precision`,
Stein's with a pilot of 8 drops, and adding 8 drops at a time until Student's interval is narrow enough.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy import special, stats

from mac.metrics.precision import PILOT, precision
from scenarios import Result

from .coverage import headline, population

Array = np.ndarray
_CEILING = 2000
SHAPES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Beta(9, 1)": lambda rng, n: rng.beta(9, 1, n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "log-normal": lambda rng, n: rng.lognormal(size=n),
    "uniform in 15 % of drops, else 0": lambda rng, n: rng.random(n) * (rng.random(n) < 0.15),
}
MEANS = {"normal": 0.0, "Beta(9, 1)": 0.9, "exponential": 1.0, "log-normal": float(np.exp(0.5)),
         "uniform in 15 % of drops, else 0": 0.075}  # fmt: skip


def fairwave(values: Array, half: float, pilot: int = PILOT) -> int:
    """Counts the drops that the rule of fairwave takes."""
    drops = pilot
    while drops < _CEILING and (found := precision(values[:drops], pilot, half)).half > half:
        drops = min(_CEILING, found.drops)
    return drops


def stein(values: Array, half: float) -> int:
    """Counts the drops that Stein's procedure takes with a pilot of 8."""
    scaled = special.stdtrit(7, 0.975) * values[:8].std(ddof=1)
    return min(_CEILING, max(8, int(np.ceil((scaled / half) ** 2))))


def eight_more(values: Array, half: float) -> int:
    """Counts the drops until Student's interval is narrow enough, 8 at a time."""
    drops = 8
    while drops < _CEILING and special.stdtrit(drops - 1, 0.975) * stats.sem(values[:drops]) > half:
        drops += 8
    return drops


RULES = {"fairwave": fairwave, "Stein, pilot of 8": stein, "8 more each time": eight_more}


def measure(draw: Callable[[], Array], truth: float, spread: float, size: int, trials: int) -> Iterator[str]:
    """Yields for each rule the share of intervals that hold the truth, and the mean number of drops."""
    half = float(special.ndtri(0.975)) * spread / np.sqrt(size)
    samples = [draw() for _ in range(trials)]
    for rule in RULES.values():
        drops = [rule(values, half) for values in samples]
        inside = [abs(values[:n].mean() - truth) <= half for values, n in zip(samples, drops, strict=True)]
        yield f"{np.mean(inside):.3f} ({np.mean(drops):.0f})"


def cases(runs: Sequence[Path], rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], Array], float, float]]:
    """Yields name, generator of drops, mean and standard deviation of all shapes and metrics."""
    for name, shape in SHAPES.items():
        yield name, lambda shape=shape: shape(rng, _CEILING), MEANS[name], float(shape(rng, 1_000_000).std())
    for run in runs:
        result = Result(run)
        names, values = population(result)
        for name in [name for name in names if name in headline(result)]:
            first = values[0, names.index(name)]
            for what, known in ((name, first), (f"{name}, paired", first - values[1, names.index(name)])):
                if np.ptp(known) > 1e-9 * np.abs(known).max():
                    draw = lambda known=known: rng.choice(known, _CEILING)  # noqa: E731
                    yield f"{run.name}: `{what}`", draw, float(known.mean()), float(known.std())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="folders of runs with two allocators and many drops")
    parser.add_argument("--size", type=int, default=40, help="drops that would do if the spread were known")
    parser.add_argument("--trials", type=int, default=1000)
    given = parser.parse_args()
    print(f"{given.size} drops would do, {given.trials} trials; in brackets the mean number of drops\n")
    print(f"| values | {' | '.join(RULES)} |\n| --- |{' --: |' * len(RULES)}")
    for name, draw, truth, spread in cases(given.runs, np.random.default_rng(1)):
        print(f"| {name} | {' | '.join(measure(draw, truth, spread, given.size, given.trials))} |")


if __name__ == "__main__":
    main()
