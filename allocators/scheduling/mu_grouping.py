"""Who goes with whom on a PRB: expected rates of users who share one, added to user by user.

All by place in the cell (:class:`~allocators.scheduling.cell_layout.CellLayout`): M places of C cells and K PRBs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingObservation
from phy.numerics import log_grid

from .cell_layout import CellLayout


@dataclass(frozen=True)
class Member:
    """One of those who share a PRB."""

    place: Tensor  # [B, C, K] int64
    kept: Tensor  # [B, C, K] part of his SINR that zero-forcing leaves him
    apart: Tensor  # [B, C, M, K] 1 - similarity with each user of the cell


@dataclass(frozen=True)
class Group:
    """Those who share each PRB so far, and who may join."""

    members: tuple[Member, ...]
    total: Tensor  # [B, C, K] expected sum of weighted rates
    open: Tensor  # [B, C, M, K] bool, who may join
    kept: Tensor  # [B, C, M, K] part of his SINR that zero-forcing would leave him who joins
    likeness: Tensor  # [B, C, M, K] his greatest similarity with anybody there
    need: Tensor  # [B, C, M] PRBs that he still wants
    newest: Tensor  # [B, C, K] int64, user who joined last, -1 for nobody


@dataclass(frozen=True)
class GroupRates:
    """What all of a slot's choices of partners stand on."""

    roster: CellLayout
    sinr: Tensor  # [B, C, M, K] of each user alone
    weight: Tensor  # [B, C, M, 1]
    alike: Tensor  # [B, C, M, M]
    slice_id: Tensor  # [B, C, M]
    may_hold: Tensor | None  # [B, C, M, K] bool; None: every PRB
    need: Tensor  # [B, C, M]
    bits: Tensor  # [loggrid.SIZE] of a PRB at a SINR

    @classmethod
    def of(cls, observation: SchedulingObservation, weight: Tensor, context: SchedulingContext) -> GroupRates:
        """Of one slot, with a weight ``[B, U]`` of each user's rate."""
        roster = CellLayout.of(observation)
        assert observation.sinr is not None and context.bits_of_sinr is not None
        column = roster.user.clamp(max=roster.users - 1)[:, :, None]
        alike = roster.rows(observation.similarity)
        may_hold = observation.owned
        if may_hold is not None and observation.borrowable is not None:
            may_hold = may_hold | observation.borrowable
        return cls(
            roster=roster,
            sinr=roster.rows(observation.sinr),
            weight=roster.rows(weight)[..., None],
            alike=alike.gather(3, column.expand(-1, -1, alike.shape[2], -1)),
            slice_id=roster.rows(observation.slice_id),
            may_hold=None if may_hold is None else roster.rows(may_hold),
            need=roster.need(observation),
            bits=context.bits_of_sinr,
        )

    def alone(self, user: Tensor) -> Group:
        """The holders ``[B, C, K]`` alone."""
        mine = self.roster.user[..., None] == user[:, :, None]  # nobody is no place's user
        place, held = mine.to(torch.int8).argmax(2), user >= 0
        member = Member(place, torch.ones_like(self.sinr[:, :, 0]), self._apart(place))
        total = self._of(self.weight.expand_as(self.sinr), place) * self._rate(self._of(self.sinr, place))
        free = held[:, :, None] & (
            self.slice_id[..., None] == self._of(self.slice_id[..., None].expand_as(mine), place)[:, :, None]
        )
        if self.may_hold is not None:
            free = free & self.may_hold
        need = (self.need - mine.sum(-1)).clamp_(min=0)
        return Group((member,), total, free, member.apart, 1.0 - member.apart, need, user)

    def expected(self, company: Group) -> Tensor:
        """Sum of weighted rates ``[B, C, M, K]`` with each user in turn as one more."""
        users = len(company.members) + 1
        total = self.weight * self._rate(self.sinr * company.kept / users)
        for member in company.members:
            sinr = (self._of(self.sinr, member.place) * member.kept / users)[:, :, None] * member.apart
            total = total + self._of(self.weight.expand_as(self.sinr), member.place)[:, :, None] * self._rate(sinr)
        return total

    def within_need(self, company: Group, place: Tensor, won: Tensor) -> Tensor:
        """Of the PRBs that a user has won the first ones, up to what he still needs, bool ``[B, C, K]``."""
        count = torch.zeros(self.sinr.shape, dtype=torch.int16, device=won.device)
        count = count.scatter_(2, place[:, :, None], won.to(torch.int16)[:, :, None]).cumsum(-1, dtype=torch.int16)
        return count.gather(2, place[:, :, None])[:, :, 0] <= company.need.gather(2, place)

    def with_one_more(self, company: Group, place: Tensor, joins: Tensor, total: Tensor) -> Group:
        """The user at ``place`` joins where ``joins`` says so; other PRBs are closed."""
        one = torch.ones_like(total)
        members = tuple(
            replace(member, kept=member.kept * torch.where(joins, self._of(member.apart, place), one))
            for member in company.members
        )
        new = Member(place, self._of(company.kept, place), self._apart(place))
        taken = torch.zeros(self.sinr.shape, dtype=company.need.dtype, device=place.device)
        taken = taken.scatter_(2, place[:, :, None], joins.to(taken.dtype)[:, :, None]).sum(-1)
        return Group(
            members=(*members, new),
            total=total,
            open=company.open & joins[:, :, None],
            kept=company.kept * new.apart,
            likeness=company.likeness.maximum(1.0 - new.apart),
            need=(company.need - taken).clamp_(min=0),
            newest=torch.where(joins, self.roster.user.gather(2, place), -1),
        )

    def _apart(self, place: Tensor) -> Tensor:
        """1 - similarity of each user with the one at ``place``, ``[B, C, M, K]``."""
        index = place[:, :, None].expand(-1, -1, self.alike.shape[2], -1)
        return 1.0 - self.alike.gather(3, index)

    def _of(self, values: Tensor, place: Tensor) -> Tensor:
        return values.gather(2, place[:, :, None])[:, :, 0]

    def _rate(self, sinr: Tensor) -> Tensor:
        return self.bits[log_grid.index(sinr)]
