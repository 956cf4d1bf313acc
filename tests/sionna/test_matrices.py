"""``channel.provider: sionna`` with panels of antennas: Sionna's own coefficients, and a scenario that runs on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sionna_cases import CPU, plan
from sionna_panel_cases import UE, apart, of_sionna

import scenarios
from phy.antenna.panel import PanelSettings
from phy.channel.channel import Channel, ChannelPlan, place_users
from phy.channel.matrices import MimoChannel, draw_orientations
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops
from phy.sionna_adapter.channel import draw_links
from phy.sionna_adapter.matrices import build_sionna_matrices

COLUMNS = PanelSettings(
    rows=4, columns=2, polarizations=2, ports=8, row_spacing_wavelengths=0.7, element="sector",
    electrical_tilt_deg=99.0, mechanical_tilt_deg=5.0,
)  # fmt: skip
OMNI = PanelSettings(columns=2, polarizations=2, ports=4)


def panels(of: ChannelPlan, base: PanelSettings, **more: Any) -> ChannelPlan:
    return replace(of, mimo=MimoSettings(base=base, ue=UE, **more))


def matrices(channel: Channel) -> MimoChannel:
    assert isinstance(channel.mimo, MimoChannel)
    return channel.mimo


@pytest.mark.parametrize(
    ("topology", "base", "more"),
    [
        ({"sites": 1}, COLUMNS, {"indoor_share": 0.3}),
        ({"sectors": 1, "wrap_around": True}, OMNI, {"model": "umi", "parameters": "v16"}),
        ({"sites": 1, "bs_height_m": 35.0}, COLUMNS, {"model": "rma", "in_car_share": 0.5}),
    ],
)
@pytest.mark.filterwarnings("ignore:path-loss")
def test_equals_what_sionna_makes_of_the_same_rays_and_panels(
    topology: dict[str, Any], base: PanelSettings, more: dict[str, Any]
) -> None:
    """Three instants of Sionna's coefficients through arrays of the same elements, summed up to ports."""
    of, drop = panels(plan(1, topology, **more), base, heard_cells=2), Drops(1, (3,))
    mimo = matrices(build_sionna_matrices(drop, of, CPU, torch.float64))
    ours = torch.stack([mimo.matrices(0, n * 5e-3) for n in range(3)])  # [T, U, K, J, Nr, Nt]
    links = draw_links(drop, of, place_users(drop, of)[0])
    assert apart(ours, of_sionna(of, links, draw_orientations(drop, of.speed_mps)[0], 3), mimo.heard[0]) < 1e-5


def test_powers_cells_and_a_drop_in_a_batch() -> None:
    """Gains are the mean over ports of the rays' powers; the strongest serves and stands first."""
    of = panels(plan(3, {"sites": 1}, prbs=24, indoor_share=0.5), COLUMNS, heard_cells=2)
    batch, alone = (build_sionna_matrices(Drops(1, ids), of, CPU, torch.float32) for ids in ((4, 7, 4), (7,)))
    held, around = matrices(batch).at_slot(40, 1e-3)
    assert torch.equal(held[1], matrices(alone).at_slot(40, 1e-3)[0][0]) and torch.equal(held[0], held[2])
    assert torch.equal(batch.mean_snr[1], alone.mean_snr[0]) and torch.equal(batch.serving, batch.mean_snr.argmax(-1))
    assert torch.equal(around.heard[..., 0], batch.serving)
    times = [matrices(alone).at_slot(30 * n, 1e-3)[0].abs().square().mean((2, 4, 5)) for n in range(40)]
    ratio = torch.stack(times).mean(0) / alone.mean_snr.gather(2, matrices(alone).heard)
    assert float(10 * ratio.mean().log10()) == pytest.approx(0.0, abs=0.4)
    home = build_sionna_matrices(Drops(1, (7,)), replace(of, attachment="cell_area"), CPU, torch.float32)
    assert home.serving[0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert torch.equal(matrices(home).heard[..., 0], home.serving)


def test_a_scenario_runs_on_it(tmp_path: Path) -> None:
    base = {"columns": 2, "polarizations": 2, "ports": 4}
    change: dict[str, Any] = {
        "channel.provider": "sionna", "topology.sectors": 1, "users.ftp.count": 1, "carrier.prbs": 6,
        "users.ftp.traffic": {"model": "full_buffer"},
        "mimo": {"base": base, "ue": {"polarizations": 2, "ports": 2, "polarization_slant_deg": 0}},
    }  # fmt: skip
    result = scenarios.run(
        "scheduling-macro", out=tmp_path / "out", drops=1, duration_s=0.04, warmup_s=0.0, window_s=0.02,
        allocators=["proportional_fair"], plots=False, progress=False, **change,
    )  # fmt: skip
    assert float(result.to_xarray("proportional_fair")["served_bits"].sum()) > 0
