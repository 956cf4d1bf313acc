"""Computes packets on their way up a tree: how many each node sends and receives, and which of them arrive.

A node's parent is another node or the sink. Heads fuse what they receive and their own packet into one; others pass
every packet on. The tree is walked one hop at a time for all nodes at once, as many hops as it has. The sink is column
0 and node n column n + 1, so that nothing has to be masked: a mask costs as much as ten additions.

B drops, N nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PacketLoads:
    """Holds the packets of a round, float64 ``[B, N]`` each."""

    received: Tensor
    sent: Tensor


def parent_column(parent: Tensor) -> Tensor:
    """Computes the column of each node's parent, int64 ``[B, N]``: n + 1 for node n, 0 for the sink or no parent.

    Args:
        parent: int64 ``[B, N]``, negative for the sink or no parent.
    """
    return parent.clamp(min=-1, max=parent.shape[1] - 1).add_(1)


def packet_loads(up: Tensor, head: Tensor, own: Tensor) -> PacketLoads:
    """Counts the packets that each node receives and sends.

    Args:
        up: of :func:`parent_column`, without circles (:func:`ends_at_sink`).
        head: bool ``[B, N]``.
        own: ``[B, N]`` packets that each node makes itself, 0 or 1; 0 for the dead.
    """
    most = torch.where(head, 1.0, torch.inf).to(own.dtype)
    sent = own
    while True:
        received = sum_of_children(sent, up)
        now = torch.minimum(own + received, most)
        if torch.equal(now, sent):
            return PacketLoads(received, sent)
        sent = now


def is_delivered(up: Tensor, passes: Tensor) -> Tensor:
    """Finds the nodes from which packets reach the sink, bool ``[B, N]``: sending succeeds on their whole route.

    Args:
        up: of :func:`parent_column`.
        passes: bool ``[B, N]``, nodes whose sending succeeds; false for those without a parent.
    """
    delivered = passes
    while True:
        now = passes & prepend_sink(delivered, True).gather(1, up)
        if torch.equal(now, delivered):
            return delivered
        delivered = now


def ends_at_sink(up: Tensor) -> Tensor:
    """Returns which routes end at the sink, bool ``[B, N]``; not those on a circle or on the way to one.

    Pointers are doubled, so that N hops take log2(N) steps.

    Args:
        up: of :func:`parent_column`.
    """
    top = prepend_sink(up, 0)
    for _ in range(up.shape[1].bit_length()):
        if int(top.max()) == 0:
            break
        top = top.gather(1, top)
    return top[:, 1:] == 0


def sum_of_children(values: Tensor, up: Tensor) -> Tensor:
    """Sums the values ``[B, N]`` of the children of each node, ``[B, N]``."""
    batch, nodes = values.shape
    return values.new_zeros((batch, nodes + 1)).scatter_add_(1, up, values)[:, 1:]


def prepend_sink(values: Tensor, sink: float | Tensor) -> Tensor:
    """Puts the value of the sink, one number or ``[B, 1]``, before those of the nodes ``[B, N]``, ``[B, N + 1]``."""
    first = sink if isinstance(sink, Tensor) else values.new_full((len(values), 1), sink)
    return torch.cat((first, values), 1)
