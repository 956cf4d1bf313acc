"""Lists the metrics and computes the flat table of a run: one row per drop and metric.

A metric is one entry of :data:`CORE`, or one that a family registers. It applies to a dataset if the variables that it
needs are there, so a family gets its metrics by what it records.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.plugin_traceback import describe_error, plug_in_line
from . import delay, fairness, satisfaction, throughput
from .metric import ANY, NOT_NEGATIVE, SHARE, Metric
from .windows import Array, Values

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_RATE = ("served_bits", "window_s")
_SHARE = ("served_bits", "demand_bits")
_SLA = ("served_bits", "demand_bits", "packets", "delay_s", "window_s")
_QUANTILE = ("delay_packets", "delay_edge_s")

_SATISFACTION = (
    Metric("satisfaction", "1", "share of a user's windows in which the SLA was met, mean over users", "higher",
           satisfaction.satisfaction, _SLA, satisfaction.has_targets),
    Metric("satisfaction_zone", "1", "zone of tolerance: 0 at the adequate rate, 1 at the desired, mean over users",
           "higher", satisfaction.satisfaction_zone, _SLA, partial(satisfaction.has_targets, rates=True)),
    Metric("satisfaction_zone_logistic", "1", "the same, logistic: 0.1 at the adequate rate, 0.9 at the desired",
           "higher", partial(satisfaction.satisfaction_zone, logistic=True), _SLA,
           partial(satisfaction.has_targets, rates=True)),
)  # fmt: skip

_FAIRNESS = (
    Metric("jain_rate", "1", "Jain's index of the users' mean rates: 1 if all are equal, 1/n if one of n has all",
           "higher", fairness.jain_rate, _RATE),
    Metric("jain_served_share", "1", "Jain's index of served over asked bits: 1 if all got the same share", "higher",
           fairness.jain_served_share, _SHARE),
    Metric("utility_rate_alpha1", "ln(Mbit/s)", "mean logarithm of the users' rates, floor 1 kbit/s", "higher",
           partial(fairness.utility_rate, alpha=1.0), _RATE),
    Metric("utility_rate_alpha2", "s/Mbit", "minus the mean of 1/rate, floor 1 kbit/s", "higher",
           partial(fairness.utility_rate, alpha=2.0), _RATE),
    Metric("utility_served_share_alpha1", "1", "mean logarithm of served over asked bits, floor 0.1 %", "higher",
           partial(fairness.utility_served_share, alpha=1.0), _SHARE),
    Metric("utility_served_share_alpha2", "1", "minus the mean of asked over served bits, floor 0.1 %", "higher",
           partial(fairness.utility_served_share, alpha=2.0), _SHARE),
)  # fmt: skip

_THROUGHPUT = (
    Metric("rate_mean", "Mbit/s", "mean over users of their mean rate", "higher", throughput.rate_mean, _RATE),
    Metric("rate_p5", "Mbit/s", "5th percentile over users of their mean rate: that of the worst served", "higher",
           throughput.rate_p5, _RATE),
    Metric("rate_sum", "Mbit/s", "sum over users of their mean rate", "higher", throughput.rate_sum, _RATE),
    Metric("rate_cell", "Mbit/s", "sum rate over the number of cells", "higher", throughput.rate_cell,
           (*_RATE, "cells")),
    Metric("served_share", "1", "served over asked bits, mean over users", "higher", fairness.served_share, _SHARE),
    Metric("energy_per_bit", "µJ/bit", "energy spent over bits delivered", "lower", throughput.energy_per_bit,
           ("energy_j", "served_bits")),
)  # fmt: skip

_DELAY = (
    Metric("delay_mean", "ms", "mean delay of completed packets", "lower", delay.delay_mean, ("delay_s", "packets")),
    *(
        Metric(f"delay_p{percent}", "ms", f"delay that {percent} % of the completed packets do not exceed", "lower",
               partial(delay.delay_quantile, share=percent / 100), _QUANTILE)
        for percent in (50, 95, 99)
    ),
    Metric("late_share", "1", "share of completed packets that took longer than the user's budget", "lower",
           delay.late_share, ("late_packets", "packets", "sla_delay_s")),
    Metric("loss_ratio", "1", "bits dropped by full queues or given up by HARQ over bits that arrived", "lower",
           lambda dataset: delay.loss_ratio(dataset, "dropped_bits", "lost_bits"),
           ("dropped_bits", "lost_bits", "demand_bits")),
    Metric("dropped_ratio", "1", "bits dropped by full queues over arrived bits", "lower",
           lambda dataset: delay.loss_ratio(dataset, "dropped_bits"), ("dropped_bits", "demand_bits")),
    Metric("lost_ratio", "1", "bits that HARQ gave up over arrived bits", "lower",
           lambda dataset: delay.loss_ratio(dataset, "lost_bits"), ("lost_bits", "demand_bits")),
    Metric("bler_first_tx", "1", "share of first transmissions that were not decoded", None, delay.bler_first_tx,
           ("first_tx", "first_nack")),
    Metric("repairs", "1", "breaches of the allocator's decisions that were mended, where on_infeasible is repair",
           "lower", throughput.repairs, ("repairs", "mends")),
    Metric("counts", "1", "what the allocator counted of its decisions, by name, such as projected actions of a policy",
           None, throughput.counts, ("counts", "count")),
)  # fmt: skip

_SHARES = (
    "satisfaction", "satisfaction_zone", "satisfaction_zone_logistic", "jain_rate", "jain_served_share", "served_share",
    "late_share", "loss_ratio", "dropped_ratio", "lost_ratio", "bler_first_tx",
)  # fmt: skip
_UNBOUNDED = ("utility_rate_alpha1", "utility_rate_alpha2", "utility_served_share_alpha1",
              "utility_served_share_alpha2")  # fmt: skip


def _with_limits(metric: Metric) -> Metric:
    limits = SHARE if metric.name in _SHARES else ANY if metric.name in _UNBOUNDED else NOT_NEGATIVE
    return replace(metric, limits=limits)


CORE = tuple(map(_with_limits, (*_SATISFACTION, *_THROUGHPUT, *_FAIRNESS, *_DELAY)))
"""Metrics that any family may have whose arrays they need."""

METRICS: dict[str, Metric] = {metric.name: metric for metric in CORE}
"""Metrics by name: those of the core, then those that families have registered."""

PLUGGED: dict[str, Metric] = {}
"""Metrics of plug-ins by the names that scenarios give them, as :func:`plug_in` enters them."""


def register(metrics: Iterable[Metric]) -> None:
    """Adds a family's metrics to those available; a name that is there already keeps its place.

    Raises:
        ValueError: a name is that of a metric of the core.
    """
    core = {metric.name for metric in CORE}
    for metric in metrics:
        if metric.name in core:
            raise ValueError(f"there is a metric '{metric.name}' already, for all families; choose another name")
        METRICS[metric.name] = metric


def plug_in(name: str, thing: object) -> None:
    """Adds a plug-in's metric to those available.

    Args:
        name: as the scenario and the tables name it.
        thing: a :class:`Metric`, or an object with ``compute(dataset)`` and, if it likes, ``unit``, ``better``,
            ``description``, ``needs`` and ``limits``, whose defaults are those of a pure number of any run.

    Raises:
        ValueError: it is neither.
    """
    compute = getattr(thing, "compute", None)
    if not callable(compute):
        raise ValueError(f"the metric '{name}' needs a method compute(dataset), one number a drop, or to be a Metric")
    better = getattr(thing, "better", None)
    if better not in ("higher", "lower", None):
        raise ValueError(f"the metric '{name}': better is {better!r}; one of: 'higher', 'lower', None")
    text = getattr(thing, "description", "") or (type(thing).__doc__ or "").strip().partition("\n")[0]
    PLUGGED[name] = Metric(
        name=name,
        unit=str(getattr(thing, "unit", "1")),
        description=str(text),
        better=better,
        compute=partial(_checked, name, compute),
        needs=tuple(getattr(thing, "needs", ())),
        applies=getattr(thing, "applies", lambda dataset: True),
        limits=getattr(thing, "limits", ANY),
    )


def _checked(name: str, compute: Callable[[xr.Dataset], Any], dataset: xr.Dataset) -> Array | Values:
    """Returns what a plug-in computes, if it is one number a drop, or such numbers by group."""
    try:
        found = compute(dataset.copy(deep=True))
        groups = found if isinstance(found, dict) else {"": found}
        values = {str(group): np.asarray(value, dtype=np.float64) for group, value in groups.items()}
    except Exception as error:
        raise ValueError(
            f"the metric '{name}': compute() raised {describe_error(error)}{plug_in_line(error)}"
        ) from error
    for value in values.values():
        if value.shape != (dataset.sizes["drop"],):
            raise ValueError(
                f"the metric '{name}': compute() must return one number a drop, of shape [{dataset.sizes['drop']}], "
                f"not {list(value.shape)}"
            )
    return values


def available_metrics() -> tuple[Metric, ...]:
    """Returns all metrics, in the order in which tables show them."""
    return tuple(METRICS.values())


def metric_named(name: str) -> Metric:
    """Finds the metric of a table's row; a group after a slash is ignored (``satisfaction/embb``).

    Raises:
        ValueError: if there is no such metric; the message names the nearest one.
    """
    base = name.partition("/")[0]
    known = METRICS | PLUGGED
    if base not in known:
        near = difflib.get_close_matches(base, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known metrics: {', '.join(known)}"
        raise ValueError(f"there is no metric {base!r}; {hint}")
    return known[base]


def limits_of(name: str) -> tuple[float, float]:
    """Returns the least and the greatest possible value of the metric of a table's row; of unknown ones, any."""
    base = name.partition("/")[0]
    found = PLUGGED.get(base) or METRICS.get(base)
    return ANY if found is None else found.limits


def is_of_events(name: str) -> bool:
    """Checks whether a metric of a table's row measures something undesired that may not occur: losses, failures."""
    found = (METRICS | PLUGGED).get(name.partition("/")[0])
    return found is not None and found.better == "lower" and found.limits[0] == 0


def metric_table(dataset: xr.Dataset, names: Iterable[str] | None = None, more: Iterable[str] = ()) -> pd.DataFrame:
    """Tabulates the metrics of every drop in rows ``drop, metric, unit, value``; those that do not apply are left out.

    Args:
        dataset: windows of one allocator and variant, with the dimensions drop, window, user.
        names: the metrics to compute, in this order; all of fairwave's own if not given.
        more: metrics of plug-ins beside them.

    Raises:
        ValueError: if a name is unknown.
    """
    import pandas as pd

    chosen = available_metrics() if names is None else tuple(metric_named(name) for name in names)
    chosen += tuple(metric_named(name) for name in more)
    drops = dataset["drop"].to_numpy().tolist() if "drop" in dataset.coords else list(range(dataset.sizes["drop"]))
    rows = [row for metric in chosen if metric.fits(dataset) for row in _rows(metric, dataset, drops)]
    return pd.DataFrame(rows, columns=["drop", "metric", "unit", "value"])


def _rows(metric: Metric, dataset: xr.Dataset, drops: list[int]) -> list[tuple[int, str, str, float]]:
    computed = metric.compute(dataset)
    groups = computed if isinstance(computed, dict) else {"": computed}
    named = {f"{metric.name}/{group}" if group else metric.name: values for group, values in groups.items()}
    return [
        (drop, name, metric.unit, float(value))
        for name, values in named.items()
        for drop, value in zip(drops, np.asarray(values), strict=True)
    ]
