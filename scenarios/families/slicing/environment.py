"""Describes slicing to learners: each cell sets the quotas of its slices. B drops, C cells, S slices."""

from __future__ import annotations

import torch
from torch import Tensor

from allocators.slicing.apportionment import apportion
from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation

from ..environment import Actions, Environment, Feature
from ..rate_rewards import REWARDS

_MBIT = 1e6


def _share_held(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return seen.rbg / context.rbgs


def _users(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return seen.users / seen.users.sum(-1, keepdim=True).clamp(min=1.0)


def _backlog(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return torch.log1p(seen.backlog_bits / _MBIT)


def _arrived(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return seen.arrived_bits / (_MBIT * context.interval_s)


def _served(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return seen.served_bits / (_MBIT * context.interval_s)


def _requested(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    slots = context.interval_s / context.slot_s
    return torch.log1p(seen.requested_prbs / (context.prbs * slots))


def _granted(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return seen.granted_prbs / (context.prbs * (context.interval_s / context.slot_s))


def _efficiency(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    return seen.bits_per_prb / 1000.0


FEATURES = {
    "share_held": Feature(_share_held, "1", "share of the RBGs that each slice holds"),
    "users": Feature(_users, "1", "share of the cell's UEs that belong to each slice"),
    "backlog": Feature(_backlog, "1", "log(1 + backlog in Mbit) of each slice"),
    "arrived": Feature(_arrived, "Mbit/s", "rate of arrivals in the last interval, of each slice"),
    "served": Feature(_served, "Mbit/s", "rate served in the last interval, of each slice"),
    "requested": Feature(_requested, "1", "log(1 + PRBs requested in the last interval over all PRBs), of each slice"),
    "granted": Feature(_granted, "1", "share of the PRBs of the last interval that each slice got"),
    "efficiency": Feature(_efficiency, "kbit", "mean reported bits of a PRB and slot, of each slice"),
}


def _weigh(actions: Tensor, seen: SlicingObservation, context: SlicingContext) -> tuple[SlicingDecision, Tensor]:
    """Shares out the RBGs in proportion to (1 + action) / 2, by largest remainder; every slice keeps its least."""
    rbg = apportion((1.0 + actions.double()) / 2.0, context.rbgs, context.min_rbg)
    return SlicingDecision(rbg), torch.zeros(len(actions), dtype=torch.int64, device=actions.device)


def _weights_of(decision: SlicingDecision, seen: SlicingObservation, context: SlicingContext) -> Tensor:
    """Returns the share of the RBGs that each slice gets, from -1 (none) to 1 (all)."""
    return (2.0 * decision.rbg / context.rbgs - 1.0).to(torch.float32)


def _pairs(context: SlicingContext) -> tuple[Tensor, Tensor]:
    """Lists the slice that gives and the one that takes in each move, int64 ``[moves]``; the first two are the same."""
    slices = range(len(context.slices))
    both = [(0, 0), *((one, other) for one in slices for other in slices if one != other)]
    giver, taker = torch.tensor(both, device=context.device).unbind(1)
    return giver, taker


def _open_moves(seen: SlicingObservation, context: SlicingContext) -> Tensor:
    """Finds the moves that leave the giver its least, bool ``[B, C, moves]``; to move nothing is always open."""
    giver, _ = _pairs(context)
    able = (seen.rbg > context.min_rbg)[..., giver]
    able[..., 0] = True
    return able


def _move(actions: Tensor, seen: SlicingObservation, context: SlicingContext) -> tuple[SlicingDecision, Tensor]:
    """Moves an RBG from one slice to another; a move that would leave the giver less than its least is none."""
    able = _open_moves(seen, context).gather(-1, actions[..., None])
    giver, taker = (side[actions][..., None] for side in _pairs(context))
    step = able.long()
    rbg = seen.rbg.scatter_add(-1, giver, -step).scatter_add(-1, taker, step)
    return SlicingDecision(rbg), (~able).flatten(1).sum(1)


def _move_of(decision: SlicingDecision, seen: SlicingObservation, context: SlicingContext) -> Tensor:
    """Returns the move from the slice that loses most to the one that gains most; none where nothing changes."""
    change = decision.rbg - seen.rbg
    giver, taker = _pairs(context)
    lost, gained = change.argmin(-1)[..., None], change.argmax(-1)[..., None]
    return ((giver == lost) & (taker == gained)).long().argmax(-1)


ENVIRONMENT = Environment(
    scenario="slicing-quickstart",
    agent="cell",
    agents=lambda context: context.cells,
    features=FEATURES,
    actions={
        "weights": Actions(
            _weigh,
            lambda seen, context: len(context.slices),
            "a weight of each slice; RBGs are shared out in proportion to 1 + weight",
            nearest=_weights_of,
        ),
        "moves": Actions(
            _move,
            lambda seen, context: 1 + len(context.slices) * (len(context.slices) - 1),
            "0: keep the quotas; otherwise move an RBG from one slice to another",
            choices=True,
            mask=_open_moves,
            nearest=_move_of,
        ),
    },
    reward="satisfaction",
    rewards=REWARDS,
    metrics=("satisfaction", "tractor_score"),
)
