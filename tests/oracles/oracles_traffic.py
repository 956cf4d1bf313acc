"""Slow oracles for traffic: plain loops over packets, users and slots."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from mac.traffic.packets import Packets


def slot_sums(packets: Packets, start: int, slots: int, users: int) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and packets per user and slot, [U, T] each."""
    size, count = np.zeros((users, slots), dtype=np.int64), np.zeros((users, slots), dtype=np.int64)
    for slot, user, length in zip(packets.slot, packets.user, packets.bytes, strict=True):
        if start <= slot < start + slots:
            size[user, slot - start] += length
            count[user, slot - start] += 1
    return size, count


def read_trace(path: Path, ue: str = "172.30.1.1", header: int = 70) -> list[tuple[float, int, bool]]:
    """(time, payload segment, downlink) of every segment of at most 1500 - header bytes, in the file's order."""
    found = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            payload = int(row["Length"]) - header
            while payload > 0:
                segment = min(payload, 1500 - header)
                found.append((float(row["Time"]), segment, row["Source"] != ue))
                payload -= segment
    return found


def replay(events: list[tuple[float, int]], duration_s: float, offset_s: float, horizon_s: float) -> dict[int, int]:
    """Bytes of each 1 ms slot of one listener that starts at ``offset_s`` and plays in a loop."""
    slots: dict[int, int] = {}
    lap = 0
    while lap * duration_s - offset_s < horizon_s:
        for time_s, size in events:
            at = time_s + lap * duration_s - offset_s
            if 0.0 <= at < horizon_s - 1e-9:
                slot = int(np.floor(at / 1e-3 + 1e-6))
                slots[slot] = slots.get(slot, 0) + size
        lap += 1
    return slots


def tractor(kind: str) -> list[Path]:
    """Files of the TRACTOR data set of one kind ("raw" or "kpi"), empty if it is not at hand."""
    root = Path(__file__).resolve().parents[2]
    folders = [os.environ.get("FAIRWAVE_DATA", ""), str(root / "data"), str(root.parent / "shared" / "data")]
    for folder in filter(None, folders):
        for inner in ("tractor", "."):
            if files := sorted((Path(folder) / inner / kind).glob("*.csv")):
                return files
    return []
