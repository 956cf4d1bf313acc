"""Computes lifetime metrics of a sensor field: when nodes died, how evenly, and what the energy was spent on.

Rounds are counted from 1: a node that dies in its first round has lived for one. Where a death has not come by the end
of the run, it is NaN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.metric import NOT_NEGATIVE, Metric
from ..metrics.windows import Array, add, divide, read, total

if TYPE_CHECKING:
    import xarray as xr


def death_round(dataset: xr.Dataset) -> Array:
    """Computes the rounds in which nodes died, ascending, ``[B, N]``; NaN for those that live."""
    life = read(dataset, "life_rounds", ("drop", "user"))
    parent = read(dataset, "parent")[:, -1]
    left = read(dataset, "left_j")[:, -1]
    rounds = round(float(dataset.attrs["window_s"]) / float(dataset.attrs["round_s"])) * dataset.sizes["window"]
    dead = (life < rounds) | (left <= 0) | (parent < -1)
    return np.asarray(np.sort(np.where(dead, life, np.nan), axis=1), dtype=np.float64)


def first_node_dead(dataset: xr.Dataset) -> Array:
    """Computes the round of the first death, ``[B]``."""
    return death_round(dataset)[:, 0]


def half_nodes_dead(dataset: xr.Dataset) -> Array:
    """Computes the round in which half of the nodes (rounded up) are dead, ``[B]``."""
    died = death_round(dataset)
    return died[:, (died.shape[1] + 1) // 2 - 1]


def last_node_dead(dataset: xr.Dataset) -> Array:
    """Computes the round of the last death, ``[B]``."""
    return death_round(dataset)[:, -1]


def spread(dataset: xr.Dataset) -> Array:
    """Counts the rounds from the first death to the last, ``[B]``."""
    died = death_round(dataset)
    return np.asarray(died[:, -1] - died[:, 0], dtype=np.float64)


def packets_per_joule(dataset: xr.Dataset) -> Array:
    """Computes packets delivered over energy spent, ``[B]`` in 1/J."""
    return divide(add(total(dataset, "packets")), add(read(dataset, "energy_j", ("drop", "window"))))


def delivered(dataset: xr.Dataset) -> Array:
    """Counts the packets delivered in the whole run, ``[B]``."""
    return add(total(dataset, "packets"))


def energy_variance(dataset: xr.Dataset) -> Array:
    """Computes the variance of the charges after the round of the first death, ``[B]`` in mJ^2."""
    return 1e6 * read(dataset, "spread_at_first_death_j2", ("drop", "window"))[:, -1]


_LIFE = ("life_rounds", "left_j", "parent", "window_s", "round_s")

METRICS = tuple(
    replace(metric, limits=NOT_NEGATIVE)
    for metric in (
        Metric("fnd", "rounds", "first node dead", "higher", first_node_dead, _LIFE),
        Metric("hnd", "rounds", "half of the nodes dead", "higher", half_nodes_dead, _LIFE),
        Metric("lnd", "rounds", "last node dead", "higher", last_node_dead, _LIFE),
        Metric("death_spread", "rounds", "from the first death to the last", "lower", spread, _LIFE),
        Metric("energy_variance_fnd", "mJ^2", "variance of the charges after the round of the first death", "lower",
               energy_variance, ("spread_at_first_death_j2",)),
        Metric("packets_delivered", "1", "packets that reached the sink", "higher", delivered,
               ("packets", "life_rounds")),
        Metric("packets_per_joule", "1/J", "packets delivered over energy spent", "higher", packets_per_joule,
               ("packets", "energy_j", "life_rounds")),
    )
)  # fmt: skip
"""Metrics of sensor fields, as the family registers them."""
