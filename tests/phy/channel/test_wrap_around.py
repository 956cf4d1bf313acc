"""Users that walk over the border of the cluster: the air does not jump, as its fields follow the unfolded walk."""

from __future__ import annotations

import torch
from moving_cases import TOPOLOGY, crossings

from phy.antenna.element import SectorAntennaSettings
from phy.mobility import Linear, area_of, trajectories, wrap_position
from phy.random import Drops
from phy.topology.users import place_per_cell
from phy.tr38901.large_scale import LargeScalePlan, draw_large_scale_model
from phy.tr38901.settings import PropagationSettings

DROP = Drops(1, (0,))


def test_gains_at_the_border_of_the_cluster() -> None:
    """A centimetre changes no more there than anywhere else: some tenths of a dB."""
    start, _ = place_per_cell(DROP.keys("placement"), TOPOLOGY, 1, 35.0, 1.5)
    model = Linear(min_speed_kmh=360.0, max_speed_kmh=360.0)
    walk = trajectories(DROP, model, start, area_of(TOPOLOGY), 20.0)
    model = draw_large_scale_model(DROP, LargeScalePlan(TOPOLOGY, PropagationSettings(), SectorAntennaSettings(), 21))
    border = crossings(walk)
    assert len(border) == 12
    for user, t_s in border:
        way = walk.position_m(torch.tensor([t_s - 5e-5, t_s + 5e-5], dtype=torch.float64))  # 1 cm
        here, there = (model.at(wrap_position(TOPOLOGY, way[:, :, n]), way[:, :, n]).gain_db[0, user] for n in (0, 1))
        assert (here - there).abs().max() < 0.5
        folded = [model.at(wrap_position(TOPOLOGY, way[:, :, n])).gain_db[0, user] for n in (0, 1)]
        assert (folded[0] - folded[1]).abs().max() > 1.0  # what it would be otherwise
