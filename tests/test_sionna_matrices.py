"""``channel.provider: sionna`` with panels of antennas: Sionna's own coefficients, and a scenario that runs on them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_phy_mimo_rays import order_in
from test_sionna_channel import CARRIER_HZ, CPU, plan
from torch import Tensor

import scenarios
from phy.antennas import AntennaSettings
from phy.channel import Channel, ChannelPlan, place_users
from phy.mimo_channel import MimoChannel, attitudes
from phy.panel import PanelSettings, element_positions, port_positions
from phy.random import Drops
from phy.sionna_channel import SionnaLinks, draw_links
from phy.sionna_matrices import build_sionna_matrices

sionna_38901 = pytest.importorskip("sionna.phy.channel.tr38901")

COLUMNS = PanelSettings(
    rows=4, columns=2, polarizations=2, ports=8, row_spacing_wavelengths=0.7, element="sector",
    electrical_tilt_deg=99.0, downtilt_deg=5.0,
)  # fmt: skip
UE = PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0)
OMNI = PanelSettings(columns=2, polarizations=2, ports=4)


def panels(of: ChannelPlan, base: PanelSettings, **more: Any) -> ChannelPlan:
    return replace(of, antennas=AntennaSettings(base=base, ue=UE, **more))


def matrices(channel: Channel) -> MimoChannel:
    assert isinstance(channel.mimo, MimoChannel)
    return channel.mimo


def array_of(panel: PanelSettings) -> Any:
    kind = {-45.0: "cross", 0.0: "VH"}[round(math.degrees(panel.slants_rad[0]))]
    return sionna_38901.PanelArray(
        num_rows_per_panel=panel.rows, num_cols_per_panel=panel.columns, polarization="dual", polarization_type=kind,
        antenna_pattern="38.901" if panel.element == "sector" else "omni", carrier_frequency=CARRIER_HZ,
        element_vertical_spacing=panel.row_spacing_wavelengths,
        element_horizontal_spacing=panel.column_spacing_wavelengths, precision="double", device="cpu",
    )  # fmt: skip


def feed(panel: PanelSettings) -> Tensor:
    """Weights ``[ports, elements]``: equal power within a column of a port, turned by the electrical tilt."""
    places, size = element_positions(panel), panel.rows_per_port
    of_pol = torch.arange(panel.elements) // (panel.elements // panel.polarizations)
    weights = torch.zeros((panel.ports, panel.elements), dtype=torch.complex128)
    ports = port_positions(panel)
    port_pol = torch.arange(panel.ports) // (panel.ports // panel.polarizations)
    for port in range(panel.ports):
        beside = (places[:, :2] - ports[port, :2]).norm(dim=-1) < 1e-9
        height = places[:, 2] - ports[port, 2]
        mine = beside & (of_pol == port_pol[port]) & (height.abs() < size * panel.row_spacing_wavelengths / 2)
        assert int(mine.sum()) == size
        turn = torch.exp(-2j * math.pi * height * math.cos(math.radians(panel.electrical_tilt_deg)))
        weights[port, mine] = turn[mine] / math.sqrt(size)
    return weights


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
    assert apart(ours, of_sionna(of, links, attitudes(drop, of.speed_mps)[0], 3), mimo.heard[0]) < 1e-5


def apart(ours: Tensor, theirs: Tensor, heard: Tensor) -> float:
    """The greatest difference of matrices ``[T, U, K, J, Nr, Nt]`` from those of all cells, over their link's size."""
    theirs = theirs.gather(3, heard[None, :, None, :, None, None].expand(ours.shape))
    return float(((ours - theirs).abs() / theirs.abs().amax((0, 2, 4, 5), keepdim=True)).max())


def of_sionna(of: ChannelPlan, links: SionnaLinks, bearing: Tensor, times: int) -> Tensor:
    """Sionna's own coefficients through arrays of the same elements ``[T, U, K, C, Nr, Nt]``, every 5 ms."""
    assert of.mimo is not None
    base, site, scenario, rays = of.mimo.antennas.base, of.topology.cell_site, links.scenario, links.rays
    names = ("delays", "powers", "aoa", "aod", "zoa", "zod", "xpr")
    of_cells = sionna_38901.Rays(**{n: getattr(rays, n)[:, site] for n in names}, phases=rays.phases)
    angles = {n: torch.deg2rad(getattr(scenario, n)[:, site]) for n in ("los_aoa", "los_aod", "los_zoa", "los_zod")}
    from sionna.phy.channel.tr38901.channel_coefficients import Topology as Sight

    azimuth = of.topology.azimuth_rad
    tilt = torch.full_like(azimuth, math.radians(base.downtilt_deg))
    sight = Sight(
        velocities=links.velocity_mps, moving_end="rx", los=scenario.los[:, site],
        distance_3d=scenario.distance_3d[:, site], tx_orientations=torch.stack((azimuth, tilt, 0 * tilt), -1)[None],
        rx_orientations=torch.stack((bearing, 0 * bearing, 0 * bearing), -1), **angles,
    )  # fmt: skip
    tx, rx = array_of(base), array_of(UE)
    generator = sionna_38901.ChannelCoefficientsGenerator(
        CARRIER_HZ, tx, rx, subclustering=True, precision="double", device="cpu"
    )
    spread = 1e-9 * scenario.get_param("cDS")[:, site]
    paths, delay = generator(times, 200.0, links.lsp.k_factor[:, site], of_cells, sight, spread)
    elements = paths[0]  # [C, U, paths, Nr, elements, T]
    elements = elements[:, :, :, order_in(rx, UE)][:, :, :, :, order_in(tx, base)]
    ports = torch.einsum("pe,cunret->cunrpt", feed(base), elements)
    tone = torch.exp(-2j * math.pi * delay[0, ..., None] * of.frequency_hz)  # [C, U, paths, K]
    theirs = torch.einsum("cunrpt,cunk->tukcrp", ports, tone)
    return theirs * (of.snr_at_unit_gain * links.gain[0, site].T).sqrt()[None, :, None, :, None, None]


def test_powers_cells_and_a_drop_in_a_batch() -> None:
    """Gains are the mean over ports of the rays' powers; the strongest serves and stands first."""
    of = panels(plan(3, {"sites": 1}, prbs=24, indoor_share=0.5), COLUMNS, heard_cells=2)
    batch, alone = (build_sionna_matrices(Drops(1, ids), of, CPU, torch.float32) for ids in ((4, 7, 4), (7,)))
    held, around = matrices(batch).held(40, 1e-3)
    assert torch.equal(held[1], matrices(alone).held(40, 1e-3)[0][0]) and torch.equal(held[0], held[2])
    assert torch.equal(batch.mean_snr[1], alone.mean_snr[0]) and torch.equal(batch.serving, batch.mean_snr.argmax(-1))
    assert torch.equal(around.heard[..., 0], batch.serving)
    times = [matrices(alone).held(30 * n, 1e-3)[0].abs().square().mean((2, 4, 5)) for n in range(40)]
    ratio = torch.stack(times).mean(0) / alone.mean_snr.gather(2, matrices(alone).heard)
    assert float(10 * ratio.mean().log10()) == pytest.approx(0.0, abs=0.4)
    home = build_sionna_matrices(Drops(1, (7,)), replace(of, attachment="home"), CPU, torch.float32)
    assert home.serving[0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert torch.equal(matrices(home).heard[..., 0], home.serving)


def test_a_scenario_runs_on_it(tmp_path: Path) -> None:
    base = {"columns": 2, "polarizations": 2, "ports": 4}
    change: dict[str, Any] = {
        "channel.provider": "sionna", "topology.sectors": 1, "users.ftp.count": 1, "carrier.prbs": 6,
        "users.ftp.traffic": {"model": "full_buffer"},
        "antennas": {"base": base, "ue": {"polarizations": 2, "ports": 2, "polarization_slant_deg": 0}},
    }  # fmt: skip
    result = scenarios.run(
        "scheduling-macro", out=tmp_path / "out", drops=1, duration_s=0.04, warmup_s=0.0, window_s=0.02,
        allocators=["proportional_fair"], plots=False, progress=False, **change,
    )  # fmt: skip
    assert float(result.to_xarray("proportional_fair")["served_bits"].sum()) > 0
