"""Computes expected rates of UEs that share a PRB, for groups that grow UE by UE.

All by place in the cell (:class:`~allocators.scheduling.cell_layout.CellLayout`): B drops, C cells, M places of a cell,
K PRBs.
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
    """Holds one UE of the group of each PRB."""

    place: Tensor  # [B, C, K] int64
    kept: Tensor  # [B, C, K] part of its SINR that zero-forcing leaves
    separation: Tensor  # [B, C, M, K] 1 - similarity with each UE of the cell


@dataclass(frozen=True)
class Group:
    """Holds the UEs that share each PRB so far, and which may join."""

    members: tuple[Member, ...]
    total: Tensor  # [B, C, K] expected sum of weighted rates
    open: Tensor  # [B, C, M, K] bool, UEs that may join
    kept: Tensor  # [B, C, M, K] part of its SINR that zero-forcing would leave a UE that joins
    similarity: Tensor  # [B, C, M, K] its greatest similarity with any member
    need: Tensor  # [B, C, M] PRBs that it still needs
    newest: Tensor  # [B, C, K] int64, UE that joined last, -1 for none


@dataclass(frozen=True)
class GroupRates:
    """Computes the groups of one slot and their expected rates."""

    layout: CellLayout
    sinr: Tensor  # [B, C, M, K] of each UE alone
    weight: Tensor  # [B, C, M, 1]
    similarity: Tensor  # [B, C, M, M]
    slice_id: Tensor  # [B, C, M]
    may_hold: Tensor | None  # [B, C, M, K] bool; None: every PRB
    need: Tensor  # [B, C, M]
    bits: Tensor  # [log_grid.SIZE] of a PRB at a SINR

    @classmethod
    def of(cls, observation: SchedulingObservation, weight: Tensor, context: SchedulingContext) -> GroupRates:
        """Builds the groups' rates from the reports of one slot, with a weight ``[B, U]`` of each UE's rate."""
        layout = CellLayout.of(observation)
        assert observation.sinr is not None and context.bits_of_sinr is not None
        column = layout.user.clamp(max=layout.users - 1)[:, :, None]
        similarity = layout.by_place(observation.similarity)
        may_hold = observation.owned
        if may_hold is not None and observation.borrowable is not None:
            may_hold = may_hold | observation.borrowable
        return cls(
            layout=layout,
            sinr=layout.by_place(observation.sinr),
            weight=layout.by_place(weight)[..., None],
            similarity=similarity.gather(3, column.expand(-1, -1, similarity.shape[2], -1)),
            slice_id=layout.by_place(observation.slice_id),
            may_hold=None if may_hold is None else layout.by_place(may_hold),
            need=layout.need(observation),
            bits=context.bits_of_sinr,
        )

    def alone(self, user: Tensor) -> Group:
        """Makes groups of one UE each, of the holders ``[B, C, K]``, -1 for none."""
        own = self.layout.user[..., None] == user[:, :, None]  # -1 is at no place
        place, held = own.to(torch.int8).argmax(2), user >= 0
        member = Member(place, torch.ones_like(self.sinr[:, :, 0]), self._separation(place))
        total = self._of(self.weight.expand_as(self.sinr), place) * self._rate(self._of(self.sinr, place))
        free = held[:, :, None] & (
            self.slice_id[..., None] == self._of(self.slice_id[..., None].expand_as(own), place)[:, :, None]
        )
        if self.may_hold is not None:
            free = free & self.may_hold
        need = (self.need - own.sum(-1)).clamp_(min=0)
        return Group((member,), total, free, member.separation, 1.0 - member.separation, need, user)

    def expected(self, group: Group) -> Tensor:
        """Computes the sum of weighted rates ``[B, C, M, K]`` with each UE in turn as one more member."""
        users = len(group.members) + 1
        total = self.weight * self._rate(self.sinr * group.kept / users)
        for member in group.members:
            sinr = (self._of(self.sinr, member.place) * member.kept / users)[:, :, None] * member.separation
            total = total + self._of(self.weight.expand_as(self.sinr), member.place)[:, :, None] * self._rate(sinr)
        return total

    def within_need(self, group: Group, place: Tensor, won: Tensor) -> Tensor:
        """Selects the first of the PRBs that a UE has won, up to what it still needs, bool ``[B, C, K]``."""
        count = torch.zeros(self.sinr.shape, dtype=torch.int16, device=won.device)
        count = count.scatter_(2, place[:, :, None], won.to(torch.int16)[:, :, None]).cumsum(-1, dtype=torch.int16)
        return count.gather(2, place[:, :, None])[:, :, 0] <= group.need.gather(2, place)

    def with_one_more(self, group: Group, place: Tensor, joins: Tensor, total: Tensor) -> Group:
        """Adds the UE at ``place [B, C, K]`` where ``joins [B, C, K]`` is true; other PRBs are closed."""
        one = torch.ones_like(total)
        members = tuple(
            replace(member, kept=member.kept * torch.where(joins, self._of(member.separation, place), one))
            for member in group.members
        )
        new = Member(place, self._of(group.kept, place), self._separation(place))
        taken = torch.zeros(self.sinr.shape, dtype=group.need.dtype, device=place.device)
        taken = taken.scatter_(2, place[:, :, None], joins.to(taken.dtype)[:, :, None]).sum(-1)
        return Group(
            members=(*members, new),
            total=total,
            open=group.open & joins[:, :, None],
            kept=group.kept * new.separation,
            similarity=group.similarity.maximum(1.0 - new.separation),
            need=(group.need - taken).clamp_(min=0),
            newest=torch.where(joins, self.layout.user.gather(2, place), -1),
        )

    def _separation(self, place: Tensor) -> Tensor:
        """Computes 1 - similarity of each UE with the one at ``place``, ``[B, C, M, K]``."""
        index = place[:, :, None].expand(-1, -1, self.similarity.shape[2], -1)
        return 1.0 - self.similarity.gather(3, index)

    def _of(self, values: Tensor, place: Tensor) -> Tensor:
        return values.gather(2, place[:, :, None])[:, :, 0]

    def _rate(self, sinr: Tensor) -> Tensor:
        return self.bits[log_grid.index(sinr)]
