"""What a run would do: every allocator on every variant, cut into batches of drops that fit into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import families, memory
from .errors import ScenarioError
from .loading import scenario_hash, variants

if TYPE_CHECKING:
    from .families import Family
    from .schema import Clock, ScenarioBase


@dataclass(frozen=True)
class Part:
    """One variant of a run."""

    variant: str | None
    scenario: ScenarioBase
    clock: Clock
    drops_per_batch: int
    copies: int  # allocators side by side in a batch
    bytes: int
    seconds: float  # all drops and allocators, one CPU thread


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before a run starts."""

    scenario: ScenarioBase
    family: Family
    device: str
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """Memory that the largest batch needs."""
        return max(part.bytes for part in self.parts)

    @property
    def seconds(self) -> float:
        """Time that everything takes, roughly."""
        return sum(part.seconds for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        first = self.parts[0]
        return {
            "scenario": self.scenario.name,
            "hash": scenario_hash(self.scenario),
            "family": self.scenario.family,
            "variants": list(self.scenario.variants),
            "allocators": [spec.label for spec in self.scenario.allocators],
            "drops": self.scenario.drops,
            "drops_per_batch": first.drops_per_batch,
            "allocators_per_batch": first.copies,
            "batches": sum(self._batches(part) for part in self.parts),
            "interval_s": first.clock.interval_s,
            "warmup_intervals": first.clock.warmup,
            "intervals": first.clock.intervals,
            "windows": first.clock.intervals // first.clock.window,
            "device": self.device,
            "dtype": self.scenario.dtype,
            "memory_bytes": self.bytes,
            "seconds": round(self.seconds, 1),
        }

    def _batches(self, part: Part) -> int:
        return -(-self.scenario.drops // part.drops_per_batch) * (len(self.scenario.allocators) // part.copies)


def make_plan(scenario: ScenarioBase) -> Plan:
    """Settle device, batches and times of a scenario.

    Raises:
        ScenarioError: there is no such device, or the scenario does not fit into memory.
    """
    family = families.find(scenario.family)
    device = device_of(scenario)
    free = memory.available_bytes(device)
    parts = tuple(_part(name, each, family, device, free) for name, each in variants(scenario).items())
    return Plan(scenario, family, device, parts)


def device_of(scenario: ScenarioBase) -> str:
    """Device that a scenario runs on: "cpu" or "cuda".

    Raises:
        ScenarioError: a GPU is asked for where there is none.
    """
    import torch

    there = torch.cuda.is_available()
    if scenario.device == "cuda" and not there:
        raise ScenarioError("device 'cuda' was asked for, but torch finds no GPU here; take --device cpu or auto")
    return "cuda" if there and scenario.device != "cpu" else "cpu"


def _part(name: str | None, scenario: ScenarioBase, family: Family, device: str, free: int) -> Part:
    size, copies = memory.fit(scenario, family, device, free)
    full, rest = divmod(scenario.drops, size)
    seconds = full * family.estimate_seconds(scenario, size * copies)
    seconds += family.estimate_seconds(scenario, rest * copies) if rest else 0.0
    seconds *= len(scenario.allocators) / copies
    need = family.estimate_bytes(scenario, size * copies)
    return Part(name, scenario, family.clock(scenario), size, copies, need, seconds)
