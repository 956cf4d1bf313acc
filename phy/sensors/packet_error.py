"""Computes the packet success of sensor links: log-distance path loss with shadowing and an IEEE 802.15.4 receiver.

The receiver is that of the 2.4 GHz O-QPSK PHY of 250 kbit/s, whose bit error rate over the SINR is
``8/15 1/16 sum_{k=2}^{16} (-1)^k C(16, k) exp(20 SINR (1/k - 1))`` (IEEE 802.15.4-2006, Annex E.4.1.8).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from ..random import Drops, pair_normal
from ..settings import STRICT


@dataclass(frozen=True, config=STRICT)
class SensorLinkSettings:
    """Holds the radio link of sensors, on which packets are lost."""

    model: Literal["none", "log_distance"] = "none"
    """Nothing is lost, or path loss, shadowing and the receiver decide."""
    tx_power_dbm: float = Field(default=0.0, ge=-40, le=30)
    """Radiated power, at whatever distance (the amplifier's energy model is another matter)."""
    reference_loss_db: float = Field(default=40.2, ge=0, le=120)
    """Path loss at one metre; 40.2 dB is free space at 2.45 GHz."""
    exponent: float = Field(default=2.4, ge=1, le=6)
    """Path loss exponent."""
    shadowing_db: float = Field(default=4.0, ge=0, le=20)
    """Standard deviation of the shadowing of a pair of nodes, which does not change."""
    noise_dbm: float = Field(default=-100.0, ge=-130, le=-60)
    """Noise in the receiver's band, with its noise figure."""


def packet_success(link: SensorLinkSettings, drops: Drops, parent: Tensor, hop_m2: Tensor, bits: int) -> Tensor:
    """Computes the probability that a packet of each node is received, float64 ``[B, N]``; the stream is
    "wsn/shadowing".

    Args:
        link: the radio link.
        drops: the batch.
        parent: int64 ``[B, N]``, -1 for the sink. A pair has one shadowing in both directions.
        hop_m2: ``[B, N]`` square of the distance.
        bits: length of a packet.
    """
    nodes = parent.shape[1]
    own = torch.arange(nodes, device=parent.device).expand_as(parent)
    other = torch.where(parent < 0, nodes, parent)
    shadowing = link.shadowing_db * pair_normal(drops.keys("wsn/shadowing").to(parent.device), own, other, nodes + 1)
    loss_db = link.reference_loss_db + 5.0 * link.exponent * torch.log10(hop_m2.clamp(min=1.0))
    snr_db = link.tx_power_dbm - loss_db - shadowing - link.noise_dbm
    return (1.0 - bit_error_rate(torch.pow(10.0, snr_db / 10.0))).pow(bits)


def bit_error_rate(snr: Tensor) -> Tensor:
    """Computes the bit error rate of the 802.15.4 O-QPSK receiver at linear SINRs, of their shape."""
    total = torch.zeros_like(snr)
    for k in range(2, 17):
        total = total + (-1) ** k * math.comb(16, k) * torch.exp(20.0 * snr * (1.0 / k - 1.0))
    return (total * (8.0 / 15.0 / 16.0)).clamp(0.0, 0.5)
