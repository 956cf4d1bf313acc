"""Packets on their way up a tree: how many each node sends and receives, and which of them arrive.

A node's parent is another node or the sink. Heads fuse what they receive and their own packet into one; others pass
every packet on. The tree is walked one hop at a time for all nodes at once, as many hops as it has. The sink is column
0 and node n column n + 1, so that nothing has to be masked: a mask costs as much as ten additions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PacketLoads:
    """Packets of a round, float64 ``[B, N]`` each."""

    received: Tensor
    sent: Tensor


def parent_column(parent: Tensor) -> Tensor:
    """Column of what is above each node, int64 ``[B, N]``: n + 1 for node n, 0 for the sink or nobody.

    Args:
        parent: int64 ``[B, N]``, negative for the sink or nobody.
    """
    return parent.clamp(min=-1, max=parent.shape[1] - 1).add_(1)


def packet_loads(up: Tensor, head: Tensor, own: Tensor) -> PacketLoads:
    """Packets that each node receives and sends.

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
    """Whose packets reach the sink, bool ``[B, N]``: if every node on the way sends with success.

    Args:
        up: of :func:`parent_column`.
        passes: bool ``[B, N]`` whether what a node sends is received; false for those that send to nobody.
    """
    fine = passes
    while True:
        now = passes & prepend_sink(fine, True).gather(1, up)
        if torch.equal(now, fine):
            return fine
        fine = now


def ends_at_sink(up: Tensor) -> Tensor:
    """Who gets to the end of its way, bool ``[B, N]``; not those on a circle or on the way to one.

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
    """Sum of the values of the children of each node, ``[B, N]``."""
    batch, nodes = values.shape
    return values.new_zeros((batch, nodes + 1)).scatter_add_(1, up, values)[:, 1:]


def prepend_sink(values: Tensor, sink: float | Tensor) -> Tensor:
    """The values of the nodes ``[B, N]`` behind that of the sink, one number or ``[B, 1]``."""
    first = sink if isinstance(sink, Tensor) else values.new_full((len(values), 1), sink)
    return torch.cat((first, values), 1)
