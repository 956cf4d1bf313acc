"""The presets' metrics are what they were, to a part in a million."""

from __future__ import annotations

import pytest
from golden_runs import SEEDS, SHORT, metrics, stored

from mac.traffic.trace_paths import resolve
from scenarios.cli.catalogue import scenarios

DATA = {
    "slicing-tractor": "tractor/raw/embb*.csv",
    "slicing-tractor-loaded": "tractor/raw/embb*.csv",
    "auction-google2011": "google2011/part-00000-of-00500.csv.gz",
}
"""What must be there of the presets that read data."""


def data_is_there(preset: str) -> bool:
    if preset not in DATA:
        return True
    try:
        return bool(resolve((DATA[preset],), ()))
    except ValueError:
        return False


SEEDS_OF_ALL = ("slicing-quickstart", "mobility-macro", "wsn-field", "uav-disaster")
"""Presets of at most a hundred UEs or nodes, and one with handovers; the others have more UEs, or share this code."""
RUNS = [(preset, seed) for preset in SHORT for seed in SEEDS if seed == SEEDS[0] or preset in SEEDS_OF_ALL]


@pytest.mark.parametrize(("preset", "seed"), RUNS)
def test_metrics_are_as_stored(preset: str, seed: int) -> None:
    if not data_is_there(preset):
        pytest.skip(f"{DATA[preset]} is neither in $FAIRWAVE_DATA nor in ../shared/data")
    expected, seen = stored(preset)[str(seed)], metrics(preset, seed)
    assert seen.keys() == expected.keys()
    for name, value in expected.items():
        assert seen[name] == (None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)), name


def test_users_change_their_cells_in_a_golden_run() -> None:
    for seed in SEEDS:
        metrics_of = stored("mobility-macro")[str(seed)]
        for allocator in ("round_robin", "proportional_fair"):
            rate, away = (metrics_of[f"None/{allocator}/{name}"] for name in ("handover_rate", "interruption_share"))
            assert rate is not None and rate > 0.0 and away is not None and away > 0.0


def test_every_preset_is_golden() -> None:
    assert set(SHORT) == {row["name"] for row in scenarios()}
