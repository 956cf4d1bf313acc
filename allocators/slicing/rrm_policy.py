"""Shares RBGs by the RRM policy ratios of 3GPP TS 28.541, as O-RAN's E2 and O1 interfaces carry them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from phy.settings import PARAMETERS, STRICT

from .apportionment import apportion, require_room
from .demand_proportional import Demand, demand_prbs


@dataclass(frozen=True, config=STRICT)
class PolicyRatios:
    """Sets the RRMPolicyRatio of one slice (TS 28.541 clause 4.3.36): shares of the PRBs of a cell in percent.

    Raises:
        ValueError: unless dedicated <= minimum <= maximum.
    """

    dedicated: float = Field(default=0, ge=0, le=100)
    """rRMPolicyDedicatedRatio (clause 4.4.1): kept for the slice whether it uses them or not."""
    minimum: float = Field(default=0, ge=0, le=100)
    """rRMPolicyMinRatio (clause 4.4.1): guaranteed when the slice needs them; includes the dedicated ones."""
    maximum: float = Field(default=100, ge=0, le=100)
    """rRMPolicyMaxRatio (clause 4.4.1): never exceeded; includes the guaranteed ones."""

    @model_validator(mode="after")
    def _nested(self) -> PolicyRatios:
        if not self.dedicated <= self.minimum <= self.maximum:
            raise ValueError(
                f"dedicated {self.dedicated:g} %, minimum {self.minimum:g} % and maximum {self.maximum:g} % must not "
                "decrease in this order (TS 28.541 clause 4.3.36)"
            )
        return self


@dataclass(config=PARAMETERS)
class RrmPolicy:
    """Gives each slice its dedicated, prioritised and shared RBGs by RRMPolicyRatio (TS 28.541 clause 4.3.36).

    In each cell and interval a slice always owns its dedicated RBGs, and of its minimum what it needs: where PRBs are
    lent (``slicing.unused``) the whole minimum, which others use in each slot in which the slice does not; where they
    are lost, as many RBGs as its demand of the last interval filled on average over the slots. The rest is shared in
    proportion to demand as far as each slice's maximum allows, and what no demand can take goes to the others up to
    theirs. Before the first report, and wherever no slice has demand, all slices count alike and own their minimum.
    Dedicated RBGs are never lent, and no slice exceeds its maximum by borrowing.

    Dedicated and minimum ratios are rounded to whole RBGs together, by largest remainder, and so that a slice is short
    of its own by less than one; the maximum is rounded down, but not below the minimum in whole RBGs. No slice falls
    below the carrier's ``min_rbg``, whatever its maximum.

    Source: 3GPP TS 28.541, clause 4.3.36.

    The standard leaves open what is shared, by what demand, and how much is needed where PRBs are lost: these are ours.
    """

    policies: Mapping[str, PolicyRatios] = Field(default_factory=dict)
    """Ratios by name of the slice; a slice that is not named has 0, 0 and 100 percent."""
    demand: Demand = "requested"
    """Measure of demand, as in demand_proportional."""

    def __post_init__(self) -> None:
        total = sum(ratios.minimum for ratios in self.policies.values())
        if total > 100:
            raise ValueError(
                f"the minimum ratios of {', '.join(self.policies)} add up to {total:g} %, and clause 4.4.1 of "
                "TS 28.541 allows 100 %: lower some of them"
            )

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Converts percentages to RBGs.

        Raises:
            ValueError: a policy for a slice that does not exist, or more slices than RBGs for their least quotas.
        """
        require_room(context)
        ratios = [self._named(context.slices).get(name, PolicyRatios()) for name in context.slices]
        self._rbgs, self._lent = context.rbgs, context.lent
        self._rbg_slots = context.rbg_prbs * context.interval_s / context.slot_s
        least = torch.full((len(ratios),), context.min_rbg, dtype=torch.int64)
        minimum = _whole([one.minimum for one in ratios], context)
        guaranteed = _fit(minimum.maximum(least), least, context.rbgs)
        most = _most([one.maximum for one in ratios], context).maximum(guaranteed)
        dedicated = _whole([one.dedicated for one in ratios], context).minimum(guaranteed)
        self._most, self._guaranteed = most.to(context.device), guaranteed.to(context.device)
        self._dedicated = dedicated.to(context.device)
        self._least = dedicated.maximum(least).to(context.device)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Gives each slice its guaranteed RBGs and shares the rest by demand."""
        demand = demand_prbs(observation, self.demand)
        rbg = apportion(demand, self._rbgs, self._reserved(demand), self._most)
        return SlicingDecision(rbg, self._most.expand(rbg.shape), self._dedicated.expand(rbg.shape))

    def _reserved(self, demand: Tensor) -> Tensor:
        """Computes the RBGs that each slice owns before the rest is shared, ``[B, C, S]``.

        Args:
            demand: PRBs summed over the slots of the last interval, ``[B, C, S]``.
        """
        if self._lent:
            return self._guaranteed.expand(demand.shape)
        needed = (demand / self._rbg_slots).ceil().clamp(max=self._rbgs).to(torch.int64)
        none = demand.amax(-1, keepdim=True) <= 0
        return torch.where(none, self._guaranteed, needed.maximum(self._least).minimum(self._guaranteed))

    def _named(self, slices: Sequence[str]) -> Mapping[str, PolicyRatios]:
        for name in self.policies:
            if name not in slices:
                near = difflib.get_close_matches(name, slices, 1, 0.0)
                raise ValueError(
                    f"rrm_policy: policies names the slice '{name}', and there is only {', '.join(slices)}; "
                    f"did you mean '{near[0]}'?"
                )
        return self.policies


def _most(percent: list[float], context: SlicingContext) -> Tensor:
    """Converts percentages of the PRBs to whole RBGs, rounded down; the last RBG of the carrier counts as whole."""
    shares = _shares(percent, context)
    return torch.where(torch.tensor(percent) < 100, (shares + 1e-9).floor(), context.rbgs).to(torch.int64)


def _shares(percent: list[float], context: SlicingContext) -> Tensor:
    return torch.tensor(percent, dtype=torch.float64) * context.prbs / (100 * context.rbg_prbs)


def _whole(percent: list[float], context: SlicingContext) -> Tensor:
    """Converts percentages to whole RBGs, rounded so that they add up to their exact sum, rounded up."""
    shares = _shares(percent, context)
    total = min(context.rbgs, math.ceil(float(shares.sum()) - 1e-9))
    if not total:
        return torch.zeros(len(percent), dtype=torch.int64)
    return apportion(shares, total, shares.floor(), (shares - 1e-9).ceil().clamp(min=0))


def _fit(wanted: Tensor, least: Tensor, rbgs: int) -> Tensor:
    """Reduces guarantees to the RBGs of the carrier where ``min_rbg`` raises the smallest of them."""
    return wanted if int(wanted.sum()) <= rbgs else apportion(wanted, rbgs, least)
