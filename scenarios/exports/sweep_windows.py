"""Opens the windows of all points of a sweep as one Dataset, in memory or read when they are needed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from ..errors import ScenarioError
from ..results.dataset import join
from ..results.result import Result
from ..results.shards import RunKey, open_shard, read_shard

_OUTER = ("point", "variant", "allocator")
"""Dimensions along which each shard is a chunk of its own."""

Read = Callable[[Path], xr.Dataset]


def reader(chunks: Any) -> Read:
    """Returns what reads a shard: whole, or as dask arrays.

    Raises:
        ScenarioError: chunks are asked for, and dask is not installed.
    """
    if chunks is None:
        return lambda path: read_shard(path).drop_encoding()
    if importlib.util.find_spec("dask") is None:
        raise ScenarioError("chunks need the package dask: pip install 'fairwave[dask]'")
    return lambda path: open_shard(path, chunks).drop_encoding()


def run_windows(result: Result, read: Read) -> xr.Dataset:
    """Reads the windows of a run, with the dimension ``variant`` where there are variants, and ``allocator``.

    What a variant or allocator does not have, as the users of a larger one, is NaN.
    """
    return _along(
        "variant",
        {name: _along("allocator", {label: _windows(result, RunKey(name, label), read) for label in result.allocators})
         for name in result.variants},
    )  # fmt: skip


def stacked_points(points: Mapping[int, xr.Dataset], numbers: Sequence[int]) -> xr.Dataset:
    """Stacks the windows of points along a dimension ``point``, NaN where a number has none."""
    return _joined("point", list(points.values()), list(points)).reindex(point=list(numbers))


def unfolded(dataset: xr.Dataset, values: Mapping[str, Sequence[Any]], settings: Mapping[str, Any]) -> xr.Dataset:
    """Replaces the dimension ``point`` by one for each key of a grid.

    Args:
        dataset: of all points.
        values: of each key, in the order in which they are to stand.
        settings: value of each key at each point.

    Raises:
        ScenarioError: a key is named like a dimension or array of the windows.
    """
    if both := sorted(set(values) & {*map(str, dataset.variables), *map(str, dataset.dims)}):
        raise ScenarioError(
            f"the windows of this sweep have an array '{both[0]}' as well as the key; read them by result(...)"
        )
    index = pd.MultiIndex.from_arrays(list(settings.values()), names=list(settings))
    coords = xr.Coordinates.from_pandas_multiindex(index, "point")
    wide = dataset.drop_vars("point").assign_coords(coords).unstack("point").reindex(dict(values))
    return wide.transpose(*values, ...)


def evenly_chunked(dataset: xr.Dataset, chunks: Any) -> xr.Dataset:
    """Makes chunks of one size of those of shards and of what fills them up, as zarr needs them.

    Along ``drop`` they are as long as the longest shard, along what a shard has as a whole undivided, unless ``chunks``
    says otherwise.
    """
    if not isinstance(chunks, Mapping):
        return dataset.chunk(chunks)
    longest = max(max(array.chunksizes.get("drop", (1,))) for array in dataset.data_vars.values())
    inner = {str(dim): -1 for dim in dataset.dims if str(dim) not in _OUTER}
    return dataset.chunk({**{dim: size for dim, size in {**inner, "drop": longest}.items() if dim in dataset.dims},
                          **{dim: size for dim, size in chunks.items() if dim in dataset.dims}})  # fmt: skip


def _windows(result: Result, run_key: RunKey, read: Read) -> xr.Dataset:
    return join([read(shard.path) for shard in result.shards[run_key]])


def _along(name: str, parts: Mapping[str | None, xr.Dataset] | Mapping[str, xr.Dataset]) -> xr.Dataset:
    if list(parts) == [None]:
        return next(iter(parts.values()))
    return _joined(name, list(parts.values()), [str(key) for key in parts])


def _joined(name: str, parts: Sequence[xr.Dataset], labels: Sequence[Any]) -> xr.Dataset:
    """Joins along a new dimension; labels of users that differ get it, too."""
    return xr.concat(
        parts,
        pd.Index(labels, name=name),
        data_vars="all",
        coords="different",
        compat="equals",
        join="outer",
        combine_attrs="drop_conflicts",
    )
