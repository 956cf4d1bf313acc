"""Computes metrics of personalised allocation: satisfaction promised and delivered, and the PRBs that it takes.

A window of one interval is what UEs judge; longer windows show the last interval of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metrics.metric import SHARE, Metric
from ..metrics.windows import Values, add, mean_of_users, nan_mean, read

if TYPE_CHECKING:
    import xarray as xr

_NEEDS = ("promised", "told_zone", "reported", "allotted_prbs")


def personal_satisfaction(dataset: xr.Dataset) -> Values:
    """Computes the satisfaction by the true zones, mean over windows and UEs."""
    return mean_of_users(dataset, nan_mean(read(dataset, "reported"), axis=1))


def promised_satisfaction(dataset: xr.Dataset) -> Values:
    """Computes the satisfaction that the allotted PRBs promise by the zones that were told."""
    return mean_of_users(dataset, nan_mean(read(dataset, "promised"), axis=1))


def radio_shortfall(dataset: xr.Dataset) -> Values:
    """Computes how much less the served rate satisfies than promised, both by the zones that were told."""
    return mean_of_users(dataset, nan_mean(read(dataset, "promised") - read(dataset, "told_zone"), axis=1))


def prediction_shortfall(dataset: xr.Dataset) -> Values:
    """Computes how much less the served rate satisfies by the true zones than by those that were told."""
    return mean_of_users(dataset, nan_mean(read(dataset, "told_zone") - read(dataset, "reported"), axis=1))


def target_share(dataset: xr.Dataset) -> Values:
    """Computes the share of UEs and windows whose satisfaction reaches the target."""
    reached = read(dataset, "reported") >= float(dataset.attrs["target"])
    return mean_of_users(dataset, nan_mean(reached.astype(np.float64), axis=1))


def allotted_share(dataset: xr.Dataset) -> Values:
    """Computes the share of all PRBs that was allotted."""
    prbs = float(dataset.attrs["prbs"]) * float(dataset.attrs["cells"])
    return {"": nan_mean(add(read(dataset, "allotted_prbs")), axis=1) / prbs}


METRICS = (
    Metric("personal_satisfaction", "1", "satisfaction of the served rate in each UE's true zone of tolerance",
           "higher", personal_satisfaction, _NEEDS, limits=SHARE),
    Metric("promised_satisfaction", "1", "satisfaction that the allotted PRBs promise by the zones that were told",
           None, promised_satisfaction, _NEEDS, limits=SHARE),
    Metric("radio_shortfall", "1", "promised satisfaction less that of the served rate by the zones that were told",
           None, radio_shortfall, _NEEDS, limits=(-1.0, 1.0)),
    Metric("prediction_shortfall", "1", "satisfaction of the served rate by the zones that were told less by the true "
           "ones", None, prediction_shortfall, _NEEDS, limits=(-1.0, 1.0)),
    Metric("target_share", "1", "share of UEs and windows whose satisfaction reaches the target", "higher",
           target_share, (*_NEEDS, "target"), limits=SHARE),
    Metric("allotted_share", "1", "share of the PRBs that was allotted", "lower", allotted_share, _NEEDS, limits=SHARE),
)  # fmt: skip
"""Metrics of personalised allocation, as the family registers them."""
