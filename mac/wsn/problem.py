"""Runs a round of sensor fields: packets up a tree of nodes, fusion at heads, energy from batteries.

Every live node that senses something makes a packet; packets go up the tree that the allocator chose, fused by heads. A
node that cannot pay for its part fails: its packets are lost, and it dies with what it had. Without charge, or broken,
a node is dead for good. Energies are float64: the ledger adds up to what the batteries lost.

B drops, N nodes; 7 causes of :data:`~mac.wsn.energy_ledger.CAUSES`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from phy.numerics.jit import backend_name
from phy.random import Drops, uniform
from phy.sensors.packet_error import SensorLinkSettings, packet_success
from phy.sensors.radio_energy import SensorRadioSettings

from ..core.contracts import ArraySpec, Outcome, SlotTotals
from .energy_ledger import CAUSES, EMPTY, Payment, RoundTraffic, control_j, drain_batteries, round_costs
from .feasible import require_form, require_wsn
from .node_geometry import squared_distance_m2, squared_hop_m2
from .routing import is_delivered, packet_loads, parent_column
from .settings import AccountSettings, BatterySettings, FailureSettings, SensingSettings, SinkSettings
from .types import NO_WAY, WsnContext, WsnDecision, WsnObservation

if TYPE_CHECKING:
    from .loops import RoundLoop, RoundResults

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "life_rounds": ArraySpec(("user",), "1", "total", "rounds that a node began alive"),
    "ledger_j": ArraySpec(("cause", "user"), "J", "total", "energy that a node spent, by cause"),
    "harvested_j": ArraySpec(("user",), "J", "total", "energy that a node gained"),
    "left_j": ArraySpec(("user",), "J", "last", "charge at the window's end"),
    "alive": ArraySpec((), "1", "last", "live nodes at the window's end"),
    "heads": ArraySpec((), "1", "sum", "heads, summed over rounds"),
    "parent": ArraySpec(("user",), "1", "last", "parent in the window's last round: a node, -1 the sink, -2 none"),
    "head": ArraySpec(("user",), "1", "last", "whether a node was head in the window's last round"),
    "spread_at_first_death_j2": ArraySpec(
        (), "J^2", "last", "variance of the charges after the round of the first death"
    ),
}


@dataclass(frozen=True)
class WsnParts:
    """Holds positions and settings of a batch of sensor fields."""

    drops: Drops
    position_m: Tensor  # [B, N, 2] float64
    extent_m: tuple[float, float]
    radio: SensorRadioSettings
    account: AccountSettings
    battery: BatterySettings
    sensing: SensingSettings
    sink: SinkSettings
    failures: FailureSettings
    link: SensorLinkSettings
    round_s: float
    device: torch.device


@dataclass(frozen=True)
class WsnState:
    """Holds a batch of sensor fields at the start of a round."""

    round: int
    energy_j: Tensor  # [B, N] float64
    alive: Tensor  # [B, N] bool
    sensed: Tensor  # [B, N] bool
    spread_j2: Tensor  # [B] variance of the charges at the first death, NaN before
    observation: WsnObservation


@dataclass(frozen=True)
class _Results:
    """Holds the results of a round."""

    payment: Payment
    gained_j: Tensor  # [B, N]
    energy_j: Tensor  # [B, N]
    alive: Tensor  # [B, N] bool
    delivered: Tensor  # [B, N] bool
    spread_j2: Tensor  # [B]


class WsnProblem:
    """Runs a batch of sensor fields, with one decision a round.

    Attributes:
        backend: form in which rounds are computed: numba, torch. Rounds with control messages or packet errors are
            always computed by torch.
    """

    def __init__(self, parts: WsnParts) -> None:
        self.parts = parts
        self.backend = backend_name("cpu") if parts.device.type == "cpu" else "torch"
        if parts.account.control_bits or parts.link.model != "none":
            self.backend = "torch"
        self.drops = parts.drops
        self.position_m = parts.position_m.to(parts.device)
        batch, nodes = self.position_m.shape[:2]
        self.shape = (batch, nodes)
        self.initial_j = initial_charge(parts.drops, parts.battery, nodes).to(parts.device)
        self._break_round = self._lives()
        self._keys = {name: parts.drops.keys(name).to(parts.device) for name in ("wsn/sense", "wsn/event", "wsn/loss")}
        account = parts.account
        self.context = WsnContext(
            drops=parts.drops,
            nodes=nodes,
            position_m=self.position_m,
            extent_m=parts.extent_m,
            initial_j=self.initial_j,
            radio=parts.radio,
            packet_bits=float(account.packet_bits + account.header_bits),
            control_bits=account.control_bits,
            round_s=parts.round_s,
            device=parts.device,
        )

    @property
    def interval_s(self) -> float:
        """Returns the length of a round in s."""
        return self.parts.round_s

    @property
    def array_specs(self) -> Mapping[str, ArraySpec]:
        """Returns the descriptions of the outcome's extras."""
        return ARRAY_SPECS

    def start(self) -> WsnState:
        """Returns the state of round 0 with full charges; nodes without charge are dead."""
        alive = self.initial_j > 0
        nothing = torch.full(self.shape[:1], math.nan, dtype=torch.float64, device=self.parts.device)
        return self._observed(0, self.initial_j, alive & (self._break_round > 0), nothing)

    def observe(self, state: WsnState, /) -> WsnObservation:
        """Returns what the nodes know at the start of the round."""
        return state.observation

    def step(self, state: WsnState, decision: WsnDecision, /) -> tuple[WsnState, Outcome]:
        """Checks the decision and runs a round.

        Raises:
            InfeasibleDecision: a dead head, or a route that does not end at the sink.
        """
        if self.backend == "numba":
            return self._step_in_loops(state, decision)
        decision = require_wsn(decision, state.observation, self.context)
        round_ = self._traffic(state, decision)
        payment = drain_batteries(state.energy_j, *self._costs(state, round_, decision))
        passes = payment.whole & round_.alive & (round_.loads.sent > 0) & self._received(state, round_)
        delivered = is_delivered(round_.up, passes) & state.sensed
        gained = self._harvest(state, payment.left_j)
        energy = payment.left_j + gained
        alive = state.alive & (energy > EMPTY * self.initial_j) & (state.round + 1 < self._break_round)
        results = _Results(payment, gained, energy, alive, delivered, self._spread(state, alive, energy))
        return self._observed(state.round + 1, energy, alive, results.spread_j2), self._outcome(
            state, decision, results
        )

    def _step_in_loops(self, state: WsnState, decision: WsnDecision) -> tuple[WsnState, Outcome]:
        decision = require_form(decision, self.context)
        breaks = None if self.parts.failures.mean_life_rounds is None else self._break_round <= state.round + 1
        found = self._loop(state.observation, decision, breaks, self._gain_j(state.round))
        if found is None:
            require_wsn(decision, state.observation, self.context)  # raises, and says what is wrong
            raise AssertionError("the two forms of the check of routes differ")
        spread = self._spread(state, found.alive, found.energy_j) if found.died else state.spread_j2
        after = self._observed(state.round + 1, found.energy_j, found.alive, spread)
        return after, self._outcome_of_loops(decision, found, spread)

    @cached_property
    def _loop(self) -> RoundLoop:
        from .loops import RoundLoop  # numba takes long to import

        return RoundLoop(self.position_m, self.initial_j, self.parts.radio, self.parts.account)

    @cached_property
    def _zeros(self) -> Tensor:
        return torch.zeros(self.shape, dtype=torch.float64)

    def _outcome_of_loops(self, decision: WsnDecision, found: RoundResults, spread: Tensor) -> Outcome:
        served, demand, packets = found.sums
        live, heads, spent = found.totals
        zero = {"delay_s"} if found.gained_j is not None else {"delay_s", "harvested_j"}
        extras = {
            "life_rounds": found.lived,
            "ledger_j": found.ledger_j,
            "harvested_j": self._zeros if found.gained_j is None else found.gained_j,
            "left_j": found.energy_j,
            "alive": live,
            "heads": heads,
            "parent": found.parent,
            "head": decision.head,
            "spread_at_first_death_j2": spread,
        }
        totals = SlotTotals(("served_bits", "demand_bits", "packets"), found.sums, frozenset(zero))
        over = not bool(live.any())
        return Outcome(served, demand, packets, self._zeros, spent, extras, totals, over)

    def _traffic(self, state: WsnState, decision: WsnDecision) -> RoundTraffic:
        up = parent_column(decision.parent) * state.alive
        own = state.sensed.to(torch.float64)
        fused = own * self.parts.account.fuse_own
        fused = fused if decision.fuses_own is None else fused * decision.fuses_own
        hop = squared_hop_m2(self.position_m, state.observation.sink_m, up)
        return RoundTraffic(state.alive, up, decision.head, own, fused, packet_loads(up, decision.head, own), hop)

    def _costs(self, state: WsnState, round_: RoundTraffic, decision: WsnDecision) -> tuple[Tensor, Tensor]:
        account, radio = self.parts.account, self.parts.radio
        control = None
        if account.control_bits:
            places = self.position_m, state.observation.sink_m
            control = control_j(decision.control, round_, radio, account.control_bits, *places)
        return round_costs(round_, radio, account, control)

    def _received(self, state: WsnState, round_: RoundTraffic) -> Tensor:
        """Draws for each node whether its packets are received, bool ``[B, N]``."""
        if self.parts.link.model == "none":
            return round_.alive
        draw = uniform(self._keys["wsn/loss"], self.shape[1:], start=state.round * self.shape[1])
        bits = int(self.context.packet_bits)
        return draw < packet_success(self.parts.link, self.drops, round_.up - 1, round_.hop_m2, bits)

    def _harvest(self, state: WsnState, left: Tensor) -> Tensor:
        """Computes the energy that live nodes harvest, up to their charge at the start, ``[B, N]`` in J."""
        gain = self._gain_j(state.round)
        if gain is None:
            return torch.zeros_like(left)
        return torch.minimum(gain * (state.alive & (left > 0)).to(left.dtype), (self.initial_j - left).clamp(min=0.0))

    def _gain_j(self, round_: int) -> float | None:
        """Computes the energy that a live node gains in a round; None without harvesting."""
        battery = self.parts.battery
        if battery.harvest_j == 0.0:
            return None
        if not battery.harvest_period_rounds:
            return battery.harvest_j
        angle = 2.0 * math.pi * round_ / battery.harvest_period_rounds
        return battery.harvest_j * math.pi * max(0.0, math.sin(angle))

    def _spread(self, state: WsnState, alive: Tensor, energy: Tensor) -> Tensor:
        first = (state.alive & ~alive).any(1) & state.spread_j2.isnan()
        if not bool(first.any()):
            return state.spread_j2
        nodes = self.shape[1]
        off = energy - energy.sum(1, keepdim=True) / nodes  # Tensor.var() rounds by the size of the batch
        return torch.where(first, off.square().sum(1) / nodes, state.spread_j2)

    def _outcome(self, state: WsnState, decision: WsnDecision, results: _Results) -> Outcome:
        bits = float(self.parts.account.packet_bits)
        arrived, count = results.delivered.to(torch.float64), results.alive.sum(1)
        extras = {
            "life_rounds": state.alive.to(torch.float64),
            "ledger_j": results.payment.paid_j,
            "harvested_j": results.gained_j,
            "left_j": results.energy_j,
            "alive": count.to(torch.float64),
            "heads": decision.head.sum(1).to(torch.float64),
            "parent": torch.where(state.alive, decision.parent, NO_WAY),
            "head": decision.head,
            "spread_at_first_death_j2": results.spread_j2,
        }
        spent = (state.energy_j - results.payment.left_j).sum(1)
        served, demand, nothing = arrived * bits, state.sensed.to(arrived.dtype) * bits, torch.zeros_like(arrived)
        return Outcome(served, demand, arrived, nothing, spent, extras, over=not bool(count.any()))

    def _observed(self, round_: int, energy: Tensor, alive: Tensor, spread: Tensor) -> WsnState:
        sensed = self._senses(round_, alive)
        return WsnState(
            round_, energy, alive, sensed, spread, WsnObservation(round_, alive, energy, self._sink(round_), sensed)
        )

    def _senses(self, round_: int, alive: Tensor) -> Tensor:
        sensing = self.parts.sensing
        if sensing.model == "every_round":
            return alive
        nodes = self.shape[1]
        if sensing.model == "random":
            return alive & (uniform(self._keys["wsn/sense"], (nodes,), start=round_ * nodes) < sensing.probability)
        extent = torch.tensor(self.parts.extent_m, dtype=torch.float64, device=alive.device)
        event = uniform(self._keys["wsn/event"], (2,), start=2 * round_) * extent
        return alive & (squared_distance_m2(self.position_m, event[:, None]) <= sensing.event_radius_m**2)

    def _sink(self, round_: int) -> Tensor:
        return self._sink_at_start if self.parts.sink.orbit_radius_m == 0.0 else self._sink_in(round_)

    @cached_property
    def _sink_at_start(self) -> Tensor:
        return self._sink_in(0)

    def _sink_in(self, round_: int) -> Tensor:
        one = torch.tensor(self.parts.sink.place_m(round_), dtype=torch.float64, device=self.parts.device)
        return one.expand(self.shape[0], 2)

    def _lives(self) -> Tensor:
        """Draws the round from which each node is broken, int64 ``[B, N]``."""
        mean = self.parts.failures.mean_life_rounds
        if mean is None:
            return torch.full(self.shape, 2**62, dtype=torch.int64, device=self.parts.device)
        draw = uniform(self.drops.keys("wsn/failure"), self.shape[1:])
        return (-mean * draw.log()).ceil().long().to(self.parts.device)


def initial_charge(drops: Drops, battery: BatterySettings, nodes: int) -> Tensor:
    """Draws the charges at the start in J, float64 ``[B, N]``; the streams are "wsn/advanced" and "wsn/charge".

    Exactly ``round(m N)`` nodes are advanced, so that drops differ in which nodes are advanced and not in how many.
    """
    rank = uniform(drops.keys("wsn/advanced"), (nodes,)).argsort(-1).argsort(-1)
    advanced = (rank < round(battery.advanced_share * nodes)).to(torch.float64)  # a number times a bool is float32
    charge = battery.initial_j * (1.0 + battery.advanced_extra * advanced)
    if battery.spread == 0.0:
        return charge
    return charge * (1.0 + battery.spread * (2.0 * uniform(drops.keys("wsn/charge"), (nodes,)) - 1.0))


__all__ = ["ARRAY_SPECS", "CAUSES", "WsnParts", "WsnProblem", "WsnState", "initial_charge"]
