"""Computes the serving cells of a whole run before its first slot.

Measurements are of reference signals and of interference at full load, so handovers follow from motion and channel
alone and not from what an allocator decides: every allocator sees the same ones, and the slot loop only looks them up.

B drops, T measurements, U UEs, C cells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

from . import a3, measurements
from .a3 import COUNTERS, HandoverRules, LinkSinr
from .settings import HandoverSettings, MeasurementSettings


@dataclass(frozen=True)
class ServingPlan:
    """Holds T measurements, ``period_slots`` apart; what one decides holds from its slot to the next one's."""

    period_slots: int
    serving: Tensor  # [B, T, U] int64 cell
    served_from_slot: Tensor  # [B, T, U] int64, slot from which the UE is served
    counts: Tensor  # [B, T, len(COUNTERS), U] float64, what happened at each measurement

    def to(self, device: torch.device) -> ServingPlan:
        """Copies the plan to another device."""
        tensors = (self.serving, self.served_from_slot, self.counts)
        return ServingPlan(self.period_slots, *(tensor.to(device) for tensor in tensors))

    def served(self, slot: int) -> Tensor:
        """Returns which UEs are served in a slot, bool ``[B, U]``."""
        return self.served_from_slot[:, slot // self.period_slots] <= slot


def plan_serving(
    drops: Drops, mean_snr: Tensor, settings: MeasurementSettings, rules: HandoverRules, serving: Tensor | None = None
) -> ServingPlan:
    """Computes the serving cells of a batch, drop by drop, so that the batch does not change the result.

    Args:
        drops: the batch, B.
        mean_snr: of each link at each measurement, linear, with blockage and without fading, ``[B, T, U, C]``, CPU.
        settings: of the measurements.
        rules: of the handovers.
        serving: the cell of each UE at the start, ``[B, U]``; the strongest one measured if not given.
    """
    plans = [
        plan_drop(drop, mean_snr[row].unbind(0), settings, rules, None if serving is None else serving[row : row + 1])
        for row, drop in enumerate(drops.single())
    ]
    columns = zip(*((plan.serving, plan.served_from_slot, plan.counts) for plan in plans), strict=True)
    return ServingPlan(period_slots(settings, rules.slot_s), *(torch.cat(column) for column in columns))


def plan_drop(
    drop: Drops,
    samples: Iterable[Tensor],
    settings: MeasurementSettings,
    rules: HandoverRules,
    serving: Tensor | None = None,
) -> ServingPlan:
    """Computes the serving cells of one drop, from one measurement to the next; few samples are held at a time.

    The stream of random numbers is "measurement". Measurement t is taken at slot ``t * period_slots``.

    Args:
        drop: one drop.
        samples: mean SNR of each link at one measurement after the other, linear ``[U, C]``, CPU.
        settings: of the measurements.
        rules: of the handovers.
        serving: the cell of each UE at the start, ``[1, U]``; the strongest one measured if not given.
    """
    period, keys = period_slots(settings, rules.slot_s), drop.keys("measurement")
    errors = measurements.error_table(settings, torch.device("cpu"), torch.float64)
    monitor = LinkMonitor(rules.settings, settings)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for number, snr in enumerate(samples):
        level_db = 10.0 * torch.log10(snr.double())[None]
        sample = measurements.sample_db(keys, level_db, number, errors)
        monitor.add(snr.double())
        if number == 0:
            measured = measurements.first(sample)
            state = a3.start(sample) if serving is None else a3.attached(serving, snr.shape[-1])
            counts = torch.zeros((len(COUNTERS), 1, snr.shape[0]), dtype=torch.float64)
        else:
            measured = measurements.update(measured, sample, settings.weight)
            sinr = monitor.sinr_of(state.serving)
            state, counts = a3.update(state, measured.filtered_db, sinr, number * period, rules)
        rows.append((state.serving[0], state.served_from_slot[0], counts[:, 0]))
    return ServingPlan(period, *(torch.stack(column)[None] for column in zip(*rows, strict=True)))


class LinkMonitor:
    """Averages the SINR that radio link monitoring compares with Qout and Qin, over the last 200 and 100 ms.

    Means over that long are those of TR 36.839 clause 5.2.1; here they are of linear SINR, with the other cells at the
    stated load, and where a UE has just changed its cell they reach back to before the change.
    """

    def __init__(self, rules: HandoverSettings, measured: MeasurementSettings) -> None:
        windows_ms = (rules.qout_window_ms, rules.qin_window_ms)
        self._counts = [max(1, round(window / measured.period_ms)) for window in windows_ms]
        self._load = rules.load
        self._samples: deque[tuple[Tensor, Tensor]] = deque(maxlen=max(self._counts))

    def add(self, snr: Tensor) -> None:
        """Adds one more sample of the SNR of all links, linear ``[U, C]``."""
        self._samples.append((snr, snr.sum(-1)))

    def sinr_of(self, serving: Tensor) -> LinkSinr:
        """Computes the averages for the serving cells ``[1, U]``."""
        snr, total = (torch.stack(column) for column in zip(*self._samples, strict=True))
        own = snr.gather(-1, serving.expand(len(snr), -1)[..., None])[..., 0]
        sinr = own / (1.0 + self._load * (total - own))
        return LinkSinr(*(10.0 * torch.log10(sinr[-count:].mean(0, keepdim=True)) for count in self._counts))


def period_slots(settings: MeasurementSettings, slot_s: float) -> int:
    """Computes the slots from one measurement to the next, rounded up."""
    return a3.slots_of(settings.period_ms / 1e3, slot_s)
