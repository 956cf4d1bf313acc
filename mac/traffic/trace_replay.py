"""Makes packets by replaying captures."""

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
    """Replays packet traces in the TRACTOR format: each UE plays a random trace of those given.

    The rules of the format are those of :func:`mac.traffic.trace.load_trace`.

    Source: Groen et al., "From classification to optimization: Slicing and resource management with TRACTOR", arXiv
    2312.07896.
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
    """Point of the trace at which each UE starts."""
    header_bytes: int = Field(default=HEADER_BYTES, ge=0, le=1000)
    """Headers contained in each packet's Length, taken off to get the payload."""
    loop: bool = True
    """Whether the trace starts over at its end; otherwise the UE has no more packets."""
    speed: float = Field(default=1.0, ge=1e-3, le=1e3)
    """Playing speed: 2 brings the same packets in half the time, at twice the rate."""

    @property
    def mean_rate_bps(self) -> float | None:
        """Returns the mean rate over the files, bit/s; None unless the trace is looped and the files can be found."""
        try:
            traces = self._traces() if self.loop else []
        except TraceError:
            return None
        return float(np.mean([8 * trace.bytes.sum() / trace.duration_s for trace in traces])) if traces else None

    def expected_packets(self, time_s: float) -> float:
        """Computes the packets of a UE in ``time_s`` seconds, mean over the files; 0 while the files cannot be used."""
        try:
            traces = self._traces()
        except TraceError:
            return 0.0
        laps = [time_s / trace.duration_s if self.loop else min(1.0, time_s / trace.duration_s) for trace in traces]
        return float(np.mean([lap * len(trace.bytes) for lap, trace in zip(laps, traces, strict=True)]))

    def locate(self, folders: Sequence[str | Path] = ()) -> TraceReplay:
        """Returns a copy with absolute paths in ``files``; reads every file once, so that a bad one is found here.

        Args:
            folders: searched before the data folders, see :func:`mac.traffic.trace_paths.resolve`.

        Raises:
            TraceError: a pattern matches nothing, a file cannot be used, or has no packet in the chosen direction.
        """
        found = dataclasses.replace(self, files=tuple(str(path) for path in resolve(self.files, folders)))
        found._traces()
        return found

    def packets(self, key: int, users: int, slots: int, slot_s: float) -> Packets:
        """Draws the arrivals of ``users`` UEs, a pure function of ``key`` and the files' contents and order.

        Args:
            key: key of the drop's traffic, as from ``phy.random.stream_key``.
            users: number of UEs.
            slots: horizon; a longer one only appends.
            slot_s: duration of a slot.

        Raises:
            TraceError: as :meth:`locate`.
        """
        if not users:
            return no_packets()
        traces = self._traces()
        choice, where = uniforms(user_keys(key, users), 2).T
        trace_of_user = np.minimum((choice * len(traces)).astype(np.int64), len(traces) - 1)
        if self.start == "begin":
            where = np.zeros(users)
        parts: list[tuple[Ints, Ints, Ints]] = []
        for number, trace in enumerate(traces):
            users_of_trace = np.nonzero(trace_of_user == number)[0]
            row, packet, time_s = trace.play(where[users_of_trace] * trace.duration_s, slots * slot_s, self.loop)
            parts.append((slot_of(time_s, slot_s), users_of_trace[row], trace.bytes[packet]))
        slot, user, size = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        near = slot < slots
        return sort_packets(slot[near], user[near], size[near])

    def _traces(self) -> list[_PlayableTrace]:
        return [self._trace(path) for path in resolve(self.files)]

    def _trace(self, path: Path) -> _PlayableTrace:
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
    """Holds the packets of one direction of a trace, in playing time."""

    time_s: Floats  # [n] ascending
    bytes: Ints  # [n]
    duration_s: float

    def play(self, offset_s: Floats, horizon_s: float, loop: bool) -> tuple[Ints, Ints, Floats]:
        """Returns UE, packet and time since the UE's start of all packets up to the horizon at least.

        Args:
            offset_s: ``[U]`` time in the trace at which each UE starts, less than ``duration_s``.
            horizon_s: playing time needed.
            loop: whether the trace starts over at its end.
        """
        first = np.searchsorted(self.time_s, offset_s)
        laps, rest_s = np.divmod(offset_s + horizon_s, self.duration_s)
        end = laps.astype(np.int64) * len(self.time_s) + np.searchsorted(self.time_s, rest_s)
        end = end if loop else np.full_like(end, len(self.time_s))
        user, position = ragged_indices(np.maximum(end - first, 0))
        lap, packet = np.divmod(first[user] + position, len(self.time_s))
        return user, packet, self.time_s[packet] + lap * self.duration_s - offset_s[user]
