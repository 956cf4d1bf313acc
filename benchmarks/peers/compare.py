"""Compares fairwave with other simulators in one sitting: slots a second, ratios, and what each models.

python -m benchmarks.peers.compare [W1 W2 W3 W1r W2r W3r] [--only NAME] [--seconds 3] [--rounds 3] [--json]

Peers are optional: `pip install -c constraints.txt '.[peers]'`; one that is not installed is named, and the rest runs.
Each measurement has a process and one thread of its own; contenders take turns, round after round, so that a machine
that slows down does so for all; the median of the rounds counts. See benchmarks/peers/README.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers import isaac_net, mobile_env, sionna_sys
from benchmarks.peers.base import Fairwave, Reading, Simulator, Size
from scenarios.errors import ScenarioError, did_you_mean
from scenarios.families.scheduling.workloads import WORKLOADS, DownlinkSize

DOWNLINKS = {name: workload for name, workload in WORKLOADS.items() if isinstance(workload, DownlinkSize)}
USUAL = tuple(name for name in DOWNLINKS if not name.endswith("r"))
"""What is measured where nothing is named. W1r is W1 with reports every five slots: peers report as they always do."""
SIZES = {name: Size(name, its.sites, its.sectors, its.prbs, its.users_per_cell) for name, its in DOWNLINKS.items()}
OURS: list[Simulator] = [
    Fairwave(
        name="fairwave",
        distribution="fairwave",
        models="interference of every cell and fading of TR 38.901, new on every PRB in every slot, proportional fair "
        "per PRB on delayed reports, effective SINR, tables of block errors, OLLA, HARQ, queues, checks, a record",
        lacks="core network, protocols above the MAC",
        batches={name: its.batches for name, its in DOWNLINKS.items()},
    ),
    Fairwave(
        name="fairwave-fast",
        distribution="fairwave",
        models="the same with the strongest interferers of each user faded and the others at their mean power",
        lacks="fading of weak interferers (SINR quantiles within 0.05 dB)",
        batches={name: its.batches for name, its in DOWNLINKS.items()},
        mode="fast",
    ),
]
PEERS: list[Simulator] = [*isaac_net.PEERS, *sionna_sys.PEERS, *mobile_env.PEERS]
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass
class Figures:
    """Holds the readings of one simulator on one workload."""

    readings: dict[int, list[Reading]] = field(default_factory=dict)
    """By the number of networks side by side, a reading a round."""
    error: str = ""
    """What was wrong, in a sentence, where nothing could be measured."""

    def rate(self, batch: int) -> float:
        """Computes slots a second, median of the rounds."""
        return statistics.median(reading.slots_per_s for reading in self.readings[batch])

    def best(self) -> int:
        """Finds the batch with most slots a second."""
        return max(self.readings, key=self.rate)

    def pair(self) -> tuple[float, float] | None:
        """Returns the rate of one network alone, and of the best batch."""
        return (self.rate(min(self.readings)), self.rate(self.best())) if self.readings else None


Results = dict[tuple[str, str], Figures]
"""By contender and workload."""


def measure(name: str, workload: str, batch: int, seconds: float) -> Reading | str:
    """Measures in a process of its own; returns a sentence where it fails."""
    warnings.simplefilter("ignore")
    contender = next(one for one in (*OURS, *PEERS) if one.name == name)
    try:
        return contender.measure(SIZES[workload], batch, seconds)
    except Exception as error:
        return sentence(error)


def sentence(error: BaseException) -> str:
    """Formats an error for a cell of a table."""
    first = " ".join(str(error).split()).replace("|", "/") or "no message"
    return f"{type(error).__name__}: {first if len(first) <= 120 else first[:117] + '...'}"


def alone(name: str, workload: str, batch: int, seconds: float) -> Reading | str:
    """Runs :func:`measure` in a fresh process, which may die."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_mute) as pool:
        try:
            return pool.submit(measure, name, workload, batch, seconds).result()
        except Exception as error:
            return sentence(error)


def _mute() -> None:
    """Greetings of packages go to stderr: stdout is for the table."""
    os.dup2(2, 1)


def sitting(
    contenders: Sequence[Simulator],
    workloads: Sequence[str],
    rounds: int,
    take: Callable[[str, str, int], Reading | str],
    say: Callable[[str], None] = lambda _: None,
) -> Results:
    """Measures all simulators on all workloads in turn; batches that were not best in the first round are left out
    afterwards.
    """
    results = {(one.name, workload): Figures() for one in contenders for workload in workloads}
    for number in range(1, rounds + 1):
        for workload in workloads:
            for one in contenders:
                figures = results[one.name, workload]
                for batch in _batches(one.tried(workload), figures, number):
                    say(f"round {number} of {rounds}: {one.name}, {workload}, {batch} side by side")
                    _note(figures, batch, take(one.name, workload, batch))
    return results


def _batches(tried: tuple[int, ...], figures: Figures, number: int) -> Iterable[int]:
    if number == 1:
        return tried
    return sorted({min(figures.readings), figures.best()}) if figures.readings else ()


def _note(figures: Figures, batch: int, outcome: Reading | str) -> None:
    if isinstance(outcome, str):
        figures.error = outcome
    else:
        figures.readings.setdefault(batch, []).append(outcome)


def table(contenders: Sequence[Simulator], workloads: Sequence[str], results: Results) -> str:
    """Formats rates of one network / of the best batch, and how many times faster fairwave is, in Markdown."""
    present = [one for one in contenders if isinstance(one, Fairwave)]
    head = ["simulator", "version", *(f"{workload}, slots/s" for workload in workloads)]
    head += [f"{own.name} / it, {workload}" for own in present for workload in workloads]
    lines = [[*head, "reports of the channel", "what it models", "what it lacks"]]
    for one in contenders:
        version = one.version()
        if version is None:
            told = f"not installed: pip install {one.distribution}"
            cells = ["", told, *[""] * (len(head) - 2)]
        else:
            cells = ["", version, *(rates(results[one.name, workload]) for workload in workloads)]
            cells += [
                "" if own is one else ratio(results[own.name, workload], results[one.name, workload])
                for own in present
                for workload in workloads
            ]
        lines.append([one.name, *cells[1:], one.reports, one.models, one.lacks])
    return markdown(lines)


def rates(figures: Figures) -> str:
    """Formats the rates of one network / the best batch, or what was wrong."""
    pair = figures.pair()
    if pair is None:
        return figures.error
    best = figures.best()
    return number(pair[0]) if best == min(figures.readings) else f"{number(pair[0])} / {number(pair[1])} ({best})"


def ratio(ours: Figures, theirs: Figures) -> str:
    """Computes ratios of rates: one network to one, and the best batch to the best."""
    mine, other = ours.pair(), theirs.pair()
    if mine is None or other is None:
        return ""
    return " / ".join(number(a / b) for a, b in zip(mine, other, strict=True))


def number(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def markdown(lines: Sequence[Sequence[str]]) -> str:
    wide = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, wide, strict=True)) + " |" for line in lines
    ]
    return "\n".join([rows[0], "|" + "|".join("-" * (width + 2) for width in wide) + "|", *rows[1:]])


def as_json(contenders: Sequence[Simulator], workloads: Sequence[str], results: Results) -> dict[str, Any]:
    """Collects every reading for JSON."""
    rows = []
    for one in contenders:
        about = {"name": one.name, "version": one.version(), "reports": one.reports,
                 "models": one.models, "lacks": one.lacks}  # fmt: skip
        if about["version"] is None:
            rows.append({**about, "error": f"not installed: pip install {one.distribution}"})
            continue
        for workload in workloads:
            figures = results[one.name, workload]
            rows.append({**about, "workload": workload, "error": figures.error, "batches": _readings(figures)})
    return {"threads": 1, "machine": platform.platform(), "python": platform.python_version(), "rows": rows}


def _readings(figures: Figures) -> list[Mapping[str, Any]]:
    return [
        {
            "networks": batch,
            "slots_per_s": figures.rate(batch),
            "rounds": [reading.slots_per_s for reading in readings],
            **readings[-1].signs,
        }
        for batch, readings in figures.readings.items()
    ]


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; raises :class:`ScenarioError` where something does not exist."""
    parser = argparse.ArgumentParser(description="fairwave beside other simulators, in one sitting")
    parser.add_argument(
        "workloads",
        nargs="*",
        metavar="WORKLOAD",
        help="of W1, W2, W3, W1r, W2r, W3r; the first three where none is named",
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="fairwave and this peer; may be repeated")
    parser.add_argument("--seconds", type=float, default=3.0, help="that a peer is timed for in a round, about")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each simulator; the median counts")
    parser.add_argument("--json", action="store_true", help="every reading, instead of the table")
    asked = parser.parse_args(given)
    asked.workloads = asked.workloads or list(USUAL)
    for what, names, known in (
        ("workload", asked.workloads, SIZES),
        ("peer", asked.only or (), [one.name for one in (*OURS, *PEERS)]),
    ):
        for name in names:
            if name not in known:
                raise ScenarioError(f"unknown {what} '{name}'{did_you_mean(name, known)}")
    require_positive(asked)
    return asked


def require_positive(asked: argparse.Namespace) -> None:
    """Refuses ``--seconds`` and ``--rounds`` that are not positive; raises :class:`ScenarioError`."""
    for option in ("seconds", "rounds"):
        if not getattr(asked, option) > 0:
            raise ScenarioError(f"--{option} must be more than 0, given {getattr(asked, option):g}")


def main(given: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    try:
        asked = arguments(given)
    except ScenarioError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    contenders = [*OURS, *(one for one in PEERS if asked.only is None or one.name in asked.only)]
    ready = [one for one in contenders if one.version() is not None]
    results = sitting(
        ready,
        asked.workloads,
        asked.rounds,
        take=lambda name, workload, batch: alone(name, workload, batch, asked.seconds),
        say=lambda words: print(words, file=sys.stderr, flush=True),
    )
    if asked.json:
        print(json.dumps(as_json(contenders, asked.workloads, results), indent=2))
    else:
        print(table(contenders, asked.workloads, results))
        print(
            "\nSlots a second of one network / summed over the best batch (so many networks side by side), one thread,"
        )
        print(f"median of {asked.rounds}; then how many times faster fairwave is, one to one / best to best.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
