"""SINR in slow plain loops, float64."""

from __future__ import annotations

import math


def sinr(rays, doppler_hz, to_prbs, serving, activity, time_s):  # type: ignore[no-untyped-def]
    """``[U][K]`` from the rays of one drop, straight from the sums of phy.channel.fading's text.

    Args: rays ``[U, 2Ra, C * 2D]``, doppler_hz ``[U, Ra]``, to_prbs ``[2D, 2K]``, serving ``[U]``, activity ``[C, K]``.
    """
    users, directions = doppler_hz.shape
    cells, prbs = activity.shape
    size = to_prbs.shape[0]
    out = []
    for u in range(users):
        phasor = [2 * math.pi * float(doppler_hz[u, m]) * time_s for m in range(directions)]
        power = [[0.0] * prbs for _ in range(cells)]
        for c in range(cells):
            row = []
            for d in range(size):
                column = c * size + d
                row.append(
                    sum(
                        math.cos(phasor[m]) * float(rays[u, m, column])
                        + math.sin(phasor[m]) * float(rays[u, directions + m, column])
                        for m in range(directions)
                    )
                )
            for k in range(prbs):
                real = sum(row[d] * float(to_prbs[d, k]) for d in range(size))
                imag = sum(row[d] * float(to_prbs[d, prbs + k]) for d in range(size))
                power[c][k] = real * real + imag * imag
        own = int(serving[u])
        out.append(
            [
                power[own][k] / (1.0 + sum(power[c][k] * float(activity[c, k]) for c in range(cells) if c != own))
                for k in range(prbs)
            ]
        )
    return out
