"""SINR where but some interferers fade, in slow plain loops, float64, from the rays of all cells."""

from __future__ import annotations

import cmath
import math


def chosen(mean_snr, serving, interferers):  # type: ignore[no-untyped-def]
    """The own cell of each user, then its strongest others, ``[U][1 + N]``; of equals the one of the lowest number."""
    out = []
    for u in range(len(mean_snr)):
        own = int(serving[u])
        left = [c for c in range(len(mean_snr[u])) if c != own]
        row = [own]
        for _ in range(interferers):
            best = left[0]
            for c in left:
                if mean_snr[u][c] > mean_snr[u][best]:
                    best = c
            left.remove(best)
            row.append(best)
        out.append(row)
    return out


def powers(rays, doppler_hz, to_prbs, time_s):  # type: ignore[no-untyped-def]
    """``[U][C][K]`` from the rays of one drop, ``[U, 2Ra, C * 2D]``: cosines' rows, real and imaginary parts."""
    users, directions = doppler_hz.shape
    size, both = to_prbs.shape[0] // 2, to_prbs.shape[1]
    out = []
    for u in range(users):
        turn = [cmath.exp(2j * math.pi * float(doppler_hz[u, m]) * time_s) for m in range(directions)]
        of_user = []
        for c in range(rays.shape[2] // (2 * size)):
            row = []
            for d in range(size):
                real, imaginary = c * 2 * size + d, c * 2 * size + size + d
                row.append(
                    sum(
                        complex(float(rays[u, m, real]), float(rays[u, m, imaginary])) * turn[m]
                        for m in range(directions)
                    )
                )
            response = []
            for k in range(both // 2):
                steering = [complex(float(to_prbs[d, k]), float(to_prbs[d, both // 2 + k])) for d in range(size)]
                response.append(abs(sum(row[d] * steering[d] for d in range(size))) ** 2)
            of_user.append(response)
        out.append(of_user)
    return out


def sinr(power, mean_snr, serving, activity, interferers):  # type: ignore[no-untyped-def]
    """``[U][K]`` from the powers ``[U][C][K]``."""
    fades = chosen(mean_snr, serving, interferers)
    out = []
    for u in range(len(power)):
        own, row = int(serving[u]), []
        for k in range(len(power[u][0])):
            interference = 0.0
            for c in range(len(power[u])):
                if c != own:
                    level = power[u][c][k] if c in fades[u] else float(mean_snr[u][c])
                    interference += float(activity[c, k]) * level
            row.append(power[u][own][k] / (1.0 + interference))
        out.append(row)
    return out
