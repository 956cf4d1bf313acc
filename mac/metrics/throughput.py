"""How much was carried, on how many PRBs and for how much energy, and how much of it was decided wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .windows import MBIT, Array, Values, add, divide, duration_s, each_group, mean_of_users, read, total

if TYPE_CHECKING:
    import xarray as xr


def rate_per_user(dataset: xr.Dataset) -> Array:
    """Mean rate of each user over the run, ``[D, U]`` in bit/s."""
    return total(dataset, "served_bits") / duration_s(dataset)


def rate_mean(dataset: xr.Dataset) -> Values:
    """Mean over users of their mean rate, ``[D]`` in Mbit/s."""
    return mean_of_users(dataset, rate_per_user(dataset) / MBIT)


def rate_p5(dataset: xr.Dataset) -> Values:
    """5th percentile over users of their mean rate ("cell edge"), ``[D]`` in Mbit/s; linear between users."""
    rate = rate_per_user(dataset) / MBIT
    return each_group(dataset, lambda mask: np.asarray(np.percentile(rate[:, mask], 5, axis=1)))


def rate_sum(dataset: xr.Dataset) -> Values:
    """Sum over users of their mean rate, ``[D]`` in Mbit/s."""
    rate = rate_per_user(dataset) / MBIT
    return each_group(dataset, lambda mask: add(rate[:, mask]))


def rate_cell(dataset: xr.Dataset) -> Array:
    """Sum rate over the number of cells, ``[D]`` in Mbit/s."""
    return rate_sum(dataset)[""] / float(dataset.attrs["cells"])


def prb_utilisation(dataset: xr.Dataset) -> Array:
    """Share of all PRB-slots of all cells that carried data, ``[D]``."""
    used = read(dataset, "used_prbs", ("drop", "window", "cell"))
    slots = float(dataset.attrs["slots_per_window"]) * dataset.sizes["window"]
    whole = float(dataset.attrs["prbs"]) * slots * dataset.sizes["cell"]
    return add(add(used)) / whole


def energy_per_bit(dataset: xr.Dataset) -> Array:
    """Energy spent over bits delivered, ``[D]`` in microjoule per bit; NaN if nothing was delivered."""
    energy = add(read(dataset, "energy_j", ("drop", "window")))
    return divide(energy, add(total(dataset, "served_bits"))) * 1e6


def repairs(dataset: xr.Dataset) -> Array:
    """Breaches of the decisions of the recorded windows that were mended, ``[D]``."""
    return add(read(dataset, "repairs", ("drop", "window")))
