"""Computes how often UEs changed their cell, and the time without service; counters of :mod:`mac.handover.a3`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...metrics.windows import Values, duration_s, ratio_of_users, total

if TYPE_CHECKING:
    import xarray as xr

_MINUTE_S = 60.0


def handover_rate(dataset: xr.Dataset) -> Values:
    """Computes the handovers of a UE in a minute, mean over UEs, ``[B]``."""
    handovers = total(dataset, "handovers")
    return ratio_of_users(dataset, handovers, np.full_like(handovers, duration_s(dataset) / _MINUTE_S))


def ping_pong_share(dataset: xr.Dataset) -> Values:
    """Computes the share of handovers that are ping-pongs, ``[B]``; NaN without any."""
    return ratio_of_users(dataset, total(dataset, "ping_pongs"), total(dataset, "handovers"))


def handover_failure_share(dataset: xr.Dataset) -> Values:
    """Divides failed handovers by all that were tried (TR 36.839 clause 5.2.1), ``[B]``; NaN where none was tried."""
    failed = total(dataset, "handover_failures")
    return ratio_of_users(dataset, failed, failed + total(dataset, "handovers"))


def link_failure_rate(dataset: xr.Dataset) -> Values:
    """Computes the radio link failures of a UE in a minute, those while a handover is prepared included, ``[B]``."""
    failures = total(dataset, "radio_link_failures") + total(dataset, "handover_failures")
    return ratio_of_users(dataset, failures, np.full_like(failures, duration_s(dataset) / _MINUTE_S))


def interruption_share(dataset: xr.Dataset) -> Values:
    """Computes the share of the time in which no cell served a UE, mean over UEs, ``[B]``."""
    unserved_s = total(dataset, "interruption_s")
    return ratio_of_users(dataset, unserved_s, np.full_like(unserved_s, duration_s(dataset)))


def stay_mean(dataset: xr.Dataset) -> Values:
    """Computes the mean time of stay in a cell that was left, ``[B]`` in s; NaN where none was left."""
    left = sum(total(dataset, name) for name in ("handovers", "handover_failures", "radio_link_failures"))
    return ratio_of_users(dataset, total(dataset, "stay_s"), np.asarray(left))
