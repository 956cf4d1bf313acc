"""Computes SINR and spectral efficiency of all links, as if every UAV in service used its whole band.

B drops, V UAVs, U users.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac.uav import UavContext
from mac.uav.radio import spectral_efficiency, squared_level_m2


@dataclass(frozen=True)
class Links:
    """Holds what each user would get from each UAV."""

    efficiency: Tensor  # [B, V, U] bit/s/Hz
    usable: Tensor  # [B, V, U] bool, strong and near enough to be served


def measure_links(context: UavContext, snr: Tensor, uav_m: Tensor, user_m: Tensor, noise_rise: Tensor) -> Links:
    """Computes the links.

    Args:
        context: radio and channel.
        snr: mean SNR at full power, float64 ``[B, V, U]``; 0 where not heard or out of service.
        uav_m: positions of the UAVs, float64 ``[B, V, 3]``.
        user_m: positions of the users, float64 ``[B, U, 2]``.
        noise_rise: noise and terrestrial interference over noise, ``[B, U]``.
    """
    radio = context.radio
    squared = squared_level_m2(uav_m, user_m)
    elevation = torch.atan2(uav_m[..., 2, None] - context.user_height_m, squared.sqrt())
    sinr = snr / (snr.sum(1, keepdim=True) - snr + noise_rise[:, None])
    usable = snr > 0
    if radio.least_sinr_db is not None:
        usable = usable & (sinr >= 10.0 ** (radio.least_sinr_db / 10.0))
    if radio.coverage_radius_m is not None:
        usable = usable & (squared <= radio.coverage_radius_m**2)
    return Links(spectral_efficiency(context.channel, elevation, sinr), usable)
