"""Defines the scenarios of auctions, and makes their problems."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from mac.auction import AuctionContext
from mac.auction.problem import AuctionParts, AuctionProblem
from mac.auction.settings import AuctionSettings
from mac.auction.trace import read_demands
from mac.traffic.trace_paths import resolve
from phy.random import Drops

from ...errors import ScenarioError
from ..family import Labels
from ..schema import Clock, ScenarioBase, clock, whole

_ARRAYS = 12  # of a pair of request and resource, held at once


class AuctionScenario(ScenarioBase):
    """Compares auctions of computing resources."""

    duration_s: float = Field(default=10.0, gt=0, le=1e6)
    """Rounds times ``round_s``; as published there is one round."""
    round_s: float = Field(default=1.0, gt=0, le=1e6)
    """Time from one round to the next."""
    auction: AuctionSettings = Field(default_factory=AuctionSettings)
    """Mode, requests, resources and prices."""

    @model_validator(mode="after")
    def _no_repair(self) -> AuctionScenario:
        if self.on_infeasible != "error":
            raise ValueError("on_infeasible must be error: of an auction, no decision is repaired; leave it out")
        return self

    @field_validator("auction")
    @classmethod
    def _as_published_is_the_trace(cls, auction: AuctionSettings) -> AuctionSettings:
        if auction.mode == "as-published" and auction.source != "google2011":
            raise ValueError(
                "mode as-published is a run on a trace: set source to google2011, or mode to common-metric"
            )
        return auction


def clock_of(scenario: AuctionScenario) -> Clock:
    if scenario.auction.mode == "as-published":
        rounds = whole(scenario.duration_s, scenario.round_s, "duration_s", "rounds")
        if rounds != 1 or scenario.warmup_s:
            raise ScenarioError(
                f"{scenario.name}: mode as-published has one round and no warm-up; set duration_s to "
                f"{scenario.round_s:g} and leave warmup_s out"
            )
    return clock(scenario, scenario.round_s, scenario.window_s or scenario.round_s)


def check(scenario: AuctionScenario) -> None:
    _demands(scenario)


def _demands(scenario: AuctionScenario) -> Tensor | None:
    """Reads the demands of a trace.

    Raises:
        ScenarioError: there is none, it is damaged, or has too few requests.
    """
    auction = scenario.auction
    if auction.source != "google2011":
        return None
    try:
        demands = read_demands(resolve(auction.files))
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: auction.files: {error}") from None
    if auction.mode == "common-metric" and len(demands) < auction.requests:
        raise ScenarioError(
            f"{scenario.name}: auction.requests is {auction.requests}, and the trace has {len(demands)} requests in all"
        )
    return torch.from_numpy(demands)


def build(scenario: AuctionScenario, drops: Drops, device: torch.device, dtype: torch.dtype) -> AuctionProblem:
    """Builds the problem of a batch of drops."""
    return AuctionProblem(AuctionParts(drops, scenario.auction, _demands(scenario), scenario.round_s, device, dtype))


def context(scenario: AuctionScenario) -> AuctionContext:
    """Returns what an allocator is reset with for one drop."""
    found: AuctionContext = build(scenario, Drops(scenario.seed, (0,)), torch.device("cpu"), torch.float64).context
    return found


def labels(scenario: AuctionScenario, problem: AuctionProblem) -> Labels:
    attributes: Mapping[str, str | int | float] = {
        "mode": scenario.auction.mode,
        "resources": problem.context.resources,
        "round_s": scenario.round_s,
    }
    return Labels({"user": (("user",), np.arange(problem.context.requests))}, attributes)


def _sizes(scenario: AuctionScenario) -> tuple[int, int]:
    auction = scenario.auction
    if auction.mode == "as-published":
        demands = _demands(scenario)
        count = 0 if demands is None else len(demands)
        return count, auction.resources or max(1, count // 4)
    return auction.requests, auction.resource_count


def estimate_bytes(scenario: AuctionScenario, drops: int) -> int:
    requests, resources = _sizes(scenario)
    windows = clock_of(scenario).intervals // clock_of(scenario).window
    return drops * 8 * requests * (_ARRAYS * resources + 8 * windows)


def estimate_seconds(scenario: AuctionScenario, drops: int) -> float:
    requests, resources = _sizes(scenario)
    return clock_of(scenario).intervals * drops * (2e-3 + requests * resources * 1.5e-7)


def best_batch(scenario: AuctionScenario, device: str) -> int:
    requests, resources = _sizes(scenario)
    return max(1, min(64, 2_000_000 // (requests * resources)))


def account(scenario: AuctionScenario) -> list[tuple[str, str]]:
    """Describes requests, resources and the metric."""
    auction = scenario.auction
    requests, resources = _sizes(scenario)
    scored = "one utility from 0 to 1 for all; a resource serves as many requests as fit"
    if auction.mode == "as-published":
        scored = "the utility of the publication for all; a resource serves one request"
        if auction.claimed_scores:
            scored = "as in the publication: first_price, greedy and random_order not by the utility of their pairs"
    return [
        ("auction", f"{requests} requests a round from {auction.source}, {resources} resources"),
        ("scored", scored),
    ]
