"""Memory of fading is used again, never while the block it belongs to is held, and known beforehand."""

from __future__ import annotations

import pytest
import torch
from engine_cases import rotate
from engine_factory import engine

from mac.engine.engine import Engine
from mac.engine.radio.fading_buffers import slots_at_once
from mac.engine.state import CellState
from mac.scheduling.observe import observe
from phy.random import Drops
from scenarios import families
from scenarios.bench.case import BenchCase, BenchOptions, as_scenario
from scenarios.config.loading import load
from scenarios.families.scheduling.workloads import WORKLOADS
from scenarios.families.schema import ScenarioBase
from scenarios.running import memory

PEAKS = {
    ("W1", "exact"): (60.75e9 - 7.63e9) / (4096 - 512),
    ("W1", "fast"): (36.68e9 - 4.64e9) / (4096 - 512),
    ("W2", "exact"): (24.95e9 - 6.28e9) / (256 - 64),
    ("W2", "fast"): (25.97e9 - 3.30e9) / (512 - 64),
    ("W3", "exact"): (28.38e9 - 3.60e9) / (64 - 8),
    ("W3", "fast"): (35.26e9 - 8.87e9) / (256 - 64),
}
"""Bytes of a drop, from torch.cuda.max_memory_allocated() of two batches on an H200, torch 2.11.0, 2026-11-29."""


def later(tested: Engine, state: CellState, slots: int) -> CellState:
    for _ in range(slots):
        observation = observe(tested, state)
        state, _ = tested.step(state, rotate(observation), observation.need_prbs)
    return state


def test_a_block_that_is_held_stays_as_it_is() -> None:
    tested = engine(Drops(1, (0, 1)))
    held = tested.start()
    before = held.block.response.coordinates.clone()
    first, again = (later(tested, held, 4 * tested.parts.block_slots).block for _ in range(2))
    assert held.block.response.coordinates.equal(before)
    assert first.response.coordinates.equal(again.response.coordinates)
    assert first.response.coordinates.data_ptr() != held.block.response.coordinates.data_ptr()


@pytest.mark.parametrize("part", ["coordinates", "view", "array", "air"])
def test_a_part_of_a_block_that_is_held_stays_as_it_is(part: str) -> None:
    """The tensor alone, a view of it, an array that shares its memory, and what a slot reads."""
    tested = engine(Drops(1, (0, 1)))
    state = later(tested, tested.start(), 3)
    held: torch.Tensor = state.block.response.coordinates
    if part == "view":
        held = held[:, 1:, 2]
    elif part == "array":
        held = torch.from_numpy(held[:, 1:].numpy())
    elif part == "air":
        held = tested._moment(state.slot, state.block, state.attached.serving).response.coordinates
    before = held.clone()
    later(tested, state, 6 * tested.parts.block_slots)
    state = later(tested, tested.start(), 6 * tested.parts.block_slots)
    assert held.equal(before)


def test_memory_that_is_free_is_written_again() -> None:
    tested = engine(Drops(1, (0, 1)))
    state, places = tested.start(), set()
    for _ in range(8):
        state = later(tested, state, tested.parts.block_slots)
        places.add(state.block.response.coordinates.data_ptr())
    assert len(places) <= 2


def scenario_of(workload: str, mode: str) -> ScenarioBase:
    return load(as_scenario(WORKLOADS[workload], BenchCase(workload, 4, mode, BenchOptions())))


def estimated(scenario: ScenarioBase) -> float:
    """Bytes of one more drop."""
    family = families.find(scenario.family)
    return family.estimate_bytes(scenario, 4) - family.estimate_bytes(scenario, 3)


@pytest.mark.parametrize(("workload", "mode"), PEAKS)
def test_the_estimate_is_what_a_gpu_was_seen_to_take(workload: str, mode: str) -> None:
    peak = PEAKS[workload, mode]
    assert memory.SHARE * peak < estimated(scenario_of(workload, mode)) < peak / memory.SHARE


@pytest.mark.parametrize(("workload", "mode"), [("W1", "exact"), ("W1", "fast"), ("W2", "exact")])
def test_the_estimate_covers_rays_and_two_blocks(workload: str, mode: str) -> None:
    scenario = scenario_of(workload, mode)
    built = families.find(scenario.family).build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float32)
    tested: Engine = built.engine  # type: ignore[attr-defined]
    state, places = tested.start(), {}
    for _ in range(3 * tested.parts.block_slots):
        state = later(tested, state, 1)
        coordinates = state.block.response.coordinates
        places[coordinates.data_ptr()] = coordinates.untyped_storage().nbytes()
    held = sum(places.values()) + tested.parts.channel.fading.rays.untyped_storage().nbytes()
    assert len(places) == 2
    assert held < estimated(scenario) < 1.5 * held


def test_slots_at_once_keep_their_bounds() -> None:
    assert [slots_at_once(numbers, 50) for numbers in (0, 1_000_000, 1_000_001, 2_500_000, 25_000_000, 10**9)] == [
        *(25, 25, 10, 10, 1, 1)
    ]
    assert slots_at_once(1, 8) == 8
