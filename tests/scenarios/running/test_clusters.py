"""Ray, Dask and submitit on this machine, processes killed in the middle; skipped where they are not installed."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import toy_family
from run_helpers import Toy, refused, run

from scenarios import sweep
from scenarios.errors import ScenarioError
from scenarios.running.executors.options import ExecutorOptions

ALLOCATORS = {"mine": toy_family.Greedy(3.0), "slow": "toy_family:Slow"}


def kill_after_the_first_shard(kill: Callable[[], None]) -> threading.Thread:
    def wait_and_kill() -> None:
        while not list(Path("far").rglob("*.nc")):
            time.sleep(0.02)
        kill()

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    return thread


def same_as_here(toy: Toy, where: ExecutorOptions, kill: Callable[[], None]) -> None:
    """Runs on a cluster, of which a process or machine is killed, and here, and compares every bit."""
    toy.update(drops=4, drops_per_batch=1, duration_s=4.0)
    thread = kill_after_the_first_shard(kill)
    far = run(toy, ALLOCATORS, out="far", executor=where)
    thread.join()
    here = run(toy, ALLOCATORS, out="here")
    assert far.complete and far.per_drop.equals(here.per_drop)
    assert sweep({**toy, "drops": 1}, {"users": [2, 4]}, out="sweep", executor=where).complete


def test_ray_loses_a_node(toy: Toy) -> None:
    pytest.importorskip("ray.cluster_utils", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **small})
    try:
        other = cluster.add_node(num_cpus=1, **small)
        lose = lambda: cluster.remove_node(other, allow_graceful=False)  # noqa: E731
        same_as_here(toy, ExecutorOptions("ray", cluster.address), lose)
        assert "no machine of the cluster has room for a batch that takes 1 GPUs" in refused(
            toy, out="gpu", executor=ExecutorOptions("ray", cluster.address, num_gpus=1)
        )
    finally:
        cluster.shutdown()


def test_what_answers_at_an_address_must_be_ray() -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from scenarios.running.executors.ray_cluster import ray_executor

    def answer(server: socket.socket) -> None:
        with server.accept()[0]:  # of the check that something is there
            pass
        with server.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        said = f"--ray-address {address}: what answers there is no Ray cluster"
        with pytest.raises(ScenarioError, match=said), ray_executor(ExecutorOptions("ray", address), None):
            pass
        thread.join()


def test_dask_loses_a_worker(toy: Toy) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        worker = next(iter(cluster.workers.values()))
        same_as_here(
            toy, ExecutorOptions("dask", cluster.scheduler_address), lambda: os.kill(worker.pid, signal.SIGKILL)
        )


def test_jobs_of_submitit_and_one_that_is_killed(toy: Toy) -> None:
    pytest.importorskip("submitit", reason="the extra 'slurm' is not installed")
    import psutil

    def kill_a_job() -> None:
        jobs = (one for one in psutil.Process().children(True) if "submitit.core._submit" in " ".join(one.cmdline()))
        next(jobs).kill()

    where = ExecutorOptions("slurm", slurm={"cluster": "local", "timeout_min": 10})
    same_as_here(toy, where, kill_a_job)
    assert not list(Path().glob(".fairwave-jobs-*"))
    assert "--slurm: " in refused(
        toy, out="bad", executor=ExecutorOptions("slurm", slurm={"cluster": "local", "no": 1})
    )
