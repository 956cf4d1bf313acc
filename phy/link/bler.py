"""Computes block error rates in AWGN from tables that an LDPC chain was simulated for.

``phy/link/tables/bler.npz`` holds the SNR at which the BLER of a code block is 0.1 and 0.01, over its size (69 of
them, from 24 to 8448 bits), its code rate (0.025 to 0.972), modulation and base graph; ``docs/models/link-tables.md``
tells how they were measured and how far they err. Between and beyond the two the curve is BLER = Q((SNR in dB -
middle) / width), as the measured waterfalls are from 0.5 to 0.005; BLER below that is extrapolated and knows no error
floor. What lies under 1e-9 is 0, over 1 - 1e-9 is 1.

The SNR is that of a modulated symbol (Es/N0), the code rate information bits with their CRC over coded bits. Below code
rate 1/5 (1/3 in base graph 1) the standard repeats bits of the circular buffer, and so did the simulation. The PUSCH
without transform precoding has the same MCS tables (TS 38.214 6.1.4.1) and the same coding chain (TS 38.212 6.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..numerics import log_grid
from .mcs import CqiTable, McsTable, mcs_table
from .tables import load_arrays
from .transport_block import TransportBlockTable, base_graph

_Z_10, _Z_01 = 1.2815515655446004, 2.3263478740408408  # where the normal distribution's tail is 0.1 and 0.01
_LEAST = 1e-9
_REFERENCE_BITS = 1000
_SHORT_CRC_BITS = 16  # of a transport block of up to 3824 bits
_SNR_STEP_DB, _WIDTH_STEP = 0.02, 0.04  # curves of blocks that differ by less are one: in dB, and by ratio

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Thresholds:
    """Holds the SNR in dB at BLER 0.1 and 0.01 of one code block of any size, code rate, modulation and base graph."""

    log_bits: Tensor  # [Cb] logarithm of the size
    log_odds: Tensor  # [Cr] logarithm of rate / (1 - rate)
    snr_db: Tensor  # [2, 2, 4, Cr, Cb] by BLER (0.1, 0.01), base graph, modulation order / 2 - 1, code rate, size

    @staticmethod
    def of_file(arrays: dict[str, NDArray[Any]]) -> Thresholds:
        """Builds thresholds from the arrays of ``bler.npz``."""
        rate = torch.from_numpy(arrays["rate"])
        values = np.stack([arrays["snr_db_bler_10"], arrays["snr_db_bler_01"]])
        return Thresholds(
            torch.from_numpy(arrays["code_block_bits"]).double().log(),
            _log_odds(rate),
            torch.from_numpy(values),
        )

    def of(self, order: Tensor, graph: Tensor, rate: Tensor, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Computes thresholds in dB at BLER 0.1 and 0.01, float64, linear in the logarithms of the size and of the
        rate's odds.

        Args:
            order: modulation order 2, 4, 6 or 8; the four arguments broadcast.
            graph: base graph 1 or 2.
            rate: information bits with CRC over coded bits; held at the ends of the table.
            bits: code block size with CRC; held at the ends of the table.
        """
        low, share = _between(self.log_bits, bits.double().clamp(min=1).log())
        under, part = _between(self.log_odds, _log_odds(rate.double().clamp(1e-3, 1 - 1e-3)))
        row = ((graph.long() - 1) * 4 + order.long() // 2 - 1) * len(self.log_odds) + under
        at = row * len(self.log_bits) + low
        values, down = self.snr_db.reshape(2, -1), len(self.log_bits)
        first = values[:, at] * (1 - share) + values[:, at + 1] * share
        second = values[:, at + down] * (1 - share) + values[:, at + down + 1] * share
        ten, one = first * (1 - part) + second * part
        return ten, one

    def of_arrays(self, order: Array, graph: Array, rate: Array, bits: Array) -> tuple[Array, Array]:
        """Computes thresholds as :meth:`of` does, for NumPy arrays."""
        ten, one = self.of(*(torch.as_tensor(values) for values in (order, graph, rate, bits)))
        return ten.numpy(), one.numpy()


@cache
def load_thresholds() -> Thresholds:
    """Loads the measured thresholds of code blocks."""
    return Thresholds.of_file(load_arrays("bler"))


@dataclass(frozen=True)
class BlerTable:
    """Holds the BLER of one code block for every MCS of a table, at the MCS's code rate."""

    mcs: McsTable
    code_block_bits: Tensor  # [Cb] int64, ascending, the code block size at which each bin is computed
    bler: Tensor  # [I, Cb, Bn] by MCS, code block size and bin of the SINR

    @cached_property
    def _rows(self) -> Tensor:
        return self.bler.flatten(0, 1)

    def cbs_bins(self, code_block_bits: Tensor) -> Tensor:
        """Computes the bin of each code block size, int64: the nearest by ratio. For setup; the slot loop reads the
        result.
        """
        size = self.code_block_bits.to(torch.float64)
        return torch.bucketize(code_block_bits.to(torch.float64), (size[1:] * size[:-1]).sqrt())

    def lookup(self, mcs: Tensor, cbs_bin: Tensor, sinr: Tensor) -> Tensor:
        """Looks up the BLER of a code block in the shape and dtype of ``sinr`` (linear, in AWGN), to which the others
        broadcast.
        """
        return log_grid.gather(self._rows, mcs * len(self.code_block_bits) + cbs_bin, sinr)

    def snr_threshold(self, target: float = 0.1, code_block_bits: int = _REFERENCE_BITS) -> Tensor:
        """Computes the least linear SNR of each MCS at which a code block's BLER is at most ``target``, float64
        ``[I]``.

        Never falls with the MCS: where a higher one needs less (MCS 17 of table 1 may need less than 16), it gets the
        threshold of the lower one, and a search by threshold then finds the higher one.

        Raises:
            ValueError: the target is not between 0 and 1.
        """
        if not 0.0 < target < 1.0:
            raise ValueError(f"target BLER must lie between 0 and 1, not {target}")
        curve = self.bler[:, int(self.cbs_bins(torch.tensor(code_block_bits, device=self.bler.device)))]
        return _least_snr(curve, target).cummax(dim=0).values

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> BlerTable:
        """Moves the table to another device or converts it to another floating type."""
        return BlerTable(self.mcs, self.code_block_bits.to(device), self.bler.to(device, dtype))


@cache
def load_bler(mcs_table_index: int) -> BlerTable:
    """Loads the BLER of MCS table 1, 2 or 3 on the log grid, float64 ``[I, 69, loggrid.SIZE]``.

    Raises:
        ValueError: there is no such MCS table.
    """
    table = mcs_table(mcs_table_index)
    bits = torch.from_numpy(load_arrays("bler")["code_block_bits"])
    rate, order, size = (
        at.expand(len(table), len(bits)).flatten()
        for at in (table.code_rate[:, None], table.modulation_order[:, None], bits)
    )
    return BlerTable(table, bits, _curves(order, rate, size).unflatten(0, (len(table), len(bits))))


def block_curves(table: McsTable, blocks: Sequence[TransportBlockTable]) -> tuple[Tensor, Tensor]:
    """Computes the BLER of the code blocks that are really sent: with their CRC, in the coded bits that their resources
    hold.

    Args:
        table: the MCS table.
        blocks: transport blocks of its MCS on every number of PRBs, of as many kinds as wanted (1, 2 ... layers).

    Returns:
        Row of the curve of each block, int64, flattened ``[kinds * I * (K + 1)]``, and the curves on the log grid,
        float64 ``[R, loggrid.SIZE]``. Blocks within 0.01 dB at BLER 0.1 and 2 % in width share a curve.
    """
    rate, bits, graph = (
        torch.cat([getattr(block, name).flatten() for block in blocks])
        for name in ("code_rate", "code_block_bits", "base_graph")
    )
    order = torch.cat([table.modulation_order[:, None].expand_as(block.bits).flatten() for block in blocks])
    ten, one = load_thresholds().of(order, graph, rate, bits)
    place = torch.stack([torch.round(ten / _SNR_STEP_DB), torch.round((one - ten).log() / _WIDTH_STEP)])
    found, row = place.unique(dim=1, return_inverse=True)
    ten, width = found[0] * _SNR_STEP_DB, (found[1] * _WIDTH_STEP).exp()
    return row, _waterfall(ten, ten + width)


def transport_bler(code_block_bler: Tensor, code_blocks: Tensor) -> Tensor:
    """Computes the BLER of a transport block that fails if any of its n code blocks fails, 1 - (1 - p)^n; float64.

    Library kernels raise the ends of an array to a power in another way than its middle, so the last bit may depend on
    the batch. In float64 that turns a comparison with a random number once in 1e16 times.
    """
    return 1.0 - (1.0 - code_block_bler.to(torch.float64)) ** code_blocks


def cqi_threshold(cqi: CqiTable, bler: BlerTable, target: float = 0.1) -> Tensor:
    """Computes the linear SNR from which on each CQI 1 to 15 is reported, float64 ``[15]``.

    The threshold of the MCS with the CQI's modulation and code rate; of a rate below the lowest MCS's, that of its own
    code.

    Raises:
        ValueError: a CQI has no such MCS, as happens when the two tables are not of one number.
    """
    threshold, lowest, found = bler.snr_threshold(target), float(bler.mcs.code_rate[0]), []
    for order, rate in zip(cqi.modulation_order[1:].tolist(), cqi.code_rate[1:].tolist(), strict=True):
        same = (bler.mcs.modulation_order == order) & (bler.mcs.code_rate == rate)
        if bool(same.any()):
            found.append(threshold[int(same.to(torch.int8).argmax())])
        elif rate < lowest and order == int(bler.mcs.modulation_order[0]):
            found.append(_least_snr(_curves(order, torch.tensor([rate]), torch.tensor([_REFERENCE_BITS])), target)[0])
        else:
            raise ValueError(
                f"CQI table {cqi.index} asks for modulation order {order} at code rate {rate:.4f}, which MCS table "
                f"{bler.mcs.index} lacks; use CQI table {bler.mcs.index}"
            )
    return torch.stack([value.to(threshold.device) for value in found])


def _curves(order: Tensor | int, rate: Tensor, bits: Tensor) -> Tensor:
    """Computes the BLER of code blocks on the log grid; their code rate is the MCS's, which chooses the base graph."""
    graph = base_graph(bits - _SHORT_CRC_BITS, rate)
    return _waterfall(*load_thresholds().of(torch.as_tensor(order), graph, rate, bits))


def _least_snr(curves: Tensor, target: float) -> Tensor:
    """Finds the least linear SNR of the log grid at which the BLER ``[..., loggrid.SIZE]`` is at most the target."""
    first = (curves <= target).to(torch.int8).argmax(dim=-1)
    return log_grid.centres().to(first.device)[first]


def _log_odds(rate: Tensor) -> Tensor:
    return (rate / (1 - rate)).log()


def _between(nodes: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the node below each number and the distance to the next one, as a share; held at the ends."""
    low = (torch.searchsorted(nodes, at.contiguous(), right=True) - 1).clamp_(0, len(nodes) - 2)
    return low, ((at - nodes[low]) / (nodes[low + 1] - nodes[low])).clamp_(0.0, 1.0)


def _waterfall(ten_db: Tensor, one_db: Tensor) -> Tensor:
    """Computes BLER ``[..., loggrid.SIZE]`` on the log grid: Q(z), z linear in SNR in dB through BLER 0.1 and 0.01."""
    snr_db = torch.from_numpy(10.0 * np.log10(log_grid.centres().numpy()))
    z = _Z_10 + (snr_db - ten_db[..., None]) * ((_Z_01 - _Z_10) / (one_db - ten_db)[..., None])
    bler: Tensor = torch.special.ndtr(-z)
    return bler.masked_fill_(bler < _LEAST, 0.0).masked_fill_(bler > 1.0 - _LEAST, 1.0)
