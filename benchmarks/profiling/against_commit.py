"""Measures this tree and a commit in turns: ``python -m benchmarks.profiling.against_commit 01f0c37 W1 W2:8 wsn-1000``.

Checks the commit out into a temporary folder and runs the same cases of ``fairwave bench`` in both trees, one after the
other for ``--rounds`` rounds, so that other load on the machine meets both alike. Prints a Markdown table: the medians
of each tree, the median over the rounds of the ratio of this tree to the commit, and the smallest and largest ratio.

A case is a workload, ``W1``, or a workload at a batch of drops, ``W1:32``. ``W1r=W1`` measures W1r here and W1 there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[2]
Rates = dict[tuple[str, str], float]
"""Rate by mode and batch (``1 drop``, ``best batch``, or the one asked for)."""


class CannotMeasure(Exception):
    """Reports what is wrong with the command line, or what a tree answered."""


@dataclass(frozen=True)
class Case:
    """Describes what is measured in both trees."""

    text: str
    here: str
    there: str
    drops: int | None

    @classmethod
    def read(cls, text: str) -> Case:
        """Reads ``WORKLOAD``, ``WORKLOAD:DROPS`` or ``HERE=THERE:DROPS``.

        Raises:
            CannotMeasure: the text has another form.
        """
        workloads, colon, drops = text.partition(":")
        here, equals, there = workloads.partition("=")
        if not here or (equals and not there) or (colon and not (drops.isdecimal() and int(drops))):
            raise CannotMeasure(
                f"case '{text}' is not WORKLOAD, WORKLOAD:DROPS or HERE=THERE, such as W1, W1:32, W1r=W1"
            )
        return cls(text, here, there or here, int(drops) if drops else None)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Holds a commit in a temporary folder as a worktree of this repository, and removes it at the end.

    Args:
        commit: as git names it.

    Raises:
        CannotMeasure: git does not check it out.
    """
    with tempfile.TemporaryDirectory(prefix="against-commit-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    try:
        done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True)
    except FileNotFoundError:
        raise CannotMeasure("git is not installed, which checks the commit out") from None
    if done.returncode:
        raise CannotMeasure(f"git {' '.join(arguments)}: {done.stderr.strip() or 'failed'}")


def command_line(tree: Path) -> list[str]:
    """Returns what starts the command ``fairwave`` of a tree, from the entry point in its pyproject.toml.

    Raises:
        CannotMeasure: the tree is of before there was that command.
    """
    try:
        entry = tomllib.loads((tree / "pyproject.toml").read_text())["project"]["scripts"]["fairwave"]
    except (FileNotFoundError, KeyError):
        raise CannotMeasure(f"the tree in {tree} has no command fairwave; take a later commit") from None
    module, function = entry.split(":")
    return [sys.executable, "-c", f"from {module} import {function}; {function}()"]


def bench_rows(tree: Path, workload: str, drops: int | None, mode: str) -> list[dict[str, Any]]:
    """Runs ``fairwave bench`` of a tree, on one thread unless OMP_NUM_THREADS says otherwise; returns its rows.

    Raises:
        CannotMeasure: the command fails.
    """
    batch = [] if drops is None else ["--drops", str(drops)]
    done = subprocess.run(
        [*command_line(tree), "bench", workload, "--mode", mode, *batch, "--json"],
        cwd=tree,
        env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CannotMeasure(f"fairwave bench {workload} in {tree}: {done.stderr.strip()}")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def rates(rows: Sequence[Mapping[str, Any]], drops: int | None) -> Rates:
    """Reads the rates of rows of ``fairwave bench``, which may name other best batches in the two trees.

    Args:
        rows: of one workload.
        drops: the batch that was asked for; None where bench chose.
    """
    found: Rates = {}
    for row in rows:
        mode = row.get("mode", "exact")  # rows of environments have none
        rate = next(float(value) for key, value in row.items() if key.endswith("_per_s"))
        batches = (f"{drops} drop{'s' if drops > 1 else ''}",) if drops else ("best batch",)
        batches += ("1 drop",) if drops is None and row.get("drops") == 1 else ()
        for batch in batches:
            found[mode, batch] = max(rate, found.get((mode, batch), 0.0))
    return dict(sorted(found.items()))


def in_turns(
    cases: Sequence[Case], rounds: int, measure: Callable[[Case, bool], Rates]
) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
    """Measures each case in both trees, round by round; the tree that begins changes from round to round.

    Args:
        cases: in the order of the table.
        rounds: turns of each tree.
        measure: told the case, and whether in this tree.

    Returns:
        Rates of commit and tree of every round, by case, mode and batch that both have.
    """
    pairs = defaultdict[tuple[str, str, str], list[tuple[float, float]]](list)
    for number in range(rounds):
        for case in cases:
            turn = {ours: measure(case, ours) for ours in ((False, True) if number % 2 == 0 else (True, False))}
            for mode, batch in turn[False].keys() & turn[True].keys():
                pairs[case.text, mode, batch].append((turn[False][mode, batch], turn[True][mode, batch]))
    order = {case.text: place for place, case in enumerate(cases)}
    return dict(sorted(pairs.items(), key=lambda item: (order[item[0][0]], item[0][1:])))


def table(commit: str, pairs: Mapping[tuple[str, str, str], Sequence[tuple[float, float]]]) -> str:
    """Formats medians and ratios as Markdown."""
    lines = [f"| case | mode | batch | {commit}, per s | this tree, per s | ratio | smallest to largest |"]
    lines.append("|---" * 7 + "|")
    for (case, mode, batch), rounds in pairs.items():
        there, here = (statistics.median(one) for one in zip(*rounds, strict=True))
        ratios = [after / before for before, after in rounds]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        lines.append(
            f"| {case} | {mode} | {batch} | {there:,.1f} | {here:,.1f} | {statistics.median(ratios):.2f} | {spread} |"
        )
    return "\n".join(lines)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="to compare with, as git names it")
    parser.add_argument("cases", nargs="+", metavar="CASE", help="W1, W1:32 (drops), or W1r=W1 (here=there)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each tree; medians count")
    parser.add_argument("--mode", default="both", choices=("exact", "fast", "both"), help="as of fairwave bench")
    asked = parser.parse_args(given)
    if asked.rounds < 1:
        parser.error(f"--rounds must be 1 or more, given {asked.rounds}")
    return asked


def main(given: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    asked = arguments(given)
    try:
        cases = [Case.read(text) for text in asked.cases]
        with checked_out(asked.commit) as tree:

            def measure(case: Case, ours: bool) -> Rates:
                print(f"{case.text}, {'this tree' if ours else asked.commit}", file=sys.stderr, flush=True)
                workload = case.here if ours else case.there
                return rates(bench_rows(HERE if ours else tree, workload, case.drops, asked.mode), case.drops)

            print(table(asked.commit, in_turns(cases, asked.rounds, measure)))
    except CannotMeasure as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
