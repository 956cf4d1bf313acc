"""Measures the rate by the number of antennas, as docs/models/antennas.md states: ``python -m
benchmarks.studies.rate_by_antennas [--drops N]``.

Seven sites of three sectors, four UEs a cell with full buffers at 3 km/h outdoors, 25 PRBs, shared in
turn. Prints a Markdown table: mean rate of a user, that of the worst tenth, share of blocks lost the
first time.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import torch

from scenarios import load, run

_COLUMN = {"rows": 8, "row_spacing_wavelengths": 0.8, "element": "sector", "electrical_tilt_deg": 99.0}
_CROSS: dict[str, Any] = {"polarizations": 2, "polarization_slant_deg": 0.0}


def base(columns: int, polarizations: int = 2) -> dict[str, Any]:
    """Builds the panel of a cell: columns of eight elements, a port for each column and polarization."""
    return {**_COLUMN, "columns": columns, "polarizations": polarizations, "ports": columns * polarizations}


CASES: dict[str, dict[str, Any] | None] = {
    "no `mimo`": None,
    "1 x 1": {"base": base(1, 1), "ue": {}},
    "2 x 2": {"base": base(1), "ue": {**_CROSS, "ports": 2}},
    "2 x 4": {"base": base(2), "ue": {**_CROSS, "ports": 2}},
    "2 x 4, MRC": {"base": base(2), "ue": {**_CROSS, "ports": 2}, "receiver": "mrc"},
    "2 x 4, SVD": {"base": base(2), "ue": {**_CROSS, "ports": 2}, "precoding": "svd"},
    "2 x 8": {"base": base(4), "ue": {**_CROSS, "ports": 2}},
    "4 x 8": {"base": base(4), "ue": {**_CROSS, "columns": 2, "ports": 4}},
}
"""Receiving by transmitting ports."""


def measure(mimo: dict[str, Any] | None, drops: int) -> dict[str, float]:
    """Measures the rates of one case, and its first BLER."""
    change: dict[str, Any] = {
        "drops": drops,
        "duration_s": 0.2,
        "warmup_s": 0.1,
        "propagation.indoor_share": 0.0,
        "carrier.prbs": 25,
        "link.report_period_slots": 5,
        "users.ftp.count": 4,
        "users.ftp.traffic": {"model": "full_buffer"},
        "allocators": ["round_robin"],
        "mimo": mimo,
    }
    with tempfile.TemporaryDirectory() as folder:
        result = run(load("scheduling-macro", **change), out=f"{folder}/run", progress=False, plots=False)
        found = dict(zip(result.metrics["metric"], result.metrics["mean"], strict=True))
        rate = result.to_xarray("round_robin")["served_bits"].sum("window").to_numpy().ravel() / 0.2
    tenth = sorted(rate)[: max(1, len(rate) // 10)]
    return {"rate": float(rate.mean()), "worst": float(sum(tenth) / len(tenth)), "bler": float(found["bler_first_tx"])}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=2)
    torch.set_num_threads(1)
    drops = parser.parse_args().drops
    print("| receiving x transmitting ports | mean rate, Mbit/s | worst tenth | first BLER |\n|---|---|---|---|")
    for name, mimo in CASES.items():
        seen = measure(mimo, drops)
        print(f"| {name} | {seen['rate'] / 1e6:.2f} | {seen['worst'] / 1e6:.2f} | {seen['bler']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
