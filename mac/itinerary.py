"""Which cell serves whom over a whole run, known before the first slot.

Measurements are of reference signals and of interference at full load, so handovers follow from motion and air alone
and not from what an allocator decides: every allocator sees the same ones, and the slot loop only looks them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops

from . import handover, measurements
from .handover import COUNTERS, HandoverState, Rules
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

    The stream of random numbers is "measurement". Measurement m is taken at slot ``m * period_slots``.

    Args:
        drops: the batch, B.
        mean_snr: of each link at each measurement, linear, with blockage and without fading, ``[B, M, U, C]``, CPU.
        settings: of the measurements.
        rules: of the handovers.
        serving: the cell of each user at the start, ``[B, U]``; the strongest one measured if not given.
    """
    parts = [
        _of_drop(drop, mean_snr[row].double(), settings, rules, None if serving is None else serving[row : row + 1])
        for row, drop in enumerate(drops.single())
    ]
    tensors = [torch.stack(column) for column in zip(*parts, strict=True)]
    return Itinerary(period_slots(settings, rules.slot_s), *tensors)


def period_slots(settings: MeasurementSettings, slot_s: float) -> int:
    """Slots from one measurement to the next."""
    return handover.slots_of(settings.period_ms / 1e3, slot_s)


def _of_drop(
    drop: Drops, snr: Tensor, settings: MeasurementSettings, rules: Rules, serving: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Serving cells and slots ``[M, U]``, counts ``[M, 6, U]`` of one drop with SNRs ``[M, U, C]``."""
    errors, keys = measurements.error_table(settings, snr.device, snr.dtype), drop.keys("measurement")
    level_db, all_cells = 10.0 * torch.log10(snr), snr.sum(-1)
    every = period_slots(settings, rules.slot_s)
    heard = measurements.first(measurements.sample_db(keys, level_db[None, 0], 0, errors))
    state = handover.start(heard.filtered_db) if serving is None else handover.attached(serving, snr.shape[-1])
    states: list[HandoverState] = [state]
    counts = [torch.zeros((len(COUNTERS), 1, snr.shape[1]), dtype=torch.float64)]
    for number in range(1, len(snr)):
        sample = measurements.sample_db(keys, level_db[None, number], number, errors)
        heard = measurements.update(heard, sample, settings.weight)
        own = snr[None, number].gather(-1, state.serving[..., None])[..., 0]
        sinr_db = 10.0 * torch.log10(own / (1.0 + all_cells[number] - own))
        state, happened = handover.update(state, heard.filtered_db, sinr_db, number * every, rules)
        states.append(state)
        counts.append(happened)
    rows = ([state.serving[0] for state in states], [state.back[0] for state in states])
    return torch.stack(rows[0]), torch.stack(rows[1]), torch.stack(counts)[:, :, 0]
