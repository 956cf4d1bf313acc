"""Declares what a cluster-head selector is given at ``reset``, observes in each round, and decides.

B drops, N nodes; the sink is node -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.random import Drops
from phy.sensors.radio_energy import SensorRadioSettings

SINK = -1
"""Parent of a node that sends to the sink."""

NO_WAY = -2
"""Parent of a node that does not send: of dead nodes."""


@dataclass(frozen=True)
class WsnContext:
    """Holds what stays the same over a run; given to ``reset``."""

    drops: Drops
    nodes: int
    position_m: Tensor  # [B, N, 2]
    extent_m: tuple[float, float]  # of the field, in x and y
    initial_j: Tensor  # [B, N] charge at the start
    radio: SensorRadioSettings
    packet_bits: float  # with header
    control_bits: int  # of a control message; 0: they cost nothing, and a decision needs none
    round_s: float
    device: torch.device


@dataclass(frozen=True)
class WsnObservation:
    """Holds what nodes know of themselves, and the sink of all of them, at the start of a round."""

    round: int
    alive: Tensor  # [B, N] bool
    energy_j: Tensor  # [B, N] what is left
    sink_m: Tensor  # [B, 2] where the sink is in this round
    sensed: Tensor  # [B, N] bool, nodes that have a packet in this round


@dataclass(frozen=True)
class Control:
    """Holds the messages of a round besides the data, which cost energy where control packets are on.

    Every node whose parent is another node also sends that one a message, which says that it joins.
    """

    broadcasts: Tensor  # [B, N] messages that each node sends to all around
    radius_m: Tensor  # [B, N] how far they reach
    to_sink: bool = False  # every live node tells the sink its state, and hears its answer


@dataclass(frozen=True)
class WsnDecision:
    """Holds the parent of each node in this round, and the heads, which fuse what they receive."""

    parent: Tensor  # [B, N] int64: a live node, SINK, or NO_WAY; values of dead nodes are ignored
    head: Tensor  # [B, N] bool: fuses its own packet and all that it receives into one
    control: Control | None = None
    fuses_own: Tensor | None = None  # [B, N] bool: heads that pay aggregation for their own packet, too, where the
    # account has that (account.fuse_own); None: all of them
