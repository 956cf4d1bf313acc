"""Antennas, precoders and receivers once more, in plain loops over float64 numbers."""

from __future__ import annotations

import cmath
import math

import numpy as np
import numpy.typing as npt

Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]


def element_gain(azimuth: float, zenith: float) -> float:
    """TR 38.901 Table 7.3-1, linear; angles in the element's axes, azimuth in (-pi, pi]."""
    vertical = min(12 * ((math.degrees(zenith) - 90) / 65) ** 2, 30.0)
    horizontal = min(12 * (math.degrees(azimuth) / 65) ** 2, 30.0)
    return 10 ** ((8.0 - min(vertical + horizontal, 30.0)) / 10)


def port_response(
    rows: int, columns: int, port_rows: int, spacing: tuple[float, float], tilt: float, azimuth: float, zenith: float
) -> Complex:
    """One polarization: every element by itself, its weight of unit power a port, its place from the panel's centre."""
    out = []
    each = rows // port_rows
    direction = (
        math.sin(zenith) * math.cos(azimuth),
        math.sin(zenith) * math.sin(azimuth),
        math.cos(zenith),
    )
    for column in range(columns):
        for port_row in range(port_rows):
            total = 0j
            for i in range(each):
                y = (column - (columns - 1) / 2) * spacing[1]
                z = (port_row * each + i - (rows - 1) / 2) * spacing[0]
                weight = cmath.exp(-2j * math.pi * (i - (each - 1) / 2) * spacing[0] * math.cos(tilt)) / each**0.5
                total += weight * cmath.exp(2j * math.pi * (y * direction[1] + z * direction[2]))
            out.append(total * element_gain(azimuth, zenith) ** 0.5)
    return np.array(out)


def lmmse_sinr(effective: Complex, covariance: Complex) -> Real:
    """From the receiver itself: filter, signal, what is left of other layers, noise."""
    filters = effective.conj().T @ np.linalg.inv(effective @ effective.conj().T + covariance)
    return _behind(filters, effective, covariance)


def mrc_sinr(effective: Complex, covariance: Complex) -> Real:
    return _behind(effective.conj().T, effective, covariance)


def _behind(filters: Complex, effective: Complex, covariance: Complex) -> Real:
    out = []
    for layer in range(effective.shape[1]):
        f = filters[layer]
        signal = abs(f @ effective[:, layer]) ** 2
        disturbed = (f @ covariance @ f.conj()).real
        for other in range(effective.shape[1]):
            if other != layer:
                disturbed += abs(f @ effective[:, other]) ** 2
        out.append(signal / disturbed if disturbed > 0 else 0.0)
    return np.array(out)


def downlink_sinr(channel: Complex, cell: npt.NDArray[np.int64], rest: Real, precoder: Complex, activity: Real) -> Real:
    """LMMSE SINR ``[B, C, K, L]``; arguments as in ``phy.link.receiver``."""
    batch, cells, prbs, heard, antennas, _ = channel.shape
    out = np.zeros((batch, cells, prbs, precoder.shape[-1]))
    for b in range(batch):
        for c in range(cells):
            for k in range(prbs):
                covariance = np.eye(antennas) * (1.0 + rest[b, c, k]) + 0j
                for j in range(1, heard):
                    i = cell[b, c, k, j]
                    g = channel[b, c, k, j] @ precoder[b, i, k]
                    covariance += activity[b, i, k] * g @ g.conj().T
                own = channel[b, c, k, 0] @ precoder[b, c, k]
                out[b, c, k] = activity[b, c, k] * lmmse_sinr(own, covariance)
    return out


def uplink_sinr(gain: Real, holder: npt.NDArray[np.int64], power: Real) -> Real:
    """``[B, C, K]``; arguments as in ``phy.link.power_control``."""
    batch, cells, prbs = holder.shape
    out = np.zeros((batch, cells, prbs))
    for b in range(batch):
        for c in range(cells):
            for k in range(prbs):
                if holder[b, c, k] < 0:
                    continue
                noise = 1.0
                for i in range(cells):
                    u = holder[b, i, k]
                    if i != c and u >= 0:
                        noise += power[b, u] * gain[b, u, c, k]
                u = holder[b, c, k]
                out[b, c, k] = power[b, u] * gain[b, u, c, k] / noise
    return out


def type_one_beam(n1: int, n2: int, o1: int, o2: int, first: int, second: int) -> Complex:
    """``v_lm`` of TS 38.214 clause 5.2.2.2.1."""
    u = [cmath.exp(2j * math.pi * second * b / (o2 * n2)) for b in range(n2)]
    return np.array([cmath.exp(2j * math.pi * first * a / (o1 * n1)) * x for a in range(n1) for x in u])
