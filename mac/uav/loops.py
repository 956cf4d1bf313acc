"""Calls the compiled loops of radio and flight with the arrays of tensors, on a CPU."""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
import torch
from torch import Tensor

from phy.air_to_ground.elevation_table import elevation_table
from phy.air_to_ground.mean_rate import factor_table
from phy.air_to_ground.settings import AirToGroundSettings

from . import flight_numba, radio_numba
from .flight import FlightResult, Motion
from .kinematics import FlightLimits
from .radio import Downlink, Service, reference_snr
from .settings import RotorSettings
from .sharing import growth_bps
from .types import UavContext

Array = np.ndarray

_NO_SERVING = np.empty((0, 0), np.int64)
_RULES = {
    "equal": radio_numba.EQUAL,
    "max_min": radio_numba.MAX_MIN,
    "proportional_fair": radio_numba.PROPORTIONAL_FAIR,
}


def measure_snr(context: UavContext, uav_m: Tensor, user_m: Tensor) -> Tensor:
    """Computes the mean SNR of all links, ``[B, V, U]``, see :func:`mac.uav.radio.measure_mean_links`."""
    snr = uav_m.new_empty((*uav_m.shape[:2], user_m.shape[1]))
    gain = _gain(context.channel, uav_m.dtype)
    arrays = (_array(uav_m), _array(user_m))
    radio_numba.measure(*arrays, context.user_height_m, gain, reference_snr(context), snr.numpy())
    return snr


def takes(context: UavContext, serving: Tensor | None) -> bool:
    """Returns whether the loops compute this: rules that rank or limit users by place are left to torch."""
    radio = context.radio
    by_rule = radio.association != "strongest" or radio.max_users is not None or radio.coverage_radius_m is not None
    return context.channel.fading != "sampled" and (serving is not None or not by_rule)


def serve(context: UavContext, link: Downlink) -> Service:
    """Computes serving UAVs, bits and coverage of an interval, see :func:`mac.uav.radio.serve`."""
    kind = link.snr.dtype
    nothing = np.empty((0, 0, 0), link.snr.numpy().dtype)
    asked = radio_numba.DownlinkArrays(
        _array(link.snr),
        _array(link.uav_m),
        _array(link.user_m),
        _array(link.power),
        _NO_SERVING if link.serving is None else _array(link.serving),
        nothing if link.share is None else _array(link.share),
        _array(link.waiting_bits),
        _array(link.noise_rise),
        _array(link.past_bps),
        nothing.reshape(0, 0) if link.limit_bits is None else _array(link.limit_bits),
    )
    shape = link.waiting_bits.shape
    uav = torch.empty(shape, dtype=torch.int64)
    bits, covered = torch.empty(shape, dtype=kind), torch.empty(shape, dtype=kind)
    sends = torch.empty(link.power.shape, dtype=torch.bool)
    given = radio_numba.ServiceArrays(uav.numpy(), bits.numpy(), covered.numpy(), sends.numpy())
    radio_numba.serve(asked, _numbers(context), elevation_table(context.channel).k_db, _factor(), given)
    return Service(uav, bits, covered, sends)


def fly_interval(
    limits: FlightLimits, rotor: RotorSettings, motion: Motion, wanted_mps: Tensor, radio_w: Tensor
) -> FlightResult:
    """Computes an interval of all UAVs, see :func:`mac.uav.flight.fly_interval`."""
    craft = flight_numba.FleetArrays(
        _array(motion.position_m),
        _array(motion.velocity_mps),
        _array(wanted_mps),
        _array(motion.battery_j),
        _array(radio_w),
    )
    drops, uavs = motion.battery_j.shape
    after = Motion(*(torch.empty_like(one, memory_format=torch.contiguous_format)
                     for one in (motion.position_m, motion.velocity_mps, motion.battery_j)))  # fmt: skip
    flight_j, radio_j = torch.empty_like(after.battery_j), torch.empty_like(after.battery_j)
    held = motion.position_m.new_empty(drops)
    near = torch.empty((drops, uavs * (uavs - 1) // 2), dtype=torch.bool)
    landed = flight_numba.FlightArrays(
        after.position_m.numpy(),
        after.velocity_mps.numpy(),
        after.battery_j.numpy(),
        flight_j.numpy(),
        radio_j.numpy(),
        held.numpy(),
        near.numpy(),
    )
    flight_numba.fly(craft, _bounds(limits), _rotor(rotor), landed)
    return FlightResult(after, flight_j, radio_j, held, near)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.contiguous().numpy()
    return array


@cache
def _gain(channel: AirToGroundSettings, dtype: torch.dtype) -> Array:
    array: Array = torch.from_numpy(elevation_table(channel).gain).to(dtype).numpy()
    return array


@cache
def _factor() -> Array:
    array: Array = factor_table(torch.device("cpu")).numpy()
    return array


def _numbers(context: UavContext) -> radio_numba.RadioConstants:
    radio = context.radio
    return radio_numba.RadioConstants(
        context.user_height_m,
        _RULES[radio.sharing],
        growth_bps(context),
        radio.bandwidth_hz * context.interval_s,
        10.0 ** (radio.covered_sinr_db / 10.0),
        0.0 if radio.least_sinr_db is None else 10.0 ** (radio.least_sinr_db / 10.0),
        context.channel.fading != "none",
    )


@lru_cache(maxsize=16)
def _bounds(limits: FlightLimits) -> flight_numba.Bounds:
    a = limits.acceleration_mps2
    return flight_numba.Bounds(
        limits.low_m.to(torch.float64).numpy(),
        limits.high_m.to(torch.float64).numpy(),
        np.array(limits.zones_m, np.float64).reshape(-1, 4),
        math.inf if a is None else a,
        limits.interval_s,
        limits.collision_m,
    )


@cache
def _rotor(rotor: RotorSettings) -> flight_numba.Rotor:
    drag = 0.5 * rotor.drag_ratio * rotor.air_kg_m3 * rotor.solidity * rotor.disc_m2
    return flight_numba.Rotor(rotor.blade_w, rotor.induced_w, rotor.tip_mps, rotor.induced_mps, drag, rotor.weight_n)
