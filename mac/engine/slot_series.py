"""Records every slot of chosen UEs: SINR, CQI, MCS, rank, attempts, queue, PRBs, bits, serving cell.

Everything is read from the states around a slot and from its counters, so a run computes the same with and without it.
B drops, U UEs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.contracts import ArraySpec
from ..link_adaptation import harq
from .state import COUNTERS, CellState, EngineParts, SlotResult

_DIMS = ("recorded_user",)
ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "slot_sinr_db": ArraySpec(_DIMS, "dB", "series", "effective SINR of the block sent, earlier attempts added"),
    "slot_cqi": ArraySpec(_DIMS, "1", "series", "wideband CQI of the report in use, of a layer"),
    "slot_mcs": ArraySpec(_DIMS, "1", "series", "MCS of the block sent"),
    "slot_rank": ArraySpec(_DIMS, "1", "series", "layers of the block sent"),
    "slot_attempts": ArraySpec(_DIMS, "1", "series", "attempt of the block sent: 1 new, 2 and more repetitions"),
    "slot_decoded": ArraySpec(_DIMS, "1", "series", "1: the block sent was decoded, 0: it was not"),
    "slot_queue_bits": ArraySpec(_DIMS, "bit", "series", "bits that waited for a first transmission"),
    "slot_prbs": ArraySpec(_DIMS, "PRB", "series", "PRBs granted"),
    "slot_served_bits": ArraySpec(_DIMS, "bit", "series", "bits delivered without error"),
    "slot_cell": ArraySpec(_DIMS, "1", "series", "serving cell"),
}
"""Of each slot; NaN where nothing was sent, and where no cell served the UE."""


@dataclass(frozen=True)
class SlotSeries:
    """Reads the numbers of a slot.

    Attributes:
        users: numbers of the UEs, int64 ``[Ur]``.
        parts: of the engine.
        endless_bytes: what always waits, ``[B, U]``.
    """

    users: Tensor
    parts: EngineParts
    endless_bytes: Tensor

    @classmethod
    def of(cls, parts: EngineParts) -> SlotSeries | None:
        """Returns what records the UEs that the parts name; None where they name none."""
        if not parts.recorded_users:
            return None
        return cls(torch.tensor(parts.recorded_users, device=parts.device), parts, parts.endless_bytes())

    def read(self, before: CellState, carried: SlotResult) -> Tensor:
        """Reads a slot.

        Args:
            before: the state at its start.
            carried: its result.

        Returns:
            float64 ``[len(ARRAY_SPECS), B, 1, Ur]``.
        """
        row = carried.harq.blocks.gather(2, before.harq.process[..., None, None].expand(-1, -1, 1, 6))[:, :, 0]
        sent = row[..., harq.READY] == before.slot + self.parts.harq.round_trip_slots
        formats = len(self.parts.tables.adaptation.threshold_db)
        layers = (row[..., harq.MCS] / formats).floor()
        served = before.attached.served_from_slot
        here = torch.ones_like(sent) if served is None else served <= before.slot
        values = (
            _where(sent, 10.0 * row[..., harq.SINR].clamp(min=1e-30).log10()),
            _where(here, self._cqi(before)),
            _where(sent, row[..., harq.MCS] - layers * formats),
            _where(sent, layers + 1.0),
            _where(sent, row[..., harq.ATTEMPTS]),
            _where(sent, (carried.served_bits > 0).double()),
            8.0 * (before.waiting_bytes - self.endless_bytes),
            carried.counters[COUNTERS.index("granted_prbs")],
            carried.served_bits,
            _where(here, before.attached.serving.double()),
        )
        return torch.stack([value.double()[:, None, self.users] for value in values])

    def _cqi(self, state: CellState) -> Tensor:
        """Finds the greatest CQI whose bits are not above the mean of the report over the carrier, ``[B, U]``."""
        report = state.reports[0]
        levels = self.parts.tables.adaptation.levels
        mean = report.mean_bits / getattr(report, "rank", 1)
        return torch.searchsorted(levels, (mean * (1.0 + 1e-6)).contiguous(), right=True).double() - 1.0


def extras(series: Tensor) -> dict[str, Tensor]:
    """Names what was read of some slots, each ``[B, slots, Ur]``."""
    return dict(zip(ARRAY_SPECS, series.unbind(0), strict=True))


def joined(total: Tensor | None, more: Tensor | None) -> Tensor | None:
    """Joins what was read of earlier slots and of later ones, either of which may be missing."""
    if total is None or more is None:
        return total if more is None else more
    return torch.cat((total, more), 2)


def _where(there: Tensor, values: Tensor) -> Tensor:
    return torch.where(there, values.double(), torch.nan)
