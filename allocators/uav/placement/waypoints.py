"""Makes better trajectories of UAVs for proportional fairness, by successive convex approximation.

The utility of a drop is the sum over users of the logarithm of their mean rate over the waypoints, where a UAV shares
its band equally. Around the present trajectory it is replaced by a concave function of each waypoint q:

- the rate of a user at w from its UAV falls with ``s = |q - w|^2``; it is replaced by its tangent in s, which is
  concave in q. For ``log(1 + S / (H^2 + s))``, which is convex in s, the tangent lies below the rate: it is the lower
  bound of Wu, Zeng, Zhang, IEEE Trans. Wireless Commun. 17(3), 2018;
- what the UAV takes from the users of others by interference is replaced by its tangent in q (ours).

With the slopes ``k = -c dR/ds > 0``, where c is that of the logarithm, and the gradient g of the second part, the
maximum is at ``(sum k w + g / 2) / sum k``: a centroid of the UAV's users, pushed away from those of others. Ours too:
waypoints are then brought within reach of each other, UAVs that would meet keep their old ways, and the step is cut
down until the true utility grows, because with probabilistic line of sight rates are not convex in s everywhere. Slopes
are those without fading.

B drops, V UAVs, U users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mac.uav import UavContext
from mac.uav.radio import reference_snr, spectral_efficiency
from phy.air_to_ground.probabilistic_los import excess_gain

from .user_clusters import squared_m2

STEPS = (1.0, 0.5, 0.25, 0.125)  # of the way to the maximum of the concave function
_GAIN = 1e-6  # of the utility, below which a step is not taken
_CLEAR = 2.0  # distances of a collision between two UAVs at a waypoint
_LEAST = 1e-6  # bit/s/Hz, of a user that gets nothing
_NUDGE = 1e-4  # relative, of the squared distance in the difference quotient of its SNR


@dataclass(frozen=True)
class Mission:
    """Holds what trajectories are planned for."""

    context: UavContext
    user_m: Tensor  # [B, U, 2] float64
    weight: Tensor  # [B, U] float64, 1 for users that count, else 0
    noise_rise: Tensor  # [B, U]
    start_m: Tensor  # [B, V, 2] float64
    active: Tensor  # [B, V] bool
    height_m: float
    leg_m: float  # greatest distance of two waypoints


@dataclass(frozen=True)
class Signals:
    """Holds the channel at all waypoints."""

    squared_m2: Tensor  # [B, waypoints, V, U] squared horizontal distance
    snr: Tensor  # [B, waypoints, V, U]
    efficiency: Tensor  # [B, waypoints, V, U] bit/s/Hz


def measure_way(mission: Mission, way_m: Tensor) -> Signals:
    """Computes the channel along trajectories ``[B, waypoints, V, 2]``."""
    context, shape = mission.context, way_m.shape[:3]
    users = mission.user_m.repeat_interleave(shape[1], 0)
    squared = squared_m2(way_m.flatten(0, 1), users).view(*shape, -1)
    snr = _snr(mission, squared)
    others = snr.sum(2, keepdim=True) - snr + mission.noise_rise[:, None, None]
    elevation = _elevation(mission, squared)
    efficiency = spectral_efficiency(context.channel, elevation, snr / others)
    return Signals(squared, snr, efficiency)


def utility(mission: Mission, signals: Signals, serving: Tensor) -> Tensor:
    """Computes the sum over users of the logarithm of the mean rate in bit/s/Hz, ``[B]``.

    Args:
        mission: users that count.
        signals: the channel along the trajectory.
        serving: the UAV of each user, int64 ``[B, U]``.
    """
    return (mean_rate(mission, signals, serving).clamp(min=_LEAST).log() * mission.weight).sum(1)


def mean_rate(mission: Mission, signals: Signals, serving: Tensor) -> Tensor:
    """Computes the mean rate of each user over the waypoints, over the bandwidth, ``[B, U]``; 0 where not served."""
    mine = _of_serving(signals.efficiency, serving).mean(1)
    return mine * _share(mission, serving)


def climb_utility(mission: Mission, way_m: Tensor, serving: Tensor) -> tuple[Tensor, Tensor]:
    """Computes one step: trajectories ``[B, waypoints, V, 2]`` and their utilities ``[B]``, never less than before."""
    signals = measure_way(mission, way_m)
    before = utility(mission, signals, serving)
    aim = _maximum(mission, signals, way_m, serving)
    way, value = way_m, before
    for step in STEPS:
        tried = _apart(mission, way_m, within_reach(mission, way_m + step * (aim - way_m)))
        found = utility(mission, measure_way(mission, tried), serving)
        taken = (value == before) & (found > before + _GAIN)
        way = torch.where(taken[:, None, None, None], tried, way)
        value = torch.where(taken, found, value)
        if bool((value > before).all()):
            break
    return way, value


def within_reach(mission: Mission, way_m: Tensor) -> Tensor:
    """Moves each waypoint into the area and within reach of the one before, ``[B, waypoints, V, 2]``."""
    area = torch.tensor(mission.context.area_m, dtype=way_m.dtype, device=way_m.device)
    place, found = mission.start_m, []
    for number in range(way_m.shape[1]):
        leg = torch.minimum(way_m[:, number].clamp(min=0.0), area) - place
        long = leg.square().sum(-1, keepdim=True).sqrt()
        place = place + leg * (mission.leg_m / long.clamp(min=mission.leg_m))
        found.append(place)
    return torch.stack(found, 1)


def _apart(mission: Mission, before_m: Tensor, way_m: Tensor) -> Tensor:
    """Keeps the old ways of UAVs that would come near to others at a waypoint, ``[B, waypoints, V, 2]``."""
    apart = (way_m[:, :, :, None] - way_m[:, :, None]).square().sum(-1)
    other = ~torch.eye(way_m.shape[2], dtype=torch.bool, device=way_m.device)
    near = (apart < (_CLEAR * mission.context.collision_m) ** 2) & other
    return torch.where(near.any(-1).any(1)[:, None, :, None], before_m, way_m)


def _maximum(mission: Mission, signals: Signals, way_m: Tensor, serving: Tensor) -> Tensor:
    """Computes the waypoints at which the concave function is greatest, ``[B, waypoints, V, 2]``."""
    rate = mean_rate(mission, signals, serving).clamp(min=_LEAST)
    value = mission.weight * _share(mission, serving) / (rate * (math.log(2.0) * way_m.shape[1]))  # [B, U]
    mine = _mine(mission, serving)[:, None]
    signal = _of_serving(signals.snr, serving)
    received = signals.snr.sum(2) + mission.noise_rise[:, None]
    slope = _slope(mission, signals)
    pull = mine * (value[:, None] / received)[:, :, None] * -slope
    taken = value[:, None] * (1.0 / received - 1.0 / (received - signal))  # of a user, by a unit of interference
    push = torch.where(mine, 0.0, 2.0 * taken[:, :, None] * slope)
    x, y = ((pull * place).sum(-1) + 0.5 * (push * (here - place)).sum(-1) for place, here in _axes(mission, way_m))
    total = pull.sum(-1)
    aim = torch.stack((x, y), -1) / total.clamp(min=1e-300)[..., None]
    return torch.where((total > 0)[..., None], aim, way_m)


def _axes(mission: Mission, way_m: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Returns the coordinates of users ``[B, 1, 1, U]`` and waypoints ``[B, waypoints, V, 1]`` along x and y."""
    return [(mission.user_m[:, None, None, :, axis], way_m[..., axis, None]) for axis in (0, 1)]


def _mine(mission: Mission, serving: Tensor) -> Tensor:
    """Checks whether a UAV serves a user that counts, bool ``[B, V, U]``."""
    number = torch.arange(mission.context.uavs, device=serving.device)[:, None]
    return (serving[:, None] == number) & (mission.weight > 0)[:, None]


def _share(mission: Mission, serving: Tensor) -> Tensor:
    """Computes the equal share of each user, ``[B, U]``; 0 where not served."""
    load = _mine(mission, serving).sum(-1).clamp(min=1).gather(1, serving.clamp(min=0))
    return torch.where(serving >= 0, 1.0 / load.to(mission.weight.dtype), 0.0)


def _of_serving(values: Tensor, serving: Tensor) -> Tensor:
    """Returns the value of each user's UAV, ``[B, waypoints, U]`` of ``[B, waypoints, V, U]``."""
    index = serving.clamp(min=0)[:, None, None].expand(-1, values.shape[1], 1, -1)
    return values.gather(2, index)[:, :, 0]


def _snr(mission: Mission, squared: Tensor) -> Tensor:
    """Computes the mean SNR at squared horizontal distances, 0 from UAVs out of service."""
    context = mission.context
    above = mission.height_m - context.user_height_m
    gain = excess_gain(context.channel, _elevation(mission, squared))
    return gain * (reference_snr(context) / (squared + above**2)) * mission.active[:, None, :, None]


def _slope(mission: Mission, signals: Signals) -> Tensor:
    """Computes the derivative of the SNR with respect to the squared distance, by a difference quotient, per m^2."""
    squared = signals.squared_m2
    step = _NUDGE * (squared + mission.height_m**2)
    return (_snr(mission, squared + step) - signals.snr) / step


def _elevation(mission: Mission, squared: Tensor) -> Tensor:
    above = mission.height_m - mission.context.user_height_m
    return torch.atan2(torch.full_like(squared, above), squared.sqrt())
