"""Computes metrics of slices: TRACTOR's score, and the satisfaction of each slice where it has several groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..metrics.metric import SHARE, Metric
from ..metrics.satisfaction import has_targets, satisfaction_per_user
from ..metrics.windows import Values, nan_mean
from .tractor_score import METRICS as TRACTOR

if TYPE_CHECKING:
    import xarray as xr


def slice_satisfaction(dataset: xr.Dataset) -> Values:
    """Computes the satisfaction of each slice, ``[B]``: mean over its UEs that have targets."""
    per_user, names = satisfaction_per_user(dataset), slice_of_user(dataset)
    return {name: nan_mean(per_user[:, names == name]) for name in dict.fromkeys(names.tolist())}


def slice_of_user(dataset: xr.Dataset) -> NDArray[np.str_]:
    """Returns the name of each UE's slice, ``[U]``."""
    return dataset["slice_name"].to_numpy().astype(str)[dataset["slice_id"].to_numpy().astype(np.int64)]


def tells_more_than_groups(dataset: xr.Dataset) -> bool:
    """Returns whether UEs have targets, and some slice, of several, has several groups of UEs."""
    names, groups = slice_of_user(dataset), dataset["group"].to_numpy().astype(str)
    pairs = set(zip(names.tolist(), groups.tolist(), strict=True))
    return len(pairs) > len(set(names.tolist())) > 1 and has_targets(dataset)


SLICE_SATISFACTION = Metric(
    "slice_satisfaction", "1", "satisfaction of the users of a slice, where a slice has several groups", "higher",
    slice_satisfaction, ("served_bits", "demand_bits", "packets", "delay_s", "window_s", "slice_id", "slice_name",
                         "group"), tells_more_than_groups, SHARE,
)  # fmt: skip

METRICS = (*TRACTOR, SLICE_SATISFACTION)
"""Metrics of slicing, as the family registers them."""
