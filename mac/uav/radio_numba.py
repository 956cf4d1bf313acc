"""Computes the downlink of UAVs in compiled loops, drop by drop; the torch form is :mod:`mac.uav.radio`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from phy.air_to_ground.elevation_table import ROOT, STEPS
from phy.air_to_ground.mean_rate import COARSE, COLUMNS, K_LOW_DB, K_STEPS
from phy.numerics.jit import Loop, inlined
from phy.numerics.log_grid_numba import grid_index

Array = np.ndarray

EQUAL, MAX_MIN, PROPORTIONAL_FAIR = 0, 1, 2
_SCALE = STEPS / ROOT
_TWO = 1.0 / math.log(2.0)
_MOST_STEPS = 64  # of Newton's method, which ends when no user falls out any more


class DownlinkArrays(NamedTuple):
    """Describes what UAVs send in an interval."""

    snr: Array  # [B, V, U]
    uav_m: Array  # [B, V, 3]
    user_m: Array  # [B, U, 2]
    power: Array  # [B, V] over the greatest power, 0 out of service
    serving: Array  # [B, U] int64; no rows where the strongest serves
    share: Array  # [B, V, U]; no rows where a rule holds
    waiting: Array  # [B, U] bits
    rise: Array  # [B, U] noise and terrestrial interference over noise
    past: Array  # [B, U] bit/s that a mean rate keeps
    limit: Array  # [B, V] bits that reach a UAV; no rows where there is no limit


class RadioConstants(NamedTuple):
    """Holds the constants of the radio."""

    user_height_m: float
    rule: int
    growth: float  # bit/s of a mean rate for a share and an efficiency of 1
    band_bits: float  # bits of the whole band in an interval at an efficiency of 1
    covered: float  # least SINR of coverage, linear
    least: float  # below this SINR, linear, a user gets nothing
    fades: bool


class ServiceArrays(NamedTuple):
    """Holds the arrays that :func:`serve` writes."""

    uav: Array  # [B, U] int64, -1 where none serves or no data wait
    bits: Array  # [B, U]
    covered: Array  # [B, U] 1 or 0
    sends: Array  # [B, V] bool


@Loop
def measure(uav_m: Array, user_m: Array, user_height_m: float, gain: Array, reference: float, snr: Array) -> None:
    """Computes the mean SNR of all links, as :func:`mac.uav.radio.measure_mean_links` does.

    Args:
        uav_m: ``[B, V, 3]``.
        user_m: ``[B, U, 2]``.
        user_height_m: of all users.
        gain: excess gain by elevation, in the dtype of the SNR.
        reference: SNR at 1 m in free space.
        snr: ``[B, V, U]``, written.
    """
    kind, users = snr.dtype.type, user_m.shape[1]
    x, y = np.empty(users, snr.dtype), np.empty(users, snr.dtype)
    place, inverse = np.empty(users, snr.dtype), np.empty(users, snr.dtype)
    one, half, root, scale, factor = kind(1.0), kind(0.5), kind(ROOT), kind(_SCALE), kind(reference)
    for b in range(uav_m.shape[0]):
        for u in range(users):
            x[u], y[u] = user_m[b, u, 0], user_m[b, u, 1]
        for v in range(uav_m.shape[1]):
            here_x, here_y, height = uav_m[b, v, 0], uav_m[b, v, 1], uav_m[b, v, 2] - kind(user_height_m)
            rise = height * height
            for u in range(users):
                off_x, off_y = here_x - x[u], here_y - y[u]
                level = off_x * off_x + off_y * off_y
                share = one / (level + rise)
                sine, cosine = rise * share, level * share
                t = math.sqrt(min(sine, cosine))
                place[u] = (t if sine < half else root - t) * scale
                inverse[u] = factor * share
            for u in range(users):
                i = int(place[u])
                part = place[u] - kind(i)
                snr[b, v, u] = (gain[i] + part * (gain[i + 1] - gain[i])) * inverse[u]


class Scratch(NamedTuple):
    """Holds what the loops remember of the users of a drop, in float64."""

    best: Array  # [U] greatest received power
    signal: Array  # [U] received power of the serving UAV
    sinr: Array  # [U]
    place: Array  # [U] in the tables by elevation
    efficiency: Array  # [U] bit/s/Hz
    share: Array  # [U]


@Loop
def serve(asked: DownlinkArrays, numbers: RadioConstants, k_db: Array, factor: Array, given: ServiceArrays) -> None:
    """Computes serving UAVs, bits and coverage of an interval.

    Args:
        asked: what UAVs send.
        numbers: constants of the radio.
        k_db: K-factor by elevation.
        factor: table of :mod:`phy.air_to_ground.mean_rate`.
        given: written.
    """
    drops, uavs, users = asked.snr.shape
    served, used = np.empty(uavs, np.int64), np.empty(uavs)
    own = Scratch(np.empty(users), np.empty(users), np.empty(users), np.empty(users), np.empty(users), np.empty(users))
    for b in range(drops):
        _associate(b, asked, own, given.uav)
        served[:] = 0
        for u in range(users):
            if given.uav[b, u] >= 0 and asked.waiting[b, u] > 0:
                served[given.uav[b, u]] += 1
        for v in range(uavs):
            given.sends[b, v] = served[v] > 0
            used[v] = 1.0 if served[v] > 0 else 0.0
            if len(asked.share):
                used[v] = asked.share[b, v].sum()
        _hear(b, asked, used, given.uav, own)
        if numbers.fades:
            _look_up(b, asked, numbers, given.uav, own)
        for u in range(users):
            v, sinr = given.uav[b, u], own.sinr[u]
            given.covered[b, u] = 1.0 if v >= 0 and sinr >= numbers.covered else 0.0
            own.efficiency[u] = _efficiency(own.place[u], sinr, k_db, factor, numbers.fades)
            if v >= 0 and not (asked.waiting[b, u] > 0 and sinr >= numbers.least):
                given.uav[b, u] = -1
                served[v] -= asked.waiting[b, u] > 0
        if len(asked.share):
            for u in range(users):
                own.share[u] = asked.share[b, given.uav[b, u], u] if given.uav[b, u] >= 0 else 0.0
        else:
            _share(b, asked, numbers, given.uav, served, own)
        _deliver(b, asked, numbers, own, given)


@inlined
def _associate(b: int, asked: DownlinkArrays, own: Scratch, uav: Array) -> None:
    """Copies the decision, or finds the strongest UAV of each user with data, the first of equal ones."""
    uavs, users = asked.snr.shape[1:]
    if len(asked.serving):
        for u in range(users):
            uav[b, u] = asked.serving[b, u]
        return
    own.best[:] = 0.0
    for u in range(users):
        uav[b, u] = -1
    for v in range(uavs):
        power = asked.power[b, v]
        for u in range(users):
            strength = float(asked.snr[b, v, u] * power)
            stronger = strength > own.best[u]
            own.best[u] = strength if stronger else own.best[u]
            uav[b, u] = v if stronger else uav[b, u]
    for u in range(users):
        if not asked.waiting[b, u] > 0:
            uav[b, u] = -1


@inlined
def _hear(b: int, asked: DownlinkArrays, used: Array, uav: Array, own: Scratch) -> None:
    """Computes the SINR of each user, 0 where no UAV serves it."""
    uavs, users = asked.snr.shape[1:]
    for u in range(users):
        own.sinr[u] = asked.rise[b, u]  # noise and interference at first
        own.signal[u] = 0.0
    for v in range(uavs):
        power = float(asked.power[b, v])
        for u in range(users):
            received = asked.snr[b, v, u] * power
            serves = uav[b, u] == v
            own.signal[u] += received if serves else 0.0
            own.sinr[u] += 0.0 if serves else received * used[v]
    for u in range(users):
        own.sinr[u] = own.signal[u] / own.sinr[u]


@inlined
def _look_up(b: int, asked: DownlinkArrays, numbers: RadioConstants, uav: Array, own: Scratch) -> None:
    """Finds the place of each serving link in the tables by elevation."""
    for u in range(len(own.place)):
        v = max(uav[b, u], 0)
        off_x = float(asked.uav_m[b, v, 0]) - float(asked.user_m[b, u, 0])
        off_y = float(asked.uav_m[b, v, 1]) - float(asked.user_m[b, u, 1])
        height = float(asked.uav_m[b, v, 2]) - numbers.user_height_m
        own.place[u] = off_x * off_x + off_y * off_y
        own.best[u] = height * height
    for u in range(len(own.place)):
        level, rise = own.place[u], own.best[u]
        t = math.sqrt(min(level, rise) / (level + rise))
        own.place[u] = (t if rise < level else ROOT - t) * _SCALE


@inlined
def _efficiency(place: float, sinr: float, k_db: Array, factor: Array, fades: bool) -> float:
    """Computes :func:`phy.air_to_ground.mean_rate.mean_spectral_efficiency` of one link."""
    if not fades:
        return math.log(1.0 + sinr) * _TWO
    i = int(place)
    k = k_db[i] + (place - i) * (k_db[i + 1] - k_db[i])
    row = int((k - K_LOW_DB) * K_STEPS + 0.5)
    return math.log(1.0 + sinr * factor[(grid_index(sinr) >> COARSE) + row * COLUMNS]) * _TWO


@inlined
def _deliver(b: int, asked: DownlinkArrays, numbers: RadioConstants, own: Scratch, given: ServiceArrays) -> None:
    """Writes the bits of each user, at most those that wait and those that reach its UAV."""
    total = np.zeros(asked.snr.shape[1])
    for u in range(len(own.share)):
        bits = min(own.share[u] * own.efficiency[u] * numbers.band_bits, float(asked.waiting[b, u]))
        given.bits[b, u] = bits
        if given.uav[b, u] >= 0:
            total[given.uav[b, u]] += bits
    if not len(asked.limit):
        return
    for u in range(len(own.share)):
        v = given.uav[b, u]
        if v >= 0 and total[v] > asked.limit[b, v]:
            given.bits[b, u] *= asked.limit[b, v] / total[v]


@inlined
def _share(b: int, asked: DownlinkArrays, numbers: RadioConstants, uav: Array, served: Array, own: Scratch) -> None:
    """Computes :func:`mac.uav.sharing.shares` of a drop."""
    users, uavs = len(own.share), len(served)
    efficiency, share = own.efficiency, own.share
    weight = np.zeros(uavs)
    for u in range(users):
        v = uav[b, u]
        share[u] = 0.0
        if v < 0:
            continue
        if numbers.rule == EQUAL:
            share[u] = 1.0 / served[v]
        elif numbers.rule == MAX_MIN and efficiency[u] > 0.0:
            share[u] = 1.0 / max(efficiency[u], 1e-12)
            weight[v] += share[u]
    if numbers.rule == MAX_MIN:
        for u in range(users):
            if uav[b, u] >= 0:
                share[u] /= max(weight[uav[b, u]], 1e-30)
    elif numbers.rule == PROPORTIONAL_FAIR:
        _fill(b, asked, numbers, uav, own)


@inlined
def _fill(b: int, asked: DownlinkArrays, numbers: RadioConstants, uav: Array, own: Scratch) -> None:
    """Fills the band of each UAV up to a common level over the users' floors."""
    efficiency, share = own.efficiency, own.share
    users, uavs = len(share), asked.snr.shape[1]
    floor, level = np.empty(users), np.full(uavs, np.inf)
    total, count = np.empty(uavs), np.empty(uavs, np.int64)
    for u in range(users):
        floor[u] = asked.past[b, u] / max(numbers.growth * efficiency[u], 1e-12)
    for _ in range(_MOST_STEPS):
        total[:] = 1.0
        count[:] = 0
        for u in range(users):
            v = uav[b, u]
            if v >= 0 and floor[u] < level[v]:
                total[v] += floor[u]
                count[v] += 1
        settled = True
        for v in range(uavs):
            new = total[v] / max(count[v], 1)
            settled = settled and new == level[v]
            level[v] = new
        if settled:
            break
    total[:] = 0.0
    for u in range(users):
        if uav[b, u] >= 0:
            share[u] = max(0.0, level[uav[b, u]] - floor[u])
            total[uav[b, u]] += share[u]
    for u in range(users):
        if uav[b, u] >= 0:
            share[u] /= max(total[uav[b, u]], 1e-30)
