"""Computes in closed form what coordination is worth to two cells whose UEs hear both equally well.

Two cells of M ports serve a UE of one antenna each, over Rayleigh channels without correlation, with the same mean SNR
rho from either cell and perfect knowledge of the channels. A gain that is a sum of n exponential numbers of mean 1 is
Gamma(n); C(n) = E log2(1 + rho Gamma(n)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import exp1, expn

_LARGE = 500.0  # beyond it e^x overflows soon, and an asymptotic series is exact to 10 digits


@dataclass(frozen=True)
class TwoCellRates:
    """Holds the mean rate of a UE in bit/s/Hz."""

    mrt: float  # C(M + 1) - C(1): both cells send by MRT
    one_null: float  # C(M - 1): each cell has a null towards the UE of the other
    blanking: float  # C(M) / 2: the cells take turns
    joint: float  # C(2M - 1): both cells as one of 2M ports, ZF, power of both in one sum


def ergodic_rate(order: int, snr: float) -> float:
    """Computes C(n) = E log2(1 + rho Gamma(n)) = log2(e) e^(1/rho) sum_{l=1..n} E_l(1/rho); 0 for n = 0.

    Args:
        order: n.
        snr: rho, linear.
    """
    if order == 0:
        return 0.0
    inverse = 1.0 / snr
    if inverse > _LARGE:
        return math.log2(math.e) * sum(_scaled_expn(part, inverse) for part in range(1, order + 1))
    total = float(exp1(inverse)) + sum(float(expn(part, inverse)) for part in range(2, order + 1))
    return math.log2(math.e) * math.exp(inverse) * total


def two_cell_rates(ports: int, snr: float) -> TwoCellRates:
    """Computes the mean rates of the four ways.

    Args:
        ports: M of each cell.
        snr: rho of either link, linear.

    Raises:
        ValueError: there are no ports.
    """
    if ports < 1:
        raise ValueError(f"a cell has at least 1 port, given {ports}")
    return TwoCellRates(
        mrt=ergodic_rate(ports + 1, snr) - ergodic_rate(1, snr),
        one_null=ergodic_rate(ports - 1, snr),
        blanking=0.5 * ergodic_rate(ports, snr),
        joint=ergodic_rate(2 * ports - 1, snr),
    )


def _scaled_expn(order: int, value: float) -> float:
    """Computes ``e^x E_n(x)`` for large x (Abramowitz, Stegun, 5.1.52)."""
    total = value + order
    return (1.0 + order / total**2 + order * (order - 2.0 * value) / total**4) / total
