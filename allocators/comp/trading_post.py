"""Sells PRBs by price-anticipating proportional shares, with the reserve price of a PRB as the seller's bid for it."""

from __future__ import annotations

from dataclasses import replace

from pydantic.dataclasses import dataclass

from mac.comp import CompObservation
from mac.market import MarketDecision
from phy.settings import PARAMETERS

from ..market.trading_post import TradingPost, trading_post


@dataclass(config=PARAMETERS)
class PrbTradingPost(TradingPost):
    """Shares out PRBs in proportion to bids of UEs that anticipate prices; the seller bids for its own UEs.

    A trading post takes the seller's bid for its whole supply, here the reserve price of a PRB times their number.

    Source: Feldman, Lai, Zhang, "The proportional-share allocation market for computational resources", IEEE TPDS
    20(8), 2009.
    """

    def decide(self, observation: CompObservation) -> MarketDecision:  # type: ignore[override]
        """Bids until no UE gains by other bids."""
        market = observation.market
        market = replace(market, reserve=market.reserve * market.supply)
        return trading_post(market, self.rounds, self.tolerance, self.step)
