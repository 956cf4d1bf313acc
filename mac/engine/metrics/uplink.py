"""Computes transmit power, energy and interference of an uplink."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...metrics.windows import Array, Values, divide, mean_of_users, ratio_of_users, total

if TYPE_CHECKING:
    import xarray as xr


def transmit_power(dataset: xr.Dataset) -> Values:
    """Computes the mean power of a UE in the slots in which it sends, mean over UEs, ``[B]`` in dBm."""
    sent_s = total(dataset, "sent_slots") * float(dataset.attrs["slot_s"])
    watts = mean_of_users(dataset, divide(total(dataset, "transmit_j"), sent_s))
    return {name: _db(power) + 30.0 for name, power in watts.items()}


def limited_share(dataset: xr.Dataset) -> Values:
    """Computes the share of the slots of sending in which P_CMAX limited UEs below the open loop's power, ``[B]``."""
    return ratio_of_users(dataset, total(dataset, "limited_slots"), total(dataset, "sent_slots"))


def interference_over_thermal(dataset: xr.Dataset) -> Values:
    """Computes interference and noise over noise at the cells, mean over the PRBs on which UEs sent, ``[B]`` in dB."""
    rise = ratio_of_users(dataset, total(dataset, "thermal_rise"), total(dataset, "sent_prbs"))
    return {name: _db(ratio) for name, ratio in rise.items()}


def user_energy_per_bit(dataset: xr.Dataset) -> Values:
    """Divides the energy that UEs radiated by the bits delivered, ``[B]`` in microjoule per bit."""
    return ratio_of_users(dataset, total(dataset, "transmit_j") * 1e6, total(dataset, "served_bits"))


def _db(ratio: Array) -> Array:
    return np.asarray(10.0 * np.log10(ratio))
