"""Block error rates in AWGN, simulated with an LDPC chain, then read by one gather.

``phy/tables/bler.npz`` holds, for every code of MCS tables 1 to 3 and 72 code block sizes from 24 to 8448 bits, the SNR
at which the BLER is 0.1 and 0.01; ``docs/link-tables.md`` tells how they were measured and how far they err. Between
and beyond the two the curve is BLER = Q((SNR in dB - middle) / width), which fits the measured waterfalls from 0.5 to
0.01; BLER below about 0.001 is extrapolated and knows no error floor. What lies under 1e-9 is 0, over 1 - 1e-9 is 1.

The SNR is that of a modulated symbol (Es/N0), the code rate that of the MCS, information bits with their CRC over
coded bits. Sizes are read at the nearest of the 72 by ratio, which splits where the base graph changes. Below code rate
1/5 (1/3 in base graph 1) the standard repeats bits of the circular buffer, and so did the simulation.
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

_Z_10, _Z_01 = 1.2815515655446004, 2.3263478740408408  # where the normal distribution's tail is 0.1 and 0.01
_LEAST = 1e-9
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


def load_bler(mcs_table_index: int) -> BlerTable:
    """BLER of MCS table 1, 2 or 3 on the log grid, float64 ``[I, 72, loggrid.SIZE]``.

    Raises:
        ValueError: there is no such MCS table.
    """
    table = mcs_table(mcs_table_index)
    data = load_arrays("bler")
    rows = _rows_of(table, data["order"], data["rate_1024"])
    snr_db = torch.from_numpy(10.0 * np.log10(loggrid.centres().numpy()))
    curves = _waterfall(snr_db, _column(data["snr_db_bler_10"][rows]), _column(data["snr_db_bler_01"][rows]))
    return BlerTable(table, torch.from_numpy(data["code_block_bits"]), curves)


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


def _rows_of(table: McsTable, order: NDArray[np.int64], rate_1024: Array) -> list[int]:
    """Place of each MCS among the stored codes."""
    place = {(int(q), float(r)): row for row, (q, r) in enumerate(zip(order, rate_1024, strict=True))}
    wanted = zip(table.modulation_order.tolist(), table.code_rate.tolist(), strict=True)
    return [place[q, r * 1024] for q, r in wanted]


def _column(values: Array) -> Tensor:
    return torch.from_numpy(values)[..., None]


def _waterfall(snr_db: Tensor, at_10_db: Tensor, at_01_db: Tensor) -> Tensor:
    """BLER = Q(z) with z linear in the SNR in dB through BLER 0.1 and 0.01."""
    z = _Z_10 + (snr_db - at_10_db) * ((_Z_01 - _Z_10) / (at_01_db - at_10_db))
    bler: Tensor = torch.special.ndtr(-z)
    return bler.masked_fill_(bler < _LEAST, 0.0).masked_fill_(bler > 1.0 - _LEAST, 1.0)
