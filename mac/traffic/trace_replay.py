"""Replay of packet traces."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from phy.settings import STRICT

from .arrival_draws import ragged_indices, uniforms, user_keys
from .packets import Floats, Ints, Packets, no_packets, slot_of, sort_packets
from .trace import HEADER_BYTES, UE_ADDRESS, TraceError, load_trace
from .trace_paths import resolve

_SHORTEST_LOOP_S = 1e-3


@dataclass(frozen=True, config=STRICT)
class TraceReplay:
    """Replay of packet traces in the TRACTOR format: each user plays a random trace of those given.

    The rules of the format are those of :func:`mac.traffic.trace.load_trace`.
    """

    full_buffer: ClassVar[bool] = False

    files: tuple[str, ...] = Field(min_length=1)
    """Trace files: paths or glob patterns, looked for beside the scenario file and in the data folders."""
    model: Literal["trace_replay"] = "trace_replay"
    """Name of the traffic model."""
    direction: Literal["downlink", "uplink"] = "downlink"
    """Which packets are replayed: those to the UE or those from it."""
    ue_address: str = Field(default=UE_ADDRESS, min_length=1)
    """Address of the UE in the traces; a packet from any other source is downlink."""
    start: Literal["begin", "random"] = "random"
    """Where in the trace each user starts."""
    header_bytes: int = Field(default=HEADER_BYTES, ge=0, le=1000)
    """Headers contained in each packet's Length, taken off to get the payload."""
    loop: bool = True
    """Whether the trace starts over at its end; otherwise the user falls silent."""
    speed: float = Field(default=1.0, ge=1e-3, le=1e3)
    """Playing speed: 2 brings the same packets in half the time, at twice the rate."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Mean over the files, bit/s; None unless the trace is looped and the files can be found."""
        try:
            tapes = self._tapes() if self.loop else []
        except TraceError:
            return None
        return float(np.mean([8 * tape.bytes.sum() / tape.duration_s for tape in tapes])) if tapes else None

    def expected_packets(self, time_s: float) -> float:
        """Packets of a user in ``time_s`` seconds, mean over the files; 0 while the files cannot be used."""
        try:
            tapes = self._tapes()
        except TraceError:
            return 0.0
        laps = [time_s / tape.duration_s if self.loop else min(1.0, time_s / tape.duration_s) for tape in tapes]
        return float(np.mean([lap * len(tape.bytes) for lap, tape in zip(laps, tapes, strict=True)]))

    def located(self, folders: Sequence[str | Path] = ()) -> TraceReplay:
        """A copy whose ``files`` are absolute paths; every file is read once, so that a bad one is found here.

        Args:
            folders: searched before the data folders, see :func:`mac.traffic.trace_paths.resolve`.

        Raises:
            TraceError: a pattern matches nothing, a file cannot be used, or has no packet in the chosen direction.
        """
        found = dataclasses.replace(self, files=tuple(str(path) for path in resolve(self.files, folders)))
        found._tapes()
        return found

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Arrivals of ``users`` users, a pure function of ``key`` and the files' contents and order.

        Args:
            key: key of the drop's traffic, as from ``phy.random.stream_key``.
            users: number of users.
            slots: horizon; a longer one only appends.
            slot_s: duration of a slot.

        Raises:
            TraceError: as :meth:`located`.
        """
        if not users:
            return no_packets()
        tapes = self._tapes()
        choice, where = uniforms(user_keys(key, users), 2).T
        tape_of_user = np.minimum((choice * len(tapes)).astype(np.int64), len(tapes) - 1)
        if self.start == "begin":
            where = np.zeros(users)
        parts: list[tuple[Ints, Ints, Ints]] = []
        for number, tape in enumerate(tapes):
            listeners = np.nonzero(tape_of_user == number)[0]
            row, packet, time_s = tape.play(where[listeners] * tape.duration_s, slots * slot_s, self.loop)
            parts.append((slot_of(time_s, slot_s), listeners[row], tape.bytes[packet]))
        slot, user, size = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        near = slot < slots
        return sort_packets(slot[near], user[near], size[near])

    def _tapes(self) -> list[_PlayableTrace]:
        return [self._tape(path) for path in resolve(self.files)]

    def _tape(self, path: Path) -> _PlayableTrace:
        trace = load_trace(path, self.ue_address, self.header_bytes)
        if self.loop and trace.duration_s < _SHORTEST_LOOP_S:
            raise TraceError(
                f"{path}: the capture lasts {trace.duration_s:.3g} s, and in a loop {_SHORTEST_LOOP_S:g} s is the "
                "least; set loop to false, or take a longer capture."
            )
        wanted: NDArray[np.bool_] = trace.downlink == (self.direction == "downlink")
        if not wanted.any():
            raise TraceError(f"{path}: no {self.direction} packet with payload for the UE {self.ue_address}.")
        return _PlayableTrace(trace.time_s[wanted] / self.speed, trace.bytes[wanted], trace.duration_s / self.speed)


@dataclasses.dataclass(frozen=True, eq=False)
class _PlayableTrace:
    """The packets of one direction of a trace, in playing time."""

    time_s: Floats  # [n] ascending
    bytes: Ints  # [n]
    duration_s: float

    def play(self, offset_s: Floats, horizon_s: float, loop: bool) -> tuple[Ints, Ints, Floats]:
        """Listener, packet and time since the listener's start of all packets up to the horizon at least.

        Args:
            offset_s: ``[U]`` place on the tape where each listener starts, less than ``duration_s``.
            horizon_s: playing time needed.
            loop: whether the tape starts over at its end.
        """
        first = np.searchsorted(self.time_s, offset_s)
        laps, rest_s = np.divmod(offset_s + horizon_s, self.duration_s)
        end = laps.astype(np.int64) * len(self.time_s) + np.searchsorted(self.time_s, rest_s)
        end = end if loop else np.full_like(end, len(self.time_s))
        listener, position = ragged_indices(np.maximum(end - first, 0))
        lap, packet = np.divmod(first[listener] + position, len(self.time_s))
        return listener, packet, self.time_s[packet] + lap * self.duration_s - offset_s[listener]
