"""Draws the plots of ``docs/models/link-tables.md`` from the tables and from the results of the checks.

python -m benchmarks.figures.link_tables [--folder docs/images]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.special import ndtr

from phy.link.bler import Thresholds
from phy.link.tables import load_arrays

ROOT = Path(__file__).parents[2]
CHOSEN = ((2, 120, 72), (2, 30, 300), (6, 567, 491), (4, 490, 1373), (8, 754, 3840))
Z10, Z01 = 1.2815515655446004, 2.3263478740408408


def main() -> None:
    """Draws waterfalls on the curves of the table, and errors at blind codes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    data = load_arrays("bler")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    waterfalls(left, data)
    blind(right, data)
    figure.savefig(folder / "link-tables.png", dpi=110)


def waterfalls(axes: Axes, data: dict[str, NDArray[np.float64]]) -> None:
    """Draws measured points with 95 % intervals on the curves of the table."""
    thresholds, blocks_of = Thresholds.of_file(data), np.bincount(data["point_curve"], data["point_blocks"])
    for number, (order, rate, near) in enumerate(CHOSEN):
        mine = (data["curve_order"] == order) & (data["curve_rate_1024"] == rate) & (data["curve_role"] == "fit")
        mine &= np.abs(np.log(data["curve_bits"] / near)) < 0.3
        curve = np.flatnonzero(mine)[blocks_of[mine].argmax()]
        bits, coded, graph = (int(data[f"curve_{name}"][curve]) for name in ("bits", "coded", "base_graph"))
        ten, one = (float(v) for v in thresholds.of_arrays(*(np.array(v) for v in (order, graph, bits / coded, bits))))
        snr = np.linspace(ten - 2.5 * (one - ten), ten + 2 * (one - ten), 100)
        label = f"{2**order}QAM" if order > 2 else "QPSK"
        axes.plot(snr - ten, ndtr(-(Z10 + (snr - ten) * (Z01 - Z10) / (one - ten))), f"C{number}", lw=1)
        at = data["point_curve"] == curve
        blocks, errors = data["point_blocks"][at], data["point_errors"][at]
        bler, some = errors / blocks, errors > 3
        spread = 1.96 * np.sqrt(bler * (1 - bler) / blocks)
        axes.errorbar(data["point_snr_db"][at][some] - ten, bler[some], spread[some], fmt=f"C{number}.", ms=5, lw=1,
                      label=f"{label} {rate:g}/1024, {bits} bits")  # fmt: skip
    axes.set(
        yscale="log",
        ylim=(2e-3, 1.1),
        xlabel="SNR over that of BLER 0.1 in the table / dB",
        ylabel="BLER",
        title="Measured and tabulated",
    )
    axes.legend(fontsize=7, loc="lower left")
    axes.grid(alpha=0.3)


def blind(axes: Axes, data: dict[str, NDArray[np.float64]]) -> None:
    """Draws errors of the table at codes that the fit has not seen, with 95 % intervals."""
    for number, order in enumerate((2, 4, 6, 8)):
        mine = data["blind_order"] == order
        bits, name = data["blind_bits"][mine], f"{2**order}QAM" if order > 2 else "QPSK"
        for level, bler, face in (("10", 0.1, f"C{number}"), ("01", 0.01, "none")):
            error, se = data[f"blind_error_{level}_db"][mine], data[f"blind_se_{level}_db"][mine]
            axes.errorbar(bits * (1.0 if level == "10" else 1.04), error, 1.96 * se, fmt="o", ms=4, lw=0.8,
                          color=f"C{number}", mfc=face, label=f"{name}, BLER {bler}")  # fmt: skip
    axes.axhspan(-0.1, 0.1, color="0.9")
    axes.set(
        xscale="log",
        ylim=(-0.16, 0.24),
        xlabel="code block size / bits",
        ylabel="tabulated - measured / dB",
        title="Blind codes, 95 % intervals of the measurement",
    )
    axes.legend(fontsize=7, ncols=2)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
