"""Small runs of every preset whose metrics are stored: three seeds, float64, on the CPU.

``python tests/support/golden_runs.py`` writes the stored metrics anew; do so only for a change that is meant to change
them, and say in the commit why they changed.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from scenarios.config.loading import PRESETS, preset_files

FOLDER = Path(__file__).parents[1] / "project" / "golden"
SEEDS = (1, 2, 3)
SHORT: dict[str, dict[str, Any]] = {
    "slicing-quickstart": {"drops": 2, "duration_s": 1.0, "warmup_s": 0.25},
    "slicing-tractor": {
        "drops": 1,
        "duration_s": 0.25,
        "warmup_s": 0.25,
        "slicing.held_reports": 1,
    },
    "slicing-tractor-loaded": {
        "drops": 1,
        "duration_s": 0.25,
        "warmup_s": 0.25,
        "slicing.held_reports": 1,
        "allocators": ["tractor_expert", "tractor_random"],
    },
    "scheduling-macro": {"drops": 1, "duration_s": 0.1, "warmup_s": 0, "window_s": 0.05},
    "mobility-macro": {
        "drops": 1,
        "duration_s": 1.0,
        "warmup_s": 0,
        "topology.sectors": 1,
        "topology.isd_m": 200,
        "carrier.prbs": 6,
        "users.car.mobility": {"model": "linear", "min_speed_kmh": 300, "max_speed_kmh": 300},
    },
    "uplink-macro": {"drops": 1, "duration_s": 0.1, "warmup_s": 0, "window_s": 0.05},
    "comp-corner": {
        "drops": 1,
        "duration_s": 0.1,
        "warmup_s": 0,
        "window_s": 0.05,
        "allocators": ["no_comp", "trading_post", "cluster_pf", "equal_share"],
        "carrier.prbs": 8,
        "users.foot.count": 0,
        "comp.outage_db": 6,
    },
    "comp-stress": {
        "duration_s": 0.02,
        "window_s": 0.01,
        "allocators": ["no_comp", "vcg", "uniform_price"],
        "topology.sites": 7,
        "carrier.prbs": 8,
        "comp.interval_s": 0.01,
        "users.foot.count": 3,
    },
    "city-evening": {
        "drops": 1,
        "duration_s": 0.08,
        "warmup_s": 0,
        "window_s": 0.04,
        "allocators": ["bargaining", "equal_share"],
        "carrier.prbs": 12,
        "comp.interval_s": 0.02,
        "comp.outage_db": 6,
        "slicing.interval_s": 0.04,
    },
    "scheduling-street": {
        "drops": 1,
        "duration_s": 0.02,
        "warmup_s": 0,
        "window_s": 0.01,
        "topology.sites": 1,
        "users.ftp.traffic.files_per_s": 100,
    },
    "scheduling-office": {
        "drops": 1,
        "duration_s": 0.05,
        "warmup_s": 0,
        "window_s": 0.025,
        "users.ftp.traffic.files_per_s": 20,
    },
    "scheduling-rural": {"drops": 1, "duration_s": 0.1, "warmup_s": 0, "window_s": 0.05},
    "scheduling-urllc": {"drops": 1, "duration_s": 0.05, "warmup_s": 0, "window_s": 0.025},
    "auction-google2011": {"drops": 1, "allocators": ["mohaf", "greedy", "optimal"]},
    "auction-synthetic": {"drops": 2, "duration_s": 2},
    "market-random": {"drops": 1, "duration_s": 0.3},
    "personalized-cell": {
        "drops": 1,
        "duration_s": 0.2,
        "warmup_s": 0,
        "personalized.interval_s": 0.1,
        "carrier.prbs": 12,
        "users.video.count": 3,
        "users.game.count": 2,
    },
    "wsn-field": {"drops": 1, "duration_s": 100, "battery.initial_j": 0.03},
    "wsn-ablation": {"drops": 1, "duration_s": 100, "battery.initial_j": 0.03},
    "wsn-heterogeneous": {"drops": 1, "duration_s": 100, "battery.initial_j": 0.03},
    "wsn-hicss": {"drops": 1, "duration_s": 100, "battery.initial_j": 0.05},
    "wsn-large": {"drops": 1, "duration_s": 10, "window_s": 5, "field.nodes": 2000},
    "uav-hotspot": {"drops": 1, "duration_s": 40},
    "uav-disaster": {"drops": 1, "duration_s": 20, "users.0.count": 80, "users.1.count": 20},
    "uav-reference": {"drops": 1, "duration_s": 200},
}
"""What is cut short of each preset so that the test is quick; everything else is the preset's own."""


KEPT_VARIANTS = ("0_1_2", "3_2_3", "as_published", "as-published", "corrected", "everything", "no-slices", "predicted")


def metrics(preset: str, seed: int) -> dict[str, float | None]:
    """Mean of every metric of a short run, by ``variant/allocator/metric``; None where there is none."""
    from scenarios import load, run

    scenario = load(preset, seed=seed, dtype="float64", device="cpu", **SHORT[preset])
    kept = {name: change for name, change in scenario.variants.items() if name in KEPT_VARIANTS}
    scenario = scenario.model_copy(update={"variants": kept})
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        result = run(scenario, out=out, progress=False, plots=False)
        rows = result.metrics.itertuples()
        return {f"{row.variant}/{row.allocator}/{row.metric}": _plain(row.mean) for row in rows}


def file_of(preset: str) -> Path:
    """The file of a preset's stored metrics, in the folder of the same name as the preset's."""
    return FOLDER / preset_files(PRESETS)[preset].parent.name / f"{preset}.json"


def stored(preset: str) -> dict[str, dict[str, float | None]]:
    """What the metrics were when they were last meant to change, by seed."""
    found: dict[str, dict[str, float | None]] = json.loads(file_of(preset).read_text())
    return found


def _plain(value: float) -> float | None:
    return float(f"{value:.12g}") if math.isfinite(value) else None


if __name__ == "__main__":
    for name in SHORT:
        runs = {str(seed): metrics(name, seed) for seed in SEEDS}
        file_of(name).write_text(json.dumps(runs, indent=1) + "\n")
        print(name, len(runs["1"]), "metrics")
