"""Reads numbers of the command line and of CSV files without a header."""

from __future__ import annotations

from pathlib import Path

from phy.csv_file import read_text

from ..errors import ScenarioError, shown


def numbers(text: str, option: str) -> list[float]:
    """Reads numbers that are separated by commas.

    Args:
        text: what was given.
        option: which errors name.

    Raises:
        ScenarioError: an entry is no number.
    """
    return [_number(entry, f"{option}, entry {place}") for place, entry in enumerate(text.split(","), 1)]


def read_numbers(path: Path, missing: float | None = None) -> list[list[float]]:
    """Reads a table of numbers, with commas between them.

    Args:
        path: the file.
        missing: what an empty entry stands for; None: there must be none.

    Raises:
        TableError: the file cannot be read.
        ScenarioError: it is empty, an entry is no number, or rows have unequal lengths.
    """
    text = read_text(path)
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ScenarioError(f"{path}: the file is empty; give rows of numbers with commas between them")
    rows = []
    for place, line in lines:
        entries = line.split(",")
        where = [f"{path}, line {place}, column {column}" for column in range(1, len(entries) + 1)]
        rows.append(
            [
                missing if missing is not None and not entry.strip() else _number(entry, at)
                for entry, at in zip(entries, where, strict=True)
            ]
        )
        if len(rows[-1]) != len(rows[0]):
            raise ScenarioError(f"{path}, line {place}: {len(rows[-1])} numbers where the first row has {len(rows[0])}")
    return rows


def _number(entry: str, where: str) -> float:
    try:
        return float(entry)
    except ValueError:
        raise ScenarioError(f"{where}: {shown(entry.strip())} is no number") from None
