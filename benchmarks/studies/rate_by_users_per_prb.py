"""Measures the rate of a cell by the UEs of a PRB, as docs/models/antennas.md states: ``python -m
benchmarks.studies.rate_by_users_per_prb [--drops N]``.

Cells of 32 ports with eight UEs each, of two ports, with full buffers, outdoors, 12 PRBs, reports every 5
slots and 4 slots late. Prints a Markdown table: rate of a cell, of the worst tenth of users, users of a PRB, share of
blocks lost the first time.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import torch

from scenarios import load, run

_BASE = {
    "rows": 8,
    "columns": 8,
    "polarizations": 2,
    "ports": 32,
    "row_spacing_wavelengths": 0.8,
    "element": "sector",
    "electrical_tilt_deg": 99.0,
}
_UE = {"polarizations": 2, "ports": 2, "polarization_slant_deg": 0.0}

PRECODERS: dict[str, dict[str, Any]] = {
    "SVD, up to two layers": {"precoding": "svd"},
    "ZF, one user": {"precoding": "zf"},
    "ZF, two": {"precoding": "zf", "users_per_prb": 2},
    "ZF, four": {"precoding": "zf", "users_per_prb": 4},
    "RZF, four": {"precoding": "rzf", "users_per_prb": 4},
    "RZF, eight": {"precoding": "rzf", "users_per_prb": 8},
}
"""Precoding and the most users of a PRB."""

CHANNELS: dict[str, dict[str, Any]] = {
    "one site, 3 km/h": {"topology.sites": 1, "topology.wrap_around": False},
    "seven sites, 3 km/h": {},
    "one site, 30 km/h": {"topology.sites": 1, "topology.wrap_around": False, "users.ftp.speed_kmh": 30.0},
}
"""Interference, and age of reports."""


def measure(mimo: dict[str, Any], channel: dict[str, Any], drops: int) -> dict[str, float]:
    """Measures the rates in bit/s, UEs of a PRB and first BLER of one case."""
    single = "topology.sites" in channel
    change: dict[str, Any] = {
        "drops": drops * (3 if single else 1),
        "duration_s": 0.2,
        "warmup_s": 0.1,
        "propagation.indoor_share": 0.0,
        "carrier.prbs": 12,
        "link.report_period_slots": 5,
        "users.ftp.count": 8,
        "users.ftp.traffic": {"model": "full_buffer"},
        "users.ftp.speed_kmh": 3.0,
        "allocators": ["mu_proportional_fair"],
        "mimo": {"base": _BASE, "ue": _UE, **mimo},
        **channel,
    }
    with tempfile.TemporaryDirectory() as folder:
        result = run(load("scheduling-macro", **change), out=f"{folder}/run", progress=False, plots=False)
        found = result.to_xarray("mu_proportional_fair")
    rate = found["served_bits"].sum("window").to_numpy().ravel() / 0.2
    tenth = sorted(rate)[: max(1, len(rate) // 10)]
    cells = found.sizes["drop"] * found.sizes["cell"]
    return {
        "cell": float(rate.sum()) / cells,
        "worst": float(sum(tenth) / len(tenth)),
        "users": float(found["granted_prbs"].sum() / found["used_prbs"].sum()),
        "bler": float(found["first_nack"].sum() / found["first_tx"].sum()),
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=1, help="of seven sites; three times as many of one site")
    torch.set_num_threads(1)
    drops = parser.parse_args().drops
    print("| channel | precoding and users of a PRB | cell, Mbit/s | worst tenth | users of a PRB | first BLER |")
    print("|---|---|---|---|---|---|")
    for channel, change in CHANNELS.items():
        for name, mimo in PRECODERS.items():
            seen = measure(mimo, change, drops)
            rates = f"{seen['cell'] / 1e6:.1f} | {seen['worst'] / 1e6:.2f}"
            print(f"| {channel} | {name} | {rates} | {seen['users']:.2f} | {seen['bler']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
