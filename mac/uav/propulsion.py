"""Computes the propulsion power of a rotary-wing UAV (Zeng, Xu, Zhang, "Energy minimization for wireless communication
with rotary-wing UAV", IEEE Trans. Wireless Commun. 18(4), 2019, equation 12).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .settings import RotorSettings


def level_power_w(rotor: RotorSettings, speed_mps: Tensor) -> Tensor:
    """Computes the power of level flight at constant speed V, in W, of any shape.

    ``P0 (1 + 3 V^2 / Utip^2) + Pi sqrt(sqrt(1 + V^4 / (4 v0^4)) - V^2 / (2 v0^2)) + d0 rho s A V^3 / 2``. The second
    term is computed as ``Pi / sqrt(sqrt(1 + x^2) + x)`` with ``x = V^2 / (2 v0^2)``, which does not cancel.

    Args:
        rotor: constants of the rotor.
        speed_mps: speed V.
    """
    squared = speed_mps.square()
    ratio = squared / (2.0 * rotor.induced_mps**2)
    blade = rotor.blade_w * (1.0 + 3.0 / rotor.tip_mps**2 * squared)
    induced = rotor.induced_w * torch.rsqrt(torch.sqrt(1.0 + ratio.square()) + ratio)
    drag = 0.5 * rotor.drag_ratio * rotor.air_kg_m3 * rotor.solidity * rotor.disc_m2
    return blade + induced + drag * squared * speed_mps


def flight_power_w(rotor: RotorSettings, velocity_mps: Tensor) -> Tensor:
    """Computes the power of flight at a velocity ``[..., 3]``, in W.

    Level power at the horizontal speed, and ours: weight times the speed of climbing. Descending saves nothing, and
    acceleration costs nothing.

    Args:
        rotor: constants of the rotor.
        velocity_mps: velocity.
    """
    level = level_power_w(rotor, torch.hypot(velocity_mps[..., 0], velocity_mps[..., 1]))
    return level + rotor.weight_n * velocity_mps[..., 2].clamp(min=0.0)
