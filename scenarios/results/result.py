"""Reads what came out of a run from its folder: windows as labelled arrays, metrics as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from mac.metrics.intervals import ALL, paired, paired_variants, summarise
from mac.metrics.registry import metric_named

from .. import families
from ..config.loading import drop_hash, resolved, scenario_hash
from ..errors import ScenarioError, did_you_mean
from ..families.schema import plugged_metrics
from .account import account_of
from .as_json import tables_as_json
from .caveats import count_sentences, interval_sentences
from .dataset import join
from .drift import Drifts, drift_records, find_drifts
from .drop_metrics import DropMetrics, drop_table
from .precision import precision_sentences
from .run_folder import explain_no_shards, scenario_of
from .shards import RunKey, Shard, read_shard, whole_shards
from .store import local_copy, url_of
from .timing import decision_times

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_HEADLINE = (
    "satisfaction",
    "rate_mean",
    "rate_p5",
    "jain_rate",
    "delay_p95",
    "loss_ratio",
    "repairs",
)
"""Metrics of the first table where a scenario names none, as far as they apply; the family's own stand before them."""

_KEPT_BYTES = 500_000_000

DROP_COLUMNS = ["variant", "allocator", "drop", "metric", "unit", "value"]


class Result:
    """Reads a run, finished or not.

    Attributes:
        run_dir: the run folder that everything is read from.
        settings: what ran, as loaded.
        family: the kind of problem that it was.
        meta: versions, device, wall times; empty while the run is unfinished.
        place: the folder, or the URL that it is a copy of.
        drop_metrics: metrics that workers have computed with a shard.
    """

    def __init__(self, run_dir: str | Path) -> None:
        self.run_dir = local_copy(run_dir)
        self.place = str(url_of(run_dir) or self.run_dir)
        self.settings = scenario_of(self.run_dir)
        self.family = families.find(self.settings.family)
        meta = self.run_dir / "meta.json"
        self.meta: dict[str, Any] = _meta(meta) if meta.is_file() else {}
        self._kept: dict[Path, xr.Dataset] = {}
        self.drop_metrics: dict[Path, DropMetrics] = {}

    @property
    def scenario(self) -> dict[str, Any]:
        """Returns what ran, as plain values, defaults included."""
        return resolved(self.settings)

    @property
    def variants(self) -> list[str | None]:
        """Names of the variants; ``[None]`` where the scenario has none."""
        return list(self.settings.variants) or [None]

    @property
    def allocators(self) -> list[str]:
        """Lists the labels of the allocators, in the scenario's order."""
        return [spec.label for spec in self.settings.allocators]

    @property
    def run_keys(self) -> list[RunKey]:
        """Lists every allocator on every variant."""
        return [RunKey(variant, allocator) for variant in self.variants for allocator in self.allocators]

    @cached_property
    def shards(self) -> dict[RunKey, list[Shard]]:
        """Finds the whole shards of every allocator and variant."""
        hashes = (drop_hash(self.settings), scenario_hash(self.settings))
        return {run_key: whole_shards(self.run_dir, run_key, hashes, self.read) for run_key in self.run_keys}

    def read(self, path: Path) -> xr.Dataset:
        """Reads the windows in a shard; keeps them in memory while all of them are small."""
        if path in self._kept:
            return self._kept[path].copy()
        dataset = read_shard(path)
        if sum(kept.nbytes for kept in self._kept.values()) + dataset.nbytes < _KEPT_BYTES:
            self._kept[path] = dataset
        return dataset.copy()

    @property
    def complete(self) -> bool:
        """Checks whether every drop of every allocator and variant is there."""
        return all(sum(len(s.drops) for s in shards) == self.settings.drops for shards in self.shards.values())

    @cached_property
    def per_drop(self) -> pd.DataFrame:
        """Lists rows ``variant, allocator, drop, metric, unit, value``; variant is None where there are none."""
        tables = [self._cell_metrics(run_key) for run_key in self.run_keys if self.shards[run_key]]
        if not tables:
            raise ScenarioError(explain_no_shards(self.run_dir, self.settings))
        table = pd.concat(tables, ignore_index=True)
        variant = table["variant"].astype(object)
        return table.assign(variant=variant.where(variant.notna(), None))[DROP_COLUMNS]

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Computes the mean and 95 % interval over drops, a row per variant, allocator and metric.

        Columns ``variant, allocator, metric, unit, mean, ci95_low, ci95_high, drops, remark``; rows of variant "all"
        follow where there are variants.
        """
        return summarise(self.per_drop)

    @cached_property
    def paired(self) -> pd.DataFrame:
        """Computes the difference of every two allocators on the same drops: interval, p-value, remarks.

        Columns as of :func:`mac.metrics.intervals.paired`; the headline metrics are tested, with Holm's correction.
        """
        return paired(self.per_drop, self.headline)

    @cached_property
    def paired_variants(self) -> pd.DataFrame:
        """Computes the difference of the first variant to every other one on the same drops, by allocator.

        Columns as of :func:`mac.metrics.intervals.paired_variants`; without rows unless there are two variants.
        """
        return paired_variants(self.per_drop, self.headline)

    @cached_property
    def drifts(self) -> Drifts:
        """Finds allocators and variants whose backlog grows, so that delay and loss depend on the run's length."""
        return find_drifts(
            {run_key: (self.read(shard.path) for shard in shards) for run_key, shards in self.shards.items()}
        )

    def compare(self, metric: str, a: str, b: str, variant: str | None = None) -> pd.Series[Any]:
        """Finds the paired difference ``a - b`` in a metric: mean_difference, ci95_low, ci95_high, drops, p, p_holm.

        Args:
            metric: for example "satisfaction" or "satisfaction/embb".
            a: label of an allocator.
            b: label of another one.
            variant: name of a variant; left out, "all" where there are variants.

        Raises:
            ScenarioError: a name that this run does not have.
        """
        self._require_variant(variant)
        for label in (a, b):
            _require(label, self.allocators, "allocator")
        _require(metric, set(self.paired["metric"]), "metric")
        rows = self.paired[(self.paired["metric"] == metric) & _is(self.paired["variant"], self._shown(variant))]
        same, swapped = rows[(rows["a"] == a) & (rows["b"] == b)], rows[(rows["a"] == b) & (rows["b"] == a)]
        if len(same) + len(swapped) == 0:
            where = f" on variant '{variant}'" if variant else ""
            raise ScenarioError(f"'{metric}' was not measured for both '{a}' and '{b}'{where}")
        if len(same):
            return same.iloc[0]
        row = swapped.iloc[0].copy()
        row["a"], row["b"], row["mean_difference"] = a, b, 0.0 - row["mean_difference"]
        row["ci95_low"], row["ci95_high"] = 0.0 - row["ci95_high"], 0.0 - row["ci95_low"]
        return row

    @property
    def repairs(self) -> dict[str, int]:
        """Counts the repaired breaches of each allocator over all drops; empty unless the scenario asks for repairs."""
        rows = self.per_drop[self.per_drop["metric"] == "repairs"]
        return {str(label): int(count) for label, count in rows.groupby("allocator", sort=False)["value"].sum().items()}

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Adds up over all drops what allocators counted of their decisions: label -> name -> count."""
        rows = self.per_drop[self.per_drop["metric"].str.startswith("counts/")]
        sums = rows.groupby(["allocator", "metric"], sort=False)["value"].sum().reset_index()
        found: dict[str, dict[str, int]] = {}
        for row in sums.to_dict("records"):
            found.setdefault(str(row["allocator"]), {})[row["metric"].removeprefix("counts/")] = int(row["value"])
        return found

    @property
    def headline(self) -> list[str]:
        """Lists the metrics to show first, if they apply: the scenario's, its family's, then the general ones."""
        there = set(self.metrics["metric"])
        return [
            name
            for name in dict.fromkeys((*self.settings.headline, *self.family.headline, *_HEADLINE))
            if name in there
        ]

    def table(self, variant: str | None = None) -> pd.DataFrame:
        """Makes a table of allocators by headline metrics, each ``mean ± half the interval``, ``*``: see remarks.

        Raises:
            ScenarioError: there is no such variant.
        """
        self._require_variant(variant)
        rows = self.metrics[_is(self.metrics["variant"], self._shown(variant))]
        columns = {_heading(metric): _column(rows[rows["metric"] == metric]) for metric in self.headline}
        return pd.DataFrame(columns, index=pd.Index(self.allocators, name="allocator"))

    def to_xarray(self, allocator: str | None = None, variant: str | None = None) -> Any:
        """Reads the labelled arrays of the run.

        Args:
            allocator: its Dataset; left out, one Dataset with the further dimension ``allocator``.
            variant: of this variant; left out where there are several, a DataTree by variant.

        Raises:
            ScenarioError: there is no such allocator or variant, or none of its drops is there.
        """
        if variant is None and self.settings.variants:
            return xr.DataTree.from_dict({str(name): self.to_xarray(allocator, name) for name in self.variants})
        self._require_variant(variant, [])
        if allocator is not None:
            return self._windows(allocator, variant)
        parts = [self._windows(label, variant) for label in self.allocators]
        return xr.concat(parts, pd.Index(self.allocators, name="allocator"), combine_attrs="drop_conflicts")

    def plot(self, name: str, variant: str | None = None, **options: Any) -> Figure:
        """Draws a plot of this run as a matplotlib figure, which a notebook shows by itself.

        Elsewhere: ``result.plot("rate_cdf").savefig("rates.png")``.

        Args:
            name: of the plot's file: "rate_cdf", or one of the family's own.
            variant: the variant to show; the plot's own choice if not given.
            options: further arguments of the function that draws it.

        Raises:
            ScenarioError: there is no such plot or variant, or this run has not the data for it.
        """
        from ..plots.figures import plots_of

        self._require_variant(variant, [])
        if name not in (known := plots_of(self)):
            raise ScenarioError(f"this run has not the data for a plot '{name}'{did_you_mean(name, known)}")
        return known[name].draw(self, variant, **options)

    def plot_rate_cdf(self, variant: str | None = None) -> Figure:
        """Draws the distribution of the users' mean rates."""
        return self.plot("rate_cdf", variant)

    def plot_satisfaction(self, variant: str | None = None) -> Figure:
        """Draws the satisfaction of every user, and means with intervals."""
        return self.plot("satisfaction", variant)

    def plot_fairness_throughput(self, variant: str | None = None) -> Figure:
        """Draws Jain's index against the mean."""
        return self.plot("fairness_throughput", variant)

    def plot_variants(self, metric: str | None = None) -> Figure:
        """Draws a metric in every variant."""
        from ..plots.figures import plot_variants

        if metric is not None:
            _require(metric, set(self.metrics["metric"]), "metric")
        return plot_variants(self, metric)

    def account(self) -> list[tuple[str, str]]:
        """Returns what the results are counted with, as (what, how much), where the family has such an account."""
        return account_of(self.settings)

    def notes(self) -> list[tuple[str, str]]:
        """Returns the precision that was asked for, and the family's remarks on this run, as (what, sentence)."""
        until = precision_sentences(self.meta["until"]) if "until" in self.meta else []
        return [("asked for", text) for text in until] + (self.family.notes(self) if self.family.notes else [])

    def to_json(self) -> dict[str, Any]:
        """Returns the run as plain values: folder, scenario, metrics, differences, times; NaN becomes None.

        One that is not complete says so too.
        """
        return {
            "run_dir": self.place,
            "scenario": self.settings.name,
            **tables_as_json(self),
            "notes": [*interval_sentences(self, self._shown(None)), *count_sentences(self)],
            "time": [asdict(one) for one in decision_times(self)],
            "not_stationary": drift_records(self.drifts),
            **({"until": self.meta["until"]} if "until" in self.meta else {}),
            **({} if self.complete else {"complete": False}),
        }

    def __repr__(self) -> str:
        settings, kinds = self.settings, len(self.settings.variants)
        size = f"{len(self.allocators)} allocators x {settings.drops} drops of {settings.duration_s:g} s"
        named = f"Result of '{settings.name}'{f', {kinds} variants' if kinds else ''}: {size}, in {self.run_dir}"
        if not any(self.shards.values()):
            return f"{named} (nothing finished yet)"
        return f"{named}{'' if self.complete else ' (unfinished)'}\n{self.table().to_string()}"

    def _repr_html_(self) -> str:
        head, _, _ = repr(self).partition("\n")
        return f"<p>{escape(head)}</p>{self.table().to_html() if any(self.shards.values()) else ''}"

    def _require_variant(self, variant: str | None, also: Sequence[str] = (ALL,)) -> None:
        """Refuses a variant that this run does not have."""
        names = [str(name) for name in self.settings.variants]
        if variant is not None:
            _require(variant, [*names, *also] if names else [], "variant")

    def _shown(self, variant: str | None) -> str | None:
        return variant or (ALL if self.settings.variants else None)

    def _windows(self, allocator: str, variant: str | None) -> xr.Dataset:
        _require(allocator, self.allocators, "allocator")
        shards = self.shards[RunKey(variant, allocator)]
        if not shards:
            raise ScenarioError(explain_no_shards(self.run_dir, self.settings, f" of '{allocator}'"))
        return join([self.read(shard.path) for shard in shards])

    def _cell_metrics(self, run_key: RunKey) -> pd.DataFrame:
        table = pd.concat([self._drop_table(shard.path) for shard in self.shards[run_key]], ignore_index=True)
        first = {metric: i for i, metric in enumerate(dict.fromkeys(table["metric"]))}
        order = np.lexsort((table["drop"].to_numpy(), table["metric"].map(first).to_numpy()))
        return table.iloc[order].assign(variant=run_key.variant, allocator=run_key.allocator)

    def _drop_table(self, path: Path) -> pd.DataFrame:
        known = self.drop_metrics.get(path)
        if known is not None and known.is_of_all:
            return known.table
        return drop_table(self.read(path), plugged_metrics(self.settings))


def plus_minus(row: Mapping[Any, Any]) -> str:
    """Writes ``0.812 ± 0.015`` from a row's mean and interval; only the mean where there is no interval.

    ``0.912 [0.85, 0.94]`` where the mean is not in the middle, and a ``*`` where the interval does not hold.
    """
    mean, low, high = row["mean"], row["ci95_low"], row["ci95_high"]
    if not np.isfinite(mean):
        return "-"
    digits = min(4, max(0, 2 - int(np.floor(np.log10(abs(mean)))))) if mean else 3
    text, mark = f"{mean:.{digits}f}", "*" if row["remark"] else ""
    if not np.isfinite(high - low):
        return text + mark
    if is_lopsided(mean, low, high):
        return f"{text} [{low:.{digits}f}, {high:.{digits}f}]{mark}"
    return f"{text} ± {(high - low) / 2:.{digits}f}{mark}"


def is_lopsided(mean: float, low: float, high: float) -> bool:
    """Checks whether an interval needs both of its ends to be told: one is a tenth farther from the mean than half."""
    return abs((high - mean) - (mean - low)) > 0.1 * (high - low)


def _meta(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScenarioError(f"{path} is damaged ({error}); delete it, and --resume writes it anew") from None
    if not isinstance(found, dict):
        raise ScenarioError(f"{path} is damaged (no mapping in it); delete it, and --resume writes it anew")
    return found


def _require(name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        raise ScenarioError(f"unknown {what} '{name}'{did_you_mean(name, known) or '; this run has none'}")


def _is(column: pd.Series[Any], variant: str | None) -> pd.Series[bool]:
    return column.isna() if variant is None else column == variant


def _heading(metric: str) -> str:
    unit = metric_named(metric).unit
    return metric if unit == "1" else f"{metric} [{unit}]"


def _column(rows: pd.DataFrame) -> dict[str, str]:
    return {str(row["allocator"]): plus_minus(row) for row in rows.to_dict("records")}
