"""Describes personalised allocation to learners: each UE asks for PRBs. B drops, U UEs."""

from __future__ import annotations

import torch
from torch import Tensor

from mac.core.contracts import Outcome
from mac.personalized import PersonalizedContext, PersonalizedDecision, PersonalizedObservation

from ..environment import Actions, Environment, Feature, Reward, Scene
from ..rate_rewards import REWARDS

_MBIT = 1e6


def _traits(seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    return 2.0 * seen.traits - 1.0


def _efficiency(seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    return seen.bps_per_prb / _MBIT


def _adequate(seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    return torch.log1p(seen.zones.adequate_bps / _MBIT)


def _desired(seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    return torch.log1p(seen.zones.desired_bps / _MBIT)


def _satisfaction(seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    return seen.satisfaction


def _rate(seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    return torch.log1p(seen.rate_bps / _MBIT)


FEATURES = {
    "traits": Feature(_traits, "1", "what the network observes of each UE, from -1 to 1"),
    "efficiency": Feature(_efficiency, "Mbit/s", "rate of a PRB, of the last report"),
    "adequate": Feature(_adequate, "1", "log(1 + adequate rate in Mbit/s) that is told"),
    "desired": Feature(_desired, "1", "log(1 + desired rate in Mbit/s) that is told"),
    "satisfaction": Feature(_satisfaction, "1", "satisfaction that each UE reported of the last interval"),
    "rate": Feature(_rate, "1", "log(1 + rate of the last interval in Mbit/s)"),
}


def _ask(
    actions: Tensor, seen: PersonalizedObservation, context: PersonalizedContext
) -> tuple[PersonalizedDecision, Tensor]:
    """Gives each UE (1 + action) / 2 of an equal share times the UEs of its cell; a cell that has too few cuts all."""
    asked = (1.0 + actions[..., 0].double()) / 2.0 * context.prbs
    total = asked.new_zeros((len(asked), context.cells)).scatter_add_(1, seen.serving, asked)
    scale = (context.prbs / total.clamp(min=1e-30)).clamp(max=1.0)
    return PersonalizedDecision(asked * scale.gather(1, seen.serving)), (total > context.prbs).sum(1)


def _asked(decision: PersonalizedDecision, seen: PersonalizedObservation, context: PersonalizedContext) -> Tensor:
    """Returns the share of the carrier that each UE gets, from -1 (none) to 1 (all)."""
    return (2.0 * decision.prbs / context.prbs - 1.0).to(torch.float32)[..., None]


def _reported(outcome: Outcome, scene: Scene) -> Tensor:
    reported = outcome.extras["reported"]
    assert isinstance(reported, Tensor)
    return reported.mean(-1)


ENVIRONMENT = Environment(
    scenario="personalized-cell",
    agent="ue",
    agents=lambda context: context.users,
    features=FEATURES,
    actions={
        "prbs": Actions(
            _ask,
            lambda seen, context: 1,
            "PRBs that the UE asks for, from none to the whole carrier; too many are cut",
            nearest=_asked,
        ),
    },
    reward="personal_satisfaction",
    rewards={
        **REWARDS,
        "personal_satisfaction": Reward(_reported, "1", "satisfaction that UEs report, mean over UEs"),
    },
)
