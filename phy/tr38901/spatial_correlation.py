"""Computes Gaussian random processes over the plane, correlated like ``exp(-d / D)``, many of them from one table.

A process is a sum of plane waves of random phases,

    f(x) = sum_w sqrt(2 p_w) cos(k_w . x - phase_w),      sum_w p_w = 1,

so it has no grid, costs O(UEs), and changes smoothly along the path of a UE. All processes of a drop share the waves
and differ by their phases, hence they are independent of each other, and a table of cosines and sines times a matrix
of amplitudes gives all of them at once. The isotropic spectrum of ``exp(-d / D)`` in the plane has the cumulative
distribution ``1 - 1 / sqrt(1 + (k D)^2)`` over the wave number, which a uniform number u inverts to
``k = sqrt(1 / (1 - u)^2 - 1) / D``.

Two things are added to the textbook form. An exponential correlation has a corner at zero, that is, changes without
bound over short steps; waves shorter than 5 m (less where the processes themselves decorrelate faster) are therefore
drawn out to that length, as finer structure is small-scale fading. And processes of other decorrelation distances use
the same waves and phases with other powers p_w, so that the states of a link stay correlated with each other.

Other powers also make processes correlated like ``exp(-(d / D)^2)``, without the corner: regions above a level have
smooth borders then, where those of an exponential correlation are frayed down to the shortest wave.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..random import phasors, uniform

WAVES = 256
SHORTEST_WAVE_M = 5.0
_GOLDEN = 0.5 * (3.0 - math.sqrt(5.0))  # of a turn


@dataclass(frozen=True)
class PlaneWaves:
    """Holds the plane waves of each drop."""

    number_rad_m: Tensor  # [B, waves, 2]
    exact: Tensor  # [B, waves] length of the wave number before the shortest waves were drawn out
    highest: float  # greatest wave number
    middle_m: float  # decorrelation distance from whose spectrum they were drawn

    def table(self, xy: Tensor) -> Tensor:
        """Computes cosines and sines of all waves at positions in m ``[B, U, 2]``: float64 ``[B, U, 2 * waves]``."""
        phase = xy @ self.number_rad_m.transpose(1, 2)
        return torch.cat((torch.cos(phase), torch.sin(phase)), -1)

    def weights(self, decorrelation_m: float) -> Tensor:
        """Computes ``sqrt(p_w)`` for a decorrelation distance, for cosines and sines, ``[B, 2 * waves]``."""
        number = self.exact.clamp_max(self.highest)
        tail = (1.0 + (number * self.middle_m) ** 2) / (1.0 + (number * decorrelation_m) ** 2)
        density = (decorrelation_m / self.middle_m) ** 2 * tail**1.5  # ratio of the spectra
        power = torch.where(self.exact < self.highest, density, tail.sqrt())  # ratio of what lies beyond
        return _roots(power)

    def smooth_weights(self, decorrelation_m: float) -> Tensor:
        """Computes the weights of a process correlated like ``exp(-(d / D)^2)``, whose slopes are those of waves longer
        than D.

        The spectrum of that in the plane is ``k exp(-(k D)^2 / 4)``.
        """
        drawn = (1.0 + (self.exact * self.middle_m) ** 2).pow(1.5)
        return _roots(drawn * torch.exp(-0.25 * (self.exact * decorrelation_m) ** 2))


def _roots(power: Tensor) -> Tensor:
    """Computes roots of powers ``[B, waves]``, scaled to the sum 1, for cosines and sines, ``[B, 2 * waves]``."""
    root = (power / power.sum(1, keepdim=True)).sqrt()
    return torch.cat((root, root), 1)


def draw_waves(keys: Tensor, decorrelation_m: Sequence[float], waves: int = WAVES) -> PlaneWaves:
    """Draws waves for processes of the given decorrelation distances.

    One wave is drawn from each of W equally probable bands of the spectrum of a distance in the middle of those wanted.
    Directions follow each other by the golden angle from a random one, so that no part of the spectrum has a preferred
    direction even in a single drop.

    Args:
        keys: int64 ``[B]``.
        decorrelation_m: distances at which the correlations will have fallen to 1/e.
        waves: number of waves W.
    """
    draw = uniform(keys, (waves, 2))
    middle = math.sqrt(min(decorrelation_m) * max(decorrelation_m))
    highest = 2.0 * math.pi / min(SHORTEST_WAVE_M, 0.7 * min(decorrelation_m))
    u = (torch.arange(waves, device=draw.device) + draw[..., 0]) / waves
    exact = torch.sqrt((1.0 - u) ** -2 - 1.0) / middle
    length = exact.clamp_max(highest)
    direction = 2.0 * math.pi * (draw[:, :1, 1] + _GOLDEN * torch.arange(waves, device=draw.device))
    number = torch.stack((length * torch.cos(direction), length * torch.sin(direction)), -1)
    return PlaneWaves(number, exact, highest, middle)


def draw_amplitudes(keys: Tensor, waves: PlaneWaves, fields: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Draws amplitudes of the cosines and sines of independent processes, of unit power a wave: ``[B, 2 * waves,
    fields]``, computed in float64.
    """
    return phasors(keys, waves.exact.shape[1], fields, dtype, math.sqrt(2.0))


def correlated_normal(keys: Tensor, xy: Tensor, decorrelation_m: float) -> Tensor:
    """Computes one process per drop, mean 0, variance 1, at positions ``[B, U, 2]`` in m: float64 ``[B, U]``."""
    waves = draw_waves(keys, (decorrelation_m,))
    amplitudes = draw_amplitudes(~keys, waves, 1) * waves.weights(decorrelation_m)[..., None]
    return (waves.table(xy) @ amplitudes).squeeze(-1)
