"""Computes 95 % intervals of many samples at once, by the methods that were tried for metrics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

from mac.metrics.intervals import mean_interval

Array = np.ndarray
Ends = tuple[Array, Array]  # [trials] each
RESAMPLES = 499


def student(samples: Array, limits: tuple[float, float]) -> Ends:
    """Computes Student's interval, cut at the limits of the metric."""
    low, high = _each(samples, (-np.inf, np.inf))
    return np.maximum(low, limits[0]), np.minimum(high, limits[1])


def scaled(samples: Array, limits: tuple[float, float]) -> Ends:
    """Computes Student's interval on a scale without limits, as fairwave does."""
    return _each(samples, limits)


def bootstrap_t(samples: Array, limits: tuple[float, float]) -> Ends:
    """Computes the studentised bootstrap interval: quantiles of t of resamples in the place of Student's."""
    mean, error = samples.mean(axis=1), stats.sem(samples, axis=1)

    def t(resampled: Array, axis: int) -> Array:
        shape = mean.shape + (1,) * (resampled.ndim - 2)
        spread = stats.sem(resampled, axis=axis)  # 0 where one value was drawn each time: t is far out
        return (resampled.mean(axis=axis) - mean.reshape(shape)) / np.maximum(spread, 1e-9 * error.reshape(shape))

    low, high = np.nanquantile(_bootstrap(samples, t, "percentile").bootstrap_distribution, [0.025, 0.975], axis=-1)
    return np.maximum(mean - high * error, limits[0]), np.minimum(mean - low * error, limits[1])


def bca(samples: Array, limits: tuple[float, float]) -> Ends:
    """Computes the bias-corrected and accelerated bootstrap interval."""
    found = _bootstrap(samples, np.mean, "BCa").confidence_interval
    return np.asarray(found.low), np.asarray(found.high)


METHODS: dict[str, Callable[[Array, tuple[float, float]], Ends]] = {
    "Student": student,
    "scaled": scaled,
    "bootstrap-t": bootstrap_t,
    "BCa": bca,
}


def _each(samples: Array, limits: tuple[float, float]) -> Ends:
    found = [mean_interval(sample, limits) for sample in samples]
    return np.array([one.low for one in found]), np.array([one.high for one in found])


def _bootstrap(samples: Array, statistic: Callable[..., Array], method: str) -> stats._resampling.BootstrapResult:
    drawn = np.random.default_rng(1)
    return stats.bootstrap((samples,), statistic, axis=1, n_resamples=RESAMPLES, method=method, rng=drawn)
