"""Measures what modes of coordination bring on a street corner, as docs/families/comp.md states: ``python -m
benchmarks.studies.rate_by_comp_mode [--drops N] [--nulls]``.

Prints a Markdown table of the six modes: rates in outage, with the link intact and of all UEs, and satisfaction, with
half the width of their 95 % intervals. ``--nulls`` prints instead what a null brings two cells, by SNR and ports.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import get_args

import torch

from mac.engine.coordination import Mode
from phy.link.coordination_rates import two_cell_rates
from scenarios import load, run

_METRICS = ("outage_rate", "own_rate", "rate_mean", "satisfaction")
_SNR_DB = (-10.0, 0.0, 10.0, 20.0)
_PORTS = (2, 4, 8)


def row(mode: str, drops: int) -> str:
    """Measures one mode, in which UEs in outage share all PRBs for sale evenly."""
    scenario = load("comp-corner", drops=drops, allocators=["equal_share"], compare_with_optima=False,
                    **{"comp.mode": mode})  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result = run(scenario, out=f"{folder}/run", progress=False, plots=False)
        found = result.summary.set_index("metric")
        cells = []
        for name in _METRICS:
            mean, low, high = (float(found.loc[name, column]) for column in ("mean", "ci95_low", "ci95_high"))
            cells.append(f"{mean:.2f} ± {(high - low) / 2:.2f}" if high > low else f"{mean:.2f}")
    return f"| `{mode}` | {' | '.join(cells)} |"


def show_nulls() -> None:
    """Prints the rate with a null over that of MRT."""
    print(f"| ports | {' | '.join(f'{snr:g} dB' for snr in _SNR_DB)} |\n|---|{'--:|' * len(_SNR_DB)}")
    for ports in _PORTS:
        rates = [two_cell_rates(ports, 10.0 ** (snr / 10.0)) for snr in _SNR_DB]
        print(f"| {ports} | {' | '.join(f'{one.one_null / one.mrt:.2f}' for one in rates)} |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=6)
    parser.add_argument("--nulls", action="store_true", help="a null against MRT, in closed form")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.nulls:
        show_nulls()
        return
    print("| `comp.mode` | `outage_rate` | `own_rate` | `rate_mean` | `satisfaction` |\n|---|---|---|---|---|")
    for mode in get_args(Mode):
        print(row(mode, options.drops), flush=True)


if __name__ == "__main__":
    main()
