"""Opens an executor by its name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ...errors import ScenarioError, did_you_mean, shown
from .executor import Executor
from .options import LOCAL, ExecutorOptions
from .site import Site

_CLUSTERS = {"ray": "ray", "dask": "distributed", "slurm": "submitit"}
"""Names of clusters, and the package of each; ``ray_cluster.ray_executor`` opens the one named ``ray``."""


def executor_options(given: str | ExecutorOptions) -> ExecutorOptions:
    """Makes options of a name, and checks them.

    Raises:
        ScenarioError: there is no such executor, or an option is not one of its own.
    """
    options = ExecutorOptions(given) if isinstance(given, str) else given
    if options.name not in (LOCAL, *_CLUSTERS):
        raise ScenarioError(f"unknown executor {shown(options.name)}{did_you_mean(options.name, [LOCAL, *_CLUSTERS])}")
    if not options.num_gpus >= 0:
        raise ScenarioError(f"num_gpus must be 0 or more, given {shown(options.num_gpus)}")
    if options.name == LOCAL and (options.address or options.num_gpus):
        raise ScenarioError("an address and num_gpus are of clusters; name one by --executor ray, dask or slurm")
    return options


@contextmanager
def open_remote(
    options: ExecutorOptions, workers: int | None, opened: Executor | None = None
) -> Iterator[Executor | None]:
    """Connects to a cluster while the block runs; None where batches are computed on this machine.

    Args:
        options: which cluster.
        workers: batches at the same time; None: as many as it has processors.
        opened: a connection that there is already.

    Raises:
        ScenarioError: the package is missing, or the cluster cannot be used; both versions are named where they differ.
    """
    if opened is not None:
        yield opened
        return
    with _cluster(options, workers) as executor:
        yield executor


def site_of(remote: Executor | None, workers: int | None) -> Site:
    """Returns what a plan is made for."""
    return remote.site if remote is not None else Site(1 if workers is None else workers)


def _cluster(options: ExecutorOptions, workers: int | None) -> AbstractContextManager[Executor | None]:
    options = executor_options(options)
    if options.name == LOCAL:
        return nullcontext()
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise ScenarioError(f"workers must be a whole number of 1 or more, given {shown(workers)}")
    package = _CLUSTERS[options.name]
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ScenarioError(
            f"--executor {options.name} needs the package {package} ({error}); pip install 'fairwave[{options.name}]'"
        ) from None
    made: Any = getattr(importlib.import_module(f"{__package__}.{options.name}_cluster"), f"{options.name}_executor")
    opened: AbstractContextManager[Executor] = made(options, workers)
    return opened
