"""Chooses which UAV flies to which point.

B drops, V UAVs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def match_points(position_m: Tensor, point_m: Tensor, active: Tensor, filled: Tensor) -> Tensor:
    """Assigns a point to each UAV so that the sum of their horizontal distances is least, ``[B, V, 2]``.

    UAVs in service share the points that are filled; the others get the rest. On straight ways of equal speed that
    minimise the sum of distances no two UAVs cross.

    Args:
        position_m: of the UAVs, ``[B, V, 3]``.
        point_m: one for each UAV, ``[B, V, 2]``.
        active: UAVs in service, bool ``[B, V]``.
        filled: points that users gather at, bool ``[B, V]``, as many as UAVs in service or fewer.
    """
    from scipy.optimize import linear_sum_assignment  # here, as it takes half a second

    place, point = (tensor.cpu().to(torch.float64).numpy() for tensor in (position_m[..., :2], point_m))
    apart = np.sqrt(np.square(place[:, :, None] - point[:, None]).sum(-1))
    far = 10.0 * (1.0 + apart.sum(axis=(1, 2), keepdims=True))
    cost = apart + far * (~active.cpu().numpy()[:, :, None] & filled.cpu().numpy()[:, None])
    chosen = np.stack([linear_sum_assignment(one)[1] for one in cost])
    index = torch.from_numpy(chosen).to(point_m.device)
    return point_m.gather(1, index[..., None].expand(-1, -1, 2))
