"""Reads a network of PyTorch: a policy of ``fairwave train``, TorchScript, or a state_dict with a declared module."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..config.loading import PRESETS
from .network import Network, TrainedFor, require_file
from .policy_file import is_policy, policy_of

_OTHER_KINDS = {".onnx": "onnx", ".keras": "keras"}


def read_torch(path: Path, module: str | None = None) -> Network:
    """Reads a network, which then computes in float64.

    Rows of a product of matrices depend on how many rows there are in the last bits; rounded from float64 to float32, a
    drop has the same output in every batch.

    Args:
        path: of the file, or the name of a preset that has a policy.
        module: ``module:Class`` of a ``torch.nn.Module`` that is made without arguments, for a state_dict.

    Raises:
        ValueError: the file is missing, a pickle of code, damaged, or does not fit the module.
    """
    path = _with_presets(path)
    require_file(path)
    if (kind := _OTHER_KINDS.get(path.suffix)) is not None:
        raise ValueError(f"{path} is no file of PyTorch by its name: write {kind}:{path}")
    network, trained_for = _read(path, module)
    network = network.double().eval()

    def compute(numbers: Tensor) -> Tensor:
        found = network(numbers.double())
        return found.float() if isinstance(found, Tensor) else found

    return Network(compute, _inputs(network), trained_for, network.to)


def _with_presets(path: Path) -> Path:
    """Returns the file of a path or, where there is none and the path is the name of a preset, its policy."""
    if path.exists() or path.name != str(path):
        return path
    return next((found for found in PRESETS.rglob("*.pt") if found.stem == path.name), path)


def _read(path: Path, module: str | None) -> tuple[nn.Module, TrainedFor | None]:
    if _is_script(path):
        return _script(path), None
    content = _content(path)
    if is_policy(content):
        return policy_of(content, path)
    if not isinstance(content, Mapping) or not all(isinstance(one, Tensor) for one in content.values()):
        raise ValueError(f"{path} holds no state_dict, which is a mapping of names to tensors")
    if module is None:
        raise ValueError(
            f"{path} is a state_dict, which does not tell its network: set the parameter module to module:Class, a "
            "torch.nn.Module that is made without arguments, or write TorchScript"
        )
    return _filled(module, content, path), None


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _script(path: Path) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch would have torch.export, which is another file
            found: nn.Module = torch.jit.load(str(path), map_location="cpu")
        return found
    except RuntimeError as error:
        raise ValueError(f"{path} is damaged TorchScript: {str(error).strip().splitlines()[0]}") from None


def _content(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a pickle's protocol, before it is refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} is a pickle of more than tensors, which could run any code when it is read, so it is refused; "
            "write torch.save(network.state_dict(), FILE) and set the parameter module, or write TorchScript"
        ) from None
    except (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, OSError):  # of any bytes at all
        raise ValueError(f"{path} is no file of torch.save or TorchScript, or a damaged one") from None


def _filled(module: str, weights: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Makes the declared module and puts the weights in.

    Raises:
        ValueError: it is no module, needs arguments, or has other weights.
    """
    from allocators.construction import load

    kind = load(module)
    try:
        network = kind()
    except TypeError as error:
        raise ValueError(f"module: {module} cannot be made without arguments ({error})") from None
    if not isinstance(network, nn.Module):
        raise ValueError(f"module: {module} makes a {type(network).__name__}, which is no torch.nn.Module")
    own = network.state_dict()
    names = sorted(own.keys() ^ weights.keys())
    shapes = [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if names or shapes:
        what = f"only one has '{names[0]}'" if names else f"'{shapes[0]}' has other sizes"
        raise ValueError(f"{path} does not fit module {module}: {what}")
    network.load_state_dict(dict(weights))
    return network


def _inputs(network: nn.Module) -> int | None:
    """Returns the numbers that the first layer takes, if that is a linear one."""
    first = next(network.parameters(), None)
    return int(first.shape[1]) if first is not None and first.dim() == 2 else None
