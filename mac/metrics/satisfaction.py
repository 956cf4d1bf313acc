"""Computes the satisfaction of each UE: windows in which its agreement is met, and the zone of tolerance.

A window in which a UE has no demand (nothing waited before, nothing arrived, nothing waits after) says nothing about
the network and is not counted. Nor is a UE without any target. The demand of full-buffer UEs is infinite: each window
counts, and a rate is met if it was served. They have no packets, so a delay is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pydantic
from pydantic import Field

from phy.settings import STRICT

from .windows import Array, Mask, Values, asked_bits, divide, mean_of_users, nan_mean, only_judged, read, saturated

if TYPE_CHECKING:
    import xarray as xr

Rate = Annotated[float, Field(gt=0, le=1e12)]

YOUNG_SHARE = 0.1
"""Bits that came in during the last tenth of a window and still wait at its end belong to the next window."""

_ROUNDING = 1e-6  # of what was asked: windows are sums in float32
_LOG_ODDS = float(np.log(9.0))  # logit of 0.9


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Sla:
    """Sets the service level agreed with each UE of a group. A target left out is not judged."""

    rate_bps: Rate | None = None
    """Adequate rate: a window meets it if this rate, or all demand, was served."""

    desired_rate_bps: Rate | None = None
    """Rate from which the UE is fully satisfied: the upper end of the zone of tolerance."""

    delay_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Packet delay budget: mean delay of the window's packets, and age of the oldest waiting byte."""

    loss: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Largest share of the arriving bits that may be dropped or lost in a window."""

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Sla:
        if self.rate_bps is not None and self.desired_rate_bps is not None and self.desired_rate_bps < self.rate_bps:
            raise ValueError(
                f"desired_rate_bps is {self.desired_rate_bps:g}, below rate_bps, which is {self.rate_bps:g}; "
                "the desired rate must be at least the adequate rate"
            )
        return self


@dataclass(frozen=True)
class _Targets:
    """Holds targets as arrays over UEs; NaN where there is none, or none that can be judged."""

    rate_bps: Array  # [U]
    desired_bps: Array  # [U]
    delay_s: Array  # [U]
    loss: Array  # [U]

    @property
    def any(self) -> Mask:
        """Finds the UEs with at least one target of the agreement, ``[U]`` (the desired rate is not one)."""
        return ~np.isnan(self.rate_bps) | ~np.isnan(self.delay_s) | ~np.isnan(self.loss)

    @property
    def any_rate(self) -> Mask:
        """Finds the UEs with an adequate or a desired rate, ``[U]``."""
        return ~np.isnan(self.rate_bps) | ~np.isnan(self.desired_bps)


def sla_met(dataset: xr.Dataset) -> Array:
    """Returns where the agreement was met: 1 or 0, NaN where not counted, ``[B, W, U]``.

    Three clauses, of which those with a target must all hold:

    * rate: served >= rate x window, or all due bits were served (see :func:`due_bits`);
    * delay: mean delay of the packets completed in the window <= budget, and so the age of the oldest waiting byte;
    * loss: (dropped + lost) / demand <= target over the window.
    """
    targets = _targets(dataset)
    met = _rate_met(dataset, targets) & _delay_met(dataset, targets) & _loss_met(dataset, targets)
    return np.where(_counted(dataset) & targets.any, met, np.nan)


def satisfaction_per_user(dataset: xr.Dataset) -> Array:
    """Computes the share of a UE's counted windows in which the agreement was met, ``[B, U]``; NaN without any."""
    return nan_mean(sla_met(dataset), axis=1)


def satisfaction(dataset: xr.Dataset) -> Values:
    """Computes the mean over UEs of :func:`satisfaction_per_user`, ``[B]``, for all UEs and per group with targets."""
    return only_judged(dataset, mean_of_users(dataset, satisfaction_per_user(dataset)), _targets(dataset).any)


def due_bits(dataset: xr.Dataset) -> Array:
    """Computes the bits that should be served within each window, ``[B, W, U]``.

    They are the demand, less (a) what still waits if its oldest byte is younger than a tenth of the window and within
    the delay budget, as otherwise a packet that arrives at the end of the window would count as not served, and (b) the
    share that the loss target allows, which is judged on its own.
    """
    targets = _targets(dataset)
    due = asked_bits(dataset)
    if "oldest_s" in dataset and "backlog_bits" in dataset:
        limit = np.fmin(YOUNG_SHARE * float(dataset.attrs["window_s"]), targets.delay_s)
        due = due - np.where(read(dataset, "oldest_s") <= limit, read(dataset, "backlog_bits"), 0.0)
    return np.asarray(np.maximum(due, 0.0) * (1.0 - np.nan_to_num(targets.loss)), dtype=np.float64)


def zone_of_tolerance(served: Array, due: Array, adequate: Array, desired: Array, logistic: bool = False) -> Array:
    """Computes the satisfaction in [0, 1] of a served rate: 0 up to the adequate rate, then linear to 1 at the desired.

    The logistic variant passes through (adequate, 0.1) and (desired, 0.9). A UE whose demand is less than the
    desired rate is judged against its demand: both ends shrink by ``min(1, due / desired)``. Where the ends coincide it
    is a step. Arguments in the same unit, broadcast together; NaN targets give NaN. After arXiv 2307.03867 (zone of
    tolerance); the shapes are this project's.
    """
    shrink = np.minimum(1.0, due / desired)
    low, high = adequate * shrink, desired * shrink
    width = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        if logistic:
            slope = 2.0 * _LOG_ODDS * (served - 0.5 * (low + high)) / width
            smooth = 1.0 / (1.0 + np.exp(-np.clip(slope, -500.0, 500.0)))
        else:
            smooth = np.clip((served - low) / width, 0.0, 1.0)
    step = (served >= high * (1.0 - _ROUNDING)).astype(np.float64)
    return np.asarray(np.where(np.isnan(width), np.nan, np.where(width > 0, smooth, step)), dtype=np.float64)


def zone_per_user(dataset: xr.Dataset, logistic: bool = False) -> Array:
    """Computes the mean over a UE's counted windows of :func:`zone_of_tolerance`, ``[B, U]``.

    A UE with only an adequate rate gets a step there; one with only a desired rate a ramp from 0.
    """
    targets, window_s = _targets(dataset), float(dataset.attrs["window_s"])
    desired = np.where(np.isnan(targets.desired_bps), targets.rate_bps, targets.desired_bps)
    adequate = np.where(np.isnan(targets.rate_bps), 0.0, targets.rate_bps)
    served, due = read(dataset, "served_bits") / window_s, due_bits(dataset) / window_s
    zone = zone_of_tolerance(served, due, adequate, desired, logistic)
    return nan_mean(np.where(_counted(dataset), zone, np.nan), axis=1)


def satisfaction_zone(dataset: xr.Dataset, logistic: bool = False) -> Values:
    """Computes the mean over UEs of :func:`zone_per_user`, ``[B]``, for all UEs and per group with targets."""
    return only_judged(dataset, mean_of_users(dataset, zone_per_user(dataset, logistic)), _targets(dataset).any_rate)


def has_targets(dataset: xr.Dataset, rates: bool = False) -> bool:
    """Returns whether any UE has a target (``rates``: an adequate or desired rate)."""
    targets = _targets(dataset)
    return bool((targets.any_rate if rates else targets.any).any())


def _targets(dataset: xr.Dataset) -> _Targets:
    names = ("sla_rate_bps", "sla_desired_bps", "sla_delay_s", "sla_loss")
    none = np.full(dataset.sizes["user"], np.nan)
    found = [read(dataset, name, ("user",)) if name in dataset.coords else none for name in names]
    rate, desired, delay, loss = (np.where(np.isinf(values), np.nan, values) for values in found)
    return _Targets(rate, desired, np.where(saturated(dataset), np.nan, delay), loss)


def _counted(dataset: xr.Dataset) -> Mask:
    wanted = asked_bits(dataset) > 0
    return wanted | (read(dataset, "backlog_bits") > 0) if "backlog_bits" in dataset else wanted


def _rate_met(dataset: xr.Dataset, targets: _Targets) -> Mask:
    promised = targets.rate_bps * float(dataset.attrs["window_s"])
    needed = np.fmin(promised, due_bits(dataset))
    asked = np.where(saturated(dataset), promised, asked_bits(dataset))
    met = read(dataset, "served_bits") >= needed - _ROUNDING * asked
    return np.asarray(met | np.isnan(targets.rate_bps), dtype=np.bool_)


def _delay_met(dataset: xr.Dataset, targets: _Targets) -> Mask:
    late = divide(read(dataset, "delay_s"), read(dataset, "packets")) > targets.delay_s
    if "oldest_s" in dataset:
        late = late | (read(dataset, "oldest_s") > targets.delay_s)
    return np.asarray(~late, dtype=np.bool_)


def _loss_met(dataset: xr.Dataset, targets: _Targets) -> Mask:
    gone = np.zeros(tuple(dataset.sizes[dim] for dim in ("drop", "window", "user")))
    for name in ("dropped_bits", "lost_bits"):
        if name in dataset:
            gone = gone + read(dataset, name)
    return np.asarray(~(gone > targets.loss * read(dataset, "demand_bits")), dtype=np.bool_)
