"""Slow plain loops that say what schedulers must decide, and made-up slots to try them on."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mac.scheduling import SchedulingContext, SchedulingObservation
from phy.random import Drops


@dataclass(frozen=True)
class Shape:
    batch: int = 1
    users: int = 6
    cells: int = 2
    prbs: int = 8
    slices: int = 1
    lent: bool = False
    limited: bool = False  # a slice may hold so many PRBs and no more, whatever it owns


def roster_loops(serving: Tensor, cells: int) -> Tensor:
    batch, users = serving.shape
    lists = [[[u for u in range(users) if serving[b, u] == c] for c in range(cells)] for b in range(batch)]
    most = max(1, max(len(row) for rows in lists for row in rows))
    return torch.tensor([[row + [users] * (most - len(row)) for row in rows] for rows in lists])


def slot(shape: Shape, seed: int = 0, dtype: torch.dtype = torch.float64, **given: Any) -> SchedulingObservation:
    """A made-up slot; ``given`` replaces fields."""
    luck = torch.Generator().manual_seed(seed)
    size = (shape.batch, shape.users)

    def whole(low: int, high: int, *dims: int) -> Tensor:
        return torch.randint(low, high + 1, dims, generator=luck)

    serving = given.get("serving", whole(0, shape.cells - 1, *size))
    slice_id = given.get("slice_id", whole(0, shape.slices - 1, *size))
    rate = given.get("rate_bits", whole(0, 5, *size, shape.prbs).to(dtype) * 100)
    need = given.get("need_prbs", whole(0, shape.prbs, *size).to(dtype) * whole(0, 1, *size))
    owned = borrowable = None
    if shape.slices > 1:
        owner = whole(0, shape.slices, shape.batch, shape.cells, shape.prbs)  # slice S: of no slice
        home = serving[..., None].expand(*size, shape.prbs)
        owned = owner.gather(1, home) == slice_id[..., None]
        borrowable = ~owned if shape.lent else None
    most = whole(0, shape.prbs, shape.batch, shape.cells, shape.slices) if shape.limited else None
    fields: dict[str, Any] = {
        "slot": 0,
        "serving": serving,
        "slice_id": slice_id,
        "roster": roster_loops(serving, shape.cells),
        "rate_bits": rate,
        "mean_rate_bits": rate.mean(-1),
        "backlog_bits": need * 300,
        "need_prbs": need,
        "retransmits": torch.zeros(size, dtype=torch.bool),
        "served_bits": whole(0, 2000, *size).to(dtype),
        "delay_budget_s": torch.full(size, math.inf, dtype=dtype),
        "owned": owned,
        "borrowable": borrowable,
        "most_prbs": most,
        "head_of_line": lambda: torch.zeros(size, dtype=dtype),
    }
    return SchedulingObservation(**(fields | given))


def context(shape: Shape, saturated: bool = False, dtype: torch.dtype = torch.float64) -> SchedulingContext:
    return SchedulingContext(
        drops=Drops(1, tuple(range(shape.batch))),
        users=shape.users,
        cells=shape.cells,
        prbs=shape.prbs,
        slices=shape.slices,
        slot_s=1e-3,
        saturated=saturated,
        device=torch.device("cpu"),
        dtype=dtype,
    )


def moved(record: Any, device: str) -> Any:
    """An observation or context with all its tensors on another device."""
    changes = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Tensor):
            changes[field.name] = value.to(device)
        elif isinstance(value, torch.device):
            changes[field.name] = torch.device(device)
        elif callable(value):
            changes[field.name] = lambda value=value: value().to(device)
    return dataclasses.replace(record, **changes)


def only(observation: SchedulingObservation, drop: int) -> SchedulingObservation:
    """One drop of a batch, with a roster no wider than it needs."""
    changes = {}
    for field in dataclasses.fields(observation):
        value = getattr(observation, field.name)
        if isinstance(value, Tensor):
            changes[field.name] = value[drop : drop + 1]
        elif callable(value):
            changes[field.name] = lambda value=value: value()[drop : drop + 1]
    changes["roster"] = roster_loops(changes["serving"], observation.roster.shape[1])
    return dataclasses.replace(observation, **changes)


def assign_loops(metric: Tensor, observation: SchedulingObservation, passes: int, saturated: bool) -> Tensor:
    """Holder of each PRB, ``[B, C, K]``."""
    batch, cells, _ = observation.roster.shape
    users, prbs = observation.rate_bits.shape[1:]
    metric = metric.expand(batch, users, prbs)
    holder = torch.full((batch, cells, prbs), -1)
    masks = [observation.owned] + ([observation.borrowable] if observation.borrowable is not None else [])
    for b in range(batch):
        need = [math.ceil(x) for x in observation.need_prbs[b].tolist()]
        room = None if observation.most_prbs is None else observation.most_prbs[b].tolist()
        slots = Slots(observation.serving[b].tolist(), observation.slice_id[b].tolist(), room)
        for mask in masks:
            for _ in range(1 if saturated and room is None else passes):
                _offer(holder[b], metric[b], slots, need, None if mask is None else mask[b], saturated)
    return holder


@dataclass
class Slots:
    """Cell and slice of each user, and the PRBs that each slice of each cell may still hold."""

    serving: list[int]
    slice_id: list[int]
    room: list[list[int]] | None

    def has_room(self, user: int) -> bool:
        return self.room is None or self.room[self.serving[user]][self.slice_id[user]] > 0

    def take(self, user: int) -> None:
        if self.room is not None:
            self.room[self.serving[user]][self.slice_id[user]] -= 1


def _offer(holder: Tensor, metric: Tensor, of: Slots, need: list[int], mask: Tensor | None, endless: bool) -> None:
    kept = [0] * len(need)
    open_to = [need[u] > 0 and of.has_room(u) for u in range(len(need))]
    for c in range(holder.shape[0]):
        for k in range(holder.shape[1]):
            if holder[c, k] >= 0:
                continue
            best, winner = -math.inf, -1
            for u in range(len(need)):
                allowed = of.serving[u] == c and open_to[u] and (mask is None or bool(mask[u, k]))
                if allowed and float(metric[u, k]) > best:
                    best, winner = float(metric[u, k]), u
            if winner >= 0 and (endless or kept[winner] < need[winner]) and of.has_room(winner):
                kept[winner] += 1
                of.take(winner)
                holder[c, k] = winner
    if not endless:
        for u, count in enumerate(kept):
            need[u] -= count


def water_filling_loops(need: list[int], prbs: int) -> list[int]:
    """Max-min fair whole numbers by giving one PRB at a time to the user that has least and wants more, sorted."""
    share = [0] * len(need)
    for _ in range(prbs):
        open_to = [u for u in range(len(need)) if share[u] < need[u]]
        if not open_to:
            break
        share[min(open_to, key=lambda u: share[u])] += 1
    return sorted(share)


def level_loops(weights: list[float], total: float, low: list[float], high: list[float]) -> list[float]:
    """``clamp(level * weight, low, high)`` that adds up to ``total``, by bisection."""

    def shares(level: float) -> list[float]:
        return [min(max(level * w, a), b) for w, a, b in zip(weights, low, high, strict=True)]

    lower, upper = 0.0, 1e15
    for _ in range(300):
        middle = (lower + upper) / 2
        lower, upper = (middle, upper) if sum(shares(middle)) <= total else (lower, middle)
    return shares(lower)
