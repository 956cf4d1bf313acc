"""The order in which Sionna lists what our rays hold."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phy.antenna.panel import PanelSettings
from phy.units import SPEED_OF_LIGHT_MPS

CARRIER_HZ = 3.5e9


def order_in(array: Any, panel: PanelSettings) -> Tensor:
    from phy.antenna.panel import element_positions

    ours = element_positions(panel)
    theirs = array.ant_pos / (SPEED_OF_LIGHT_MPS / CARRIER_HZ)
    second = torch.zeros(panel.elements)
    second[array.ant_ind_pol2] = 1
    mine = torch.arange(panel.elements) // (panel.elements // 2)
    distance = (ours[:, None] - theirs).norm(dim=-1) + (mine[:, None] != second).double()
    assert float(distance.min(1).values.max()) < 1e-6
    return distance.argmin(1)
