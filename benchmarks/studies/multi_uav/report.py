"""Reports a study: ``python -m benchmarks.studies.multi_uav.report teams [--drops 32]``.

Prints a Markdown table of all methods and of allocators that follow rules, on drops that no training had: the mean over
drops and seeds of each metric, with a 95 % interval over seeds, of rules over drops; and the paired differences of
GA-MATR to each, first averaged over seeds and then paired by drops. Draws ``curves.png`` in the folder.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from scenarios import run
from scenarios.policies.gamatr.training import METHODS

from .train import SCENARIO

RULES = ("static_grid", "circle_packing", "random_walk", "circular_sweep", "kmeans_placement", "capacitated_kmeans",
         "smallest_circle", "greedy_demand", "fly_hover_fly", "lloyd_pf", "alternating")  # fmt: skip
SHOWN = ("reward", "rate_mean", "rate_std", "jain_rate", "rate_p5", "coverage")


def policies_of(folder: Path) -> dict[str, list[str]]:
    """Lists the policies of each method, as names of allocators."""
    found: dict[str, list[str]] = {}
    for path in sorted([*folder.glob("*.npz"), *folder.glob("*.pt")]):
        kind = "gamatr" if path.suffix == ".npz" else "torch"
        found.setdefault(path.stem.rpartition("-")[0], []).append(f"{kind}:{path}")
    return found


def measured(names: dict[str, list[str]], drops: int, folder: Path) -> pd.DataFrame:
    """Runs everything on the same drops, and returns a row for each method, seed, metric and drop."""
    specs: list[Any] = [{"name": name, "label": f"{method}+{number}"} for method, all_ in names.items()
                        for number, name in enumerate(all_)]  # fmt: skip
    specs += [{"name": name, "label": f"{name}+0"} for name in RULES]
    data = {"extends": "uav-hotspot", "drops": drops, "allocators": specs, **SCENARIO}
    result = run(data, out=folder / "comparison", plots=False, progress=False, resume=True)
    table = result.per_drop
    table = table[table["group"].fillna("") == ""] if "group" in table else table
    wide = table.pivot_table(index=["allocator", "drop"], columns="metric", values="value")
    wide["reward"] = wide["rate_mean"] - 0.5 * wide["rate_std"]
    long = wide.stack().rename("value").reset_index()
    long[["method", "seed"]] = long["allocator"].str.split("+", expand=True)
    return long


def table_of(rows: pd.DataFrame) -> str:
    """Returns the table of means over seeds, and of paired differences to GA-MATR in the reward."""
    lines = [f"| method | {' | '.join(SHOWN)} | gamatr less it, reward |", f"|---|{'---|' * (len(SHOWN) + 1)}"]
    ours = rows[(rows["method"] == "gamatr") & (rows["metric"] == "reward")].groupby("drop")["value"].mean()
    for method, own in rows.groupby("method", sort=False):
        cells = [_mean(own[own["metric"] == name]) for name in SHOWN]
        theirs = own[own["metric"] == "reward"].groupby("drop")["value"].mean()
        cells.append("" if method == "gamatr" else _interval((ours - theirs).to_numpy()))
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(own: pd.DataFrame) -> str:
    by_seed = own.groupby("seed")["value"].mean().to_numpy()
    return _interval(own["value"].to_numpy() if len(by_seed) == 1 else by_seed)


def _interval(values: Any) -> str:
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    return f"{np.mean(values):.3f} ± {half:.3f}"


def draw(folder: Path) -> None:
    """Draws mean returns over steps, the mean of ten rounds, with 95 % intervals over seeds, by reward."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    panels = figure.subplots(1, 2)
    for place, method in enumerate(policies_of(folder)):
        own = METHODS.get(method)
        axes = panels[0 if own is None or own.deviation else 1]
        curves = [_curve(path) for path in sorted(folder.glob(f"{method}-*.csv"))]
        if not curves:
            continue
        steps, smooth = curves[0][0], np.stack([_smooth(one[1]) for one in curves])
        mean = smooth.mean(0)
        line = axes.plot(steps, mean, label=method, color=f"C{place}", ls=("-", "--")[own is None])[0]
        if len(curves) > 1:
            half = stats.sem(smooth) * stats.t.ppf(0.975, len(curves) - 1)
            axes.fill_between(steps, mean - half, mean + half, color=line.get_color(), alpha=0.12, lw=0)
    for axes, title in zip(panels, ("mean rate less half the deviation", "mean rate"), strict=True):
        axes.set(xlabel="steps of all environments", ylabel="mean return of an episode", xlim=(0, None))
        axes.set_title(f"Reward: {title}", loc="left", fontsize=10)
        axes.legend(ncols=2, frameon=False, loc="lower right", fontsize=8)
    figure.savefig(folder / "curves.png", dpi=120)


def _curve(path: Path) -> tuple[Any, Any]:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return np.array([int(row["steps"]) for row in rows]), np.array([float(row["mean_return"]) for row in rows])


def _smooth(values: Any) -> Any:
    return pd.Series(values).rolling(10, min_periods=1).mean().to_numpy()


def main() -> None:
    """Prints the table and draws the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--drops", type=int, default=32)
    options = parser.parse_args()
    print(table_of(measured(policies_of(options.folder), options.drops, options.folder)))
    draw(options.folder)


if __name__ == "__main__":
    main()
