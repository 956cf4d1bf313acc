"""Writes ``phy/link/tables/eesm_beta.json`` from the Sionna package that is installed.

python -m benchmarks.link_tables.make_eesm_beta --date 2026-11-21
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

TABLES = Path(__file__).parents[2] / "phy" / "link" / "tables"
SOURCE = "esm_params/eesm_beta_table.json"


def main() -> None:
    """Reads Sionna's file and writes ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", required=True, help="the date to be recorded, YYYY-MM-DD")
    date = parser.parse_args().date
    betas = json.loads((sionna_sys() / SOURCE).read_text(encoding="utf-8"))["index"]
    content = {"provenance": provenance(date), "beta": betas}
    (TABLES / "eesm_beta.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def provenance(date: str) -> dict[str, str]:
    """Collects the provenance that is recorded with the data."""
    return {
        "source": f"sionna-no-rt {version('sionna-no-rt')}, sionna/sys/{SOURCE}",
        "copyright": "Copyright (c) 2021-2026 NVIDIA CORPORATION & AFFILIATES",
        "license": "Apache-2.0",
        "content": "beta by MCS; the source says that how these values were calibrated is not recorded",
        "date": date,
        "command": f"python -m benchmarks.link_tables.make_eesm_beta --date {date}",
    }


def sionna_sys() -> Path:
    """Finds the folder of Sionna's system level package."""
    spec = find_spec("sionna")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Sionna is not installed; run `pip install sionna-no-rt`")
    return Path(spec.submodule_search_locations[0]) / "sys"


if __name__ == "__main__":
    main()
