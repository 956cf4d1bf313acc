"""Sells PRBs of the cells of a CoMP cluster: the mechanisms of markets, and rules without prices.

A mechanism of ``allocators.market`` sells PRBs as it sells anything else: what it observes is a market, and what it
decides is a trade.

| module | decides |
|---|---|
| ``trading_post`` | shares in proportion to bids, with reserve prices for each PRB |
| ``no_comp`` | nothing is sold |
| ``prb_auction`` | sealed auctions of each cell's PRBs, at a uniform price or by VCG |
| ``bundle_auction`` | an auction of bundles of PRBs of several cells, with core payments nearest to VCG |
| ``cluster_pf`` | proportional fairness over the cluster on total rates, without payments |
| ``contract`` | nothing: checks of the contract |
"""

from __future__ import annotations

ALLOCATORS = {
    "no_comp": "allocators.comp.no_comp:NoComp",
    "competitive": "allocators.market.competitive:Competitive",
    "trading_post": "allocators.comp.trading_post:PrbTradingPost",
    "proportional_response": "allocators.market.proportional_response:ProportionalResponse",
    "tatonnement": "allocators.market.tatonnement:Tatonnement",
    "bargaining": "allocators.market.bargaining:Bargaining",
    "uniform_price": "allocators.comp.prb_auction:UniformPrice",
    "vcg": "allocators.comp.prb_auction:Vcg",
    "vcg_nearest": "allocators.comp.bundle_auction:VcgNearest",
    "cluster_pf": "allocators.comp.cluster_pf:ClusterPf",
    "equal_share": "allocators.market.equal_share:EqualShare",
    "max_rate": "allocators.market.max_weight:MaxWeight",
    "random": "allocators.market.random_share:RandomShare",
}
"""Name -> ``module:Class``; nothing is imported until an allocator is made."""

CONTRACT = "allocators.comp.contract:CHECK"
