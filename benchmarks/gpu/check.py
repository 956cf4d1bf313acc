"""Checks and measures fairwave on a GPU within a budget of time, part by part: ``benchmarks/gpu/check.sh``.

Each part has a share of the time and a process of its own, which is stopped at its end; the rows that it had by then
count. What was left out is said in the table.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import Options, Row
from .table import TITLE, markdown

MOST_MINUTES = 8.0
_MINUTES = 7.5  # of all parts: the rest is for installing packages and starting
_GRACE_S = 3.0  # that a part has to end by itself
_NEEDED = ("torch", "pydantic", "yaml", "psutil", "numpy", "xarray", "gymnasium", "pytest")


class CannotCheck(Exception):
    """Reports what is wrong with the command line or the machine."""


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
    """Runs the check; returns 2 where it cannot begin, 1 where a test or a whole part failed, or no test could run."""
    end = time.time()
    asked = _parser().parse_args(arguments)
    if asked.part is not None:
        _write_rows(PARTS[asked.part], Options(asked.device, asked.until), Path(asked.out))
        return 0
    try:
        end += 60.0 * _minutes(asked.minutes)
        _require_machine(asked.device)
        files = [_own_file(Path(f"{asked.out}.{kind}")) for kind in ("json", "md")]
    except CannotCheck as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report: dict[str, Any] = {"about": _about(asked.device), "parts": []}
    for part in check(asked.device, end, asked.here):
        report["parts"].append(part)
        for file, text in zip(files, (json.dumps(report, indent=1) + "\n", markdown(report)), strict=True):
            file.write_text(text)  # after each part, as the machine may be gone before the next ends
    print(markdown(report))
    print(f"written to {files[0]} and {files[1]}")
    return int(any(_failed(part, asked.device) for part in report["parts"]))


def check(device: str, end: float, here: bool) -> Iterator[dict[str, Any]]:
    """Runs all parts, and yields what each measured.

    Args:
        device: cuda, or cpu for the dry form.
        end: of all parts, in seconds of ``time.time()``; what a part leaves goes to those after it.
        here: run them in this process, which nothing stops.
    """
    left = sum(part.share for part in PARTS)
    for part in PARTS:
        share_s = max(0.0, end - time.time()) * part.share / left
        left -= part.share
        print(f"{part.name}: up to {share_s:.0f} s", file=sys.stderr, flush=True)
        yield _run(part, Options(device, time.time() + share_s), here)


def _minutes(given: float) -> float:
    if not 0.0 < given <= MOST_MINUTES:
        raise CannotCheck(f"--minutes must be more than 0 and {MOST_MINUTES:g} at most, given {given:g}")
    return given


def _require_machine(device: str) -> None:
    """Refuses a machine without the packages, or without the GPU."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CannotCheck(
            f"{', '.join(missing)} cannot be imported by {sys.executable}; run benchmarks/gpu/check.sh --gather where "
            "there is a network and carry build/gpu-wheels along (without torch), or take another Python (PYTHON=...)"
        )
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise CannotCheck("torch finds no GPU here; take --device cpu for the dry form")


def _own_file(file: Path) -> Path:
    """Makes the folder of a file; refuses one that cannot be written, or is there and no earlier report."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(file.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        earlier = file.read_text(errors="replace") if file.exists() else ""
    except OSError as error:
        raise CannotCheck(f"{file} cannot be written: {error.strerror}; give another --out") from None
    if earlier and not earlier.startswith((TITLE, '{\n "about": {')):
        raise CannotCheck(f"{file} is there and no earlier report; give another --out")
    return file


def _failed(part: dict[str, Any], device: str) -> bool:
    """Returns whether a part has no rows, a test of it failed, or none of a file could run on the GPU."""
    return part["outcome"] == "failed" or any(
        row.get("failed") or (device == "cuda" and "tests" in row and not row.get("passed")) for row in part["rows"]
    )


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
    if ended.returncode == 0:
        return None
    return " ".join(ended.stderr.split())[-400:] or f"ended with status {ended.returncode}"


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
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="of all parts together, 8 at most")
    parser.add_argument("--out", default="build/gpu-check", help="files to write, without .json and .md")
    parser.add_argument("--here", action="store_true", help="run the parts in one process, which nothing stops")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
