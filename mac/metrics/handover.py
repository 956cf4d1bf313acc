"""How often users changed their cell, and what it cost them; the counters are those of :mod:`mac.handover.a3`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .windows import Values, duration_s, ratio_of_users, total

if TYPE_CHECKING:
    import xarray as xr

_MINUTE_S = 60.0


def handover_rate(dataset: xr.Dataset) -> Values:
    """Handovers of a user in a minute, mean over users, ``[D]``."""
    handovers = total(dataset, "handovers")
    return ratio_of_users(dataset, handovers, np.full_like(handovers, duration_s(dataset) / _MINUTE_S))


def ping_pong_share(dataset: xr.Dataset) -> Values:
    """Share of the handovers that went back to the cell before after too short a stay, ``[D]``; NaN without any."""
    return ratio_of_users(dataset, total(dataset, "ping_pongs"), total(dataset, "handovers"))


def handover_failure_share(dataset: xr.Dataset) -> Values:
    """Failed handovers over all that were tried (TR 36.839 clause 5.2.1), ``[D]``; NaN where none was tried."""
    failed = total(dataset, "handover_failures")
    return ratio_of_users(dataset, failed, failed + total(dataset, "handovers"))


def link_failure_rate(dataset: xr.Dataset) -> Values:
    """Radio-link failures of a user in a minute, those while a handover was prepared included, ``[D]``."""
    failures = total(dataset, "radio_link_failures") + total(dataset, "handover_failures")
    return ratio_of_users(dataset, failures, np.full_like(failures, duration_s(dataset) / _MINUTE_S))


def interruption_share(dataset: xr.Dataset) -> Values:
    """Share of the time in which nobody served a user, mean over users, ``[D]``."""
    away_s = total(dataset, "interruption_s")
    return ratio_of_users(dataset, away_s, np.full_like(away_s, duration_s(dataset)))


def stay_mean(dataset: xr.Dataset) -> Values:
    """Mean time of stay in a cell that was left, ``[D]`` in s; NaN where nobody left one."""
    left = sum(total(dataset, name) for name in ("handovers", "handover_failures", "radio_link_failures"))
    return ratio_of_users(dataset, total(dataset, "stay_s"), np.asarray(left))
