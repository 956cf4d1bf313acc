"""Holds what offline learning learns from: transitions of trials, and scores of slices by their RBGs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .moves import MOST_UES, actions_between


@dataclass(frozen=True)
class Samples:
    """Holds transitions: in a state an action was taken, and the next report had this reward."""

    state: Tensor  # [samples, 5] int64
    action: Tensor  # [samples] int64
    reward: Tensor  # [samples] float64, mean score over the UEs of the cell at the next report
    after: Tensor  # [samples, 5] int64, the next state

    def __len__(self) -> int:
        return len(self.action)


@dataclass(frozen=True)
class SliceScores:
    """Holds what each service scored with how many RBGs, one row a report and cell."""

    users: Tensor  # [samples, 3] int64
    rbg: Tensor  # [samples, 3] int64, in force until the report
    score: Tensor  # [samples, 3] float64, mean over the UEs of the service; NaN without UEs


def join(parts: Sequence[Samples]) -> Samples:
    """Puts samples one after the other."""
    return Samples(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Samples)))


def join_scores(parts: Sequence[SliceScores]) -> SliceScores:
    """Puts scores one after the other."""
    return SliceScores(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(SliceScores)))


def samples_of(users: Tensor, rbg: Tensor, score: Tensor) -> tuple[Samples, SliceScores]:
    """Makes samples of one cell of a trial: UEs and quotas of each report, and the scores at it.

    Reports between which more than one RBG moved are no sample, nor are cells without UEs.

    Args:
        users: ``[3]`` UEs of mMTC, URLLC and eMBB.
        rbg: ``[reports, 3]`` quotas in force until each report.
        score: ``[reports, 3]`` mean score of the UEs of each service at each report; NaN without UEs.
    """
    users, rbg = users.to(torch.int64), rbg.to(torch.int64)
    scores = SliceScores(users.expand(len(rbg), 3), rbg, score.to(torch.float64))
    state = torch.cat([users.clamp(max=MOST_UES).expand(len(rbg), 3), rbg[:, :2]], 1)
    action = actions_between(rbg[:-1], rbg[1:])
    kept = (action >= 0) & bool(users.sum() > 0)
    reward = mean_over_users(scores.score[1:], scores.users[1:])
    return Samples(state[:-1][kept], action[kept], reward[kept], state[1:][kept]), scores


def mean_over_users(score: Tensor, users: Tensor) -> Tensor:
    """Computes the mean score over UEs, ``[samples]``, from that of each service; both ``[samples, 3]``."""
    total = torch.where(users > 0, score * users, 0.0)
    return (total[:, 0] + total[:, 1] + total[:, 2]) / users.sum(1).clamp(min=1)
