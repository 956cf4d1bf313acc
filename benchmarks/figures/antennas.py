"""Draws the plots of docs/models/antennas.md: a panel's beam, and the beams of its codebook.

python -m benchmarks.figures.antennas [--folder docs/images]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from phy.antenna.codebook import panel_codebook
from phy.antenna.panel import PanelSettings, port_response

TILT_DEG = 99.0
AZIMUTH = torch.deg2rad(torch.linspace(-90, 90, 361, dtype=torch.float64))
ZENITH = torch.deg2rad(torch.linspace(0, 180, 361, dtype=torch.float64))


def panel(columns: int, port_rows: int) -> PanelSettings:
    """Builds a panel of eight rows at 0.8 wavelengths, as in the 3GPP self-evaluation, two polarizations."""
    return PanelSettings(
        rows=8,
        columns=columns,
        polarizations=2,
        ports=2 * columns * port_rows,
        row_spacing_wavelengths=0.8,
        element="sector",
        electrical_tilt_deg=TILT_DEG,
    )


def one_polarization(settings: PanelSettings, azimuth: Tensor, zenith: Tensor) -> Tensor:
    """Computes the response of the ports of the first polarization."""
    return port_response(settings, azimuth, zenith)[..., : settings.ports // 2]


def decibels(amplitude: Tensor) -> Tensor:
    return 20 * amplitude.abs().clamp_min(1e-6).log10()


def over_directions(
    fig: Figure, axes: Axes, values: Tensor, label: str, limits: tuple[float, float], cmap: str
) -> None:
    """Draws a map over azimuth and zenith angle."""
    span = (-90, 90, 180, 0)
    image = axes.imshow(values, extent=span, vmin=limits[0], vmax=limits[1], aspect="auto", cmap=cmap)
    axes.set(xlabel="azimuth (degrees)", ylabel="zenith angle (degrees)", ylim=(150, 40))
    fig.colorbar(image, label=label)


def panel_beam() -> Figure:
    """Draws a vertical cut of an element and of a port, and the main beam of four ports."""
    fig = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    ahead = torch.zeros_like(ZENITH)
    for settings, name in (
        (PanelSettings(element="sector"), "one element"),
        (panel(1, 1), f"port of 8 elements, tilt {TILT_DEG:g}°"),
    ):
        left.plot(torch.rad2deg(ZENITH), decibels(port_response(settings, ahead, ZENITH)[:, 0]), label=name)
    left.set(xlabel="zenith angle (degrees)", ylabel="gain (dBi)", ylim=(-30, 20), xlim=(0, 180), title="vertical cut")
    left.legend(loc="lower left", fontsize=8)
    zenith, azimuth = torch.meshgrid(ZENITH, AZIMUTH, indexing="ij")
    gain = decibels(one_polarization(panel(4, 1), azimuth, zenith).sum(-1) / 2)
    over_directions(fig, right, gain, "gain (dBi)", (-20, 25), "viridis")
    right.set_title("4 such ports beside each other, in phase")
    left.grid(alpha=0.3)
    return fig


def codebook_beams() -> Figure:
    """Draws the beams of a row of four ports, and the loss of the nearest of 4 x 2 ports' beams."""
    fig = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    beams = panel_codebook(panel(4, 1), 1).entries[::4, :4, 0] * math.sqrt(2)
    level = torch.full_like(AZIMUTH, math.radians(TILT_DEG))
    gain = decibels(one_polarization(panel(4, 1), AZIMUTH, level) @ beams.T)
    for beam, curve in enumerate(gain.T):
        orthogonal = beam % 4 == 0
        style = {"color": "C0", "lw": 1.4, "zorder": 2} if orthogonal else {"color": "0.8", "lw": 0.8, "zorder": 1}
        left.plot(torch.rad2deg(AZIMUTH), curve, **style)
    left.set(xlabel="azimuth (degrees)", ylabel="gain (dBi)", ylim=(-15, 25), xlim=(-90, 90))
    left.set_title(f"(4, 1): beams at zenith {TILT_DEG:g}°")
    left.grid(alpha=0.3)
    zenith, azimuth = torch.meshgrid(ZENITH, AZIMUTH, indexing="ij")
    response = one_polarization(panel(4, 2), azimuth, zenith)
    beams = panel_codebook(panel(4, 2), 1).entries[::4, :8, 0] * math.sqrt(2)
    loss = 10 * (response.abs().square().sum(-1) / (response @ beams.T).abs().square().amax(-1)).log10()
    over_directions(fig, right, loss, "loss (dB)", (0.0, 0.5), "magma_r")
    right.set_title("(4, 2): best beam against a perfect one")
    return fig


def main() -> None:
    """Draws both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("panel-beam", panel_beam), ("codebook-beams", codebook_beams)):
        draw().savefig(folder / f"{name}.png", dpi=80)


if __name__ == "__main__":
    main()
