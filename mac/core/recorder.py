"""Combines outcomes of intervals into windows, and windows into arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .contracts import CORE_ARRAY_SPECS, ArraySpec, Combine, Extra, Outcome, SlotTotals

_TIME: Mapping[Combine, tuple[str, ...]] = {
    "sum": ("window",),
    "last": ("window",),
    "total": (),
    "series": ("slot",),
}
"""Labels of time by how the intervals are combined."""


@dataclass(frozen=True)
class Windows:
    """Holds arrays by name, labels of their dimensions (``drop`` first), units, and the run's time in seconds."""

    arrays: Mapping[str, np.ndarray]
    array_specs: Mapping[str, ArraySpec]
    timing: Mapping[str, float]
    intervals: int = 0  # that were run, the warm-up included
    counts: Mapping[str, np.ndarray] = field(default_factory=dict)  # of the allocator, of its decisions: [B] by name

    def dims(self, name: str) -> tuple[str, ...]:
        """Returns the labels of an array's dimensions."""
        spec = self.array_specs[name]
        return ("drop", *_TIME[spec.combine], *spec.dims)


class Recorder:
    """Adds up outcomes on the device and moves them to the host once a window."""

    def __init__(self, array_specs: Mapping[str, ArraySpec], window: int) -> None:
        self.array_specs = {**CORE_ARRAY_SPECS, **array_specs}
        self.window = window
        self._intervals = 0
        self._sums: dict[str, Tensor] = {}
        self._totals: dict[str, Tensor] = {}
        self._rows: SlotTotals | None = None
        self._windows: dict[str, list[np.ndarray]] = {
            name: [] for name, spec in self.array_specs.items() if spec.combine != "total"
        }

    def add(self, outcome: Outcome) -> bool:
        """Adds one interval, or several of one window; returns whether it was the last of a window."""
        values, rows = _values(outcome), outcome.totals
        self._intervals += outcome.intervals
        ends = self._intervals % self.window == 0
        if rows is not None:
            self._add_rows(rows)
        for name, spec in self.array_specs.items():
            if rows is not None and name in rows.names:
                continue
            if spec.combine == "series":
                self._windows[name].append(_host(values[name]))
                continue
            if spec.combine == "last":
                if ends:
                    self._windows[name].append(_host(values[name]))
                continue
            into = self._sums if spec.combine == "sum" else self._totals
            if name in outcome.each:
                self._accumulate_each(into, name, outcome.each[name])
            elif rows is None or name not in rows.zero or name not in into:
                self._accumulate(into, name, values[name])
        if ends:
            self._close()
        return ends

    def _add_rows(self, rows: SlotTotals) -> None:
        if self._rows is None:
            self._rows = SlotTotals(rows.names, rows.values.clone())
        else:
            self._rows.values.add_(rows.values)

    def _close(self) -> None:
        """Moves the sums of a window that ends to the host."""
        if self._rows is not None:
            found = self._rows.by_name()
            self._sums.update({name: total for name, total in found.items() if name in self.array_specs})
        for name, total in self._sums.items():
            self._windows[name].append(_host(total))
        self._sums, self._rows = {}, None

    def rest(self, outcome: Outcome, intervals: int) -> None:
        """Adds intervals in which nothing happens any more: sums of zeros, and the last values as they are."""
        lasts = {name for name, spec in self.array_specs.items() if spec.combine == "last"}
        nothing = {name: _zero(value) for name, value in _values(outcome).items() if name not in lasts}
        served, demand, packets, delay, energy = (nothing.pop(name) for name in CORE_ARRAY_SPECS)
        still = Outcome(served, demand, packets, delay, energy, {**outcome.extras, **nothing})
        for _ in range(intervals):
            self.add(still)

    @staticmethod
    def _accumulate_each(into: dict[str, Tensor], name: str, values: Tensor) -> None:
        """Adds the values of several intervals ``[T, ...]``, one after the other."""
        before = (into[name][None],) if name in into else ()
        into[name] = torch.cat((*before, values)).cumsum(0)[-1].clone()

    def windows(
        self, timing: Mapping[str, float], intervals: int = 0, counts: Mapping[str, np.ndarray] | None = None
    ) -> Windows:
        """Returns all complete windows."""
        arrays = {name: self._joined(name, parts) for name, parts in self._windows.items()}
        arrays.update({name: _host(total) for name, total in self._totals.items()})
        return Windows(arrays, self.array_specs, timing, intervals, counts or {})

    def _joined(self, name: str, parts: list[np.ndarray]) -> np.ndarray:
        """Joins windows, or slots: those of a last window that is not whole are left out."""
        if self.array_specs[name].combine != "series":
            return np.stack(parts, axis=1)
        whole = self._intervals // self.window * self.window
        return np.concatenate(parts[:whole], axis=1)

    @staticmethod
    def _accumulate(into: dict[str, Tensor], name: str, value: Extra) -> None:
        tensor = value() if callable(value) else value
        if name in into:
            into[name] += tensor
        else:
            into[name] = tensor.clone()


def _values(outcome: Outcome) -> Mapping[str, Extra]:
    return {
        "served_bits": outcome.served_bits,
        "demand_bits": outcome.demand_bits,
        "packets": outcome.packets,
        "delay_s": outcome.delay_s,
        "energy_j": outcome.energy_j,
        **outcome.extras,
    }


def _host(value: Extra) -> np.ndarray:
    tensor = value() if callable(value) else value
    return tensor.detach().cpu().numpy().copy()


def _zero(value: Extra) -> Tensor:
    return torch.zeros_like(value() if callable(value) else value)
