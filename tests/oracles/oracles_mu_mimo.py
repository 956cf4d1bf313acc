"""Several users on a PRB in plain loops, float64: precoders, and what each user receives."""

from __future__ import annotations

from typing import Any

import numpy as np


def precoder_loops(rows: list[Any], regularized: bool) -> Any:
    """Precoder ``[Nt, n]`` of n users from their rows, columns of power 1 / n."""
    count = len(rows)
    if regularized:
        stacked = np.array(rows)
        columns = stacked.conj().T @ np.linalg.inv(stacked @ stacked.conj().T + count * np.eye(count))
    else:
        columns = np.linalg.pinv(np.array([row / np.linalg.norm(row) for row in rows]))
    return np.array([column / np.linalg.norm(column) / np.sqrt(count) for column in columns.T]).T


def slot_loops(
    channel: Any,
    heard: Any,
    rest_snr: Any,
    precoder: dict[tuple[int, int], Any],
    users: dict[tuple[int, int], list[int]],
) -> dict[tuple[int, int, int], tuple[float, float]]:
    """SINR of each user of each (cell, PRB, place) behind LMMSE and behind MRC.

    Args:
        channel: ``[U, K, J, Nr, Nt]``.
        heard: ``[U, J]`` cells.
        rest_snr: ``[U, C]``.
        precoder: ``[Nt, n]`` of each (cell, PRB) that is in use.
        users: its n users.
    """
    found = {}
    for (cell, prb), sharing in users.items():
        for place, user in enumerate(sharing):
            disturbed = np.eye(channel.shape[3], dtype=complex)
            for (other, same), sent in precoder.items():
                if same != prb:
                    continue
                disturbed += rest_snr[user, other] * np.eye(channel.shape[3])
                for j, near in enumerate(heard[user]):
                    for column in range(sent.shape[1]):
                        if near != other or (j == 0 and column == place):
                            continue
                        arriving = channel[user, prb, j] @ sent[:, column]
                        disturbed += np.outer(arriving, arriving.conj())
            own = channel[user, prb, 0] @ precoder[cell, prb][:, place]
            lmmse = (own.conj() @ np.linalg.inv(disturbed) @ own).real
            mrc = np.linalg.norm(own) ** 4 / (own.conj() @ disturbed @ own).real
            found[cell, prb, place] = (float(lmmse), float(mrc))
    return found


def partners_loops(
    holder: int,
    free: list[int],
    sinr: Any,
    weight: Any,
    alike: Any,
    rate: Any,
    most: int,
    limit: float,
) -> list[int]:
    """Greedy partners of one PRB whose holder is known, by users of one cell. ``rate`` maps a SINR to bits."""

    def total(users: list[int]) -> float:
        value = 0.0
        for user in users:
            kept = np.prod([1 - alike[user, other] for other in users if other != user])
            value += weight[user] * rate(sinr[user] * kept / len(users))
        return value

    users = [holder]
    while len(users) < most:
        candidates = [u for u in free if u not in users and all(alike[u, other] <= limit for other in users)]
        if not candidates:
            break
        best = max(candidates, key=lambda user: (total([*users, user]), -user))
        if total([*users, best]) <= total(users):
            break
        users.append(best)
    return users[1:]
