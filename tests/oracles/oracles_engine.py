"""One drop of the slot engine in plain loops over users, cells and PRBs: float64, one number at a time, no batch.

Written from the text of the standard and of the settings, not from the engine. What it shares with it are the inputs:
the rays of the channel, the uniform numbers, the curves of block error rate and of mutual information, and arrivals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from oracles_bler import bin_centre, block_error, thresholds_db
from oracles_link import transport_block
from oracles_sinr import sinr

Block = tuple[float, int, int, float, int]  # bytes, MCS, PRBs of the first attempt, combined SINR, attempts
ALWAYS = 2.0**40


def bin_of(power: float) -> int:
    """Bin of the log grid: 64 an octave from 2**-10 to 2**18."""
    if power <= 0:
        return 0
    mantissa, exponent = math.frexp(float(np.float32(power)))
    place = (exponent - 1 + 10) * 64 + math.floor((2 * mantissa - 1) * 64)
    return min(max(place, 0), 28 * 64 - 1)


def upper_edge(power: float) -> float:
    """Upper edge of that bin."""
    octave, step = divmod(bin_of(power) + 1, 64)
    return float((1 + step / 64) * 2.0 ** (octave - 10))


@dataclass
class Process:
    """A HARQ process: its block, if any, and the first slot in which it may be used."""

    ready: int = 0
    block: Block | None = None


@dataclass
class Packet:
    """A packet in a queue: when it came and which byte of all admitted is its last."""

    slot: int
    last_byte: float


@dataclass
class User:
    """Everything the cell keeps of one user."""

    full: bool
    waiting: float = 0.0
    admitted: float = 0.0
    sent: float = 0.0
    offset_db: float = 0.0
    processes: list[Process] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    delays: list[int] = field(default_factory=list)  # slots, of the packets completed

    def due(self, slot: int) -> Process | None:
        """The process of a slot: the block that has waited longest for its repetition, else a free process."""
        ready = [one for one in self.processes if one.ready <= slot]
        again = [one for one in ready if one.block]
        return min(again, key=lambda one: one.ready) if again else ready[0] if ready else None

    def blocks(self) -> list[tuple[float, ...]]:
        """Blocks in flight, in ascending order."""
        return sorted((*one.block, one.ready) for one in self.processes if one.block)


class LoopEngine:
    """The engine's slot, for the one drop of ``parts``."""

    def __init__(self, parts: Any, arrivals: dict[tuple[int, int], list[int]]) -> None:
        self.parts, self.arrivals, self.slot = parts, arrivals, 0
        self.prbs = parts.carrier.prbs
        self.serving = parts.channel.serving[0].tolist()
        self.cells = parts.channel.mean_snr.shape[2]
        self.users = [
            User(full=bool(full), processes=[Process() for _ in range(parts.harq.processes)])
            for full in parts.users.full_buffer.tolist()
        ]
        self.re = 12 * (14 - parts.carrier.control_symbols) - parts.carrier.dmrs_re - parts.carrier.overhead_re
        self.keys = parts.drops.keys("decoding")
        self._tables()
        self.admissions: list[list[float]] = [[] for _ in self.users]  # bytes admitted in each slot
        self.dropped = [0.0] * len(self.users)
        self.arrived = [0.0] * len(self.users)
        first = self.measure([[1.0] * self.prbs for _ in range(self.cells)])
        self.reports = [first] * parts.link.report_delay_slots
        self.arrive()

    def _tables(self) -> None:
        from phy.link.bler import cqi_threshold, load_bler
        from phy.link.mcs import cqi_table
        from phy.link.tables import load_arrays

        bler, cqi = load_bler(self.parts.carrier.mcs_table), cqi_table(self.parts.carrier.mcs_table)
        self.thresholds = load_arrays("bler")
        self.order = bler.mcs.modulation_order.tolist()
        self.rate = [Fraction(rate) for rate in bler.mcs.code_rate.tolist()]
        self.least = bler.snr_threshold(self.parts.link.bler_target).tolist()
        self.level_snr = cqi_threshold(cqi, bler).tolist()
        self.levels = [efficiency * self.re for efficiency in cqi.efficiency.tolist()]
        mapping = self.parts.tables.mapping
        self.forward, self.backward = mapping.forward.numpy(), mapping.backward.numpy()

    # Channel reports.

    def measure(self, activity: list[list[float]]) -> list[list[float]]:
        """Bits of a PRB at the CQI that each user reports for it, and the SINR behind it."""
        channel = self.parts.channel
        self.sinr = sinr(
            channel.fading.rays[0], channel.fading.doppler_hz[0], channel.fading.to_prbs, channel.serving[0],
            np.array(activity), self.slot * self.parts.carrier.slot_s,
        )  # fmt: skip
        return [self.subbands([self.levels[self.cqi(value)] for value in row]) for row in self.sinr]

    def cqi(self, snr: float) -> int:
        """Greatest CQI whose threshold the middle of the SINR's bin reaches."""
        octave, step = divmod(bin_of(snr), 64)
        middle = (1 + (step + 0.5) / 64) * 2.0 ** (octave - 10)
        return sum(threshold <= middle for threshold in self.level_snr)

    def subbands(self, bits: list[float]) -> list[float]:
        """One level for every subband, not above the mean of its PRBs."""
        size, out = self.parts.link.subband_prbs, []
        for first in range(0, len(bits), size):
            part = bits[first : first + size]
            mean = sum(part) / len(part)
            out += [max(level for level in self.levels if level <= mean * (1 + 1e-6))] * len(part)
        return out

    def mcs(self, mean_bits: float, offset_db: float) -> int:
        """Greatest MCS that the SINR behind so many bits, plus the outer loop's offset, allows."""
        x, xs = upper_edge(mean_bits), self.levels[1:]
        ys = [10 * math.log10(snr) for snr in self.level_snr]
        right = min(max(sum(level < x for level in xs), 1), len(xs) - 1)
        slope = (ys[right] - ys[right - 1]) / (xs[right] - xs[right - 1])
        snr_db = ys[right - 1] + slope * (x - xs[right - 1]) + offset_db
        return max(0, sum(10 * math.log10(least) <= snr_db for least in self.least) - 1)

    # What a scheduler is told.

    def need(self, number: int) -> int:
        """PRBs that would empty the queue or repeat the block."""
        user, report = self.users[number], self.reports[0][number]
        process, mean = self.users[number].due(self.slot), sum(report) / len(report)
        if process is None:
            return 0
        if process.block:
            return process.block[2]
        return min(self.prbs, math.ceil(user.waiting * 8 / mean)) if mean > 0 else 0

    # The slot.

    def arrive(self) -> None:
        """Queue the arrivals of the slot, or drop what finds no room."""
        for number, user in enumerate(self.users):
            sizes = self.arrivals.get((self.slot, number), [])
            size = float(sum(sizes))
            if user.full:
                user.waiting = ALWAYS
                continue
            fits = min(size, max(0.0, self.parts.users.queue_bytes - user.waiting))
            ends = [user.admitted + sum(sizes[: i + 1]) for i in range(len(sizes))]
            user.waiting += fits
            user.admitted += fits
            self.admissions[number].append(fits)
            self.arrived[number], self.dropped[number] = size, size - fits
            user.packets += [Packet(self.slot, end) for end in ends if end <= user.admitted]

    def step(self, holders: list[list[int]]) -> dict[str, list[float]]:
        """Carry out the holder of each PRB of each cell; returns the counters of the slot."""
        held: list[list[int]] = [[] for _ in self.users]
        for row in holders:
            for prb, number in enumerate(row):
                if number >= 0:
                    held[number].append(prb)
        needs = [self.need(number) for number in range(len(self.users))]
        plans = [self.plan(number, prbs) for number, prbs in enumerate(held)]
        activity = [[float(number >= 0 and plans[number] is not None) for number in row] for row in holders]
        report = self.measure(activity)
        counted = ("served_bits", "lost_bits", "first_tx", "first_nack")
        books: dict[str, list[float]] = {name: [0.0] * len(self.users) for name in counted}
        books["demand_bits"] = [8 * size for size in self.arrived]
        books["dropped_bits"] = [8 * size for size in self.dropped]
        books["granted_prbs"] = [float(len(prbs)) for prbs in held]
        books["requested_prbs"] = [float(need) for need in needs]
        for number, plan in enumerate(plans):
            if plan is not None:
                self.transmit(number, plan, held[number], books)
        self.active = [sum(row) for row in activity]
        due = [self.slot % self.parts.link.report_period_slots == self.offset(n) for n in range(len(self.users))]
        newest = [new if now else old for new, old, now in zip(report, self.reports[-1], due, strict=True)]
        self.reports = [*self.reports[1:], newest]
        self.deliver()
        self.slot += 1
        self.arrive()
        return books

    def offset(self, number: int) -> int:
        """Slot of the period in which a user reports."""
        given = self.parts.link.report_offset_slots
        if given == "staggered":
            return number % self.parts.link.report_period_slots
        return given[number % len(given)] if isinstance(given, tuple) else given

    def plan(self, number: int, prbs: list[int]) -> tuple[Process, Block] | None:
        """Process and block that a user sends on the PRBs it was given, if anything."""
        user, process = self.users[number], self.users[number].due(self.slot)
        if process is None or not prbs:
            return None
        if process.block:
            return process, process.block
        rate = [self.reports[0][number][prb] for prb in prbs]
        mcs = self.mcs(sum(rate) / len(rate), user.offset_db)
        size = transport_block(self.order[mcs], self.rate[mcs], self.re * len(prbs), 1)[0] // 8
        block = (min(float(size), user.waiting), mcs, len(prbs), 0.0, 0)
        return (process, block) if block[0] > 0 else None

    def bler(self, mcs: int, prbs: int, power: float) -> float:
        """Block error rate of a code block of the MCS on so many PRBs."""
        elements, place = self.re * prbs, bin_of(power)
        return block_error(
            *thresholds_db(self.thresholds, self.order[mcs], self.rate[mcs], elements, 1), bin_centre(place)
        )

    def transmit(
        self, number: int, plan: tuple[Process, Block], prbs: list[int], books: dict[str, list[float]]
    ) -> None:
        """Send, combine, decode, and write down what became of the block."""
        from phy.random import uniform

        user, (process, (size, mcs, coded_prbs, before, attempts)) = self.users[number], plan
        combined = before + self.effective([self.sinr[number][prb] for prb in prbs], mcs) * len(prbs) / coded_prbs
        blocks = transport_block(self.order[mcs], self.rate[mcs], self.re * coded_prbs, 1)[1]
        failure = 1 - (1 - self.bler(mcs, coded_prbs, combined)) ** blocks
        luck = float(uniform(self.keys, (1,), start=self.slot * len(self.users) + number))
        decoded, first, attempts = luck >= failure, attempts == 0, attempts + 1
        given_up = not decoded and attempts >= self.parts.harq.max_attempts
        process.ready = self.slot + self.parts.harq.round_trip_slots
        process.block = None if decoded or given_up else (size, mcs, coded_prbs, combined, attempts)
        books["served_bits"][number] += 8 * size * decoded
        books["lost_bits"][number] += 8 * size * given_up
        if first:
            books["first_tx"][number] += 1
            books["first_nack"][number] += not decoded
            user.sent += size
            if user.full:
                books["demand_bits"][number] += 8 * size
            else:
                user.waiting -= size
            self.adapt(user, decoded)

    def adapt(self, user: User, decoded: bool) -> None:
        """Outer loop: a step down at a failure, target / (1 - target) of it up otherwise."""
        link = self.parts.link
        up = link.outer_loop_step_db * link.bler_target / (1 - link.bler_target)
        moved = user.offset_db + (up if decoded else -link.outer_loop_step_db)
        user.offset_db = min(max(moved, -link.outer_loop_limit_db), link.outer_loop_limit_db)

    def effective(self, values: list[float], mcs: int) -> float:
        """One SINR for several PRBs by the mean of what each carries."""
        mean = sum(float(self.forward[mcs, bin_of(value)]) for value in values) / len(values)
        odds = mean / max(1 - mean, 2.0**-20)
        return float(self.backward[mcs, bin_of(odds / 2.0**-4)])

    def deliver(self) -> None:
        """Packets are through, first in first out, when so many bytes are no longer waiting or in flight."""
        for user in self.users:
            resolved = user.sent - sum(one.block[0] for one in user.processes if one.block)
            while user.packets and user.packets[0].last_byte <= resolved:
                user.delays.append(self.slot + 1 - user.packets.pop(0).slot)
