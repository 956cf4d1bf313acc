"""Reads a network of Keras 3 (``pip install 'fairwave[keras]'``), on the backend that the user chose, or on torch."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .network import Network, require_file


def read_keras(path: Path) -> Network:
    """Reads a network of one input ``[rows, inputs]`` and one output ``[rows, outputs]``.

    Args:
        path: of the file.

    Raises:
        ValueError: the file is missing, damaged, holds code, or Keras is not installed.
    """
    require_file(path)
    keras = _keras(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of many classes, as each layer reads itself
        what = str(error).strip().splitlines()[0]
        raise ValueError(f"{path} is no Keras 3 file of layers that can be read safely: {what}") from None
    shape = getattr(model, "input_shape", None)
    inputs = shape[-1] if isinstance(shape, tuple) and shape and isinstance(shape[-1], int) else None

    def compute(numbers: Tensor) -> Tensor:
        found = keras.ops.convert_to_numpy(model(numbers.cpu().numpy(), training=False))
        return torch.from_numpy(found).to(numbers.device, torch.float32)

    return Network(compute, inputs)


def _keras(path: Path) -> Any:
    """Imports Keras, on torch unless the user chose another backend."""
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ and not _backend_in_settings():
        os.environ["KERAS_BACKEND"] = "torch"
    try:
        return importlib.import_module("keras")
    except ModuleNotFoundError as error:
        if error.name != "keras":
            raise ValueError(f"{path}: Keras needs '{error.name}' for the backend that was chosen") from None
        raise ValueError(f"{path} needs Keras: pip install 'fairwave[keras]'") from None


def _backend_in_settings() -> bool:
    """Checks whether Keras's own settings name a backend that is installed; Keras writes them by itself, too."""
    file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        backend = json.loads(file.read_text("utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return importlib.util.find_spec(str(backend)) is not None
