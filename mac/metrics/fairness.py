"""Computes how evenly UEs are served: Jain's index and alpha-fair utility, of rates and of served over demanded bits.

Rates depend on the demand of a UE; served over demanded bits ("served share") compares UEs of different demands. The
two are different questions, so their metrics have different names. The demand of full-buffer UEs is infinite, so they
have rates and no served share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .throughput import rate_per_user
from .windows import (
    MBIT,
    Array,
    Values,
    add,
    asked_bits,
    divide,
    each_group,
    mean_of_users,
    nan_mean,
    read,
    saturated,
    total,
)

if TYPE_CHECKING:
    import xarray as xr

FLOOR = 1e-3
"""Least value that enters a utility of alpha >= 1: 1 kbit/s for rates in Mbit/s, 0.1 % for shares."""


def jain(values: Array) -> Array:
    """Computes Jain's index ``(sum x)^2 / (n sum x^2)`` over the last axis, NaN left out.

    1 if all are equal, 1/n if one has everything; 1 for a single UE; NaN if all are zero (nothing was shared) or
    there is no UE. Source: Jain, Chiu, Hawe, DEC-TR-301, 1984. ``values`` >= 0, ``[B, U]`` -> ``[B]``.
    """
    counted = ~np.isnan(values)
    largest = np.max(np.where(counted, values, 0.0), axis=-1, keepdims=True, initial=0.0)
    known = np.where(counted, divide(values, largest), 0.0)  # scaled, so that no square over- or underflows
    known = np.nan_to_num(known)
    return divide(add(known) ** 2, add(counted.astype(np.float64)) * add(known**2))


def alpha_fair_utility(values: Array, alpha: float) -> Array:
    """Computes the mean over the last axis of ``x^(1 - alpha) / (1 - alpha)``, ``ln x`` at alpha 1; NaN left out.

    alpha 0 is the mean, 1 proportional fairness, 2 minus the mean of 1/x, large values approach max-min. For
    alpha >= 1 zero has no finite utility, so values are raised to :data:`FLOOR`. Source: Mo and Walrand, IEEE/ACM
    Trans. Networking 8(5), 2000. ``values`` >= 0, ``[B, U]`` -> ``[B]``.

    Raises:
        ValueError: if ``alpha`` is negative or not finite.
    """
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha is {alpha}; an alpha-fair utility needs a finite alpha >= 0")
    if alpha < 1:
        return nan_mean(values ** (1.0 - alpha) / (1.0 - alpha))
    raised = np.maximum(values, FLOOR)
    return nan_mean(np.log(raised) if alpha == 1 else raised ** (1.0 - alpha) / (1.0 - alpha))


def served_share_per_user(dataset: xr.Dataset) -> Array:
    """Divides bits served by bits demanded (waiting at the start and arrived) in the whole run, ``[B, U]``.

    NaN for UEs without demand, and for full-buffer UEs, whose demand is infinite.
    """
    before = (asked_bits(dataset) - read(dataset, "demand_bits"))[:, 0]
    share = divide(total(dataset, "served_bits"), total(dataset, "demand_bits") + before)
    return np.where(saturated(dataset), np.nan, share)


def served_share(dataset: xr.Dataset) -> Values:
    """Computes the mean over UEs of their served share, ``[B]``; UEs without one (see above) are left out."""
    return mean_of_users(dataset, served_share_per_user(dataset))


def jain_rate(dataset: xr.Dataset) -> Values:
    """Computes Jain's index of the UEs' mean rates, ``[B]``."""
    return _shared(each_group(dataset, lambda mask: jain(rate_per_user(dataset)[:, mask])), dataset)


def jain_served_share(dataset: xr.Dataset) -> Values:
    """Computes Jain's index of the UEs' served shares, ``[B]``; UEs without one (see above) are left out."""
    return _shared(each_group(dataset, lambda mask: jain(served_share_per_user(dataset)[:, mask])), dataset)


def utility_rate(dataset: xr.Dataset, alpha: float) -> Values:
    """Computes the mean alpha-fair utility of the UEs' mean rates in Mbit/s, ``[B]``."""
    rate = rate_per_user(dataset) / MBIT
    return each_group(dataset, lambda mask: alpha_fair_utility(rate[:, mask], alpha))


def utility_served_share(dataset: xr.Dataset, alpha: float) -> Values:
    """Computes the mean alpha-fair utility of the UEs' served shares, ``[B]``."""
    share = served_share_per_user(dataset)
    return each_group(dataset, lambda mask: alpha_fair_utility(share[:, mask], alpha))


def _shared(values: Values, dataset: xr.Dataset) -> Values:
    """Removes groups of one UE, whose index is always 1."""
    if "group" not in dataset.coords:
        return values
    names = dataset.variables["group"].values.astype(str).tolist()
    return {name: value for name, value in values.items() if name == "" or names.count(name) > 1}
