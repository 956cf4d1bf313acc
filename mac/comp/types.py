"""Declares what a mechanism that sells PRBs of a CoMP cluster is given.

It is a market (:mod:`mac.market`) that it observes and a trade that it decides, so that any mechanism of a market
sells PRBs as well. B drops, U UEs, C cells, J cells that a UE hears: its serving cell, from which it buys nothing, and
others.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..market import MarketContext, MarketObservation


@dataclass(frozen=True)
class CompContext(MarketContext):
    """Holds what stays the same over a run; given to ``reset``."""

    prbs: int  # of the carrier
    slot_s: float


@dataclass(frozen=True)
class CompObservation(MarketObservation):
    """Holds the market of an interval.

    ``weights`` are Mbit/s of a PRB, ``supply`` whole PRBs, ``reserve`` money for a PRB and interval; ``budgets`` are 0
    of UEs that do not take part. No report of fast fading is in it: PRBs are sold before channels are measured for
    them.
    """

    serving: Tensor  # [B, U] int64
    outage: Tensor  # [B, U] bool, the serving link has broken
    serving_rate: Tensor  # [B, U] Mbit/s that the serving cell delivered in the last interval
