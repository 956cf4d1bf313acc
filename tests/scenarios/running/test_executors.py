"""Batches computed elsewhere: what is lost is computed again, what differs is refused, results are the same bits."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import toy_family
from run_helpers import Toy, refused, run
from typer.testing import CliRunner

from scenarios import load, sweep
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.results.shards import read_shard
from scenarios.running.executors import node, opening
from scenarios.running.executors.executor import LostBatchError, Ticket
from scenarios.running.executors.machines import cluster_site, require_reachable
from scenarios.running.executors.site import Site
from scenarios.running.plan import make_plan
from scenarios.running.worker import BatchResult


class InTurn:
    """Computes batches here, as a machine far away would; ``loses`` says which submissions are lost."""

    fate_shared = False

    def __init__(self, loses: Collection[int] = ()) -> None:
        self.site, self.depth = Site(2, "cpu", "cpu (far)", 10**9), 4
        self.loses, self.submitted, self.cancelled = loses, list[bytes](), list[Ticket]()
        self.here = True

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Nothing comes here while the block runs."""
        self.here = False
        yield
        self.here = True

    def submit(self, batch: bytes, /) -> Ticket:
        self.submitted.append(batch)
        return len(self.submitted) - 1

    def ended(self, tickets: Collection[Any], wait_s: float, /) -> Collection[Ticket]:
        return [max(tickets)]  # the last one first

    def result(self, ticket: Any, /) -> BatchResult:
        if ticket in self.loses:
            raise LostBatchError("a node")
        return node.opened(node.remote_work()(self.submitted[ticket], node.origin()))

    def progress(self) -> int:
        return 0

    def cancel(self, tickets: Collection[Ticket], /) -> None:
        self.cancelled += tickets


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[InTurn]:
    """A cluster named ray, which is this process."""
    executor = InTurn()

    @contextmanager
    def connected(*_: object) -> Iterator[InTurn | None]:
        yield executor if executor.here else None

    monkeypatch.setattr(opening, "_cluster", connected)
    yield executor


def shards(folder: str) -> dict[str, Any]:
    return {str(path.relative_to(folder)): read_shard(path).drop_attrs() for path in sorted(Path(folder).rglob("*.nc"))}


def test_batches_that_are_lost_are_computed_again_and_nothing_else_changes(toy: Toy, far: InTurn) -> None:
    allocators = {"mine": toy_family.Greedy(3.0), "even": "toy_family:Even"}
    far.loses = {1, 3}
    found = run(toy, allocators, out="far", drops_per_batch=2)
    with far.elsewhere():
        alone = run(toy, allocators, out="here", drops_per_batch=2)
    assert len(far.submitted) == 3 + 2 and len(set(far.submitted)) == 3
    assert found.per_drop.equals(alone.per_drop) and found.meta["device"] == "cpu (far)"
    here = shards("here")
    assert here.keys() == shards("far").keys() and all(here[name].identical(one) for name, one in shards("far").items())


def test_a_batch_that_is_lost_each_time_is_one_sentence(toy: Toy, far: InTurn) -> None:
    far.loses = range(1000)
    assert refused(toy, out="out").startswith("a worker died 3 times on the same batch (a node): it was killed, or")
    assert not Path("out").exists() and len(far.submitted) <= 3 * far.depth


def test_a_sweep_flows_through_one_executor(toy: Toy, far: InTurn) -> None:
    far.loses = {2}
    found = sweep(toy, {"users": [2, 4, 8]}, out="far")
    assert len(far.submitted) == 3 * 2 + 1, "three points in two batches each, for two workers"
    with far.elsewhere():
        alone = sweep(toy, {"users": [2, 4, 8]}, out="here")
    assert found.complete and found.per_drop.equals(alone.per_drop)


def test_a_point_that_fails_ends_alone(toy: Toy, far: InTurn) -> None:
    toy["allocators"] = ["toy_family:TooMuch"]
    with pytest.warns(UserWarning, match=r"duration_s=4 failed: .*shares must be positive"):
        found = sweep(toy, {"duration_s": [1.0, 4.0, 2.0]}, out="out")
    assert found.points["state"].tolist() == ["done", "failed", "done"]


def test_machines_of_other_versions_are_refused_with_both(
    toy: Toy, far: InTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = node.origin()
    there = node.answered(b"", {**told, "versions": {**told["versions"], "torch": "1.0"}})
    told_there = {**json.loads(there), "versions": {**told["versions"], "torch": "1.0"}}
    with pytest.raises(ScenarioError, match=r"of the cluster would give other results: torch 1.0 there and 2\S+ here"):
        node.opened(json.dumps(told_there).encode())
    with pytest.raises(ScenarioError, match=r"other code of fairwave there \(digest 0\) than here"):
        node.capacity(json.dumps({**json.loads(there), "code": "0"}).encode())
    missing = {"machine": "n1", "missing": "No module named 'scenarios'"}
    with pytest.raises(ScenarioError, match=r"n1 of the cluster has no fairwave .* and here is fairwave \d"):
        node.opened(json.dumps(missing).encode())
    assert node.capacity(node.answered(b"", told))["cpu_bytes"] > 0


def test_a_batch_is_sized_to_the_smallest_machine() -> None:
    large = {"cpu": "cpu (x)", "model": "A", "cpu_bytes": 64, "gpu": "cuda (H)", "gpu_bytes": 80}
    small = {**large, "cpu_bytes": 8, "gpu_bytes": 0, "gpu": ""}
    assert cluster_site([large, small], [4, 2], None) == Site(6, "cpu", "cpu (x)", 4)
    assert cluster_site([large], [2], 7, 0.5) == Site(7, "cuda", "cuda (H)", 40)
    with pytest.raises(ScenarioError, match="no machine of the cluster has room for a batch that takes 2 GPUs"):
        cluster_site([small], [0], None, 2)
    with pytest.raises(ScenarioError, match="devices of several kinds"):
        cluster_site([large, {**large, "cpu": "cpu (arm)"}], [1, 1], None)
    with pytest.warns(UserWarning, match=r"processors of several models \(A, B\)"):
        cluster_site([large, {**large, "model": "B"}], [1, 1], None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--executor", "rai"], "unknown executor 'rai'; did you mean 'ray'?"),
        (["--ray-address", "a:1"], "--ray-address is for --executor ray, given --executor local"),
        (["--num-gpus", "1"], "an address and num_gpus are of clusters"),
        (["--executor", "dask", "--num-gpus", "-1"], "num_gpus must be 0 or more"),
    ],
)
def test_wrong_options_are_one_sentence(toy: Toy, options: list[str], said: str) -> None:
    Path("toy.yaml").write_text(json.dumps(toy))
    done = CliRunner().invoke(app, ["run", "toy.yaml", *options])
    assert done.exit_code == 2 and said in " ".join(done.stderr.split())


def test_addresses_are_tried_before_a_package_waits_for_them() -> None:
    with pytest.raises(ScenarioError, match="--ray-address nowhere: write it as HOST:PORT"):
        require_reachable("ray", "nowhere")
    with pytest.raises(ScenarioError, match=r"--dask-address tcp://127.0.0.1:1: nothing answers there"):
        require_reachable("dask", "tcp://127.0.0.1:1")


def test_a_package_that_is_missing_is_named(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    assert "--executor ray needs the package ray" in refused(toy, out="out", executor="ray")


def test_plans_of_a_sweep_share_the_workers(toy: Toy) -> None:
    site = Site(4, "cpu", "far", 10**9)
    cut = [make_plan(load(toy), site, runs).parts[0].batches for runs in (1, 2, 4, 8, 100)]
    assert cut == [6, 6, 2, 2, 2], "cut small only where there are too few runs; 4 of the 6 drops fit side by side"
