"""Computes an upper bound of the lifetime of a sensor field by a linear program over numbers of rounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mac.wsn import WsnContext
from phy.sensors.radio_energy import transmit_j_per_bit

Array = NDArray[np.float64]

_MOST_NODES = 300


def lifetime_bound(context: WsnContext, sink_m: tuple[float, float], aggregation_bits: float | None = None) -> Array:
    """Computes an upper bound of the round of the first death, float64 ``[B]``.

    It bounds every protocol in which each live node sends one packet a round to a node or to the sink, all that is
    received is fused with it without loss, no control message is sent, nothing is harvested, and the sink stays:
    direct transmission, two levels of clusters, chains, and trees of any depth. With x_ij the rounds in which node i
    sends to node j (0: the sink) and T the rounds that all survive,

        maximise T  so that  sum_j x_ij = T,  sum_i x_i0 >= T,
        sum_j x_ij e_tx(d_ij) + sum_j x_ji (e_rx + e_agg) <= E_i,   x >= 0.

    The program does not require whole rounds, nor that the routes of one round are a tree, nor that a head fuses its
    own packet. A node may die in the round after the last that all survive, so the bound is ``floor(T) + 1``.

    Args:
        context: of the fields; small ones.
        sink_m: place of the sink.
        aggregation_bits: bits fused of each packet; those of the packet if not given.

    Raises:
        ValueError: more than 300 nodes, or rounds that cost nothing.
    """
    if context.nodes > _MOST_NODES:
        raise ValueError(f"the bound is for at most {_MOST_NODES} nodes, and the field has {context.nodes}")
    place = context.position_m.cpu().numpy()
    charge = context.initial_j.cpu().numpy()
    fused = context.packet_bits if aggregation_bits is None else aggregation_bits
    received = context.radio.electronics_j_per_bit * context.packet_bits + context.radio.aggregation_j_per_bit * fused
    found = [_of_field(context, place[b], charge[b], np.array(sink_m), received) for b in range(len(place))]
    return np.floor(np.array(found) + 1e-6) + 1.0


def _of_field(context: WsnContext, place: Array, charge: Array, sink: Array, received_j: float) -> float:
    """Computes T of one field. Columns are x_ij with i != j row by row, then x_i0, then T."""
    import scipy.sparse as sp  # here, as it takes half a second
    from scipy.optimize import linprog

    nodes = len(place)
    row, column = np.nonzero(~np.eye(nodes, dtype=bool))
    pairs = len(row)
    apart2 = np.square(place[row] - place[column]).sum(-1)
    to_sink2 = np.square(place - sink).sum(-1)
    sent_j, direct_j = (_joules(context, squared) for squared in (apart2, to_sink2))
    pair, own = np.arange(pairs), np.arange(nodes)
    spend = sp.coo_matrix((np.concatenate((sent_j, np.full(pairs, received_j), direct_j)),
                           (np.concatenate((row, column, own)), np.concatenate((pair, pair, pairs + own)))),
                          shape=(nodes, pairs + nodes + 1))  # fmt: skip
    arrive = sp.coo_matrix((np.append(-np.ones(nodes), 1.0),
                            (np.zeros(nodes + 1, dtype=int), pairs + np.arange(nodes + 1))),
                           shape=(1, pairs + nodes + 1))  # fmt: skip
    once = sp.coo_matrix((np.concatenate((np.ones(pairs + nodes), -np.ones(nodes))),
                          (np.concatenate((row, own, own)),
                           np.concatenate((pair, pairs + own, np.full(nodes, pairs + nodes))))),
                         shape=(nodes, pairs + nodes + 1))  # fmt: skip
    goal = np.zeros(pairs + nodes + 1)
    goal[-1] = -1.0
    scale = charge.max() if charge.max() > 0 else 1.0
    solved = linprog(goal, A_ub=sp.vstack((spend / scale, arrive)).tocsr(), b_ub=np.append(charge / scale, 0.0),
                     A_eq=once.tocsr(), b_eq=np.zeros(nodes), method="highs")  # fmt: skip
    if solved.status != 0:
        raise ValueError(
            "the linear program of the lifetime has no solution: a round costs nothing, or too little against the "
            f"charges to be told from nothing; set the radio's energies or battery.initial_j ({solved.message})"
        )
    return float(-solved.fun)


def _joules(context: WsnContext, squared_m2: Array) -> Array:
    import torch

    bits = context.packet_bits
    return np.asarray(transmit_j_per_bit(context.radio, torch.from_numpy(squared_m2)).numpy() * bits, dtype=np.float64)
