"""Sums up the machines of a cluster for a plan."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ScenarioError
from .site import Site

_CONNECT_S = 5.0


def cluster_site(
    told: Sequence[Mapping[str, Any]], slots: Sequence[int], workers: int | None, num_gpus: float = 0.0
) -> Site:
    """Sums up machines, so that a batch fits on each of them.

    Args:
        told: what each says of itself.
        slots: batches that each computes at the same time.
        workers: batches in all; None: as many as the machines compute.
        num_gpus: GPUs that a batch takes.

    Raises:
        ScenarioError: there is no machine for a batch, or they have GPUs of several kinds.
    """
    useful = [(one, count) for one, count in zip(told, slots, strict=True) if count > 0]
    if not useful:
        what = f"a batch that takes {num_gpus:g} GPUs" if num_gpus else "a batch"
        raise ScenarioError(f"no machine of the cluster has room for {what}; add one, or take less by --num-gpus")
    kind = "gpu" if num_gpus else "cpu"
    names = sorted({one[kind] for one, _ in useful})
    if len(names) > 1 or not names[0]:
        raise ScenarioError(
            f"the machines of the cluster have devices of several kinds ({', '.join(map(repr, names))}), which give "
            "other results; take machines of one kind"
        )
    models = sorted({one["model"] for one, _ in useful})
    if len(models) > 1:
        warnings.warn(
            f"the machines have processors of several models ({', '.join(models)}); results are equal bit for bit only "
            "on processors of one model",
            stacklevel=2,
        )
    free = min(int(one[f"{kind}_bytes"] * (min(1.0, num_gpus) if num_gpus else 1 / count)) for one, count in useful)
    in_all = sum(count for _, count in useful)
    return Site(in_all if workers is None else workers, "cuda" if num_gpus else "cpu", names[0], free)


def require_reachable(name: str, address: str) -> None:
    """Refuses an address at which nothing listens, before a package waits for it in its own way.

    Args:
        name: of the executor.
        address: such as ``host:6379``, ``ray://host:10001`` or ``tcp://host:8786``.

    Raises:
        ScenarioError: it is no address, or unknown.
    """
    found = re.fullmatch(r"(?:[a-z]+://)?(\[[^]]+\]|[^:/]+):(\d+)", address)
    if found is None or int(found[2]) > 65535:
        raise ScenarioError(f"--{name}-address {address}: write it as HOST:PORT")
    try:
        socket.create_connection((found[1].strip("[]"), int(found[2])), _CONNECT_S).close()
    except OSError as error:
        raise ScenarioError(
            f"--{name}-address {address}: nothing answers there ({error.strerror or error}); start the cluster, or "
            "give the address that it printed"
        ) from None
