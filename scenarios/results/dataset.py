"""Makes labelled arrays of what the loop recorded, and joins those of several shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from mac.core.recorder import Windows
    from phy.random import Drops

    from ..families import Labels
    from ..families.schema import Clock


def dataset(windows: Windows, labels: Labels, clock: Clock, drops: Drops) -> xr.Dataset:
    """Makes a dataset of the arrays of a batch with their coordinates.

    Args:
        windows: what the loop recorded.
        labels: the family's coordinates and attributes.
        clock: of the scenario.
        drops: of the batch.
    """
    import xarray as xr  # here, so that the first slot does not wait for it

    place = np.arange(clock.intervals // clock.window)
    window_s = clock.window * clock.interval_s
    texts = {name: {"units": spec.unit, "description": spec.description} for name, spec in windows.array_specs.items()}
    variables = {name: (windows.dims(name), array, texts[name]) for name, array in windows.arrays.items()}
    ends = {"description": "end of the window, counted from the end of the warm-up"}
    own = {
        "drop": ("drop", np.array(drops.ids, dtype=np.int64)),
        "window": ("window", place),
        "time_s": ("window", (place + 1) * window_s, ends),
    }
    slots = {array.shape[1] for name, array in windows.arrays.items() if windows.array_specs[name].combine == "series"}
    for count in slots:
        time_s = (np.arange(count) + 1) * (place.size * window_s / count)
        about = {"units": "s", "description": "end of the slot, counted from the end of the warm-up"}
        own["slot_time_s"] = ("slot", time_s, about)
    named = {"interval_s": clock.interval_s, "window_s": window_s, "decisions": windows.intervals, **labels.attributes}
    if windows.counts:
        own["count"] = ("count", np.array(list(windows.counts), dtype=str))
        words = {"units": "1", "description": "what the allocator counted of its decisions"}
        variables["counts"] = (("drop", "count"), np.stack(list(windows.counts.values()), axis=1), words)
    return xr.Dataset(variables, {**own, **labels.coordinates}, named)


def join(parts: list[xr.Dataset]) -> xr.Dataset:
    """Joins shards of one allocator and variant to one dataset, ordered by drop."""
    import xarray as xr

    if len(parts) == 1:
        return parts[0]
    joined = xr.concat(
        parts,
        "drop",
        data_vars="all",
        coords="minimal",
        compat="override",
        combine_attrs="drop_conflicts",
        join="exact",
    )
    return joined.sortby("drop")
