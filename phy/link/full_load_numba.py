"""Computes the SINR of UEs at full load from signal and interference at a few points in time.

The torch form of the SINR is :mod:`phy.link.sinr`. Tp points in time, J links of a UE, K PRBs, T slots. Signals are
amplitudes and interference is a power, both of which are sums of rays over time and so follow from a few points
(:mod:`phy.channel.time_samples`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..numerics.jit import Loop, compiled, inlined

Array = np.ndarray


class FullLoadLinks(NamedTuple):
    """Describes the links of the UEs of B drops."""

    cell: Array  # [B, U, J] int64, which cell each link leads to
    serving: Array  # [B, U] int64
    busy: Array  # [B, C] bool, cells that serve any UE: these transmit on every PRB
    rest: Array  # [B, U] mean power of the busy cells without a link


@Loop
def signal_and_interference(b: int, start: int, response: Array, links: FullLoadLinks, out: Array) -> None:
    """Computes what some UEs of a drop receive at each point in time when every busy cell transmits on every PRB.

    Args:
        b: the drop.
        start: its first UE here.
        response: links of the UEs, as in :func:`phy.link.sinr_numba.sinr_and_reports`, J rows a point in time,
            Tp points a UE.
        links: of all drops.
        out: ``[users, Tp, 3K]``, written: real and imaginary part of the own cell's amplitude, power of the others.
    """
    # Two loops, as the compiler uses vectors only where there is no choice within.
    if response.shape[1] > out.shape[2] // 3:
        _of_amplitudes(b, start, response, links, out)
    else:
        _of_folded_amplitudes(b, start, response, links, out)


@compiled
def _of_amplitudes(b: int, start: int, response: Array, links: FullLoadLinks, out: Array) -> None:
    """Computes :func:`signal_and_interference` of real and imaginary parts on each PRB."""
    points, prbs, rows = out.shape[1], out.shape[2] // 3, np.empty(links.cell.shape[2], np.int64)
    for i in range(out.shape[0]):
        own, count = _rows(b, start + i, links, rows)
        for r in range(points):
            first, received, others = (i * points + r) * len(rows), out[i, r], out[i, r, 2 * prbs :]
            signal = response[first + own]
            for k in range(2 * prbs):
                received[k] = signal[k]
            others[:] = 0.0
            for n in range(count):
                _add_power(response[first + rows[n]], others)


@compiled
def _of_folded_amplitudes(b: int, start: int, response: Array, links: FullLoadLinks, out: Array) -> None:
    """Computes :func:`signal_and_interference` of two rows a link, in the order of the response."""
    points, prbs, rows = out.shape[1], out.shape[2] // 3, np.empty(links.cell.shape[2], np.int64)
    for i in range(out.shape[0]):
        own, count = _rows(b, start + i, links, rows)
        for r in range(points):
            first, received, others = (i * points + r) * len(rows), out[i, r], out[i, r, 2 * prbs :]
            row = 2 * (first + own)
            _unfold(response[row], response[row + 1], received[:prbs], received[prbs : 2 * prbs])
            others[:] = 0.0
            for n in range(count):
                row = 2 * (first + rows[n])
                _add_folded_power(response[row], response[row + 1], others)


@compiled
def _rows(b: int, u: int, links: FullLoadLinks, rows: Array) -> tuple[int, int]:
    """Returns which of a UE's links leads to its own cell, and how many to other busy cells, which it writes."""
    serving, own, count = links.serving[b, u], 0, 0
    for n in range(len(rows)):
        c = links.cell[b, u, n]
        if c == serving:
            own = n
        elif links.busy[b, c]:
            rows[count] = n
            count += 1
    return own, count


@inlined
def _add_power(amplitude: Array, power: Array) -> None:
    """Adds the power of a link on each PRB, from real and imaginary parts."""
    re, im = amplitude[: len(power)], amplitude[len(power) :]
    for k in range(len(power)):
        power[k] += re[k] * re[k] + im[k] * im[k]


@inlined
def _add_folded_power(re: Array, im: Array, power: Array) -> None:
    """Adds the power of a link on each PRB in the order of :func:`phy.link.sinr_numba.in_order`."""
    low, high = len(power) // 2, len(power) - len(power) // 2
    re_odd, im_odd, above = re[high:], im[high:], power[high:]
    for k in range(low):
        real, imag = re[k] - im_odd[k], im[k] + re_odd[k]
        power[k] += real * real + imag * imag
        real, imag = re[k] + im_odd[k], im[k] - re_odd[k]
        above[k] += real * real + imag * imag
    for k in range(low, high):
        power[k] += re[k] * re[k] + im[k] * im[k]


@Loop
def sinr_of_slots(b: int, start: int, received: Array, folded: bool, rest: Array, out: Array) -> None:
    """Computes the SINR of some UEs of a drop in each slot.

    Args:
        b: the drop.
        start: its first UE here.
        received: ``[users, T, 3K]`` as :func:`signal_and_interference` returns it, in each slot.
        folded: whether PRBs stand in the order of :func:`phy.link.sinr_numba.in_order`, each side from the outside in.
        rest: ``[B, U]`` see :class:`FullLoadLinks`.
        out: ``[groups, B, U, slots of a group, K]``, written.
    """
    slots, prbs = out.shape[3:]
    high, gamma = prbs - prbs // 2 if folded else prbs, np.empty(prbs, received.dtype)
    one, none = gamma.dtype.type(1.0), gamma.dtype.type(0.0)
    above = gamma[high:]
    for i in range(received.shape[0]):
        noise = rest[b, start + i] + one
        for t in range(received.shape[1]):
            re, im, others = received[i, t], received[i, t, prbs:], received[i, t, 2 * prbs :]
            to = out[t // slots, b, start + i, t % slots]
            for k in range(prbs):
                other = others[k] if others[k] > none else none
                gamma[k] = (re[k] * re[k] + im[k] * im[k]) / (other + noise)
            for k in range(high):
                to[k] = gamma[k]
            for k in range(len(above)):
                to[prbs - 1 - k] = above[k]


def _touches_response(b: int, start: int, response: Array, links: FullLoadLinks, out: Array) -> list[Any]:
    """Returns what :func:`signal_and_interference` reads and writes."""
    own = slice(start, start + len(out))
    return [(response, links.cell[b, own], links.serving[b, own], links.busy[b]), out]


def _touches_received(b: int, start: int, received: Array, _: bool, rest: Array, out: Array) -> list[Any]:
    """Returns what :func:`sinr_of_slots` reads and writes."""
    own = slice(start, start + len(received))
    return [(received, rest[b, own]), out[:, b, own]]


signal_and_interference.touches = _touches_response
sinr_of_slots.touches = _touches_received


@inlined
def _unfold(re: Array, im: Array, real: Array, imag: Array) -> None:
    """Computes real and imaginary part of a link on each PRB in the order of :func:`phy.link.sinr_numba.in_order`."""
    low, high = len(real) // 2, len(real) - len(real) // 2
    re_odd, im_odd, re_above, im_above = re[high:], im[high:], real[high:], imag[high:]
    for k in range(low):
        real[k], imag[k] = re[k] - im_odd[k], im[k] + re_odd[k]
    for k in range(low, high):
        real[k], imag[k] = re[k], im[k]
    for k in range(low):
        re_above[k], im_above[k] = re[k] + im_odd[k], im[k] - re_odd[k]
