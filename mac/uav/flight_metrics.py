"""Computes metrics of flying base stations: spread of rates, coverage, first service, energies, collisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metrics.metric import NOT_NEGATIVE, SHARE, Metric
from ..metrics.throughput import rate_per_user
from ..metrics.windows import MBIT, Array, Values, add, divide, duration_s, each_group, mean_of_users, read, total

if TYPE_CHECKING:
    import xarray as xr


def rate_std(dataset: xr.Dataset) -> Values:
    """Computes the standard deviation over users of their mean rates, ``[B]`` in Mbit/s."""
    rate = rate_per_user(dataset) / MBIT
    return each_group(dataset, lambda mask: _std(rate[:, mask]))


def coverage(dataset: xr.Dataset) -> Values:
    """Computes the share of the intervals in which a user was covered, mean over users, ``[B]``."""
    intervals = duration_s(dataset) / float(dataset.attrs["interval_s"])
    return mean_of_users(dataset, total(dataset, "covered") / intervals)


def time_to_first_service(dataset: xr.Dataset) -> Values:
    """Computes the time from the start to the first data of a user, mean over users, ``[B]`` in s.

    A user that never got any counts with the length of the run, which is too little.
    """
    first = read(dataset, "first_service_s")[:, -1]
    end = duration_s(dataset) + float(dataset.attrs["warmup_s"])
    return mean_of_users(dataset, np.minimum(first, end))


def never_served(dataset: xr.Dataset) -> Values:
    """Computes the share of users that never got data, ``[B]``."""
    return mean_of_users(dataset, np.isinf(read(dataset, "first_service_s")[:, -1]).astype(np.float64))


def flight_energy(dataset: xr.Dataset) -> Array:
    """Computes the energy of propulsion of all UAVs, ``[B]`` in kJ."""
    return _energy(dataset, "flight_j") / 1e3


def radio_energy(dataset: xr.Dataset) -> Array:
    """Computes the energy of the transmitters of all UAVs, ``[B]`` in kJ."""
    return _energy(dataset, "radio_j") / 1e3


def bits_per_joule(dataset: xr.Dataset) -> Array:
    """Divides bits delivered by energy spent, ``[B]`` in kbit/J."""
    energy = add(read(dataset, "energy_j", ("drop", "window")))
    return divide(add(total(dataset, "served_bits")), energy) / 1e3


def collisions(dataset: xr.Dataset) -> Array:
    """Counts pairs of UAVs that came too near to each other, summed over intervals, ``[B]``."""
    return add(read(dataset, "collisions", ("drop", "window")))


def held(dataset: xr.Dataset) -> Array:
    """Counts UAVs whose velocity the fence or a no-fly zone changed, summed over intervals, ``[B]``."""
    return add(read(dataset, "held", ("drop", "window")))


def empty_batteries(dataset: xr.Dataset) -> Array:
    """Counts the UAVs that are out of service at the end, ``[B]``."""
    left = read(dataset, "battery_j", ("drop", "window", "uav"))[:, -1]
    return add((left <= 0).astype(np.float64))


def site_noise_rise(dataset: xr.Dataset) -> Array:
    """Computes noise and interference of UAVs over noise at base stations, the mean of values in dB, ``[B]``."""
    intervals = duration_s(dataset) / float(dataset.attrs["interval_s"])
    return add(read(dataset, "site_rise_db", ("drop", "window"))) / intervals


def reference_reward(dataset: xr.Dataset) -> Array:
    """Computes the reward of the reference environment, mean over UAVs of the sum over intervals, ``[B]``."""
    reward = read(dataset, "reference_reward", ("drop", "window", "uav"))
    return add(add(reward, axis=1)) / dataset.sizes["uav"]


def _energy(dataset: xr.Dataset, name: str) -> Array:
    return add(add(read(dataset, name, ("drop", "window", "uav"))))


def _std(values: Array) -> Array:
    mean = add(values)[:, None] / values.shape[1]
    return np.asarray(np.sqrt(add(np.square(values - mean)) / values.shape[1]), dtype=np.float64)


METRICS = (
    Metric("rate_std", "Mbit/s", "standard deviation over users of their mean rate", "lower", rate_std,
           ("served_bits", "window_s", "covered"), limits=NOT_NEGATIVE),
    Metric("coverage", "1", "share of the intervals in which a user had the SINR of coverage", "higher", coverage,
           ("covered", "interval_s"), limits=SHARE),
    Metric("time_to_first_service", "s", "time to the first data of a user, mean over users", "lower",
           time_to_first_service, ("first_service_s", "warmup_s"), limits=NOT_NEGATIVE),
    Metric("never_served", "1", "share of the users that never got data", "lower", never_served,
           ("first_service_s",), limits=SHARE),
    Metric("flight_energy", "kJ", "energy of propulsion of all UAVs", "lower", flight_energy,
           ("flight_j",), limits=NOT_NEGATIVE),
    Metric("radio_energy", "kJ", "energy of the transmitters of all UAVs", "lower", radio_energy,
           ("radio_j",), limits=NOT_NEGATIVE),
    Metric("bits_per_joule", "kbit/J", "bits delivered over energy spent", "higher", bits_per_joule,
           ("flight_j", "energy_j", "served_bits"), limits=NOT_NEGATIVE),
    Metric("collisions", "1", "pairs of UAVs that came too near, summed over intervals", "lower", collisions,
           ("collisions",), limits=NOT_NEGATIVE),
    Metric("fence_holds", "1", "UAVs that the fence or a no-fly zone held, summed over intervals", None, held,
           ("held",), limits=NOT_NEGATIVE),
    Metric("empty_batteries", "1", "UAVs that were out of service at the end", "lower", empty_batteries,
           ("battery_j",), limits=NOT_NEGATIVE),
    Metric("site_noise_rise", "dB", "noise and interference of UAVs over noise at base stations", "lower",
           site_noise_rise, ("site_rise_db", "interval_s")),
    Metric("reference_reward", "1", "reward of the reference environment, summed over intervals", "higher",
           reference_reward, ("reference_reward",)),
)  # fmt: skip
"""Metrics of flying base stations, as the family registers them."""
