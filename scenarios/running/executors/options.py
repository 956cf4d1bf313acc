"""Defines which executor computes batches, and where it is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LOCAL = "local"


@dataclass(frozen=True)
class ExecutorOptions:
    """Describes an executor; none of it changes a result.

    Attributes:
        name: ``local``, ``ray``, ``dask`` or ``slurm``.
        address: of a Ray or Dask cluster.
        num_gpus: GPUs that a batch takes; a part of one where several batches share it.
        slurm: parameters of submitit, such as ``{"slurm_partition": "cpu", "timeout_min": 60}``.
    """

    name: str = LOCAL
    address: str | None = None
    num_gpus: float = 0.0
    slurm: Mapping[str, Any] = field(default_factory=dict)
