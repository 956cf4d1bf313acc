"""Tabulates modulation and coding schemes and channel quality indicators of NR (TS 38.214)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# (modulation order, code rates times 1024 in ascending order of the index)
_Blocks = tuple[tuple[int, tuple[float, ...]], ...]

_QPSK_1 = (120, 157, 193, 251, 308, 379, 449, 526, 602, 679)
_QAM16_1 = (340, 378, 434, 490, 553, 616, 658)
_QAM64_1 = (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)
_QAM64_2 = (466, 517, 567, 616, 666, 719, 772, 822, 873)
_QAM256_2 = (682.5, 711, 754, 797, 841, 885, 916.5, 948)
_QPSK_3 = (30, 40, 50, 64, 78, 99, 120, 157, 193, 251, 308, 379, 449, 526, 602)
_QAM64_3 = (438, 466, 517, 567, 616, 666, 719, 772)

_MCS: dict[int, _Blocks] = {
    1: ((2, _QPSK_1), (4, _QAM16_1), (6, _QAM64_1)),
    2: ((2, (120, 193, 308, 449, 602)), (4, (378, 434, 490, 553, 616, 658)), (6, _QAM64_2), (8, _QAM256_2)),
    3: ((2, _QPSK_3), (4, (340, 378, 434, 490, 553, 616)), (6, _QAM64_3)),
}
_CQI: dict[int, _Blocks] = {
    1: ((2, (78, 120, 193, 308, 449, 602)), (4, (378, 490, 616)), (6, (466, 567, 666, 772, 873, 948))),
    2: ((2, (78, 193, 449)), (4, (378, 490, 616)), (6, (466, 567, 666, 772, 873)), (8, (711, 797, 885, 948))),
    3: ((2, (30, 50, 78, 120, 193, 308, 449, 602)), (4, (378, 490, 616)), (6, (466, 567, 666, 772))),
}


@dataclass(frozen=True)
class McsTable:
    """Holds one MCS table of the downlink shared channel, indexed by I_MCS; the reserved indices are left out."""

    index: int  # 1, 2 or 3: TS 38.214 Table 5.1.3.1-1, -2 or -3
    modulation_order: Tensor  # [I] int64, coded bits per symbol
    code_rate: Tensor  # [I] float64, information bits per coded bit
    efficiency: Tensor  # [I] float64, information bits per symbol

    def __len__(self) -> int:
        return len(self.code_rate)


@dataclass(frozen=True)
class CqiTable:
    """Holds one CQI table, indexed by the CQI; row 0 means out of range and holds zeros."""

    index: int  # 1, 2 or 3: TS 38.214 Table 5.2.2.1-2, -3 or -4
    modulation_order: Tensor  # [16] int64, coded bits per symbol
    code_rate: Tensor  # [16] float64, information bits per coded bit
    efficiency: Tensor  # [16] float64, information bits per symbol

    def __len__(self) -> int:
        return len(self.code_rate)


def mcs_table(index: int) -> McsTable:
    """Returns MCS table 1 (up to 64QAM), 2 (up to 256QAM) or 3 (64QAM, low spectral efficiency).

    Source: TS 38.214 Tables 5.1.3.1-1, -2 and -3. The efficiency is the product of order and rate, not the four
    decimals printed there.

    Raises:
        ValueError: there is no such table here.
    """
    order, rate = _columns(_MCS, index, "MCS")
    return McsTable(index, order, rate, order * rate)


def cqi_table(index: int) -> CqiTable:
    """Returns CQI table 1 (up to 64QAM), 2 (up to 256QAM) or 3 (64QAM, low spectral efficiency).

    Source: TS 38.214 Tables 5.2.2.1-2, -3 and -4. The standard pairs them with the MCS tables of the same number.

    Raises:
        ValueError: there is no such table here.
    """
    order, rate = _columns(_CQI, index, "CQI")
    order = torch.cat([order.new_zeros(1), order])
    rate = torch.cat([rate.new_zeros(1), rate])
    return CqiTable(index, order, rate, order * rate)


def _columns(tables: dict[int, _Blocks], index: int, name: str) -> tuple[Tensor, Tensor]:
    """Reads modulation order and code rate of each row of a table."""
    if index not in tables:
        raise ValueError(f"{name} table {index!r} does not exist; use one of {', '.join(map(str, tables))}")
    rows = [(order, rate / 1024) for order, rates in tables[index] for rate in rates]
    order, rate = zip(*rows, strict=True)
    return torch.tensor(order, dtype=torch.int64), torch.tensor(rate, dtype=torch.float64)
