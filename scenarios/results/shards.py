"""Writes and reads the shards of a run: one file for one variant, one allocator and a range of drops.

A shard is written under a temporary name, flushed to the disk and renamed, so what is there is whole; a digest of its
arrays says later that it still is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ScenarioError
from ..files import write_atomically

if TYPE_CHECKING:
    import xarray as xr

_NAME = re.compile(r"drops-(\d+)-(\d+)\.nc")
NO_VARIANT = "_"

Reader = Callable[[Path], "xr.Dataset"]


@dataclass(frozen=True)
class RunKey:
    """Names one allocator on one variant."""

    variant: str | None
    allocator: str

    def folder(self, run: Path) -> Path:
        """Returns the folder of its shards."""
        return run / "shards" / (self.variant or NO_VARIANT) / self.allocator


@dataclass(frozen=True)
class Shard:
    """Names a whole shard on disk."""

    path: Path
    drops: tuple[int, ...]


def write_shard(run: Path, run_key: RunKey, dataset: xr.Dataset) -> Path:
    """Writes the windows of some consecutive drops of one allocator and variant.

    Args:
        run: the run's folder.
        run_key: variant and allocator of these windows.
        dataset: with the coordinate ``drop``.

    Raises:
        ScenarioError: the folder cannot be written or is full; no part of the shard is left there.
    """
    drops = dataset["drop"].to_numpy()
    path = run_key.folder(run) / f"drops-{drops[0]:05d}-{drops[-1]:05d}.nc"
    stamped = dataset.assign_attrs(digest=digest(dataset))
    compressed = {"zlib": True, "complevel": 1}
    encoding = {str(name): compressed for name, array in dataset.data_vars.items() if array.ndim}
    write_atomically(path, bytes(stamped.to_netcdf(engine="netcdf4", encoding=encoding)))
    return path


def read_shard(path: Path) -> xr.Dataset:
    """Reads the windows in a shard.

    Raises:
        ScenarioError: the file is not a whole shard: cut short, altered, or of another format.
    """
    import xarray as xr

    if not path.is_file():  # a pipe would be waited for
        raise ScenarioError(f"{path} is not a whole shard: it is no file")
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as opened:
            dataset: xr.Dataset = opened.load()
    except Exception as error:  # a damaged file can fail in any way inside HDF5
        raise ScenarioError(f"{path} is not a whole shard ({type(error).__name__}: {error})") from None
    stamp = dataset.attrs.pop("digest", None)
    if stamp != digest(dataset):
        raise ScenarioError(f"{path} is not a whole shard: its contents do not match their digest")
    return dataset


def open_shard(path: Path, chunks: Any) -> xr.Dataset:
    """Opens the windows in a shard as dask arrays, which are read when they are needed; no digest is checked then.

    Args:
        path: of a whole shard.
        chunks: as of :func:`xarray.open_dataset`.
    """
    import xarray as xr

    dataset = xr.open_dataset(path, engine="netcdf4", decode_times=False, chunks=chunks)
    dataset.attrs.pop("digest", None)
    return dataset


def attributes_of(path: Path) -> dict[str, Any] | None:
    """Reads the attributes of a shard, without its arrays; None where the file cannot be opened."""
    import xarray as xr

    if not path.is_file():
        return None
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as opened:
            return {str(name): value for name, value in opened.attrs.items()}
    except Exception:  # as in read_shard
        return None


def whole_shards(run: Path, run_key: RunKey, hashes: Collection[str], read: Reader | None = None) -> list[Shard]:
    """Finds the shards of an allocator and variant that can be trusted, by first drop, each drop in one of them only.

    Args:
        run: the run's folder.
        run_key: variant and allocator of the shards.
        hashes: :func:`drop_hash` of the scenario that they must be of, and ``scenario_hash``, which older ones have.
        read: what reads them instead of :func:`read_shard`.
    """
    found: list[Shard] = []
    seen: set[int] = set()
    for path in sorted(run_key.folder(run).glob("drops-*.nc")):
        drops = drops_of(path.name)
        if not drops:
            continue
        if seen.isdisjoint(drops) and _is_whole(path, run_key, drops, hashes, read or read_shard):
            found.append(Shard(path, tuple(drops)))
            seen.update(drops)
    return found


def drops_of(name: str) -> range:
    """Returns the drops that the name of a shard's file tells; none where it is no such name."""
    named = _NAME.fullmatch(name)
    return range(int(named[1]), int(named[2]) + 1) if named else range(0)


def is_of(attributes: Mapping[str, Any], hashes: Collection[str]) -> bool:
    """Checks whether a shard with these attributes is of a scenario, as for :func:`whole_shards`."""
    return any(attributes.get(name) in hashes for name in ("drop_hash", "scenario_hash"))


def batches(drops: Iterable[int], size: int) -> Iterator[tuple[int, ...]]:
    """Cuts drops into batches of consecutive ones, at most ``size`` each."""
    batch: list[int] = []
    for drop in sorted(drops):
        if batch and (len(batch) == size or drop != batch[-1] + 1):
            yield tuple(batch)
            batch = []
        batch.append(drop)
    if batch:
        yield tuple(batch)


def digest(dataset: xr.Dataset) -> str:
    """Computes the SHA-256 of the names, shapes and bits of all arrays, and of the attributes."""
    total = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        values = np.asarray(dataset[name].to_numpy())
        total.update(f"{name} {dataset[name].dims} {values.shape}".encode())
        total.update(_bits(values))
    total.update(repr(sorted((str(k), _plain(v)) for k, v in dataset.attrs.items() if k != "digest")).encode())
    return total.hexdigest()


def _is_whole(path: Path, run_key: RunKey, drops: range, hashes: Collection[str], read: Reader) -> bool:
    """Returns whether a file is the whole shard that its place says: of this allocator, these drops, this scenario."""
    try:
        dataset = read(path)
    except ScenarioError:
        return False
    says = {name: dataset.attrs.get(name) for name in ("variant", "allocator")}
    expected = {"variant": run_key.variant or "", "allocator": run_key.allocator}
    return says == expected and is_of(dataset.attrs, hashes) and dataset["drop"].to_numpy().tolist() == list(drops)


def _bits(values: np.ndarray[Any, Any]) -> bytes:
    if values.dtype.kind not in "biufc":  # text, which has another type after a file than before
        return "\x1f".join(map(str, values.ravel().tolist())).encode()
    return bytes(values.dtype.str.encode() + np.ascontiguousarray(values).tobytes())


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
