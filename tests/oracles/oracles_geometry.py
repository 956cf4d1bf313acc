"""Slow, loop-written float64 oracles of geometry and large-scale propagation, from the tables of TR 38.901."""

from __future__ import annotations

import cmath
import math

C = 299_792_458.0


def path_loss_db(model: str, d2: float, h_bs: float, h_ut: float, f_hz: float, los: bool, h_e: float = 1.0) -> float:
    """Table 7.4.1-1, one link; RMa with streets of 20 m and buildings of 5 m."""
    f = f_hz / 1e9
    d3 = math.sqrt(d2**2 + (h_bs - h_ut) ** 2)
    if model == "free_space":
        return 20 * math.log10(4 * math.pi * d3 * f_hz / C)
    if model == "rma":
        return _rma(d2, d3, h_bs, h_ut, f_hz, los)
    h_e = h_e if model == "uma" else 1.0
    bp = 4 * (h_bs - h_e) * (h_ut - h_e) * f_hz / C
    level, slope, bend = (28.0, 22.0, 9.0) if model == "uma" else (32.4, 21.0, 9.5)
    if d2 <= bp:
        clear = level + slope * math.log10(d3) + 20 * math.log10(f)
    else:
        clear = level + 40 * math.log10(d3) + 20 * math.log10(f) - bend * math.log10(bp**2 + (h_bs - h_ut) ** 2)
    if los:
        return clear
    if model == "uma":
        blocked = 13.54 + 39.08 * math.log10(d3) + 20 * math.log10(f) - 0.6 * (h_ut - 1.5)
    else:
        blocked = 35.3 * math.log10(d3) + 22.4 + 21.3 * math.log10(f) - 0.3 * (h_ut - 1.5)
    return max(clear, blocked)


def _rma(d2: float, d3: float, h_bs: float, h_ut: float, f_hz: float, los: bool) -> float:
    w, h, f = 20.0, 5.0, f_hz / 1e9

    def near(d: float) -> float:
        first = 20 * math.log10(40 * math.pi * d * f / 3) + min(0.03 * h**1.72, 10) * math.log10(d)
        return first - min(0.044 * h**1.72, 14.77) + 0.002 * math.log10(h) * d

    bp = 2 * math.pi * h_bs * h_ut * f_hz / C
    clear = near(d3) if d2 <= bp else near(bp) + 40 * math.log10(d3 / bp)
    if los:
        return clear
    blocked = 161.04 - 7.1 * math.log10(w) + 7.5 * math.log10(h)
    blocked -= (24.37 - 3.7 * (h / h_bs) ** 2) * math.log10(h_bs)
    blocked += (43.42 - 3.1 * math.log10(h_bs)) * (math.log10(d3) - 3) + 20 * math.log10(f)
    blocked -= 3.2 * math.log10(11.75 * h_ut) ** 2 - 4.97
    return max(clear, blocked)


def los_probability(model: str, d2_out: float, h_ut: float) -> float:
    """Table 7.4.2-1, one link."""
    if model == "rma":
        return 1.0 if d2_out <= 10 else math.exp(-(d2_out - 10) / 1000)
    if d2_out <= 18:
        return 1.0
    scale = 63 if model == "uma" else 36
    p = 18 / d2_out + math.exp(-d2_out / scale) * (1 - 18 / d2_out)
    if model == "uma" and h_ut > 13:
        p *= 1 + ((h_ut - 13) / 10) ** 1.5 * 5 / 4 * (d2_out / 100) ** 3 * math.exp(-d2_out / 150)
    return min(p, 1.0)


def antenna_gain_db(azimuth_deg: float, zenith_deg: float, elements: int, spacing: float, beam_deg: float) -> float:
    """Table 7.3-1's element and a column of them, summed wave by wave."""
    azimuth_deg = (azimuth_deg + 180) % 360 - 180
    vertical = -min(12 * ((zenith_deg - 90) / 65) ** 2, 30)
    horizontal = -min(12 * (azimuth_deg / 65) ** 2, 30)
    element = 8 - min(-(vertical + horizontal), 30)
    field = 0j
    for m in range(elements):
        weight = cmath.exp(-2j * math.pi * m * spacing * math.cos(math.radians(beam_deg))) / math.sqrt(elements)
        field += weight * cmath.exp(2j * math.pi * m * spacing * math.cos(math.radians(zenith_deg)))
    return element + 20 * math.log10(abs(field))


def nearest_displacement(site: list[float], user: list[float], shifts: list[list[float]]) -> list[float]:
    """Vector from the horizontally nearest image of a site to a user."""
    best: list[float] = []
    for shift in shifts:
        dx, dy = user[0] - site[0] - shift[0], user[1] - site[1] - shift[1]
        if not best or math.hypot(dx, dy) < math.hypot(best[0], best[1]):
            best = [dx, dy, user[2] - site[2]]
    return best


def in_hexagon(x: float, y: float, isd: float) -> bool:
    """Whether a point lies in the hexagon of a site at the origin, whose neighbours lie at 30, 90, ... degrees."""
    for k in range(6):
        angle = math.radians(30 + 60 * k)
        if x * math.cos(angle) + y * math.sin(angle) > isd / 2 + 1e-9:
            return False
    return True


def chi_square(counts: list[int]) -> float:
    """Chi-square statistic of counts against equal expectations."""
    expected = sum(counts) / len(counts)
    return sum((n - expected) ** 2 / expected for n in counts)
