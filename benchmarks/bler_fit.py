"""From measured waterfalls to a table: a smooth surface over code rate, block size and modulation, and how far it errs.

Each waterfall becomes two numbers with standard errors, by maximum likelihood of BLER = Q((snr - middle) / width):
the SNR at BLER 0.1, as its distance to the SNR where the mutual information of the modulation equals the code rate,
and the logarithm of the distance in dB from BLER 0.1 to 0.01. Both are interpolated by Gaussian processes over
(logarithm of the size, logit of the code rate, modulation), one for each base graph, for at its ends the curves jump.
The parameters of the processes maximise the marginal likelihood of the points in the fit; held-out points have no part.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from bler_points import Curve, baseline_db, bins, codes, expected_width_db, plan, read
from ldpc_chain import ITERATIONS, base_graph
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtri

TABLE = Path(__file__).parents[1] / "phy" / "tables" / "bler.npz"
Z10, Z01 = -float(ndtri(0.1)), -float(ndtri(0.01))
# Bounds of a process's parameters: size of the smooth part, its lengths in size and rate, size of a modulation's part,
# scatter from code to code, size of what codes have in common whose lifting sizes are of one set.
_LEAST = (0.01, 0.3, 0.3, 0.005, 0.001, 0.001)
_MOST = (2.0, 5.0, 5.0, 1.0, 0.5, 0.5)
_PACKAGES = ("sionna-no-rt", "torch", "numpy")
_CURVE = ("bits", "coded", "order", "rate_1024", "base_graph", "seconds")
_HELD_OUT = ("order", "rate_1024", "bits", "error_10_db", "se_10_db", "error_01_db", "se_01_db")
_LONG_SCATTER = 0.015  # scatter of long codes; that of short ones falls with the size
_RIPPLE_SIZE = 0.7  # length of the ripple in the logarithm of the size, within a set of lifting sizes
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Threshold:
    """SNR in dB at BLER 0.1 and 0.01 of one waterfall, with standard errors."""

    snr_10_db: float
    snr_01_db: float
    error_10_db: float
    error_01_db: float
    log_width_error: float  # standard error of the logarithm of the waterfall's width
    misfit: float  # deviance per degree of freedom


def threshold(points: list[list[float]], width_db: float) -> Threshold:
    """Maximum likelihood of BLER = Q((snr - middle) / width), steadied where errors are few.

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
    covariance = np.linalg.inv(np.array([[weight.sum(), cross], [cross, weight @ (z * width) ** 2 + 4.0]]))
    error = [float(np.sqrt(np.array([1, q * width]) @ covariance @ np.array([1, q * width]))) for q in (Z10, Z01)]
    at = np.clip(errors / blocks, 1e-9, 1 - 1e-9)
    deviance = 2 * (errors * np.log(at / bler) + (blocks - errors) * np.log((1 - at) / (1 - bler)))
    misfit = float(deviance.sum() / max(len(snr) - 2, 1))
    return Threshold(middle + Z10 * width, middle + Z01 * width, *error, float(np.sqrt(covariance[1, 1])), misfit)


def decodable(row: dict[str, Any]) -> bool:
    """Whether blocks can be decoded at all; base graph 2 has codes of rates above 0.9 that can not."""
    return any(errors < 0.9 * blocks for _, blocks, errors in row["points"])


def threshold_of(row: dict[str, Any]) -> Threshold:
    """The same for a measured curve."""
    return threshold(row["points"], expected_width_db(row["bits"], row["order"]))


@dataclass(frozen=True)
class Codes:
    """Codes as arrays: bits, code rate, modulation order, base graph, and the code rate before rounding."""

    bits: Array
    rate: Array
    order: Array
    graph: Array
    nominal: Array

    def __getitem__(self, which: Array) -> Codes:
        return Codes(self.bits[which], self.rate[which], self.order[which], self.graph[which], self.nominal[which])


def codes_of(rows: list[dict[str, Any]]) -> Codes:
    """Measured codes, with the code rate after rounding to whole symbols."""
    bits, coded = np.array([row["bits"] for row in rows], float), np.array([row["coded"] for row in rows], float)
    order, graph = np.array([row["order"] for row in rows]), np.array([row["base_graph"] for row in rows])
    return Codes(bits, bits / coded, order, graph, np.array([row["rate_1024"] for row in rows]) / 1024)


class Process:
    """Gaussian process over codes of one base graph with a trend, a smooth part and a part of each modulation."""

    def __init__(self, at: Codes, value: Array, variance: Array) -> None:
        """Fit to values with known variances of measurement."""
        start, some = np.log([0.1, 1.0, 1.0, 0.05, 0.02, 0.05]), np.random.default_rng(1).permutation(len(value))[:400]
        self.at, self.value, self.variance = at[some], value[some], variance[some]
        simplex = start + 0.5 * np.vstack([np.zeros(len(start)), np.eye(len(start))])
        options = {"maxiter": 200, "initial_simplex": simplex}
        best = minimize(self._loss, start, method="Nelder-Mead", options=options).x
        self.at, self.value, self.variance = at, value, variance
        self._loss(best)

    def predict(self, at: Codes) -> tuple[Array, Array]:
        """Mean and standard deviation at codes; one that was measured keeps its own departure from the surface."""
        same = (at.bits[:, None] == self.at.bits) & (at.order[:, None] == self.at.order)
        same &= np.isclose(at.nominal[:, None], self.at.nominal, rtol=1e-9)
        cross = self._kernel(at, self.at) + same * self._scatter(self.at)
        own = np.array([self._kernel(at[[i]], at[[i]])[0, 0] for i in range(len(at.bits))]) + self._scatter(at)
        mean = cross @ self._weights
        return mean, np.sqrt(np.maximum(own - np.einsum("ij,ji->i", cross, cho_solve(self._factor, cross.T)), 0))

    @property
    def scatter(self) -> float:
        """Standard deviation from code to code of 100 bits that no smooth surface explains."""
        return float(np.exp(self.parameters[4]))

    def _scatter(self, at: Codes) -> Array:
        return np.asarray(np.exp(2 * self.parameters[4]) * (100 / at.bits) ** 2 + _LONG_SCATTER**2)

    def _solve(self) -> float:
        matrix = self._kernel(self.at, self.at) + np.diag(self.variance + self._scatter(self.at))
        self._factor = cho_factor(matrix, lower=True)
        self._weights = cho_solve(self._factor, self.value)
        return float(0.5 * self.value @ self._weights + np.log(np.diag(self._factor[0])).sum())

    def _loss(self, parameters: Array) -> float:
        self.parameters = np.clip(parameters, np.log(_LEAST), np.log(_MOST))
        return self._solve()

    def _kernel(self, a: Codes, b: Codes) -> Array:
        size, over_size, over_rate, of_modulation = np.exp(self.parameters[:4])
        u, v = _place(a), _place(b)
        smooth = np.exp(-0.5 * ((u[:, None, 0] - v[None, :, 0]) / over_size) ** 2)
        smooth = smooth * np.exp(-0.5 * ((u[:, None, 1] - v[None, :, 1]) / over_rate) ** 2)
        same = a.order[:, None] == b.order[None, :]
        trend = 4.0 * _trend(u) @ _trend(v).T + 0.25 * same * (_trend(u)[:, :3] @ _trend(v)[:, :3].T)
        near = np.exp(-0.5 * ((u[:, None, 0] - v[None, :, 0]) / _RIPPLE_SIZE) ** 2)
        near *= lifting_set(a)[:, None] == lifting_set(b)[None, :]
        near = near * np.exp(-0.5 * ((u[:, None, 1] - v[None, :, 1]) / over_rate) ** 2)
        ripple = np.exp(2 * self.parameters[5]) * near
        return np.asarray(trend + ripple + smooth * (size**2 + of_modulation**2 * same))


def _place(at: Codes) -> Array:
    return np.stack([np.log(at.bits / 500), np.log(at.rate / (1 - at.rate))], -1)


def lifting_set(at: Codes) -> Array:
    """Set of lifting sizes (2, 3, 5, 7, 9, 11, 13 or 15 times a power of two) of each code, TS 38.212 Table 5.3.2-1."""
    columns = np.select([at.graph == 1, at.bits > 640, at.bits > 560, at.bits > 192], [22, 10, 9, 8], 6)
    sizes = sorted({a * 2**j for a in (2, 3, 5, 7, 9, 11, 13, 15) for j in range(8) if a * 2**j <= 384})
    chosen = np.array(sizes)[np.searchsorted(sizes, at.bits / columns)]
    return np.asarray(chosen // (chosen & -chosen))


def _trend(place: Array) -> Array:
    root = np.exp(-0.5 * place[:, 0])
    rate = np.tanh(place[:, 1] / 2)  # 2 r - 1
    return np.stack([np.ones(len(place)), root, rate, root * root, root * rate, rate * rate], -1)


@dataclass(frozen=True)
class Surface:
    """SNR at BLER 0.1 and 0.01 of any code."""

    distance: dict[int, Process]
    width: dict[int, Process]

    def predict(self, at: Codes) -> tuple[Array, Array, Array]:
        """SNR in dB at BLER 0.1 and at 0.01, and the standard deviation of the former."""
        ten, one, error = np.zeros(len(at.bits)), np.zeros(len(at.bits)), np.zeros(len(at.bits))
        for graph in (1, 2):
            which = at.graph == graph
            mean, error[which] = self.distance[graph].predict(at[which])
            ten[which] = mean + _baseline(at[which])
            one[which] = ten[which] + np.exp(self.width[graph].predict(at[which])[0] + _typical(at[which]))
        return ten, one, error


def fit(rows: list[dict[str, Any]]) -> Surface:
    """Fit the surface to measured waterfalls."""
    at, found = codes_of(rows), [threshold_of(row) for row in rows]
    ten, one = np.array([t.snr_10_db for t in found]), np.array([t.snr_01_db for t in found])
    error = np.array([t.error_10_db for t in found])
    slope_error = np.array([t.log_width_error**2 for t in found])
    distance, width = {}, {}
    for graph in (1, 2):
        which = at.graph == graph
        distance[graph] = Process(at[which], (ten - _baseline(at))[which], error[which] ** 2)
        width[graph] = Process(at[which], (np.log(one - ten) - _typical(at))[which], slope_error[which])
    return Surface(distance, width)


def _baseline(at: Codes) -> Array:
    found = np.zeros(len(at.bits))
    for order in np.unique(at.order):
        which = at.order == order
        found[which] = baseline_db(int(order), at.rate[which])
    return found


def _typical(at: Codes) -> Array:
    """Logarithm of a typical distance in dB from BLER 0.1 to 0.01."""
    return np.asarray(np.log(7.3 / np.sqrt(at.bits) + 0.02))


def grid() -> Codes:
    """All codes of the tables at all bins, flattened ``[codes * bins]``, at the very code rate of the table.

    What is measured has whole symbols, so its rate is a little off, and more so the shorter it is: the surface tells
    what that is worth. Blocks that base graph 2 is too short for are clipped.
    """
    rows = [(int(min(k, 3840) if r <= 256 else k), r / 1024, q) for q, r in codes() for k in bins()]
    rate = np.array([r for _, r, _ in rows])
    graph = np.array([base_graph(k, r) for k, r, _ in rows])
    return Codes(np.array([float(k) for k, _, _ in rows]), rate, np.array([q for _, _, q in rows]), graph, rate)


def errors(surface: Surface, rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Interpolated minus measured SNR of each curve, with the standard error of the measured one."""
    at = codes_of(rows)
    ten, one, _ = surface.predict(at)
    found = []
    for place, row in enumerate(rows):
        measured = threshold_of(row)
        found.append({
            "order": row["order"], "rate_1024": row["rate_1024"], "bits": row["bits"], "base_graph": row["base_graph"],
            "measured_10_db": measured.snr_10_db, "error_10_db": ten[place] - measured.snr_10_db,
            "se_10_db": measured.error_10_db, "measured_01_db": measured.snr_01_db,
            "error_01_db": one[place] - measured.snr_01_db, "se_01_db": measured.error_01_db, "misfit": measured.misfit,
        })  # fmt: skip
    return found


def write(path: Path, date: str, note: str = "", target: Path = TABLE) -> None:
    """Fit, report the held-out errors and write the table with its points and its provenance.

    The errors are those of a fit without the held-out codes; the table is then fitted to them as well.
    """
    planned = {curve.key for curve in plan(1)} | {curve.key for curve in plan()}
    rows = [row for row in read(path) if row["key"] in planned and decodable(row)]
    used, kept = ([row for row in rows if row["role"] == role] for role in ("fit", "held-out"))
    checked = errors(fit(used), kept)
    for entry in checked:
        print({name: round(float(value), 3) for name, value in entry.items()})
    surface = fit(used + [row for row in kept if (row["order"], row["rate_1024"]) in set(codes())])
    at, shape = grid(), (len(codes()), len(bins()))
    ten, one, error = (value.reshape(shape) for value in surface.predict(at))
    rows = used + kept
    order, rate = np.array(codes()).T
    arrays: dict[str, Any] = {
        "order": order.astype(np.int64), "rate_1024": rate, "code_block_bits": bins().astype(np.int64),
        "snr_db_bler_10": ten.round(4), "snr_db_bler_01": one.round(4), "error_db": error.round(4),
        "point_curve": np.repeat(np.arange(len(rows)), [len(row["points"]) for row in rows]),
        "point_snr_db": np.array([p[0] for row in rows for p in row["points"]]),
        "point_blocks": np.array([int(p[1]) for row in rows for p in row["points"]]),
        "point_errors": np.array([int(p[2]) for row in rows for p in row["points"]]),
        "curve_held_out": np.array([row["role"] == "held-out" for row in rows]),
    }  # fmt: skip
    for name in _CURVE:
        arrays[f"curve_{name}"] = np.array([row[name] for row in rows])
    arrays |= {f"held_out_{name}": np.array([entry[name] for entry in checked]).round(4) for name in _HELD_OUT}
    arrays["provenance"] = np.array(json.dumps(provenance(surface, used, checked, date) | {"note": note}))
    np.savez_compressed(target, allow_pickle=False, **arrays)
    print(json.dumps(provenance(surface, used, checked, date), indent=1), target.stat().st_size, "bytes")


def provenance(
    surface: Surface, used: list[dict[str, Any]], checked: list[dict[str, float]], date: str
) -> dict[str, Any]:
    """What is recorded with the data."""
    blocks = [point[1] for row in used for point in row["points"]]
    return {
        "source": "fairwave, benchmarks/make_bler_tables.py",
        "command": f"python benchmarks/make_bler_tables.py measure; the same with fit --date {date}",
        "date": date,
        "content": "SNR in dB at BLER 0.1 and 0.01 of one code block in AWGN by (code, size), and the points behind it",
        "chain": "Sionna's LDPC5GEncoder, QAM constellation; rate matching by TS 38.212 5.4.2 with repetition",
        "decoder": f"boxplus, flooding, {ITERATIONS} iterations, clipped to 20, as Sionna's LDPC5GDecoder",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "curves": len(used),
        "points": len(blocks),
        "blocks": int(sum(blocks)),
        "seconds": round(sum(row["seconds"] for row in used)),
        "standard_error_db": {
            "bler_0.1": _median([threshold_of(row).error_10_db for row in used]),
            "bler_0.01": _median([threshold_of(row).error_01_db for row in used]),
        },
        "scatter_db": {f"base_graph_{g}": round(surface.distance[g].scatter, 4) for g in (1, 2)},
        "held_out": {
            "curves": len(checked),
            "rms_db_bler_0.1": _rms(checked, "error_10_db"),
            "rms_db_bler_0.01": _rms(checked, "error_01_db"),
            "largest_db_bler_0.1": round(max(abs(e["error_10_db"]) for e in checked), 4),
            "largest_db_bler_0.01": round(max(abs(e["error_01_db"]) for e in checked), 4),
        },
    }


def unpack(path: Path, source: Path = TABLE) -> None:
    """Write the file of points that a table was made from, to be continued."""
    with np.load(source) as file:
        data = dict(file)
    with path.open("x", encoding="utf-8") as out:
        for number, held in enumerate(data["curve_held_out"]):
            row = {name: data[f"curve_{name}"][number].item() for name in _CURVE}
            row["role"] = "held-out" if held else "fit"
            mine = data["point_curve"] == number
            points = zip(
                *(data[f"point_{name}"][mine].tolist() for name in ("snr_db", "blocks", "errors")), strict=True
            )
            key = Curve(row["bits"], row["rate_1024"], row["order"], row["role"]).key
            out.write(json.dumps({"key": key} | row | {"points": [list(p) for p in points]}) + "\n")


def _median(values: list[float]) -> float:
    return round(float(np.median(values)), 4)


def _rms(checked: list[dict[str, float]], name: str) -> float:
    return round(float(np.sqrt(np.mean([entry[name] ** 2 for entry in checked]))), 4)
