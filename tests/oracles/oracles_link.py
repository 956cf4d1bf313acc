"""Slow, independent reference implementations of the link tables, in plain loops and float64."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

# TS 38.214 Table 5.1.3.2-1
TBS_TABLE = [
    24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160, 168, 176, 184, 192, 208, 224, 240,
    256, 272, 288, 304, 320, 336, 352, 368, 384, 408, 432, 456, 480, 504, 528, 552, 576, 608, 640, 672, 704, 736, 768,
    808, 848, 888, 928, 984, 1032, 1064, 1128, 1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672,
    1736, 1800, 1864, 1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104,
    3240, 3368, 3496, 3624, 3752, 3824,
]  # fmt: skip


def transport_block(order: int, rate: Fraction, elements: int, layers: int) -> tuple[int, int, int]:
    """(size, code blocks, bits of a code block) by TS 38.214 5.1.3.2 and TS 38.212 5.2.2, in rational numbers."""
    information = elements * rate * order * layers
    if information <= 3824:
        step = 2 ** max(3, _floor_log2(information) - 6)
        quantised = max(24, step * (information // step))
        size = next(entry for entry in TBS_TABLE if entry >= quantised)
    else:
        step = 2 ** (_floor_log2(information - 24) - 5)
        quantised = max(3840, step * ((information - 24) / step + Fraction(1, 2)).__floor__())
        if rate <= Fraction(1, 4):
            blocks = -(-(quantised + 24) // 3816)
        elif quantised > 8424:
            blocks = -(-(quantised + 24) // 8424)
        else:
            blocks = 1
        size = 8 * blocks * -(-(quantised + 24) // (8 * blocks)) - 24
    return size, *code_blocks(size, rate)


def code_blocks(size: int, rate: Fraction) -> tuple[int, int]:
    """(number, bits each with CRC) of the code blocks of a transport block."""
    graph_2 = size <= 292 or (size <= 3824 and rate <= Fraction(67, 100)) or rate <= Fraction(1, 4)
    largest = 3840 if graph_2 else 8448
    total = size + (24 if size > 3824 else 16)
    if total <= largest:
        return 1, total
    number = math.ceil(total / (largest - 24))
    assert (total + 24 * number) % number == 0
    return number, (total + 24 * number) // number


def _floor_log2(value: Fraction) -> int:
    power = 0
    while 2 ** (power + 1) <= value:
        power += 1
    return power


def bicm_information(order: int, sinr: float, nodes: int = 24) -> float:
    """Mutual information per coded bit of Gray QAM, TS 38.211 5.1, over the complex plane by Gauss-Hermite."""
    points, labels = constellation(order)
    root, weight = np.polynomial.hermite.hermgauss(nodes)
    sigma = math.sqrt(1 / (2 * sinr))
    noise = math.sqrt(2) * sigma * (root[:, None] + 1j * root[None, :]).ravel()
    probability = np.outer(weight, weight).ravel() / math.pi
    total = 0.0
    quadrant = [number for number in range(len(points)) if not labels[number, :2].any()]  # the others are alike
    for sent in quadrant:
        distance = np.abs(points[sent] + noise[:, None] - points[None, :]) ** 2
        metric = -(distance - distance.min(axis=1, keepdims=True)) * sinr
        likelihood = np.exp(metric)
        for bit in range(order):
            same = likelihood[:, labels[:, bit] == labels[sent, bit]].sum(axis=1)
            ratio = likelihood.sum(axis=1) / np.maximum(same, 1e-300)
            total += float(probability @ np.log2(ratio))
    return 1 - total / (len(quadrant) * order)


def constellation(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and labels of QPSK, 16QAM, 64QAM, 256QAM by the formulas of TS 38.211 5.1.3 to 5.1.6."""
    points, labels = [], []
    for number in range(2**order):
        bit = [(number >> place) & 1 for place in range(order)]
        points.append(complex(_axis(bit[0::2]), _axis(bit[1::2])))
        labels.append(bit)
    array = np.array(points)
    return array / math.sqrt(float(np.mean(np.abs(array) ** 2))), np.array(labels)


def _axis(bits: list[int]) -> float:
    """(1 - 2b0)[2^k - (1 - 2b1)[2^(k-1) - ...]]."""
    value = 1.0
    for place, bit in enumerate(reversed(bits)):
        value = (1 - 2 * bit) * (2**place - value if place else 1.0)
    return value


def effective_sinr(kind: str, sinr: list[float], order: int, beta: float) -> float:
    """Effective SINR by bisection on the exact map."""

    def value(x: float) -> float:
        return bicm_information(order, x) if kind == "miesm" else 1 - math.exp(-x / beta)

    mean = sum(value(x) for x in sinr) / len(sinr)
    low, high = math.log(min(sinr)), math.log(max(sinr))
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if value(math.exp(middle)) < mean else (low, middle)
    return math.exp((low + high) / 2)
