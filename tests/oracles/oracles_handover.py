"""Handover as one would tell it: one user at a time, one cell at a time, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Settings in dB and slots."""

    offset: float
    hysteresis: float
    cell_offset: Sequence[float]
    trigger: int
    preparation: int
    interruption: int
    qout: float
    qin: float
    t310: int
    reestablishment: int
    min_stay: int


@dataclass
class User:
    """A user and everything that happened to it."""

    serving: int
    previous: int | None = None
    entered: int = 0
    target: int | None = None
    command: int | None = None
    bad_since: int | None = None
    back: int = 0
    since: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("handovers", "ping_pongs", "handover_failures", "radio_link_failures", "interruption", "stay"), 0
        )
    )

    def measure(self, slot: int, level: Sequence[float], sinr: float, clock: Clock) -> None:
        """One measurement of all cells."""
        if slot < self.back:  # no cell serves it, nothing runs
            return
        if sinr > clock.qin:
            self.bad_since = None
        elif sinr < clock.qout and self.bad_since is None:
            self.bad_since = slot
        self._event_a3(slot, level, clock)
        due = self.target is not None and self.command is not None and slot >= self.command
        bad = self.bad_since is not None
        expired = self.bad_since is not None and slot - self.bad_since >= clock.t310
        if expired or (due and bad):
            kind = "radio_link_failures" if self.target is None and not self.since else "handover_failures"
            self.counts[kind] += 1
            self._leave(slot, max(range(len(level)), key=lambda cell: level[cell]), clock.reestablishment, slot)
            self.previous = None
        elif due and self.target is not None:
            old, stay = self.serving, slot + clock.interruption - self.entered
            self.counts["handovers"] += 1
            if self.target == self.previous and stay < clock.min_stay:
                self.counts["ping_pongs"] += 1
            self._leave(slot, self.target, clock.interruption, slot + clock.interruption)
            self.previous = old

    def _event_a3(self, slot: int, level: Sequence[float], clock: Clock) -> None:
        bar = level[self.serving] + clock.cell_offset[self.serving] + clock.offset
        for cell in range(len(level)):
            if cell == self.serving or not level[cell] + clock.cell_offset[cell] - clock.hysteresis > bar:
                self.since.pop(cell, None)
            else:
                self.since.setdefault(cell, slot)
        if self.target is not None and level[self.target] + clock.cell_offset[self.target] + clock.hysteresis < bar:
            self.target = self.command = None
        if self.target is None:
            reported = [cell for cell, begin in self.since.items() if slot - begin >= clock.trigger]
            if reported:
                self.target = max(reported, key=lambda cell: level[cell])
                self.command = slot + clock.preparation

    def _leave(self, slot: int, cell: int, away: int, stay_ends: int) -> None:
        self.counts["stay"] += stay_ends - self.entered
        self.counts["interruption"] += away
        self.serving, self.back, self.entered = cell, slot + away, slot + away
        self.target = self.command = self.bad_since = None
        self.since = {}
