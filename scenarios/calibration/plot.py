"""Draws a calibration beside its reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..errors import ScenarioError
from ..files import write_atomically
from ..results.run_folder import require_ours
from .measurement import QUANTITIES, CalibrationResult
from .settings import Reference


def require_place(path: Path) -> None:
    """Refuses a place where no PNG can be written, before anything is computed.

    Raises:
        ScenarioError: the folder is missing, the name is no PNG's, or it is that of another program's file.
    """
    if path.suffix.lower() != ".png" or path.is_dir():
        raise ScenarioError(f"--plot {path}: a plot is a PNG file; name one, such as {path.stem or 'plot'}.png")
    if not path.parent.is_dir():
        raise ScenarioError(f"--plot {path}: there is no folder {path.parent}; make it, or choose another one")
    require_ours(path, remedy="with --plot, or move that one")


def save_plot(result: CalibrationResult, path: Path) -> None:
    """Draws the two distributions, with the reference's points and the companies' range, as PNG."""
    from matplotlib.figure import Figure

    from ..plots.style import picture

    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2, sharey=True), QUANTITIES, strict=True):
        ordered = getattr(result, quantity).sort().values.numpy()
        share = (torch.arange(len(ordered), dtype=torch.float64) + 0.5) / len(ordered)
        axes.plot(ordered, share.numpy(), color="#0072B2", label="fairwave")
        _draw_reference(axes, result.settings.reference, quantity)
        axes.set(xlabel=quantity.removesuffix("_db").replace("_", " ") + " [dB]", ylim=(0, 1))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("share of users at or below")
    named = max(figure.axes, key=lambda axes: len(axes.get_legend_handles_labels()[0]))
    named.legend(loc="upper left")
    made = f"{result.settings.drops} drops, seed {result.settings.seed}"
    figure.suptitle(f"{result.settings.description or result.settings.name} ({made})", fontsize=10)
    write_atomically(path, picture(figure, "png"))


def _draw_reference(axes: Any, reference: Reference | None, quantity: str) -> None:
    if reference is None:
        return
    mean, spread = reference.mean(quantity), reference.spread(quantity)
    axes.plot(mean.values(), [p / 100 for p in mean], "o", color="#D55E00", label="3GPP, mean of the companies")
    if spread:
        low, high = zip(*spread.values(), strict=True)
        axes.hlines([p / 100 for p in spread], low, high, color="#D55E00", lw=3, alpha=0.4, label="their range")
