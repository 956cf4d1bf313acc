"""Packet traces in the format of TRACTOR.

Columns ``App name,No.,Time,Source,Destination,Protocol,Length`` as Wireshark exports them: Time in seconds since the
start of the capture, Length in bytes with the headers of the capture. Only Time, Source, Destination and Length are
read. Source of the format and of the rule for payloads: genesys-neu/TRACTOR (arXiv 2312.07896).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phy.table import Table, read_table

from .packets import Floats, Ints
from .table import TraceError

__all__ = ["DAY_S", "HEADER_BYTES", "MAX_IP_BYTES", "MTU_BYTES", "UE_ADDRESS", "Trace", "TraceError", "load_trace"]

UE_ADDRESS = "172.30.1.1"
"""Address of the UE in the TRACTOR captures."""
HEADER_BYTES = 70
"""Part of each Length that TRACTOR takes for headers."""
MTU_BYTES = 1500
"""Longest frame, headers included, that is one packet on the air; a longer one is a super-frame. Our choice."""
MAX_IP_BYTES = 65535
"""Longest IP datagram, and longest super-frame that segmentation offload makes."""
DAY_S = 86400.0
"""Longest capture accepted."""
_DISORDER_S = 1.0


@dataclass(frozen=True, eq=False)
class Trace:
    """The payload of a capture, in segments that fit a frame, ordered by time."""

    time_s: Floats  # [n] time since the first frame of the capture
    bytes: Ints  # [n] payload
    downlink: NDArray[np.bool_]  # [n] sent to the UE rather than by it
    duration_s: float  # of the capture, in both directions, with one mean gap after the last frame


def load_trace(path: str | Path, ue_address: str = UE_ADDRESS, header_bytes: int = HEADER_BYTES) -> Trace:
    """The payload packets of a capture; read once per process while the file does not change.

    A frame that the UE did not send is downlink. Its payload is ``Length - header_bytes``; frames without payload are
    dropped. Captures on a host with segmentation or receive offload hold super-frames of many kilobytes that never
    travel as such. Their payload is kept, but cut into segments of ``1500 - header_bytes`` bytes and a rest, which
    arrive together (the Ethernet MTU: the ordinary frames of the TRACTOR captures end at about 1400 bytes; our choice).

    ``duration_s`` is the time from the first frame to the last plus one mean gap, so that a trace played in a loop
    keeps its packet rate (1 s for a capture without any extent in time).

    Args:
        path: CSV file, may be gzipped.
        ue_address: address of the UE.
        header_bytes: headers in each Length, at most 1000.

    Raises:
        TraceError: the file is missing, empty, cut off, binary or of another format, an entry is not a number, not
            finite or out of range (Length 0 .. 65535 + header_bytes, Time 0 .. 86400 s), Time goes back by more
            than 1 s (less is sorted), or the UE's address does not occur.
    """
    file = Path(path).absolute()
    try:
        status = file.stat()
    except OSError as error:
        raise TraceError(f"{file}: cannot be read: {error.strerror}.") from None
    return _load(file, status.st_mtime_ns, status.st_size, ue_address, header_bytes)


@lru_cache(maxsize=256)
def _load(path: Path, _modified_ns: int, _size: int, ue_address: str, header_bytes: int) -> Trace:
    table = read_table(path, ("Time", "Source", "Destination", "Length"), "a packet trace", TraceError)
    time_s = _times(table)
    length = _lengths(table, header_bytes)
    source = np.array(table.columns["Source"])
    if ue_address not in table.columns["Source"] and ue_address not in table.columns["Destination"]:
        raise TraceError(f"{path}: no packet is to or from the UE {ue_address}; set ue_address.")
    order = np.argsort(time_s, kind="stable")
    time_s = time_s[order] - time_s[order[0]]
    gap_s = time_s[-1] / max(len(time_s) - 1, 1)
    frame, payload = _segments(np.maximum(length[order] - header_bytes, 0), MTU_BYTES - header_bytes)
    arrays = time_s[frame], payload, (source[order] != ue_address)[frame]
    for array in arrays:
        array.setflags(write=False)  # the cache hands the same arrays to everybody
    return Trace(*arrays, duration_s=float(time_s[-1] + gap_s) or 1.0)


def _times(table: Table) -> Floats:
    time_s = table.numbers("Time", 0.0, DAY_S, "Time counts the seconds since the start of the capture.")
    newest_s = np.maximum.accumulate(time_s)
    late = newest_s - time_s > _DISORDER_S
    if late.any():
        row = int(np.argmax(late))
        raise table.error(row, f"Time goes back from {newest_s[row]:g} to {time_s[row]:g} s; at most 1 s is accepted.")
    return time_s


def _lengths(table: Table, header_bytes: int) -> Ints:
    hint = "No frame is longer than an IP datagram and its headers."
    length = table.numbers("Length", 0.0, MAX_IP_BYTES + header_bytes, hint)
    broken = length != np.floor(length)
    if broken.any():
        row = int(np.argmax(broken))
        raise table.error(row, f"Length is {length[row]:g}, must be a whole number of bytes.")
    return length.astype(np.int64)


def _segments(payload: Ints, most: int) -> tuple[Ints, Ints]:
    """Frame and size of each segment of at most ``most`` bytes; a frame without payload has none."""
    count = -(-payload // most)
    frame = np.repeat(np.arange(len(payload)), count)
    size = np.full(len(frame), most, dtype=np.int64)
    last = np.cumsum(count)[count > 0] - 1
    size[last] = (payload - (count - 1) * most)[count > 0]
    return frame, size
