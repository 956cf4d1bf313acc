"""Heads that send by way of other heads: the rule in plain loops, and what it is good for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from allocators.registry import resolve
from mac.wsn import SINK
from phy.random import Drops
from phy.sensors.radio_energy import SensorRadioSettings
from scenarios import families, load, run

WIDE: dict[str, Any] = {
    "name": "wide",
    "family": "wsn",
    "drops": 3,
    "duration_s": 300,
    "allocators": ["leach"],
    "field": {"nodes": 60, "width_m": 400, "height_m": 400},
    "sink": {"x_m": 200, "y_m": 500},
}


def joules_per_bit(radio: SensorRadioSettings, metres: float) -> float:
    far = radio.amplifier_j_per_bit_m4
    assert far is not None
    amplifier = far * metres**4 if metres >= radio.crossover_m else radio.amplifier_j_per_bit_m2 * metres**2
    return radio.electronics_j_per_bit + amplifier


@pytest.mark.parametrize("name", ["leach", "sep", "deec", "heed", "leach_c", "kmeans"])
def test_the_next_hop_is_that_of_plain_loops(name: str) -> None:
    scenario = load(WIDE)
    problem = families.find("wsn").build(scenario, Drops(1, (0, 1, 2)), torch.device("cpu"), torch.float32)
    own = {"radius_m": 60.0} if name == "heed" else {"p": 0.2}
    single, multi = (resolve(name, "wsn", {**own, "between_heads": way}) for way in ("single_hop", "multi_hop"))
    for allocator in (single, multi):
        allocator.reset(problem.context, 0)
    state, relays = problem.start(), 0
    for _ in range(5):
        direct, hops = single.decide(state.observation), multi.decide(state.observation)
        assert torch.equal(direct.head, hops.head)
        for drop in range(3):
            place = [(float(x), float(y)) for x, y in problem.position_m[drop]]
            heads = [n for n in range(60) if bool(direct.head[drop, n])]
            for node in range(60):
                expected = int(direct.parent[drop, node])
                if node in heads:
                    expected = next_hop(node, heads, place, problem.context.radio)
                    relays += expected != SINK
                assert int(hops.parent[drop, node]) == expected
        state, _ = problem.step(state, hops)
    assert relays > 10


def next_hop(node: int, heads: list[int], place: list[tuple[float, float]], radio: SensorRadioSettings) -> int:
    def apart(one: tuple[float, float], other: tuple[float, float]) -> float:
        return float(((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5)

    sink = (200.0, 500.0)
    nearer = [head for head in heads if apart(place[head], sink) < apart(place[node], sink)]
    if not nearer:
        return SINK
    best = min(nearer, key=lambda head: apart(place[node], place[head]))
    relayed = joules_per_bit(radio, apart(place[node], place[best]))
    relayed += radio.electronics_j_per_bit + radio.aggregation_j_per_bit
    return best if relayed < joules_per_bit(radio, apart(place[node], sink)) else SINK


def test_wide_fields_live_longer_by_several_hops(tmp_path: Path) -> None:
    ways = ("single_hop", "multi_hop")
    allocators = [{"name": "leach", "label": way, "params": {"p": 0.2, "between_heads": way}} for way in ways]
    result = run(load(WIDE, allocators=allocators, duration_s=1000), out=tmp_path / "out", plots=False)
    half = result.metrics[result.metrics["metric"] == "hnd"].set_index("allocator")["mean"]
    assert half["multi_hop"] > 3.0 * half["single_hop"]
