"""Reads a sweep from its folder: points, metrics of every drop, means with intervals, labelled arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from mac.metrics.intervals import ALL, with_all
from mac.metrics.registry import metric_named

from .. import families
from ..errors import ScenarioError, did_you_mean
from ..exports.sweep_windows import evenly_chunked, reader, run_windows, stacked_points, unfolded
from ..files import write_atomically
from ..results.precision import precision_sentences
from ..results.result import DROP_COLUMNS, Result
from ..results.store import store_to_read
from .points import value_text
from .sweep_folder import METRICS, TABLE, StoredPoint, points_in, read_record

POINT = "point"


class SweepResult:
    """Reads a sweep, finished or not; points that are not complete are left out of metrics.

    Attributes:
        folder: that everything is read from.
        place: the folder, or the URL that it is a copy of.
        keys: dotted keys that vary.
        values: of each key, in the order in which they were given.
        how: these combine to points: ``grid``, ``zip`` or ``list``.
        failed: label of a point -> why its run failed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.store = store_to_read(folder)
        self.folder = Path(folder) if self.store is None else self.store.folder
        self.place = str(folder) if self.store is None else self.store.url
        self.record = read_record(self.folder)
        self.name: str = self.record["name"]
        self.how: str = self.record["how"]
        self.values: Mapping[str, Sequence[Any]] = self.record["values"]
        self.keys = list(self.values)
        self.failed: dict[str, str] = self.record.get("failed", {})
        self.stored = points_in(self.folder, self.record)
        families.find(self.record["family"])  # makes its metrics known

    @cached_property
    def done(self) -> list[StoredPoint]:
        """Lists the points whose run is complete."""
        return [one for one in self.stored if one.is_done]

    @property
    def complete(self) -> bool:
        """Checks whether every point has run."""
        return len(self.done) == len(self.stored)

    @property
    def not_reached(self) -> dict[str, list[str]]:
        """Lists points whose runs did not reach what ``--until`` asked for: label -> a sentence for each goal."""
        found = {}
        for one in self.done:
            until = one.meta.get("until") or {"goals": []}
            if missed := [goal for goal in until["goals"] if not goal["met"]]:
                found[one.point.label] = precision_sentences({**until, "goals": missed})
        return found

    @property
    def points(self) -> pd.DataFrame:
        """Lists a row per point: number, folder of its run, state (done, failed, missing), why it failed, keys."""
        done = {one.point.number for one in self.done}
        rows = [
            {
                POINT: one.point.number,
                "folder": str(one.folder.relative_to(self.folder)),
                "state": _state(one.point.number in done, one.point.label in self.failed),
                "message": "" if one.point.number in done else self.failed.get(one.point.label, ""),
                **{key: _plain(value) for key, value in one.point.settings.items()},
            }
            for one in self.stored
        ]
        return pd.DataFrame(rows, columns=[POINT, "folder", "state", "message", *self.keys])

    def result(self, **settings: Any) -> Result:
        """Reads the run of a point: ``sweep.result(**{"users.embb.count": 5})``.

        Raises:
            ScenarioError: no point has these settings, or several have.
        """
        found = [one for one in self.stored if settings.items() <= dict(one.point.settings).items()]
        if len(found) != 1:
            told = ", ".join(f"{key}={value_text(value)}" for key, value in settings.items())
            raise ScenarioError(f"{len(found)} points of {self.folder} have {told or 'no settings'}; give all of "
                                f"{', '.join(self.keys)}")  # fmt: skip
        if self.store is not None:
            self.store.pull(found[0].folder.relative_to(self.store.folder).as_posix())
        return Result(found[0].folder)

    @cached_property
    def per_drop(self) -> pd.DataFrame:
        """Lists rows ``point, <keys>, variant, allocator, drop, metric, unit, value`` of all points that are done.

        Raises:
            ScenarioError: no point is done.
        """
        return self._joined("metrics.csv", ("value",))

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Lists mean and 95 % interval over drops, as the runs have them: a row per point, variant, allocator, metric.

        Columns ``point, <keys>, variant, allocator, metric, unit, mean, ci95_low, ci95_high, drops, remark``.

        Raises:
            ScenarioError: no point is done.
        """
        table = self._joined("summary.csv", ("mean", "ci95_low", "ci95_high"))
        return table.assign(remark=[text if isinstance(text, str) else "" for text in table["remark"]])

    def metric(self, name: str) -> pd.DataFrame:
        """Lists mean and interval of one metric, a row per point, variant and allocator.

        Raises:
            ScenarioError: the runs do not have it.
        """
        self.require_metric(name)
        return self.metrics[self.metrics["metric"] == name].reset_index(drop=True)

    def require_metric(self, name: str) -> None:
        """Refuses a metric that these runs do not have.

        Raises:
            ScenarioError: naming those that they have.
        """
        known = list(dict.fromkeys(self.metrics["metric"]))
        if name not in known:
            known = [one for one in known if ("/" in one) == ("/" in name)]
            raise ScenarioError(f"the runs of {self.folder} (family {self.record['family']}) have no metric '{name}'"
                                f"{did_you_mean(name, known)}")  # fmt: skip

    @property
    def headline(self) -> list[str]:
        """Lists the metrics to show first, as the first point's run has them."""
        return Result(self.done[0].folder).headline if self.done else []

    @property
    def allocators(self) -> list[str]:
        """Lists the labels of the allocators, in the order of the runs."""
        return list(dict.fromkeys(self.metrics["allocator"]))

    @property
    def variants(self) -> list[str | None]:
        """Names of the variants, the mean over them first; ``[None]`` where the scenario has none."""
        names = [str(name) for name in self.metrics["variant"].dropna().unique()]
        return [ALL, *(name for name in names if name != ALL)] if names else [None]

    def to_xarray(self, windows: bool = False, chunks: Any = None) -> xr.Dataset:
        """Reads the metrics of every drop as one Dataset, a variable per metric; or the windows of all points.

        Dimensions are the keys of a grid (of a zip or a list: ``point``, with the keys as coordinates on it), then
        ``variant`` where there are variants, ``allocator`` and ``drop``; windows have their own behind these. NaN where
        a point is not done, or has fewer drops, users or windows than another one.

        Args:
            windows: the labelled arrays of the runs, as of :meth:`.Result.to_xarray`, in the place of metrics.
            chunks: as of :func:`xarray.open_dataset`, for arrays of dask: windows are read from the files when they are
                needed, a piece of a shard at a time, so they can be larger than memory; ``{}`` is a shard at a time.

        Raises:
            ScenarioError: no point is done, or dask is missing.
        """
        read = reader(chunks)
        if not windows:
            found = self._metrics_of_drops()
            return found if chunks is None else found.chunk(chunks)
        self._require_done()
        parts = {one.point.number: run_windows(self.result(**one.point.settings), read) for one in self.done}
        dataset = stacked_points(parts, [one.point.number for one in self.stored])
        dataset = self._with_keys(dataset if chunks is None else evenly_chunked(dataset, chunks))
        return dataset.assign_attrs(scenario=self.name, family=self.record["family"])

    def _with_keys(self, dataset: xr.Dataset) -> xr.Dataset:
        """Replaces points by the keys of a grid; those of a zip or a list become coordinates on them."""
        settings = {key: [_plain(one.point.settings[key]) for one in self.stored] for key in self.keys}
        if self.how != "grid":
            return dataset.assign_coords({key: (POINT, column) for key, column in settings.items()})
        return unfolded(dataset, {key: [_plain(value) for value in self.values[key]] for key in self.keys}, settings)

    def _metrics_of_drops(self) -> xr.Dataset:
        table = with_all_of_points(self.per_drop).assign(variant=lambda frame: frame["variant"].fillna(""))
        dims = self.keys if self.how == "grid" else [POINT]
        index = [*dims, *(["variant"] if self.variants != [None] else []), "allocator", "drop"]
        wide = table.pivot(index=index, columns="metric", values="value")
        dataset = wide.to_xarray()
        names = {"allocator": self.allocators, "variant": self.variants}
        order: dict[str, Any] = {name: names[name] for name in index if name in names}
        if self.how == "grid":
            order |= {key: [_plain(value) for value in self.values[key]] for key in self.keys}
        else:
            order[POINT] = [one.point.number for one in self.stored]
        dataset = dataset.reindex(order)
        if self.how != "grid":
            columns = {key: (POINT, [_plain(value) for value in self.values[key]]) for key in self.keys}
            dataset = dataset.assign_coords(columns)
        for name, array in dataset.data_vars.items():
            array.attrs.update(units=metric_named(str(name)).unit, description=metric_named(str(name)).description)
        return dataset.assign_attrs(scenario=self.name, family=self.record["family"])

    def _joined(self, name: str, numbers: Sequence[str]) -> pd.DataFrame:
        """Joins a table of the runs of all points that are done."""
        self._require_done()
        tables = [_with_settings(_table_of(one.folder / name, numbers), one, self.keys) for one in self.done]
        return pd.concat(tables, ignore_index=True)

    def _require_done(self) -> None:
        if not self.done:
            raise ScenarioError(f"no point of {self.folder} is done yet; go on with --resume")

    def __repr__(self) -> str:
        varied = ", ".join(f"{key}: {len(set(map(value_text, values)))} values" for key, values in self.values.items())
        state = "" if self.complete else f", {len(self.stored) - len(self.done)} of them not done"
        return f"Sweep of '{self.name}': {len(self.stored)} points ({self.how} of {varied}){state}, in {self.place}"


def write_tables(sweep: SweepResult) -> None:
    """Writes points.csv and metrics.csv into the folder of a sweep.

    Raises:
        ScenarioError: the folder cannot be written or is full.
    """
    write_atomically(sweep.folder / TABLE, sweep.points.to_csv(index=False))
    if sweep.done:
        write_atomically(sweep.folder / METRICS, sweep.metrics.to_csv(index=False))


def with_all_of_points(table: pd.DataFrame) -> pd.DataFrame:
    """Adds rows of the variant ``all`` to each point of :attr:`SweepResult.per_drop`, where there are variants."""
    if table["variant"].isna().all():
        return table
    settings = table.drop(columns=DROP_COLUMNS).drop_duplicates()
    parts = [with_all(part[DROP_COLUMNS]).assign(point=number) for number, part in table.groupby(POINT, sort=False)]
    return pd.concat(parts, ignore_index=True).merge(settings, on=POINT)


def unmoved(sweep: SweepResult) -> list[str]:
    """Finds keys that changed no metric: at every two points that differ in such a key alone all numbers are equal."""
    table = sweep.per_drop
    columns = [column for column in DROP_COLUMNS if column != "unit"]
    found = []
    for key in sweep.keys if sweep.how == "grid" and table[POINT].nunique() > 1 else []:
        if table[key].nunique() < 2:
            continue
        same = [other for other in sweep.keys if other != key] + columns[:-1]
        if (table.groupby(same, sort=False, dropna=False)["value"].nunique(dropna=False) <= 1).all():
            found.append(key)
    return found


def _table_of(path: Path, numbers: Sequence[str]) -> pd.DataFrame:
    """Reads a table as the finished run has written it, each number bit for bit."""
    try:
        exact = {name: lambda text: float(text or "nan") for name in numbers}
        table = pd.read_csv(path, dtype={"variant": object}, converters=exact)
    except (OSError, ValueError) as error:
        remedy = f"delete {path.parent / 'meta.json'}, and --resume writes it anew"
        raise ScenarioError(f"{path} is damaged ({error}); {remedy}") from None
    return table.assign(variant=table["variant"].where(table["variant"].notna(), None))


def _with_settings(table: pd.DataFrame, one: StoredPoint, keys: Sequence[str]) -> pd.DataFrame:
    columns = {key: [_plain(one.point.settings[key])] * len(table) for key in keys}
    return pd.concat([pd.DataFrame({POINT: one.point.number, **columns}, index=table.index), table], axis=1)


def _plain(value: Any) -> Any:
    """Returns a value as a coordinate can hold it: lists and mappings as text."""
    return value_text(value) if isinstance(value, list | dict) or value is None else value


def _state(done: bool, failed: bool) -> str:
    return "done" if done else "failed" if failed else "missing"
