"""Packet traces: the format, its pitfalls, and what bad files get."""

from __future__ import annotations

import dataclasses
import gzip
import os

import numpy as np
import pytest
from oracles_traffic import read_trace, replay, tractor

from mac.traffic import Arrivals, TraceError, TraceReplay
from mac.traffic.arrival_draws import uniforms, user_keys
from mac.traffic.trace import load_trace
from mac.traffic.trace_paths import resolve
from phy.random import stream_key

HEADER = "App name,No.,Time,Source,Destination,Protocol,Length"
UE, HOST = "172.30.1.1", "172.30.1.250"
KEY = stream_key(11, 0, "traffic")
SLOT_S = 1e-3
RAW = tractor("raw")
needs_raw = pytest.mark.skipif(not RAW, reason="TRACTOR traces not found in FAIRWAVE_DATA, data or ../shared/data")


def down(time, length, number=1):
    return f"App,{number},{time},{HOST},{UE},TCP,{length}"


def up(time, length, number=1):
    return f"App,{number},{time},{UE},{HOST},TCP,{length}"


def write(path, *lines, header=HEADER):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


GOOD = (down(0.0, 170), up(0.1, 90), down(0.2, 270), down(0.3, 70), up(0.4, 10), down(0.5, 370))


def test_payload_direction_and_duration(tmp_path):
    trace = load_trace(write(tmp_path / "t.csv", *GOOD))
    np.testing.assert_allclose(trace.time_s, [0.0, 0.1, 0.2, 0.5])  # frames without payload are gone
    np.testing.assert_array_equal(trace.bytes, [100, 20, 200, 300])
    np.testing.assert_array_equal(trace.downlink, [True, False, True, True])
    assert trace.duration_s == pytest.approx(0.6)  # the last frame and a mean gap
    other = load_trace(tmp_path / "t.csv", ue_address=HOST, header_bytes=0)
    np.testing.assert_array_equal(other.bytes, [170, 90, 270, 70, 10, 370])
    np.testing.assert_array_equal(other.downlink, [False, True, False, False, True, False])


def test_super_frames_keep_their_bytes_in_segments(tmp_path):
    trace = load_trace(write(tmp_path / "t.csv", down(0, 1500), down(1, 1501), down(2, 65605), down(3, 70 + 2 * 1430)))
    np.testing.assert_array_equal(trace.bytes[:3], [1430, 1430, 1])
    assert trace.bytes.max() == 1430 and trace.bytes.min() >= 1
    per_frame = [int(trace.bytes[trace.time_s == time].sum()) for time in range(4)]
    assert per_frame == [1430, 1431, 65535, 2860]
    assert (trace.time_s == 3.0).sum() == 2


def test_small_disorder_is_sorted_and_the_clock_starts_at_the_first_frame(tmp_path):
    trace = load_trace(write(tmp_path / "t.csv", down(10.5, 100), up(10.0, 101), down(10.2, 102)))
    np.testing.assert_allclose(trace.time_s, [0.0, 0.2, 0.5])
    np.testing.assert_array_equal(trace.bytes, [31, 32, 30])
    np.testing.assert_array_equal(trace.downlink, [False, True, True])


def test_separator_columns_empty_lines_quotes_and_gzip_are_accepted(tmp_path):
    header = "Time , No.,,Source,Destination,,Protocol,Length,Info"
    lines = [f'0,1,,{HOST},{UE},,TCP,170,"a, b"', "", f"1e-1,2,,{UE},{HOST},,TCP,171.0,"]
    write(tmp_path / "t.csv", *lines, header=header)
    plain = load_trace(tmp_path / "t.csv")
    np.testing.assert_array_equal(plain.bytes, [100, 101])
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress((tmp_path / "t.csv").read_bytes()))
    packed = load_trace(tmp_path / "t.csv.gz")
    np.testing.assert_array_equal(packed.bytes, plain.bytes)
    np.testing.assert_array_equal(packed.time_s, plain.time_s)
    (tmp_path / "dos.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "t.csv").read_bytes().replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(load_trace(tmp_path / "dos.csv").bytes, plain.bytes)


ROWS = [(0.0, HOST, UE, 170), (0.25, UE, HOST, 90), (0.75, HOST, UE, 270)]
TSHARK = ("frame.time_epoch", "ip.src", "ip.dst", "frame.len")


@pytest.mark.parametrize("start_s", [0, 3.5, 1.7e9], ids=["relative", "late", "since-1970"])
@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize(
    "names", [("Time", "Source", "Destination", "Length"), TSHARK, ()], ids=["ours", "fields", "none"]
)
def test_what_other_tools_write_is_the_same_trace(tmp_path, names, separator, start_s):
    rows = [(f"{start_s + time_s:.6f}", *rest) for time_s, *rest in ROWS]
    lines = [separator.join(map(str, row)) for row in ([names] if names else []) + rows]
    (tmp_path / "t.txt").write_text("\n".join([*lines, ""]))
    trace = load_trace(tmp_path / "t.txt")
    np.testing.assert_allclose(trace.time_s, [0.0, 0.25, 0.75], atol=1e-6)
    np.testing.assert_array_equal(trace.bytes, [100, 20, 200])
    np.testing.assert_array_equal(trace.downlink, [True, False, True])
    assert trace.duration_s == pytest.approx(0.75 * 3 / 2)


def test_a_tunnel_has_two_addresses(tmp_path):
    (tmp_path / "t.tsv").write_text(f"0\t1.1.1.1,{HOST}\t2.2.2.2,{UE}\t170\n1\t2.2.2.2,{UE}\t1.1.1.1,{HOST}\t90\n")
    np.testing.assert_array_equal(load_trace(tmp_path / "t.tsv").downlink, [True, False])


def test_differences_and_captures_put_together_are_no_times(tmp_path):
    gaps = np.random.default_rng(1).exponential(0.02, 500)
    once, again = np.cumsum(gaps[:30]), np.cumsum(gaps[30:60])
    assert once[-1] < 1.0 and again[-1] < 1.0
    for times in (gaps, np.r_[once, again], np.r_[once, once]):
        path = write(tmp_path / "t.csv", *(down(f"{time:.6f}", 170) for time in times))
        with pytest.raises(
            TraceError, match=r"line \d+: Time goes back .* differences between packets, or like captures"
        ):
            load_trace(path)
    times = np.cumsum(gaps)
    late = times.copy()
    late[::50] += 0.5 * gaps[1]  # two in a hundred are late
    whole = load_trace(write(tmp_path / "t.csv", *(down(f"{time:.6f}", 170) for time in late)))
    np.testing.assert_allclose(whole.time_s, np.sort(late) - late.min(), atol=2e-6)


@pytest.mark.parametrize("start", ["1.7e12", "1.7e15"])
def test_milliseconds_since_1970_are_refused(tmp_path, start):
    with pytest.raises(TraceError, match=r"line 2: Time is .* no date in seconds since 1970; divide by 1e3"):
        load_trace(write(tmp_path / "t.csv", down(start, 170)))


def test_days_between_dates_are_refused(tmp_path):
    with pytest.raises(TraceError, match="line 3: Time is 1700100000, which is 100000 s after the first packet"):
        load_trace(write(tmp_path / "t.csv", down(1_700_000_000, 170), down(1_700_100_000, 170)))


def test_a_file_is_read_once_until_it_changes(tmp_path):
    path = write(tmp_path / "t.csv", *GOOD)
    first = load_trace(path)
    assert load_trace(str(path)) is first
    with pytest.raises(ValueError, match="read-only"):
        first.bytes[0] = 1
    write(path, *GOOD, down(0.6, 470))
    os.utime(path, ns=(1, 1))
    assert load_trace(path).bytes[-1] == 400


BAD_ROWS = {
    "App,2,0.1,1.2.3": "line 3: 4 columns instead of 7. The file is cut off there.",
    "App,2,5.1,172.30.1.250,172.30.1.1,TCP,": "line 3: Length is '', which is not a number.",
    down("soon", 100): "line 3: Time is 'soon', which is not a number.",
    down("nan", 100): "line 3: Time is nan, must be a finite number.",
    down("inf", 100): "line 3: Time is inf, must be a finite number.",
    down(-0.5, 100): "line 3: Time is -0.5, must be from 0 to 86400.",
    down(1.67e9, 100): "line 3: Time is 1670000000.0, must be from 0 to 86400. Time counts the seconds",
    down(3.9, 100): "line 3: Time goes back from 5 to 3.9 s; at most 1 s is accepted.",
    down(5.1, "nan"): "line 3: Length is nan, must be a finite number.",
    down(5.1, "12k"): "line 3: Length is '12k', which is not a number.",
    down(5.1, "1_0"): "line 3: Length is '1_0', which is not a number.",
    down(5.1, "9" * 400): f"line 3: Length is {'9' * 40}, must be a finite number.",
    down(5.1, -1): "line 3: Length is -1, must be from 0 to 65605.",
    down(5.1, 65606): "line 3: Length is 65606, must be from 0 to 65605. No frame is longer",
    down(5.1, 99.5): "line 3: Length is 99.5, must be a whole number of bytes.",
    down(5.1, 100) + ",more": "line 3: 8 columns instead of 7.",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_bad_rows_are_named_by_file_and_line(tmp_path, row):
    path = write(tmp_path / "bad.csv", down(5.0, 100), row)
    with pytest.raises(TraceError) as caught:
        load_trace(path)
    assert f"{path}, {BAD_ROWS[row]}" in str(caught.value)


def test_a_cut_inside_the_file_is_not_called_an_end(tmp_path):
    path = write(tmp_path / "bad.csv", down(0, 100), "App,2", down(1, 100))
    with pytest.raises(TraceError, match=r"line 3: 2 columns instead of 7\.$"):
        load_trace(path)


BAD_FILES = {
    b"": "the file is empty; a packet trace is expected.",
    b"\n\n": "the file is empty; a packet trace is expected.",
    (HEADER + "\n").encode(): "nothing follows the header; a packet trace is expected.",
    b"No.,Time,Src,Dst,Length\n1,0,a,b,3\n": "line 1: not a packet trace: missing columns: Source, Destination;",
    HEADER.replace(
        ",", "|"
    ).encode(): "line 1: not a packet trace: missing columns: Time, Source, Destination, Length;",
    b"Time,Time,Source,Destination,Length\n0,0,a,b,3\n": "line 1: these columns appear more than once: Time.",
    HEADER.encode() + b"\nApp,1,0,\x00\x01": "line 2: byte 0x00 is not text",
    b"\x89PNG\r\n\x1a\n\xff\xfe": "line 1: byte 0x89 is not text",
    gzip.compress(HEADER.encode() * 50, mtime=0)[:-20]: "the gzip file is damaged or cut off",
    HEADER.encode() + b"\n1,2,3,4,5,6," + b"x" * 200_000: "line 2: not a CSV file",
    (HEADER + "\n" + down(0, 100) + "\n" + down(1, 1)).encode(): "line 3: the line does not end, so it may be cut off",
    gzip.compress(
        (HEADER + "\n" + down(0, 1)).encode(), mtime=0
    ): "line 2: the line does not end, so it may be cut off",
    HEADER.encode(): "nothing follows the header; a packet trace is expected.",
    (
        HEADER + "\nA,1,0,10.0.0.1,10.0.0.2,TCP,99\n"
    ).encode(): "no packet is to or from the UE 172.30.1.1; set ue_address",
}


@pytest.mark.parametrize("number", range(len(BAD_FILES)))
def test_bad_files_are_named(tmp_path, number):
    data, message = list(BAD_FILES.items())[number]
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    with pytest.raises(TraceError) as caught:
        load_trace(path)
    assert str(caught.value).startswith(str(path)) and message in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(TraceError, match=r"gone\.csv: cannot be read: No such file"):
        load_trace(tmp_path / "gone.csv")
    with pytest.raises(TraceError, match="cannot be read: Is a directory"):
        load_trace(tmp_path)


def test_no_packet_in_the_chosen_direction(tmp_path):
    path = write(tmp_path / "t.csv", down(0, 200), up(1, 70))
    with pytest.raises(TraceError, match=r"t\.csv: no uplink packet with payload for the UE 172\.30\.1\.1"):
        TraceReplay(files=(str(path),), direction="uplink").locate()
    assert TraceReplay(files=(str(path),)).locate().files == (str(path),)


def test_patterns_are_searched_folder_by_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRWAVE_DATA", raising=False)
    for folder in ("scenario", "variable", "data/deep"):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path / "variable/b.csv", *GOOD)
    write(tmp_path / "data/b.csv", *GOOD)
    write(tmp_path / "data/deep/a[1].csv", *GOOD)
    assert resolve(["*.csv"], ["scenario"]) == [tmp_path / "data/b.csv"]
    monkeypatch.setenv("FAIRWAVE_DATA", str(tmp_path / "variable"))
    assert resolve(["*.csv"], ["scenario"]) == [tmp_path / "variable/b.csv"]
    write(tmp_path / "scenario/z.csv", *GOOD)
    assert resolve(["*.csv"], ["scenario"]) == [tmp_path / "scenario/z.csv"]
    both = [tmp_path / "data/deep/a[1].csv", tmp_path / "variable/b.csv"]
    assert resolve(["b.csv", "**/a*.csv", "b.*", "deep/a[1].csv"], ["scenario"]) == both
    write(tmp_path / "variable/0.csv", *GOOD)
    assert resolve(["deep/*", "0.csv"], ["scenario"]) == [tmp_path / "variable/0.csv", both[0]]  # by name, not folder
    with pytest.raises(TraceError) as caught:
        resolve(["z.csv", "none-*.csv"], ["scenario"])
    for part in ("'none-*.csv'", "FAIRWAVE_DATA", str(tmp_path / "scenario"), str(tmp_path / "variable"), "shared"):
        assert part in str(caught.value)
    with pytest.raises(TraceError, match=r"no file matches '/nowhere/\*\.csv'"):
        resolve(["/nowhere/*.csv"])


def test_patterns_without_end_and_files_that_are_none_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path / "a" / "b" / "t.csv", *GOOD)
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "a" / "pipe.csv")
    for pattern in ("**/*.csv", "**/b/*.csv", "a/**"):
        assert resolve([pattern], [tmp_path]) == [tmp_path / "a" / "b" / "t.csv"]
    monkeypatch.setattr("mac.traffic.trace_paths.MOST_FILES", 0)
    with pytest.raises(TraceError, match="matches more than 0 files"):
        resolve(["**/*.csv"], [tmp_path])
    with pytest.raises(TraceError, match="a pipe or a device"):
        load_trace(tmp_path / "a" / "pipe.csv")


def test_a_capture_of_a_moment_cannot_be_a_loop(tmp_path):
    """Two packets within a nanosecond would be 10^9 a second for ever; once they are two packets."""
    model = TraceReplay(files=(str(write(tmp_path / "t.csv", down(0.0, 170), down(1e-9, 170))),), start="begin")
    with pytest.raises(TraceError, match=r"t\.csv: the capture lasts 2e-09 s, and in a loop 0.001 s is the least"):
        model.packets(KEY, 1, 1000, SLOT_S)
    assert model.expected_packets(10.0) == 0.0
    assert len(dataclasses.replace(model, loop=False).packets(KEY, 1, 1000, SLOT_S)) == 2
    single = TraceReplay(files=(str(write(tmp_path / "one.csv", down(3.0, 170))),), start="begin")
    assert len(single.packets(KEY, 1, 5000, SLOT_S)) == 5, "one a second"


def test_expected_packets(tmp_path):
    path = str(write(tmp_path / "t.csv", *(down(i, 100) for i in range(10))))
    model = TraceReplay(files=(path,))
    assert model.expected_packets(100.0) == pytest.approx(100.0)
    assert dataclasses.replace(model, speed=4.0).expected_packets(100.0) == pytest.approx(400.0)
    assert dataclasses.replace(model, loop=False).expected_packets(100.0) == 10.0
    assert TraceReplay(files=(str(tmp_path / "gone.csv"),)).expected_packets(100.0) == 0.0


def test_located_fixes_the_files_and_finds_bad_ones(tmp_path, monkeypatch):
    model = TraceReplay(files=("*.csv",), loop=False, speed=2.0)
    with pytest.raises(TraceError, match="no file matches"):
        model.locate([tmp_path])
    path = write(tmp_path / "t[0].csv", *GOOD)
    found = model.locate([tmp_path])
    assert found == dataclasses.replace(model, files=(str(path),))
    monkeypatch.chdir("/")
    assert len(found.packets(KEY, 3, 5000, SLOT_S)) > 0
    write(tmp_path / "bad.csv", down(0, -5))
    with pytest.raises(TraceError, match=r"bad\.csv, line 2: Length is -5"):
        model.locate([tmp_path])


def test_mean_rate_is_known_when_the_files_are(tmp_path):
    path = write(tmp_path / "t.csv", *GOOD)  # 600 bytes in 0.6 s
    model = TraceReplay(files=(str(path),))
    assert model.mean_rate_bps == pytest.approx(8000.0)
    assert dataclasses.replace(model, speed=2.0).mean_rate_bps == pytest.approx(16000.0)
    assert dataclasses.replace(model, loop=False).mean_rate_bps is None
    assert TraceReplay(files=(str(tmp_path / "gone.csv"),)).mean_rate_bps is None


def test_looping_conserves_bytes(tmp_path):
    path = write(tmp_path / "t.csv", *GOOD)
    for start in ("begin", "random"):
        packets = TraceReplay(files=(str(path),), start=start).packets(KEY, 20, 60_000, SLOT_S)
        # 60 s are 100 laps of 600 bytes of downlink; a whole number of laps brings the same from any offset
        np.testing.assert_array_equal(np.bincount(packets.user, packets.bytes), 60_000)
    assert len(np.unique(packets.slot[:20])) > 5


def test_without_loop_the_tape_ends(tmp_path):
    path = write(tmp_path / "t.csv", *GOOD)
    begin = TraceReplay(files=(str(path),), start="begin", loop=False).packets(KEY, 4, 60_000, SLOT_S)
    np.testing.assert_array_equal(begin.slot, np.repeat([0, 200, 500], 4))
    np.testing.assert_array_equal(begin.bytes, np.repeat([100, 200, 300], 4))
    random = TraceReplay(files=(str(path),), loop=False).packets(KEY, 200, 60_000, SLOT_S)
    assert random.slot.max() <= 500
    assert set(np.bincount(random.user, random.bytes, minlength=200)) == {0, 300, 500}


def test_speed_scales_time_and_not_packets(tmp_path):
    path = write(tmp_path / "t.csv", *GOOD)
    slow = TraceReplay(files=(str(path),), start="begin", speed=0.5).packets(KEY, 1, 1200, SLOT_S)
    np.testing.assert_array_equal(slow.slot, [0, 400, 1000])
    np.testing.assert_array_equal(slow.bytes, [100, 200, 300])


def test_a_single_packet_repeats_every_second(tmp_path):
    path = write(tmp_path / "t.csv", down(3.0, 170))
    packets = TraceReplay(files=(str(path),), start="begin").packets(KEY, 1, 3000, SLOT_S)
    np.testing.assert_array_equal(packets.slot, [0, 1000, 2000])


def test_users_choose_among_the_files_evenly(tmp_path):
    for name in range(4):
        write(tmp_path / f"{name}.csv", down(0, 171 + name), down(1, 171 + name))
    model = TraceReplay(files=("*.csv",)).locate([tmp_path])
    packets = model.packets(KEY, 16_000, 2000, SLOT_S)
    chosen = np.bincount(packets.bytes - 101, minlength=4)
    assert chosen.sum() == 16_000 * 2  # a packet a second: 2 in a lap of 2 s
    np.testing.assert_allclose(chosen / 32_000, 0.25, atol=0.02)
    of_user = packets.bytes[np.argsort(packets.user, kind="stable")].reshape(16_000, 2)
    np.testing.assert_array_equal(of_user[:, 0], of_user[:, 1])  # a UE keeps its file


@needs_raw
@pytest.mark.parametrize("path", RAW, ids=lambda path: path.stem)
def test_real_traces_equal_a_slow_reader(path):
    trace, expected = load_trace(path), read_trace(path)
    times, sizes, downlink = zip(*expected, strict=True)
    np.testing.assert_allclose(trace.time_s, times, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(trace.bytes, sizes)
    np.testing.assert_array_equal(trace.downlink, downlink)
    assert trace.bytes.max() <= 1430


@needs_raw
@pytest.mark.parametrize("direction", ["downlink", "uplink"])
def test_replay_of_a_real_trace_equals_slow_loops(direction):
    path = min(RAW, key=lambda p: load_trace(p).duration_s)
    trace = load_trace(path)
    model = TraceReplay(files=(str(path),), direction=direction)
    slots = int(1.5 * trace.duration_s / SLOT_S)
    arrivals = Arrivals((model.packets(KEY, 3, slots, SLOT_S),)).block(0, slots, 3)[0]
    events = [(time, size) for time, size, is_down in read_trace(path) if is_down == (direction == "downlink")]
    offsets = uniforms(user_keys(KEY, 3), 2)[:, 1] * trace.duration_s
    for user in range(3):
        expected = replay(events, trace.duration_s, offsets[user], slots * SLOT_S)
        line = np.zeros(slots, dtype=np.int64)
        line[list(expected)] = list(expected.values())
        np.testing.assert_array_equal(arrivals[user], line)


@needs_raw
def test_real_traces_replay_at_their_mean_rate():
    model = TraceReplay(files=tuple(str(path) for path in RAW)).locate()
    packets = model.packets(KEY, 400, 200_000, SLOT_S)
    rate_bps = 8 * packets.bytes.sum() / 400 / 200.0
    assert 5e3 < model.mean_rate_bps < 5e5
    assert rate_bps == pytest.approx(model.mean_rate_bps, rel=0.15)
