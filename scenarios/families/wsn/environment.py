"""Describes sensor fields to learners: each node says whether it is a cluster head. B drops, N nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from allocators.wsn.clustering.nearest_head import join_nearest
from mac.core.contracts import Outcome
from mac.wsn import WsnContext, WsnDecision, WsnObservation
from mac.wsn.node_geometry import squared_distance_m2

from ..environment import Actions, Environment, Feature, Reward, Scene


def _energy(seen: WsnObservation, context: WsnContext) -> Tensor:
    return seen.energy_j / context.initial_j.clamp(min=1e-30)


def _energy_beside(seen: WsnObservation, context: WsnContext) -> Tensor:
    mean = seen.energy_j.sum(1, keepdim=True) / seen.alive.sum(1, keepdim=True).clamp(min=1)
    return (seen.energy_j / mean.clamp(min=1e-30)).clamp(max=10.0)


def _alive(seen: WsnObservation, context: WsnContext) -> Tensor:
    return seen.alive.float()


def _sensed(seen: WsnObservation, context: WsnContext) -> Tensor:
    return seen.sensed.float()


def _position(seen: WsnObservation, context: WsnContext) -> Tensor:
    return 2.0 * context.position_m / context.position_m.new_tensor(context.extent_m) - 1.0


def _sink(seen: WsnObservation, context: WsnContext) -> Tensor:
    return squared_distance_m2(context.position_m, seen.sink_m[:, None]).sqrt() / max(context.extent_m)


FEATURES = {
    "energy": Feature(_energy, "1", "charge over that at the start"),
    "energy_beside": Feature(_energy_beside, "1", "charge over the mean of the live nodes, cut at 10"),
    "alive": Feature(_alive, "1", "whether the node lives"),
    "sensed": Feature(_sensed, "1", "whether the node has a packet in this round"),
    "position": Feature(_position, "1", "x and y, from -1 to 1 over the field", constant=True),
    "sink": Feature(_sink, "1", "distance to the sink over the field's longer side"),
}


def _compiled_features(context: WsnContext) -> Callable[[WsnObservation], Tensor]:
    from .features_numba import UsualFeatures  # numba takes long to import

    return UsualFeatures(context, FEATURES)


def _open_roles(seen: WsnObservation, context: WsnContext) -> Tensor:
    """Finds the nodes that may be heads, bool ``[B, N, 2]``."""
    if seen.alive.device.type != "cpu":
        return torch.stack((torch.ones_like(seen.alive), seen.alive), -1)
    able = np.ones((*seen.alive.shape, 2), np.bool_)
    able[..., 1] = seen.alive.numpy()
    return torch.from_numpy(able)


def _volunteer(actions: Tensor, seen: WsnObservation, context: WsnContext) -> tuple[WsnDecision, Tensor]:
    """Makes volunteers heads, and sends each other node to the nearest head; without any, all nodes to the sink."""
    chosen = actions == 1
    return join_nearest(chosen & seen.alive, seen, context), (chosen & ~seen.alive).sum(1)


def _roles_of(decision: WsnDecision, seen: WsnObservation, context: WsnContext) -> Tensor:
    """Returns 1 for the live nodes that are heads."""
    return (decision.head & seen.alive).long()


def _nodes_alive(outcome: Outcome, scene: Scene) -> Tensor:
    alive = outcome.extras["alive"]
    assert isinstance(alive, Tensor)
    return alive / outcome.packets.shape[1]


def _delivered(outcome: Outcome, scene: Scene) -> Tensor:
    return outcome.packets.sum(1) / outcome.packets.shape[1]


def _own_packet(outcome: Outcome, scene: Scene) -> Tensor:
    return outcome.packets


def _energy_saved(outcome: Outcome, scene: Scene) -> Tensor:
    whole: Tensor = scene.context.initial_j.sum(1)
    return -outcome.energy_j / whole.clamp(min=1e-30)


ENVIRONMENT = Environment(
    scenario="wsn-field",
    agent="node",
    agents=lambda context: context.nodes,
    features=FEATURES,
    actions={
        "heads": Actions(
            _volunteer,
            lambda seen, context: 2,
            "1: be a cluster head in this round; the others send to the nearest head",
            choices=True,
            mask=_open_roles,
            nearest=_roles_of,
        )
    },
    reward="delivered",
    rewards={
        "delivered": Reward(_delivered, "1", "packets delivered in the round, over the nodes"),
        "alive": Reward(_nodes_alive, "1", "share of the nodes that live after the round"),
        "energy": Reward(_energy_saved, "1", "minus the energy spent, over the charge of all nodes at the start"),
        "own_packet": Reward(_own_packet, "1", "of each node: 1 if its packet was delivered"),
    },
    live=lambda seen, context: seen.alive,
    compiled=_compiled_features,
)
