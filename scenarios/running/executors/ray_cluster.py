"""Computes batches on a Ray cluster."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
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

_ASK_S = 60.0  # for the machines to say what they are


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
        except ray.exceptions.RayTaskError as error:
            raise ScenarioError(f"a machine of the Ray cluster cannot compute a batch: {error.cause!r}") from None
        except ray.exceptions.RayError as error:
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


def _site(workers: int | None, num_gpus: float) -> Site:
    """Reads what every machine says of itself."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if num_gpus:
        nodes = [node for node in nodes if node["Resources"].get("GPU", 0) >= num_gpus]
    ask: Any = ray.remote(max_retries=0, num_cpus=0, num_gpus=num_gpus)(remote_work())
    asked = [
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(
            b"", origin()
        )
        for node in nodes
    ]
    try:
        told = [capacity(answer) for answer in ray.get(asked, timeout=_ASK_S)]
    except ray.exceptions.RayError as error:
        raise ScenarioError(f"the machines of the Ray cluster do not answer ({type(error).__name__})") from None
    slots = [int(node["Resources"].get("GPU", 0) / num_gpus if num_gpus else node["Resources"].get("CPU", 0))
             for node in nodes]  # fmt: skip
    return cluster_site(told, slots, workers, num_gpus)
