"""Draws the plots of ``docs/link-tables.md`` from the tables and from the results of the checks.

python benchmarks/plot_link_tables.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.special import ndtr

from phy.tables import load_arrays

ROOT = Path(__file__).parents[1]
CHOSEN = ((2, 120, 72), (2, 30, 300), (6, 567, 491), (4, 490, 1373), (8, 754, 3840))
Z10, Z01 = 1.2815515655446004, 2.3263478740408408


def main() -> None:
    """Waterfalls, thresholds over the size, held-out errors."""
    data = load_arrays("bler")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    waterfalls(left, data)
    held_out(right, data)
    figure.savefig(ROOT / "docs" / "images" / "link-tables.png", dpi=110)


def waterfalls(axes: Axes, data: dict[str, NDArray[np.float64]]) -> None:
    """Measured points with 95 % intervals on the curves of the table."""
    for number, (order, rate, near) in enumerate(CHOSEN):
        row = int(np.flatnonzero((data["order"] == order) & (data["rate_1024"] == rate))[0])
        mine = (data["curve_order"] == order) & (data["curve_rate_1024"] == rate)
        mine &= np.isin(data["curve_bits"], data["code_block_bits"]) & ~data["curve_held_out"]
        curve = np.flatnonzero(mine)[np.abs(np.log(data["curve_bits"][mine] / near)).argmin()]
        column = int(np.flatnonzero(data["code_block_bits"] == data["curve_bits"][curve])[0])
        ten, one = data["snr_db_bler_10"][row, column], data["snr_db_bler_01"][row, column]
        snr = np.linspace(ten - 2.5 * (one - ten), one + (one - ten), 100)
        label = f"{2**order}QAM" if order > 2 else "QPSK"
        bits = int(data["curve_bits"][curve])
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


def held_out(axes: Axes, data: dict[str, NDArray[np.float64]]) -> None:
    """Errors of the interpolation at codes that the fit has not seen, with 95 % intervals."""
    for number, order in enumerate((2, 4, 6, 8)):
        mine = data["held_out_order"] == order
        bits, name = data["held_out_bits"][mine], f"{2**order}QAM" if order > 2 else "QPSK"
        for level, bler, face in (("10", 0.1, f"C{number}"), ("01", 0.01, "none")):
            error, se = data[f"held_out_error_{level}_db"][mine], data[f"held_out_se_{level}_db"][mine]
            axes.errorbar(bits * (1.0 if level == "10" else 1.03), error, 1.96 * se, fmt="o", ms=4, lw=0.8,
                          color=f"C{number}", mfc=face, label=f"{name}, BLER {bler}")  # fmt: skip
    axes.axhspan(-0.1, 0.1, color="0.9")
    axes.set(
        xscale="log", xlabel="code block size / bits", ylabel="interpolated - measured / dB", title="Held-out codes"
    )
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
