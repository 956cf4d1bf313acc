"""Writes and reads files of trained classifiers: plain arrays of NumPy (``.npz``), without pickle, with provenance."""

from __future__ import annotations

import importlib.resources
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .kpi_log import KPIS
from .networks import NETWORKS, make_network
from .training import Classifier, ClassifierSettings
from .training_logs import CLASSES
from .windows import Scaling, require_length

VERSION = 1
_MARK = "fairwave_classifier"


def write_model(path: Path, classifier: Classifier, made_from: Mapping[str, Any]) -> None:
    """Writes a classifier.

    Args:
        path: of the file, which is overwritten.
        classifier: trained.
        made_from: plain values that say what it was trained on.
    """
    head = {"version": VERSION, "settings": asdict(classifier.settings), "made_from": dict(made_from)}
    weights = {name: value.float().numpy() for name, value in classifier.network.state_dict().items()}
    arrays = {"least": classifier.scaling.least, "greatest": classifier.scaling.greatest, **weights}
    with path.open("wb") as file:
        np.savez_compressed(file, **{_MARK: np.array(json.dumps(head))}, **arrays)  # type: ignore[arg-type]


def read_model(path: Path) -> Classifier:
    """Reads a classifier of :func:`write_model`.

    Raises:
        ValueError: it is missing, of another kind or version, or damaged.
    """
    head, arrays = _read(path)
    if head["version"] != VERSION:
        raise ValueError(f"{path} is of version {head['version']}, and this fairwave reads {VERSION}: train it anew")
    try:
        settings = ClassifierSettings(**{**head["settings"], "kpis": tuple(head["settings"]["kpis"])})
        _require_known(settings)
        scaling = Scaling(*(arrays.pop(name).astype(np.float64) for name in ("least", "greatest")))
        network = make_network(settings.network, settings.length, len(settings.kpis), len(CLASSES))
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise ValueError(f"{path} is a damaged classifier; train it anew with: {COMMAND}") from None
    if scaling.least.shape != (len(settings.kpis),) or not np.isfinite(scaling.least).all():
        raise ValueError(f"{path} is a damaged classifier; train it anew with: {COMMAND}")
    return Classifier(settings, scaling, network.double().eval())


def default_model() -> Classifier:
    """Reads the classifier that comes with fairwave: four KPIs that runs have too, windows of 4 reports."""
    with importlib.resources.as_file(importlib.resources.files(__package__) / "default.npz") as path:
        return read_model(path)


def made_from(path: Path) -> dict[str, Any]:
    """Returns what a classifier was trained on.

    Raises:
        ValueError: it is missing, of another kind, or damaged.
    """
    return dict(_read(path)[0]["made_from"])


COMMAND = "fairwave train-classifier FOLDER --out FILE"
"""What makes such a file."""


def _require_known(settings: ClassifierSettings) -> None:
    require_length(settings.length)
    if settings.network not in NETWORKS or not set(settings.kpis) <= set(KPIS):
        raise ValueError("network")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise ValueError(f"there is no classifier {path}; make one with: {COMMAND}")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(str(arrays.pop(_MARK)))
        return {name: head[name] for name in ("version", "settings", "made_from")}, arrays
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise ValueError(
            f"{path} is no classifier of KPI reports, or a damaged one; make one with: {COMMAND}"
        ) from None
