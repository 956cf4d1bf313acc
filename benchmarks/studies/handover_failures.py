"""Counts handovers and their failures under the settings that matter, at 3, 30 and 120 km/h: a table of
docs/models/mobility-handover-blockage.md.

python -m benchmarks.studies.handover_failures [--drops 4] [--duration_s 20]

Users of the preset mobility-macro, every cell at full load; only itineraries are made, no slot is run.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import torch
from torch import Tensor

from mac.handover.a3 import COUNTERS, rules
from mac.handover.serving_plan import period_slots, plan_drop
from mac.handover.settings import HandoverSettings, MeasurementSettings
from phy.channel.channel import frequency_basis
from phy.channel.moving import MovingDrop
from phy.random import Drops
from scenarios import load
from scenarios.families import find
from scenarios.families.cellular import engine_factory, mobility
from scenarios.families.cellular.scenario import CellularScenario
from scenarios.families.cellular.shape import Shape

AT_ONCE = {"qout_window_ms": 0.0, "qin_window_ms": 0.0}
SLOW = {"offset_db": 2.0, "hysteresis_db": 1.0, "time_to_trigger_ms": 160, "preparation_ms": 50.0}


def tr_set(offset_db: float, time_to_trigger_ms: int) -> dict[str, Any]:
    """Builds the handover settings of a set of TR 36.839."""
    given = {"offset_db": offset_db, "time_to_trigger_ms": time_to_trigger_ms}
    return {**given, "hysteresis_db": 0.0, "preparation_ms": 50.0}


AIRS: dict[str, dict[str, Any]] = {
    "hard": {"propagation.los_transition": "hard"},
    "soft": {"propagation.los_transition": "soft"},
    "never": {"propagation.los": "never", "propagation.site_correlation": 0.5},  # as in TR 36.839
}
CASES: list[tuple[str, str, dict[str, Any], int]] = [
    ("before: hard, SINR of one sample, 160 ms, k = 4", "hard", {**SLOW, **AT_ONCE}, 4),
    ("SINR over 200 and 100 ms", "hard", SLOW, 4),
    ("and a soft end of line of sight", "soft", SLOW, 4),
    ("and k = 0", "soft", SLOW, 0),
    ("and 40 ms to trigger and 40 ms to prepare: the defaults", "soft", {}, 0),
    ("the defaults, SINR of one sample", "soft", AT_ONCE, 0),
    ("the defaults, hard end of line of sight", "hard", {}, 0),
    ("the defaults, k = 4", "soft", {}, 4),
    ("the defaults, 160 ms to trigger", "soft", {"time_to_trigger_ms": 160}, 0),
    ("the same with the other cells at half load", "soft", {"time_to_trigger_ms": 160, "load": 0.5}, 0),
    ("TR 36.839 set 1: 3 dB, 480 ms, k = 4", "soft", tr_set(3.0, 480), 4),
    ("TR 36.839 set 3: 2 dB, 160 ms, k = 1", "soft", tr_set(2.0, 160), 1),
    ("TR 36.839 set 5: -1 dB, 40 ms, k = 0", "soft", tr_set(-1.0, 40), 0),
    ("set 1, no line of sight", "never", tr_set(3.0, 480), 4),
    ("set 3, no line of sight", "never", tr_set(2.0, 160), 1),
    ("set 5, no line of sight", "never", tr_set(-1.0, 40), 0),
]
"""Name, air, handover settings, filter coefficient."""


def levels(case: CellularScenario, drops: int) -> list[tuple[Drops, list[Tensor]]]:
    """Computes the mean SNR of all links at all measurements of each drop."""
    shape = Shape(find("scheduling").clock(case), 1, (0,) * len(case.users))
    plan, motion = engine_factory.channel_plan(case), mobility.motion_plan(case, shape)
    slots = range(0, shape.total_slots, period_slots(case.measurements, case.carrier.slot_s))
    found = []
    for number in range(drops):
        drop = Drops(case.seed, (number,))
        found.append((drop, list(MovingDrop(drop, plan, motion, frequency_basis(plan)).snr(slots))))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=4)
    parser.add_argument("--duration_s", type=float, default=20.0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    air = {}
    for name, changes in AIRS.items():
        often = {"duration_s": given.duration_s, "warmup_s": 0.0, "channel.update_s": 0.04}
        case = load("mobility-macro", **often, **changes)
        assert isinstance(case, CellularScenario)
        air[name] = levels(case, given.drops)
    group, km = case.group_of_user(), given.duration_s / 3.6e3
    speeds = (3, 30, 120)
    print("| | " + " | ".join(f"{speed} km/h: failed, ping-pongs, per km" for speed in speeds) + " |")
    print("|---" * (1 + len(speeds)) + "|")
    for name, end, settings, coefficient in CASES:
        rule = rules(HandoverSettings(**settings), case.cells, case.carrier.slot_s, torch.device("cpu"))
        measured = MeasurementSettings(filter_coefficient=coefficient)  # type: ignore[arg-type]
        counts = sum(plan_drop(drop, snr, measured, rule).counts.sum((0, 1)) for drop, snr in air[end])
        assert isinstance(counts, Tensor)
        cells = []
        for number, speed in enumerate(speeds):
            total = dict(zip(COUNTERS, counts[:, group == number].sum(-1).tolist(), strict=True))
            done, failed = total["handovers"], total["handover_failures"]
            far_km = given.drops * int((group == number).sum()) * speed * km
            share = f"{100 * failed / max(1.0, done + failed):.0f} %"
            back = f"{100 * total['ping_pongs'] / max(1.0, done):.0f} %"
            cells.append(f"{share}, {back}, {(done + failed) / far_km:.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
