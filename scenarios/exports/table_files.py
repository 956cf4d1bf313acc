"""Writes the tables of a run into a folder of Parquet, CSV or NumPy files, whole or not at all."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from ..errors import ScenarioError, did_you_mean, shown
from .run_tables import Column, Part, run_tables

if TYPE_CHECKING:
    from ..results.result import Result

COLUMNS = "columns"
"""Name of the table that describes the columns of all others."""


class TableFile(Protocol):
    """Defines a file of a table, which is written part by part."""

    def add(self, frame: pd.DataFrame) -> None:
        """Appends rows."""

    def close(self) -> None:
        """Ends the file."""


def export_run(result: Result, out: str | Path, form: str = "parquet") -> list[Path]:
    """Writes the tables of a run, a file each, and ``columns``, which has the unit and meaning of every column.

    Args:
        result: the run.
        out: a folder that is new or empty.
        form: parquet (needs the extra ``parquet``), csv or npz.

    Returns:
        The files, ``metrics`` first.

    Raises:
        ScenarioError: another format, a folder that holds something, no pyarrow, or no shard is whole.
    """
    folder = Path(out)
    make = _maker(form)
    _require_free(folder)
    partial = folder.absolute().parent / f".{os.getpid()}-{folder.name}.tmp"
    try:
        partial.mkdir(parents=True)
        names = _write(result, partial, form, make)
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    except OSError as error:
        raise ScenarioError(f"cannot write {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [folder / name for name in names]


def arrow() -> Any:
    """Imports pyarrow.

    Raises:
        ScenarioError: it is not installed.
    """
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ModuleNotFoundError:
        raise ScenarioError("Parquet needs pyarrow: pip install 'fairwave[parquet]', or take csv or npz") from None


def _write(result: Result, folder: Path, form: str, make: _Maker) -> list[str]:
    files: dict[str, TableFile] = {}
    described: dict[str, tuple[Column, ...]] = {}
    try:
        for part in run_tables(result):
            if part.table not in files:
                described[part.table] = part.columns
                files[part.table] = make(folder / f"{part.table}.{form}", part)
            files[part.table].add(part.frame)
        files[COLUMNS] = make(folder / f"{COLUMNS}.{form}", about := _described(described))
        files[COLUMNS].add(about.frame)
    finally:
        for file in files.values():
            file.close()
    return [f"{name}.{form}" for name in files]


def _described(tables: Mapping[str, tuple[Column, ...]]) -> Part:
    rows = [(table, one.name, one.unit, one.description) for table, columns in tables.items() for one in columns]
    names = ("table", "column", "unit", "description")
    return Part(COLUMNS, pd.DataFrame(rows, columns=list(names)), tuple(Column(name, "", "") for name in names))


def _require_free(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        what = "a file" if folder.is_file() else "not empty"
        raise ScenarioError(f"--out {folder} is {what}; name a folder that is new or empty")


class _Parquet:
    """Writes rows as row groups; each column carries its unit and description."""

    def __init__(self, path: Path, part: Part) -> None:
        self._arrow = arrow()
        schema = self._arrow.Schema.from_pandas(part.frame, preserve_index=False).remove_metadata()
        for place, column in enumerate(part.columns):
            about = {"unit": column.unit, "description": column.description}
            schema = schema.set(place, schema.field(place).with_metadata(about))
        self._schema, self._writer = schema, self._arrow.parquet.ParquetWriter(path, schema)

    def add(self, frame: pd.DataFrame) -> None:
        self._writer.write_table(self._arrow.Table.from_pandas(frame, self._schema, preserve_index=False))

    def close(self) -> None:
        self._writer.close()


class _Csv:
    """Appends rows to a text file."""

    def __init__(self, path: Path, part: Part) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        part.frame.head(0).to_csv(self._file, index=False)

    def add(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self._file, index=False, header=False)

    def close(self) -> None:
        self._file.close()


class _Npz:
    """Collects columns, and writes an array of each."""

    def __init__(self, path: Path, part: Part) -> None:
        self._path, self._frames = path, [part.frame.head(0)]

    def add(self, frame: pd.DataFrame) -> None:
        self._frames.append(frame)

    def close(self) -> None:
        whole = pd.concat(self._frames, ignore_index=True)
        np.savez_compressed(self._path, **{str(name): _plain(whole[name]) for name in whole.columns})


def _plain(column: pd.Series[Any]) -> Any:
    """Returns numbers as they are, and texts as an array that needs no pickle."""
    return column.to_numpy() if column.dtype.kind in "biuf" else column.astype(str).to_numpy(dtype=np.str_)


_Maker = Callable[[Path, Part], TableFile]
_MAKERS: Mapping[str, _Maker] = {"parquet": _Parquet, "csv": _Csv, "npz": _Npz}
FORMATS = tuple(_MAKERS)


def _maker(form: str) -> _Maker:
    if form not in _MAKERS:
        raise ScenarioError(f"--format is {shown(form)}{did_you_mean(form, _MAKERS)}")
    if form == "parquet":
        arrow()
    return _MAKERS[form]
