"""Writes and reads files of learned values: plain arrays of NumPy (``.npz``), without pickle, and what made them.

Of a table only the rows that are not all zero are written.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .moves import ACTIONS, STATE
from .q_network import HIDDEN, QNetwork
from .q_table import QTable

Method = Literal["dqn", "tabular"]
VERSION = 1
_SHAPES = {"w1": (HIDDEN, STATE), "b1": (HIDDEN,), "w2": (ACTIONS, HIDDEN), "b2": (ACTIONS,)}


def write_values(path: Path, values: QNetwork | QTable, made_from: Mapping[str, Any]) -> None:
    """Writes a file of learned values.

    Args:
        path: of the file, which is overwritten.
        values: network or table.
        made_from: plain values that say what it was trained on: scenario, hash, rounds, seeds, versions.
    """
    method: Method = "dqn" if isinstance(values, QNetwork) else "tabular"
    head = json.dumps({"version": VERSION, "method": method, "made_from": dict(made_from)})
    arrays = {name: array.numpy() for name, array in _arrays(values).items()}
    with path.open("wb") as file:
        np.savez_compressed(file, fairwave_tractor=np.array(head), **arrays)  # type: ignore[arg-type]


def read_values(path: Path, method: Method) -> QNetwork | QTable:
    """Reads a file of :func:`write_values`.

    Raises:
        ValueError: it is missing, of another kind or version, damaged, or of the other method.
    """
    head, arrays = _read(path)
    if head["version"] != VERSION:
        raise ValueError(f"{path} is of version {head['version']}, and this fairwave reads {VERSION}: train it anew")
    if head["method"] != method:
        raise ValueError(
            f"{path} was trained by --method {head['method']}, so it is a policy of tractor_{head['method']}, and not "
            f"of tractor_{method}"
        )
    try:
        return _network(arrays) if method == "dqn" else _table(arrays)
    except (KeyError, ValueError, IndexError):
        raise ValueError(f"{path} is a damaged policy; train it anew with: {_command(method)}") from None


def made_from(path: Path) -> dict[str, Any]:
    """Returns what the values in a file were trained on.

    Raises:
        ValueError: it is missing, of another kind, or damaged.
    """
    return dict(_read(path)[0]["made_from"])


def _arrays(values: QNetwork | QTable) -> dict[str, Tensor]:
    if isinstance(values, QNetwork):
        return {"w1": values.w1, "b1": values.b1, "w2": values.w2, "b2": values.b2}
    rows = (values.table != 0).any(1).nonzero()[:, 0]
    return {"rows": rows, "values": values.table[rows].to(torch.float32)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise ValueError(f"there is no policy file {path}; make one with: {_command('dqn')}")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(str(arrays.pop("fairwave_tractor")))
        return {name: head[name] for name in ("version", "method", "made_from")}, arrays
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise ValueError(
            f"{path} is no policy of TRACTOR's controller, or a damaged one; make one with: {_command('dqn')}"
        ) from None


def _network(arrays: Mapping[str, NDArray[Any]]) -> QNetwork:
    found = {name: torch.from_numpy(arrays[name].astype(np.float32, casting="same_kind")) for name in _SHAPES}
    if any(tuple(array.shape) != _SHAPES[name] or not array.isfinite().all() for name, array in found.items()):
        raise ValueError("sizes")
    return QNetwork(**found)


def _table(arrays: Mapping[str, NDArray[Any]]) -> QTable:
    rows, values = torch.from_numpy(arrays["rows"]), torch.from_numpy(arrays["values"]).to(torch.float64)
    made = QTable.empty()
    if values.shape != (len(rows), ACTIONS) or not values.isfinite().all() or bool((rows < 0).any()):
        raise ValueError("sizes")
    made.table[rows] = values
    return made


def _command(method: Method) -> str:
    return f"fairwave train slicing-tractor --method {method} --rounds 3 --out FILE"
