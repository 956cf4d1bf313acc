"""Computes batches on a Dask cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import distributed

from ...errors import ScenarioError
from ..worker import BatchResult
from .executor import LostBatchError, Ticket, polled
from .machines import cluster_site, require_reachable
from .node import capacity, opened, origin, remote_work
from .options import ExecutorOptions
from .site import Site

_CONNECT_S = 20


class _Dask:
    """Submits batches as tasks of Dask distributed."""

    fate_shared = False

    def __init__(self, client: Any, site: Site) -> None:
        self.site, self.depth = site, 2 * site.workers
        self._client, self._origin, self._work = client, origin(), remote_work()

    def submit(self, batch: bytes, /) -> Ticket:
        """Submits a batch."""
        task: Ticket = self._client.submit(self._work, batch, self._origin, pure=False, retries=0)
        return task

    def ended(self, tickets: Collection[Any], wait_s: float, /) -> Collection[Ticket]:
        """Waits for the first of these batches that ends, and returns all that have ended."""
        return polled(tickets, wait_s)

    def result(self, ticket: Any, /) -> BatchResult:
        """Returns what a batch came to.

        Raises:
            LostBatchError: the processes that computed it are gone; Dask itself has tried some times, too.
            ScenarioError: the machine refused.
        """
        try:
            return opened(ticket.result())
        except (distributed.KilledWorker, CancelledError) as error:
            raise LostBatchError(f"Dask: {type(error).__name__}") from None
        except ScenarioError:
            raise
        except Exception as error:  # of Dask, or of a machine whose Python cannot run the function
            raise ScenarioError(f"a machine of the Dask cluster cannot compute a batch: {error!r}") from None

    def progress(self) -> int:
        """Returns 0: tasks tell nothing before they end."""
        return 0

    def cancel(self, tickets: Collection[Ticket], /) -> None:
        """Cancels tasks."""
        if tickets:
            self._client.cancel(list(tickets), force=True)


@contextmanager
def dask_executor(options: ExecutorOptions, workers: int | None) -> Iterator[_Dask]:
    """Connects to a Dask cluster while the block runs.

    Raises:
        ScenarioError: there is no cluster at the address, or it has other versions.
    """
    if not options.address:
        raise ScenarioError("--executor dask needs the scheduler's address: --dask-address tcp://HOST:8786")
    if options.num_gpus:
        raise ScenarioError("--num-gpus is not for Dask; start one worker per GPU (dask-cuda), or take --executor ray")
    require_reachable("dask", options.address)
    try:
        client = distributed.Client(options.address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise ScenarioError(f"no Dask cluster can be used at '{options.address}': {error}") from None
    try:
        yield _Dask(client, _site(client, workers))
    finally:
        client.close()


def _site(client: Any, workers: int | None) -> Site:
    """Reads what every worker says of itself."""
    info = client.scheduler_info(n_workers=-1)["workers"]
    _require_same_python(client)
    told = client.run(remote_work(), b"", origin(), on_error="return")
    if failed := [answer for answer in told.values() if isinstance(answer, BaseException)]:
        raise ScenarioError(f"a machine of the Dask cluster cannot compute a batch: {failed[0]!r}")
    hosts = [info[address]["host"] for address in told]
    slots = [info[address]["nthreads"] for address in told]
    on_host = {host: sum(count for other, count in zip(hosts, slots, strict=True) if other == host) for host in hosts}
    machines = {host: capacity(answer) for host, answer in zip(hosts, told.values(), strict=True)}
    return cluster_site(list(machines.values()), [on_host[host] for host in machines], workers)


def _require_same_python(client: Any) -> None:
    import platform

    here = platform.python_version()
    for address, one in client.get_versions()["workers"].items():
        there = ".".join(map(str, dict(one["host"])["python"].split(".")[:3]))
        if there != here:
            raise ScenarioError(
                f"the machine {address} of the cluster would give other results: python {there} there and {here} here; "
                "install the same"
            )
