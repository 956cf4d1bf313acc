"""Everything that a slot reads by a gather, built once from the standard's tables and the link-level error rates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.bler import BlerTable, load_bler
from phy.effective_sinr import SinrMapping, sinr_mapping
from phy.mcs import cqi_table, mcs_table
from phy.tbs import resource_elements_per_prb, transport_blocks

from .carrier import SYMBOLS, CarrierSettings
from .link_adaptation import LinkAdaptation, LinkSettings, link_adaptation


@dataclass(frozen=True)
class LinkTables:
    """Tables of one carrier. Those of blocks are flat: MCS i on n PRBs lies at ``i * (K + 1) + n``."""

    re_per_prb: int  # resource elements for data in a PRB and slot
    block_bytes: Tensor  # [I * (K + 1)] float64, bytes of a transport block
    code_blocks: Tensor  # [I * (K + 1)] int64
    bler_bin: Tensor  # [I * (K + 1)] int64, row of the BLER table for that code block size
    mapping: SinrMapping
    bler: BlerTable
    adaptation: LinkAdaptation


def link_tables(carrier: CarrierSettings, link: LinkSettings, device: torch.device, dtype: torch.dtype) -> LinkTables:
    """Build the tables of a carrier with one layer."""
    mcs, bler = mcs_table(carrier.mcs_table), load_bler(carrier.mcs_table)
    re_per_prb = resource_elements_per_prb(SYMBOLS - carrier.control_symbols, carrier.dmrs_re, carrier.overhead_re)
    blocks = transport_blocks(mcs, carrier.prbs, re_per_prb)
    adaptation = link_adaptation(cqi_table(carrier.mcs_table), bler, link, re_per_prb, dtype)
    return LinkTables(
        re_per_prb=re_per_prb,
        block_bytes=(blocks.bits.flatten() // 8).to(device, torch.float64),
        code_blocks=blocks.code_blocks.flatten().to(device),
        bler_bin=bler.cbs_bins(blocks.code_block_bits.flatten()).to(device),
        mapping=sinr_mapping(link.effective_sinr, mcs).to(device, dtype),
        bler=bler.to(device, dtype),
        adaptation=adaptation.to(device),
    )
