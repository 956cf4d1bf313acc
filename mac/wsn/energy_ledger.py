"""Computes the energy of a round of each node, by cause, and what of it the battery can pay.

B drops, N nodes; 7 causes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phy.sensors.radio_energy import SensorRadioSettings, transmit_j_per_bit

from .node_geometry import padded_indices, squared_distance_m2
from .routing import PacketLoads, sum_of_children
from .settings import AccountSettings
from .types import Control

CAUSES = ("transmit", "receive", "aggregate", "listen", "control", "sense", "idle")
"""Rows of the ledger. They add up to what the batteries lost."""

EMPTY = 1e-12
"""Share of the initial charge below which a battery is empty: what is left of a subtraction of equals."""


@dataclass(frozen=True)
class RoundTraffic:
    """Holds a round's traffic, before batteries pay for it."""

    alive: Tensor  # [B, N] bool
    up: Tensor  # [B, N] int64, of parent_column()
    head: Tensor  # [B, N] bool
    own: Tensor  # [B, N] float64 packets made
    own_fused: Tensor  # [B, N] float64 those for which a head pays aggregation
    loads: PacketLoads
    hop_m2: Tensor  # [B, N] float64, square of the distance to the parent or the sink


def round_costs(
    round_: RoundTraffic, radio: SensorRadioSettings, account: AccountSettings, control: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Computes the energy that the round needs of each node, by cause and in all.

    Args:
        round_: the traffic.
        radio: energy of a bit.
        account: lengths and fixed costs.
        control: of :func:`control_j`, where control messages cost something.

    Returns:
        By cause ``[B, 7, N]``, in the order of :data:`CAUSES`, and the sums ``[B, N]``, float64.
    """
    bits = account.packet_bits + account.header_bits
    received, sent = round_.loads.received, round_.loads.sent
    fused = received + round_.own_fused
    rows = {
        "transmit": sent * transmit_j_per_bit(radio, round_.hop_m2) * bits,
        "receive": received * (radio.electronics_j_per_bit * bits),
        "aggregate": fused * (radio.aggregation_j_per_bit * account.packet_bits) * round_.head,
    }
    if account.listen_j:
        rows["listen"] = (received > 0).to(sent.dtype) * account.listen_j
    if control is not None:
        rows["control"] = control
    if account.sense_j:
        rows["sense"] = round_.own * account.sense_j
    if account.idle_j:
        rows["idle"] = round_.alive.to(sent.dtype) * account.idle_j
    asked = sent.new_zeros((len(sent), len(CAUSES), sent.shape[1]))
    for cause, row in rows.items():
        asked[:, CAUSES.index(cause)] = row
    return asked, sum(rows.values(), start=torch.zeros_like(sent))


def control_j(
    control: Control | None,
    round_: RoundTraffic,
    radio: SensorRadioSettings,
    bits: int,
    position_m: Tensor,
    sink_m: Tensor,
) -> Tensor:
    """Computes the energy of the control messages of a round, float64 ``[B, N]``.

    A broadcast is received by every live node within its radius. A node that sends to another node joins it by a
    message, which that one receives. Reports go to the sink and are answered; the sink's own energy does not count.

    Args:
        control: messages of the decision; None: joining alone.
        round_: the traffic.
        radio: energy of a bit.
        bits: length of a message.
        position_m: of the nodes, ``[B, N, 2]``.
        sink_m: ``[B, 2]``.
    """
    alive = round_.alive.to(torch.float64)
    joins = round_.alive & (round_.up > 0)
    heard = sum_of_children(alive, round_.up)
    sent = joins * transmit_j_per_bit(radio, round_.hop_m2)
    if control is not None:
        sent = sent + control.broadcasts * transmit_j_per_bit(radio, control.radius_m.square())
        heard = heard + _within(control, position_m)
        if control.to_sink:
            sent = sent + transmit_j_per_bit(radio, squared_distance_m2(position_m, sink_m[:, None]))
            heard = heard + 1.0
    return (sent + heard * radio.electronics_j_per_bit) * bits * alive


def _within(control: Control, position_m: Tensor) -> Tensor:
    """Counts the broadcasts that each node hears, without its own, ``[B, N]``."""
    nodes = control.broadcasts.shape[1]
    sender = padded_indices(control.broadcasts > 0)
    known = sender.clamp(max=nodes - 1)
    count = torch.where(sender == nodes, 0.0, control.broadcasts.gather(1, known))
    place = position_m.gather(1, known[..., None].expand(-1, -1, 2))
    distance_m2 = squared_distance_m2(position_m[:, :, None], place[:, None])  # [B, N, senders]
    inside = distance_m2 <= control.radius_m.gather(1, known).square()[:, None]
    others = sender[:, None] != torch.arange(nodes, device=sender.device)[:, None]
    heard: Tensor = ((inside & others) * count[:, None]).sum(-1)
    return heard


@dataclass(frozen=True)
class Payment:
    """Holds what batteries paid for a round."""

    left_j: Tensor  # [B, N] charge that is left
    paid_j: Tensor  # [B, 7, N] by cause
    whole: Tensor  # [B, N] bool, nodes that paid for all of it


def drain_batteries(energy_j: Tensor, asked: Tensor, need: Tensor) -> Payment:
    """Subtracts the energy of a round from the batteries.

    A node that cannot pay for all of it pays what it has, in proportion to the causes, and fails in that round.

    Args:
        energy_j: charges, ``[B, N]``.
        asked: of each node by cause, ``[B, 7, N]``.
        need: the sum over the causes, ``[B, N]``.
    """
    whole = need <= energy_j * (1.0 + 1e-12)
    left = torch.where(whole, energy_j - need, 0.0).clamp_(min=0.0)
    drop, node = (~whole).nonzero(as_tuple=True)
    if len(drop) == 0:
        return Payment(left, asked, whole)
    paid = asked.clone()
    paid[drop, :, node] *= (energy_j[drop, node] / need[drop, node])[:, None]
    return Payment(left, paid, whole)
