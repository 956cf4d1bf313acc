"""Makes virtual samples for pairs of state and action that no trial has (arXiv 2312.07896).

The reward of such a pair is what the slices would score with the RBGs that they have after the action: of each service
the mean score of all its reports with so many RBGs or, where there is none, a straight line through the means at the
numbers that there are, cut to 0 and 1. Ours: the line is fitted by least squares with equal weights; with reports at
one number alone the line is level, with none the score is 0; UEs weigh alike in the reward, as in the score.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .moves import ACTIONS, RBGS, next_states, possible_from, rbg_of
from .samples import Samples, SliceScores, mean_over_users


def score_by_rbg(scores: SliceScores) -> Tensor:
    """Computes the score of each service at each number of RBGs, float64 ``[3, 18]``."""
    return torch.stack([_filled(*_means(scores, service)) for service in range(3)])


def virtual_samples(samples: Samples, scores: SliceScores, least: int) -> Samples:
    """Makes one sample of each pair of state and possible action that is missing.

    States are those with the numbers of UEs that the samples have, and all quotas of 17 RBGs.

    Args:
        samples: of the trials.
        scores: of the same trials.
        least: RBGs that every slice keeps.
    """
    users = torch.unique(samples.state[:, :3], dim=0)
    states = all_states(users, least)
    state = states.repeat_interleave(ACTIONS, 0)
    action = torch.arange(ACTIONS).repeat(len(states))
    there = torch.isin(_pair(state, action), _pair(samples.state, samples.action))
    missing = possible_from(states, least).flatten() & ~there
    state, action = state[missing], action[missing]
    after = next_states(state, action)
    table, rbg = score_by_rbg(scores), rbg_of(after)
    score = torch.stack([table[service][rbg[:, service]] for service in range(3)], 1)
    return Samples(state, action, mean_over_users(score, after[:, :3]), after)


def all_states(users: Tensor, least: int) -> Tensor:
    """Lists the states with some numbers of UEs and every quota that keeps the least, int64 ``[samples, 5]``.

    Args:
        users: int64 ``[mixes, 3]``.
        least: RBGs that every slice keeps.
    """
    quotas = [
        (mmtc, urllc) for mmtc in range(least, RBGS - 2 * least + 1) for urllc in range(least, RBGS - mmtc - least + 1)
    ]
    rbg = torch.tensor(quotas, dtype=torch.int64)
    return torch.cat([users.repeat_interleave(len(rbg), 0), rbg.repeat(len(users), 1)], 1)


def _means(scores: SliceScores, service: int) -> tuple[Tensor, Tensor]:
    """Returns the mean score of a service by its RBGs, ``[18]``, and how many reports it is of, ``[18]``."""
    counted = scores.users[:, service] > 0
    rbg, score = scores.rbg[counted, service], scores.score[counted, service]
    number = torch.bincount(rbg, minlength=RBGS + 1).to(torch.float64)
    total = torch.bincount(rbg, weights=score, minlength=RBGS + 1)
    return total / number.clamp(min=1.0), number


def _filled(mean: Tensor, number: Tensor) -> Tensor:
    """Fills in the score at numbers of RBGs without a report."""
    there = number > 0
    at = torch.arange(RBGS + 1, dtype=torch.float64)
    if not bool(there.any()):
        return torch.zeros_like(mean)
    middle, level = at[there].mean(), mean[there].mean()
    spread = ((at[there] - middle) ** 2).sum()
    slope = ((at[there] - middle) * (mean[there] - level)).sum() / spread.clamp(min=1e-12)
    return torch.where(there, mean, (level + slope * (at - middle)).clamp(0.0, 1.0))


def _pair(state: Tensor, action: Tensor) -> Tensor:
    """Returns one number for each pair of state and action, int64 ``[samples]``."""
    number = action.clone()
    for column in state.unbind(1):
        number = number * 32 + column
    return number
