"""Reads a network from an ONNX file, by onnxruntime (``pip install 'fairwave[onnx]'``)."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import Tensor

from .network import Network, require_file


def read_onnx(path: Path) -> Network:
    """Reads a network of one input ``[rows, inputs]`` and one output ``[rows, outputs]``; it runs on the CPU.

    Args:
        path: of the file.

    Raises:
        ValueError: the file is missing, damaged, of several inputs or a fixed batch, or onnxruntime is not installed.
    """
    require_file(path)
    try:
        runtime = importlib.import_module("onnxruntime")
    except ModuleNotFoundError:
        raise ValueError(f"{path} needs onnxruntime: pip install 'fairwave[onnx]'") from None
    try:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of its own for each kind of damage, without a common one
        raise ValueError(f"{path} is no ONNX file that onnxruntime reads: {str(error).splitlines()[0]}") from None
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ValueError(f"{path} has {len(inputs)} inputs, and a policy has one: the features [rows, numbers]")
    name, shape = inputs[0].name, inputs[0].shape
    if shape and isinstance(shape[0], int):
        raise ValueError(f"{path} takes {shape[0]} rows at once, and a run any number: export it with a dynamic batch")

    def compute(numbers: Tensor) -> Tensor:
        try:
            (found, *_) = session.run(None, {name: numbers.cpu().numpy()})
        except Exception as error:  # likewise
            raise RuntimeError(str(error).splitlines()[0]) from None
        return torch.from_numpy(found).to(numbers.device, torch.float32)

    return Network(compute, shape[-1] if shape and isinstance(shape[-1], int) else None)
