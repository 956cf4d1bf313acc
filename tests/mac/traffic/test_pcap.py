"""Packet captures are read as the tables that tshark makes of them."""

from __future__ import annotations

import builtins
import gzip
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mac.traffic import TraceError
from mac.traffic.trace import load_trace

UE, HOST = "172.30.1.1", "172.30.1.250"
PACKETS = [(1_700_000_000.0, HOST, UE, 156), (1_700_000_000.25, UE, HOST, 76), (1_700_000_001.0, HOST, UE, 1386)]
"""Time, source, destination and length of the IP packet, which an Ethernet header of 14 bytes precedes."""


def ip(source: str, destination: str, length: int) -> bytes:
    """An IPv4 packet of UDP, of zeros."""
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    header = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, 64, 17, 0) + ends
    return header + struct.pack("!HHHH", 1, 2, length - 20, 0) + bytes(length - 28)


def frames(ethernet: bool = True) -> list[tuple[float, bytes]]:
    before = bytes(12) + b"\x08\x00" if ethernet else b""
    return [(time_s, before + ip(*rest)) for time_s, *rest in PACKETS]


def pcap(
    packets: list[tuple[float, bytes]], link: int = 1, order: str = "<", unit: float = 1e6, snap: int = 65535
) -> bytes:
    """A file as tcpdump writes it."""
    magic = 0xA1B2C3D4 if unit == 1e6 else 0xA1B23C4D
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snap, link)
    for time_s, data in packets:
        part = round((time_s % 1.0) * unit)
        out += struct.pack(f"{order}IIII", int(time_s), part, len(data[:snap]), len(data)) + data[:snap]
    return out


def pcapng(packets: list[tuple[float, bytes]]) -> bytes:
    """A file as Wireshark writes it: a section, an interface, and a block for each packet, in microseconds."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
    for time_s, data in packets:
        high, low = divmod(round(time_s * 1e6), 2**32)
        out += block(6, struct.pack("<IIIII", 0, high, low, len(data), len(data)) + data)
    return out


ARP = (1_700_000_000.1, bytes(12) + b"\x08\x06" + bytes(400))
FILES = {
    "microseconds": pcap(frames()),
    "big-endian": pcap(frames(), order=">"),
    "nanoseconds": pcap(frames(), unit=1e9),
    "pcapng": pcapng(frames()),
    "gzip": gzip.compress(pcap(frames())),
    "first 64 bytes": pcap(frames(), snap=64),
    "with other protocols": pcap([*frames()[:1], ARP, *frames()[1:]]),
    "linux cooked": pcap([(t, bytes(14) + b"\x08\x00" + data) for t, data in frames(ethernet=False)], link=113),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_capture_is_a_trace(tmp_path: Path, kind: str) -> None:
    (tmp_path / "t.pcap").write_bytes(FILES[kind])
    before = 16 if kind == "linux cooked" else 14
    trace = load_trace(tmp_path / "t.pcap", header_bytes=before + 28)
    np.testing.assert_allclose(trace.time_s, [0.0, 0.25, 1.0], atol=2e-6)
    assert trace.bytes.tolist() == [128, 48, 1358]
    assert trace.downlink.tolist() == [True, False, True]
    assert trace.duration_s == pytest.approx(1.5)


def test_raw_ip_has_no_link_header(tmp_path: Path) -> None:
    (tmp_path / "t.pcap").write_bytes(pcap(frames(ethernet=False), link=101))
    assert load_trace(tmp_path / "t.pcap", header_bytes=28).bytes.tolist() == [128, 48, 1358]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pcap([]), "has no packet"),
        (pcap(frames())[:30], "damaged or cut off"),
        (pcap(frames(), link=147), "link type 147 is not known"),
        (pcap([ARP]), "no packet has an IP address"),
        (pcap([*frames(), (1_700_000_000.0 - 60, frames()[0][1])]), "packet 4: Time goes back from 61 to 0 s"),
    ],
)
def test_bad_captures_are_named(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "t.pcap").write_bytes(data)
    with pytest.raises(TraceError, match=r"t\.pcap") as caught:
        load_trace(tmp_path / "t.pcap")
    assert said in str(caught.value)


def test_without_dpkt_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "dpkt":
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    (tmp_path / "t.pcap").write_bytes(FILES["microseconds"])
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TraceError, match=r"pip install 'fairwave\[pcap\]', or export the capture: tshark -r t.pcap"):
        load_trace(tmp_path / "t.pcap")
