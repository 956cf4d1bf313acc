"""Describes CoMP clusters to learners: each UE in outage bids for PRBs. B drops, U UEs, C cells, J cells of a UE."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.comp import CompContext, CompObservation
from mac.core.contracts import Outcome
from mac.market import MarketDecision

from ..environment import Actions, Environment, Feature, Reward, Scene
from ..rate_rewards import REWARDS, value_of

_MBIT = 1e6
_TINY = 1e-30
_ROUNDING = 1e-6


def _worth(seen: CompObservation, context: CompContext) -> Tensor:
    return seen.weights * seen.market.at_links(seen.supply)


def _reserve(seen: CompObservation, context: CompContext) -> Tensor:
    return torch.log1p(seen.market.at_links(seen.reserve * seen.supply))


def _budget(seen: CompObservation, context: CompContext) -> Tensor:
    return torch.log1p(seen.budgets)


def _outage(seen: CompObservation, context: CompContext) -> Tensor:
    return seen.outage.float()


def _serving_rate(seen: CompObservation, context: CompContext) -> Tensor:
    return seen.serving_rate


FEATURES = {
    "worth": Feature(_worth, "Mbit/s", "rate that all PRBs for sale of each heard cell would give"),
    "reserve": Feature(_reserve, "1", "log(1 + price of all PRBs for sale of each heard cell at its reserve price)"),
    "budget": Feature(_budget, "1", "log(1 + money for the interval), 0 of UEs that take no part"),
    "outage": Feature(_outage, "1", "whether the serving link is broken"),
    "serving_rate": Feature(_serving_rate, "Mbit/s", "rate of the serving cell in the last interval"),
}


def _bid(actions: Tensor, seen: CompObservation, context: CompContext) -> tuple[MarketDecision, Tensor]:
    """Pays bids, and shares out each cell in proportion, at no less than its reserve price.

    A bid is (1 + action) / 2 of the budget. Bids where nothing can be bought are not paid; bids that together exceed
    the budget are scaled down to it.
    """
    market = seen.market
    part = (1.0 + actions.to(market.weights.dtype)) / 2.0 * market.links
    total = part.sum(-1, keepdim=True)
    spend = market.budgets[..., None] * part / total.clamp(min=1.0)
    prices = torch.maximum(market.at_cells(spend) / market.supply.clamp(min=_TINY), market.reserve)
    prices = torch.where(market.supply > 0, prices, 0.0)
    quantity = torch.where(spend > 0, spend / market.at_links(prices).clamp(min=_TINY), 0.0)
    one = torch.ones(len(actions), dtype=torch.int64, device=actions.device)
    beyond = (total[..., 0] > 1.0 + _ROUNDING).sum(1)
    return MarketDecision(quantity, spend, prices, one, one > 0), beyond


def _bids_of(decision: MarketDecision, seen: CompObservation, context: CompContext) -> Tensor:
    """Returns the part of the budget that is paid on each link, from -1 (nothing) to 1 (all)."""
    budget = seen.market.budgets[..., None]
    return (2.0 * decision.spend / budget.clamp(min=_TINY) - 1.0).clamp(-1.0, 1.0).to(torch.float32)


def _outage_rate(outcome: Outcome, scene: Scene) -> Tensor:
    bits, time_s = (value_of(outcome.extras[name]) for name in ("outage_bits", "outage_s"))
    return bits.sum(1) / (_MBIT * time_s.sum(1).clamp(min=scene.interval_s))


ENVIRONMENT = Environment(
    scenario="comp-corner",
    agent="ue",
    agents=lambda context: context.users,
    features=FEATURES,
    actions={
        "bids": Actions(
            _bid,
            lambda seen, context: seen.weights.shape[-1],
            "a bid at each heard cell: (1 + action) / 2 of the budget, scaled down where they exceed it together",
            nearest=_bids_of,
            compared=("quantity", "spend"),
        )
    },
    reward="outage_rate",
    rewards={"outage_rate": Reward(_outage_rate, "Mbit/s", "mean rate of the UEs in outage, 0 without any"), **REWARDS},
    metrics=("satisfaction",),
)
