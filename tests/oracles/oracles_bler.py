"""Block error rates from the stored thresholds, one block at a time, in the standard library's mathematics."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from oracles_link import transport_block


def base_graph(size: int, rate: Fraction) -> int:
    """Of a transport block of so many bits, TS 38.212 7.2.2."""
    return 2 if size <= 292 or (size <= 3824 and rate <= Fraction(67, 100)) or rate <= Fraction(1, 4) else 1


def thresholds_db(arrays: dict[str, Any], order: int, rate: Fraction, elements: int, layers: int) -> list[float]:
    """SNR at BLER 0.1 and 0.01 of a code block of the transport block that so many resource elements carry."""
    size, blocks, bits = transport_block(order, rate, elements, layers)
    true_rate = blocks * bits / (elements * order * layers)
    odds = [math.log(r / (1 - r)) for r in arrays["rate"].tolist()]
    row, up = _place(odds, math.log(true_rate / (1 - true_rate)))
    column, right = _place([math.log(k) for k in arrays["code_block_bits"].tolist()], math.log(bits))
    found = []
    for name in ("snr_db_bler_10", "snr_db_bler_01"):
        part = arrays[name][base_graph(size, rate) - 1, order // 2 - 1, row : row + 2, column : column + 2].tolist()
        below, above = (a * (1 - right) + b * right for a, b in part)
        found.append(below * (1 - up) + above * up)
    return found


def block_error(ten_db: float, one_db: float, centre: float) -> float:
    """BLER of a code block at a linear SNR, the thresholds rounded as the slot's curves are."""
    ten, width = 0.02 * round(ten_db / 0.02), math.exp(0.04 * round(math.log(one_db - ten_db) / 0.04))
    z = 1.2815515655446004 + (10 * math.log10(centre) - ten) * (2.3263478740408408 - 1.2815515655446004) / width
    bler = math.erfc(z / math.sqrt(2)) / 2
    return 0.0 if bler < 1e-9 else 1.0 if bler > 1 - 1e-9 else bler


def bin_centre(place: int) -> float:
    """Middle of a bin of the log grid: 64 an octave from 2**-10."""
    octave, step = divmod(place, 64)
    return 2.0 ** (octave - 10) * (1 + (step + 0.5) / 64)


def _place(nodes: list[float], at: float) -> tuple[int, float]:
    low = max(place for place in range(len(nodes) - 1) if nodes[place] <= at or place == 0)
    return low, min(max((at - nodes[low]) / (nodes[low + 1] - nodes[low]), 0.0), 1.0)
