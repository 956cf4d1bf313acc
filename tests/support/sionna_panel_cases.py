"""Channel matrices of Sionna's rays and how far ours are from them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from oracles_rays import order_in
from sionna_cases import CARRIER_HZ
from torch import Tensor

from phy.antenna.panel import PanelSettings, element_positions, port_positions
from phy.channel.channel import ChannelPlan
from phy.sionna_adapter.channel import SionnaLinks

sionna_38901 = pytest.importorskip("sionna.phy.channel.tr38901")


UE = PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0)


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


def apart(ours: Tensor, theirs: Tensor, heard: Tensor) -> float:
    """The greatest difference of matrices ``[T, U, K, J, Nr, Nt]`` from those of all cells, over their link's size."""
    theirs = theirs.gather(3, heard[None, :, None, :, None, None].expand(ours.shape))
    return float(((ours - theirs).abs() / theirs.abs().amax((0, 2, 4, 5), keepdim=True)).max())


def of_sionna(of: ChannelPlan, links: SionnaLinks, bearing: Tensor, times: int) -> Tensor:
    """Sionna's own coefficients through arrays of the same elements ``[T, U, K, C, Nr, Nt]``, every 5 ms."""
    assert of.mimo_plan is not None
    base, site, scenario, rays = of.mimo_plan.settings.base, of.topology.cell_site, links.scenario, links.rays
    names = ("delays", "powers", "aoa", "aod", "zoa", "zod", "xpr")
    of_cells = sionna_38901.Rays(**{n: getattr(rays, n)[:, site] for n in names}, phases=rays.phases)
    angles = {n: torch.deg2rad(getattr(scenario, n)[:, site]) for n in ("los_aoa", "los_aod", "los_zoa", "los_zod")}
    from sionna.phy.channel.tr38901.channel_coefficients import Topology as Sight

    azimuth = of.topology.azimuth_rad
    tilt = torch.full_like(azimuth, math.radians(base.mechanical_tilt_deg))
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
