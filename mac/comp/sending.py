"""Computes what a cell does in a slot with a PRB that it sold, by the mode of coordination.

Of the cells that sold a PRB to a UE the one with the strongest reported channel sends; the others help it, are silent,
or use the PRB for their own UEs. A PRB whose buyer has nothing waiting goes back to the cell's own UEs for the slot.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.coordination import CoordinationSettings
from ..engine.radio.comp_report import ClusterReport
from ..engine.state import LEAST_BITS
from ..scheduling.types import SchedulingObservation


@dataclass(frozen=True)
class SoldPrbUse:
    """Holds the use of sold PRBs in a slot."""

    user: Tensor  # [B, C, K] int64, buyer to which the cell sends; -1 for none
    helped: Tensor  # [B, C, K] int64, buyer that the cell helps to serve; -1 for none
    free: Tensor  # [B, C, K] bool, PRBs for the cell's own UEs
    bought: Tensor  # [B, U, K] bool, PRBs on which a UE is served by other cells

    @property
    def prbs(self) -> Tensor:
        """Returns the PRBs of each UE from other cells, ``[B, U]``."""
        return self.bought.sum(-1)


def sold_prb_use(settings: CoordinationSettings, sold: Tensor, report: ClusterReport, needs: Tensor) -> SoldPrbUse:
    """Computes the use of sold PRBs.

    Args:
        settings: with the mode.
        sold: int64 ``[B, C, K]``, -1 where a PRB is not sold.
        report: in use.
        needs: bool ``[B, U]`` UEs with something to send.
    """
    strength = _strength(sold, report)
    valid = (sold >= 0) & (strength > 0) & needs.gather(1, sold.clamp(min=0).flatten(1)).view_as(sold)
    strength = strength.masked_fill(~valid, 0.0)
    leads = valid & _is_best(sold, strength)
    follows = valid & ~leads
    helped = torch.where(follows, sold, -1) if settings.sends_jointly else torch.full_like(sold, -1)
    kept = settings.sends_jointly or settings.mode == "dynamic_point_blanking"
    users = needs.shape[1]
    place = torch.where(leads, sold, users)  # [B, C, K]
    bought = torch.zeros((len(sold), users + 1, sold.shape[2]), dtype=torch.bool, device=sold.device)
    bought = bought.scatter(1, place, True)[:, :users]
    return SoldPrbUse(torch.where(leads, sold, -1), helped, ~(leads | follows) if kept else ~leads, bought)


def need_beside(seen: SchedulingObservation, bought: Tensor, report: ClusterReport, prbs: int) -> Tensor:
    """Computes the PRBs of its serving cell that a UE needs beside bought ones, ``[B, U]``.

    Bought PRBs are taken to carry what the best cell of the cluster would.

    Args:
        seen: with queues and needs without bought PRBs.
        bought: ``[B, U]`` number of PRBs in the slot.
        report: in use.
        prbs: of the carrier.
    """
    best = report.cell_bits.masked_fill(~report.coordinated, 0.0).amax(-1)
    left = (seen.backlog_bits - bought * best).clamp(min=0.0)
    rate = seen.mean_rate_bits.to(left.dtype)
    new = (left / rate.clamp(min=LEAST_BITS)).ceil().clamp(max=prbs) * (rate > 0)
    again = (seen.need_prbs - bought).clamp(min=0.0)
    return torch.where(seen.retransmits, again, torch.minimum(new, seen.need_prbs))


def _strength(sold: Tensor, report: ClusterReport) -> Tensor:
    """Computes the power that the buyer of each PRB receives from the cell that sold it, ``[B, C, K]``."""
    energy = report.rows.real.square().add(report.rows.imag.square()).sum(-1)  # [B, U, K, J]
    batch, cells, prbs = sold.shape
    drop = torch.arange(batch, device=sold.device)[:, None, None]
    prb = torch.arange(prbs, device=sold.device)
    ue, cell = sold.clamp(min=0), torch.arange(cells, device=sold.device)[:, None, None]
    known = (report.cells[drop, ue] == cell) & report.coordinated[drop, ue]
    return (energy[drop, ue, prb] * known).sum(-1)


def _is_best(sold: Tensor, strength: Tensor) -> Tensor:
    """Finds the cell with the greatest strength among those that sold a PRB to one UE; of equal ones the first."""
    same = (sold[:, :, None] == sold[:, None]) & (sold >= 0)[:, None]  # [B, C, C, K]
    cell = torch.arange(sold.shape[1], device=sold.device)
    earlier = (cell[None, :] < cell[:, None])[..., None]
    mine, other = strength[:, :, None], strength[:, None]
    beaten = same & ((other > mine) | ((other == mine) & earlier))
    return ~beaten.any(2)
