"""Reads packet traces: captures, or the tables that Wireshark and tshark make of them, as TRACTOR has them.

Columns ``App name,No.,Time,Source,Destination,Protocol,Length`` as Wireshark exports them: Time in seconds since the
start of the capture or since 1970, Length in bytes with the headers of the capture. Only Time, Source, Destination and
Length are read, under these names or those of tshark's fields. Source of the format and of the rule for payloads:
genesys-neu/TRACTOR (arXiv 2312.07896).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np
from numpy.typing import NDArray

from phy.csv_file import FileFormat, TableError, TextTable, read_bytes, read_table

from .packets import Floats, Ints

__all__ = ["DAY_S", "HEADER_BYTES", "MAX_IP_BYTES", "MTU_BYTES", "UE_ADDRESS", "Trace", "TraceError", "load_trace"]

UE_ADDRESS = "172.30.1.1"
"""Address of the UE in the TRACTOR captures."""
HEADER_BYTES = 70
"""Part of each Length that TRACTOR takes for headers."""
MTU_BYTES = 1500
"""Longest frame, headers included, that is one packet on the channel; a longer one is a super-frame. Our choice."""
MAX_IP_BYTES = 65535
"""Longest IP datagram, and longest super-frame that segmentation offload makes."""
DAY_S = 86400.0
"""Longest capture accepted."""
_DISORDER_S = 1.0
_DISORDER_SHARE = 0.05
_FEW = 10
"""Rows behind a newer one that any trace may have."""
_EPOCH_FROM_S = 1e8
"""Times above are dates, counted from 1970 (1973 and later), and no time since the start of a capture."""
_EPOCH_TO_S = 1e11
"""Times above are no dates in seconds (year 5138)."""
_CAPTURES = tuple(map(bytes.fromhex, ("a1b2c3d4", "d4c3b2a1", "a1b23c4d", "4d3cb2a1", "0a0d0d0a")))
"""First bytes of pcap files, of microseconds or nanoseconds, and of pcapng."""
_RAW_IP = (12, 14, 101, 228, 229)
"""Link types without a header of their own."""
_FORM = FileFormat(
    kind="a packet trace",
    required=("Time", "Source", "Destination", "Length"),
    aliases={
        "Time": ("frame.time_epoch", "frame.time_relative", "_ws.col.Time", "_ws.col.time"),
        "Source": ("ip.src", "ipv6.src", "_ws.col.Source", "_ws.col.def_src"),
        "Destination": ("ip.dst", "ipv6.dst", "_ws.col.Destination", "_ws.col.def_dst"),
        "Length": ("frame.len", "_ws.col.Length", "_ws.col.length"),
    },
    without_header=("Time", "Source", "Destination", "Length"),
)


@dataclass(frozen=True, eq=False)
class Trace:
    """Holds the payload of a capture, in segments that fit a frame, ordered by time."""

    time_s: Floats  # [n] time since the first frame of the capture
    bytes: Ints  # [n] payload
    downlink: NDArray[np.bool_]  # [n] sent to the UE rather than by it
    duration_s: float  # of the capture, in both directions, with one mean gap after the last frame


def load_trace(path: str | Path, ue_address: str = UE_ADDRESS, header_bytes: int = HEADER_BYTES) -> Trace:
    """Reads the payload packets of a capture, once per process while the file does not change.

    A frame that the UE did not send is downlink. Its payload is ``Length - header_bytes``; frames without payload are
    dropped. Captures on a host with segmentation or receive offload hold super-frames of many kilobytes that never
    travel as such. Their payload is kept, but cut into segments of ``1500 - header_bytes`` bytes and a rest, which
    arrive together (the Ethernet MTU: the ordinary frames of the TRACTOR captures end at about 1400 bytes; our choice).

    ``duration_s`` is the time from the first frame to the last plus one mean gap, so that a trace played in a loop
    keeps its packet rate (1 s for a capture without any extent in time).

    Args:
        path: packet capture (pcap or pcapng, which needs dpkt) or CSV file, its columns separated by commas, semicolons
            or tabs; may be gzipped. Without a header it has the four columns in the order Time, Source, Destination,
            Length, as ``tshark -T fields`` writes them.
        ue_address: address of the UE.
        header_bytes: headers in each Length, at most 1000.

    Raises:
        TraceError: the file is missing, empty, cut off, binary or of another format, an entry is not a number, not
            finite or out of range (Length 0 .. 65535 + header_bytes, Time 0 .. 86400 s after the start), Time goes back
            by more than 1 s (less is sorted) or in more than a few rows, as differences between packets do, or the UE's
            address does not occur.
    """
    file = Path(path).absolute()
    try:
        status = file.stat()
    except OSError as error:
        raise TraceError(f"{file}: cannot be read: {error.strerror}.") from None
    return _load(file, status.st_mtime_ns, status.st_size, ue_address, header_bytes)


@lru_cache(maxsize=256)
def _load(path: Path, _modified_ns: int, _size: int, ue_address: str, header_bytes: int) -> Trace:
    table = _read_capture(path) if _is_capture(path) else read_table(path, _FORM, TraceError)
    ends = zip(table.columns["Source"], table.columns["Destination"], strict=True)
    table = table.select_rows([row for row, (source, destination) in enumerate(ends) if source or destination])
    if not table.line:
        raise TraceError(f"{path}: no packet has an IP address.")
    time_s = _times(table)
    length = _lengths(table, header_bytes)
    sent, received = (_is_ue(table.columns[end], ue_address) for end in ("Source", "Destination"))
    if not (sent | received).any():
        raise TraceError(f"{path}: no packet is to or from the UE {ue_address}; set ue_address.")
    order = np.argsort(time_s, kind="stable")
    time_s = time_s[order] - time_s[order[0]]
    gap_s = time_s[-1] / max(len(time_s) - 1, 1)
    frame, payload = _segments(np.maximum(length[order] - header_bytes, 0), MTU_BYTES - header_bytes)
    arrays = time_s[frame], payload, ~sent[order][frame]
    for array in arrays:
        array.setflags(write=False)  # the cache returns the same arrays to all callers
    return Trace(*arrays, duration_s=float(time_s[-1] + gap_s) or 1.0)


def _is_capture(path: Path) -> bool:
    """Returns whether a file is a packet capture, which tools write in binary."""
    return read_bytes(path, TraceError)[:4] in _CAPTURES


def _read_capture(path: Path) -> TextTable:
    """Reads the IP packets of a pcap or pcapng file; those of other protocols have no addresses."""
    try:
        import dpkt
    except ImportError:
        raise TraceError(
            f"{path}: a packet capture is read by dpkt: pip install 'fairwave[pcap]', or export the capture: tshark -r "
            f"{path.name} -T fields -e frame.time_epoch -e ip.src -e ip.dst -e frame.len > trace.tsv"
        ) from None
    try:
        reader = dpkt.pcap.UniversalReader(io.BytesIO(read_bytes(path, TraceError)))
        link = reader.datalink()
        rows = [(repr(float(time_s)), *_packet(link, data)) for time_s, data in reader]
    except (dpkt.Error, ValueError, struct.error) as error:
        raise TraceError(
            f"{path}: the packet capture is damaged or cut off ({type(error).__name__}: {error})."
        ) from None
    if not rows:
        raise TraceError(f"{path}: the packet capture has no packet.")
    columns = dict(zip(_FORM.required, zip(*rows, strict=True), strict=True))
    return TextTable(path, tuple(range(1, len(rows) + 1)), columns, TraceError, "packet")


def _packet(link: int, data: bytes) -> tuple[str, str, str]:
    """Reads source, destination and length of a packet as it was sent, also where the capture holds but its beginning.

    Args:
        link: type of the link layer (tcpdump.org/linktypes.html).
        data: what was captured.

    Raises:
        ValueError: no link layer that is known.
    """
    import dpkt

    known = {0: dpkt.loopback.Loopback, 1: dpkt.ethernet.Ethernet, 113: dpkt.sll.SLL, 276: dpkt.sll2.SLL2}
    if link not in known and link not in _RAW_IP:
        raise ValueError(f"link type {link} is not known; export the capture by tshark -T fields")
    try:
        if link in _RAW_IP:
            before, ip = 0, (dpkt.ip6.IP6 if data[:1] >= b"\x60" else dpkt.ip.IP)(data)
        else:
            frame = known[link](data)
            before, ip = frame.__hdr_len__, frame.data
    except dpkt.UnpackError:  # too short to tell
        return "", "", str(len(data))
    if not isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6):
        return "", "", str(len(data))
    family, size = (AF_INET6, 40 + ip.plen) if isinstance(ip, dpkt.ip6.IP6) else (AF_INET, ip.len)
    return inet_ntop(family, ip.src), inet_ntop(family, ip.dst), str(max(len(data), before + size))


def _is_ue(column: Sequence[str], ue_address: str) -> NDArray[np.bool_]:
    """Finds the rows with the UE's address; tshark puts a comma between those of a tunnel's inner and outer headers."""
    return np.array([ue_address in entry.split(",") for entry in column], dtype=np.bool_)


def _times(table: TextTable) -> Floats:
    """Reads the time of each row in seconds since 0 or, where they are dates, since the first."""
    time_s = table.numbers("Time")
    start_s = float(time_s.min())
    if start_s >= _EPOCH_TO_S:
        row = int(time_s.argmin())
        raise table.error(row, f"Time is {start_s:g}, which is no date in seconds since 1970; divide by 1e3 or 1e6.")
    since_1970 = start_s >= _EPOCH_FROM_S
    if since_1970:
        time_s = time_s - start_s
    wrong = (time_s < 0.0) | (time_s > DAY_S)
    if wrong.any():
        row = int(np.argmax(wrong))
        rule = f"must be from 0 to {DAY_S:g}. Time counts the seconds since the start of the capture."
        if since_1970:
            rule = f"which is {time_s[row]:g} s after the first packet; at most {DAY_S:g} are accepted."
        raise table.error(row, f"Time is {table.columns['Time'][row][:40]}, {rule}")
    _require_order(table, time_s)
    return time_s


def _require_order(table: TextTable, time_s: Floats) -> None:
    """Refuses times that go back by too much or too often."""
    newest_s = np.maximum.accumulate(time_s)
    far = newest_s - time_s > _DISORDER_S
    if far.any():
        row = int(np.argmax(far))
        raise table.error(row, f"Time goes back from {newest_s[row]:g} to {time_s[row]:g} s; at most 1 s is accepted.")
    back, late = np.diff(time_s) < 0.0, time_s < newest_s
    backward, behind = int(back.sum()), int(late.sum())
    most = _DISORDER_SHARE * len(time_s)
    if (backward > 1 and backward > most) or (behind > max(most, _FEW)):
        row = int(np.argmax(late))
        raise table.error(
            row,
            f"Time goes back from {newest_s[row]:g} to {time_s[row]:g} s, and {behind} of {len(time_s)} rows are "
            "earlier than one before them: these look like differences between packets, or like captures put together; "
            "export one capture with the seconds since its start (tshark: frame.time_relative), sorted by time.",
        )


def _lengths(table: TextTable, header_bytes: int) -> Ints:
    hint = "No frame is longer than an IP datagram and its headers."
    length = table.numbers("Length", 0.0, MAX_IP_BYTES + header_bytes, hint)
    broken = length != np.floor(length)
    if broken.any():
        row = int(np.argmax(broken))
        raise table.error(row, f"Length is {length[row]:g}, must be a whole number of bytes.")
    return length.astype(np.int64)


def _segments(payload: Ints, most: int) -> tuple[Ints, Ints]:
    """Computes frame and size of each segment of at most ``most`` bytes; a frame without payload has none."""
    count = -(-payload // most)
    frame = np.repeat(np.arange(len(payload)), count)
    size = np.full(len(frame), most, dtype=np.int64)
    last = np.cumsum(count)[count > 0] - 1
    size[last] = (payload - (count - 1) * most)[count > 0]
    return frame, size


class TraceError(TableError):
    """Reports a measurement file that cannot be used: which file, where possible which line, and what to do."""
