"""Which cell serves whom over a whole run, known before the first slot.

Measurements are of reference signals and of interference at full load, so handovers follow from motion and air alone
and not from what an allocator decides: every allocator sees the same ones, and the slot loop only looks them up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

from . import a3, measurements
from .a3 import COUNTERS, HandoverSettings, Rules
from .measurements import MeasurementSettings


@dataclass(frozen=True)
class Itinerary:
    """M measurements, ``period_slots`` apart; what one decides holds from its slot to the next one's."""

    period_slots: int
    serving: Tensor  # [B, M, U] int64 cell
    back: Tensor  # [B, M, U] int64, slot from which the user is served
    counts: Tensor  # [B, M, len(COUNTERS), U] float64, what happened at each measurement

    def to(self, device: torch.device) -> Itinerary:
        """The same itinerary on another device."""
        return Itinerary(self.period_slots, self.serving.to(device), self.back.to(device), self.counts.to(device))

    def served(self, slot: int) -> Tensor:
        """Who is served in a slot, bool ``[B, U]``."""
        return self.back[:, slot // self.period_slots] <= slot


def plan_itinerary(
    drops: Drops, mean_snr: Tensor, settings: MeasurementSettings, rules: Rules, serving: Tensor | None = None
) -> Itinerary:
    """Measure, filter and hand over from the start to the end of a run; drop by drop, so that batches do not matter.

    Args:
        drops: the batch, B.
        mean_snr: of each link at each measurement, linear, with blockage and without fading, ``[B, M, U, C]``, CPU.
        settings: of the measurements.
        rules: of the handovers.
        serving: the cell of each user at the start, ``[B, U]``; the strongest one measured if not given.
    """
    parts = [
        follow(drop, mean_snr[row].unbind(0), settings, rules, None if serving is None else serving[row : row + 1])
        for row, drop in enumerate(drops.single())
    ]
    columns = zip(*((part.serving, part.back, part.counts) for part in parts), strict=True)
    return Itinerary(period_slots(settings, rules.slot_s), *(torch.cat(column) for column in columns))


def follow(
    drop: Drops, samples: Iterable[Tensor], settings: MeasurementSettings, rules: Rules, serving: Tensor | None = None
) -> Itinerary:
    """The itinerary of one drop, from one measurement to the next: no more than some samples are held at a time.

    The stream of random numbers is "measurement". Measurement m is taken at slot ``m * period_slots``.

    Args:
        drop: one drop.
        samples: mean SNR of each link at one measurement after the other, linear ``[U, C]``, CPU.
        settings: of the measurements.
        rules: of the handovers.
        serving: the cell of each user at the start, ``[1, U]``; the strongest one measured if not given.
    """
    every, keys = period_slots(settings, rules.slot_s), drop.keys("measurement")
    errors = measurements.error_table(settings, torch.device("cpu"), torch.float64)
    monitor = LinkMonitor(rules.settings, settings)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for number, snr in enumerate(samples):
        level_db = 10.0 * torch.log10(snr.double())[None]
        sample = measurements.sample_db(keys, level_db, number, errors)
        monitor.add(snr.double())
        if number == 0:
            heard = measurements.first(sample)
            state = a3.start(sample) if serving is None else a3.attached(serving, snr.shape[-1])
            counts = torch.zeros((len(COUNTERS), 1, snr.shape[0]), dtype=torch.float64)
        else:
            heard = measurements.update(heard, sample, settings.weight)
            quality = monitor.sinr_db(state.serving)
            state, counts = a3.update(state, heard.filtered_db, quality[0], number * every, rules, quality[1])
        rows.append((state.serving[0], state.back[0], counts[:, 0]))
    return Itinerary(every, *(torch.stack(column)[None] for column in zip(*rows, strict=True)))


class LinkMonitor:
    """What radio-link monitoring compares with Qout and Qin: the mean SINR of the last 200 and 100 ms.

    Means over that long are those of TR 36.839 clause 5.2.1; here they are of linear SINR, with the other cells at the
    stated load, and where a user has just changed his cell they reach back to before the change.
    """

    def __init__(self, rules: HandoverSettings, measured: MeasurementSettings) -> None:
        windows_ms = (rules.qout_window_ms, rules.qin_window_ms)
        self._counts = [max(1, round(window / measured.period_ms)) for window in windows_ms]
        self._load = rules.load
        self._samples: deque[tuple[Tensor, Tensor]] = deque(maxlen=max(self._counts))

    def add(self, snr: Tensor) -> None:
        """One more sample of all links, linear ``[U, C]``."""
        self._samples.append((snr, snr.sum(-1)))

    def sinr_db(self, serving: Tensor) -> tuple[Tensor, Tensor]:
        """As Qout and as Qin see the serving cells ``[1, U]``, each ``[1, U]``."""
        snr, total = (torch.stack(column) for column in zip(*self._samples, strict=True))
        own = snr.gather(-1, serving.expand(len(snr), -1)[..., None])[..., 0]
        sinr = own / (1.0 + self._load * (total - own))
        both = [10.0 * torch.log10(sinr[-count:].mean(0, keepdim=True)) for count in self._counts]
        return both[0], both[1]


def period_slots(settings: MeasurementSettings, slot_s: float) -> int:
    """Slots from one measurement to the next."""
    return a3.slots_of(settings.period_ms / 1e3, slot_s)
