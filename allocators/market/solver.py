"""Solves markets given as weights and budgets, for notebooks and the command line.

B drops, U UEs, C base stations, J links of a UE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mac.market import Market, MarketDecision, Utility
from mac.market.equilibrium_gap import equilibrium_gap, price_taking_gain
from mac.market.utility import TINY, utilities

from .bargaining import bargain
from .equilibrium import competitive_equilibrium
from .proportional_response import proportional_response
from .tatonnement import tatonnement
from .trading_post import trading_post, trading_post_gain

GAIN = 1e-6
"""Relative gain of the best deviation, or gap to the equilibrium, up to which a market counts as settled."""

Numbers = Sequence[Any] | npt.NDArray[Any] | Tensor

_RUN: dict[str, Callable[[Market, int], MarketDecision]] = {
    "competitive": lambda market, rounds: competitive_equilibrium(market, rounds, 1e-12),
    "trading_post": lambda market, rounds: trading_post(market, rounds, 1e-14),
    "proportional_response": lambda market, rounds: proportional_response(market, rounds, 1e-12),
    "tatonnement": lambda market, rounds: tatonnement(market, rounds, tolerance=1e-9),
    "bargaining": lambda market, rounds: bargain(market),
}
MECHANISMS = tuple(_RUN)
"""Names of the mechanisms."""

UTILITIES = ("linear", "log", "ces:RHO", "quasilinear")
"""What ``utility`` may be."""

ROUNDS = 5000
"""Rounds at most, where none are given."""


@dataclass(frozen=True)
class MarketSolution:
    """Holds what a mechanism made of a market, with its certificate. Without a batch, the leading B is missing.

    Attributes:
        prices: of a unit, ``[B, C]``.
        shares: parts of the supply of each base station that UEs bought, ``[B, U, C]``.
        utilities: as defined by the utility, of quantities (share times supply), ``[B, U]``.
        gap: how far the market equilibrium's objective is missed, as a mean over budgets of the logarithm of utilities,
            ``[B]``; see :func:`mac.market.equilibrium_gap.equilibrium_gap`.
        deviation_gain: relative gain of the UE that could gain most, ``[B]``: by other bids in ``trading_post``, by
            buying anew at the same prices in the others.
        rounds: exchanges until the mechanism settled, or in all, ``[B]``.
        converged: whether it settled, ``[B]``: no UE gains more than 1e-6 in ``trading_post``, the gap is at most 1e-6
            with ``competitive`` and ``proportional_response``, demand met supply in ``tatonnement``.
        quantity: units bought, ``[B, U, C]``.
        spend: money paid, ``[B, U, C]``.
        radius: of ``tatonnement``, the greatest relative movement of a price over the last half of the rounds, ``[B]``.
    """

    prices: Tensor
    shares: Tensor
    utilities: Tensor
    gap: Tensor
    deviation_gain: Tensor
    rounds: Tensor
    converged: Tensor
    quantity: Tensor
    spend: Tensor
    radius: Tensor | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns what ``fairwave market --json`` prints: lists and numbers."""
        keys = ("prices", "shares", "utilities", "gap", "deviation_gain", "rounds", "converged")
        found = {key: getattr(self, key).tolist() for key in keys}
        return found if self.radius is None else {**found, "radius": self.radius.tolist()}


def solve_market(
    weights: Numbers,
    budgets: Numbers,
    supply: Numbers | None = None,
    reserve: Numbers | None = None,
    utility: str | Utility = "linear",
    mechanism: str = "competitive",
    *,
    rounds: int = ROUNDS,
) -> MarketSolution:
    """Solves a market, or a batch of markets, of UEs that buy bandwidth from base stations.

    Args:
        weights: worth of a unit of a base station to a UE, ``[U, C]`` or ``[B, U, C]``, at least 0.
        budgets: money of each UE, ``[U]`` or ``[B, U]``; spent whole unless ``utility`` is quasilinear.
        supply: units that each base station sells, ``[C]`` or ``[B, C]``; left out, 1.
        reserve: least price of a unit; in ``trading_post`` the seller's own bid in money; left out, 0.
        utility: ``linear``, ``log``, ``ces:RHO``, ``quasilinear``, or a :class:`~mac.market.Utility`.
        mechanism: one of :data:`MECHANISMS`.
        rounds: at most; a market that has not settled then is reported as not converged, with what was sold last.

    Raises:
        ValueError: an input is out of range; the text says which, where, and what is allowed.
    """
    kind = utility if isinstance(utility, Utility) else parse_utility(utility)
    values = _numbers(weights, "weights")
    if values.dim() not in (2, 3) or 0 in values.shape:
        raise ValueError(
            f"weights has shape {list(values.shape)}: give a row for each UE, a column for each base station"
        )
    single, (users, cells) = values.dim() == 2, values.shape[-2:]
    values = values[None] if single else values
    market = Market.dense(
        values,
        _one_each(budgets, "budgets", len(values), users, "UEs"),
        _one_each([1.0] * cells if supply is None else supply, "supply", len(values), cells, "base stations"),
        _one_each([0.0] * cells if reserve is None else reserve, "reserve", len(values), cells, "base stations"),
        kind,
    )
    solution = solve(market, mechanism, rounds)
    return _without_batch(solution) if single else solution


def solve(market: Market, mechanism: str = "competitive", rounds: int = ROUNDS) -> MarketSolution:
    """Solves markets given by their links; shares, quantities and payments are those of links, ``[B, U, J]``.

    Raises:
        ValueError: an input is out of range.
    """
    require_market(market, mechanism, rounds)
    traded = _RUN[mechanism](market, rounds)
    supply = market.at_links(market.supply).clamp(min=TINY)
    gain = _gain(market, mechanism, traded)
    gap = _gap(market, mechanism, traded).clamp(min=0.0)
    return MarketSolution(
        prices=traded.prices,
        shares=traded.quantity / supply,
        utilities=utilities(market, traded.quantity, traded.spend),
        gap=gap,
        deviation_gain=gain,
        rounds=traded.rounds,
        converged=_settled(mechanism, traded, gap, gain),
        quantity=traded.quantity,
        spend=traded.spend,
        radius=traded.radius,
    )


def parse_utility(text: str) -> Utility:
    """Reads ``linear``, ``log``, ``ces:RHO`` or ``quasilinear``.

    Raises:
        ValueError: it is none of these.
    """
    name, _, rho = text.partition(":")
    if name == "ces":
        try:
            return Utility("ces", float(rho))
        except ValueError as error:
            reason = str(error) if rho and not str(error).startswith("could not") else f"rho of '{text}' is no number"
            raise ValueError(f"utility: {reason}; for example ces:0.5") from None
    if text in ("linear", "log", "quasilinear"):
        return Utility(text)  # type: ignore[arg-type]
    raise ValueError(f"unknown utility '{text}': one of {', '.join(UTILITIES)}")


def require_market(market: Market, mechanism: str, rounds: int) -> None:
    """Checks a market and a mechanism.

    Raises:
        ValueError: something is out of range; one sentence says what, where, and what is allowed.
    """
    if mechanism not in _RUN:
        raise ValueError(f"unknown mechanism '{mechanism}': one of {', '.join(MECHANISMS)}")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}: use a whole number of at least 1")
    _require(market.weights, "weights", ("UE", "base station"), least=0.0)
    _require(market.budgets, "budgets", ("UE",), above=0.0)
    _require(market.supply, "supply", ("base station",), least=0.0)
    _require(market.reserve, "reserve", ("base station",), least=0.0)
    if mechanism == "trading_post":
        bidders = market.at_cells(market.links.to(market.weights.dtype))
        lone = (bidders == 1) & (market.reserve == 0)
        if bool(lone.any()):
            raise ValueError(
                f"base station {int(lone.nonzero()[0, -1])} (counted from 0) has one bidder alone, for which no bid is "
                "best in a trading post: it gets all for any bid; give reserve, the seller's own bid, a positive value"
            )


def _require(
    values: Tensor, name: str, labels: tuple[str, ...], least: float = -np.inf, above: float = -np.inf
) -> None:
    wrong = ~(values.isfinite() & (values >= least) & (values > above))
    if not bool(wrong.any()):
        return
    at = tuple(int(i) for i in wrong.nonzero()[0])
    place = ", ".join(f"{label} {number}" for label, number in zip(labels, at[-len(labels) :], strict=True))
    allowed = "a finite number above 0" if above == 0.0 else "a finite number of at least 0"
    raise ValueError(f"{name}: {place} (counted from 0) has {float(values[at]):g}: use {allowed}")


def _gap(market: Market, mechanism: str, traded: MarketDecision) -> Tensor:
    """Measures the gap by the equilibrium's prices where the mechanism has others that bound it less well."""
    if mechanism == "trading_post":
        market = replace(market, reserve=torch.zeros_like(market.reserve))
    prices = traded.prices
    if mechanism in ("trading_post", "bargaining"):
        prices = competitive_equilibrium(market, tolerance=GAIN / 100).prices
    return equilibrium_gap(market, traded.quantity, traded.spend, prices)


def _gain(market: Market, mechanism: str, traded: MarketDecision) -> Tensor:
    if mechanism == "trading_post":
        return trading_post_gain(market, traded.spend)
    return price_taking_gain(market, traded.quantity, traded.spend, traded.prices)


def _settled(mechanism: str, traded: MarketDecision, gap: Tensor, gain: Tensor) -> Tensor:
    if mechanism in ("tatonnement", "bargaining"):
        return traded.converged
    return (gain if mechanism == "trading_post" else gap) <= GAIN


def _numbers(values: Numbers, name: str) -> Tensor:
    try:
        return torch.as_tensor(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"{name}: give numbers, in rows of equal length") from None


def _one_each(values: Numbers, name: str, batch: int, count: int, what: str) -> Tensor:
    given = _numbers(values, name)
    if given.shape[-1:] != (count,) or given.dim() > 2 or (given.dim() == 2 and len(given) != batch):
        found = given.shape[-1] if given.dim() else 1
        raise ValueError(f"{name}: {found} given for {count} {what}: give one for each")
    return given.expand(batch, count)


def _without_batch(solution: MarketSolution) -> MarketSolution:
    found = {name: None if value is None else value[0] for name, value in vars(solution).items()}
    return MarketSolution(**found)  # type: ignore[arg-type]
