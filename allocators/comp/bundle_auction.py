"""Auctions bundles of PRBs of several cells, with core payments nearest to VCG.

Cells offer lots of PRBs. A UE bids for bundles: the same number of lots of every cell in a set of its cluster. A bundle
is worth B R / (R + E) to it, with its budget B, the rate R of the bundle and the rate E of an equal share: half of the
budget for an equal share, and never more than the budget (ours). With quasi-linear utility it is min(R, B). Each UE
gets one bundle at most. Sellers bid their reserve price for every PRB, so that UEs bid what exceeds it.

U UEs, C cells, J cells that a UE hears, n bundles of a UE.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.comp import CompContext, CompObservation
from mac.market import Market, MarketDecision
from mac.market.utility import TINY, degree_one
from phy.settings import PARAMETERS

from ..auction.core_payments import nearest_core_payments
from ..auction.values import vcg_payments
from ..auction.winner_determination import Bids, best_bids
from ..market.bargaining import equal_quantity
from .prb_auction import auction_decision

_MOST_BUYERS = 40  # of a drop; integer programs take seconds beyond
_MOST_CELLS = 3  # of which a UE's bundles are made, those worth most to it, so that there are 7 sets


def bundle_values(market: Market, lots: Tensor, lot: Tensor) -> Tensor:
    """Computes what bundles are worth above the reserve price of their PRBs, ``[B, U, bundles]``.

    Args:
        market: the markets.
        lots: int64 ``[bundles, J]`` lots of each link.
        lot: PRBs of a lot of each cell, ``[B, C]``.
    """
    equal, reserve = _rate(market, equal_quantity(market)), market.at_links(market.reserve)
    found = []
    for bundle in lots:
        quantity = torch.where(market.links, bundle * market.at_links(lot), 0.0)
        rate = _rate(market, quantity)
        value = market.budgets * rate / (rate + equal).clamp(min=TINY)
        if market.utility.keeps_money:
            value = torch.minimum(rate, market.budgets)
        possible = ((bundle == 0) | market.links).all(-1)
        found.append((value - (quantity * reserve).sum(-1)) * possible)
    return torch.stack(found, -1).clamp(min=0.0)


def _rate(market: Market, quantity: Tensor) -> Tensor:
    """Computes the utility of what is bought alone, without money that is kept, ``[B, U]``."""
    found = degree_one(market, quantity, torch.zeros_like(quantity))
    return found - market.budgets if market.utility.keeps_money else found


def all_bundles(links: int, lots: int) -> Tensor:
    """Lists the lots of each link in all bundles, int64 ``[bundles, J]``.

    Args:
        links: of a UE; J.
        lots: of a cell, at most.
    """
    chosen = [one for one in itertools.product((0, 1), repeat=links) if any(one)]
    return torch.tensor([[number * part for part in one] for one in chosen for number in range(1, lots + 1)])


def sold_bundles(
    values: NDArray[np.float64], contents: list[NDArray[np.int64]], lots: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sells bundles of one drop; returns the bundle of each buyer, -1 for none, and payments above the reserve price.

    Args:
        values: ``[U, n]`` of the bundles of each buyer.
        contents: for each buyer and bundle the cells whose lots are in it, one entry a lot.
        lots: of each cell, ``[C]``.
    """
    buyers, count = values.shape
    table = np.zeros((buyers, buyers * count))  # a column for each bundle of each buyer
    for buyer in range(buyers):
        table[buyer, buyer * count : (buyer + 1) * count] = values[buyer]
    bids = Bids(table, tuple(contents), len(lots), False, lots)
    chosen = best_bids(bids)
    paid = nearest_core_payments(bids, chosen, vcg_payments(bids, chosen))
    return np.where(chosen >= 0, chosen % count, -1), paid


@dataclass(config=PARAMETERS)
class VcgNearest:
    """Auctions bundles of PRBs of several cells; payments are the least to which no coalition objects, nearest to VCG.

    VCG payments for bundles may be so low that losers would have paid more; these are not. The best packing is found by
    HiGHS for up to 40 UEs in outage.

    Source: Day, Raghavan, Management Science 53(9), 2007; Day, Cramton, "Quadratic core-selecting payment rules for
    combinatorial auctions", Operations Research 60(3), 2012. Bids and lots are ours.
    """

    lots: int = Field(default=2, ge=1, le=20)
    """Lots in which a cell offers its PRBs; there may be one or more beyond where these do not come out even."""

    def reset(self, context: CompContext, seed: int) -> None:
        """Starts without any memory."""

    def decide(self, observation: CompObservation) -> MarketDecision:
        """Collects bids once, and solves integer programs for each drop with buyers."""
        market = observation.market
        best = _best_links(market)
        some = replace(market, weights=market.weights.gather(2, best), cells=market.cells.gather(2, best))
        lot = (market.supply / self.lots).floor().clamp(min=1.0)
        bundles = all_bundles(best.shape[-1], self.lots).to(best.device)
        values = bundle_values(some, bundles, lot)
        sold = [_sold(some, drop, values[drop], bundles, lot[drop]) for drop in range(len(values))]
        won, paid = (torch.stack(part) for part in zip(*sold, strict=True))
        won = torch.zeros_like(market.cells).scatter(2, best, won)
        return auction_decision(market, won, torch.zeros_like(market.weights).scatter(2, best, paid))


def _best_links(market: Market) -> Tensor:
    """Returns the links of the greatest weights, as many as the UE with most has and 4 at most, ``[B, U, links]``."""
    count = min(_MOST_CELLS, max(1, int(market.links.sum(-1).max())))
    weights = torch.where(market.links, market.weights, 0.0)
    return weights.sort(dim=-1, descending=True, stable=True).indices[..., :count]


def _sold(market: Market, drop: int, values: Tensor, bundles: Tensor, lot: Tensor) -> tuple[Tensor, Tensor]:
    """Returns PRBs won and money paid in one drop, ``[U, J]`` each."""
    won, paid = torch.zeros_like(market.cells[drop]), torch.zeros_like(market.weights[drop])
    buyers = (values > 0).any(-1).nonzero()[:, 0]
    if not len(buyers):
        return won, paid
    if len(buyers) > _MOST_BUYERS:
        raise ValueError(
            f"vcg_nearest has {len(buyers)} UEs that want PRBs at once, and solves auctions of up to {_MOST_BUYERS}; "
            "use vcg, or fewer UEs"
        )
    kinds = (values[buyers] > 0).any(0).nonzero()[:, 0]
    cells, some = market.cells[drop, buyers].cpu().numpy(), bundles[kinds]
    contents = [np.repeat(own, bundle) for own in cells for bundle in some.cpu().numpy()]
    offered = (market.supply[drop] / lot).long().cpu().numpy()
    chosen, above = sold_bundles(values[buyers][:, kinds].cpu().numpy().astype(np.float64), contents, offered)
    got = torch.from_numpy(chosen).to(won.device)
    prbs = some[got.clamp(min=0)] * (got >= 0)[:, None] * lot[market.cells[drop, buyers]].long()
    part = prbs / prbs.sum(-1, keepdim=True).clamp(min=1)
    own_price = prbs * market.reserve[drop][market.cells[drop, buyers]]
    won[buyers], paid[buyers] = prbs, own_price + part * torch.from_numpy(above).to(paid)[:, None]
    return won, paid
