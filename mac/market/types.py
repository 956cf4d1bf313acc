"""Declares what a market mechanism is given and what it returns.

B drops, U UEs, C base stations (cells), J links of a UE: the base stations from which it can buy. Every UE has equally
many links; a link of weight 0 stands for none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from phy.random import Drops

UtilityKind = Literal["linear", "log", "ces", "quasilinear"]


@dataclass(frozen=True)
class Utility:
    """Describes the utility of the quantities x that a UE buys, with weights a.

    ``linear``: sum a x. ``log``: sum a log x. ``ces``: (sum a x^rho)^(1/rho). ``quasilinear``: sum a x + money kept.
    With all but the last, money that is kept is worth nothing.
    """

    kind: UtilityKind = "linear"
    rho: float = 1.0  # of ces: below 1, not 0

    def __post_init__(self) -> None:
        if self.kind == "ces" and not (-100.0 <= self.rho < 1.0 and self.rho != 0.0):
            raise ValueError(
                f"rho of a CES utility is {self.rho:g}: use a number from -100 to below 1 other than 0 (1 is linear, 0 "
                "is log)"
            )

    @property
    def exponent(self) -> float:
        """Returns rho: 1 of linear utilities, 0 of logarithmic ones."""
        return {"log": 0.0, "ces": self.rho}.get(self.kind, 1.0)

    @property
    def keeps_money(self) -> bool:
        """Checks whether money that is kept has worth."""
        return self.kind == "quasilinear"


@dataclass(frozen=True)
class Market:
    """Holds a batch of markets."""

    weights: Tensor  # [B, U, J] worth of one unit of a link's base station, at least 0
    cells: Tensor  # [B, U, J] int64, base station of each link
    budgets: Tensor  # [B, U] money
    supply: Tensor  # [B, C] units that each base station sells
    reserve: Tensor  # [B, C] least price of a unit; of a trading post, the seller's own bid
    utility: Utility = Utility()

    @classmethod
    def dense(
        cls, weights: Tensor, budgets: Tensor, supply: Tensor, reserve: Tensor, utility: Utility = Utility()
    ) -> Market:
        """Makes markets in which every UE may buy from every base station.

        Args:
            weights: ``[B, U, C]``.
            budgets: ``[B, U]``.
            supply: ``[B, C]``.
            reserve: ``[B, C]``.
            utility: of all UEs.
        """
        cells = torch.arange(weights.shape[-1], device=weights.device).expand(weights.shape)
        return cls(weights, cells, budgets, supply, reserve, utility)

    @property
    def links(self) -> Tensor:
        """Returns the links on which something can be bought, bool ``[B, U, J]``."""
        return (self.weights > 0) & (self.at_links(self.supply) > 0) & (self.budgets[..., None] > 0)

    def messages(self, rounds: Tensor) -> Tensor:
        """Counts messages: in a round each UE tells each of its base stations something and hears something, ``[B]``.

        Args:
            rounds: ``[B]``.
        """
        return 2.0 * rounds * self.links.flatten(1).sum(1)

    def at_links(self, values: Tensor) -> Tensor:
        """Returns the value of each link's base station, ``[B, U, J]``.

        Args:
            values: ``[B, C]``.
        """
        return values.gather(1, self.cells.flatten(1)).view(self.cells.shape)

    def at_cells(self, values: Tensor) -> Tensor:
        """Sums over the links of each base station, ``[B, C]``.

        Args:
            values: ``[B, U, J]``.
        """
        return torch.zeros_like(self.supply).scatter_add_(1, self.cells.flatten(1), values.flatten(1))


@dataclass(frozen=True)
class MarketContext:
    """Holds what stays the same over a run; given to ``reset``."""

    drops: Drops
    users: int
    cells: int
    interval_s: float
    device: torch.device


@dataclass(frozen=True)
class MarketObservation:
    """Holds the market of an interval."""

    interval: int
    weights: Tensor  # [B, U, J] worth of one unit of a link's base station
    cells: Tensor  # [B, U, J] int64, base station of each link
    budgets: Tensor  # [B, U]
    supply: Tensor  # [B, C]
    reserve: Tensor  # [B, C]
    utility: Utility

    @classmethod
    def of(cls, interval: int, market: Market) -> MarketObservation:
        """Makes the observation of a market."""
        parts = market.weights, market.cells, market.budgets, market.supply, market.reserve
        return cls(interval, *parts, market.utility)

    @property
    def market(self) -> Market:
        """Returns the market."""
        return Market(self.weights, self.cells, self.budgets, self.supply, self.reserve, self.utility)


@dataclass(frozen=True)
class MarketDecision:
    """Holds what was traded."""

    quantity: Tensor  # [B, U, J] units bought on each link
    spend: Tensor  # [B, U, J] money paid on each link
    prices: Tensor  # [B, C] price of a unit
    rounds: Tensor  # [B] int64, exchanges of messages between UEs and base stations
    converged: Tensor  # [B] bool, whether the mechanism settled
    radius: Tensor | None = None  # [B] of posted prices: how far they still moved, relative
