"""Measures the error of the shipped table at codes that are drawn anew and never fitted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.link_tables.codes import blind
from benchmarks.link_tables.fit import errors, summary
from benchmarks.link_tables.waterfalls import Effort, decodable, measure, read
from phy.link.bler import load_thresholds

HEAD = """| blind codes | number | BLER | rms error | largest | standard error of the measurement |
|---|---|---|---|---|---|"""


def check(seed: int, path: Path, precision: float, budget: float) -> None:
    """Measures the codes of a seed that the file of points lacks, then prints the errors of the table at all of them.

    Args:
        seed: which codes are drawn.
        path: file of points, one line a code.
        precision: standard error in dB at BLER 0.01 that the number of blocks is chosen for.
        budget: seconds for all of them. Short codes come first; what they leave is shared by the long ones.
    """
    curves = blind(seed)
    known = {row["key"] for row in read(path)}
    todo = sorted((c for c in curves if c.key not in known), key=lambda c: c.bits / c.rate_1024)
    end = time.monotonic() + budget
    for place, curve in enumerate(todo):
        share = max(1.0, (end - time.monotonic()) / (len(todo) - place))
        row = {"key": curve.key} | measure(curve, Effort(precision, share, "cpu", 1024))
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{place + 1} of {len(todo)}", curve.key, f"{row['seconds']} s", flush=True)
    rows = {row["key"]: row for row in read(path)}
    print(table([rows[curve.key] for curve in curves]))


def table(rows: list[dict[str, Any]]) -> str:
    """Prints tabulated minus measured SNR of every code, then by group as a table in Markdown."""
    lost = [row["key"] for row in rows if not decodable(row)]
    checked = errors(load_thresholds(), [row for row in rows if decodable(row)])
    each = [" ".join(f"{name} {float(value):.5g}" for name, value in entry.items()) for entry in checked]
    groups = summary(checked)
    groups.pop("curves")
    lines = []
    for name, found in groups.items():
        kind, _, level = name.rpartition(", BLER ")
        numbers = " | ".join(f"{found[what]:.3f} dB" for what in ("rms", "largest", "measurement"))
        lines.append(f"| {kind} | {found['curves']} | {level} | {numbers} |")
    for level in ("10", "01"):
        error, noise = (np.array([entry[f"{name}_{level}_db"] for entry in checked]) for name in ("error", "se"))
        rms, mean_noise = (float(np.sqrt(np.mean(values**2))) for values in (error, noise))
        numbers = f"{rms:.3f} dB | {np.abs(error).max():.3f} dB | {mean_noise:.3f} dB"
        lines.append(f"| all | {len(checked)} | {'0.1' if level == '10' else '0.01'} | {numbers} |")
    return "\n".join([*each, f"not decodable, left out: {lost or 'none'}", "", HEAD, *lines])
