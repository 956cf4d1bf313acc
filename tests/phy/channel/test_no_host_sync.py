"""What runs per measurement neither reads a tensor back nor mixes devices: it works on tensors without values."""

from __future__ import annotations

import torch

from mac.handover import a3, measurements
from mac.handover.settings import HandoverSettings, MeasurementSettings
from phy.blockage import (
    BlockageEvent,
    ModelASettings,
    ModelBSettings,
    ScriptedSettings,
    build_script,
    draw_blocking_regions,
    draw_blocking_screens,
    model_a_loss_db,
    model_b_loss_db,
    scripted_loss_db,
)
from phy.mobility import RandomWaypoint, RectangleSettings, area_of, trajectories, wrap_position
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology

META = torch.device("meta")
TOPOLOGY = build_topology(TopologySettings())
DROPS = Drops(1, (0, 1))
BOX = RectangleSettings(west_m=-50.0, south_m=-50.0, east_m=50.0, north_m=50.0)


def test_trajectories() -> None:
    for area in (area_of(TOPOLOGY), area_of(TOPOLOGY, BOX)):
        walk = trajectories(DROPS, RandomWaypoint(), torch.zeros((2, 5, 3)), area, 10.0).to(META)
        t_s = torch.zeros(4, device=META)
        assert wrap_position(TOPOLOGY, walk.position_m(t_s)).shape == walk.velocity_mps(t_s).shape == (2, 5, 4, 3)


def test_handover_and_measurements() -> None:
    settings = MeasurementSettings()
    table = measurements.error_table(settings, META, torch.float32)
    keys = DROPS.keys("measurement").to(META)
    rsrp = torch.zeros((2, 5, 21), device=META)
    heard = measurements.first(measurements.sample_db(keys, rsrp, 0, table))
    heard = measurements.update(heard, measurements.sample_db(keys, rsrp, 1, table), settings.weight)
    state = a3.start(heard.filtered_db)
    rules = a3.rules(HandoverSettings(), 21, 1e-3, META)
    state, counts = a3.update(state, heard.filtered_db, a3.LinkSinr.same(rsrp[..., 0]), 40, rules)
    assert state.served(41).shape == (2, 5)
    assert counts.shape == (len(a3.COUNTERS), 2, 5) and counts.device == META


def test_blockage() -> None:
    position = torch.zeros((2, 5, 3), dtype=torch.float64, device=META)
    direction = torch.zeros((2, 5, 7), dtype=torch.float64, device=META)
    regions = draw_blocking_regions(DROPS, ModelASettings(), 5).to(META)
    assert model_a_loss_db(regions, position, 1.0, direction, direction, 3.5e9).shape == (2, 5, 7)
    screens = draw_blocking_screens(DROPS, ModelBSettings(count=3), area_of(TOPOLOGY), 5.0).to(META)
    assert model_b_loss_db(screens, position, position[:, :, None], 1.0, 3.5e9).shape == (2, 5, 1)
    event = BlockageEvent(loss_db=9.0, rectangle=BOX, end_s=3.0)
    script = build_script(ScriptedSettings(events=(event,)), TOPOLOGY, ["a"] * 5).to(META)
    assert scripted_loss_db(script, position, 1.0).shape == (2, 5, 21)
