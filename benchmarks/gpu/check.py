"""Checks and measures fairwave on a GPU within a budget of time, part by part: ``benchmarks/gpu/check.sh``.

Each part has a share of the time and a process of its own, which is stopped at its end; the rows that it had by then
count. What was left out is said in the table.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import Options, Row
from .table import markdown

BUDGET_S = 8 * 60.0
_GRACE_S = 3.0  # that a part has to end by itself


@dataclass(frozen=True)
class Part:
    """Describes a part: its module and function, and its share of the time."""

    name: str
    module: str
    function: str
    share: float


PARTS = (
    Part("parity with the CPU", "parity", "rows", 0.25),
    Part("networks drawn", "drawing", "rows", 0.12),
    Part("slots and rounds", "speed", "bench_rows", 0.40),
    Part("environments", "speed", "environment_rows", 0.15),
    Part("cu3gppchan, never run by us before", "cu3gppchan_network", "rows", 0.08),
)


def main(arguments: list[str] | None = None) -> int:
    """Runs the check; returns 1 where a test of parity failed."""
    asked = _parser().parse_args(arguments)
    if asked.part is not None:
        _write_rows(PARTS[asked.part], Options(asked.device, asked.until), Path(asked.out))
        return 0
    report = check(asked.device, asked.minutes * 60.0, asked.here)
    out = Path(asked.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    out.with_suffix(".md").write_text(markdown(report))
    print(markdown(report))
    print(f"written to {out.with_suffix('.json')} and {out.with_suffix('.md')}")
    return int(any(row.get("failed") for part in report["parts"] for row in part["rows"]))


def check(device: str, budget_s: float, here: bool) -> dict[str, Any]:
    """Runs all parts.

    Args:
        device: cuda, or cpu for the dry form.
        budget_s: seconds of all parts together; what a part leaves goes to those after it.
        here: run them in this process, which nothing stops.
    """
    end, left, parts = time.time() + budget_s, sum(part.share for part in PARTS), []
    for part in PARTS:
        share_s = max(0.0, end - time.time()) * part.share / left
        left -= part.share
        print(f"{part.name}: up to {share_s:.0f} s", file=sys.stderr, flush=True)
        parts.append(_run(part, Options(device, time.time() + share_s), here))
    return {"about": _about(device), "parts": parts}


def _run(part: Part, options: Options, here: bool) -> dict[str, Any]:
    began, share_s = time.time(), options.left_s
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows"
        out.touch()
        reason = _try_here(part, options, out) if here else _try_apart(part, options, out)
        rows: list[Row] = [json.loads(line) for line in out.read_text().splitlines()]
    outcome = "done" if reason is None else "cut short" if rows else "failed"
    told = {} if reason is None else {"reason": reason}
    return {
        "name": part.name,
        "outcome": outcome,
        **told,
        "seconds": round(time.time() - began, 1),
        "share_s": round(share_s, 1),
        "rows": rows,
    }


def _try_here(part: Part, options: Options, out: Path) -> str | None:
    try:
        _write_rows(part, options, out)
    except Exception as error:  # of one part, which must not end the others
        return f"{type(error).__name__}: {error}"
    return None


def _try_apart(part: Part, options: Options, out: Path) -> str | None:
    """Runs a part in a process of its own; returns why it did not end well."""
    number = str(PARTS.index(part))
    command = [sys.executable, "-m", "benchmarks.gpu.check", "--part", number, "--device", options.device]
    command += ["--until", str(options.until), "--out", str(out)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=options.left_s + _GRACE_S, check=False)
    except subprocess.TimeoutExpired:
        return "stopped at the end of its share"
    return None if ended.returncode == 0 else " ".join(ended.stderr.split())[-400:]


def _write_rows(part: Part, options: Options, out: Path) -> None:
    """Writes the rows of a part as they come, a line of JSON each."""
    module = importlib.import_module(f"{__package__}.{part.module}")
    with out.open("a") as file:
        for row in getattr(module, part.function)(options):
            print(json.dumps(row), file=file, flush=True)


def _about(device: str) -> dict[str, Any]:
    import torch

    there = device == "cuda" and torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if there else f"{device} (the dry form, tiny sizes)",
        "torch": torch.__version__,
        "CUDA": torch.version.cuda,
        "Python": platform.python_version(),
        "began": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/gpu/check.sh", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: the dry form, tiny sizes")
    parser.add_argument("--minutes", type=float, default=BUDGET_S / 60.0, help="budget of all parts, 8 at most")
    parser.add_argument("--out", default="build/gpu-check", help="files to write, without .json and .md")
    parser.add_argument("--here", action="store_true", help="run the parts in one process, which nothing stops")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
