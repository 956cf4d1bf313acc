"""Settings of panels in a scenario: what fits, what is refused, what memory they are said to take."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from phy.antenna.element import gain_db
from phy.antenna.panel import PanelSettings, port_response
from phy.link.mimo_settings import MimoSettings, port_antenna
from phy.random import Drops
from phy.tr38901.link_clusters import cluster_delay_spread_s
from scenarios import families, load
from scenarios.errors import ScenarioError


@pytest.mark.parametrize(
    ("mimo", "says"),
    [
        ({"max_rank": 3}, "carry 1 to 2 layers"),
        ({"base": {"rows": 8, "ports": 3}}, "can have 1, 2, 4 or 8"),
        ({"base": {"rows": 4, "ports": 1}}, "elements are 'omni'"),
        ({"base": {"ports": 1, "bearing_deg": 10}}, "leave it at 0"),
        ({"precoding": "mrt"}, "precoding"),
        ({"precoding": "zf", "max_rank": 2}, "max_rank is 2, but precoding zf gives every user one layer"),
        ({"users_per_prb": 2}, "users_per_prb is 2, but precoding codebook serves one user a PRB; choose zf or rzf"),
        (
            {"precoding": "rzf", "users_per_prb": 3},
            "users_per_prb is 3, but the base station has 2 ports; lower it to 2",
        ),
        ({"precoding": "zf", "users_per_prb": 13}, "users_per_prb"),
        ({"heard_cells": 0}, "heard_cells"),
    ],
)
def test_bad_antennas_are_refused(mimo: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        load("scheduling-macro", mimo=mimo)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"antenna.kind": "omni"}, "both given"),
        ({"fading.model": "none"}, "needs rays"),
        ({"topology.sectors": 1}, "sites of one sector"),
    ],
)
def test_sections_that_do_not_go_together_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        load("scheduling-macro", mimo={}, **change)


def test_slices_are_served_by_panels_too() -> None:
    """The preset's own antenna is put back to its defaults, as the refusal says."""
    panels = {"base": {"columns": 2, "polarizations": 2, "ports": 4}}
    with pytest.raises(ScenarioError, match=r"antenna\.kind: sector"):
        load("slicing-quickstart", mimo=panels)
    scenario = load("slicing-quickstart", mimo=panels, **{"antenna.kind": "sector", "carrier.prbs": 12})
    problem = families.find("slicing").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float32)
    report = problem.start().cells.reports[0]
    assert int(report.rank.max()) == 2 and bool((report.mean_bits > 0).all())


def test_layers_are_as_many_as_both_ends_have_ports() -> None:
    assert MimoSettings().layers == 2
    assert MimoSettings(base=PanelSettings(columns=8, ports=8), ue=PanelSettings(columns=8, ports=8)).layers == 4
    assert MimoSettings(max_rank=1).layers == 1


@pytest.mark.parametrize("rows", [1, 4, 8])
def test_a_port_is_the_antenna_it_stands_for(rows: int) -> None:
    """Gain of the port of a panel, and of the sector antenna by which cells are chosen, in all directions."""
    panel = PanelSettings(rows=rows, ports=1, row_spacing_wavelengths=0.8, element="sector", electrical_tilt_deg=99)
    azimuth, zenith = torch.meshgrid(torch.linspace(-3.1, 3.1, 40), torch.linspace(0.1, 3.0, 40), indexing="ij")
    port = port_response(panel, azimuth.double(), zenith.double())[..., 0].abs().square()
    antenna = 10 ** (gain_db(port_antenna(panel), azimuth.double(), zenith.double()) / 10)
    torch.testing.assert_close(port, antenna, atol=1e-8, rtol=1e-6)


def test_cluster_delay_spreads() -> None:
    """TR 38.901 Table 7.5-6: 4.7 ns in UMa at 3.5 GHz, not below 0.25 ns, 3.91 ns where the table has none."""
    assert cluster_delay_spread_s("uma", 3.5e9)[0] == pytest.approx(4.708e-9, rel=1e-3)
    assert cluster_delay_spread_s("uma", 100e9)[1] == pytest.approx(0.25e-9)
    assert cluster_delay_spread_s("umi", 3.5e9) == (5e-9, 11e-9, 11e-9)
    assert cluster_delay_spread_s("rma", 7e8) == (3.91e-9,) * 3


@pytest.mark.parametrize("precoding", ["codebook", "svd"])
def test_the_estimate_of_memory_covers_what_is_held(precoding: str) -> None:
    change = {"topology.sites": 1, "topology.wrap_around": False, "carrier.prbs": 25, "users.ftp.count": 4}
    base = {
        "rows": 8,
        "columns": 4,
        "polarizations": 2,
        "ports": 8,
        "element": "sector",
        "row_spacing_wavelengths": 0.8,
    }
    scenario = load("scheduling-macro", mimo={"base": base, "precoding": precoding}, **change)
    family = families.find("scheduling")
    problem = family.build(scenario, Drops(1, (0, 1)), torch.device("cpu"), torch.float32)
    state, mimo = problem.start(), problem.engine.parts.channel.mimo
    steered = mimo.steered
    matrices = state.cells.block.response.matrices
    tensors = [steered.rx, steered.tx, steered.doppler_hz, steered.delay_s, mimo.tones, matrices]
    columns = state.cells.reports[0].columns
    held = sum(t.numel() * t.element_size() for t in tensors) / 2
    held += 5 * columns.numel() * columns.element_size() / 2
    plain = load("scheduling-macro", **change)
    added = [family.estimate_bytes(scenario, drops) - family.estimate_bytes(plain, drops) for drops in (1, 2)]
    assert held < added[1] - added[0] < 3 * held
    assert family.estimate_seconds(scenario, 1) > family.estimate_seconds(plain, 1)
