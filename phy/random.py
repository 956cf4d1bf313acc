"""Draws counter-based random numbers: every draw is a pure function of (seed, drop, stream, counter).

There is no generator to carry along, so drop 17 is the same drop in any batch, on any device, in any order, and a
run can be cut and resumed anywhere. The hash is the finaliser of SplitMix64 (Steele, Lea, Flood, 2014) over a
Weyl sequence; its integer arithmetic is exact on every device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .numerics.jit import uses_numba

_WORTH_A_LOOP = 1 << 12  # numbers of a drop

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


@dataclass(frozen=True)
class Drops:
    """Holds the drops of a batch: the run's seed and the number of each drop, ``B = len(ids)``."""

    seed: int
    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def keys(self, stream: str) -> Tensor:
        """Computes the key of each drop for one named stream of random numbers, int64 ``[B]`` on the CPU."""
        return torch.tensor([stream_key(self.seed, drop, stream) for drop in self.ids], dtype=torch.int64)

    def single(self) -> list[Drops]:
        """Splits the batch into batches of one drop."""
        return [Drops(self.seed, (drop,)) for drop in self.ids]


def stream_key(seed: int, drop: int, stream: str) -> int:
    """Computes the key of (seed, drop, stream) as a signed 64-bit integer; ``stream`` is any name, unlike names are
    independent.
    """
    entropy: list[int] | np.ndarray = [seed, drop, *stream.encode()]
    if max(seed, drop) < 1 << 32:  # a word each, which saves NumPy most of its time
        entropy = np.array(entropy, dtype=np.uint32)
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64).view(np.int64)[0])


def uniform(keys: Tensor, shape: tuple[int, ...], start: int = 0) -> Tensor:
    """Draws uniform numbers in the open interval (0, 1), float64 ``[B, *shape]``.

    Args:
        keys: int64 ``[B]``, from :meth:`Drops.keys`.
        shape: shape of each drop's draw.
        start: counter of the first number, so that ``uniform(k, (8,))[:, 3:]`` equals ``uniform(k, (5,), start=3)``.
    """
    count = math.prod(shape)
    if count >= _WORTH_A_LOOP and keys.device.type == "cpu" and uses_numba():
        from .random_numba import fill_uniform

        out = torch.empty((len(keys), count), dtype=torch.float64)
        fill_uniform(keys.contiguous().numpy().view(np.uint64), start, out.numpy())
        return out.view(len(keys), *shape)
    counter = torch.arange(start, start + count, dtype=torch.int64, device=keys.device)
    return _unit(keys[:, None] + (counter + 1) * _GOLDEN).reshape(len(keys), *shape)


def phasors(keys: Tensor, rows: int, fields: int, dtype: torch.dtype, level: float = 1.0) -> Tensor:
    """Draws phasors of random phase: rows of their cosines, then as many rows of their sines: ``[B, 2 * rows,
    fields]``.

    Args:
        keys: int64 ``[B]``.
        rows: number of rows.
        fields: phasors of a row.
        dtype: of the result, which is computed in float64.
        level: amplitude.
    """
    if rows * fields >= _WORTH_A_LOOP and keys.device.type == "cpu" and uses_numba():  # whatever the batch
        from .random_numba import fill_phasors

        out = torch.empty((len(keys), 2 * rows, fields), dtype=dtype)
        fill_phasors(keys.contiguous().numpy().view(np.uint64), level, out.numpy())
        return out
    phase = 2.0 * math.pi * uniform(keys, (rows, fields))
    return (level * torch.cat((torch.cos(phase), torch.sin(phase)), 1)).to(dtype)


def normal(keys: Tensor, shape: tuple[int, ...], start: int = 0) -> Tensor:
    """Draws standard normal numbers, float64 ``[B, *shape]``, by the inverse distribution function."""
    return _normal(uniform(keys, shape, start))


def rows(keys: Tensor, number: Tensor, size: int) -> Tensor:
    """Computes keys that draw single rows of a large draw: ``uniform(rows(k, i, n), (n,))`` is
    ``uniform(k, (m, n))[0, i]``.

    Args:
        keys: int64 ``[1]``.
        number: of the rows, int64 ``[R]``.
        size: n, numbers in a row.
    """
    return keys + number * size * _GOLDEN


def pair_normal(keys: Tensor, one: Tensor, other: Tensor, size: int) -> Tensor:
    """Draws a standard normal number for each unordered pair, float64 ``[B, ...]``: the same whichever comes first.

    Args:
        keys: int64 ``[B]``, from :meth:`Drops.keys`.
        one: int64 ``[B, ...]`` in ``[0, size)``.
        other: likewise.
        size: how many there are to make pairs of.
    """
    counter = torch.minimum(one, other) * size + torch.maximum(one, other)
    return _normal(_unit(keys.view(-1, *(1,) * (counter.dim() - 1)) + (counter + 1) * _GOLDEN))


def _normal(unit: Tensor) -> Tensor:
    return math.sqrt(2.0) * torch.erfinv(2.0 * unit - 1.0)


def _unit(z: Tensor) -> Tensor:
    """Converts 52 bits of the hash to (0, 1): adding a half is exact, and neither 0 nor 1 is ever drawn."""
    return (_shift(_mix(z), 12).to(torch.float64) + 0.5) * 2.0**-52


def _mix(z: Tensor) -> Tensor:
    z = (z ^ _shift(z, 30)) * _MIX_1
    z = (z ^ _shift(z, 27)) * _MIX_2
    return z ^ _shift(z, 31)


def _shift(z: Tensor, bits: int) -> Tensor:
    """Shifts right logically: torch's ``>>`` on int64 copies the sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)
