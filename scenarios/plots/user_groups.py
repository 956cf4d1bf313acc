"""Collects numbers of users by their group, as plots show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mac.metrics.windows import Array, group_masks, read

if TYPE_CHECKING:
    import xarray as xr

    from ..run_result import RunResult

ByGroup = dict[str, dict[str, Array]]


def users_by_group(result: RunResult, variant: str | None, value: Callable[[xr.Dataset], Array]) -> ByGroup:
    """Flattens ``value(dataset) [B, U]`` over drops, users, variants: group -> allocator -> numbers, no NaN.

    Groups stand in the scenario's order, also where the first variant leaves one of them out.
    """
    collected: dict[str, dict[str, list[Array]]] = {}
    for allocator in result.allocators:
        for shown in result.variants if variant is None else [variant]:
            dataset = result.to_xarray(allocator, shown)
            numbers = value(dataset)
            for name, mask in _group_panels(dataset).items():
                flat = numbers[:, mask].ravel()
                collected.setdefault(name, {}).setdefault(allocator, []).append(flat[~np.isnan(flat)])
    order = _group_order(result)
    names = sorted(collected, key=lambda name: order.get(name, len(order)))
    return {name: {a: np.concatenate(v) for a, v in collected[name].items()} for name in names}


def histograms_by_group(result: RunResult, variant: str | None, name: str) -> ByGroup:
    """Adds up histograms ``(drop, user, delay_bin)`` over drops, users and variants: group -> allocator -> counts."""
    found: ByGroup = {}
    for allocator in result.allocators:
        for shown in result.variants if variant is None else [variant]:
            dataset = result.to_xarray(allocator, shown)
            counts = read(dataset, name, ("user", "drop", "delay_bin")).sum(axis=1)
            for group, mask in _group_panels(dataset).items():
                of_group = found.setdefault(group, {})
                of_group[allocator] = of_group.get(allocator, 0.0) + counts[mask].sum(axis=0)
    order = _group_order(result)
    return {name: found[name] for name in sorted(found, key=lambda name: order.get(name, len(order)))}


def _group_order(result: RunResult) -> dict[str, int]:
    """Returns the position of each group in the scenario's users, as far as it has any with names."""
    users = result.scenario.get("users")
    groups = [group for group in users if isinstance(group, Mapping)] if isinstance(users, list | tuple) else []
    return {str(group.get("name")): place for place, group in enumerate(groups)}


def _group_panels(dataset: xr.Dataset) -> dict[str, Any]:
    """Splits users by group; where the dataset has one group only, it is named all the same."""
    masks = group_masks(dataset)
    if len(masks) > 1:
        return {name: mask for name, mask in masks.items() if name}
    only = str(dataset["group"].to_numpy()[0]) if "group" in dataset.coords else ""
    return {only: masks[""]}
