"""Builds codebooks of precoders: 3GPP type I single-panel, mode 1, and grids of DFT beams for all other panels.

TS 38.214 clause 5.2.2.2.1, for 2 to 32 ports and ranks 1 to 8. With N1 x N2 ports of two polarizations, P = 2 N1 N2,

    u_m = [exp(j 2 pi m b / (O2 N2))] for b < N2,    v_lm = [exp(j 2 pi l a / (O1 N1)) u_m] for a < N1,

every column of a precoder is ``[v; c v]`` with a beam v and a co-phasing c = +-exp(j pi n / 2) or +-1 between the
polarizations. Ranks 3 and 4 of 16 ports and more use half beams with N1 / 2 and two co-phasings. Columns of a precoder
are orthogonal and have norm ``rank^-1/2``. Mode 2, which splits the same beams into other reports, is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from .panel import PanelSettings

MAX_RANK = 8
"""Most layers of a precoder."""

OVERSAMPLING = 4
"""Beams per port along a side with more than one port (O1, O2)."""

STANDARD_GRIDS: dict[int, tuple[tuple[int, int], ...]] = {
    2: ((1, 1),),
    4: ((2, 1),),
    8: ((2, 2), (4, 1)),
    12: ((3, 2), (6, 1)),
    16: ((4, 2), (8, 1)),
    24: ((4, 3), (6, 2), (12, 1)),
    32: ((4, 4), (8, 2), (16, 1)),
}
"""Ports and their (N1, N2), TS 38.214 Tables 5.2.2.2.1-1 and -2."""

# Beam, sign, and whether co-phased by phi_n, of each layer (TS 38.214 Tables 5.2.2.2.1-5 to -12).
_LAYERS: dict[int, tuple[tuple[int, int, bool], ...]] = {
    1: ((0, 1, True),),
    2: ((0, 1, True), (1, -1, True)),
    3: ((0, 1, True), (1, 1, True), (0, -1, True)),
    4: ((0, 1, True), (1, 1, True), (0, -1, True), (1, -1, True)),
    5: ((0, 1, True), (0, -1, True), (1, 1, False), (1, -1, False), (2, 1, False)),
    6: ((0, 1, True), (0, -1, True), (1, 1, True), (1, -1, True), (2, 1, False), (2, -1, False)),
    7: (
        *((0, 1, True), (0, -1, True), (1, 1, True)),
        *((2, 1, False), (2, -1, False), (3, 1, False), (3, -1, False)),
    ),
    8: (
        *((0, 1, True), (0, -1, True), (1, 1, True), (1, -1, True)),
        *((2, 1, False), (2, -1, False), (3, 1, False), (3, -1, False)),
    ),
}

# Signs of theta_p (second half of a polarization), of phi_n (second polarization) for the layers on half beams.
_HALF_SIGNS = ((1, 1), (-1, 1), (1, -1), (-1, -1))


@dataclass(frozen=True)
class Codebook:
    """Holds all precoders of one rank for one panel."""

    entries: Tensor  # [Ce, Np, rank] complex128, columns orthogonal, of norm rank^-1/2
    pmi: Tensor  # [combinations, 4] int64: i_1,1 i_1,2 i_1,3 i_2 of the standard, i_2 fastest
    cophasings: int  # values of i_2

    @property
    def rank(self) -> int:
        """Returns the number of layers."""
        return self.entries.shape[-1]

    def to(self, device: torch.device, dtype: torch.dtype) -> Codebook:
        """Moves the codebook to another device, in a complex ``dtype``."""
        return Codebook(self.entries.to(device, dtype), self.pmi.to(device), self.cophasings)


def panel_codebook(panel: PanelSettings, rank: int) -> Codebook:
    """Builds the codebook of a panel's ports: type I where it has two polarizations, else DFT beams.

    N1 lies along the longer side of the grid of ports. One port has the one precoder 1. Grids that are not in
    TS 38.214 Table 5.2.2.2.1-2 (up to 64 ports) follow the same equations; they are not the standard's.

    Args:
        panel: two polarizations, or one.
        rank: layers, 1 to 8 and no more than ports.

    Raises:
        ValueError: the rank is out of range.
    """
    columns, rows = panel.columns, panel.port_rows
    _check_rank(rank, panel.ports)
    make = type_1_codebook if panel.polarizations == 2 else dft_codebook
    if columns >= rows:
        return make(columns, rows, rank)
    found = make(rows, columns, rank)
    grid = found.entries.unflatten(1, (panel.polarizations, rows, columns))
    return Codebook(grid.transpose(2, 3).flatten(1, 3).contiguous(), found.pmi, found.cophasings)


@cache
def type_1_codebook(n1: int, n2: int, rank: int) -> Codebook:
    """Builds the type I single-panel codebook, mode 1, for ``n1 x n2`` ports of two polarizations.

    Args:
        n1: ports of one polarization along the first side, ``n1 >= n2``.
        n2: ports of one polarization along the second side.
        rank: layers.

    Raises:
        ValueError: the rank is out of range, or ``n1 < n2``.
    """
    if n1 < n2:
        raise ValueError(f"n1 is {n1} and n2 is {n2}, but n1 is the longer side; swap them")
    ports, (o1, o2) = 2 * n1 * n2, oversampling(n1, n2)
    _check_rank(rank, ports)
    half = rank in (3, 4) and ports >= 16 and n1 % 2 == 0
    offsets = [((0, 0),)] * 4 if half else _offsets(n1, n2, rank)
    range1, range2 = _ranges(n1, n2, rank, half)
    cophasings = 4 if rank == 1 else 2
    pmi = _product(range1, range2, len(offsets), cophasings)
    first, second, i13, n = pmi.unbind(-1)
    phi = _phasor(n, 4)
    if half:
        entries = _half_beams(beams(n1 // 2, n2, o1, o2, first, second), _phasor(i13, 8), phi, rank)
    else:
        shift = torch.tensor(offsets)[i13]  # [combinations, beams, 2]
        v = beams(n1, n2, o1, o2, first[:, None] + shift[..., 0], second[:, None] + shift[..., 1])
        entries = torch.stack([_layer(v, phi, *layer) for layer in _LAYERS[rank]], -1)
    return Codebook(entries / math.sqrt(rank * ports), pmi, cophasings)


@cache
def dft_codebook(n1: int, n2: int, rank: int) -> Codebook:
    """Builds a codebook of DFT beams for ``n1 x n2`` ports of one polarization, which is in no standard.

    Entry (l, m) has the beams ``v`` of (l, m), (l + O1, m), ... for its layers, row by row of the grid; they are
    orthogonal.

    Raises:
        ValueError: the rank is out of range.
    """
    _check_rank(rank, n1 * n2)
    o1, o2 = oversampling(n1, n2)
    pmi = _product(n1 * o1, n2 * o2, 1, 1)
    step = torch.arange(rank)  # along the first side, then the next row
    v = beams(n1, n2, o1, o2, pmi[:, :1] + step % n1 * o1, pmi[:, 1:2] + step // n1 * o2)
    return Codebook(v.transpose(1, 2).contiguous() / math.sqrt(rank * n1 * n2), pmi, 1)


def oversampling(n1: int, n2: int) -> tuple[int, int]:
    """Computes the oversampling factors ``(O1, O2)``: 4 along a side with several ports, else 1."""
    return OVERSAMPLING if n1 > 1 else 1, OVERSAMPLING if n2 > 1 else 1


def beams(n1: int, n2: int, o1: int, o2: int, first: Tensor, second: Tensor) -> Tensor:
    """Computes DFT vectors ``v_lm`` ``[..., n1 * n2]``, complex128, of modulus 1, from integers l (first side) and m
    (second side) ``[...]``.
    """
    along = torch.arange(n1, dtype=torch.float64) / (o1 * n1)
    across = torch.arange(n2, dtype=torch.float64) / (o2 * n2)
    turns = first[..., None, None] * along[:, None] + second[..., None, None] * across
    phase = 2 * math.pi * torch.remainder(turns, 1.0).flatten(-2)
    return torch.polar(torch.ones_like(phase), phase)


def _phasor(step: Tensor, steps: int) -> Tensor:
    """Computes ``exp(j 2 pi step / steps)``."""
    phase = step.to(torch.float64) * (2 * math.pi / steps)
    return torch.polar(torch.ones_like(phase), phase)


def _layer(v: Tensor, phi: Tensor, beam: int, sign: int, cophased: bool) -> Tensor:
    """Builds one layer ``[Ce, Np]`` from the beams ``[Ce, beams, Np / 2]``."""
    other = sign * (phi if cophased else torch.ones_like(phi))
    return torch.cat((v[:, beam], other[:, None] * v[:, beam]), -1)


def _half_beams(v: Tensor, theta: Tensor, phi: Tensor, rank: int) -> Tensor:
    """Ranks 3 and 4 from 16 ports on, ``[Ce, Np, rank]`` from ``[Ce, Np / 4]``."""
    layers = []
    for on_theta, on_phi in _HALF_SIGNS[:rank]:
        first = torch.cat((v, on_theta * theta[:, None] * v), -1)
        layers.append(torch.cat((first, on_phi * phi[:, None] * first), -1))
    return torch.stack(layers, -1)


def _offsets(n1: int, n2: int, rank: int) -> list[tuple[tuple[int, int], ...]]:
    """Lists the beams of an entry relative to (i_1,1, i_1,2), for each i_1,3."""
    o1, o2 = oversampling(n1, n2)
    if rank == 1:
        return [((0, 0),)]
    if rank == 2:
        return [((0, 0), second) for second in _second_beams(n1, n2)]
    if rank <= 4:  # TS 38.214 Table 5.2.2.2.1-4
        square = [(o1, 0), (0, o2), (o1, o2), (2 * o1, 0)]
        others = [(k * o1, 0) for k in range(1, min(n1, 5))] if n2 == 1 else square[: 3 if n1 == 2 else 4]
        return [((0, 0), second) for second in others]
    if n2 == 1:
        return [((0, 0), (o1, 0), (2 * o1, 0), (3 * o1, 0))]
    return [((0, 0), (o1, 0), (o1, o2))] if rank <= 6 else [((0, 0), (o1, 0), (0, o2), (o1, o2))]


def _second_beams(n1: int, n2: int) -> list[tuple[int, int]]:
    """Lists (k1, k2) of each i_1,3 for two layers (TS 38.214 Table 5.2.2.2.1-3)."""
    o1, o2 = oversampling(n1, n2)
    if n2 == 1:
        return [(k * o1, 0) for k in range(min(n1, 4))]
    return [(0, 0), (o1, 0), (0, o2), (o1, o2) if n1 == n2 else (2 * o1, 0)]


def _ranges(n1: int, n2: int, rank: int, half: bool) -> tuple[int, int]:
    """Counts i_1,1 and i_1,2."""
    o1, o2 = oversampling(n1, n2)
    first, second = n1 * o1, n2 * o2
    if half or (rank >= 7 and (n1, n2) == (4, 1)):
        first //= 2
    if rank >= 7 and n1 > 2 and n2 == 2:
        second //= 2
    return first, second


def _product(*sizes: int) -> Tensor:
    """Lists all combinations of indices below ``sizes``, the last fastest, int64 ``[combinations, len(sizes)]``."""
    return torch.cartesian_prod(*(torch.arange(size) for size in sizes))


def _check_rank(rank: int, ports: int) -> None:
    most = min(MAX_RANK, ports)
    if not 1 <= rank <= most:
        raise ValueError(f"rank is {rank}, but a codebook of {ports} ports has ranks 1 to {most}; choose one of these")
