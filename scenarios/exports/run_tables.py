"""Makes flat tables of a run: metrics of each drop, and arrays of each shard, a table for each set of dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import xarray as xr

    from ..results.result import Result

METRICS = "metrics"
_KEYS = {"variant": "variant of the scenario; empty without variants", "allocator": "label of the allocator"}
_DROP = "number of the drop"
_TIME = "time_s"
_UNITS = {"hz": "Hz", "m": "m", "s": "s", "w": "W", "j": "J", "bit": "bit", "bits": "bit", "bps": "bit/s", "db": "dB",
          "dbm": "dBm", "rad": "rad", "mps": "m/s"}  # fmt: skip
"""Units by the suffix of a name."""


@dataclass(frozen=True)
class Column:
    """Describes a column of a table."""

    name: str
    unit: str
    description: str


@dataclass(frozen=True)
class Part:
    """Holds rows of one of the tables of a run."""

    table: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]


def run_tables(result: Result) -> Iterator[Part]:
    """Yields the tables of a run, shard by shard.

    ``metrics`` has a row per variant, allocator, drop and metric. ``per_window_user`` has a row per variant, allocator,
    drop, window and user with all arrays of these dimensions; ``per_user``, ``per_window``, ``per_window_cell`` and so
    on likewise, as the arrays of the run have dimensions.

    Raises:
        ScenarioError: no shard is whole.
    """
    yield _metrics(result)
    for run_key in result.run_keys:
        for shard in result.shards[run_key]:
            labels = {"variant": run_key.variant or "", "allocator": run_key.allocator}
            yield from _tables(result.read(shard.path), labels)


def _metrics(result: Result) -> Part:
    frame = result.per_drop.assign(variant=result.per_drop["variant"].fillna(""))
    texts = {**_KEYS, "drop": _DROP, "metric": "name", "unit": "of the value", "value": "of the metric in this drop"}
    return Part(METRICS, frame, tuple(Column(name, "", texts[name]) for name in frame.columns))


def _tables(dataset: xr.Dataset, labels: Mapping[str, str]) -> Iterator[Part]:
    """Makes a table of all arrays that have the same dimensions beside the drop, coordinates included."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, array in dataset.variables.items():
        if array.dims and name not in dataset.dims:
            dims = tuple(str(dim) for dim in array.dims if dim != "drop")
            groups.setdefault(dims, []).append(str(name))
    for dims, names in groups.items():
        yield _table(dataset, dims, names, labels)


def _table(dataset: xr.Dataset, dims: tuple[str, ...], names: list[str], labels: Mapping[str, str]) -> Part:
    """Makes a table with the given arrays, and the time and the texts that stand for a window, a user and so on."""
    beside = [str(name) for name, array in dataset.coords.items() if _stands_for(str(name), array, dims, names)]
    own = dataset.reset_coords()[[*beside, *names]]
    if "drop" not in own.dims:
        own = own.expand_dims(drop=dataset["drop"].to_numpy())
    frame = own.to_dataframe(dim_order=["drop", *dims]).reset_index().assign(**labels)
    frame = frame[[*labels, "drop", *dims, *beside, *names]]
    columns = [Column(str(name), *_text(str(name), dataset)) for name in frame.columns]
    return Part("_".join(("per", *(dims or ("drop",)))), frame, tuple(columns))


def _stands_for(name: str, array: xr.DataArray, dims: tuple[str, ...], names: list[str]) -> bool:
    """Checks whether a coordinate says what a value of one of some dimensions is: a time, or a text."""
    told = array.dtype.kind in "UO" or name == _TIME
    return told and array.ndim == 1 and array.dims[0] in dims and name not in (*dims, *names)


def _text(name: str, dataset: xr.Dataset) -> tuple[str, str]:
    """Returns unit and description of a column; units of coordinates stand in their names."""
    if name in _KEYS:
        return "", _KEYS[name]
    attributes = dataset[name].attrs if name in dataset.variables else {}
    unit = attributes.get("units", _UNITS.get(name.rpartition("_")[2], "") if "_" in name else "")
    return str(unit), str(attributes.get("description", _DROP if name == "drop" else ""))
