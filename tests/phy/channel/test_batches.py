"""Drops drawn side by side in compiled loops, beside the same drops drawn singly and by torch's own operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from backend_cases import torch_alone

from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import ChannelPlan, build_channel, draw_channel_on, drops_at_once
from phy.channel.fading import FadingSettings
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings

CPU = torch.device("cpu")


def plan(topology: TopologySettings, users_per_cell: int = 3, **change: Any) -> ChannelPlan:
    made = build_topology(topology)
    return ChannelPlan(
        topology=made,
        propagation=PropagationSettings(**change.pop("propagation", {})),
        antenna=SectorAntennaSettings(**change.pop("antenna", {})),
        fading=FadingSettings(**change.pop("fading", {})),
        users_per_cell=users_per_cell,
        placement="per_cell",
        attachment="strongest",
        min_distance_m=topology.min_distance_m,
        speed_mps=torch.full((made.cells * users_per_cell,), 1.0, dtype=torch.float64),
        frequency_hz=(torch.arange(8, dtype=torch.float64) - 3.5) * 180e3,
        snr_at_unit_gain=1e12,
    )


SECTORS = TopologySettings(sites=7)
PLANS = {
    "omnidirectional": plan(TopologySettings(sites=7, sectors=1)),
    "sectors, indoors": plan(SECTORS, propagation={"indoor_share": 0.5, "indoor_floors": (4, 8), "o2i": "mixed"}),
    "few cells fade": plan(SECTORS, fading={"dominant_interferers": 2}),
    "soft line of sight": plan(
        TopologySettings(sites=7, bs_height_m=10.0), propagation={"los_transition": "soft", "model": "umi"}
    ),
    "direct gain": plan(SECTORS, propagation={"antenna_gain": "direct", "model": "rma"}),
}
TILTED = plan(TopologySettings(sites=1, wrap_around=False), antenna={"mechanical_tilt_deg": 5.0})


@pytest.mark.parametrize("name", PLANS)
def test_a_drop_is_the_same_in_any_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phy.channel.channel._LINKS_AT_ONCE", 3 * PLANS[name].users * PLANS[name].topology.sites)
    assert drops_at_once(PLANS[name]) == 3
    together = build_channel(Drops(3, (5, 0, 9, 2, 7)), PLANS[name], CPU, torch.float32)
    for row, drop in ((1, 0), (4, 7)):
        alone = build_channel(Drops(3, (drop,)), PLANS[name], CPU, torch.float32)
        for one, other in (
            (together.mean_snr, alone.mean_snr),
            (together.serving, alone.serving),
            (together.position_m, alone.position_m),
            (together.fading.rays, alone.fading.rays),  # type: ignore[attr-defined]
            (together.fading.doppler_hz, alone.fading.doppler_hz),  # type: ignore[attr-defined]
        ):
            assert torch.equal(one[row], other[0])


@pytest.mark.parametrize("name", PLANS)
def test_compiled_loops_draw_the_network_of_torch(name: str) -> None:
    """Gains over rays are computed in float32 in both, where a ray in a null of the antenna loses most digits."""
    drops = Drops(3, (1,))
    with torch_alone():
        assert drops_at_once(PLANS[name]) == 1
        expected = build_channel(drops, PLANS[name], CPU, torch.float64)
    seen = build_channel(drops, PLANS[name], CPU, torch.float64)
    tolerance = 2e-4 if PLANS[name].large_scale.sums_rays else 1e-10
    assert torch.equal(seen.position_m, expected.position_m)
    assert torch.allclose(seen.mean_snr, expected.mean_snr, rtol=tolerance, atol=0.0)
    rays, others = seen.fading.rays, expected.fading.rays  # type: ignore[attr-defined]
    assert (rays - others).norm() < tolerance * others.norm() and rays.shape == others.shape


def test_antennas_with_a_mechanical_tilt_are_drawn_one_by_one() -> None:
    assert drops_at_once(TILTED) == drops_at_once(replace(PLANS["omnidirectional"], fading=FadingSettings("none"))) == 1
    together = build_channel(Drops(3, (4, 6)), TILTED, CPU, torch.float32)
    alone = build_channel(Drops(3, (6,)), TILTED, CPU, torch.float32)
    assert torch.equal(together.mean_snr[1], alone.mean_snr[0])


def test_networks_drawn_side_by_side_by_torch_are_the_same_within_rounding() -> None:
    """As a GPU draws them."""
    drops = Drops(3, (4, 6))
    with torch_alone():
        alone = build_channel(drops, PLANS["sectors, indoors"], CPU, torch.float64)
        together = draw_channel_on(CPU, drops, PLANS["sectors, indoors"], torch.float64)
    assert torch.equal(together.serving, alone.serving)
    assert torch.allclose(together.mean_snr, alone.mean_snr, rtol=1e-9, atol=0.0)
    rays, others = together.fading.rays, alone.fading.rays  # type: ignore[attr-defined]
    assert (rays - others).norm() < 1e-9 * others.norm()
