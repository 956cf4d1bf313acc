"""Measures what the coordinator of a sweep spends per batch and per point: ``python -m benchmarks.studies.executors
[local ray dask slurm]``; from it, by arithmetic, what 1,000 cores do with a sweep of 10,000 points.

Times of the coordinator are those of its processor; how much longer a batch takes than here is wall time. Ray
and Dask are started on this machine, Slurm's jobs are processes of it (submitit's local executor).
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scenarios.campaigns.definition import define
from scenarios.campaigns.sweep import PlannedPoint, plan_sweep
from scenarios.results.claims import local_claims
from scenarios.results.read_files import watching_files
from scenarios.running.entrants import entrants_of
from scenarios.running.executors.executor import Executor
from scenarios.running.executors.local import local_processes
from scenarios.running.executors.opening import open_remote
from scenarios.running.executors.options import ExecutorOptions
from scenarios.running.options import RunOptions
from scenarios.running.prepared_run import PreparedRun, prepared
from scenarios.running.run import complete
from scenarios.running.worker import run_pickled_batch
from scenarios.running.worker_pickling import pickled_batches

_POINTS, _CORES, _CORE_S = 10_000, 1_000, 60  # of a sweep; core seconds of a point
_PROBES, _ROUNDS = 6, 6  # points and batches that are measured
_SETTINGS = {"drops": 8, "duration_s": 0.25, "warmup_s": 0.0, "window_s": 0.25}


@dataclass
class Spent:
    """Sums up seconds of this process's processor, by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    def on(self, what: str, call: Callable[[], Any], count: int = 1) -> Any:
        """Makes a call, and adds what it took divided by ``count``."""
        began = time.process_time()
        found = call()
        self.seconds[what] = self.seconds.get(what, 0.0) + (time.process_time() - began) / count
        return found


@contextmanager
def opened(name: str) -> Iterator[Executor]:
    """Opens an executor of two workers on this machine."""
    if name == "local":
        with local_processes(2) as executor:
            yield executor
        return
    with _cluster(name) as options, open_remote(options, 2) as remote:
        assert remote is not None
        yield remote


@contextmanager
def _cluster(name: str) -> Iterator[ExecutorOptions]:
    if name == "ray":
        from ray.cluster_utils import Cluster

        ours = Cluster(
            True, head_node_args={"num_cpus": 2, "include_dashboard": False, "object_store_memory": 80_000_000}
        )
        yield ExecutorOptions("ray", ours.address)
        ours.shutdown()
    elif name == "dask":
        import distributed

        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as machines:
            yield ExecutorOptions("dask", machines.scheduler_address)
    else:
        yield ExecutorOptions("slurm", slurm={"cluster": "local", "timeout_min": 10})


def coordinator(spent: Spent, points: int) -> bytes:
    """Measures what a point of one batch takes of the coordinator but for the executor; returns such a batch."""
    values = {"users.embb.count": list(range(1, points + 1))}
    definition = define("slicing-quickstart", values, "grid", **_SETTINGS)
    planned = spent.on("check and plan", lambda: plan_sweep(definition, "sweep"), points)
    claims = local_claims(planned.folder)
    for point in planned.points:
        batch = _point(spent, point, points)
        spent.on("claim", lambda point=point: claims.take(point.stored.hash), points)  # type: ignore[misc]
    claims.release()
    return batch


def _point(spent: Spent, point: PlannedPoint, points: int) -> bytes:
    entrants = entrants_of(point.scenario)
    options = RunOptions(out=point.stored.folder, resume=True, plots=False, claimed=True)

    def open_run() -> tuple[PreparedRun, list[Any]]:
        with watching_files(anew=True), prepared(point.plan, entrants, options) as run:
            return run, run.todo()

    run, todo = spent.on("open", open_run, points)
    (batch,) = spent.on("pickle", lambda: pickled_batches(point.plan, todo, run.modules), points)
    result = run_pickled_batch(batch)
    spent.on("write shards", lambda: run.write(result.pieces, result.metrics), points)
    spent.on("tables", lambda: complete(run, options, 0.0), points)
    return bytes(batch)


def overhead(name: str, batch: bytes) -> tuple[float, float]:
    """Measures what a batch takes in an executor: seconds of the coordinator's processor, and of the wall clock.

    Batches are submitted one after the other; what one takes in this process is subtracted from the latter.
    """
    began = time.perf_counter()
    for _ in range(_ROUNDS):
        run_pickled_batch(batch)
    here = time.perf_counter() - began
    with opened(name) as executor:
        _compute(executor, batch, 0 if name == "slurm" else 4)  # each worker imports
        wall, spent = time.perf_counter(), time.process_time()
        for _ in range(_ROUNDS):
            _compute(executor, batch, 1)
        wall, spent = time.perf_counter() - wall, time.process_time() - spent
    return spent / _ROUNDS, (wall - here) / _ROUNDS


def _compute(executor: Executor, batch: bytes, count: int) -> None:
    """Computes a batch so many times at once."""
    tickets = {executor.submit(batch) for _ in range(count)}
    while tickets:
        for ticket in executor.ended(tickets, 0.05):
            tickets.discard(ticket)
            if (error := executor.result(ticket).error) is not None:
                raise error


def main() -> None:
    """Prints both tables, and what follows from them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executors", nargs="*", default=["local", "ray", "dask", "slurm"])
    names = parser.parse_args().executors
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        coordinator(Spent(), 2)  # imports and compiles
        os.rename("sweep", "warm")
        spent = Spent()
        batch = coordinator(spent, _PROBES)
        print("| coordinator, a point of 8 drops, 4 allocators, one batch | ms |\n|---|--:|")
        for what, seconds in spent.seconds.items():
            print(f"| {what} | {1e3 * seconds:.1f} |")
        print(f"| in all | {1e3 * sum(spent.seconds.values()):.1f} |\n")
        print("| executor | coordinator's ms a batch | ms that it takes longer than here |\n|---|--:|--:|")
        told = []
        for name in names:
            mine, trip = overhead(name, batch)
            print(f"| {name} | {1e3 * mine:.1f} | {1e3 * trip:.0f} |", flush=True)
            told.append(f"\n{name}: {_arithmetic({**spent.seconds, f'executor {name}': mine})}")
        print("".join(told))
        os.chdir("/")


def _arithmetic(seconds: Mapping[str, float]) -> str:
    """Says what many cores would do with a sweep of points of one batch, and what they would wait for."""
    each, most = sum(seconds.values()), max(seconds, key=lambda what: seconds[what])
    least = _POINTS * _CORE_S / _CORES
    return (
        f"a coordinator ends {1 / each:.1f} points a second, {_POINTS:,} points in {_POINTS * each / 60:.0f} min; "
        f"{_CORES:,} cores wait for it if a point computes for less than {_CORES * each:.0f} core seconds; most of its "
        f"time is for: {most} ({seconds[most] / each:.0%}). Points of {_CORE_S} core seconds take {_CORES:,} cores "
        f"{least / 60:.0f} min; {math.ceil(_POINTS * each / least)} coordinators keep up with that."
    )


if __name__ == "__main__":
    main()
