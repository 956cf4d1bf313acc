"""How many drops an interval needs: Stein's procedure by hand, and its coverage after the rule has stopped."""

from __future__ import annotations

import math

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from mac.metrics.precision import PILOT, precision


def test_needed_drops_are_steins() -> None:
    """The pilot varies more than the rest, so it decides: ceil((t s0 / half)^2)."""
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0, 2, 10), rng.normal(0, 1, 30)])
    scaled = stats.t.ppf(0.975, 9) * values[:10].std(ddof=1)
    found = precision(values, 10, 0.3)
    assert_allclose(found.half, scaled / math.sqrt(40), rtol=1e-12)
    assert found.drops == math.ceil((scaled / 0.3) ** 2)
    assert precision(values, 10, found.half * 1.001).drops == 40  # reached


def test_all_drops_decide_where_they_vary_more_than_the_pilot() -> None:
    values = np.concatenate([np.linspace(-0.1, 0.1, 10), np.linspace(-5, 5, 30)])
    scaled = stats.t.ppf(0.975, 39) * values.std(ddof=1)
    assert_allclose(precision(values, 10, 0.1).half, scaled / math.sqrt(40), rtol=1e-12)


def test_values_that_hardly_vary_tell_nothing() -> None:
    for values in ([1.0] * 40, [0.0] * 33 + [1.0] * 7, [math.inf, *range(39)], [math.nan] * 40):
        found = precision(values, 10, 0.5)
        assert found.half == math.inf and found.drops == 80, values
    assert 0.1 < precision([0.0] * 32 + [1.0] * 8, 32, 0.5).half < 0.5  # the pilot sees no spread, all drops do
    assert precision([0.0, 1.0] * 20, 32, 0.5).half < 0.5


def test_drops_without_a_value_are_made_up_for() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=40)
    half = np.array(values)
    half[1::2] = math.nan
    whole = precision(values[::2], 16, 0.1)
    found = precision(half, 32, 0.1)
    assert found.half == whole.half and abs(found.drops - 2 * whole.drops) <= 2


def test_intervals_cover_after_the_rule_has_stopped() -> None:
    """Normal values, some 60 drops: at least 95 % in 4,000 trials, less four standard errors."""
    rng, wanted, inside = np.random.default_rng(3), 0.25, []
    for _ in range(4000):
        values = rng.normal(size=400)
        drops = PILOT
        while (found := precision(values[:drops], PILOT, wanted)).half > wanted:
            drops = found.drops
        inside.append(abs(values[:drops].mean()) <= wanted)
    assert np.mean(inside) > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 4000)
