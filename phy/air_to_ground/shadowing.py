"""Computes shadowing of links between UAVs and points on the ground, correlated in space.

The process is a sum of waves over both ends of a link at once,

    f(x, y) = sqrt(2 / n) sum_w cos(k_w . x + q_w . y + phase_w),

with n waves, x the position of the UAV and y that on the ground, so that it needs no grid, is the same for UAVs at one
place, and changes smoothly as either end moves. Its correlation is ``exp(-|dx| / D) exp(-|dy| / D)``: at each end the
exponential one of Gudmundson, "Correlation model for shadow fading in mobile radio systems", Electronics Letters
27(23), 1991; the product is ours. Wave numbers of such a correlation are multivariate Cauchy, normal numbers over
another one. As in :mod:`phy.tr38901.spatial_correlation`, waves shorter than 5 m are drawn out to that length.

B drops, V UAVs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..random import normal, uniform
from ..tr38901.spatial_correlation import SHORTEST_WAVE_M

WAVES = 64


@dataclass(frozen=True, eq=False)
class LinkShadowing:
    """Holds the waves of each drop, float64."""

    uav_rad_m: Tensor  # [B, waves, 3] wave numbers k over the position of the UAV
    ground_rad_m: Tensor  # [B, waves, 2] wave numbers q over the position on the ground
    phase_rad: Tensor  # [B, waves]

    def at(self, uav_m: Tensor, ground_m: Tensor) -> Tensor:
        """Computes the process, of mean 0 and variance 1, ``[B, V, points]`` in the dtype of the positions of the UAVs.

        The sum runs over the waves one after the other, so that a drop has the same bits in any batch.

        Args:
            uav_m: positions of the UAVs, ``[B, V, 3]``.
            ground_m: positions on the ground, ``[B, points, 2]``.
        """
        above = _phases(uav_m, self.uav_rad_m) + self.phase_rad[:, :, None]  # [B, waves, V]
        below = _phases(ground_m, self.ground_rad_m)  # [B, waves, points]
        left = torch.cat((torch.cos(above), -torch.sin(above)), 1).to(uav_m.dtype)
        right = torch.cat((torch.cos(below), torch.sin(below)), 1).to(uav_m.dtype)
        total = torch.zeros_like(left[:, 0, :, None] * right[:, 0, None])
        for wave in range(left.shape[1]):
            total = torch.addcmul(total, left[:, wave, :, None], right[:, wave, None])
        return total * math.sqrt(2.0 / self.phase_rad.shape[1])


def draw_shadowing(keys: Tensor, decorrelation_m: float, waves: int = WAVES) -> LinkShadowing:
    """Draws the waves.

    Args:
        keys: int64 ``[B]``.
        decorrelation_m: distance D that either end moves until the correlation has fallen to 1/e.
        waves: number of waves W.
    """
    draw = normal(keys, (waves, 7))
    uav, ground = (_cauchy(part, decorrelation_m) for part in (draw[..., :4], draw[..., 4:]))
    return LinkShadowing(uav, ground, 2.0 * math.pi * uniform(~keys, (waves,)))


def _cauchy(draw: Tensor, decorrelation_m: float) -> Tensor:
    """Computes multivariate Cauchy wave numbers from normal numbers, of which the last one divides."""
    number = draw[..., :-1] / (decorrelation_m * draw[..., -1:].abs())
    length = number.square().sum(-1, keepdim=True).sqrt()
    return number * (2.0 * math.pi / SHORTEST_WAVE_M / length.clamp(min=1e-12)).clamp(max=1.0)


def _phases(place_m: Tensor, number: Tensor) -> Tensor:
    """Computes the scalar products ``[B, waves, points]`` of wave numbers ``[B, waves, axes]`` and positions
    ``[B, points, axes]``.
    """
    place = place_m.to(torch.float64)
    parts = [number[..., axis, None] * place[:, None, :, axis] for axis in range(number.shape[-1])]
    return sum(parts[1:], parts[0])


def mixed_sigma_db(los: Tensor, clear_db: Tensor | float, blocked_db: Tensor | float) -> Tensor:
    """Computes the standard deviation of shadowing averaged over line of sight, ``sqrt(P c^2 + (1 - P) b^2)`` in dB
    (ours).

    Args:
        los: probability P of line of sight.
        clear_db: standard deviation c with line of sight.
        blocked_db: standard deviation b without.
    """
    clear, blocked = clear_db * clear_db, blocked_db * blocked_db
    return torch.sqrt(blocked + los * (clear - blocked))
