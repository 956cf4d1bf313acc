"""Computes a batch in a process of another machine, and refuses one that has other versions than the coordinator.

The function that a cluster gets is sent by value: a machine without fairwave says so in one sentence. Machines are
compared batch by batch, as some join later.
"""

from __future__ import annotations

import json
import os
import pickle
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from phy.numerics.jit import backend_name

from ...errors import ScenarioError
from ...results.provenance import code_digest, device_name, versions
from ..memory import available_bytes
from ..worker import BatchResult, run_pickled_batch

Work = Callable[[bytes, dict[str, Any]], bytes]


def origin() -> dict[str, Any]:
    """Describes this process, the coordinator, for the machines that compute for it."""
    return {"path": list(sys.path), "folder": os.getcwd(), **_identity()}


def remote_work() -> Work:
    """Makes the function that is sent to another machine; it needs nothing there but Python."""

    def work(batch: bytes, told: dict[str, Any]) -> bytes:
        import importlib
        import os
        import sys

        known = set(told["path"])
        sys.path[:] = told["path"] + [folder for folder in sys.path if folder not in known]
        if os.path.isdir(told["folder"]):
            os.chdir(told["folder"])
        try:
            here = importlib.import_module("scenarios.running.executors.node")
        except ImportError as error:
            import json
            import platform

            return json.dumps({"machine": platform.node(), "missing": str(error)}).encode()
        answer: bytes = here.answered(batch, told)
        return answer

    return work


def answered(batch: bytes, told: Mapping[str, Any]) -> bytes:
    """Computes a batch on this machine, or says why it does not; an empty batch asks what this machine is.

    Args:
        batch: pickled.
        told: what :func:`origin` says of the coordinator.
    """
    mine = _identity()
    if any(mine[name] != told[name] for name in mine):
        return json.dumps({"machine": platform.node(), **mine}).encode()
    if not batch:
        return json.dumps({"machine": platform.node(), **mine, **_capacity()}).encode()
    import cloudpickle

    return bytes(cloudpickle.dumps(run_pickled_batch(batch)))


def opened(answer: bytes) -> BatchResult:
    """Returns what another machine has computed.

    Raises:
        ScenarioError: it refused; both versions are named.
    """
    if not answer.startswith(b"{"):
        result: BatchResult = pickle.loads(answer)
        return result
    raise ScenarioError(_refusal(json.loads(answer)))


def capacity(answer: bytes) -> dict[str, Any]:
    """Returns what a machine says of itself: processors, free bytes of memory and of a GPU, names of both.

    Raises:
        ScenarioError: it has other versions than this process.
    """
    told: dict[str, Any] = json.loads(answer)
    if "cpu_bytes" not in told:
        raise ScenarioError(_refusal(told))
    return told


def _identity() -> dict[str, Any]:
    """Describes what a result depends on."""
    return {"versions": versions(), "code": code_digest(), "backend": backend_name("cpu")}


def _capacity() -> dict[str, Any]:
    import torch

    gpu = torch.cuda.is_available()
    return {
        "processors": os.cpu_count() or 1,
        "cpu_bytes": available_bytes("cpu"),
        "cpu": device_name("cpu"),
        "model": _processor(),
        "gpu_bytes": available_bytes("cuda") if gpu else 0,
        "gpu": device_name("cuda") if gpu else "",
    }


def _processor() -> str:
    """Names the model of the processor; results are equal bit for bit on processors of one model."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _refusal(told: Mapping[str, Any]) -> str:
    machine, mine = told["machine"], _identity()
    if "missing" in told:
        here = f"fairwave {mine['versions']['fairwave']}"
        return f"the machine {machine} of the cluster has no fairwave ({told['missing']}), and here is {here}"
    there, here = told["versions"], mine["versions"]
    differ = [f"{name} {there.get(name)} there and {version} here" for name, version in here.items()
              if there.get(name) != version]  # fmt: skip
    if not differ and told["code"] != mine["code"]:
        differ = [f"other code of fairwave there (digest {told['code']}) than here ({mine['code']})"]
    if not differ:
        differ = [f"it computes by {told['backend']} there and by {mine['backend']} here (FAIRWAVE_COMPILE)"]
    return f"the machine {machine} of the cluster would give other results: {', '.join(differ)}; install the same"
