"""A backlog that grows is found, one that does not is not, at the level that is stated."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mac.metrics.stationarity import BATCHES, LEAST_SHARE, LEVEL, BacklogTrend, backlog_trend, batch_means, growing
from phy import random
from phy.random import Drops

WINDOW_SLOTS, PACKET_BITS, SLOT_S = 100, 800.0, 1e-3


def slotted_queue(load: float, drops: int, windows: int, seed: int = 1) -> xr.Dataset:
    """One packet a slot is served, Poisson packets arrive: M/D/1 in slots, from an empty queue on."""
    slots = windows * WINDOW_SLOTS
    rng = np.random.default_rng([seed, int(1000 * load)])
    arrivals = rng.poisson(load, (drops, slots))
    queue, ends = np.zeros(drops), np.zeros((drops, windows, 1))
    for slot in range(slots):
        queue = np.maximum(queue - 1, 0) + arrivals[:, slot]
        if (slot + 1) % WINDOW_SLOTS == 0:
            ends[:, slot // WINDOW_SLOTS, 0] = queue
    arrived = arrivals.reshape(drops, windows, WINDOW_SLOTS).sum(axis=2)[..., None]
    return windows_of(ends * PACKET_BITS, arrived * PACKET_BITS)


def windows_of(backlog: np.ndarray, arrived: np.ndarray, full_buffer: tuple[bool, ...] | None = None) -> xr.Dataset:
    dims = ("drop", "window", "user")
    coords = {} if full_buffer is None else {"full_buffer": ("user", np.array(full_buffer))}
    return xr.Dataset(
        {"backlog_bits": (dims, backlog), "demand_bits": (dims, arrived)}, coords, {"window_s": WINDOW_SLOTS * SLOT_S}
    )


def test_an_overloaded_queue_grows_by_what_it_cannot_serve() -> None:
    trend = backlog_trend([slotted_queue(1.25, drops=4, windows=40)])
    assert trend is not None and growing({"a": trend}) == {"a": trend}
    assert trend.share == pytest.approx(0.2, abs=0.02)  # 0.25 of 1.25
    assert trend.growth_bps == pytest.approx(0.25 * PACKET_BITS / SLOT_S, rel=0.1)


def test_one_drop_suffices_where_the_queue_is_overloaded() -> None:
    trend = backlog_trend([slotted_queue(1.25, drops=1, windows=40)])
    assert trend is not None and "a" in growing({"a": trend})


@pytest.mark.parametrize("drops", [1, 8])
def test_a_queue_at_load_0_8_is_flagged_no_more_often_than_the_level(drops: int) -> None:
    """Of 300 runs 3 are expected at the level of 1 %; more than 9 has a probability of 0.001."""
    found = 0
    for seed in range(300):
        trend = backlog_trend([slotted_queue(0.8, drops, windows=20, seed=seed)])
        assert trend is not None
        found += bool(trend.p <= LEVEL)  # without the least effect size, which would excuse the most
    assert found <= 9


def test_parts_are_the_same_as_the_whole() -> None:
    whole = slotted_queue(1.1, drops=6, windows=30)
    parts = [whole.isel(drop=slice(0, 2)), whole.isel(drop=slice(2, 6))]
    one, many = backlog_trend([whole]), backlog_trend(parts)
    assert one is not None and many is not None
    assert (one.growth_bps, one.share, one.p) == pytest.approx((many.growth_bps, many.share, many.p))


def test_full_buffers_and_other_families_have_no_trend() -> None:
    queue = slotted_queue(1.25, drops=4, windows=40)
    always = queue.assign_coords(full_buffer=("user", [True]))
    assert backlog_trend([always]) is None
    assert backlog_trend([queue.drop_vars("backlog_bits")]) is None
    assert backlog_trend([]) is None
    beside = xr.concat([queue, queue * 1e6], "user").assign_attrs(queue.attrs)
    beside = beside.assign_coords(full_buffer=("user", [False, True]))
    assert backlog_trend([beside]) == backlog_trend([queue])


def test_too_few_increments_say_nothing() -> None:
    assert backlog_trend([slotted_queue(1.25, drops=1, windows=5)]) is None
    assert backlog_trend([slotted_queue(1.25, drops=1, windows=6)]) is not None


def test_constant_growth_is_certain_and_a_constant_backlog_is_none() -> None:
    line = np.arange(1.0, 21.0).reshape(1, 20, 1) * 1e3
    grows, stays = (backlog_trend([windows_of(q, np.full((1, 20, 1), 2e3))]) for q in (line, np.full_like(line, 5.0)))
    assert grows is not None and (grows.p, grows.share) == (0.0, pytest.approx(0.5))
    assert stays is not None and (stays.p, stays.share) == (1.0, 0.0)


def test_batch_means_by_hand() -> None:
    values = random.normal(Drops(1, (0,)).keys("x"), (3, 47)).numpy()[0]
    seen = batch_means(values)
    assert seen.shape == (3, BATCHES)
    for b in range(3):
        for k in range(BATCHES):
            assert seen[b, k] == pytest.approx(sum(values[b, 7 + 4 * k + i] for i in range(4)) / 4)


def test_small_growth_and_chance_among_many_are_not_flagged() -> None:
    small = BacklogTrend(1e3, LEAST_SHARE / 2, 1e-9)
    chance = BacklogTrend(1e6, 0.5, LEVEL / 2)
    assert growing({"small": small}) == {}
    assert growing({"alone": chance}) == {"alone": chance}
    assert growing(dict.fromkeys(range(3), chance)) == {}
