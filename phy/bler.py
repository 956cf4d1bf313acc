"""Block error rates in AWGN: Sionna's points, interpolated once, then read by one gather.

What is stored are the Monte Carlo points that Sionna ships for the downlink (``phy/tables/bler_pdsch.npz``): five code
block sizes from 24 to 2000 bits and SNR steps of 1.6 to 1.8 dB. Between them the logarithm of the BLER is linear in
the code block size and in the SNR in dB, as in Sionna, where a BLER of zero counts as two decades below the smallest
one of the MCS; larger blocks are read as the largest stored. At BLER 0.1 this is 0.1 to 0.6 dB optimistic.

Three things are ours. The BLER never rises with the SNR (a running minimum is taken). One step
below the stored SNRs it is 1 and one step above them 0, where Sionna holds the last value. And the MCS with a code
rate below 1/4, which Sionna leaves out, are read from the stored curve of the lowest rate r0 (QPSK, 251/1024) as
BLER(r, snr) = BLER(r0, snr * r0 / r), for below rate 1/5 NR repeats bits, and repeated bits add up their energy.
That curve stands in for the one of rate 1/5, which would be 0.1 dB better by Shannon's bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import loggrid, lookup
from .mcs import CqiTable, McsTable, mcs_table
from .tables import load_arrays

_REPEATED = (3, 9)  # MCS table and MCS of the stored curve with the lowest code rate, on the finer of two SNR grids
_BINS, _LEAST_BITS, _MOST_BITS = 32, 24, 8448
_REFERENCE_BITS = 1000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BlerTable:
    """BLER of one code block for every MCS of a table."""

    mcs: McsTable
    code_block_bits: Tensor  # [Q] int64, ascending, the code block size at which each bin is computed
    bler: Tensor  # [I, Q, Z] by MCS, code block size and bin of the SINR

    @cached_property
    def _rows(self) -> Tensor:
        return self.bler.flatten(0, 1)

    def cbs_bins(self, code_block_bits: Tensor) -> Tensor:
        """Bin of each code block size, int64: the nearest by ratio. For setup; the slot loop reads the result."""
        size = self.code_block_bits.to(torch.float64)
        return torch.bucketize(code_block_bits.to(torch.float64), (size[1:] * size[:-1]).sqrt())

    def lookup(self, mcs: Tensor, cbs_bin: Tensor, sinr: Tensor) -> Tensor:
        """BLER of a code block in the shape and dtype of ``sinr`` (linear, in AWGN), to which the others broadcast."""
        return lookup.gather(self._rows, mcs * len(self.code_block_bits) + cbs_bin, sinr)

    def snr_threshold(self, target: float = 0.1, code_block_bits: int = _REFERENCE_BITS) -> Tensor:
        """Least linear SNR of each MCS at which a code block's BLER is at most ``target``, float64 ``[I]``.

        Never falls with the MCS: where a higher one needs less (MCS 17 of table 1 may need less than 16), it gets the
        threshold of the lower one, and a search by threshold then finds the higher one.

        Raises:
            ValueError: the target is not between 0 and 1.
        """
        if not 0.0 < target < 1.0:
            raise ValueError(f"target BLER must lie between 0 and 1, not {target}")
        curve = self.bler[:, int(self.cbs_bins(torch.tensor(code_block_bits, device=self.bler.device)))]
        first = (curve <= target).to(torch.int8).argmax(dim=-1)
        return loggrid.centres().to(first.device)[first].cummax(dim=0).values

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> BlerTable:
        """The same table with its BLER on another device or in another floating type."""
        return BlerTable(self.mcs, self.code_block_bits.to(device), self.bler.to(device, dtype))


@dataclass(frozen=True)
class _Points:
    """Stored points of one MCS table, ready to be interpolated."""

    mcs: list[int]
    code_block_bits: Array  # [S]
    snr_db: Array  # [Y]
    bler: Array  # [M, S, Y]


def load_bler(mcs_table_index: int) -> BlerTable:
    """BLER of MCS table 1, 2 or 3 on the log grid, float64 ``[I, 32, loggrid.SIZE]``.

    Raises:
        ValueError: there is no such MCS table.
    """
    table = mcs_table(mcs_table_index)
    points, repeated = _points(mcs_table_index), _points(_REPEATED[0])
    base = repeated.bler[repeated.mcs.index(_REPEATED[1])]
    base_rate = float(mcs_table(_REPEATED[0]).code_rate[_REPEATED[1]])
    sizes = np.geomspace(_LEAST_BITS, _MOST_BITS, _BINS).round()
    snr_db = 10.0 * np.log10(loggrid.centres().numpy())
    curves = []
    for mcs, rate in enumerate(table.code_rate.tolist()):
        if mcs in points.mcs:
            curves.append(_interpolate(points, points.bler[points.mcs.index(mcs)], sizes, snr_db))
        else:
            curves.append(_interpolate(repeated, base, sizes, snr_db + 10.0 * np.log10(base_rate / rate)))
    return BlerTable(table, torch.from_numpy(sizes).to(torch.int64), torch.from_numpy(np.stack(curves)))


def transport_bler(code_block_bler: Tensor, code_blocks: Tensor) -> Tensor:
    """BLER of a transport block that fails if any of its n code blocks fails, 1 - (1 - p)^n; float64.

    Library kernels raise the ends of an array to a power in another way than its middle, so the last bit may depend on
    the batch. In float64 that turns a comparison with a random number once in 1e16 times.
    """
    return 1.0 - (1.0 - code_block_bler.to(torch.float64)) ** code_blocks


def cqi_threshold(cqi: CqiTable, bler: BlerTable, target: float = 0.1) -> Tensor:
    """Linear SNR from which on each CQI 1 to 15 is reported, float64 ``[15]``.

    The threshold of the MCS with the CQI's modulation and code rate; of a rate below the lowest MCS's, that MCS's
    threshold times the ratio of the rates (ours: repetition, as for the BLER).

    Raises:
        ValueError: a CQI has no such MCS, as happens when the two tables are not of one number.
    """
    threshold = bler.snr_threshold(target)
    lowest = float(bler.mcs.code_rate[0])
    found = []
    for order, rate in zip(cqi.modulation_order[1:].tolist(), cqi.code_rate[1:].tolist(), strict=True):
        same = (bler.mcs.modulation_order == order) & (bler.mcs.code_rate == max(rate, lowest))
        if not bool(same.any()):
            raise ValueError(
                f"CQI table {cqi.index} asks for modulation order {order} at code rate {rate:.4f}, which MCS table "
                f"{bler.mcs.index} lacks; use CQI table {bler.mcs.index}"
            )
        found.append(threshold[int(same.to(torch.int8).argmax())] * min(1.0, rate / lowest))
    return torch.stack(found)


def _points(table: int) -> _Points:
    """Points of one MCS table, with one more at either end, where the BLER is 1 and 0."""
    data = load_arrays("bler_pdsch")
    bler = np.pad(data[f"bler_{table}"], ((0, 0), (0, 0), (1, 1)), constant_values=((0, 0), (0, 0), (1, 0)))
    snr_db = data[f"snr_db_{table}"]
    snr_db = np.concatenate([2 * snr_db[:1] - snr_db[1:2], snr_db, 2 * snr_db[-1:] - snr_db[-2:-1]])
    return _Points(data[f"mcs_{table}"].tolist(), data[f"code_block_bits_{table}"].astype(float), snr_db, bler)


def _interpolate(points: _Points, bler: Array, sizes: Array, snr_db: Array) -> Array:
    """BLER of one MCS ``[S, Y]`` at other sizes and rising SNRs ``[Q, Z]``: linear in its logarithm, never rising."""
    least = np.log10(bler[bler > 0].min())
    log_bler = np.log10(bler, where=bler > 0, out=np.full_like(bler, least - 2.0))
    log_bler = _weights(points.code_block_bits, sizes) @ log_bler @ _weights(points.snr_db, snr_db).T
    return np.minimum.accumulate(np.where(log_bler < least, 0.0, 10.0**log_bler), axis=-1)


def _weights(knots: Array, at: Array) -> Array:
    """Weight ``[N, M]`` of each of M knots in the linear interpolation at N places."""
    return np.stack([np.interp(at, knots, unit) for unit in np.eye(len(knots))], axis=-1)
