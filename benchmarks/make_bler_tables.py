"""Writes ``phy/tables/bler_pdsch.npz`` and ``phy/tables/eesm_beta.json`` from the Sionna package that is installed.

The points are stored as Sionna simulated them; all interpolation is done when they are loaded.

    python benchmarks/make_bler_tables.py --date 2026-11-21
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TABLES = Path(__file__).parents[1] / "phy" / "tables"
MCS_TABLES = (1, 2, 3)
PDSCH = "1"  # Sionna's category


def main() -> None:
    """Read Sionna's files, write ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", required=True, help="the date to be recorded, YYYY-MM-DD")
    date = parser.parse_args().date
    arrays: dict[str, NDArray[Any]] = {}
    for table in MCS_TABLES:
        arrays |= {f"{name}_{table}": values for name, values in stored_points(table).items()}
    note = "Monte Carlo points in AWGN: BLER of one code block by (MCS, code block size with CRC in bits, SNR in dB)"
    arrays["provenance"] = np.array(json.dumps(provenance("bler_tables/PDSCH_table{1,2,3}.json", note, date)))
    np.savez_compressed(TABLES / "bler_pdsch.npz", allow_pickle=False, **arrays)
    note = "beta by MCS; the source says that how these values were calibrated is not recorded"
    betas = json.loads((sionna_sys() / "esm_params" / "eesm_beta_table.json").read_text(encoding="utf-8"))["index"]
    content = {"provenance": provenance("esm_params/eesm_beta_table.json", note, date), "beta": betas}
    (TABLES / "eesm_beta.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def stored_points(table: int) -> dict[str, NDArray[Any]]:
    """Sionna's points of one MCS table: mcs [M], code_block_bits [S], snr_db [Y], bler [M, S, Y]."""
    path = sionna_sys() / "bler_tables" / f"PDSCH_table{table}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["category"][PDSCH]["index"][str(table)]["MCS"]
    snr_db = {tuple(row["SNR_db"]) for row in rows.values()}
    sizes = {tuple(row["CBS"]) for row in rows.values()}
    if len(snr_db) != 1 or len(sizes) != 1:
        raise ValueError(f"{path.name}: the MCS do not share one grid of SNR and code block size")
    bler = [[curve["BLER"] for curve in row["CBS"].values()] for row in rows.values()]
    return {
        "mcs": np.array([int(mcs) for mcs in rows], dtype=np.int64),
        "code_block_bits": np.array([int(size) for size in sizes.pop()], dtype=np.int64),
        "snr_db": np.array(snr_db.pop()),
        "bler": np.array(bler),
    }


def provenance(files: str, note: str, date: str) -> dict[str, str]:
    """What is recorded with the data."""
    return {
        "source": f"sionna-no-rt {version('sionna-no-rt')}, sionna/sys/{files}",
        "copyright": "Copyright (c) 2021-2026 NVIDIA CORPORATION & AFFILIATES",
        "license": "Apache-2.0",
        "content": note,
        "date": date,
        "command": f"python benchmarks/make_bler_tables.py --date {date}",
    }


def sionna_sys() -> Path:
    """Folder of Sionna's system level package."""
    spec = find_spec("sionna")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Sionna is not installed; run `pip install sionna-no-rt`")
    return Path(spec.submodule_search_locations[0]) / "sys"


if __name__ == "__main__":
    main()
