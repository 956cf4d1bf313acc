"""Measures waterfalls of block errors: chooses codes, and points on the SNR axis.

Every measured point is one line of a JSON file, so that a run can be stopped and taken up again at any time.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtri
from torch import Tensor

from benchmarks.link_tables.codes import Curve
from benchmarks.link_tables.ldpc_chain import Chain, base_graph
from phy.link.tables import load_arrays

_LEVELS = ((0.4, 0.15), (0.1, 0.35), (0.03, 0.2), (0.008, 0.3))  # BLER aimed at, share of the blocks
_MORE = ((0.1, 0.2), (0.02, 0.3), (0.008, 0.5))  # the same where a curve is continued
Z10, Z01 = -float(ndtri(0.1)), -float(ndtri(0.01))
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Threshold:
    """Holds the SNR in dB at BLER 0.1 and 0.01 of one waterfall, with standard errors."""

    snr_10_db: float
    snr_01_db: float
    error_10_db: float
    error_01_db: float
    log_width_error: float  # standard error of the logarithm of the waterfall's width
    misfit: float  # deviance per degree of freedom


def threshold(points: list[list[float]], width_db: float) -> Threshold:
    """Estimates BLER = Q((snr - middle) / width) by maximum likelihood, with a prior where errors are few.

    Args:
        points: SNR in dB, blocks, errors.
        width_db: expected width; the logarithm of the width has it as a prior with standard deviation 0.5.
    """
    snr, blocks, errors = np.array(points).T

    def loss(at: Array) -> float:
        z = (snr - at[0]) / np.exp(at[1])
        likelihood = errors @ log_ndtr(-z) + (blocks - errors) @ log_ndtr(z)
        return float(-likelihood + 0.5 * ((at[1] - np.log(width_db)) / 0.5) ** 2)

    start = [float(np.average(snr, weights=np.sqrt(errors * (blocks - errors)) + 1e-9)), np.log(width_db)]
    best = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 2000}).x
    middle, width = float(best[0]), float(np.exp(best[1]))
    z = (snr - middle) / width
    bler = np.clip(np.exp(log_ndtr(-z)), 1e-12, 1 - 1e-12)
    weight = blocks * np.exp(-(z**2)) / (2 * np.pi) / (bler * (1 - bler)) / width**2
    cross = weight @ (z * width)
    covariance = np.linalg.inv(np.array([[weight.sum() + 1e-6, cross], [cross, weight @ (z * width) ** 2 + 4.0]]))
    error = [float(np.sqrt(np.array([1, q * width]) @ covariance @ np.array([1, q * width]))) for q in (Z10, Z01)]
    at = np.clip(errors / blocks, 1e-9, 1 - 1e-9)
    deviance = 2 * (errors * np.log(at / bler) + (blocks - errors) * np.log((1 - at) / (1 - bler)))
    misfit = float(deviance.sum() / max(len(snr) - 2, 1))
    return Threshold(middle + Z10 * width, middle + Z01 * width, *error, float(np.sqrt(covariance[1, 1])), misfit)


@dataclass
class Waterfall:
    """Holds the points of one curve: SNR in dB, blocks, errors."""

    points: list[list[float]] = field(default_factory=list)

    def fit(self, width_db: float) -> tuple[float, float]:
        """Fits middle and width of BLER = Q((snr - middle) / width), the width expected to be about ``width_db``."""
        found = threshold(self.points, width_db)
        width = (found.snr_01_db - found.snr_10_db) / (Z01 - Z10)
        return found.snr_10_db - Z10 * width, width


def baseline_db(order: int, rate: Array) -> Array:
    """Computes the SNR in dB at which the mutual information per coded bit of the modulation equals the code rate."""
    data = load_arrays("mutual_information")
    row = data["mutual_information"][data["order"].tolist().index(order)]
    rising = row < 1 - 1e-7
    return np.interp(rate, row[rising], 10 * np.log10(data["sinr"][rising]))


@dataclass(frozen=True)
class Effort:
    """Holds the blocks to spend on one waterfall."""

    precision: float  # standard error in dB at BLER 0.01 that the number of blocks is chosen for
    seconds: float  # limit of time; points that are left then get one batch each
    device: str
    batch: int  # most blocks at once


def measure(curve: Curve, effort: Effort, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Measures one curve in AWGN and returns the line for the file of points. ``known``, if given, is continued."""
    start = time.monotonic()
    chain = Chain(curve.bits, curve.rate_1024 / 1024, curve.order, effort.device, curve.coded)
    before = list(known["points"]) if known else []
    seed = zlib.crc32(f"{curve.key}{len(before) or ''}".encode())
    found = waterfall(chain, torch.ones((), device=effort.device), seed, effort, known=Waterfall(before))
    seconds = time.monotonic() - start + (known["seconds"] if known else 0.0)
    return {
        "bits": curve.bits, "rate_1024": curve.rate_1024, "order": curve.order, "role": curve.role,
        "coded": chain.coded, "base_graph": base_graph(curve.bits, curve.rate_1024 / 1024),
        "points": found.points, "seconds": round(seconds, 2),
    }  # fmt: skip


def guess(chain: Chain) -> tuple[float, float]:
    """Estimates the position of the waterfall in AWGN, and its width, in dB."""
    rate = np.array(chain.bits / chain.coded)
    centre = float(baseline_db(chain.order, rate)) + 0.4 + 10.0 / math.sqrt(chain.bits)
    return centre, expected_width_db(chain.bits, chain.order)


def expected_width_db(bits: int, order: int) -> float:
    """Estimates the width of a waterfall in dB."""
    return 7.0 / math.sqrt(bits) * (1 + 0.15 * (order - 2)) + 0.03


def waterfall(
    chain: Chain, gain: Tensor, seed: int, effort: Effort, offset_db: float = 0.0, known: Waterfall | None = None
) -> Waterfall:
    """Finds the waterfall of a code, then spends the blocks at BLER 0.4 to 0.008 around it.

    Args:
        chain: the code.
        gain: linear power gain that the SNR is multiplied with, one number or one for each symbol.
        seed: of this waterfall's random numbers.
        effort: how much to spend.
        offset_db: where to begin, relative to the guess for AWGN.
        known: points to be continued; their blocks count.
    """
    start, generator = time.monotonic(), torch.Generator(effort.device).manual_seed(seed)
    fits = max(48, min(effort.batch, 1_200_000 // len(chain.graph.variable) // 16 * 16))  # in a CPU's cache
    size = fits if effort.device == "cpu" else effort.batch
    centre, width = guess(chain)
    centre += offset_db
    found = known or Waterfall()

    def spend(snr_db: float, wanted: int) -> float:
        done = errors = 0
        while done < wanted and (done == 0 or time.monotonic() - start < effort.seconds):
            count = max(16, min(size, wanted - done))
            errors += int(chain.errors(gain * 10 ** (snr_db / 10), count, generator).sum())
            done += count
        found.points.append([round(snr_db, 4), done, errors])
        return errors / done

    before = sum(blocks for _, blocks, errors in found.points if 0.004 < errors / blocks < 0.6)
    for _ in range(12):  # two points inside the waterfall
        if sum(0.02 * p[1] < p[2] < 0.98 * p[1] for p in found.points) >= 2:
            break
        share = spend(centre, size)
        centre += width * (float(np.clip(ndtri(min(max(share, 0.004), 0.996)), -2.2, 2.2)) + 0.6)
    for wanted, part in _MORE if before else _LEVELS:
        centre, width = found.fit(guess(chain)[1])
        total = min(200_000.0, max(400.0, (4.5 * width / effort.precision) ** 2 - before))
        spend(centre - width * float(ndtri(wanted)), int(total * part))
    return found


def run(curves: list[Curve], path: Path, effort: Effort, budget: float) -> None:
    """Measures what the file of points lacks, then the curves of large errors, worst first; one line each."""
    known, start = {row["key"]: row for row in read(path)}, time.monotonic()
    todo = [curve for curve in curves if curve.key not in known]
    rough = {curve: roughness(known[curve.key], effort_for(curve, effort)) for curve in curves if curve.key in known}
    todo += sorted((curve for curve in rough if rough[curve] > 1.5), key=lambda curve: -rough[curve])
    for place, curve in enumerate(todo):
        if time.monotonic() - start > budget:
            print(f"budget spent at {place} of {len(todo)} curves", flush=True)
            return
        row = {"key": curve.key} | measure(curve, effort_for(curve, effort), known.get(curve.key))
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{place} of {len(todo)}", curve.key, f"{row['seconds']} s", flush=True)
    print("all curves measured", flush=True)


def effort_for(curve: Curve, effort: Effort) -> Effort:
    """Computes the effort of a curve: a smaller standard error for blind curves, which the others are judged by."""
    if curve.role != "blind":
        return effort
    return replace(effort, precision=0.6 * effort.precision, seconds=3 * effort.seconds)


def roughness(row: dict[str, Any], effort: Effort) -> float:
    """Computes the standard error of a measured curve at BLER 0.01 over the one asked for; 0 where it can not be
    decoded.
    """
    return threshold_of(row).error_01_db / effort.precision if decodable(row) else 0.0


def decodable(row: dict[str, Any]) -> bool:
    """Computes whether blocks can be decoded at all; base graph 2 has codes of rates above 0.9 that can not."""
    return any(errors < 0.3 * blocks for _, blocks, errors in row["points"])


def threshold_of(row: dict[str, Any]) -> Threshold:
    """Returns the thresholds of a measured curve."""
    return threshold(row["points"], expected_width_db(row["bits"], row["order"]))


def read(path: Path) -> list[dict[str, Any]]:
    """Reads measured curves, one of each key."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return list({row["key"]: row for row in rows}.values())
