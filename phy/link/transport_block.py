"""Tabulates transport block sizes and their segmentation into code blocks, for every MCS and number of PRBs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .mcs import McsTable

MAX_RE_PER_PRB = 156  # TS 38.214 5.1.3.2, step 1
MAX_PRBS = 275
_CRC_BITS = 24
_SMALL_BLOCK_BITS = 3824
_SUBCARRIERS, _MAX_SYMBOLS, _MAX_LAYERS = 12, 14, 4

# TS 38.214 Table 5.1.3.2-1 as runs of (first size, step, number of sizes)
_SIZE_RUNS = (
    (24, 8, 22), (208, 16, 12), (408, 24, 8), (608, 32, 6), (808, 40, 3), (928, 56, 2), (1032, 32, 2), (1128, 32, 8),
    (1416, 64, 8), (1928, 96, 1), (2024, 64, 5), (2408, 64, 8), (2976, 128, 2), (3240, 128, 5), (3824, 8, 1),
)  # fmt: skip


@dataclass(frozen=True)
class TransportBlockTable:
    """Holds the transport blocks of every MCS on every number of PRBs; all zeros where there is no PRB."""

    bits: Tensor  # [I, K + 1] int64, transport block size
    code_blocks: Tensor  # [I, K + 1] int64, number of code blocks
    code_block_bits: Tensor  # [I, K + 1] int64, information bits of a code block, with its and its block's CRC
    code_rate: Tensor  # [I, K + 1] float64, all information bits and CRCs over the coded bits that the resources hold
    base_graph: Tensor  # [I, K + 1] int64, 1 or 2

    def index(self, mcs: Tensor, prbs: Tensor) -> Tensor:
        """Computes the index of (MCS, number of PRBs) in the flattened tables, int64, for example in
        ``bits.view(-1)[index]``.
        """
        return mcs * self.bits.shape[1] + prbs


def resource_elements_per_prb(symbols: int, dmrs_re: int, overhead_re: int = 0) -> int:
    """Computes the resource elements that a PRB offers to data in a slot, N'_RE capped at 156 (TS 38.214 5.1.3.2, step
    1).

    Args:
        symbols: OFDM symbols of the allocation, 1 to 14.
        dmrs_re: resource elements of the PRB that demodulation reference signals take.
        overhead_re: further overhead of the PRB, 0, 6, 12 or 18 by ``xOverhead``.

    Raises:
        ValueError: nothing is left for data, or an argument is out of range.
    """
    if not 1 <= symbols <= _MAX_SYMBOLS:
        raise ValueError(f"symbols of an allocation must be 1 to {_MAX_SYMBOLS}, not {symbols}")
    if dmrs_re < 0 or overhead_re < 0:
        raise ValueError(f"overheads of a PRB cannot be negative: dmrs_re {dmrs_re}, overhead_re {overhead_re}")
    elements = _SUBCARRIERS * symbols - dmrs_re - overhead_re
    if elements < 1:
        raise ValueError(
            f"{symbols} symbols with dmrs_re {dmrs_re} and overhead_re {overhead_re} leave no resource element for "
            "data; use more symbols or less overhead"
        )
    return min(MAX_RE_PER_PRB, elements)


def transport_blocks(table: McsTable, max_prbs: int, re_per_prb: int, layers: int = 1) -> TransportBlockTable:
    """Tabulates transport block sizes (TS 38.214 5.1.3.2) and code blocks (TS 38.212 5.2.2 and 7.2.2), ``[I, K + 1]``.

    Args:
        table: the MCS table.
        max_prbs: largest number of PRBs P, 1 to 275.
        re_per_prb: resource elements of a PRB, 1 to 156, from :func:`resource_elements_per_prb`.
        layers: spatial layers of the codeword, 1 to 4 (above 4 layers NR sends two codewords).

    Raises:
        ValueError: an argument is out of range.
    """
    _check("max_prbs", max_prbs, MAX_PRBS)
    _check("re_per_prb", re_per_prb, MAX_RE_PER_PRB)
    _check("layers", layers, _MAX_LAYERS)
    prbs = torch.arange(max_prbs + 1, dtype=torch.float64)
    # Rates are multiples of 1/2048, so every product and power of two below is exact in float64.
    information = (table.efficiency * layers * re_per_prb)[:, None] * prbs
    rate = table.code_rate[:, None].expand_as(information)
    bits = torch.where(information <= _SMALL_BLOCK_BITS, _small_size(information), _large_size(information, rate))
    graph = base_graph(bits, rate)
    blocks, block_bits = _segments(bits, graph)
    some = prbs > 0
    coded = prbs * (table.modulation_order[:, None] * layers * re_per_prb)
    sent = blocks * block_bits / coded.clamp(min=1)
    return TransportBlockTable(bits * some, blocks * some, block_bits * some, sent * some, graph)


def base_graph(transport_block_bits: Tensor, rate: Tensor) -> Tensor:
    """Chooses the LDPC base graph, 1 or 2, by transport block size (without CRC) and the MCS's code rate (TS 38.212
    7.2.2).
    """
    small = transport_block_bits <= _SMALL_BLOCK_BITS
    graph_2 = (transport_block_bits <= 292) | (small & (rate <= 0.67)) | (rate <= 0.25)
    return torch.where(graph_2, 2, 1)


def _check(name: str, value: int, highest: int) -> None:
    if not 1 <= value <= highest:
        raise ValueError(f"{name} must be 1 to {highest}, not {value}")


def _small_size(information: Tensor) -> Tensor:
    """Computes step 3 of TS 38.214 5.1.3.2: the smallest size of Table 5.1.3.2-1 that is at least N'_info, int64."""
    step = torch.exp2((_floor_log2(information) - 6).clamp(min=3))
    quantised = (step * torch.floor(information / step)).clamp(24, _SMALL_BLOCK_BITS)
    sizes = torch.tensor(_sizes(), dtype=torch.int64)
    return sizes[torch.searchsorted(sizes, quantised.to(torch.int64))]


def _large_size(information: Tensor, rate: Tensor) -> Tensor:
    """Computes step 4 of TS 38.214 5.1.3.2: whole bytes in code blocks of equal size, int64."""
    rest = (information - _CRC_BITS).clamp(min=1)
    step = torch.exp2(_floor_log2(rest) - 5)
    quantised = (step * torch.floor(rest / step + 0.5)).clamp(min=3840)  # ties are rounded up
    bits = (quantised + _CRC_BITS).to(torch.int64)
    largest = torch.where(rate <= 0.25, 3816, torch.where(quantised > 8424, 8424, bits))
    unit = 8 * _ceil_div(bits, largest)
    return unit * _ceil_div(bits, unit) - _CRC_BITS


def _segments(bits: Tensor, graph: Tensor) -> tuple[Tensor, Tensor]:
    """Computes number and size of the code blocks (TS 38.212 5.2.2), CRC of the block by 7.2.1."""
    largest = torch.where(graph == 2, 3840, 8448)
    total = bits + torch.where(bits > _SMALL_BLOCK_BITS, _CRC_BITS, 16)
    blocks = torch.where(total <= largest, 1, _ceil_div(total, largest - _CRC_BITS))
    return blocks, torch.where(blocks > 1, total // blocks + _CRC_BITS, total)


def _floor_log2(value: Tensor) -> Tensor:
    """Computes the exact floor of the binary logarithm of a positive float64, read from its exponent; -1 for zero."""
    return torch.frexp(value).exponent.to(torch.float64) - 1


def _ceil_div(value: Tensor, divisor: Tensor) -> Tensor:
    return -torch.div(-value, divisor, rounding_mode="floor")


def _sizes() -> list[int]:
    return [first + step * place for first, step, count in _SIZE_RUNS for place in range(count)]
