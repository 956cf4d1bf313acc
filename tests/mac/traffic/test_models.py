"""Traffic models: rates, statistics, and independence of horizon and of other users."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from oracles_traffic import slot_sums
from pydantic import TypeAdapter, ValidationError

from mac.traffic import (
    TRAFFIC_MODELS,
    Arrivals,
    ConstantBitRate,
    FtpModel3,
    FullBuffer,
    OnOff,
    Packets,
    Poisson,
    TraceReplay,
    TrafficSettings,
    arrival_draws,
    describe,
    merge,
    on_off,
)
from mac.traffic.packets import no_packets, slot_of, sort_packets
from phy.random import stream_key
from scenarios.config.described_schema import field_texts

KEY = stream_key(7, 3, "traffic")
SLOT_S = 1e-3


@pytest.fixture
def trace(tmp_path):
    """A capture of 0.9 s (1 s with its mean gap): 10 packets of 100 .. 1000 bytes of payload."""
    lines = [f"App,{i},{i / 10},172.30.1.{250 if i % 3 else 1},10.0.0.1,UDP,{170 + 100 * i}\n" for i in range(10)]
    path = tmp_path / "capture.csv"
    path.write_text("App name,No.,Time,Source,Destination,Protocol,Length\n" + "".join(lines))
    return path


def models(trace):
    return [
        FullBuffer(),
        ConstantBitRate(rate_bps=3.3e6, packet_bytes=700),
        ConstantBitRate(rate_bps=2e4, packet_bytes=1500),
        Poisson(rate_bps=5e6, packet_bytes=1200),
        Poisson(rate_bps=2e3, packet_bytes=100),
        OnOff(on_s=0.02, off_s=0.05, rate_bps=2e7, packet_bytes=500),
        OnOff(on_s=0.001, off_s=0.001, rate_bps=1e6, packet_bytes=100),
        FtpModel3(files_per_s=2.0),
        TraceReplay(files=(str(trace),)),
        TraceReplay(files=(str(trace),), speed=7.3, direction="uplink"),
        TraceReplay(files=(str(trace),), loop=False),
        TraceReplay(files=(str(trace),), start="begin"),
    ]


def triples(packets, slots=None, users=None):
    keep = np.ones(len(packets), dtype=bool)
    keep &= packets.slot < slots if slots is not None else True
    keep &= packets.user < users if users is not None else True
    return np.stack((packets.slot, packets.user, packets.bytes))[:, keep]


def test_a_longer_horizon_only_appends(trace):
    for model in models(trace):
        full = model.packets(KEY, 6, 3000, SLOT_S)
        for slots in (0, 1, 500, 1000):
            part = model.packets(KEY, 6, slots, SLOT_S)
            np.testing.assert_array_equal(triples(full, slots=slots), triples(part), err_msg=repr(model))
        assert model.full_buffer or len(full) > 0


def test_the_size_of_the_blocks_of_draws_does_not_matter(trace, monkeypatch):
    usual = [triples(model.packets(KEY, 4, 3000, SLOT_S)) for model in models(trace)]
    monkeypatch.setattr(arrival_draws, "BLOCK", 7)
    monkeypatch.setattr(on_off, "BLOCK", 3)
    for model, expected in zip(models(trace), usual, strict=True):
        np.testing.assert_array_equal(triples(model.packets(KEY, 4, 3000, SLOT_S)), expected, err_msg=repr(model))


def test_more_users_leave_the_others_alone(trace):
    for model in models(trace):
        many, few = model.packets(KEY, 9, 2000, SLOT_S), model.packets(KEY, 4, 2000, SLOT_S)
        np.testing.assert_array_equal(triples(many, users=4), triples(few), err_msg=repr(model))
        assert len(model.packets(KEY, 0, 2000, SLOT_S)) == 0
        assert model.full_buffer or len(many) > len(few)


def test_arrivals_follow_the_key_and_differ_between_users(trace):
    for model in models(trace)[1:]:
        one, same = model.packets(KEY, 5, 20_000, SLOT_S), model.packets(KEY, 5, 20_000, SLOT_S)
        np.testing.assert_array_equal(triples(one), triples(same))
        if getattr(model, "start", "") == "begin" or not getattr(model, "loop", True):
            continue  # all users play the one file from its beginning, or two may start behind its last packet
        other = model.packets(stream_key(7, 4, "traffic"), 5, 20_000, SLOT_S)
        assert triples(one).shape != triples(other).shape or (triples(one) != triples(other)).any()
        per_user = [tuple(one.slot[one.user == user]) for user in range(5)]
        assert len(set(per_user)) == 5, model


@pytest.mark.parametrize(
    ("model", "slots", "tolerance"),
    [
        (ConstantBitRate(rate_bps=1e6), 20_000, 1e-3),
        (Poisson(rate_bps=1e6), 20_000, 0.01),
        (Poisson(rate_bps=2e8), 200, 0.02),
        (OnOff(on_s=0.05, off_s=0.15, rate_bps=4e6), 20_000, 0.03),
        (OnOff(on_s=0.002, off_s=0.004, rate_bps=1e6, packet_bytes=1500), 20_000, 0.03),
        (FtpModel3(files_per_s=0.5), 200_000, 0.04),
    ],
)
def test_rates_match_the_settings(model, slots, tolerance):
    users = 100
    packets = model.packets(KEY, users, slots, SLOT_S)
    rate_bps = 8 * packets.bytes.sum() / users / (slots * SLOT_S)
    assert rate_bps == pytest.approx(model.mean_rate_bps, rel=tolerance)


def test_constant_bit_rate_counts_exactly():
    model = ConstantBitRate(rate_bps=1.2e6, packet_bytes=1500)  # a packet every 10 ms
    packets = model.packets(KEY, 50, 1000, SLOT_S)
    np.testing.assert_array_equal(np.bincount(packets.user), 100)
    first = np.array([packets.slot[packets.user == user][0] for user in range(50)])
    assert first.max() < 10 and len(np.unique(first)) == 10
    for user in range(50):
        np.testing.assert_array_equal(np.diff(packets.slot[packets.user == user]), 10)
    begin = ConstantBitRate(rate_bps=1.2e6, packet_bytes=1500, random_phase=False).packets(KEY, 3, 1000, SLOT_S)
    np.testing.assert_array_equal(begin.slot, np.repeat(np.arange(0, 1000, 10), 3))


def test_constant_bit_rate_faster_than_the_slots():
    packets = ConstantBitRate(rate_bps=1.2e9, packet_bytes=1500, random_phase=False).packets(KEY, 2, 50, SLOT_S)
    np.testing.assert_array_equal(np.bincount(packets.slot), 200)  # 100 per user and slot


def test_poisson_counts_have_equal_mean_and_variance():
    packets = Poisson(rate_bps=1.2e6, packet_bytes=1500).packets(KEY, 50, 20_000, SLOT_S)
    window = np.bincount(packets.user * 200 + packets.slot // 100, minlength=10_000)  # mean 10 in 100 ms
    assert window.mean() == pytest.approx(10.0, rel=0.01)
    assert window.var() / window.mean() == pytest.approx(1.0, abs=0.045)  # standard error 0.014
    lag = np.corrcoef(window[:-1], window[1:])[0, 1]
    assert abs(lag) < 0.04


def test_ftp_files_come_at_exponential_gaps():
    model = FtpModel3(file_bytes=100_000, files_per_s=0.8)
    packets = model.packets(KEY, 200, 300_000, SLOT_S)
    assert set(packets.bytes) == {100_000}
    order = np.lexsort((packets.slot, packets.user))
    gap_s = np.diff(packets.slot[order])[np.diff(packets.user[order]) == 0] * SLOT_S
    assert gap_s.mean() == pytest.approx(1.25, rel=0.02)
    assert gap_s.std() / gap_s.mean() == pytest.approx(1.0, rel=0.03)
    assert (gap_s > 2.5).mean() == pytest.approx(np.exp(-2.0), abs=0.008)


def test_on_off_duty_cycle_and_bursts():
    model = OnOff(on_s=0.3, off_s=0.6, rate_bps=12e6, packet_bytes=1500)  # while on, a packet every slot
    users, slots = 100, 30_000
    counts = Arrivals((model.packets(KEY, users, slots, SLOT_S),)).counts(0, slots, users)[0].numpy()
    assert counts.max() <= 2  # a burst's end and the next one's beginning may share a slot
    assert (counts > 0).mean() == pytest.approx(1 / 3, rel=0.05)
    assert (counts[:, :50] > 0).mean() == pytest.approx(1 / 3, abs=0.15)  # stationary from the start
    begins = ((counts[:, 1:] > 0) & (counts[:, :-1] == 0)).sum()
    assert counts.sum() / begins * SLOT_S == pytest.approx(0.3, rel=0.06)


def test_on_off_with_long_periods_makes_only_what_is_needed():
    packets = OnOff(on_s=1e6, off_s=1e-3, rate_bps=1e9, packet_bytes=1250).packets(KEY, 3, 10, SLOT_S)
    np.testing.assert_array_equal(np.bincount(packets.slot), 300)


def test_full_buffer_has_no_packets():
    model = FullBuffer()
    assert model.full_buffer and model.mean_rate_bps is None
    assert len(model.packets(KEY, 5, 1000, SLOT_S)) == 0


def test_block_and_counts_equal_slow_loops():
    drops = tuple(
        merge(
            [
                Poisson(rate_bps=3e6, packet_bytes=300).packets(stream_key(1, drop, "a"), 3, 900, SLOT_S),
                OnOff(on_s=0.05, off_s=0.05, rate_bps=1e7).packets(stream_key(1, drop, "b"), 2, 700, SLOT_S),
            ],
            [0, 3],
        )
        for drop in range(3)
    )
    arrivals = Arrivals(drops)
    for start, slots in ((0, 900), (0, 1), (411, 64), (890, 50), (5000, 10)):
        size, count = arrivals.block(start, slots, 6), arrivals.counts(start, slots, 6)
        assert size.shape == count.shape == (3, 6, slots) and str(size.dtype) == str(count.dtype) == "torch.int64"
        for drop, packets in enumerate(drops):
            expected = slot_sums(packets, start, slots, 6)
            np.testing.assert_array_equal(size[drop], expected[0])
            np.testing.assert_array_equal(count[drop], expected[1])
    assert arrivals.block(0, 900, 6).sum() == sum(int(p.bytes.sum()) for p in drops) > 0


def test_block_refuses_users_that_do_not_exist():
    arrivals = Arrivals((ConstantBitRate().packets(KEY, 4, 100, SLOT_S),))
    with pytest.raises(ValueError, match="user 3, but there are only 3 users"):
        arrivals.block(0, 100, 3)


def test_merge_orders_by_slot_and_shifts_users():
    first = sort_packets(np.array([5, 0, 5]), np.array([1, 0, 0]), np.array([10, 20, 30]))
    second = sort_packets(np.array([5, 1]), np.array([0, 0]), 7)
    both = merge([first, second], [2, 0])
    np.testing.assert_array_equal(triples(both), [[0, 1, 5, 5, 5], [2, 0, 0, 2, 3], [20, 7, 7, 30, 10]])
    assert len(merge([], [])) == 0 == len(merge([no_packets()], [4]))
    with pytest.raises(ValueError, match="one first_user for each part"):
        merge([first], [])


def test_packets_must_be_sorted_int64_arrays():
    good = np.array([0, 1])
    for slot in (np.array([1, 0]), np.array([-1, 0])):
        with pytest.raises(ValueError, match="non-negative and ascending"):
            Packets(slot, good, good)
    for bad in (np.array([0.0, 1.0]), np.array([1])):
        with pytest.raises(ValueError, match="three int64 arrays"):
            Packets(good, good, bad)


def test_a_time_on_the_border_belongs_to_the_later_slot():
    for slot_s in (1e-3, 0.5e-3, 0.25e-3, 0.125e-3):
        number = np.arange(1_000_000)
        np.testing.assert_array_equal(slot_of(number * slot_s, slot_s), number)
        np.testing.assert_array_equal(slot_of((number + 0.999) * slot_s, slot_s), number)


def test_settings_are_told_apart_by_model_and_strict():
    adapter = TypeAdapter(TrafficSettings)
    for name, kind in TRAFFIC_MODELS.items():
        extra = {"files": ["a.csv"]} if name == "trace_replay" else {}
        assert type(adapter.validate_python({"model": name, **extra})) is kind
    for bad in (
        {"model": "poison"},
        {"model": "poisson", "rate": 1.0},
        {"model": "poisson", "rate_bps": -1.0},
        {"model": "poisson", "rate_bps": float("nan")},
        {"model": "on_off", "off_s": 0.0},
        {"model": "ftp_model_3", "file_bytes": 0},
        {"model": "trace_replay", "files": []},
        {"model": "trace_replay", "files": ["a"], "speed": 0.0},
        {"model": "trace_replay", "files": ["a"], "direction": "sideways"},
    ):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)


def test_every_model_and_field_is_described():
    lines = describe()
    assert list(lines) == list(TRAFFIC_MODELS) and all(20 < len(line) < 120 for line in lines.values())
    for name, kind in TRAFFIC_MODELS.items():
        assert field_texts(kind).keys() == {field.name for field in fields(kind)}, name
