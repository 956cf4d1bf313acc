"""Reads tables of text (CSV with commas, semicolons or tabs) and names the file and the line of each error."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class TableError(ValueError):
    """Reports a file that cannot be used: which file, where possible which line, and what to do."""


SEPARATORS = ",;\t"
"""Between the columns; the one under which most of the columns wanted are found."""


@dataclass(frozen=True)
class FileFormat:
    """Holds the columns that a file should have."""

    kind: str  # for error messages, for example "a packet trace"
    required: Sequence[str]  # columns that it must have; others may follow
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)  # other tools' names of columns
    without_header: Sequence[str] = ()  # columns of a file whose first line begins with a number

    def names(self, header: Sequence[str]) -> list[str]:
        """Replaces other tools' names in a header by ours, where ours is missing; of several the first known."""
        names = [name.strip() for name in header]
        for ours, others in self.aliases.items():
            theirs = next((other for other in others if other in names), None)
            if ours not in names and theirs is not None:
                names[names.index(theirs)] = ours
        return names


@dataclass(frozen=True, eq=False)
class TextTable:
    """Holds the named columns of a file as text."""

    path: Path
    line: tuple[int, ...]  # line of the file on which each row ends, counted from 1
    columns: dict[str, tuple[str, ...]]
    failure: type[TableError]
    unit: str = "line"  # what is counted by ``line``

    def error(self, row: int, message: str) -> TableError:
        """Builds an error in one row (counted from 0)."""
        return self.failure(f"{self.path}, {self.unit} {self.line[row]}: {message}")

    def select_rows(self, rows: Sequence[int]) -> TextTable:
        """Selects some of the rows."""
        columns = {name: tuple(column[row] for row in rows) for name, column in self.columns.items()}
        return replace(self, line=tuple(self.line[row] for row in rows), columns=columns)

    def numbers(self, column: str, low: float = -math.inf, high: float = math.inf, hint: str = "") -> Floats:
        """Converts a column to float64 ``[n]``.

        Raises:
            TableError: an entry is no number, is not finite or lies outside ``low .. high``.
        """
        text = self.columns[column]
        try:
            if any("_" in entry for entry in text):  # a number to Python alone
                raise ValueError
            values = np.array(text, dtype=np.float64)
        except ValueError:
            row = next(i for i, entry in enumerate(text) if not _is_number(entry))
            raise self.error(row, f"{column} is '{text[row][:40]}', which is not a number.") from None
        self._require(column, np.isfinite(values), "must be a finite number.")
        allowed = f"must be at least {low:g}." if math.isinf(high) else f"must be from {low:g} to {high:g}."
        self._require(column, (values >= low) & (values <= high), f"{allowed} {hint}".rstrip())
        return values

    def _require(self, column: str, good: NDArray[np.bool_], rule: str) -> None:
        if not good.all():
            row = int(np.argmin(good))
            raise self.error(row, f"{column} is {self.columns[column][row][:40]}, {rule}")


def read_table(path: Path, form: FileFormat, failure: type[TableError] = TableError) -> TextTable:
    """Reads a CSV file, plain or gzipped, UTF-8; empty lines and columns without a name are skipped.

    Args:
        path: the file.
        form: what it should hold.
        failure: what is raised.

    Raises:
        TableError: the file is missing, unreadable, empty, binary, cut off or of another format.
    """
    text = read_text(path, failure)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = _separator(first, form)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise failure(f"{path}, line {reader.line_num}: not a CSV file ({error}).") from None
    if not rows:
        raise failure(f"{path}: the file is empty; {form.kind} is expected.")
    names = form.names(rows[0][1])
    if len(names) == len(form.without_header) and _is_number(names[0]):
        names = list(form.without_header)
    else:
        _check_header(path, names, form, failure)
        del rows[0]
    _check_rows(path, names, rows, form, failure)
    if not text.endswith(("\n", "\r")):  # 1400 cut off after the 1 is a number too
        raise failure(
            f"{path}, line {rows[-1][0]}: the line does not end, so it may be cut off; if it is whole, end it with a "
            "line break."
        )
    values = zip(*(row for _, row in rows), strict=True)
    columns = {name: column for name, column in zip(names, values, strict=True) if name}
    return TextTable(path, tuple(line for line, _ in rows), columns, failure)


def _separator(header: str, form: FileFormat) -> str:
    """Finds what stands between the columns of a file with this first line."""

    def known(separator: str) -> tuple[int, bool]:
        names = form.names(header.split(separator))
        whole = len(names) == len(form.without_header)
        return sum(name.strip('"') in form.required for name in names), whole

    return max(SEPARATORS, key=known)  # of equals the first: a comma


def _check_rows(
    path: Path, names: Sequence[str], rows: Sequence[tuple[int, list[str]]], form: FileFormat, failure: type[TableError]
) -> None:
    for line, row in rows:
        if len(row) != len(names):
            cut = " The file is cut off there." if line == rows[-1][0] and len(row) < len(names) else ""
            raise failure(f"{path}, line {line}: {len(row)} columns instead of {len(names)}.{cut}")
    if not rows:
        raise failure(f"{path}: nothing follows the header; {form.kind} is expected.")


def _check_header(path: Path, names: Sequence[str], form: FileFormat, failure: type[TableError]) -> None:
    missing = [name for name in form.required if name not in names]
    if missing:
        found = ", ".join(name for name in names if name)[:200]
        raise failure(f"{path}, line 1: not {form.kind}: missing columns: {', '.join(missing)}; found: {found}.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise failure(f"{path}, line 1: these columns appear more than once: {', '.join(twice)}.")


def read_bytes(path: Path, failure: type[TableError] = TableError) -> bytes:
    """Reads a file, plain or gzipped.

    Raises:
        TableError: it is missing, unreadable, damaged, or no file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise failure(f"{path}: this is a pipe or a device, not a file.")
    try:
        data = path.read_bytes() if path.stat().st_size else b""  # those of /proc have no size, and may have no end
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise failure(f"{path}: the gzip file is damaged or cut off ({error}).") from None
    except OSError as error:
        raise failure(f"{path}: cannot be read: {error.strerror or error}.") from None


def read_text(path: Path, failure: type[TableError] = TableError) -> str:
    """Reads a text file, plain or gzipped, in UTF-8.

    Raises:
        TableError: it is missing, unreadable, damaged or binary.
    """
    data = read_bytes(path, failure)
    try:
        bad, text = data.find(b"\0"), data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad, text = error.start, ""
    if bad >= 0:
        line = data.count(b"\n", 0, bad) + 1
        raise failure(f"{path}, line {line}: byte 0x{data[bad]:02x} is not text; a CSV file in UTF-8 is expected.")
    return text


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return "_" not in entry
