"""Computes rates, energy per bit, and the numbers of repaired decisions and of what allocators count themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .windows import MBIT, Array, Values, add, divide, duration_s, each_group, mean_of_users, read, total

if TYPE_CHECKING:
    import xarray as xr


def rate_per_user(dataset: xr.Dataset) -> Array:
    """Computes the mean rate of each UE over the run, ``[B, U]`` in bit/s."""
    return total(dataset, "served_bits") / duration_s(dataset)


def rate_mean(dataset: xr.Dataset) -> Values:
    """Computes the mean over UEs of their mean rate, ``[B]`` in Mbit/s."""
    return mean_of_users(dataset, rate_per_user(dataset) / MBIT)


def rate_p5(dataset: xr.Dataset) -> Values:
    """Computes the 5th percentile over UEs of their mean rate ("cell edge"), ``[B]`` in Mbit/s; linear between UEs."""
    rate = rate_per_user(dataset) / MBIT
    return each_group(dataset, lambda mask: np.asarray(np.percentile(rate[:, mask], 5, axis=1)))


def rate_sum(dataset: xr.Dataset) -> Values:
    """Sums the mean rates of UEs, ``[B]`` in Mbit/s."""
    rate = rate_per_user(dataset) / MBIT
    return each_group(dataset, lambda mask: add(rate[:, mask]))


def rate_cell(dataset: xr.Dataset) -> Array:
    """Divides the sum rate by the number of cells, ``[B]`` in Mbit/s."""
    return rate_sum(dataset)[""] / float(dataset.attrs["cells"])


def energy_per_bit(dataset: xr.Dataset) -> Array:
    """Divides the energy spent by the bits delivered, ``[B]`` in microjoule per bit; NaN if none was delivered."""
    energy = add(read(dataset, "energy_j", ("drop", "window")))
    return divide(energy, add(total(dataset, "served_bits"))) * 1e6


def repairs(dataset: xr.Dataset) -> Array:
    """Counts the breaches of decisions that were repaired in the recorded windows, ``[B]``."""
    return add(read(dataset, "repairs", ("drop", "window")))


def counts(dataset: xr.Dataset) -> Values:
    """Returns what the allocator counted of its decisions in the recorded intervals, ``[B]`` by the name of a count."""
    found = read(dataset, "counts", ("count", "drop"))
    return {str(name): found[number] for number, name in enumerate(dataset["count"].to_numpy())}
