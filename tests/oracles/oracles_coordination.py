"""Precoders of coordinated cells in plain loops and double precision: least squares, brute force, textbook WMMSE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Complex = NDArray[np.complex128]


def precoder(own: Complex, spared: Complex, kind: str) -> Complex:
    """Precoder of power 1 of one cell; ``own`` ``[Nt]``, ``spared`` ``[Uk, Nt]``; rows of zeros stand for no UE."""
    rows = np.array([row for row in spared if np.any(row)]).reshape(-1, len(own))
    if not np.any(own):
        return np.zeros_like(own)
    if kind == "zf" and len(rows):
        left = own.conj()
        basis: list[Complex] = []
        for row in rows:  # Gram and Schmidt
            direction = row.conj()
            for one in basis:
                direction = direction - one * np.vdot(one, direction)
            basis.append(direction / np.linalg.norm(direction))
        for one in basis:
            left = left - one * np.vdot(one, left)
    elif kind == "rzf" and len(rows):
        both = np.vstack([own, rows])
        left = (both.conj().T @ np.linalg.inv(both @ both.conj().T + len(both) * np.eye(len(both))))[:, 0]
    elif kind == "slnr" and len(rows):
        left = np.linalg.inv(np.eye(len(own)) + rows.conj().T @ rows) @ own.conj()
    else:
        left = own.conj()
    return np.asarray(left / np.linalg.norm(left))


def sinr(amplitude: Complex, wanted: NDArray[np.bool_], rest: float, coherent: bool) -> float:
    """SINR of one UE; ``amplitude`` and ``wanted`` ``[J]``."""
    signal, together, interference = 0.0, 0.0 + 0.0j, 1.0 + rest
    for value, mine in zip(amplitude, wanted, strict=True):
        if mine:
            signal += abs(value) ** 2
            together += value
        else:
            interference += abs(value) ** 2
    return float((abs(together) ** 2 if coherent else signal) / interference)


def sum_rate(channel: Complex, sent: Complex) -> float:
    """Sum of log2(1 + SINR), ``channel`` ``[C, C, Nt]``, ``sent`` ``[C, Nt]``."""
    total = 0.0
    for user in range(len(sent)):
        power = [abs(channel[user, cell] @ sent[cell]) ** 2 for cell in range(len(sent))]
        total += np.log2(1.0 + power[user] / (1.0 + sum(power) - power[user]))
    return float(total)


def wmmse(channel: Complex, rounds: int) -> Complex:
    """Precoders ``[C, Nt]`` by Table I of Shi et al. for one stream a UE, the multiplier by root finding."""
    cells, ports = channel.shape[1:]
    sent = np.array([precoder(channel[cell, cell], np.zeros((0, ports)), "mrt") for cell in range(cells)])
    for _ in range(rounds):
        receiver, weight = np.zeros(cells, dtype=complex), np.zeros(cells)
        for user in range(cells):
            total = 1.0 + sum(abs(channel[user, cell] @ sent[cell]) ** 2 for cell in range(cells))
            wanted = channel[user, user] @ sent[user]
            receiver[user] = wanted / total
            weight[user] = 1.0 / (1.0 - (np.conj(receiver[user]) * wanted).real)
        for cell in range(cells):
            gram = np.zeros((ports, ports), dtype=complex)
            for user in range(cells):
                row = channel[user, cell]
                gram += weight[user] * abs(receiver[user]) ** 2 * np.outer(row.conj(), row)
            right = weight[cell] * receiver[cell] * channel[cell, cell].conj()

            def made(loading: float, gram: Complex = gram, right: Complex = right) -> Complex:
                return np.asarray(np.linalg.pinv(gram + loading * np.eye(len(right)), hermitian=True) @ right)

            if np.linalg.norm(made(0.0)) <= 1.0:
                sent[cell] = made(0.0)
            else:
                root = brentq(lambda x, f=made: np.linalg.norm(f(x)) - 1.0, 1e-14, np.linalg.norm(right), xtol=1e-15)
                sent[cell] = made(root)
    return sent


def plan_loops(
    rows: Complex,
    cells: NDArray[np.int64],
    inside: NDArray[np.bool_],
    outside: NDArray[np.float64],
    user: NDArray[np.int64],
    serving: NDArray[np.int64],
    kind: str,
    nulls: int,
    spared: str,
) -> dict[tuple[int, int], Complex]:
    """Precoder of each (cell, PRB) that sends.

    Args:
        rows: reported ``[U, K, J, Nt]``.
        cells: ``[U, J]`` of the rows.
        inside: ``[U, J]`` cells that coordinate for the UE.
        outside: ``[U, K]`` interference that is not coordinated.
        user: ``[C, K]`` holder; -1 none, -2 - u help to UE u.
        serving: ``[U]``.
        kind: of precoder.
        nulls: at most.
        spared: "bought" or "all".
    """
    found: dict[tuple[int, int], Complex] = {}

    def row(ue: int, cell: int, prb: int) -> Complex:
        for j in range(cells.shape[1]):
            if cells[ue, j] == cell and inside[ue, j]:
                return np.asarray(rows[ue, prb, j] / np.sqrt(1.0 + outside[ue, prb]))
        return np.zeros(rows.shape[-1], dtype=complex)

    for prb in range(user.shape[1]):
        for cell in range(len(user)):
            holder = int(user[cell, prb])
            to = holder if holder >= 0 else -2 - holder if holder < -1 else -1
            if to < 0:
                continue
            others = []
            for other in range(len(user)):
                victim = int(user[other, prb])
                if victim < 0 or victim == to or (spared == "bought" and serving[victim] == other):
                    continue
                others.append(row(victim, cell, prb))
            others.sort(key=lambda one: -np.linalg.norm(one))
            found[cell, prb] = precoder(row(to, cell, prb), np.array(others[:nulls]).reshape(-1, rows.shape[-1]), kind)
    return found


def slot_loops(
    channel: Complex,
    heard: NDArray[np.int64],
    rest_snr: NDArray[np.float64],
    sent: dict[tuple[int, int], Complex],
    user: NDArray[np.int64],
    coherent: bool,
) -> dict[tuple[int, int], float]:
    """SINR of the holder of each (cell, PRB); ``channel`` ``[U, K, J, Nt]``, ``user`` ``[C, K]`` as above."""
    found = {}
    for prb in range(user.shape[1]):
        to = {c: int(u if u >= 0 else -2 - u) for c, u in enumerate(user[:, prb]) if u != -1}
        for cell, victim in to.items():
            if user[cell, prb] < 0:
                continue
            amplitude, mine, rest = [], [], 0.0
            for other in to:
                place = [j for j in range(heard.shape[1]) if heard[victim, j] == other]
                if place:
                    amplitude.append(channel[victim, prb, place[0]] @ sent[other, prb])
                    mine.append(to[other] == victim)
                else:
                    rest += rest_snr[victim, other]
            found[cell, prb] = sinr(np.array(amplitude), np.array(mine), rest, coherent)
    return found
