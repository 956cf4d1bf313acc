"""Compares the load of TRACTOR's KPI logs with that of runs: rate, share of PRBs granted and bits of a PRB, by class.

``python -m benchmarks.studies.tractor_load logs FOLDER ...`` prints those of the logs, means over logs;
``python -m benchmarks.studies.tractor_load air --power 28 --speeds 7.3,17.4,1.7`` those of ``slicing-tractor`` at a
power and with traffic that is played faster.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

from allocators.slicing.traffic_classifier.kpi_log import REPORT_S, read_log
from allocators.slicing.traffic_classifier.training_logs import CLASSES, class_and_trial
from mac.slicing.tractor_score import SERVICES
from scenarios import run

PRB_SLOTS = 50 * 250  # of a report
MIXES = ((0, 1, 2), (0, 2, 2), (1, 1, 2), (1, 1, 4), (1, 2, 1), (1, 2, 3), (1, 2, 5), (1, 3, 4), (3, 2, 3))
ALLOCATORS = ("tractor_expert", "tractor_random")


def of_logs(folders: list[Path]) -> None:
    """Prints means over logs of each class, and the utilisation of the nine mixes that follows."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CLASSES}
    for folder in folders:
        for path in sorted(folder.glob("*.csv*")):
            rate, granted = read_log(path, ("tx_brate_dl", "sum_granted_prbs")).T
            bits = 1e6 * REPORT_S * rate.sum() / granted.sum()
            found[CLASSES[class_and_trial(path)[1]]].append((rate.mean(), granted.mean() / PRB_SLOTS, bits))
    share = {}
    for name, rows in found.items():
        if rows:
            rate, share[name], bits = np.mean(rows, axis=0)
            least, greatest = (edge(row[2] for row in rows) for edge in (min, max))
            print(f"{name}: {len(rows)} logs, {rate:.4f} Mbit/s, {share[name]:.4f} of the PRBs, {bits:.0f} bits a PRB "
                  f"({least:.0f} to {greatest:.0f})")  # fmt: skip
    load = [sum(count * share[name] for count, name in zip(mix, SERVICES, strict=True)) for mix in MIXES]
    print(f"utilisation of the nine mixes {np.mean(load):.3f}, of 1_2_3 {load[5]:.3f}")


def of_air(power_dbm: float, speeds: list[float], duration_s: float, drops: int) -> None:
    """Prints score, utilisation and bits of a PRB of a run of the mix 1_2_3."""
    settings = {f"users.{name}.traffic.speed": speed for name, speed in zip(SERVICES, speeds, strict=True)}
    mix = {f"users.{name}.count": count for name, count in zip(SERVICES, (1, 2, 3), strict=True)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = run(
            "slicing-tractor", ALLOCATORS, out=Path(folder) / "run", plots=False, progress=False, drops=drops,
            duration_s=duration_s, variants={"1_2_3": mix}, **{"carrier.tx_power_dbm": power_dbm, **settings},
        )  # fmt: skip
        score = result.metrics[result.metrics.metric == "tractor_score"].groupby("allocator")["mean"].mean()
        for name in ALLOCATORS:
            dataset = result.to_xarray(name, "1_2_3")
            granted, bits = (dataset[key].sum(("drop", "window")) for key in ("granted_prbs", "served_bits"))
            load = float(granted.sum()) / (dataset.sizes["drop"] * dataset.sizes["window"] * PRB_SLOTS)
            print(f"{name}: score {score[name]:.3f}, utilisation {load:.3f}, bits a PRB",
                  *(f"{one} {float(bits[at].sum() / granted[at].sum()):.0f}"
                    for one in SERVICES for at in [dataset["service"].to_numpy() == one]))  # fmt: skip


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("logs").add_argument("folders", nargs="+", type=Path)
    air = commands.add_parser("air")
    air.add_argument("--power", type=float, default=30.0)
    air.add_argument("--speeds", default="7.3,17.4,1.7", help="of mMTC, URLLC and eMBB")
    air.add_argument("--duration", type=float, default=8.0)
    air.add_argument("--drops", type=int, default=8)
    given = parser.parse_args()
    if given.what == "logs":
        of_logs(given.folders)
    else:
        of_air(given.power, [float(one) for one in given.speeds.split(",")], given.duration, given.drops)


if __name__ == "__main__":
    main()
