"""The slot as one graph, which GPUs get: it has no breaks, and makes the same numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from engine_cases import rotate
from engine_factory import engine

from mac.carrier import CarrierSettings
from mac.engine.backends.torch_compile import TracedSlot
from mac.engine.engine import Engine
from mac.scheduling.observe import observe
from phy.numerics.jit import CompilerError
from phy.random import Drops
from scenarios.bench.operation_counts import Counting, graphs


def broken(graph: Any, inputs: Any) -> Any:
    raise RuntimeError("no C compiler found")


def plain(prbs: int = 25, **settings: Any) -> Engine:
    made = engine(Drops(1, (0, 1)), carrier=CarrierSettings(prbs=prbs), **settings)
    return Engine(replace(made.parts, backend="torch"))


def drive(tested: Engine, slots: int) -> list[torch.Tensor]:
    state, counters = tested.start(), []
    for _ in range(slots):
        observation = observe(tested, state)
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
        counters.append(outcome.counters)
    return counters


def traced(tested: Engine, backend: Any = "eager") -> Engine:
    tested.backend = TracedSlot(tested.parts, tested.radio, backend)
    return tested


def test_a_slot_is_one_graph_without_breaks() -> None:
    tested = traced(plain())
    found = graphs(lambda: drive(tested, 12))
    assert found.breaks == 0
    assert found.graphs <= 2  # the first state comes from another place than those that follow


def test_the_graph_makes_the_numbers_of_the_slot() -> None:
    for one, other in zip(drive(plain(), 12), drive(traced(plain()), 12), strict=True):
        assert torch.allclose(one, other, rtol=1e-6)


def test_where_compiling_fails_one_sentence_says_how_to_do_without() -> None:
    with pytest.raises(CompilerError, match=r"torch.compile failed .*no C compiler found.*; set FAIRWAVE_COMPILE=0 to"):
        drive(traced(plain(), broken), 2)


def test_memory_that_runs_out_is_no_failure_of_the_compiler() -> None:
    def greedy(graph: Any, inputs: Any) -> Any:
        def call(*_: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        return call

    tested = traced(plain(), greedy)
    with pytest.raises(torch.OutOfMemoryError):
        drive(tested, 1)


def test_many_networks_of_many_sizes_are_compiled_in_one_process() -> None:
    """A run of many variants, more of them than torch keeps of one code (8 unless it is told otherwise)."""
    with torch._dynamo.config.patch(recompile_limit=2):
        for prbs in range(2, 5):
            tested = traced(plain(prbs=prbs))
            found = graphs(lambda tested=tested: drive(tested, 2))
            assert found.graphs > 0 and found.breaks == 0, prbs


def test_what_is_traced_is_counted_as_it_was_written() -> None:
    written, compiled = plain(), traced(plain())
    for tested in (written, compiled):  # memory of a first time is used again
        drive(tested, 3)
    with Counting() as one:
        drive(written, 3)
    with Counting() as other:
        drive(compiled, 3)
    assert one.by_operation == other.by_operation and one.counts == other.counts
    assert (written.backend.name, compiled.backend.name) == ("torch", "torch.compile")


def test_a_fault_of_the_slot_itself_is_not_hidden() -> None:
    tested = traced(plain())
    state = tested.start()
    observation = observe(tested, state)
    decision = rotate(observation)
    with pytest.raises(Exception, match=r"size|shape|index"):
        tested.step(state, replace(decision, user=decision.user[:, :, :5]), observation.need_prbs)
