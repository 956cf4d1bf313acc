"""Finds logs for training: single-UE logs with a class in the name of each file.

A name says class and trial: ``trial6_embb_t3r.csv.gz`` is of class eMBB and of trial 6, since the trial is what stands
before the class. Trials are what is held out as a whole; logs of one trial share traffic, place and time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .kpi_log import KPIS, LogError, read_log

CLASSES = ("embb", "mmtc", "urllc", "null")
"""Classes, in the order of the published confusion matrices; ``null`` is a UE without traffic of its own."""
_IN_NAMES = re.compile(r"(embb|mmtc|urllc|urll|null|ctrl)")
_SAME = {"urll": "urllc", "ctrl": "null"}


@dataclass(frozen=True)
class TrainingLog:
    """Holds a log with its class and trial."""

    name: str
    trial: str
    label: int  # place in CLASSES
    kpis: NDArray[np.float64]  # [reports, KPIs]


def training_logs(folder: Path, kpis: Sequence[str] = KPIS) -> list[TrainingLog]:
    """Reads all logs of a folder (``*.csv``, ``*.csv.gz``), in the order of their names.

    Args:
        folder: with the logs.
        kpis: names of :data:`.kpi_log.KPIS`.

    Raises:
        LogError: there is no log, a name says no class, a log cannot be used, or all are of one class.
    """
    if not folder.is_dir():
        raise LogError(f"there is no folder {folder} with logs")
    paths = sorted(path for path in folder.iterdir() if path.name.endswith((".csv", ".csv.gz")))
    if not paths:
        raise LogError(f"{folder} holds no log (*.csv or *.csv.gz)")
    found = [TrainingLog(path.name, *class_and_trial(path), read_log(path, kpis)) for path in paths]
    classes = sorted({CLASSES[log.label] for log in found})
    if len(classes) < 2:
        raise LogError(f"all {len(found)} logs in {folder} are of the class {classes[0]}; training needs two or more")
    return found


def class_and_trial(path: Path) -> tuple[str, int]:
    """Returns the trial that a file's name says, and the place of its class in :data:`CLASSES`.

    Raises:
        LogError: it says no class.
    """
    match = _IN_NAMES.search(path.name.lower())
    if match is None:
        raise LogError(f"the name of {path} says no class; it must hold one of {', '.join(CLASSES)}")
    label = _SAME.get(match[1], match[1])
    return path.name[: match.start()].strip("_-. ") or "unnamed", CLASSES.index(label)
