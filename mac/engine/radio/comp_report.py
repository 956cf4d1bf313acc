"""Computes the reports of UEs that measure several cells: channels, powers, and interference that none coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...link_adaptation.adaptation import LinkAdaptation
from ..coordination import CoordinationSettings, coordinated
from ..state import Report
from .panels import MatrixResponses


@dataclass(frozen=True)
class ClusterReport(Report):
    """Holds a report of all cells that a UE hears; ``bits`` are those of MRT from its serving cell.

    Powers are over the noise of a PRB, with a cell's power spread over its ports.
    """

    rows: Tensor  # [B, U, K, J, Nt] complex, channel from each cell
    cells: Tensor  # [B, U, J] int64, which cells these are, the serving cell first
    coordinated: Tensor  # [B, U, J] bool, cells that coordinate for the UE
    outside: Tensor  # [B, U, K] power of all cells that do not, at their activity
    power: Tensor  # [B, U, J] of each cell, mean over the carrier: its RSRP
    outside_full: Tensor  # [B, U] power of all cells that do not coordinate if all are active, mean over the carrier
    cell_bits: Tensor  # [B, U, J] bits of a PRB that MRT from each cell would carry, mean over the carrier


@dataclass(frozen=True)
class ClusterMeasurement:
    """Computes reports."""

    settings: CoordinationSettings
    together: Tensor | None  # [C, C] bool, of static clusters
    adaptation: LinkAdaptation

    def report(self, response: MatrixResponses, activity: Tensor) -> ClusterReport:
        """Computes the reports of all UEs, drop by drop.

        Args:
            response: of the slot.
            activity: ``[B, C, K]`` of the cells.
        """
        drops = [self._of_drop(b, response, cells) for b, cells in enumerate(activity)]
        parts = {name: torch.stack([drop[name] for drop in drops]) for name in drops[0]}
        return ClusterReport(cells=response.cells.heard, rows=response.matrices[..., 0, :], **parts)

    def _of_drop(self, drop: int, response: MatrixResponses, activity: Tensor) -> dict[str, Tensor]:
        heard, rest_snr = response.cells.heard[drop], response.cells.rest_snr[drop]
        rows = response.matrices[drop][..., 0, :]  # [U, K, J, Nt]
        energy = rows.real.square().add(rows.imag.square()).sum(-1)  # [U, K, J]
        even = energy / rows.shape[-1]
        inside = coordinated(self.settings, self.together, heard)
        arriving = even * activity[heard].movedim(1, 2)
        strangers = ~inside[:, None]
        outside = rest_snr @ activity + (arriving * strangers).sum(-1)
        total = 1.0 + rest_snr @ activity + arriving.sum(-1)
        bits = self.adaptation.report((energy / (total[..., None] - arriving)).movedim(-1, 0).contiguous())
        power = even.mean(1)
        return {
            "bits": bits[0],
            "mean_bits": bits[0].mean(-1),
            "coordinated": inside,
            "outside": outside,
            "power": power,
            "outside_full": rest_snr.sum(-1) + (power * ~inside).sum(-1),
            "cell_bits": bits.mean(-1).mT,
        }
