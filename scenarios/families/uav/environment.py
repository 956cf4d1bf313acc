"""Describes flying base stations to learners: each UAV sets its velocity. B drops, V UAVs, U users."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mac.core.contracts import Outcome
from mac.uav import UavContext, UavDecision, UavObservation

from ...errors import ScenarioError
from ..environment import Actions, Environment, Feature, Reward, Scene
from ..rate_rewards import RATES

_MBIT = 1e6
_POOR_BPS = 1e4  # added to a rate before users are weighed by its inverse, so that rate 0 is not all that counts (ours)
_ROUNDING = 1e-5
_DEVIATION = 0.5  # weight of the standard deviation of users' rates (ours)


def _position(seen: UavObservation, context: UavContext) -> Tensor:
    low, high = context.height_m
    x, y, height = seen.position_m.unbind(-1)
    scaled = x / context.area_m[0], y / context.area_m[1], (height - low) / max(high - low, 1.0)
    return 2.0 * torch.stack(scaled, -1) - 1.0


def _velocity(seen: UavObservation, context: UavContext) -> Tensor:
    plane, climb = seen.velocity_mps[..., :2], seen.velocity_mps[..., 2:]
    return torch.cat((plane / context.speed_mps, climb / max(context.climb_mps, 1e-3)), -1)


def _battery(seen: UavObservation, context: UavContext) -> Tensor:
    return seen.battery_j / context.battery_j


def _strongest(seen: UavObservation, context: UavContext) -> Tensor:
    """Finds the users that receive each UAV strongest, ``[B, V, U]``."""
    best = seen.snr.amax(1, keepdim=True)
    return ((seen.snr == best) & (best > 0)).to(seen.snr.dtype)


def _users(seen: UavObservation, context: UavContext) -> Tensor:
    return _strongest(seen, context).sum(-1) / context.users


def _centre(seen: UavObservation, context: UavContext) -> Tensor:
    return _towards(seen, context, _strongest(seen, context))


def _poor(seen: UavObservation, context: UavContext) -> Tensor:
    return _towards(seen, context, 1.0 / (seen.mean_rate_bps + _POOR_BPS)[:, None])


def _towards(seen: UavObservation, context: UavContext, weight: Tensor) -> Tensor:
    """Computes the way from each UAV to the weighted mean of users' positions, over the area; 0 without any."""
    total = weight.sum(-1)
    there, total = total > 0, total.clamp(min=1e-30)
    ways = [
        ((weight * seen.user_m[:, None, :, axis]).sum(-1) / total - seen.position_m[..., axis]) / context.area_m[axis]
        for axis in (0, 1)
    ]
    return torch.stack(ways, -1) * there[..., None]


def _nearest(seen: UavObservation, context: UavContext) -> Tensor:
    ways = [seen.position_m[:, None, :, axis] - seen.position_m[:, :, None, axis] for axis in (0, 1)]  # [B, V, V] each
    far = torch.where(seen.neighbour, ways[0].square() + ways[1].square(), torch.inf)
    found, there = far.argmin(-1, keepdim=True), seen.neighbour.any(-1)
    parts = [(way.gather(-1, found)[..., 0] / context.area_m[axis]) * there for axis, way in enumerate(ways)]
    return torch.stack(parts, -1)


def _in_range(seen: UavObservation, context: UavContext) -> Tensor:
    return seen.neighbour.to(context.dtype)


def _user_position(seen: UavObservation, context: UavContext) -> Tensor:
    places = [2.0 * seen.user_m[..., axis] / context.area_m[axis] - 1.0 for axis in (0, 1)]
    return torch.stack(places, -1).flatten(1)[:, None].expand(-1, context.uavs, -1)


def _user_rate(seen: UavObservation, context: UavContext) -> Tensor:
    return (seen.mean_rate_bps / _MBIT)[:, None].expand(-1, context.uavs, -1)


FEATURES = {
    "position": Feature(_position, "1", "x, y and height, from -1 to 1 over the area and the allowed heights"),
    "velocity": Feature(_velocity, "1", "velocity over the greatest along x, y and z"),
    "battery": Feature(_battery, "1", "charge over that at the start"),
    "users": Feature(_users, "1", "share of the users that receive this UAV strongest"),
    "centre": Feature(_centre, "1", "way to the mean position of these users, over the area"),
    "poor": Feature(_poor, "1", "way to the mean position of all users, weighted by 1 / (mean rate + 10 kbit/s)"),
    "nearest": Feature(_nearest, "1", "way to the nearest other UAV in range, over the area; 0 without any"),
    "in_range": Feature(_in_range, "1", "whether each other UAV is in range, 1 or 0"),
    "user_position": Feature(_user_position, "1", "x and y of every user, from -1 to 1 over the area"),
    "user_rate": Feature(_user_rate, "Mbit/s", "mean rate of every user"),
}


def _compiled_features(context: UavContext) -> Callable[[UavObservation], Tensor]:
    from .features_numba import UsualFeatures  # numba takes long to import

    return UsualFeatures(context, _POOR_BPS)


def _fly(actions: Tensor, seen: UavObservation, context: UavContext) -> tuple[UavDecision, Tensor]:
    """Sets velocities as shares of the greatest; horizontal ones that are too fast keep their direction."""
    parts = actions.to(context.dtype)
    level = torch.hypot(parts[..., 0], parts[..., 1])
    plane = parts[..., :2] * (context.speed_mps / level.clamp(min=1.0))[..., None]
    velocity = torch.cat((plane, parts[..., 2:] * context.climb_mps), -1)
    return UavDecision(velocity), (level > 1.0 + _ROUNDING).sum(1)


def _velocity_of(decision: UavDecision, seen: UavObservation, context: UavContext) -> Tensor:
    """Returns the velocity over the greatest speed and climb."""
    greatest = decision.velocity_mps.new_tensor((context.speed_mps, context.speed_mps, max(context.climb_mps, 1e-3)))
    return (decision.velocity_mps / greatest).clamp(-1.0, 1.0).to(torch.float32)


_DIRECTIONS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


def _open_directions(seen: UavObservation, context: UavContext) -> Tensor:
    """Finds the directions in which a UAV may fly, bool ``[B, V, 7]``: one out of service may only stay."""
    height, (low, high) = seen.position_m[..., 2], context.height_m
    able = seen.active[..., None].repeat(1, 1, len(_DIRECTIONS))
    able[..., 0] = True
    able[..., 5] &= (height < high) & (context.climb_mps > 0)
    able[..., 6] &= (height > low) & (context.climb_mps > 0)
    return able


def _head_for(actions: Tensor, seen: UavObservation, context: UavContext) -> tuple[UavDecision, Tensor]:
    """Flies at the greatest speed in one of seven directions; a direction that is closed is a stay."""
    able = _open_directions(seen, context).gather(-1, actions[..., None])
    greatest = (context.speed_mps, context.speed_mps, context.climb_mps)
    table = torch.tensor(_DIRECTIONS, dtype=context.dtype, device=actions.device)
    velocity = table[actions] * table.new_tensor(greatest)
    return UavDecision(torch.where(able, velocity, 0.0)), (~able).flatten(1).sum(1)


def _direction_of(decision: UavDecision, seen: UavObservation, context: UavContext) -> Tensor:
    """Returns the open direction whose velocity is nearest."""
    wanted = _velocity_of(decision, seen, context)[:, :, None]
    table = wanted.new_tensor(_DIRECTIONS)
    far = (wanted - table).square().sum(-1).masked_fill(~_open_directions(seen, context), torch.inf)
    return far.argmin(-1)


def _coverage(outcome: Outcome, scene: Scene) -> Tensor:
    covered = outcome.extras["covered"]
    assert isinstance(covered, Tensor)
    return covered.to(torch.float64).mean(1)


def _rate_less_deviation(outcome: Outcome, scene: Scene) -> Tensor:
    rate = outcome.served_bits / (scene.interval_s * _MBIT)
    return rate.mean(1) - _DEVIATION * rate.std(1, correction=0)


def _efficiency(outcome: Outcome, scene: Scene) -> Tensor:
    return outcome.served_bits.sum(1) / (1000.0 * outcome.energy_j.clamp(min=1e-9))


def _reference(outcome: Outcome, scene: Scene) -> Tensor:
    """Returns the reward of the reference environment, of each UAV.

    Raises:
        ScenarioError: the scenario does not record it.
    """
    found = outcome.extras.get("reference_reward")
    if not isinstance(found, Tensor):
        raise ScenarioError("reward 'reference' needs a scenario that records it: set its key reward to reference")
    return found


ENVIRONMENT = Environment(
    scenario="uav-hotspot",
    agent="uav",
    agents=lambda context: context.uavs,
    features=FEATURES,
    actions={
        "velocity": Actions(
            _fly,
            lambda seen, context: 3,
            "velocity along x, y and z, over the greatest speed and climb",
            nearest=_velocity_of,
        ),
        "direction": Actions(
            _head_for,
            lambda seen, context: len(_DIRECTIONS),
            "0: stay; 1 to 6: fly at the greatest speed along x, y, -x, -y, up, down",
            choices=True,
            mask=_open_directions,
            nearest=_direction_of,
        ),
    },
    reward="log_rate",
    rewards={
        **RATES,
        "rate_less_deviation": Reward(
            _rate_less_deviation, "Mbit/s", "mean rate of a user less half the standard deviation over users"
        ),
        "coverage": Reward(_coverage, "1", "share of the users that are covered"),
        "efficiency": Reward(_efficiency, "kbit/J", "bits served over energy spent"),
        "reference": Reward(_reference, "1", "of each UAV: that of the reference environment, where it is recorded"),
    },
    metrics=("satisfaction",),
    usual=("position", "velocity", "battery", "users", "centre", "poor", "nearest"),
    graph="in_range",
    live=lambda seen, context: seen.active,
    compiled=_compiled_features,
)
