"""Builds the tables that a slot reads by a gather, from the standard's tables and the link-level error rates.

Nl layers, I MCS indices, K PRBs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from phy.link.bler import block_curves, load_bler
from phy.link.effective_sinr import SinrMapping, sinr_mapping
from phy.link.mcs import cqi_table, mcs_table
from phy.link.transport_block import resource_elements_per_prb, transport_blocks

from ..carrier import SYMBOLS, CarrierSettings
from .adaptation import LinkAdaptation, LinkSettings, link_adaptation


@dataclass(frozen=True)
class LinkTables:
    """Holds the tables of one carrier.

    A block's format is ``(layers - 1) * I + MCS``, the MCS where there is one layer. Tables of blocks are flat: format
    f on n PRBs lies at ``f * (K + 1) + n``.
    """

    re_per_prb: int  # resource elements for data in a PRB and slot
    block_bytes: Tensor  # [L * I * (K + 1)] float64, bytes of a transport block
    code_blocks: Tensor  # [L * I * (K + 1)] int64
    bler_row: Tensor  # [L * I * (K + 1)] int64, row of the block among the curves
    bler_curves: Tensor  # [curves, log_grid.SIZE] BLER of a code block, at its code rate with CRC
    mapping: SinrMapping  # of every format
    adaptation: LinkAdaptation


@lru_cache(maxsize=4)
def link_tables(
    carrier: CarrierSettings, link: LinkSettings, device: torch.device, dtype: torch.dtype, layers: int = 1
) -> LinkTables:
    """Builds the tables of a carrier with blocks of 1 to ``layers`` layers; the last four are kept, some 20 MB each."""
    mcs, bler = mcs_table(carrier.mcs_table), load_bler(carrier.mcs_table)
    re_per_prb = resource_elements_per_prb(SYMBOLS - carrier.control_symbols, carrier.dmrs_re, carrier.overhead_re)
    blocks = [transport_blocks(mcs, carrier.prbs, re_per_prb, count) for count in range(1, layers + 1)]
    adaptation = link_adaptation(cqi_table(carrier.mcs_table), bler, link, re_per_prb, dtype)
    mapping = sinr_mapping(link.effective_sinr, mcs)
    if layers > 1:
        mapping = SinrMapping(mapping.forward.repeat(layers, 1), mapping.backward.repeat(layers, 1))
    row, curves = block_curves(mcs, blocks)
    return LinkTables(
        re_per_prb=re_per_prb,
        block_bytes=torch.cat([block.bits.flatten() // 8 for block in blocks]).to(device, torch.float64),
        code_blocks=torch.cat([block.code_blocks.flatten() for block in blocks]).to(device),
        bler_row=row.to(device),
        bler_curves=curves.to(device, dtype),
        mapping=mapping.to(device, dtype),
        adaptation=adaptation.to(device),
    )
