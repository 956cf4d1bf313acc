"""One drop of an uplink in plain loops: float64, absolute powers in mW, one link and one PRB at a time.

Queues, HARQ, blocks and the outer loop are those of the downlink's loops; powers, what cells hear, reports, needs and
the choice of the MCS are written from the text of docs/models/uplink.md.
"""

from __future__ import annotations

import math
from typing import Any

from oracles_engine import Block, LoopEngine, Process, bin_of, upper_edge

BOLTZMANN, ROOM_K = 1.380649e-23, 290.0


def middle(power: float) -> float:
    octave, step = divmod(bin_of(power), 64)
    return float((1 + (step + 0.5) / 64) * 2.0 ** (octave - 10))


def lower_edge(power: float) -> float:
    octave, step = divmod(bin_of(power), 64)
    return float((1 + step / 64) * 2.0 ** (octave - 10))


def mw(dbm: float) -> float:
    return float(10.0 ** (dbm / 10.0))


class UplinkLoops(LoopEngine):
    """The slot of an uplink, for the one drop of ``parts``."""

    def __init__(self, parts: Any, arrivals: dict[tuple[int, int], tuple[float, int]]) -> None:
        carrier, self.settings = parts.carrier, parts.uplink.settings
        width_hz = 180e3 * 2**carrier.numerology
        self.noise_mw = 1e3 * BOLTZMANN * ROOM_K * width_hz * mw(self.settings.noise_figure_db)
        downlink_noise_mw = 1e3 * BOLTZMANN * ROOM_K * width_hz * mw(carrier.noise_figure_db)
        self.unit = mw(carrier.tx_power_dbm) / carrier.prbs / downlink_noise_mw  # what the channel's SNRs hold
        self.holders: list[list[int]] | None = None
        self.granted = 0
        super().__init__(parts, arrivals)

    # Powers.

    def loss_db(self, user: int) -> float:
        """Path loss to the serving cell, without fading."""
        return -10 * math.log10(float(self.parts.channel.mean_snr[0, user, self.serving[user]]) / self.unit)

    def open_mw(self, user: int) -> float:
        """What the open loop asks for on a PRB, within the user's power."""
        return min(self.asked_mw(user), mw(self.settings.max_power_dbm))

    def asked_mw(self, user: int) -> float:
        s, mu = self.settings, self.parts.carrier.numerology
        return mw(s.p0_dbm + 10 * math.log10(2**mu) + s.alpha * self.loss_db(user))

    def power_mw(self, user: int, prbs: int) -> float:
        """Power on each of so many PRBs: TS 38.213 clause 7.1.1 for all of them, divided."""
        s, mu = self.settings, self.parts.carrier.numerology
        wanted = s.p0_dbm + 10 * math.log10(2**mu * prbs) + s.alpha * self.loss_db(user)
        return mw(min(wanted, s.max_power_dbm)) / prbs

    def room(self, user: int) -> float:
        return mw(self.settings.max_power_dbm) / self.open_mw(user)

    # The air.

    def gain(self, user: int, cell: int, prb: int) -> float:
        """|h|^2 of a link at the slot's start, from its rays."""
        fading = self.parts.channel.fading
        rays, doppler, to_prbs = fading.rays[0, user], fading.doppler_hz[0, user].tolist(), fading.to_prbs
        size, count, time_s = to_prbs.shape[0], len(doppler), self.slot * self.parts.carrier.slot_s
        real = imag = 0.0
        for d in range(size):
            column = cell * size + d
            row = sum(
                math.cos(2 * math.pi * nu * time_s) * float(rays[m, column])
                + math.sin(2 * math.pi * nu * time_s) * float(rays[count + m, column])
                for m, nu in enumerate(doppler)
            )
            real += row * float(to_prbs[d, prb])
            imag += row * float(to_prbs[d, self.prbs + prb])
        return (real * real + imag * imag) / self.unit

    def measure(self, activity: list[list[float]]) -> list[list[float]]:
        """Reports of the slot; ``sinr`` is that of the users that hold the PRBs."""
        numbers = range(len(self.users))
        held = [0] * len(self.users)
        for row in self.holders or []:
            for user in row:
                if user >= 0:
                    held[user] += 1
        self.disturbed = [
            [self.disturbance(cell, prb, activity, held) for prb in range(self.prbs)] for cell in range(self.cells)
        ]
        self.sinr, reports = [], []
        for user in numbers:
            home = self.serving[user]
            links = [self.gain(user, home, prb) for prb in range(self.prbs)]
            own = [h / self.disturbed[home][prb] for prb, h in enumerate(links)]
            self.sinr.append([x * self.power_mw(user, max(1, held[user])) for x in own])
            reports.append(self.subbands([self.levels[self.cqi(x * self.open_mw(user))] for x in own]))
        return reports

    def disturbance(self, cell: int, prb: int, activity: list[list[float]], held: list[int]) -> float:
        """Noise and what the other cells' users send there, in mW; before any user sent, their users' mean."""
        total = self.noise_mw
        for other in range(self.cells):
            if other == cell:
                continue
            if self.holders is not None:
                user = self.holders[other][prb]
                if user >= 0 and activity[other][prb]:
                    total += self.power_mw(user, held[user]) * self.gain(user, cell, prb)
                continue
            members = [user for user, home in enumerate(self.serving) if home == other]
            for user in members:
                mean = float(self.parts.channel.mean_snr[0, user, cell]) / self.unit
                total += self.open_mw(user) * mean / len(members)
        return total

    # Adaptation.

    def plan(self, number: int, prbs: list[int]) -> tuple[Process, Block] | None:
        self.granted, self.whose = len(prbs), number
        return super().plan(number, prbs)

    def mcs(self, mean_bits: float, offset_db: float) -> int:
        left = min(1.0, self.room(self.whose) / self.granted)
        return super().mcs(mean_bits, offset_db + 10 * math.log10(lower_edge(left)))

    def need(self, number: int) -> int:
        """By trying every number of PRBs."""
        user, report = self.users[number], self.reports[0][number]
        process, mean = user.due(self.slot), sum(report) / len(report)
        if process is None or mean <= 0 or (user.waiting <= 0 and not process.block):
            return process.block[2] if process and process.block else 0
        if process.block:
            return process.block[2]
        most = self.room(number) * mw(self.settings.spread_db)
        carried = [self.bits(mean, min(1.0, self.room(number) / m)) * m if m <= max(1.0, most) else 0.0 for m in
                   range(1, self.prbs + 1)]  # fmt: skip
        wanted = min(user.waiting * 8, max(carried))
        return next(m for m, bits in enumerate(carried, 1) if bits >= wanted)

    def bits(self, mean: float, left: float) -> float:
        """Bits of a PRB where so much of the power is left, along the line through the CQIs."""
        if left >= 1.0:
            return mean
        sinr_db = self.line(upper_edge(mean), self.levels[1:], [10 * math.log10(x) for x in self.level_snr])
        there = 10 * math.log10(middle(10 ** (sinr_db / 10) * left))
        bits = self.line(there, [10 * math.log10(x) for x in self.level_snr], self.levels[1:])
        return 0.0 if bits < 0.99 * self.levels[1] else min(bits, self.levels[-1])

    @staticmethod
    def line(x: float, xs: list[float], ys: list[float]) -> float:
        right = min(max(sum(known < x for known in xs), 1), len(xs) - 1)
        slope = (ys[right] - ys[right - 1]) / (xs[right] - xs[right - 1])
        return ys[right - 1] + slope * (x - xs[right - 1])

    def step(self, holders: list[list[int]]) -> dict[str, list[float]]:
        self.holders = holders
        return super().step(holders)
