"""Computes the downlink of UAVs: SNR of all links, association, SINR, rates and bits.

All UAVs use one band, with the same power density over it, so that the SINR of a user does not depend on its share.
Interference is averaged over fading and over the band: a UAV that uses the part rho of its band counts with rho (ours).
The form in compiled loops is :mod:`mac.uav.radio_numba`.

B drops, V UAVs, U users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from phy.air_to_ground.mean_rate import mean_spectral_efficiency
from phy.air_to_ground.probabilistic_los import excess_gain, free_space_factor, shadowing_sigma_db
from phy.air_to_ground.rician import fading_power, k_factor_db
from phy.air_to_ground.settings import AirToGroundSettings
from phy.air_to_ground.shadowing import LinkShadowing
from phy.random import normal
from phy.units import db_to_linear

from .sharing import served_count, shares
from .types import UNSERVED, UavContext


@dataclass(frozen=True)
class MeanLinks:
    """Holds the mean channel of all links."""

    snr: Tensor  # [B, V, U] mean SNR at full power over the whole band, linear
    elevation_rad: Tensor  # [B, V, U] of the UAVs, as users see them
    squared_m2: Tensor  # [B, V, U] squared horizontal distance


@dataclass(frozen=True)
class Draws:
    """Holds where the random numbers of an interval come from."""

    keys: Tensor  # [B] int64
    interval: int


@dataclass(frozen=True)
class Downlink:
    """Holds what UAVs send in an interval."""

    snr: Tensor  # [B, V, U]
    uav_m: Tensor  # [B, V, 3]
    user_m: Tensor  # [B, U, 2]
    power: Tensor  # [B, V] over the greatest power, 0 out of service
    serving: Tensor | None  # [B, U] int64
    share: Tensor | None  # [B, V, U]
    waiting_bits: Tensor  # [B, U]
    noise_rise: Tensor  # [B, U] noise and terrestrial interference over noise
    past_bps: Tensor  # [B, U] what a mean rate keeps of its past
    limit_bits: Tensor | None  # [B, V] that reach a UAV
    draws: Draws


@dataclass(frozen=True)
class Service:
    """Holds what users got in an interval."""

    uav: Tensor  # [B, U] int64, UNSERVED where none serves or no data wait
    bits: Tensor  # [B, U]
    covered: Tensor  # [B, U] 1 where the serving UAV has the SINR of coverage, else 0
    sends: Tensor  # [B, V] bool, whether a UAV serves any user


def reference_snr(context: UavContext) -> float:
    """Computes the SNR at full power over the whole band at 1 m in free space."""
    radio = context.radio
    return free_space_factor(radio.carrier_hz) * radio.power_w / radio.noise_w


def measure_mean_links(context: UavContext, uav_m: Tensor, user_m: Tensor) -> MeanLinks:
    """Computes the mean channel of all links.

    Args:
        context: radio and channel.
        uav_m: positions of the UAVs, ``[B, V, 3]``.
        user_m: positions of the users, ``[B, U, 2]``.
    """
    squared = squared_level_m2(uav_m, user_m)
    height = uav_m[..., 2, None] - context.user_height_m
    elevation = torch.atan2(height, squared.sqrt())
    snr = excess_gain(context.channel, elevation) * (reference_snr(context) / (squared + height * height))
    return MeanLinks(snr, elevation, squared)


def shadowing_gain(context: UavContext, shadowing: LinkShadowing, uav_m: Tensor, user_m: Tensor) -> Tensor:
    """Computes the gain of shadowing of all links, linear, ``[B, V, U]``; it has the mean 0 in dB.

    Args:
        context: channel and users' height.
        shadowing: of the drops.
        uav_m: positions of the UAVs, ``[B, V, 3]``.
        user_m: positions of the users, ``[B, U, 2]``.
    """
    height = uav_m[..., 2, None] - context.user_height_m
    elevation = torch.atan2(height, squared_level_m2(uav_m, user_m).sqrt())
    return db_to_linear(shadowing_sigma_db(context.channel, elevation) * shadowing.at(uav_m, user_m))


def squared_level_m2(uav_m: Tensor, user_m: Tensor) -> Tensor:
    """Computes the squared horizontal distance of all links, ``[B, V, U]`` in m^2."""
    x = uav_m[..., 0, None] - user_m[:, None, :, 0]
    y = uav_m[..., 1, None] - user_m[:, None, :, 1]
    return x * x + y * y


def associate(context: UavContext, snr: Tensor, places: tuple[Tensor, Tensor], power: Tensor, wants: Tensor) -> Tensor:
    """Chooses the serving UAV of each user by the rule of the scenario, int64 ``[B, U]``.

    Users without data or beyond ``coverage_radius_m`` are not served, nor those that are not among the ``max_users``
    strongest (or nearest) of their UAV.

    Args:
        context: the rule.
        snr: of all links, ``[B, V, U]``.
        places: of the UAVs ``[B, V, 3]`` and the users ``[B, U, 2]``.
        power: of each UAV over the greatest power, ``[B, V]``; 0 out of service.
        wants: whether a user has data, bool ``[B, U]``.
    """
    radio = context.radio
    strength = snr * power[..., None]
    merit = strength
    if radio.association == "nearest":
        merit = torch.where(strength > 0, 1.0 / squared_level_m2(*places).clamp(min=1e-12), 0.0)
    best, uav = merit.max(1)
    served = wants & (best > 0)
    if radio.coverage_radius_m is not None:
        served = served & within_radius(context, places, uav)
    if radio.max_users is not None:
        served = served & _among_the_best(radio.max_users, uav, served, best, power.shape[1])
    return torch.where(served, uav, UNSERVED)


def within_radius(context: UavContext, places: tuple[Tensor, Tensor], uav: Tensor) -> Tensor:
    """Checks whether a user is within the coverage radius of a UAV, bool ``[B, U]``.

    Args:
        context: the radius; without one all are.
        places: of the UAVs ``[B, V, 3]`` and the users ``[B, U, 2]``.
        uav: of each user, int64 ``[B, U]``; UNSERVED counts as UAV 0.
    """
    radius = math.inf if context.radio.coverage_radius_m is None else context.radio.coverage_radius_m
    return _of_serving(squared_level_m2(*places), uav.clamp(min=0)) <= radius**2


def serve(context: UavContext, link: Downlink) -> Service:
    """Computes serving UAVs, bits and coverage of an interval.

    A user gets ``share * bandwidth * efficiency(SINR) * T`` bits, at most those that wait; the bits of a UAV beyond
    what its backhaul carries are cut in proportion.

    Args:
        context: radio and channel.
        link: what UAVs send.
    """
    radio, kind = context.radio, link.snr.dtype
    wants = link.waiting_bits > 0
    uav = link.serving
    if uav is None:
        uav = associate(context, link.snr, (link.uav_m, link.user_m), link.power, wants)
    index, served = uav.clamp(min=0), (uav >= 0) & wants
    count = served_count(index, served, context.uavs, kind)
    used = (count > 0).to(kind) if link.share is None else link.share.sum(-1)
    sinr = torch.where(uav >= 0, serving_sinr(link, index, used), 0.0)
    if radio.least_sinr_db is not None:
        served = served & (sinr >= 10.0 ** (radio.least_sinr_db / 10.0))
    efficiency = torch.where(served, _efficiency(context, link, index, sinr), 0.0)
    if link.share is None:
        share = shares(context, index, served, efficiency, link.past_bps)
    else:
        share = torch.where(served, _of_serving(link.share, index), 0.0)
    bits = torch.minimum(share * efficiency * (radio.bandwidth_hz * context.interval_s), link.waiting_bits)
    covered = (uav >= 0) & (sinr >= 10.0 ** (radio.covered_sinr_db / 10.0))
    if link.limit_bits is not None:
        total = torch.zeros_like(link.power).scatter_add_(1, index, bits)
        cut = link.limit_bits / torch.maximum(total, link.limit_bits).clamp(min=1e-30)
        bits = bits * cut.gather(1, index)
    return Service(torch.where(served, uav, UNSERVED), bits, covered.to(kind), count > 0)


def serving_sinr(link: Downlink, uav: Tensor, used: Tensor) -> Tensor:
    """Computes the mean SINR of each user from a UAV, linear, ``[B, U]``.

    Args:
        link: what UAVs send.
        uav: the UAV of each user, int64 ``[B, U]``.
        used: part of its band that each UAV uses, ``[B, V]``.
    """
    signal = _of_serving(link.snr, uav) * link.power.gather(1, uav)
    received = link.snr * (link.power * used)[..., None]
    interference = received.scatter(1, uav[:, None], 0.0).sum(1)  # without the serving one, so that nothing cancels
    return signal / (interference + link.noise_rise)


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


def _efficiency(context: UavContext, link: Downlink, uav: Tensor, sinr: Tensor) -> Tensor:
    place = link.uav_m.gather(1, uav[..., None].expand(-1, -1, 3))
    level = torch.hypot(place[..., 0] - link.user_m[..., 0], place[..., 1] - link.user_m[..., 1])
    elevation = torch.atan2(place[..., 2] - context.user_height_m, level)
    if context.channel.fading != "sampled":
        return spectral_efficiency(context.channel, elevation, sinr)
    return _sampled_efficiency(context, link.draws, uav, (elevation, sinr))


def _sampled_efficiency(context: UavContext, draws: Draws, uav: Tensor, serving: tuple[Tensor, Tensor]) -> Tensor:
    """Averages over samples; those of a link in an interval are the same whichever links are used."""
    elevation, sinr = serving
    samples = context.channel.samples
    shape = (context.uavs, context.users, samples, 2)
    draw = normal(draws.keys, shape, draws.interval * math.prod(shape)).to(sinr.dtype)
    own = draw.gather(1, uav[:, None, :, None, None].expand(-1, -1, -1, samples, 2))[:, 0]
    power = fading_power(k_factor_db(context.channel, elevation), own)
    return torch.log1p(sinr[..., None] * power).sum(-1) * (1.0 / (samples * math.log(2.0)))


def _of_serving(values: Tensor, uav: Tensor) -> Tensor:
    """Selects the value of each user's UAV, ``[B, U]`` of ``[B, V, U]``."""
    return values.gather(1, uav[:, None])[:, 0]


def _among_the_best(most: int, uav: Tensor, served: Tensor, merit: Tensor, uavs: int) -> Tensor:
    """Checks whether a user is among the ``most`` best of its UAV, bool ``[B, U]``."""
    order = torch.where(served, merit, -torch.inf).argsort(dim=1, descending=True, stable=True)
    mine = torch.nn.functional.one_hot(uav.gather(1, order), uavs) * served.gather(1, order)[..., None]
    rank = (mine.cumsum(1) * mine).sum(-1)  # from 1 along the order
    chosen = (rank >= 1) & (rank <= most)
    return torch.zeros_like(served).scatter(1, order, chosen)
