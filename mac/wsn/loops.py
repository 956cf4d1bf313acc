"""Calls the compiled loop of a round with the arrays of tensors, on a CPU.

B drops, N nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from phy.sensors.radio_energy import SensorRadioSettings

from . import round_numba
from .energy_ledger import CAUSES, EMPTY
from .settings import AccountSettings
from .types import WsnDecision, WsnObservation

Array = np.ndarray
_NONE, _NOTHING = np.empty((0, 0), np.bool_), np.empty((0, 0))


@dataclass(frozen=True)
class RoundResults:
    """Holds the results of a round, float64 unless said otherwise."""

    ledger_j: Tensor  # [B, 7, N]
    gained_j: Tensor | None  # [B, N]; None: nothing is gained
    energy_j: Tensor  # [B, N]
    alive: Tensor  # [B, N] bool
    lived: Tensor  # [B, N] 1 for nodes that began the round alive
    parent: Tensor  # [B, N] int64, NO_WAY for dead nodes
    sums: Tensor  # [3, B, N] bits delivered, bits made, packets delivered
    totals: Tensor  # [3, B] nodes that live on, heads, energy spent
    died: int  # nodes of all fields that died in the round


class RoundLoop:
    """Computes rounds of a batch of sensor fields without control messages and packet errors.

    Args:
        position_m: float64 ``[B, N, 2]``.
        initial_j: charges at the start, float64 ``[B, N]``.
        radio: energy of a bit.
        account: lengths and fixed costs.
    """

    def __init__(
        self, position_m: Tensor, initial_j: Tensor, radio: SensorRadioSettings, account: AccountSettings
    ) -> None:
        self._position_m, self._initial_j = _array(position_m), _array(initial_j)
        self._numbers = _constants(radio, account)

    def __call__(
        self, seen: WsnObservation, decision: WsnDecision, breaks: Tensor | None, gain_j: float | None
    ) -> RoundResults | None:
        """Computes a round; None where the routes are not allowed.

        Args:
            seen: at the start of the round.
            decision: of the right shapes and types.
            breaks: nodes that break in the round, bool ``[B, N]``; None: none.
            gain_j: energy that a live node gains, up to its charge at the start; None: nothing.
        """
        start = round_numba.RoundStart(
            self._position_m,
            _array(seen.sink_m),
            self._initial_j,
            _array(seen.energy_j),
            _array(seen.alive),
            _array(seen.sensed),
            _NONE if breaks is None else _array(breaks),
        )
        routes = round_numba.Routes(
            _array(decision.parent),
            _array(decision.head),
            _NONE if decision.fuses_own is None else _array(decision.fuses_own),
        )
        after = _results(seen.alive, gains=gain_j is not None)
        numbers = self._numbers._replace(gain_j=gain_j or 0.0)
        died = round_numba.play(start, routes, numbers, _arrays(after))
        return None if died < 0 else replace(after, died=died)


def _results(alive: Tensor, gains: bool) -> RoundResults:
    kind, shape = torch.float64, alive.shape
    drops, nodes = shape
    return RoundResults(
        torch.empty((drops, len(CAUSES), nodes), dtype=kind),
        torch.empty(shape, dtype=kind) if gains else None,
        torch.empty(shape, dtype=kind),
        torch.empty(shape, dtype=torch.bool),
        torch.empty(shape, dtype=kind),
        torch.empty(shape, dtype=torch.int64),
        torch.empty((3, *shape), dtype=kind),
        torch.empty((3, drops), dtype=kind),
        0,
    )


def _arrays(after: RoundResults) -> round_numba.RoundArrays:
    gained = _NOTHING if after.gained_j is None else after.gained_j.numpy()
    served, demand, packets = after.sums.numpy()
    live, heads, spent = after.totals.numpy()
    return round_numba.RoundArrays(
        after.ledger_j.numpy(),
        gained,
        after.energy_j.numpy(),
        after.alive.numpy(),
        after.lived.numpy(),
        after.parent.numpy(),
        served,
        demand,
        packets,
        live,
        heads,
        spent,
    )


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.contiguous().numpy()
    return array


@lru_cache(maxsize=16)
def _constants(radio: SensorRadioSettings, account: AccountSettings) -> round_numba.RoundConstants:
    return round_numba.RoundConstants(
        electronics_j=radio.electronics_j_per_bit,
        near_j_per_m2=radio.amplifier_j_per_bit_m2,
        far_j_per_m4=radio.amplifier_j_per_bit_m4 or 0.0,
        crossover_m2=radio.crossover_m**2,
        aggregation_j=radio.aggregation_j_per_bit * account.packet_bits,
        bits=float(account.packet_bits + account.header_bits),
        payload_bits=float(account.packet_bits),
        fuse_own=account.fuse_own,
        listen_j=account.listen_j,
        sense_j=account.sense_j,
        idle_j=account.idle_j,
        gain_j=0.0,
        empty=EMPTY,
    )
