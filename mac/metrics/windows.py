"""Reads a dataset of windows: plain float64 arrays with known axes, and values per group of UEs.

B drops, W windows, U UEs, C cells. A result is a dictionary from a group's name to one value per
drop; the name ``""`` stands for all UEs. Where there is only one group, its rows would repeat those of all UEs
and are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Values = dict[str, Array]

WINDOWED = ("drop", "window", "user")
MBIT = 1e6


def read(dataset: xr.Dataset, name: str, dims: tuple[str, ...] = WINDOWED) -> Array:
    """Reads a variable or coordinate with its axes in the order ``dims``, as float64.

    Raises:
        KeyError: it is missing.
    """
    variable = dataset.variables[name]
    ordered = variable if variable.dims == dims else variable.transpose(*dims)
    return np.ascontiguousarray(ordered.values, dtype=np.float64)


def total(dataset: xr.Dataset, name: str) -> Array:
    """Sums a ``(drop, window, user)`` variable over the windows, ``[B, U]``."""
    return add(read(dataset, name), axis=1)


def add(values: Array, axis: int = -1) -> Array:
    """Sums along an axis, bit for bit the same for a drop alone and in a batch.

    NumPy picks the order of additions by the layout in memory, so the axis is made the innermost one first.
    """
    innermost = values if axis in (-1, values.ndim - 1) else np.moveaxis(values, axis, -1)
    return np.asarray(np.ascontiguousarray(innermost).sum(axis=-1), dtype=np.float64)


def duration_s(dataset: xr.Dataset) -> float:
    """Returns the time that the windows cover, in seconds."""
    return float(dataset.attrs["window_s"]) * dataset.sizes["window"]


def group_masks(dataset: xr.Dataset) -> dict[str, Mask]:
    """Selects all UEs (``""``) and those of each group, ``[U]`` each; groups in the order of their first UE."""
    every_user = {"": np.ones(dataset.sizes["user"], dtype=np.bool_)}
    if "group" not in dataset.coords:
        return every_user
    return with_named_masks(every_user, dataset.variables["group"].values.astype(str))


def with_named_masks(masks: dict[str, Mask], names: NDArray[np.str_]) -> dict[str, Mask]:
    """Adds to ``masks`` one for each distinct name of ``names [U]``, if there are at least two."""
    distinct = list(dict.fromkeys(names.tolist()))
    return masks | {name: names == name for name in distinct if len(distinct) > 1}


def each_group(dataset: xr.Dataset, value: Callable[[Mask], Array]) -> Values:
    """Computes ``value(mask of UEs) -> [B]`` for all UEs and for each group."""
    return {name: value(mask) for name, mask in group_masks(dataset).items()}


def mean_of_users(dataset: xr.Dataset, per_user: Array) -> Values:
    """Computes the mean of ``[B, U]`` over UEs, all and per group; UEs with NaN are not counted."""
    return each_group(dataset, lambda mask: nan_mean(per_user[:, mask]))


def only_judged(dataset: xr.Dataset, values: Values, judged: Mask) -> Values:
    """Drops the groups in which no UE is judged; ``judged [U]``."""
    return {name: values[name] for name, mask in group_masks(dataset).items() if (mask & judged).any()}


def ratio_of_users(dataset: xr.Dataset, part: Array, whole: Array) -> Values:
    """Divides the sum of ``part [B, U]`` by that of ``whole [B, U]``, of all UEs and per group; NaN where that is 0."""
    return each_group(dataset, lambda mask: divide(add(part[:, mask]), add(whole[:, mask])))


def divide(part: Array, whole: Array) -> Array:
    """Divides ``part`` by ``whole``; NaN where ``whole`` is 0."""
    out: Array = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def nan_mean(values: Array, axis: int = -1) -> Array:
    """Computes the mean along an axis of the numbers that are not NaN; NaN without a warning where there are none."""
    counted = ~np.isnan(values)
    return divide(add(np.where(counted, values, 0.0), axis), add(counted.astype(np.float64), axis))


def backlog_before(dataset: xr.Dataset) -> Array:
    """Computes the bits that waited when each window began, ``[B, W, U]``.

    It is the backlog at the end of the window before; for the first window it follows from conservation,
    ``before = after + served + dropped + lost - demand`` (less than one bit is taken for rounding).
    """
    after = read(dataset, "backlog_bits")
    out = read(dataset, "served_bits")
    for name in ("dropped_bits", "lost_bits"):
        if name in dataset:
            out = out + read(dataset, name)
    arrived = read(dataset, "demand_bits")
    first = after[:, :1] + out[:, :1] - arrived[:, :1]
    rounding = 1.0 + 1e-6 * arrived[:, :1]
    return np.concatenate([np.where(first < rounding, 0.0, first), after[:, :-1]], axis=1)


def saturated(dataset: xr.Dataset) -> Mask:
    """Finds the full-buffer UEs, ``[U]``, which always have data; their ``demand_bits`` are those taken to be sent."""
    if "full_buffer" not in dataset.coords:
        return np.zeros(dataset.sizes["user"], dtype=np.bool_)
    return np.asarray(dataset.variables["full_buffer"].values, dtype=np.bool_)


def asked_bits(dataset: xr.Dataset) -> Array:
    """Computes the demand of each UE in each window in bits, ``[B, W, U]``: what waited before and what arrived.

    The demand of UEs that always have data is infinite.
    """
    asked = read(dataset, "demand_bits")
    if "backlog_bits" in dataset:
        asked = asked + backlog_before(dataset)
    return np.where(saturated(dataset), np.inf, asked)
