"""Packets on their way up a tree: how many each node sends and receives, and which of them arrive.

A node's parent is another node or the sink. Heads fuse what they receive and their own packet into one; others pass
every packet on. The tree is walked one hop at a time for all nodes at once, as many hops as it has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Loads:
    """Packets of a round, float64 ``[B, N]`` each."""

    received: Tensor
    sent: Tensor


def packet_loads(parent: Tensor, head: Tensor, own: Tensor) -> Loads:
    """Packets that each node receives and sends.

    Args:
        parent: int64 ``[B, N]``, negative for the sink or nobody; without circles (:func:`climbs`).
        head: bool ``[B, N]``.
        own: ``[B, N]`` packets that each node makes itself, 0 or 1; 0 for the dead.
    """
    target = torch.where(parent < 0, parent.shape[1], parent)
    sent = own
    while True:
        received = _to_parents(sent, target)
        total = own + received
        now = torch.where(head, (total > 0).to(own.dtype), total)
        if torch.equal(now, sent):
            return Loads(received, sent)
        sent = now


def arrives(parent: Tensor, passes: Tensor) -> Tensor:
    """Whose packets reach the sink, bool ``[B, N]``: if every node on the way sends with success.

    Args:
        parent: int64 ``[B, N]``, negative for the sink or nobody.
        passes: bool ``[B, N]`` whether what a node sends is received; false for those that send to nobody.
    """
    up = parent.clamp(min=0)
    at_sink = parent < 0
    fine = passes
    while True:
        now = passes & (at_sink | fine.gather(1, up))
        if torch.equal(now, fine):
            return fine
        fine = now


def climbs(parent: Tensor) -> Tensor:
    """Who gets to the end of its way, bool ``[B, N]``; not those on a circle or on the way to one.

    Pointers are doubled, so that N hops take log2(N) steps.
    """
    nodes = parent.shape[1]
    top = parent
    for _ in range(max(1, nodes).bit_length()):
        done = top < 0
        if bool(done.all()):
            return done
        top = torch.where(done, top, top.gather(1, top.clamp(min=0)))
    return top < 0


def _to_parents(values: Tensor, target: Tensor) -> Tensor:
    """Sum of the values of the children of each node; children of nobody fall into column N."""
    batch, nodes = values.shape
    return values.new_zeros((batch, nodes + 1)).scatter_add_(1, target, values)[:, :nodes]
