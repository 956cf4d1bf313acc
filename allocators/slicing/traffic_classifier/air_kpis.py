"""Computes the KPIs of UEs from the reports of fairwave's own slots.

Of the 17 published KPIs four are there with the same definition: bytes that wait, the rate served, PRBs requested and
PRBs granted. The other thirteen are not: MCS, number of samples and packets of the downlink and the CQI of the
published scale are not part of a slice controller's reports, and of the uplink there is nothing. For a classifier that
asks for them a KPI without a value stands at the middle between its least and greatest value in the training (ours).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mac.slicing.types import UE_REPORTS

from .windows import Scaling

AIR_KPIS = ("dl_buffer", "tx_brate_dl", "sum_requested_prbs", "sum_granted_prbs")
"""KPIs that fairwave's own reports have."""


def air_kpis(reports: Tensor, interval_s: float) -> dict[str, Tensor]:
    """Computes the KPIs that there are, ``[B, U]`` each, of reports ``[B, U, 8]``."""
    column = {name: reports[..., place] for place, name in enumerate(UE_REPORTS)}
    return {
        "dl_buffer": column["backlog_bits"] / 8.0,
        "tx_brate_dl": column["served_bits"] / (1e6 * interval_s),
        "sum_requested_prbs": column["requested_prbs"],
        "sum_granted_prbs": column["granted_prbs"],
    }


def kpi_row(reports: Tensor, interval_s: float, kpis: Sequence[str], scaling: Scaling) -> Tensor:
    """Computes the KPIs of a classifier, ``[B, U, KPIs]``, with stand-ins for those that there are not.

    Args:
        reports: ``[B, U, 8]``.
        interval_s: seconds of a report.
        kpis: of the classifier.
        scaling: of its training.
    """
    there = air_kpis(reports, interval_s)
    middle = (scaling.least + scaling.greatest) / 2.0
    rows = [there.get(name, torch.full_like(reports[..., 0], middle[place])) for place, name in enumerate(kpis)]
    return torch.stack(rows, -1)
