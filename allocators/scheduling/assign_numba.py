"""Assigns PRBs to UEs in loops; the torch form, number for number, is in :mod:`allocators.scheduling.assign`."""

from __future__ import annotations

import numpy as np

from phy.numerics.jit import Loop, compiled

Array = np.ndarray

_NEVER = float("-inf")


@Loop
def assign_prbs(
    metric: Array,
    weight: Array,
    roster: Array,
    need: Array,
    owned: Array,
    lent: Array,
    slice_id: Array,
    most: Array,
    passes: int,
    saturated: bool,
    user: Array,
) -> None:
    """Assigns each PRB to the user with the greatest metric that may hold it and still needs it.

    Args:
        metric: ``[B, U, K]``, or ``[B, U, 1]`` where all PRBs are alike.
        weight: ``[B, U]``, with which each user's metric is multiplied.
        roster: ``[B, C, M]`` users of each cell, padded with U.
        need: PRBs that each user wants, ``[B, U]``.
        owned: ``[B, U, K]`` bool, PRBs that each user may hold; without rows where it may hold all.
        lent: those that it may borrow; without rows where there are none.
        slice_id: slice of each user, ``[B, U]``.
        most: PRBs that each slice may hold in a cell, ``[B, C, S]``; without rows where there is no limit.
        passes: how often PRBs are offered that their winner does not need.
        saturated: no need is ever met, and PRBs are offered once unless there is a limit.
        user: ``[B, C, K]``, written; -1 for none.
    """
    drops, cells, prbs = user.shape
    places = roster.shape[2]
    left, won, room = np.empty(places, np.int64), np.empty(places, np.int64), np.empty(most.shape[2], np.int64)
    limited = len(most) > 0
    for b in range(drops):
        for c in range(cells):
            holder = user[b, c]
            holder[:] = -1
            count = members_in_need(roster[b, c], need[b], prbs, left)
            if saturated and not limited and len(owned) == 0 and metric.shape[2] == prbs:
                best_members(metric[b], weight[b], roster[b, c, :count], left, holder)
                continue
            if limited:
                for s in range(len(room)):
                    room[s] = most[b, c, s]
            for turn in range(2 if len(lent) else 1):
                mask = lent if turn else owned
                for _ in range(passes if limited or not saturated else 1):
                    won[:count] = 0
                    if limited:
                        for m in range(count):
                            if room[slice_id[b, roster[b, c, m]]] <= 0:
                                left[m] = 0
                    members = roster[b, c, :count]
                    _offer(b, metric, weight[b], members, mask, slice_id[b], left, won, room, saturated, holder)
                    if not saturated:
                        for m in range(count):
                            left[m] = max(left[m] - won[m], 0)


@Loop
def turns(
    roster: Array, need: Array, slice_id: Array, owned: Array, pointer: Array, slices: int, bid: Array, after: Array
) -> None:
    """Computes what users bid in a round robin: minus the places between the user and the PRB's turn.

    Args:
        roster: ``[B, C, M]`` users of each cell, padded with U.
        need: PRBs that each user wants, ``[B, U]``.
        slice_id: ``[B, U]`` slice of each user.
        owned: ``[B, U, K]`` bool, PRBs of the user's slice; without rows where all are.
        pointer: ``[B, C * slices + 1]`` user at which each circle starts.
        slices: number of slices.
        bid: ``[B, U, K]``, written: 0 for the user whose turn it is, -1 for the next one; 0 on PRBs of other slices.
        after: as ``pointer``, written: where the circles start in the next slot.
    """
    drops, cells, places = roster.shape
    users, prbs = need.shape[1], bid.shape[2]
    after[:] = pointer
    for b in range(drops):
        for c in range(cells):
            for m in range(places):
                u = roster[b, c, m]
                if u == users:
                    break
                group = c * slices + slice_id[b, u]
                rank, size = _rank(u, roster[b, c], need[b], slice_id[b], pointer[b, group])
                wait = (rank + 1) % size  # places to the turn of the PRB before the first
                for k in range(prbs):
                    own = len(owned) == 0 or owned[b, u, k]
                    if own:
                        wait = wait - 1 if wait else size - 1
                    bid[b, u, k] = -wait if own else 0.0
                if need[b, u] > 0 and wait == (1 if size > 1 else 0):  # the turn after the last PRB
                    after[b, group] = u


@compiled
def _rank(user: int, members: Array, need: Array, slice_id: Array, pointer: int) -> tuple[int, int]:
    """Counts the users with data of the user's slice between the pointer and the user, and in the whole circle."""
    rank, size, users = 0, 0, len(need)
    place = user if user >= pointer else user + users
    for m in range(len(members)):
        other = members[m]
        if other < users and need[other] > 0 and slice_id[other] == slice_id[user]:
            size += 1
            rank += 1 if (other if other >= pointer else other + users) < place else 0
    return rank, max(size, 1)


@compiled
def members_in_need(roster: Array, need: Array, prbs: int, left: Array) -> int:
    """Returns how many users a cell has, and writes the PRBs that each one wants."""
    count = 0
    while count < len(roster) and roster[count] < len(need):
        left[count] = int(np.ceil(min(need[roster[count]], float(prbs))))
        count += 1
    return count


@compiled
def best_members(metric: Array, weight: Array, members: Array, left: Array, holder: Array) -> None:
    """Finds the member with the greatest metric on each PRB, of those that need any; all in one pass over members."""
    best, place = np.empty(len(holder), metric.dtype), np.empty(len(holder), np.int32)
    best[:] = -np.inf
    place[:] = -1
    for m in range(len(members)):
        if left[m] > 0:
            row, factor = metric[members[m]], weight[members[m]]
            for k in range(len(best)):
                value = row[k] * factor
                place[k] = m if value > best[k] else place[k]
                best[k] = value if value > best[k] else best[k]
    for k in range(len(holder)):
        holder[k] = members[place[k]] if place[k] >= 0 else -1


@compiled
def _offer(
    b: int,
    metric: Array,
    weight: Array,
    members: Array,
    mask: Array,
    slice_id: Array,
    left: Array,
    won: Array,
    room: Array,
    saturated: bool,
    holder: Array,
) -> None:
    """Offers every idle PRB to the best member that still needs one, which keeps the first ones, up to its need.

    Of those that the users of a slice keep, the first ones are theirs, up to the room of the slice.
    """
    one_for_all = metric.shape[2] == 1
    for k in range(len(holder)):
        if holder[k] >= 0:
            continue
        best, place = _NEVER, -1
        for m in range(len(members)):
            u = members[m]
            if left[m] > 0 and (len(mask) == 0 or mask[b, u, k]):
                value = metric[b, u, 0 if one_for_all else k] * weight[u]
                if value > best:
                    best, place = value, m
        if place >= 0:
            won[place] += 1
            if saturated or won[place] <= left[place]:
                if len(room):
                    room[slice_id[members[place]]] -= 1
                    if room[slice_id[members[place]]] < 0:
                        continue
                holder[k] = members[place]
