"""The same drops on a GPU: drawn on the CPU, moved, and equal within float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from backend_cases import Scenario, city
from engine_cases import NAMES, rotate
from engine_factory import engine

from allocators.registry import resolve
from mac.carrier import CarrierSettings
from mac.core.loop import Span, run
from mac.engine.engine import Engine
from mac.scheduling.observe import observe
from phy.random import Drops
from scenarios.bench import bench, measure
from scenarios.config.loading import load
from scenarios.families import find

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")

FULL = [{"name": "busy", "count": 4, "traffic": {"model": "full_buffer"}}]
CITIES: dict[str, Scenario] = {
    "on PRBs": city(users=FULL, duration_s=0.2),
    "in a folded basis": city(users=FULL, carrier={"prbs": 51}, fading={"directions": 30}, duration_s=0.2),
    "some interferers fade": city(users=FULL, fading={"dominant_interferers": 2}, duration_s=0.2),
    "queues": city(duration_s=0.2),
    "one cell": city(topology={"layout": "single", "wrap_around": False}, duration_s=0.2),
}


def drive(tested: Engine, slots: int) -> tuple[torch.Tensor, torch.Tensor]:
    state = tested.start()
    for _ in range(slots):
        observation = observe(tested, state)
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
    return state.reports[-1].bits.cpu(), outcome.counters.cpu()


def test_gpu_equals_cpu() -> None:
    drops, carrier = Drops(1, (0, 1, 2)), CarrierSettings(prbs=25)
    (cpu, cpu_counters), (gpu, gpu_counters) = (
        drive(engine(drops, carrier=carrier, device=torch.device(name)), 1) for name in ("cpu", "cuda")
    )
    assert (cpu != gpu).double().mean() < 2e-3  # a report differs only where a SINR lies on the edge of a level
    granted = NAMES["granted_prbs"]
    assert torch.equal(cpu_counters[granted], gpu_counters[granted])
    served = NAMES["served_bits"]
    assert gpu_counters[served].sum().item() == pytest.approx(cpu_counters[served].sum().item(), rel=0.02)


def windows(scenario: Scenario, device: str) -> tuple[dict[str, np.ndarray], Any]:
    """A run of four drops on a device, and its engine."""
    loaded = load(scenario)
    family = find(loaded.family)
    problem = family.build(loaded, Drops(loaded.seed, (0, 1, 2, 3)), torch.device(device), torch.float32)
    clock = family.clock(loaded)
    allocator = resolve("proportional_fair", family.allocator_family)
    return dict(run(problem, allocator, Span(clock.intervals, clock.warmup, clock.window)).arrays), problem.engine


@pytest.mark.parametrize("name", CITIES)
def test_a_run_on_a_gpu_is_that_of_the_cpu_in_the_mean(name: str) -> None:
    """One report that rounds otherwise changes all decisions after it, so that sums are compared."""
    (cpu, _), (gpu, tested) = (windows(CITIES[name], device) for device in ("cpu", "cuda"))
    assert tested.backend.name == "torch.compile"
    for what in ("granted_prbs", "used_prbs", "energy_j", "demand_bits"):
        assert gpu[what].sum() == pytest.approx(cpu[what].sum(), rel=0.02), what
    assert gpu["served_bits"].sum() == pytest.approx(cpu["served_bits"].sum(), rel=0.03)


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_the_bench_measures_a_gpu(mode: str) -> None:
    row = measure.measure(bench.BenchCase("W1", 64, mode, bench.BenchOptions(device="cuda")))
    assert row["compiled"] and row["cell_slots_per_s"] > 0 and row["copy_bytes_per_s"] > 0
    assert row["host_syncs_per_slot"] < 1  # verdicts at the end of a block, and windows
