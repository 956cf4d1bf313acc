"""Decisions on markets that sell or pay too much are refused, and the message names the seller or buyer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from mac.core.contracts import InfeasibleDecision
from mac.core.stacked_allocators import concatenate
from mac.market import Market, MarketContext, MarketDecision, MarketObservation
from mac.market.feasible import require_market_decision
from phy.random import Drops

CONTEXT = MarketContext(Drops(1, (4,)), 2, 2, 0.1, torch.device("cpu"))
ONES = torch.ones(1, 2)
OBSERVATION = MarketObservation.of(0, Market.dense(torch.tensor([[[2.0, 1.0], [1.0, 0.0]]]), ONES, ONES, 0 * ONES))
GOOD = MarketDecision(
    torch.tensor([[[0.5, 1.0], [0.5, 0.0]]]),
    torch.tensor([[[0.5, 0.5], [0.5, 0.0]]]),
    ONES,
    torch.ones(1, dtype=torch.int64),
    torch.ones(1, dtype=torch.bool),
)


def changed(field: str, at: tuple[int, ...], value: float) -> MarketDecision:
    tensor = getattr(GOOD, field).clone()
    tensor[at] = value
    return replace(GOOD, **{field: tensor})


def test_a_good_decision_passes() -> None:
    assert require_market_decision(GOOD, OBSERVATION, CONTEXT) is GOOD


def test_a_radius_that_one_mechanism_tells_is_joined_with_none_of_another() -> None:
    told = replace(GOOD, radius=torch.tensor([0.5]))
    for parts, where in (([GOOD, told], 1), ([told, GOOD], 0)):
        radius = concatenate(parts).radius
        assert radius[where] == 0.5 and radius[1 - where].isnan()
    assert concatenate([GOOD, GOOD]).radius is None


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        (changed("quantity", (0, 0, 0), 0.6), "base station 0 sells 1.1 of 1"),
        (changed("spend", (0, 1, 0), 1.5), "UE 1 pays 1.5 with a budget of 1"),
        (changed("spend", (0, 1, 0), -1.0), r"MarketDecision.spend at \[1, 0\] is -1"),
        (changed("prices", (0, 1), float("nan")), r"MarketDecision.prices at \[1\] is nan"),
        (replace(changed("quantity", (0, 1, 1), 0.1), spend=GOOD.spend), "base station 1 sells 1.1 of 1"),
        (replace(GOOD, quantity=torch.tensor([[[0.5, 0.5], [0.5, 0.5]]])), "UE 1 buys on link 1, where it has no"),
        (replace(GOOD, quantity=torch.ones(1, 2)), "must have shape"),
        ("nothing", "must return a MarketDecision, not str"),
    ],
)
def test_a_bad_one_is_refused(decision: Any, says: str) -> None:
    with pytest.raises(InfeasibleDecision, match=says):
        require_market_decision(decision, OBSERVATION, CONTEXT)
