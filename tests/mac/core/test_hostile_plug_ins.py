"""Plug-ins that write where they should not, or change settings of the process: no number of a run may follow."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from allocators.registry import resolve
from mac.core.allocator_guard import AllocatorGuard, copy_of
from mac.core.contracts import AllocatorError
from mac.core.loop import Span, run
from mac.core.recorder import Windows
from mac.core.stacked_allocators import StackedAllocators
from phy.random import Drops
from scenarios import families, load

BUSY = {"traffic": {"model": "constant_bit_rate", "rate_bps": 2e6, "packet_bytes": 500}}
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "scheduling": ("scheduling-macro", {"topology": {"sites": 1}, "users": [{"name": "a", "count": 3, **BUSY}]}),
    "slicing": ("slicing-quickstart", {"slicing": {"interval_s": 0.01}}),
    "wsn": ("wsn-field", {}),
    "market": ("market-random", {}),
    "comp": ("comp-corner", {"carrier": {"prbs": 6}, "comp": {"interval_s": 0.01}, "warmup_s": 0, "window_s": 0.01}),
    "auction": ("auction-synthetic", {"auction": {"requests": 12, "resources": 3}}),
}
OWN = {
    "scheduling": "proportional_fair",
    "slicing": "demand_proportional",
    "wsn": "leach",
    "market": "competitive",
    "comp": "equal_share",
    "auction": "mohaf",
}
SPAN = {
    "scheduling": Span(40, window=20),
    "slicing": Span(8, window=4),
    "wsn": Span(20, window=10),
    "market": Span(4, window=2),
    "comp": Span(4, window=2),
    "auction": Span(4, window=2),
}
FAMILIES = tuple(SMALL)
Deed = Callable[[Any], object]


class Twin:
    """Decides as an allocator of fairwave's own; a hostile one does something else beside it."""

    def __init__(self, family: str, in_decide: Deed | None = None, in_reset: Deed | None = None) -> None:
        self.inner, self.in_decide, self.in_reset = resolve(OWN[family], family), in_decide, in_reset

    def reset(self, context: Any, seed: int) -> None:
        self.inner.reset(copy_of(context), seed)
        if self.in_reset:
            self.in_reset(context)

    def decide(self, observation: Any) -> Any:
        decision = self.inner.decide(copy_of(observation))
        if self.in_decide:
            self.in_decide(observation)
        return decision


def problem(family: str, times: int = 1) -> Any:
    preset, settings = SMALL[family]
    drops = Drops(1, (0, 1) * times)
    return families.find(family).build(load(preset, **settings), drops, torch.device("cpu"), torch.float32)


@cache
def shared_problem(family: str) -> Any:
    """Returns a problem that is made once, as a run changes nothing of it."""
    return problem(family)


def played(family: str, allocator: Any) -> Windows:
    return run(shared_problem(family), allocator, SPAN[family], "mine")


@cache
def innocent(family: str) -> Windows:
    return played(family, Twin(family))


def assert_equal(one: Windows, other: Windows, rows: slice = slice(None)) -> None:
    assert set(one.arrays) == set(other.arrays)
    for name, value in other.arrays.items():
        assert np.array_equal(np.asarray(one.arrays[name])[rows], np.asarray(value), equal_nan=True), name


def tensors(seen: Any) -> list[Tensor]:
    values = [getattr(seen, one.name) for one in fields(seen)]
    return [value for value in values if isinstance(value, Tensor) and value.numel()]


def others(value: Tensor) -> Tensor:
    return ~value if value.dtype == torch.bool else value + 1


def whole_storage(value: Tensor) -> Tensor:
    return torch.as_strided(value.data, (value.untyped_storage().nbytes() // value.element_size(),), (1,), 0)


def set_field(seen: Any) -> None:
    one = next(one for one in fields(seen) if isinstance(getattr(seen, one.name), Tensor))
    object.__setattr__(seen, one.name, others(getattr(seen, one.name)))


WRITES: dict[str, Deed] = {
    "in place": lambda seen: [value.copy_(others(value)) for value in tensors(seen)],
    "numpy": lambda seen: [np.copyto(value.numpy(), others(value).numpy()) for value in tensors(seen)],
    "data": lambda seen: [value.data.copy_(others(value)) for value in tensors(seen)],
    "storage": lambda seen: [whole_storage(value).copy_(others(whole_storage(value))) for value in tensors(seen)],
    "dlpack": lambda seen: [torch.from_dlpack(value.data).copy_(others(value)) for value in tensors(seen)],
    "bytes": lambda seen: [value.untyped_storage().fill_(1) for value in tensors(seen)],
    "shape": lambda seen: [value.resize_(0) for value in tensors(seen)],
    "the field": set_field,
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", WRITES)
def test_what_is_written_while_it_decides_is_refused(family: str, way: str) -> None:
    with pytest.raises(
        AllocatorError, match=r"allocator mine: .* decide\(\) wrote into observation\.\w+, which is not"
    ):
        played(family, Twin(family, WRITES[way]))


@pytest.mark.parametrize("way", WRITES)
def test_what_is_written_into_the_context_is_refused(way: str) -> None:
    with pytest.raises(AllocatorError, match=r"reset\(\) wrote into context\.position_m"):
        played("wsn", Twin("wsn", in_reset=WRITES[way]))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("way", [way for way in WRITES if way != "the field"])
def test_an_old_observation_is_its_own(family: str, way: str) -> None:
    kept: list[Any] = []

    def write_later(seen: Any) -> None:
        if kept:
            WRITES[way](kept.pop())
        kept.append(seen)

    assert_equal(played(family, Twin(family, write_later)), innocent(family))


def test_what_is_computed_on_demand_is_a_copy_too() -> None:
    """In float64 the age of nothing is the engine's own zero."""

    def write(seen: Any) -> None:
        seen.head_of_line().add_(1)
        seen.head_of_line_s.numpy()[...] += 1

    preset, settings = SMALL["scheduling"]
    drops, cpu = Drops(1, (0, 1)), torch.device("cpu")
    full = load(preset, **{**settings, "users": [{"name": "a", "count": 3, "traffic": {"model": "full_buffer"}}]})
    one, other = (families.find("scheduling").build(full, drops, cpu, torch.float64) for _ in range(2))
    hostile, twin = Twin("scheduling", write), Twin("scheduling")
    assert_equal(run(one, hostile, SPAN["scheduling"]), run(other, twin, SPAN["scheduling"]))


class Buffered(Twin):
    """Writes every decision into one buffer, which all of its kind share, and spoils it before the next."""

    buffer: dict[str, Tensor] = {}  # noqa: RUF012

    def decide(self, observation: Any) -> Any:
        for value in self.buffer.values():
            value.zero_()
        decision = super().decide(observation)
        for one in fields(decision):
            value = getattr(decision, one.name)
            if isinstance(value, Tensor):
                self.buffer[one.name] = self.buffer.setdefault(one.name, value.clone()).copy_(value)
                object.__setattr__(decision, one.name, self.buffer[one.name])
        return decision


@pytest.mark.parametrize("family", FAMILIES)
def test_a_decision_may_stand_in_a_buffer_that_is_used_again(family: str) -> None:
    Buffered.buffer = {}
    assert_equal(played(family, Buffered(family)), innocent(family))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("deed", ["buffer", "old observation"])
def test_side_by_side_no_allocator_changes_what_others_see_or_said(family: str, deed: str) -> None:
    """The second of three writes; each of them gets what it gets alone."""
    Buffered.buffer, seen = {}, []  # type: ignore[var-annotated]

    def later(observation: Any) -> None:
        if seen:
            WRITES["storage"](seen.pop())
        seen.append(observation)

    made = [Buffered(family), Buffered(family)] if deed == "buffer" else [Twin(family), Twin(family, later)]
    held = {str(number): AllocatorGuard(one, str(number)) for number, one in enumerate((*made, Twin(family)))}
    require = families.find(family).require
    if require is None:
        pytest.skip(f"allocators of the family {family} run one after the other")
    together = run(problem(family, 3), StackedAllocators(held, require), SPAN[family])
    for first in (0, 2, 4):
        assert_equal(together, innocent(family), slice(first, first + 2))


def test_a_scheduler_inside_slices_is_held_off_too() -> None:
    tested = problem("slicing")
    tested.scheduler = AllocatorGuard(Twin("scheduling", WRITES["numpy"]), "inner (slicing.scheduler)")
    with pytest.raises(AllocatorError, match=r"inner \(slicing.scheduler\).*decide\(\) wrote into observation\.\w+"):
        run(tested, resolve("equal", "slicing"), SPAN["slicing"])


def test_allocators_of_fairwaves_own_see_the_tensors_themselves() -> None:
    """Own allocators get no copies; one with a method replaced on the object is a plug-in."""
    tested, seen = problem("scheduling"), []
    observation = tested.observe(tested.start())
    own = resolve("round_robin", "scheduling")
    assert AllocatorGuard(own)._trusted and not AllocatorGuard(Twin("scheduling"))._trusted
    own.decide = seen.append
    held = AllocatorGuard(own)
    held.reset(tested.context, 1)
    held.decide(observation)
    assert seen[0].rate_bits is not observation.rate_bits and torch.equal(seen[0].rate_bits, observation.rate_bits)


SETTINGS: dict[str, Callable[[], object]] = {
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "device": lambda: torch.set_default_device("meta"),
    "threads": lambda: torch.set_num_threads(3),
    "no grad": lambda: torch.set_grad_enabled(False),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "denormals": lambda: torch.set_flush_denormal(True),
    "numpy's errors": lambda: np.seterr(all="raise"),
    "seeds": lambda: (random.seed(1), np.random.seed(1), torch.manual_seed(1)),
    "draws": lambda: (random.random(), np.random.random(), torch.rand(3)),
}


def state() -> tuple[object, ...]:
    return (
        torch.get_default_dtype(),
        torch.empty(0).device,
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.tensor(2e-38).mul(0.1).item() == 0.0,
        tuple(np.geterr().items()),
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_the_process_do_not_matter(family: str, setting: str) -> None:
    expected, before = innocent(family), state()

    def change(_: Any) -> None:
        SETTINGS[setting]()

    assert_equal(played(family, Twin(family, change, change)), expected)
    assert state() == before


def test_what_cannot_be_put_back_is_refused() -> None:
    modes: list[Any] = []

    def enter(_: Any) -> None:
        modes.append(torch.inference_mode())
        modes[-1].__enter__()

    try:
        with pytest.raises(AllocatorError, match="left torch's inference mode at True, which cannot be put back"):
            played("slicing", Twin("slicing", enter))
    finally:
        modes[0].__exit__(None, None, None)


def test_what_is_decided_under_inference_mode_or_with_gradients_is_taken() -> None:
    class Wrapped(Twin):
        def decide(self, observation: Any) -> Any:
            with torch.inference_mode():
                return super().decide(observation)

    assert_equal(played("slicing", Wrapped("slicing")), innocent("slicing"))
