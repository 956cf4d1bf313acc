"""Reads the requests of Google cluster data 2011: the SUBMIT rows of its table ``job_events``.

The columns, without a header, are timestamp, missing info, job ID, event type (0: SUBMIT), user, scheduling class (0 to
3), job name, logical job name. Licence of the data: CC-BY 4.0, Google.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phy.csv_file import TableError, read_text

_COLUMNS = 8
_SUBMIT = "0"
_MOST_OF_A_FILE = 2500  # SUBMIT rows, as in the published run
_MISSING = 0.3  # demand of a job without a class, as in the published run
_CLASSES = 3.0


def read_demands(files: Sequence[Path]) -> NDArray[np.float64]:
    """Reads the demand of each request, scheduling class / 3, in the order of files and rows.

    Raises:
        TableError: a file is no table of this kind, is cut off, or has no SUBMIT rows.
    """
    found = [demand for path in files for demand in _of_file(path)]
    return np.array(found, dtype=np.float64)


def _of_file(path: Path) -> list[float]:
    text = read_text(path)
    demands: list[float] = []
    for line, row in enumerate(csv.reader(text.splitlines()), 1):
        if len(row) != _COLUMNS:
            raise TableError(
                f"{path}, line {line}: {len(row)} columns where job_events of Google cluster data 2011 has {_COLUMNS}; "
                "the file is cut off there or of another kind"
            )
        if row[3] == _SUBMIT and len(demands) < _MOST_OF_A_FILE:
            demands.append(_demand(row[5], path, line))
    if not demands:
        raise TableError(f"{path}: no row has event type 0 (SUBMIT) in column 4; it holds no requests")
    return demands


def _demand(entry: str, path: Path, line: int) -> float:
    if not entry:
        return _MISSING
    if entry not in ("0", "1", "2", "3"):
        raise TableError(f"{path}, line {line}: scheduling class (column 6) is '{entry[:40]}': 0 to 3 or nothing")
    return int(entry) / _CLASSES
