"""Measures the time to the first slot: ``python -m benchmarks.profiling.start_up [--repeats N]``.

Prints the median time of ``fairwave --help``, of ``fairwave list``, and from the command ``fairwave run
slicing-quickstart`` to the end of its first slot, each in a process of its own, with what they may take at most.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from allocators.scheduling.proportional_fair import ProportionalFair
from mac.scheduling import SchedulingDecision, SchedulingObservation

COMMAND = [sys.executable, "-c", "from scenarios.cli.main import main; main()"]
LIMITS_S = {"fairwave --help": 0.5, "fairwave list": 1.5, "first slot of slicing-quickstart": 5.0}


class FirstSlot(ProportionalFair):
    """Decides as proportional fair, and ends the process when the second slot is to be decided."""

    def reset(self, context: Any, seed: int) -> None:
        """Clears the averages and the slots."""
        super().reset(context, seed)
        self._decided = 0

    def decide(self, observation: SchedulingObservation) -> SchedulingDecision:
        """Decides as proportional fair, once."""
        if self._decided:
            os._exit(0)
        self._decided += 1
        return super().decide(observation)


def main() -> None:
    """Prints the three times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        first = ["run", "slicing-quickstart", "--set", "slicing.scheduler=start_up:FirstSlot", "--out", folder + "/run"]
        for (what, limit_s), arguments in zip(LIMITS_S.items(), (["--help"], ["list"], first), strict=True):
            taken = statistics.median(_seconds(arguments) for _ in range(repeats))
            print(f"{what}: {taken:.2f} s (at most {limit_s:g} s)")


def _seconds(arguments: list[str]) -> float:
    """Measures the time of a command from its start to its end."""
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parent)))
    began = time.perf_counter()
    told = {"env": {**os.environ, "PYTHONPATH": paths}, "capture_output": True, "text": True}
    done = subprocess.run([*COMMAND, *arguments], check=False, **told)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
