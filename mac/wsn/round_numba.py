"""Computes a round of sensor fields in compiled loops; the torch forms are in :mod:`mac.wsn.problem` and its parts.

Rounds with control messages or packet errors are left to torch.

B drops, N nodes; 7 causes of :data:`~mac.wsn.energy_ledger.CAUSES`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from phy.numerics.jit import Loop, inlined

Array = np.ndarray

TRANSMIT, RECEIVE, AGGREGATE, LISTEN, CONTROL, SENSE, IDLE = range(7)
NO_WAY = -2  # mac.wsn.types.NO_WAY
_WHOLE = 1.0 + 1e-12  # as in mac.wsn.energy_ledger.drain_batteries


class RoundStart(NamedTuple):
    """Describes the fields at the start of a round."""

    position_m: Array  # [B, N, 2] float64
    sink_m: Array  # [B, 2] float64
    initial_j: Array  # [B, N] float64
    energy_j: Array  # [B, N] float64
    alive: Array  # [B, N] bool
    sensed: Array  # [B, N] bool
    breaks: Array  # [B, N] bool, nodes that break in this round; [0, 0]: none


class Routes(NamedTuple):
    """Holds the decision."""

    parent: Array  # [B, N] int64
    head: Array  # [B, N] bool
    fuses_own: Array  # [B, N] bool; [0, 0]: all heads


class RoundConstants(NamedTuple):
    """Holds energies of a bit, lengths, and what batteries gain in this round."""

    electronics_j: float
    near_j_per_m2: float
    far_j_per_m4: float
    crossover_m2: float  # inf: no second slope
    aggregation_j: float  # of a packet
    bits: float  # of a packet with its header
    payload_bits: float
    fuse_own: bool
    listen_j: float
    sense_j: float
    idle_j: float
    gain_j: float
    empty: float  # share of the charge at the start below which a battery is empty


class RoundArrays(NamedTuple):
    """Holds the arrays that :func:`play` writes, all float64 but for two."""

    ledger_j: Array  # [B, 7, N]
    gained_j: Array  # [B, N]; [0, 0]: nothing is gained
    energy_j: Array  # [B, N]
    alive: Array  # [B, N] bool
    lived: Array  # [B, N] 1 for nodes that began the round alive
    parent: Array  # [B, N] int64, NO_WAY for dead nodes
    served_bits: Array  # [B, N]
    demand_bits: Array  # [B, N]
    packets: Array  # [B, N]
    live: Array  # [B] nodes that live on
    heads: Array  # [B]
    spent_j: Array  # [B]


class Scratch(NamedTuple):
    """Holds what is computed on the way for the nodes of one field."""

    order: Array  # [N] int64, live nodes, children before their parents
    waits: Array  # [N] int64, children that are not in that order yet
    received: Array  # [N] packets
    sent: Array  # [N] packets
    passes: Array  # [N] bool, nodes whose sending succeeds
    need_j: Array  # [N] energy that the round needs
    left_j: Array  # [N] charge before gains


@Loop
def play(start: RoundStart, routes: Routes, numbers: RoundConstants, after: RoundArrays) -> int:
    """Computes a round of all fields.

    Args:
        start: of the round.
        routes: of the packets.
        numbers: constants.
        after: written; of no use if the routes are not allowed.

    Returns:
        The number of nodes that died in the round; -1 where the routes are not allowed, see :mod:`mac.wsn.feasible`.
    """
    died = 0
    drops, nodes = start.alive.shape
    one = Scratch(
        np.empty(nodes, np.int64),
        np.empty(nodes, np.int64),
        np.empty(nodes),
        np.empty(nodes),
        np.empty(nodes, np.bool_),
        np.empty(nodes),
        np.empty(nodes),
    )
    for b in range(drops):
        living = _children_first(start.alive[b], routes.parent[b], routes.head[b], one)
        if living < 0:
            return -1
        _load(living, start.sensed[b], routes.parent[b], routes.head[b], one)
        _ask(b, start, routes, numbers, one, after.ledger_j[b])
        _pay(b, start, one, after)
        _recharge(b, start, numbers, one, after)
        _deliver(living, start.sensed[b], routes.parent[b], one, after.packets[b])
        _note(b, start, routes, numbers.payload_bits, after)
        died += living - int(after.live[b])
    return died


@inlined
def _children_first(alive: Array, parent: Array, head: Array, one: Scratch) -> int:
    """Lists the live nodes so that children stand before their parents.

    Args:
        alive: ``[N]``.
        parent: ``[N]``.
        head: ``[N]``.
        one: order is written.

    Returns:
        The number of live nodes; -1 where the routes are not allowed, as :mod:`mac.wsn.feasible` says.
    """
    nodes, living, listed = len(alive), 0, 0
    order, waits = one.order, one.waits
    waits[:] = 0
    for n in range(nodes):
        if alive[n]:
            living += 1
            if parent[n] < -1 or parent[n] >= nodes:
                return -1
            if parent[n] >= 0:
                waits[parent[n]] += 1
    for n in range(nodes):
        if not alive[n] and (head[n] or waits[n] > 0):
            return -1
        if alive[n] and waits[n] == 0:
            order[listed] = n
            listed += 1
    place = 0
    while place < listed:
        up = parent[order[place]]
        place += 1
        if up >= 0:
            waits[up] -= 1
            if waits[up] == 0:
                order[listed] = up
                listed += 1
    return living if listed == living else -1


@inlined
def _load(living: int, sensed: Array, parent: Array, head: Array, one: Scratch) -> None:
    """Counts the packets that each node receives and sends, see :func:`mac.wsn.routing.packet_loads`."""
    order, received, sent = one.order, one.received, one.sent
    received[:] = 0.0
    sent[:] = 0.0
    for place in range(living):
        n = order[place]
        packets = received[n] + sensed[n]
        sent[n] = min(packets, 1.0) if head[n] else packets
        if parent[n] >= 0:
            received[parent[n]] += sent[n]


@inlined
def _ask(b: int, start: RoundStart, routes: Routes, numbers: RoundConstants, one: Scratch, ledger_j: Array) -> None:
    """Writes the energy that the round needs of each node by cause, see :func:`mac.wsn.energy_ledger.round_costs`."""
    place, alive, sensed = start.position_m[b], start.alive[b], start.sensed[b]
    parent, head, received, sent, need_j = routes.parent[b], routes.head[b], one.received, one.sent, one.need_j
    all_fuse, sink_x, sink_y = len(routes.fuses_own) == 0, start.sink_m[b, 0], start.sink_m[b, 1]
    for n in range(len(alive)):
        up = parent[n] if alive[n] else -1
        x = place[n, 0] - (place[up, 0] if up >= 0 else sink_x)
        y = place[n, 1] - (place[up, 1] if up >= 0 else sink_y)
        hop_m2 = x * x + y * y
        amplifier = numbers.near_j_per_m2 * hop_m2
        if hop_m2 >= numbers.crossover_m2:
            amplifier = numbers.far_j_per_m4 * hop_m2 * hop_m2
        own = sensed[n] and numbers.fuse_own and (all_fuse or routes.fuses_own[b, n])
        transmit = sent[n] * (amplifier + numbers.electronics_j) * numbers.bits
        receive = received[n] * (numbers.electronics_j * numbers.bits)
        aggregate = (received[n] + own) * numbers.aggregation_j * head[n]
        listen, sense, idle = (
            numbers.listen_j * (received[n] > 0.0),
            numbers.sense_j * sensed[n],
            numbers.idle_j * alive[n],
        )
        need_j[n] = transmit + receive + aggregate + listen + sense + idle
        ledger_j[TRANSMIT, n], ledger_j[RECEIVE, n], ledger_j[AGGREGATE, n] = transmit, receive, aggregate
        ledger_j[LISTEN, n], ledger_j[CONTROL, n], ledger_j[SENSE, n], ledger_j[IDLE, n] = listen, 0.0, sense, idle


@inlined
def _pay(b: int, start: RoundStart, one: Scratch, after: RoundArrays) -> None:
    """Subtracts what the nodes need from their charges, see :func:`mac.wsn.energy_ledger.drain_batteries`."""
    charge, alive, left, ledger_j = start.energy_j[b], start.alive[b], one.left_j, after.ledger_j[b]
    sent, passes, need_j, spent = one.sent, one.passes, one.need_j, 0.0
    for n in range(len(alive)):
        whole = need_j[n] <= charge[n] * _WHOLE
        left[n] = max(charge[n] - need_j[n], 0.0) if whole else 0.0
        if not whole:
            for cause in range(7):
                ledger_j[cause, n] *= charge[n] / need_j[n]
        passes[n] = whole and alive[n] and sent[n] > 0.0
        spent += charge[n] - left[n]
    after.spent_j[b] = spent


@inlined
def _recharge(b: int, start: RoundStart, numbers: RoundConstants, one: Scratch, after: RoundArrays) -> None:
    """Adds what batteries gain, up to their charge at the start, and finds the nodes that live on."""
    left, most, energy, alive = one.left_j, start.initial_j[b], after.energy_j[b], after.alive[b]
    gains, breaks = len(after.gained_j) > 0, len(start.breaks) > 0
    for n in range(len(left)):
        gained = 0.0
        if gains:
            wanted = numbers.gain_j if start.alive[b, n] and left[n] > 0.0 else 0.0
            gained = min(wanted, max(most[n] - left[n], 0.0))
            after.gained_j[b, n] = gained
        energy[n] = left[n] + gained
        alive[n] = start.alive[b, n] and energy[n] > numbers.empty * most[n] and not (breaks and start.breaks[b, n])


@inlined
def _deliver(living: int, sensed: Array, parent: Array, one: Scratch, packets: Array) -> None:
    """Finds the packets that reach the sink, parents before children, see :func:`mac.wsn.routing.is_delivered`."""
    order, passes = one.order, one.passes
    for last in range(living):
        n = order[living - 1 - last]
        if parent[n] >= 0 and not passes[parent[n]]:
            passes[n] = False
    for n in range(len(sensed)):
        packets[n] = 1.0 if passes[n] and sensed[n] else 0.0


@inlined
def _note(b: int, start: RoundStart, routes: Routes, payload_bits: float, after: RoundArrays) -> None:
    """Writes what is recorded of a round besides energies."""
    alive, sensed, packets = start.alive[b], start.sensed[b], after.packets[b]
    live, heads = 0, 0
    for n in range(len(alive)):
        after.served_bits[b, n] = packets[n] * payload_bits
        after.demand_bits[b, n] = sensed[n] * payload_bits
        after.lived[b, n] = alive[n]
        after.parent[b, n] = routes.parent[b, n] if alive[n] else NO_WAY
        live += after.alive[b, n]
        heads += routes.head[b, n]
    after.live[b], after.heads[b] = live, heads
