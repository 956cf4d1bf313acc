"""The same drops on a GPU: drawn on the CPU, moved, and equal within float32."""

from __future__ import annotations

import pytest
import torch
from engine_factory import engine
from test_engine import NAMES, rotate

from mac.carrier import CarrierSettings
from mac.engine import Engine
from phy.random import Drops

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")


def drive(tested: Engine, slots: int) -> tuple[torch.Tensor, torch.Tensor]:
    state = tested.start()
    for _ in range(slots):
        observation = tested.observe(state)
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
