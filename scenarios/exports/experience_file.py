"""Writes the rows of an experience as NumPy archive, Parquet or CSV."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ScenarioError, did_you_mean
from ..files import write_atomically
from .table_files import arrow

if TYPE_CHECKING:
    from .experience import Experience

FACTS = "facts"
"""Names, in a NumPy archive, a text in JSON that says what the rows mean; in Parquet it is metadata of the table."""


def save_experience(experience: Experience, path: str | Path, by_agent: bool = False, force: bool = False) -> Path:
    """Writes a file; the suffix says how.

    Args:
        experience: what was collected.
        path: with the suffix ``.npz``, ``.parquet`` (a list of numbers in a row of ``observation``) or ``.csv`` (a
            column for each number).
        by_agent: a row for each agent that can act, in place of one for all agents.
        force: overwrite a file that is there.

    Raises:
        ScenarioError: another suffix, a file that is there, no pyarrow, or the file cannot be written.
    """
    target = require_place(path, force)
    write_atomically(target, _WRITERS[target.suffix.lower()](experience, by_agent))
    return target


def require_place(path: str | Path, force: bool = False) -> Path:
    """Checks that an experience can be written there, before anything is collected.

    Raises:
        ScenarioError: another suffix, a file that is there, or no pyarrow.
    """
    target = Path(path)
    if (kind := target.suffix.lower()) not in _WRITERS:
        raise ScenarioError(f"{target}: the suffix tells the format{did_you_mean(kind, _WRITERS)}")
    if target.exists() and (target.is_dir() or not force):
        raise ScenarioError(f"{target} is there already; name another file, or give --force to overwrite it")
    if kind == ".parquet":
        arrow()
    return target


def _npz(experience: Experience, by_agent: bool) -> bytes:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {**experience.rows(by_agent), FACTS: np.array(_facts(experience))}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _parquet(experience: Experience, by_agent: bool) -> bytes:
    pyarrow = arrow()
    columns = {}
    for name, values in experience.rows(by_agent).items():
        flat = pyarrow.array(values.reshape(-1))
        columns[name] = flat if values.ndim == 1 else pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    table = pyarrow.table(columns).replace_schema_metadata({f"fairwave_{FACTS}": _facts(experience)})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def _csv(experience: Experience, by_agent: bool) -> bytes:
    return experience.to_pandas(by_agent).to_csv(index=False).encode()


_WRITERS: Mapping[str, Callable[[Experience, bool], bytes]] = {".npz": _npz, ".parquet": _parquet, ".csv": _csv}


def _facts(experience: Experience) -> str:
    return json.dumps(experience.facts.as_plain())
