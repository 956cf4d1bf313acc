"""Small engines, decisions and arrivals that many tests of the engine share."""

from __future__ import annotations

import numpy as np
import torch

from mac.engine.backends.torch_slot import TorchSlot
from mac.engine.engine import Engine
from mac.engine.grant import Transmission
from mac.engine.state import COUNTERS, CellState
from mac.scheduling import SchedulingDecision, SchedulingObservation
from mac.scheduling.observe import observe
from mac.traffic.packets import Arrivals, sort_packets
from phy.random import Drops, stream_key, uniform

NAMES = {name: row for row, name in enumerate(COUNTERS)}


def rotate(observation: SchedulingObservation) -> SchedulingDecision:
    """Every slot the whole carrier to the next user of each cell that has something to send."""
    _batch, _cells, most = observation.roster.shape
    _users, prbs = observation.rate_bits.shape[1:]
    need = torch.nn.functional.pad(observation.need_prbs, (0, 1))
    wants = need.gather(1, observation.roster.flatten(1)).view(observation.roster.shape) > 0
    turn = (torch.arange(most, device=wants.device) - observation.slot) % most
    first = torch.where(wants, turn, most).min(-1)
    chosen = observation.roster.gather(2, first.indices[..., None])
    return SchedulingDecision(torch.where(first.values[..., None] < most, chosen, -1).repeat(1, 1, prbs))


def drive(tested: Engine, slots: int) -> tuple[CellState, torch.Tensor]:
    state, total = tested.start(), torch.zeros(len(COUNTERS), *tested.shape, dtype=torch.float64)
    for _ in range(slots):
        observation = observe(tested, state)
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
        total += outcome.counters
    return state, total


def sent(tested: Engine, state: CellState, user: torch.Tensor) -> Transmission:
    """What UEs transmit after a decision, ``user`` as the radio's ``holders`` gives it."""
    slot = TorchSlot(tested.parts, tested.radio)
    return slot._send(state, slot._grant(user))[0]


def packets(drops: Drops, users: int, slots: int, share: float, size: int) -> Arrivals:
    """About ``share`` packets a slot and user, of up to ``size`` bytes."""
    parts = []
    for drop in drops.ids:
        key = torch.tensor([stream_key(drops.seed, drop, "test/packets")])
        comes = uniform(key, (slots, users))[0].numpy() < share
        slot, user = np.nonzero(comes)
        bytes_ = (uniform(key, (len(slot),), start=slots * users)[0].numpy() * size).astype(np.int64) + 1
        parts.append(sort_packets(slot.astype(np.int64), user.astype(np.int64), bytes_))
    return Arrivals(tuple(parts))
