"""Describes scheduling to learners: each UE says how much it should come first. B drops, U UEs, C cells, K PRBs."""

from __future__ import annotations

import torch
from torch import Tensor

from allocators.scheduling.assign import assign
from mac.scheduling import SchedulingContext, SchedulingDecision, SchedulingObservation

from ..environment import Actions, Environment, Feature
from ..rate_rewards import REWARDS

_MBIT = 1e6
_MOST_MBIT = 100.0  # more backlog than that, as of a full buffer, looks the same
_DECADES = 2.0  # of the rate, up and down, that a priority is worth (ours)
_LEVELS = 4


def _rate(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    return seen.mean_rate_bits / 1000.0


def _backlog(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    return torch.log1p((seen.backlog_bits / _MBIT).clamp(max=_MOST_MBIT))


def _need(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    return (seen.need_prbs / context.prbs).clamp(max=1.0)


def _urgency(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    return (seen.head_of_line_s / seen.delay_budget_s).clamp(max=2.0)


def _served(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    return seen.served_bits / 1000.0


def _retransmits(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    return seen.retransmits.float()


def _rivals(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    wants = (seen.need_prbs > 0).float()
    count = wants.new_zeros((len(wants), context.cells)).scatter_add_(1, seen.serving, wants)
    return torch.log1p(count.gather(1, seen.serving))


FEATURES = {
    "rate": Feature(_rate, "kbit", "mean reported bits of a PRB in this slot"),
    "backlog": Feature(_backlog, "1", "log(1 + backlog in Mbit), cut at 100 Mbit"),
    "need": Feature(_need, "1", "share of the PRBs that would empty the queue"),
    "urgency": Feature(_urgency, "1", "age of the oldest byte over the delay budget, cut at 2; 0 without a budget"),
    "served": Feature(_served, "kbit", "bits acknowledged in the last slot"),
    "retransmits": Feature(_retransmits, "1", "whether a lost block is due"),
    "rivals": Feature(_rivals, "1", "log(1 + UEs of the cell that have something to send)"),
}


def _none(actions: Tensor) -> Tensor:
    return torch.zeros(len(actions), dtype=torch.int64, device=actions.device)


def _prioritise(
    actions: Tensor, seen: SchedulingObservation, context: SchedulingContext
) -> tuple[SchedulingDecision, Tensor]:
    """Gives each PRB to the UE with the greatest rate times 100^action that needs it."""
    weight = 10.0 ** (_DECADES * actions[..., 0].to(seen.rate_bits.dtype))
    return assign(seen.rate_bits, seen, saturated=context.saturated, weight=weight), _none(actions)


def _holds(decision: SchedulingDecision, context: SchedulingContext) -> Tensor:
    """Finds the UEs that hold any PRB of a decision, bool ``[B, U]``."""
    holders = (
        decision.user if decision.partners is None else torch.cat((decision.user[..., None], decision.partners), -1)
    )
    held = holders.flatten(1) + 1
    count = held.new_zeros((len(held), context.users + 1)).scatter_(1, held, 1)
    return count[:, 1:] > 0


def _priority_of(decision: SchedulingDecision, seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    """Returns 1 for the UEs that hold PRBs, -1 for the others."""
    return (2.0 * _holds(decision, context).float() - 1.0)[..., None]


def _level_of(decision: SchedulingDecision, seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    """Returns the first level above 0 for the UEs that hold PRBs, 0 for the others."""
    return _holds(decision, context).long()


def _has_something(seen: SchedulingObservation, context: SchedulingContext) -> Tensor:
    """Opens all levels to UEs that have something to send, and the first to all, bool ``[B, U, levels]``."""
    wants = (seen.need_prbs > 0)[..., None].repeat(1, 1, _LEVELS)
    wants[..., 0] = True
    return wants


def _order(
    actions: Tensor, seen: SchedulingObservation, context: SchedulingContext
) -> tuple[SchedulingDecision, Tensor]:
    """Gives PRBs by rate times 10^level; UEs of level 0 get none."""
    idle = (actions > 0) & ~(seen.need_prbs > 0)
    metric = seen.rate_bits.masked_fill((actions == 0)[..., None], -torch.inf)
    weight = 10.0 ** actions.to(metric.dtype)
    return assign(metric, seen, saturated=context.saturated, weight=weight), idle.sum(1)


ENVIRONMENT = Environment(
    scenario="scheduling-macro",
    agent="ue",
    agents=lambda context: context.users,
    features=FEATURES,
    actions={
        "priority": Actions(
            _prioritise,
            lambda seen, context: 1,
            "a priority; a PRB goes to the UE of its cell with the greatest rate times 100^priority that needs it",
            nearest=_priority_of,
        ),
        "level": Actions(
            _order,
            lambda seen, context: _LEVELS,
            "0: no PRBs; 1 to 3: a PRB goes to the UE with the greatest rate times 10^level that needs it",
            choices=True,
            mask=_has_something,
            nearest=_level_of,
        ),
    },
    reward="log_rate",
    rewards=REWARDS,
)
