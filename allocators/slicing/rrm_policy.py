"""RRM policy ratios of 3GPP TS 28.541, as O-RAN's E2 and O1 interfaces carry them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from allocators.settings import PARAMETERS
from mac.slicing_types import SlicingContext, SlicingDecision, SlicingObservation
from phy.config import STRICT

from .demand_proportional import Demand, demand_prbs
from .rounding import apportion, require_room


@dataclass(frozen=True, config=STRICT)
class Ratios:
    """RRMPolicyRatio of one slice (TS 28.541 clause 4.3.36): shares of the PRBs of a cell in percent.

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
    def _nested(self) -> Ratios:
        if not self.dedicated <= self.minimum <= self.maximum:
            raise ValueError(
                f"dedicated {self.dedicated:g} %, minimum {self.minimum:g} % and maximum {self.maximum:g} % must not "
                "decrease in this order (TS 28.541 clause 4.3.36)"
            )
        return self


@dataclass(config=PARAMETERS)
class RrmPolicy:
    """RRMPolicyRatio: dedicated, prioritised and shared RBGs (TS 28.541 clause 4.3.36).

    In each cell and interval a slice always holds its dedicated RBGs; one with demand holds its minimum. The rest is
    shared in proportion to demand as far as each slice's maximum allows, and what no demand can take goes to the
    others up to theirs. Before the first report, and wherever nobody has demand, all slices count alike.

    Ratios are of RBGs. Dedicated and minimum ratios are rounded to whole RBGs together, by largest remainder, and so
    that a slice is short of its own by less than one; the maximum is rounded down. No slice falls below the
    carrier's ``min_rbg``, whatever its maximum.

    What is shared, and by what demand, the standard leaves open: proportion is ours.
    """

    policies: Mapping[str, Ratios] = Field(default_factory=dict)
    """Ratios by name of the slice; a slice that is not named has 0, 0 and 100 percent."""
    demand: Demand = "requested"
    """What counts as demand, as in demand_proportional."""

    def __post_init__(self) -> None:
        total = sum(ratios.minimum for ratios in self.policies.values())
        if total > 100:
            raise ValueError(
                f"the minimum ratios of {', '.join(self.policies)} add up to {total:g} %, and clause 4.4.1 of "
                "TS 28.541 allows 100 %: lower some of them"
            )

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Turn percentages into RBGs.

        Raises:
            ValueError: a policy for a slice that does not exist, or more slices than RBGs for their least quotas.
        """
        require_room(context)
        ratios = [self._named(context.slices).get(name, Ratios()) for name in context.slices]
        self._rbgs = context.rbgs
        least = torch.full((len(ratios),), context.min_rbg, dtype=torch.int64)
        minimum = _whole([one.minimum for one in ratios], context.rbgs)
        maximum = torch.tensor([math.floor(one.maximum * context.rbgs / 100 + 1e-9) for one in ratios])
        self._guaranteed = _fit(minimum.maximum(least), least, context.rbgs).to(context.device)
        dedicated = _whole([one.dedicated for one in ratios], context.rbgs).maximum(least)
        self._dedicated = dedicated.to(context.device).minimum(self._guaranteed)
        self._most = maximum.to(context.device).maximum(self._guaranteed)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Guarantee, then share by demand."""
        demand = demand_prbs(observation, self.demand)
        nobody = demand.amax(-1, keepdim=True) <= 0
        least = torch.where((demand > 0) | nobody, self._guaranteed, self._dedicated)
        return SlicingDecision(apportion(demand, self._rbgs, least, self._most))

    def _named(self, slices: Sequence[str]) -> Mapping[str, Ratios]:
        for name in self.policies:
            if name not in slices:
                near = difflib.get_close_matches(name, slices, 1, 0.0)
                raise ValueError(
                    f"rrm_policy: policies names the slice '{name}', and there is only {', '.join(slices)}; "
                    f"did you mean '{near[0]}'?"
                )
        return self.policies


def _whole(percent: list[float], rbgs: int) -> Tensor:
    """Percentages as whole RBGs, each rounded up or down so that they add up to their exact sum, rounded up."""
    shares = torch.tensor(percent, dtype=torch.float64) * rbgs / 100
    total = min(rbgs, math.ceil(float(shares.sum()) - 1e-9))
    if not total:
        return torch.zeros(len(percent), dtype=torch.int64)
    return apportion(shares, total, shares.floor(), (shares - 1e-9).ceil().clamp(min=0))


def _fit(wanted: Tensor, least: Tensor, rbgs: int) -> Tensor:
    """Guarantees that fit the carrier also where ``min_rbg`` lifts the smallest of them."""
    return wanted if int(wanted.sum()) <= rbgs else apportion(wanted, rbgs, least)
