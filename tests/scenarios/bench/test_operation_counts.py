"""The loop is guarded by counts, which are the same on every machine, instead of times."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

from allocators.registry import resolve
from phy.random import Drops
from scenarios import families
from scenarios.bench.case import workloads
from scenarios.bench.operation_counts import Counting, Counts, count, graphs
from scenarios.config.loading import load

F = 4  # bytes of a float32
I = 8  # of an int64  # noqa: E741


@cache
def counted(what: str, drops: int, device: str = "cpu") -> tuple[Counts, Counts]:
    """Two stretches of slots of a workload or preset."""
    workload = workloads().get(what)
    given = what if workload is None else workload.scenario(workload.allocator, drops)
    shorter = {"slicing": {"interval_s": 0.05}} if what == "slicing-quickstart" else {}  # a block of slots
    scenario = load(given, drops=drops, **shorter)
    family = families.find(scenario.family)
    problem = family.build(scenario, Drops(1, tuple(range(drops))), torch.device(device), torch.float32)
    first, second = count(problem, resolve(scenario.allocators[0].name, family.allocator_family), 2)
    return first, second


def of(work: Callable[[], object]) -> Counts:
    with Counting() as counting:
        work()
    return counting.counts


X, Y, BIAS = torch.ones(3, 4), torch.ones(4, 5), torch.ones(5)
TABLE, PLACES = torch.arange(100.0), torch.tensor([[1, 7]])
LOOK_UP = torch.ones(2, 100)
READ_BACK = Counts(operations=1, read_bytes=F, element_operations=1, host_syncs=1)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (lambda: X * 2, Counts(0, 1, 12 * F, 12 * F, 12 * F, 0, 12)),
        (lambda: X + X, Counts(0, 1, 12 * F, 12 * F, 12 * F, 0, 12)),
        (lambda: X @ Y, Counts(0, 1, 12 * F + 20 * F, 15 * F, 15 * F, 2 * 3 * 4 * 5)),
        (lambda: torch.bmm(X[None], Y[None]), Counts(0, 1, 32 * F, 15 * F, 15 * F, 2 * 3 * 4 * 5)),
        (lambda: torch.addmm(BIAS, X, Y), Counts(0, 1, 12 * F + 20 * F + 5 * F, 15 * F, 15 * F, 2 * 3 * 4 * 5)),
        (lambda: torch.zeros_like(X), Counts(0, 1, 0, 12 * F, 12 * F, 0, 12)),
        (lambda: X.sum(0), Counts(0, 1, 12 * F, 4 * F, 4 * F, 0, 12)),
        (lambda: X.mul_(1.0), Counts(0, 1, 12 * F, 12 * F, 0, 0, 12)),
        (lambda: X.fill_(1.0), Counts(0, 1, 0, 12 * F, 0, 0, 12)),
        (lambda: X[:2].copy_(Y[:2, :4]), Counts(0, 1, 8 * F, 8 * F, 0, 0, 8)),
        (lambda: torch.mm(X, Y, out=torch.empty(3, 5)), Counts(0, 1, 32 * F, 15 * F, 15 * F, 120)),
        (lambda: X[:1].expand(6, 4) + 1, Counts(0, 1, 4 * F, 24 * F, 24 * F, 0, 24)),
        (lambda: TABLE[PLACES], Counts(0, 1, 2 * I + 2 * F, 2 * F, 2 * F, 0, 2)),
        (lambda: LOOK_UP.gather(1, PLACES), Counts(0, 1, 2 * I + 2 * F, 2 * F, 2 * F, 0, 2)),
        (lambda: LOOK_UP.scatter_add_(1, PLACES, X[:1, :2]), Counts(0, 1, 2 * I + 4 * F, 2 * F, 0, 0, 2)),
        (lambda: X.view(4, 3).transpose(0, 1)[1:].unsqueeze(0), Counts()),
        (lambda: torch.empty(10), Counts(allocated_bytes=10 * F)),
        (lambda: X[0, 0].item(), READ_BACK),
        (lambda: bool(X[0, 0]), READ_BACK),
    ],
)  # fmt: skip
def test_each_operation_is_counted_as_by_hand(work: Callable[[], object], expected: Counts) -> None:
    assert of(work) == expected


@pytest.mark.parametrize(
    ("work", "syncs"),
    [
        (lambda: X.cpu().numpy(), 1),
        (lambda: X.tolist(), 1),
        (lambda: X[X > 0], 1),
        (lambda: X.nonzero(), 1),
        (lambda: torch.equal(X, X), 1),
        (lambda: X.clone().masked_fill_(X > 0, 1.0), 0),
        (lambda: torch.where(X > 0, X, 0.0), 0),
        (lambda: LOOK_UP[0, PLACES], 0),
    ],
)
def test_what_a_gpu_would_wait_for_is_seen(work: Callable[[], object], syncs: int) -> None:
    assert of(work).host_syncs == syncs


def test_operations_are_counted_by_name() -> None:
    with Counting() as counting:
        (X * 2 * 3).view(-1).sum()
        torch.empty(3)
    assert counting.by_operation == {"mul": 2, "sum": 1}
    assert counting.moved_by_operation == {"mul": 48 * F, "sum": 13 * F}


def test_graphs_and_what_breaks_them_are_counted() -> None:
    def whole(x: torch.Tensor) -> torch.Tensor:
        return x * 2 + 1

    def broken(x: torch.Tensor) -> torch.Tensor:
        x = x * 2
        torch._dynamo.graph_break()
        return x + 1

    found = [graphs(lambda f=f: torch.compile(f, backend="eager")(X)) for f in (whole, broken)]
    assert [(one.graphs, one.breaks) for one in found] == [(1, 0), (2, 1)]


def test_what_is_compiled_is_counted_as_it_was_written() -> None:
    def written(x: torch.Tensor) -> torch.Tensor:
        return (x * 2 + 1).relu().sum()

    compiled = torch.compile(written, backend="eager")
    compiled(X)
    assert of(lambda: compiled(X)) == of(lambda: written(X))
    assert of(lambda: compiled(X)).operations == 4


@pytest.mark.parametrize("what", ["W1", "slicing-quickstart", "wsn-100"])
def test_counts_repeat_exactly(what: str) -> None:
    first, second = counted(what, 1)
    assert first == second
    assert first.operations > first.slots


def test_a_stretch_has_whole_blocks_and_intervals() -> None:
    assert counted("W1", 1)[0].slots % 50 == 0
    assert counted("slicing-quickstart", 1)[0].slots == 50


@pytest.mark.parametrize(
    ("what", "operations", "allocated_bytes", "host_syncs"),
    [
        # 2026-11: 1.4, 45,036 and 0.08 (16 arrays at the end of each window; 16.0 operations slot by slot)
        ("W1", 1.6, 48_000, 0.1),
        # 2026-11: 40.0, 341,009 and 0.42 (21 arrays at the end of a window; 273.9 operations before there were loops)
        ("slicing-quickstart", 42, 350_000, 0.5),
    ],
)
def test_a_slot_takes_no_more_than_it_did(
    what: str, operations: float, allocated_bytes: float, host_syncs: float
) -> None:
    slot = counted(what, 1)[0].per_slot()
    assert slot["operations"] <= operations
    assert slot["allocated_bytes"] <= allocated_bytes
    assert slot["host_syncs"] <= host_syncs


@pytest.mark.parametrize(
    ("what", "of_each_drop"),
    [
        ("W1", 1.1),  # the SINR of each drop is a loop of its own
        ("slicing-quickstart", 1.1),
    ],
)
def test_more_drops_launch_hardly_more_operations(what: str, of_each_drop: float) -> None:
    one, four = counted(what, 1)[0], counted(what, 4)[0]
    assert four.operations <= one.operations + 3 * of_each_drop * one.slots
    assert four.host_syncs == one.host_syncs
    assert four.moved_bytes > 1.5 * one.moved_bytes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")
def test_a_gpu_is_waited_for_at_the_end_of_a_block_alone() -> None:
    first, _ = counted("W1", 8, "cuda")
    # of 50 slots: one verdict on all their decisions, and 16 arrays at the end of a window
    assert first.host_syncs <= 20
    assert first.operations <= 260 * first.slots
