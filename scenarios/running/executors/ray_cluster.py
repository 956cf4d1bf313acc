"""Computes batches on a Ray cluster."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ...errors import ScenarioError
from ..worker import BatchResult
from .executor import LostBatchError, Ticket
from .machines import cluster_site, require_reachable
from .node import capacity, opened, origin, remote_work
from .options import ExecutorOptions
from .site import Site

_CONNECT_S = 5.0
_SETTINGS = bytes(3) + b"\x04" + bytes(5)  # an empty frame of HTTP/2: its length, type, flags, stream
_ASK_S = 120.0  # for the machines to say what they are


class _Ray:
    """Submits batches as tasks of Ray."""

    fate_shared = False

    def __init__(self, site: Site, num_gpus: float) -> None:
        self.site, self.depth = site, 2 * site.workers
        self._origin = ray.put(origin())
        self._work = ray.remote(max_retries=0, num_cpus=1, num_gpus=num_gpus)(remote_work())

    def submit(self, batch: bytes, /) -> Ticket:
        """Submits a batch."""
        task: Ticket = self._work.remote(batch, self._origin)
        return task

    def ended(self, tickets: Collection[Ticket], wait_s: float, /) -> Collection[Ticket]:
        """Waits for the first of these batches that ends, and returns all that have ended."""
        if not ray.wait(list(tickets), timeout=wait_s)[0]:
            return []
        done: list[Ticket] = ray.wait(list(tickets), num_returns=len(tickets), timeout=0)[0]
        return done

    def result(self, ticket: Ticket, /) -> BatchResult:
        """Returns what a batch came to.

        Raises:
            LostBatchError: the process or machine is gone.
            ScenarioError: the machine refused.
        """
        try:
            return opened(ray.get(ticket))
        except ray.exceptions.RayError as error:
            _require_lost(error)
            raise LostBatchError(f"Ray: {type(error).__name__}") from None

    def progress(self) -> int:
        """Returns 0: tasks tell nothing before they end."""
        return 0

    def cancel(self, tickets: Collection[Ticket], /) -> None:
        """Cancels tasks."""
        for ticket in tickets:
            ray.cancel(ticket, force=True)


@contextmanager
def ray_executor(options: ExecutorOptions, workers: int | None) -> Iterator[_Ray]:
    """Connects to a Ray cluster while the block runs.

    Raises:
        ScenarioError: there is no cluster at the address, or it has other versions.
    """
    address = options.address or "auto"
    if "auto" not in address:
        require_reachable("ray", address)
        _require_ray(address)
    try:
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        text = " ".join(str(error).split()).replace("Version mismatch: ", "")
        raise ScenarioError(
            f"no Ray cluster can be used at '{address}': {text}; give --ray-address HOST:PORT"
        ) from None
    try:
        yield _Ray(_site(workers, options.num_gpus), options.num_gpus)
    finally:
        ray.shutdown()


def _require_ray(address: str) -> None:
    """Refuses an address at which something else listens, for which Ray would wait some minutes.

    Ray speaks gRPC, that is HTTP/2, whose server answers the preface of a client by settings (RFC 9113, 3.4).
    """
    if os.environ.get("RAY_USE_TLS", "0") != "0":
        return
    host, _, port = address.rpartition("/")[2].rpartition(":")
    with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS)
        if connection.recv(9)[3:4] == _SETTINGS[3:4]:
            return
    raise ScenarioError(
        f"--ray-address {address}: what answers there is no Ray cluster; give the address that 'ray start' printed, "
        "not that of its dashboard"
    )


def _site(workers: int | None, num_gpus: float) -> Site:
    """Reads what every machine with room for a batch says of itself."""
    rooms = [(node["NodeID"], _room(node["Resources"], num_gpus)) for node in ray.nodes() if node["Alive"]]
    rooms = [(node, room) for node, room in rooms if room]
    ask: Any = ray.remote(max_retries=0, num_cpus=0, num_gpus=num_gpus)(remote_work())
    asked = [ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(b"", origin())
             for node, _ in rooms]  # fmt: skip
    known = ray.wait(asked, num_returns=len(asked), timeout=_ASK_S)[0] if asked else []
    told = [(answer, room) for task, (_, room) in zip(asked, rooms, strict=True)
            if task in known and (answer := _answer(task)) is not None]  # fmt: skip
    if asked and not told:
        raise ScenarioError(f"no machine of the Ray cluster answers within {_ASK_S:.0f} s, of {len(asked)} that it has")
    if len(told) < len(asked):
        warnings.warn(f"{len(asked) - len(told)} of {len(asked)} machines of the Ray cluster do not answer, and are "
                      "taken for gone", stacklevel=2)  # fmt: skip
    return cluster_site([answer for answer, _ in told], [room for _, room in told], workers, num_gpus)


def _room(resources: Mapping[str, float], num_gpus: float) -> int:
    """Counts the batches that a machine computes at the same time."""
    return int(resources.get("GPU", 0) / num_gpus if num_gpus else resources.get("CPU", 0))


def _answer(task: Ticket) -> dict[str, Any] | None:
    """Reads what a machine says of itself; None of one that is gone, which Ray may notice half a minute later."""
    try:
        return capacity(ray.get(task))
    except ray.exceptions.RayError as error:
        _require_lost(error)
        return None


def _require_lost(error: Exception) -> None:
    """Refuses what a task raised by itself, which it would raise again; what is left is of a machine that is gone."""
    cause = getattr(error, "cause", None)
    if isinstance(error, ray.exceptions.RayTaskError) and not isinstance(cause, ray.exceptions.RayError):
        raise ScenarioError(f"a machine of the Ray cluster cannot compute a batch: {cause!r}") from None
