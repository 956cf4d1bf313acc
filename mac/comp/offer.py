"""Computes what is offered: UEs in outage, the worth of a PRB of each cell of their cluster, reserve prices.

Everything follows from powers averaged over the carrier, as a UE measures them for handovers, and from queues: no
report of fast fading is needed before the amounts are known.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phy.numerics import log_grid

from ..engine.coordination import CoordinationSettings
from ..engine.radio.comp_report import ClusterReport
from ..link_adaptation.adaptation import LinkAdaptation


def geometry(report: ClusterReport, serving: Tensor) -> Tensor:
    """Computes the mean SINR of the serving link with all cells at full load, linear ``[B, U]``; 0 if it is not heard.

    Args:
        report: of all UEs.
        serving: int64 ``[B, U]``, which may have changed since.
    """
    own = (report.power * (report.cells == serving[..., None])).sum(-1)
    total = 1.0 + report.outside_full + (report.power * report.coordinated).sum(-1)
    return own / (total - own)


def prb_value_bits(
    report: ClusterReport, serving: Tensor, adaptation: LinkAdaptation, ports: int, settings: CoordinationSettings
) -> Tensor:
    """Computes the expected bits of a PRB and slot from each cell that a UE hears, float64 ``[B, U, J]``.

    It is the CQI at the mean SINR with the gain that the precoder has on average. Coordinated beamforming spares the
    buyer the cells of its cluster, and costs as many ports as nulls are made; otherwise these disturb, and all ports
    gain (ours). 0 from the serving cell and from cells outside of the cluster.

    Args:
        report: of all UEs.
        serving: int64 ``[B, U]``.
        adaptation: of the carrier.
        ports: of a cell.
        settings: with the mode.
    """
    spares = settings.makes_nulls and settings.precoder != "mrt"
    others = report.coordinated.sum(-1, keepdim=True) - 1
    nulls = others.clamp(max=settings.nulls(ports) if spares else 0)
    inside = report.power * report.coordinated
    disturbing = (inside.sum(-1, keepdim=True) - inside) * (nulls == 0)
    sinr = (ports - nulls) * report.power / (1.0 + report.outside_full[..., None] + disturbing)
    bits = adaptation.bits_of_sinr[log_grid.index(sinr)].to(torch.float64)
    return bits * (report.coordinated & (report.cells != serving[..., None]))


def reserve_prices(own_value: float, waiting: Tensor, granted: Tensor, serving: Tensor, cells: int) -> Tensor:
    """Computes the money that a PRB of each cell is worth to the cell's own UEs in an interval, ``[B, C]``.

    A proportionally fair UE of budget v with P PRBs gains v / P of log utility times budget from one more. The mean
    over a cell's n UEs with data waiting, weighted by their PRBs, is n v over the sum of their PRBs; 0 if
    none waits.

    Args:
        own_value: v.
        waiting: bool ``[B, U]`` UEs with data.
        granted: ``[B, U]`` PRBs of a slot that each UE had of its own cell on average in the last interval.
        serving: int64 ``[B, U]``.
        cells: number of cells.
    """
    count = granted.new_zeros((len(granted), cells)).scatter_add_(1, serving, waiting.to(granted.dtype))
    held = torch.zeros_like(count).scatter_add_(1, serving, granted * waiting)
    return own_value * count / held.clamp(min=1.0)
