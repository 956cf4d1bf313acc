"""Selects heads by a game and by learning (arXiv 2508.12707; what its abstract leaves open is ours).

B drops, N nodes.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
from pathlib import Path

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.wsn import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import squared_distance_m2, squared_distance_to_m2
from phy.random import uniform
from phy.sensors.radio_energy import transmit_j_per_bit
from phy.settings import PARAMETERS

from .clustering.medoids import cheapest_member
from .clustering.persistent_clusters import PersistentClusters
from .q_table import QTable, Transitions, state_of
from .volunteers_dilemma import GameSettings, equilibrium, payoff

_NEVER = 1e9  # rounds since a node was head that never was


@dataclasses.dataclass(frozen=True)
class _Round:
    """Holds what learning needs of the last round."""

    state: Tensor  # [B, N] int64
    action: Tensor  # [B, N] int64, 1 for heads
    deviation: Tensor  # [B, N] of the charge from the cluster's mean, over the charge at the start
    alive: Tensor  # [B, N] bool


@dataclass(config=PARAMETERS)
class GameLearning:
    """Selects heads of clusters by a game with learned corrections, and one of them to send to the sink.

    1. *Clusters*: ``p N`` clusters of near nodes, made anew when a tenth of the nodes has died (ours).
    2. *Game*: each member volunteers with the probability of its cluster's mixed equilibrium
       (:mod:`allocators.wsn.volunteers_dilemma`). Of several volunteers the one with most charge leads; without a
       volunteer the member with most charge does (ours).
    3. *Learning*: Q-learning over (charge, distance, history) moves that probability up or down (:mod:`.q_table`): its
    log
       odds by ``trust`` times the value of leading less that of following.
    4. *Intermediary*: of all heads the one with most charge receives from the others and sends to the sink, in a
       single hop.

    Source: arXiv 2508.12707 (abstract) for the idea; the payoffs, states, rewards and tie-breaks are ours.
    """

    p: float = Field(default=0.1, gt=0, le=1)
    """Clusters over live nodes, at least one."""
    game: GameSettings = Field(default_factory=GameSettings)
    """Payoffs."""
    use_game: bool = True
    """Without it every probability is one half (ablation)."""
    checkpoint: str | None = "default"
    """Learned table: a file of `fairwave train`, `default` for the one that comes with fairwave, null for none.

    Training goes on from a file, and otherwise begins with an empty table."""
    trust: float = Field(default=4.0, ge=0, le=1000)
    """How strongly what was learned moves the probabilities."""
    intermediary: bool = True
    """Without it every head sends to the sink."""
    learning: bool = False
    """Updates the table while running, and keeps it over resets; set by `fairwave train`."""
    rate: float = Field(default=0.05, gt=0, le=1)
    """Learning rate."""
    discount: float = Field(default=0.9, ge=0, lt=1)
    """Discount of a round."""
    turns: int = Field(default=10, ge=1, le=100)
    """Steps of the clustering."""

    def __post_init__(self) -> None:
        self._table: QTable | None = None

    def reset(self, context: WsnContext, seed: int) -> None:
        """Starts without clusters, with the table of the checkpoint; while learning with the table learned so far.

        Raises:
            ValueError: the checkpoint cannot be read.
        """
        self._context = context
        self._keys = context.drops.keys(f"game/luck/{seed}").to(context.device)
        if self._table is None or not self.learning:
            self._table = self._read()
        self._clusters = PersistentClusters(context, f"game/start/{seed}", self.p, self.turns)
        self._since = torch.full_like(context.initial_j, _NEVER)
        self._before: _Round | None = None

    def decide(self, observation: WsnObservation) -> WsnDecision:
        """Updates the clusters, draws volunteers, selects heads and the one that sends to the sink."""
        self._clusters.update(observation)
        alive, energy = observation.alive, observation.energy_j
        members = self._of_cluster(alive.to(energy.dtype), "sum").clamp(min=1.0)
        state = self._state(observation, members)
        volunteers = alive & (self._draw(observation.round) < self._probability(observation, members, state))
        any_volunteer = self._of_cluster(volunteers.to(energy.dtype), "amax") > 0
        may_lead = alive & (volunteers | ~any_volunteer)
        heads = cheapest_member(self._clusters.label, may_lead, -energy, self._context.nodes)
        if self.learning:
            self._learn(observation, state, heads)
        self._since = torch.where(heads, 1.0, (self._since + 1.0).clamp(max=_NEVER))
        return self._tree(observation, heads)

    def save(self, path: str | Path) -> None:
        """Writes the learned table to a checkpoint.

        Raises:
            ValueError: nothing was learned, as ``reset`` was never called.
        """
        self._learned().save(path)

    @staticmethod
    def is_checkpoint(path: str | Path) -> bool:
        """Checks whether a file is a checkpoint of this allocator."""
        try:
            QTable.load(path)
        except ValueError:
            return False
        return True

    def _learned(self) -> QTable:
        if self._table is None:
            raise ValueError("game_learning has no table before its first reset")
        return self._table

    def _read(self) -> QTable:
        if self.checkpoint is None or (self.learning and self.checkpoint == "default"):
            return QTable.empty()
        if self.checkpoint == "default":
            with importlib.resources.as_file(importlib.resources.files(__package__) / "game_learning.npz") as path:
                return QTable.load(path) if path.is_file() else QTable.empty()
        return QTable.load(self.checkpoint)

    def _of_cluster(self, values: Tensor, reduce: str) -> Tensor:
        """Computes the sum or the greatest value of each node's cluster, ``[B, N]``."""
        zero, label = torch.zeros_like(values), self._clusters.label
        return zero.scatter_reduce(1, label, values, reduce).gather(1, label)

    def _probability(self, observation: WsnObservation, members: Tensor, state: Tensor) -> Tensor:
        probability = torch.full_like(members, 0.5)
        if self.use_game:
            most = self._of_cluster(observation.energy_j * observation.alive, "amax").clamp(min=1e-300)
            cost = self._head_cost(observation, members)
            dearest = self._of_cluster(cost * observation.alive, "amax").clamp(min=1e-300)
            gain = payoff(self.game, observation.energy_j / most, cost / dearest, members)
            probability = equilibrium(gain, self.game.v, members)
        odds = torch.logit(probability.clamp(1e-6, 1.0 - 1e-6)) + self.trust * self._learned().advantage(state)
        return torch.where(members <= 1, torch.ones_like(odds), torch.sigmoid(odds))

    def _head_cost(self, observation: WsnObservation, members: Tensor) -> Tensor:
        """Computes the energy per bit, in J, of a round as head that sends to the sink."""
        radio = self._context.radio
        to_sink = squared_distance_m2(self._context.position_m, observation.sink_m[:, None])
        fused = radio.electronics_j_per_bit + radio.aggregation_j_per_bit
        return transmit_j_per_bit(radio, to_sink) + (members - 1.0) * fused

    def _state(self, observation: WsnObservation, members: Tensor) -> Tensor:
        mean = self._of_cluster(observation.energy_j, "sum") / members
        distance = squared_distance_m2(self._context.position_m, observation.sink_m[:, None]).sqrt()
        far = distance / distance.amax(1, keepdim=True).clamp(min=1e-9)
        return state_of(observation.energy_j / mean.clamp(min=1e-300), far, self._since / members)

    def _learn(self, observation: WsnObservation, state: Tensor, heads: Tensor) -> None:
        """Learns from the last round; the reward (ours) is how much nearer a charge came to its cluster's mean."""
        members = self._of_cluster(observation.alive.to(torch.float64), "sum").clamp(min=1.0)
        mean = self._of_cluster(observation.energy_j, "sum") / members
        deviation = (observation.energy_j - mean).abs() / self._context.initial_j.clamp(min=1e-300)
        if self._before is not None:
            before, alive = self._before, self._before.alive
            reward = (before.deviation - deviation) * 100.0
            transitions = Transitions(before.state[alive], before.action[alive], reward[alive], state[alive])
            self._learned().learn(transitions, self.rate, self.discount)
        self._before = _Round(state, heads.long(), deviation, observation.alive)

    def _tree(self, observation: WsnObservation, heads: Tensor) -> WsnDecision:
        leader = self._clusters.leaders(heads)
        up = torch.full_like(leader, SINK)
        if self.intermediary:
            richest = torch.where(heads, observation.energy_j, -1.0).argmax(1, keepdim=True)
            up = torch.where(torch.arange(self._context.nodes, device=up.device) == richest, SINK, richest)
        parent = torch.where(heads, up, leader)
        parent = torch.where(observation.alive, parent, NO_WAY)
        return WsnDecision(parent, heads, self._messages(heads, leader))

    def _messages(self, heads: Tensor, leader: Tensor) -> Control:
        """Builds the announcement of each head, which reaches as far as its farthest member."""
        distance_m2 = squared_distance_to_m2(self._context.position_m, leader.clamp(min=0))
        return Control(heads.to(distance_m2.dtype), self._of_cluster(distance_m2, "amax").sqrt())

    def _draw(self, round_: int) -> Tensor:
        nodes = self._context.nodes
        return uniform(self._keys, (nodes,), start=round_ * nodes)
