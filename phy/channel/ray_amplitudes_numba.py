"""Draws the amplitudes of the rays of many drops in one compiled pass over UEs and cells; the torch form is
:func:`phy.channel.fading.draw_fading`.

Random numbers, phases and the levels of rays are computed in float64, the sums over clusters in the precision of the
result. Only links that are kept are computed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..numerics.jit import Loop, inlined
from ..numerics.threads import share_out
from ..random_numba import rounded, turned, unit
from .delay_basis import DelayBasis, carried_energy

Array = np.ndarray

_LANES = 8  # the basis is filled up to a multiple of it, so that loops over it are whole vectors
_AT_ONCE = 7  # clusters of which each pass over the basis adds the rays


class Links(NamedTuple):
    """Describes the links of B drops."""

    phase_key: Array  # [B] uint64
    line_key: Array  # [B] uint64, of the phase of the direct ray
    share: Array  # [B, U, C, Cl] of the scattered power
    delay: Array  # [B, U, Si, Cl] in steps of the basis's grid
    k_factor_db: Array  # [B, U, C]
    power: Array  # [B, U, C]
    azimuth_rad: Array  # [B, U, C]
    turn_rad: Array  # [B, U, Ra]
    cell: Array  # [B, U, J] int64, of the links that are kept


class Basis(NamedTuple):
    """Holds the coordinates of delays in the basis."""

    coordinates: Array  # [Dg, Dp] real, in the precision of the result, zero beyond the D functions
    energy: Array  # [Dg] float64, share of each delay that the basis carries
    functions: int  # D


class _Work(NamedTuple):
    """Holds what one link needs, written anew for each."""

    random: Array  # [Ra * Cl] uniform
    real: Array  # [Ra * Cl]
    imag: Array  # [Ra * Cl]
    phasor: Array  # [2, Ra * Cl + 3] of random phase, real and imaginary part
    row: Array  # [Cl] int64, of the delay grid
    steer: Array  # [Cl + 6, Dp] coordinates of each cluster at its level; zero from the last one with power on
    total: Array  # [D + Dp] real parts of the sums, then D imaginary ones
    functions: int  # D


def draw_rays(given: tuple[Tensor, ...], basis: DelayBasis, direct: bool, out: Tensor) -> None:
    """Draws the rays of drops.

    Args:
        given: fields of :class:`Links`, keys as int64.
        basis: of the carrier.
        direct: add the direct ray.
        out: ``[B, U, 2Ra, J * 2D]``, written.
    """
    phase, line, *others = (tensor.contiguous().numpy() for tensor in given)
    links, written = Links(phase.view(np.uint64), line.view(np.uint64), *others), out.numpy()
    coordinates = _basis(basis, out.dtype)

    def some(part: range) -> None:
        ray_amplitudes(part.start, part.stop, links, coordinates, direct, written)

    share_out(some, len(out), out[0].numel())


def _basis(basis: DelayBasis, dtype: torch.dtype) -> Basis:
    functions = basis.coordinates.shape[1]
    filled = torch.nn.functional.pad(basis.coordinates.real, (0, -functions % _LANES))
    return Basis(filled.to(dtype).contiguous().numpy(), carried_energy(basis).numpy(), functions)


@Loop.fused
def ray_amplitudes(first: int, stop: int, links: Links, basis: Basis, direct: bool, out: Array) -> None:
    """Computes the rays of drops ``first`` to ``stop``.

    Args:
        first: drop.
        stop: the drop after the last.
        links: of all drops.
        basis: of the carrier.
        direct: add the direct ray.
        out: ``[B, U, 2Ra, J * 2D]``, written.
    """
    users, cells, clusters = links.share.shape[1:]
    directions, kept = links.turn_rad.shape[2], links.cell.shape[2]
    work = _memory(directions, clusters, basis.coordinates, basis.functions)
    cosine, sine = np.empty(directions), np.empty(directions)
    for b in range(first, stop):
        for u in range(users):
            for m in range(directions):
                cosine[m], sine[m] = np.cos(links.turn_rad[b, u, m]), np.sin(links.turn_rad[b, u, m])
            for j in range(kept):
                c = links.cell[b, u, j]
                count = _clusters(b, u, c, links, basis, work)
                _phasors(links.phase_key[b], (u * cells + c) * directions * clusters, work)
                nearest, amplitude = -1, 0.0
                if direct:
                    nearest = _nearest(cosine, sine, links.azimuth_rad[b, u, c])
                    ratio = 10.0 ** (links.k_factor_db[b, u, c] / 10.0)
                    amplitude = np.sqrt(links.power[b, u, c] * ratio / (1.0 + ratio))
                real, imag = turned(unit(links.line_key[b], u * cells + c))
                for m in range(directions):
                    _sum(m * clusters, count, work)
                    if m == nearest:
                        for d in range(basis.functions):
                            work.total[d] += amplitude * real * basis.coordinates[0, d]
                            work.total[basis.functions + d] += amplitude * imag * basis.coordinates[0, d]
                    _write(m, j, directions, work, out[b, u])


@inlined
def _memory(directions: Any, clusters: Any, coordinates: Any, functions: Any) -> Any:
    """Makes room for one link."""
    rays, size, kind, more = directions * clusters, coordinates.shape[1], coordinates.dtype, _AT_ONCE - 1
    return _Work(
        np.empty(rays),
        np.empty(rays),
        np.empty(rays),
        np.zeros((2, rays + more), kind),
        np.empty(clusters, np.int64),
        np.zeros((clusters + more, size), kind),
        np.empty(functions + size, kind),
        functions,
    )


@inlined
def _clusters(b: Any, u: Any, c: Any, links: Any, basis: Any, work: Any) -> Any:
    """Finds coordinates and levels of the clusters of a link; returns the number of those with power."""
    cells, clusters = links.share.shape[2:]
    site, last, directions = c // (cells // links.delay.shape[2]), len(basis.energy) - 1, links.turn_rad.shape[2]
    count, carried = 0, 0.0
    for n in range(clusters):
        share = links.share[b, u, c, n]
        count = n + 1 if share > 0.0 else count
        work.row[n] = min(np.int64(rounded(links.delay[b, u, site, n])), last)
        carried += share * basis.energy[work.row[n]]
    ratio = 10.0 ** (links.k_factor_db[b, u, c] / 10.0)
    scattered = links.power[b, u, c] / (1.0 + ratio) / carried if carried > 0.0 else 0.0
    for n in range(count):
        level = work.steer.dtype.type(np.sqrt(scattered * links.share[b, u, c, n] / directions))
        steer, coordinates = work.steer[n], basis.coordinates[work.row[n]]
        for d in range(len(steer)):
            steer[d] = level * coordinates[d]
    work.steer[count:] = 0.0
    return count


@inlined
def _phasors(key: Any, start: Any, work: Any) -> Any:
    """Draws the phases of the rays of a link."""
    random, real, imag, phasor = work.random, work.real, work.imag, work.phasor
    for n in range(len(random)):
        random[n] = unit(key, start + n)
    for n in range(len(random)):
        real[n], imag[n] = turned(random[n])
    for n in range(len(random)):
        phasor[0, n], phasor[1, n] = real[n], imag[n]


@inlined
def _nearest(cosine: Any, sine: Any, azimuth_rad: Any) -> Any:
    """Finds the direction around the UE that is nearest to the cell's."""
    x, y = np.cos(azimuth_rad), np.sin(azimuth_rad)
    best, nearest = -2.0, 0
    for m in range(len(cosine)):
        near = cosine[m] * x + sine[m] * y
        if near > best:
            best, nearest = near, m
    return nearest


@inlined
def _sum(start: Any, count: Any, work: Any) -> Any:
    """Sums the rays of a direction over the clusters, in the coordinates of the basis; the imaginary parts, last, over
    what lies beyond the real ones.
    """
    size = work.steer.shape[1]
    for part in range(2):
        total, phasor = work.total[part * work.functions : part * work.functions + size], work.phasor[part, start:]
        total[:] = 0
        for n in range(0, count, _AT_ONCE):
            a0, a1, a2, a3, a4 = phasor[n], phasor[n + 1], phasor[n + 2], phasor[n + 3], phasor[n + 4]
            a5, a6 = phasor[n + 5], phasor[n + 6]
            s0, s1, s2, s3, s4 = (
                work.steer[n],
                work.steer[n + 1],
                work.steer[n + 2],
                work.steer[n + 3],
                work.steer[n + 4],
            )
            s5, s6 = work.steer[n + 5], work.steer[n + 6]
            for d in range(size):
                one = (a0 * s0[d] + a1 * s1[d]) + (a2 * s2[d] + a3 * s3[d])
                total[d] += one + ((a4 * s4[d] + a5 * s5[d]) + a6 * s6[d])


@inlined
def _write(m: Any, j: Any, directions: Any, work: Any, out: Any) -> Any:
    """Writes the rays of direction m of a link: the rows of its cosine and of its sine."""
    size, total = work.functions, work.total
    cosine, sine = out[m, 2 * size * j : 2 * size * (j + 1)], out[directions + m, 2 * size * j : 2 * size * (j + 1)]
    for d in range(2 * size):
        cosine[d] = total[d]
    for d in range(size):
        sine[d] = -total[size + d]
    for d in range(size):
        sine[size + d] = total[d]
