"""Waterfalls of block errors: which codes are measured, and where on the SNR axis.

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
from ldpc_chain import Chain, base_graph
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri
from torch import Tensor

from phy.mcs import mcs_table
from phy.tables import load_arrays

EVERY_SIZE = 208  # up to this size every one that NR has is a bin, and measured
_LEVELS = ((0.4, 0.15), (0.1, 0.35), (0.03, 0.2), (0.008, 0.3))  # BLER aimed at, share of the blocks
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One code: information bits, code rate times 1024, modulation order, and what its points are used for."""

    bits: int
    rate_1024: float
    order: int
    role: str  # "fit" or "held-out"

    @property
    def key(self) -> str:
        return f"{self.order}/{self.rate_1024:g}/{self.bits}/{self.role}"


@dataclass
class Waterfall:
    """Points of one curve: SNR in dB, blocks, errors."""

    points: list[list[float]] = field(default_factory=list)

    def fit(self, centre_db: float, width_db: float) -> tuple[float, float]:
        """Middle and width of BLER = Q((snr - middle) / width): maximum likelihood with a weak prior on the width."""
        snr, blocks, errors = np.array(self.points).T

        def loss(at: Array) -> float:
            bler = np.clip(ndtr((at[0] - snr) / math.exp(at[1])), 1e-12, 1 - 1e-12)
            likelihood = errors * np.log(bler) + (blocks - errors) * np.log1p(-bler)
            return float(-likelihood.sum() + 2 * (at[1] - math.log(width_db)) ** 2)

        found = minimize(loss, [centre_db, math.log(width_db)], method="Nelder-Mead", options={"xatol": 1e-3}).x
        return float(found[0]), float(np.exp(found[1]))


def bins() -> Array:
    """Code block sizes of the tables: every size that NR has up to 208 bits, then steps of 8 to 9 %.

    A block of up to 208 bits is a transport block of a multiple of 8 bits with a CRC of 16. Beyond, the steps are split
    where the base graph changes (308 and 3840 bits).
    """
    parts = (np.geomspace(24, 308, 32), np.geomspace(320, 3840, 30), np.geomspace(3848, 8448, 10))
    steps = np.concatenate(parts).round()
    return np.concatenate([np.arange(24.0, EVERY_SIZE + 1, 8), steps[steps > EVERY_SIZE + 8]])


def codes() -> list[tuple[int, float]]:
    """(modulation order, code rate times 1024) of every row of MCS tables 1 to 3, once, ascending."""
    tables = [mcs_table(index) for index in (1, 2, 3)]
    rows = {(int(q), float(r) * 1024) for t in tables for q, r in zip(t.modulation_order, t.code_rate, strict=True)}
    return sorted(rows)


def plan(stride: int = 7) -> list[Curve]:
    """Curves to be measured: all codes at all short sizes, at every ``stride``-th size beyond, and held-out ones.

    Short codes scatter from one to the next (up to 208 bits, and in base graph 2 at high rates), long ones lie on a
    smooth surface: there the sizes are shifted from code to code, so that each size is met by some. The order is spread
    over all codes and sizes, so that a run that is stopped early has covered everything thinly.
    """
    sizes, shuffle = bins(), np.random.default_rng(5)
    kept = {(curve.order, curve.rate_1024, curve.bits) for curve in held_out()}
    long, short = [], []
    for place, (order, rate) in enumerate(codes()):
        top = 3840 if rate / 1024 <= 0.25 else 8448
        every = sizes <= (308 if rate / 1024 > 0.67 else EVERY_SIZE)
        row = sizes[sizes > EVERY_SIZE][place * 3 % stride :: stride].tolist()
        ends = [308.0, 320.0, 3840.0, 3848.0, 8448.0] if place % 4 == 0 else []
        long += [Curve(int(k), rate, order, "fit") for k in sorted({*row, *ends} - {*sizes[every]}) if k <= top]
        short += [Curve(int(k), rate, order, "fit") for k in sizes[every]]
    short = [curve for curve in short if (curve.order, curve.rate_1024, curve.bits) not in kept]
    shuffle.shuffle(long)  # type: ignore[arg-type]
    shuffle.shuffle(short)  # type: ignore[arg-type]
    return held_out() + long + short


def held_out() -> list[Curve]:
    """Curves for checking only: (order, rate times 1024, bits), left out of the fit; some rates are in no table."""
    rows = (
        (2, 308, 152), (2, 502, 96), (4, 490, 136), (6, 719, 40), (6, 873, 120), (8, 797, 72), (8, 916.5, 184),
        (2, 40, 480), (2, 99, 60), (2, 120, 1000), (2, 140, 200), (2, 193, 2200), (2, 251, 100), (2, 308, 6000),
        (2, 308, 700), (2, 410, 44), (2, 449, 1640), (2, 526, 5000), (2, 602, 350), (2, 679, 250),
        (4, 340, 130), (4, 378, 4400), (4, 434, 2500), (4, 460, 900), (4, 616, 64), (4, 658, 7400),
        (6, 438, 5400), (6, 490, 520), (6, 567, 176), (6, 666, 1240), (6, 740, 2900), (6, 873, 6600), (6, 948, 640),
        (8, 682.5, 3000), (8, 754, 440), (8, 797, 7900), (8, 841, 1500), (8, 948, 4100), (8, 885, 290),
    )  # fmt: skip
    return [Curve(bits, rate, order, "held-out") for order, rate, bits in rows]


def baseline_db(order: int, rate: Array) -> Array:
    """SNR in dB at which the mutual information per coded bit of the modulation equals the code rate."""
    data = load_arrays("mutual_information")
    row = data["mutual_information"][data["order"].tolist().index(order)]
    rising = row < 1 - 1e-7
    return np.interp(rate, row[rising], 10 * np.log10(data["sinr"][rising]))


@dataclass(frozen=True)
class Effort:
    """How much to spend on one waterfall."""

    precision: float  # standard error in dB at BLER 0.1 that the number of blocks is chosen for
    seconds: float  # limit of time; points that are left then get one batch each
    device: str
    batch: int  # most blocks at once


def measure(curve: Curve, effort: Effort) -> dict[str, Any]:
    """Measure one curve in AWGN; what is written into the file of points."""
    start = time.monotonic()
    chain = Chain(curve.bits, curve.rate_1024 / 1024, curve.order, effort.device)
    found = waterfall(chain, torch.ones((), device=effort.device), zlib.crc32(curve.key.encode()), effort)
    middle, width = found.fit(found.points[0][0], guess(chain)[1])
    return {
        "bits": curve.bits, "rate_1024": curve.rate_1024, "order": curve.order, "role": curve.role,
        "coded": chain.coded, "base_graph": base_graph(curve.bits, curve.rate_1024 / 1024), "z": chain.encoder.z,
        "points": found.points, "middle_db": middle, "width_db": width,
        "seconds": round(time.monotonic() - start, 2),
    }  # fmt: skip


def guess(chain: Chain) -> tuple[float, float]:
    """Where the waterfall in AWGN may lie, and its width, in dB."""
    rate = np.array(chain.bits / chain.coded)
    centre = float(baseline_db(chain.order, rate)) + 0.4 + 10.0 / math.sqrt(chain.bits)
    return centre, expected_width_db(chain.bits, chain.order)


def expected_width_db(bits: int, order: int) -> float:
    """Rough width of a waterfall in dB."""
    return 7.0 / math.sqrt(bits) * (1 + 0.15 * (order - 2)) + 0.03


def waterfall(chain: Chain, gain: Tensor, seed: int, effort: Effort, offset_db: float = 0.0) -> Waterfall:
    """Find the waterfall of a code, then spend the blocks at BLER 0.4 to 0.008 around it.

    Args:
        chain: the code.
        gain: linear power gain that the SNR is multiplied with, one number or one for each symbol.
        seed: of this waterfall's random numbers.
        effort: how much to spend.
        offset_db: where to begin, relative to the guess for AWGN.
    """
    start, generator = time.monotonic(), torch.Generator(effort.device).manual_seed(seed)
    fits = max(48, min(effort.batch, 1_200_000 // len(chain.graph.variable) // 16 * 16))  # in a CPU's cache
    size = fits if effort.device == "cpu" else effort.batch
    centre, width = guess(chain)
    centre += offset_db
    found = Waterfall()

    def spend(snr_db: float, wanted: int) -> float:
        done = errors = 0
        while done < wanted and (done == 0 or time.monotonic() - start < effort.seconds):
            count = max(16, min(size, wanted - done))
            errors += int(chain.errors(gain * 10 ** (snr_db / 10), count, generator).sum())
            done += count
        found.points.append([round(snr_db, 4), done, errors])
        return errors / done

    for _ in range(12):  # two points inside the waterfall
        share = spend(centre, size)
        if sum(0.02 * p[1] < p[2] < 0.98 * p[1] for p in found.points) >= 2:
            break
        centre += width * (float(np.clip(ndtri(min(max(share, 0.004), 0.996)), -2.2, 2.2)) + 0.6)
    for wanted, part in _LEVELS:
        centre, width = found.fit(centre, width)
        total = min(200_000.0, max(400.0, (4.5 * width / effort.precision) ** 2))
        spend(centre - width * float(ndtri(wanted)), int(total * part))
    return found


def run(curves: list[Curve], path: Path, effort: Effort, budget: float) -> None:
    """Measure those curves that the file lacks until the budget of seconds is spent; one line each."""
    known = {row["key"] for row in read(path)}
    start = time.monotonic()
    for place, curve in enumerate(curves):
        if curve.key in known:
            continue
        if time.monotonic() - start > budget:
            print(f"budget spent at {place} of {len(curves)} curves", flush=True)
            return
        row = {"key": curve.key} | measure(curve, effort_for(curve, effort))
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(place, curve.key, f"{row['middle_db']:.3f} {row['width_db']:.3f} {row['seconds']} s", flush=True)
    print("all curves measured", flush=True)


def effort_for(curve: Curve, effort: Effort) -> Effort:
    """Twice the time for held-out curves; of the many short codes each gets less, for neighbours help each other."""
    if curve.role == "held-out":
        return replace(effort, seconds=2 * effort.seconds)
    return replace(effort, precision=3 * effort.precision) if curve.bits <= 308 else effort


def read(path: Path) -> list[dict[str, Any]]:
    """Measured curves, one of each key."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return list({row["key"]: row for row in rows}.values())
