"""Computes the downlink of UAVs: mean SNR of all links, association, SINR and spectral efficiency of the serving ones.

All UAVs use one band, with the same power density over it, so that the SINR of a user does not depend on its share.
Interference is averaged over fading and over the band: a UAV that uses the part rho of its band counts with rho (ours).

B drops, V UAVs, U users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.air_to_ground.mean_rate import mean_spectral_efficiency
from phy.air_to_ground.probabilistic_los import excess_gain, free_space_factor
from phy.air_to_ground.rician import fading_power, k_factor_db
from phy.air_to_ground.settings import AirToGroundSettings
from phy.random import normal

from .settings import RadioSettings
from .types import UNSERVED, UavContext


@dataclass(frozen=True)
class Air:
    """Holds the channel of an interval."""

    snr: Tensor  # [B, V, U] mean SNR at full power over the whole band, linear
    elevation_rad: Tensor  # [B, V, U] of the UAVs, as users see them
    squared_m2: Tensor  # [B, V, U] squared horizontal distance


@dataclass(frozen=True)
class Serving:
    """Holds the serving links of an interval."""

    uav: Tensor  # [B, U] int64, the serving UAV, 0 where there is none
    served: Tensor  # [B, U] bool, whether there is one
    power: Tensor  # [B, V] over the greatest power


def measure_air(context: UavContext, uav_m: Tensor, user_m: Tensor) -> Air:
    """Computes the mean channel of all links.

    Args:
        context: radio and channel.
        uav_m: positions of the UAVs, ``[B, V, 3]``.
        user_m: positions of the users, ``[B, U, 2]``.
    """
    x = uav_m[..., 0, None] - user_m[:, None, :, 0]
    y = uav_m[..., 1, None] - user_m[:, None, :, 1]
    squared = x * x + y * y
    height = uav_m[..., 2, None] - context.user_height_m
    elevation = torch.atan2(height, squared.sqrt())
    reference = free_space_factor(context.radio.carrier_hz) * context.radio.power_w / context.radio.noise_w
    snr = excess_gain(context.channel, elevation) * (reference / (squared + height * height))
    return Air(snr, elevation, squared)


def associate(radio: RadioSettings, air: Air, power: Tensor, active: Tensor, wants: Tensor) -> Tensor:
    """Chooses the serving UAV of each user by the rule of the scenario, int64 ``[B, U]``.

    Users without data or beyond ``coverage_radius_m`` are not served, nor those that are not among the ``max_users``
    strongest of their UAV.

    Args:
        radio: the rule.
        air: the channel.
        power: of each UAV over the greatest power, ``[B, V]``.
        active: whether a UAV is in service, bool ``[B, V]``.
        wants: whether a user has data, bool ``[B, U]``.
    """
    merit = air.snr * power[..., None] if radio.association == "strongest" else -air.squared_m2
    merit = torch.where(active[..., None], merit, -torch.inf)
    best, uav = merit.max(1)
    served = wants & (best > (0.0 if radio.association == "strongest" else -torch.inf))
    if radio.coverage_radius_m is not None:
        served &= air.squared_m2.gather(1, uav[:, None])[:, 0] <= radio.coverage_radius_m**2
    if radio.max_users is not None:
        served &= _among_the_strongest(radio.max_users, uav, served, best, power.shape[1])
    return torch.where(served, uav, UNSERVED)


def serving_sinr(air: Air, link: Serving, used: Tensor, noise_rise: Tensor) -> Tensor:
    """Computes the mean SINR of each user from its serving UAV, linear, ``[B, U]``.

    Args:
        air: the channel.
        link: the serving UAVs and their powers.
        used: part of its band that each UAV uses, ``[B, V]``.
        noise_rise: noise and terrestrial interference over noise, ``[B, U]``.
    """
    at = link.uav[:, None]
    signal = (air.snr.gather(1, at) * link.power.gather(1, link.uav)[:, None])[:, 0]
    received = air.snr * (link.power * used)[..., None]
    interference = received.scatter(1, at, 0.0).sum(1)  # without the serving one, so that nothing cancels
    return signal / (interference + noise_rise)


def spectral_efficiency(channel: AirToGroundSettings, elevation_rad: Tensor, sinr: Tensor) -> Tensor:
    """Computes the spectral efficiency in bit/s/Hz, averaged over fading, or without it, ``[B, U]``.

    Args:
        channel: the fading.
        elevation_rad: of the serving UAV, ``[B, U]``.
        sinr: ``[B, U]``.
    """
    if channel.fading == "none":
        return torch.log1p(sinr) * (1.0 / math.log(2.0))
    return mean_spectral_efficiency(k_factor_db(channel, elevation_rad), sinr)


def sampled_efficiency(channel: AirToGroundSettings, air: Air, link: Serving, sinr: Tensor, draws: Draws) -> Tensor:
    """Computes the mean spectral efficiency over samples of fading, in bit/s/Hz, ``[B, U]``.

    The samples of a link in an interval are the same whichever links are used.

    Args:
        channel: the fading, and how many samples.
        air: the channel.
        link: the serving UAVs.
        sinr: mean SINR, ``[B, U]``.
        draws: keys and interval.
    """
    uavs, users = air.snr.shape[1:]
    shape = (uavs, users, channel.samples, 2)
    draw = normal(draws.keys, shape, draws.interval * math.prod(shape)).to(sinr.dtype)
    own = draw.gather(1, link.uav[:, None, :, None, None].expand(-1, -1, -1, *shape[2:]))[:, 0]
    elevation = air.elevation_rad.gather(1, link.uav[:, None])[:, 0]
    power = fading_power(k_factor_db(channel, elevation), own)
    return torch.log1p(sinr[..., None] * power).sum(-1) * (1.0 / (channel.samples * math.log(2.0)))


@dataclass(frozen=True)
class Draws:
    """Holds where the random numbers of an interval come from."""

    keys: Tensor  # [B] int64
    interval: int


def _among_the_strongest(most: int, uav: Tensor, served: Tensor, strength: Tensor, uavs: int) -> Tensor:
    """Whether a user is among the ``most`` strongest of its UAV, bool ``[B, U]``."""
    order = torch.where(served, strength, -torch.inf).argsort(dim=1, descending=True, stable=True)
    mine = torch.nn.functional.one_hot(uav.gather(1, order), uavs) * served.gather(1, order)[..., None]
    rank = (mine.cumsum(1) * mine).sum(-1)  # from 1 along the order
    chosen = (rank >= 1) & (rank <= most)
    return torch.zeros_like(served).scatter(1, order, chosen)
