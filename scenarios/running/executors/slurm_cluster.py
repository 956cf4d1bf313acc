"""Computes batches as jobs of Slurm, through submitit; ``cluster=local`` runs them as processes of this machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import submitit

from ...errors import ScenarioError
from ...results.provenance import device_name
from ..memory import available_bytes
from ..worker import BatchResult
from .executor import LostBatchError, Ticket, polled
from .machines import cluster_site
from .node import capacity, opened, origin, remote_work
from .options import ExecutorOptions
from .site import Site

_JOBS = 16  # at the same time, where --workers is left out
_MINUTES = 24 * 60  # that a job may take, where nothing else is said


class _Slurm:
    """Submits each batch as a job."""

    fate_shared = False

    def __init__(self, executor: Any, site: Site) -> None:
        self.site, self.depth = site, site.workers
        self._executor, self._origin, self._work = executor, origin(), remote_work()

    def submit(self, batch: bytes, /) -> Ticket:
        """Submits a batch."""
        try:
            job: Ticket = self._executor.submit(self._work, batch, self._origin)
        except (OSError, RuntimeError, submitit.core.utils.FailedJobError) as error:
            raise ScenarioError(f"Slurm takes no job: {' '.join(str(error).split())}") from None
        return job

    def ended(self, tickets: Collection[Any], wait_s: float, /) -> Collection[Ticket]:
        """Waits for the first of these batches that ends, and returns all that have ended."""
        return polled(tickets, wait_s)

    def result(self, ticket: Any, /) -> BatchResult:
        """Returns what a batch came to.

        Raises:
            LostBatchError: the job is gone without a result.
            ScenarioError: the machine refused.
        """
        try:
            return opened(ticket.result())
        except submitit.core.utils.UncompletedJobError:
            raise LostBatchError(f"Slurm: job {ticket.job_id} is {ticket.state}") from None
        except submitit.core.utils.FailedJobError as error:
            raise ScenarioError(f"job {ticket.job_id} cannot compute a batch: {str(error).splitlines()[-1]}") from None

    def progress(self) -> int:
        """Returns 0: jobs tell nothing before they end."""
        return 0

    def cancel(self, tickets: Collection[Any], /) -> None:
        """Cancels jobs."""
        for job in tickets:
            job.cancel()


@contextmanager
def slurm_executor(options: ExecutorOptions, workers: int | None) -> Iterator[_Slurm]:
    """Makes a folder for jobs below the current one, which all machines mount, while the block runs.

    Raises:
        ScenarioError: there is no Slurm here, or it knows no such parameter.
    """
    given = dict(options.slurm)
    cluster = given.pop("cluster", "slurm")
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise ScenarioError(
            "--executor slurm: there is no sbatch here; run on a login node, or try --slurm cluster=local"
        )
    folder = Path(tempfile.mkdtemp(prefix=".fairwave-jobs-", dir=Path.cwd()))
    try:
        executor = _made(folder, cluster, options.num_gpus, given)
        yield _Slurm(executor, _site(executor, options, workers or _JOBS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(folder: Path, cluster: str, num_gpus: float, given: dict[str, Any]) -> Any:
    gpus = {"gpus_per_node": int(num_gpus)} if num_gpus else {}
    try:
        executor = submitit.AutoExecutor(folder, cluster=cluster)
        executor.update_parameters(**{"timeout_min": _MINUTES, "cpus_per_task": 1, **gpus, **given})
    except (ValueError, TypeError, NameError, RuntimeError) as error:
        raise ScenarioError(f"--slurm: {' '.join(str(error).split())}") from None
    return executor


def _site(executor: Any, options: ExecutorOptions, workers: int) -> Site:
    """Describes the machines: one with a GPU is asked by a job, others are taken for one like this."""
    if options.num_gpus:
        told = capacity(executor.submit(remote_work(), b"", origin()).result())
        return cluster_site([told], [1], workers, options.num_gpus)
    asked = options.slurm.get("mem_gb")
    shared = workers if options.slurm.get("cluster") == "local" else 1
    free = int(1e9 * float(asked)) if asked else available_bytes("cpu") // shared
    return Site(workers, "cpu", device_name("cpu"), free)
