"""Fits a table over code block size, code rate, modulation and base graph to measured waterfalls, and computes its
error.

Each waterfall becomes two numbers with standard errors, by maximum likelihood of BLER = Q((snr - middle) / width):
the SNR at BLER 0.1, as its distance to the SNR where the mutual information of the modulation equals the code rate,
and the logarithm of the distance in dB from BLER 0.1 to 0.01. Both are interpolated by Gaussian processes
(``bler_process.py``), one for each base graph, and one more for its erratic codes at high rates.
Blind codes have no part in any of it: the table is compared with them at the end.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.link_tables.codes import Curve, bins, codes, plan
from benchmarks.link_tables.gaussian_process import Codes, Process
from benchmarks.link_tables.ldpc_chain import ITERATIONS, base_graph
from benchmarks.link_tables.waterfalls import baseline_db, decodable, read, threshold_of
from phy.link.bler import Thresholds

TABLE = Path(__file__).parents[2] / "phy" / "link" / "tables" / "bler.npz"
_PACKAGES = ("sionna-no-rt", "torch", "numpy")
_CURVE = ("bits", "coded", "order", "rate_1024", "base_graph", "seconds")
_BLIND = ("order", "rate_1024", "bits", "coded", "error_10_db", "se_10_db", "error_01_db", "se_01_db")
_PASSES = {1: (0.93, 0.945), 2: (0.74, 0.80)}  # code rates between which a base graph passes to its other process
_TRAINED = {"graph_1": (0.0, 0.945), "graph_1_high": (0.88, 1.0), "graph_2": (0.0, 0.84), "graph_2_high": (0.7, 1.0)}
_ODDS_STEP = 0.05  # step of the table in the logarithm of the odds of the code rate
_LOWEST, _HIGHEST = 0.025, 0.972  # its code rates
Array = NDArray[np.float64]


def codes_of(rows: list[dict[str, Any]]) -> Codes:
    """Collects measured codes."""
    bits, coded = np.array([row["bits"] for row in rows], float), np.array([row["coded"] for row in rows], float)
    order, graph = np.array([row["order"] for row in rows]), np.array([row["base_graph"] for row in rows])
    return Codes(bits, bits / coded, order, graph)


@dataclass(frozen=True)
class Surface:
    """Predicts the SNR at BLER 0.1 and 0.01 of any code."""

    distance: dict[str, Process]
    width: dict[str, Process]

    def predict(self, at: Codes) -> tuple[Array, Array]:
        """Computes the SNR in dB at BLER 0.1 and at 0.01."""
        ten = self._blend(self.distance, "predict", at) + _baseline(at)
        return ten, ten + np.exp(self._blend(self.width, "predict", at) + _typical(at))

    def deviation(self, at: Codes) -> tuple[Array, Array]:
        """Computes the standard deviations of both predictions."""
        ten, one = self.predict(at)
        error = self._blend(self.distance, "deviation", at)
        return error, np.hypot(error, (one - ten) * self._blend(self.width, "deviation", at))

    @staticmethod
    def _blend(of: dict[str, Process], what: str, at: Codes) -> Array:
        found, shares = np.zeros(len(at.bits)), {}
        for graph, (low, top) in _PASSES.items():
            high = np.clip((at.rate - low) / (top - low), 0.0, 1.0)
            shares[f"graph_{graph}"] = (at.graph == graph) * (1 - high)
            shares[f"graph_{graph}_high"] = (at.graph == graph) * high
        for name, share in shares.items():
            some = share > 0
            if some.any():
                found[some] += share[some] * getattr(of[name], what)(at[some])
        return found


def fit(rows: list[dict[str, Any]]) -> Surface:
    """Fits the surface to measured waterfalls."""
    at, found = codes_of(rows), [threshold_of(row) for row in rows]
    ten, one = np.array([t.snr_10_db for t in found]), np.array([t.snr_01_db for t in found])
    error = np.array([t.error_10_db for t in found])
    slope_error = np.array([t.log_width_error for t in found])
    away, steep = ten - _baseline(at), np.log(one - ten) - _typical(at)
    distance, width = {}, {}
    for name, (low, high) in _TRAINED.items():
        which = (at.graph == int(name[6])) & (at.rate >= low) & (at.rate < high)
        distance[name] = Process(at[which], away[which], error[which] ** 2)
        width[name] = Process(at[which], steep[which], slope_error[which] ** 2)
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


def rates() -> Array:
    """Computes code rates of the table, evenly spaced in the logarithm of the odds."""
    low, high = np.log(_LOWEST / (1 - _LOWEST)), np.log(_HIGHEST / (1 - _HIGHEST))
    return np.asarray(1 / (1 + np.exp(-np.linspace(low, high, int(np.ceil((high - low) / _ODDS_STEP)) + 1))))


def table(surface: Surface) -> tuple[Array, Array]:
    """Computes the SNR in dB at BLER 0.1 and 0.01 by base graph, modulation, code rate and size,
    ``[2, 4, rates, sizes]``.

    A size that a base graph does not have is given the value of the nearest that it has.
    """
    limits = np.array([[308.0, 8448.0], [24.0, 3840.0]])
    graph, order, rate, bits = np.meshgrid([1, 2], [2, 4, 6, 8], rates(), bins(), indexing="ij")
    bits = np.clip(bits, limits[graph - 1, 0], limits[graph - 1, 1])
    ten, one = surface.predict(Codes(bits.ravel(), rate.ravel(), order.ravel(), graph.ravel()))
    return ten.reshape(bits.shape), one.reshape(bits.shape)


def nominal() -> Codes:
    """Lists all codes of the MCS tables at all sizes, ``[codes * sizes]``; base graph 2 at 1/4 and less ends at 3840
    bits.
    """
    rows = [(float(min(k, 3840) if r <= 256 else k), r / 1024, q) for q, r in codes() for k in bins()]
    bits, rate, order = (np.array(column) for column in zip(*rows, strict=True))
    graph = np.array([base_graph(k, r) for k, r in zip(bits.astype(int).tolist(), rate.tolist(), strict=True)])
    return Codes(bits, rate, order, graph)


def errors(thresholds: Thresholds, rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Computes tabulated minus measured SNR of each curve, with the standard error of the measured one."""
    at = codes_of(rows)
    ten, one = thresholds.of_arrays(at.order, at.graph, at.rate, at.bits)
    found = []
    for place, row in enumerate(rows):
        measured = threshold_of(row)
        found.append({
            "order": row["order"], "rate_1024": row["rate_1024"], "bits": row["bits"], "coded": row["coded"],
            "sent": row["key"].count("/") > 3,
            "error_10_db": ten[place] - measured.snr_10_db, "se_10_db": measured.error_10_db,
            "error_01_db": one[place] - measured.snr_01_db, "se_01_db": measured.error_01_db,
        })  # fmt: skip
    return found


def write(path: Path, date: str, note: str = "", target: Path = TABLE) -> None:
    """Fits, writes the table with its points and its provenance, and compares it with the blind codes."""
    planned = {curve.key for curve in plan(1)} | {curve.key for curve in plan()}
    rows = [row for row in read(path) if row["key"] in planned]
    kept = [row for row in rows if row["role"] == "blind"]
    used = [row for row in rows if row["role"] != "blind" and decodable(row)]
    surface = fit(used)
    arrays: dict[str, Any] = {"code_block_bits": bins().astype(np.int64), "rate": rates(), "order": np.arange(2, 9, 2)}
    arrays["snr_db_bler_10"], arrays["snr_db_bler_01"] = (values.round(3) for values in table(surface))
    arrays |= _points(used + kept)
    checked = errors(Thresholds.of_file(arrays), kept)
    arrays |= {f"blind_{name}": np.array([entry[name] for entry in checked]).round(4) for name in _BLIND}
    deviation = surface.deviation(nominal())
    shape = (len(codes()), len(bins()))
    for name, values in zip(("error_10_db", "error_01_db"), deviation, strict=True):
        arrays[name] = values.reshape(shape).round(3)
    said = provenance(surface, used, date) | {"blind": summary(checked), "note": note}
    said["expected_error_db"] = {
        f"bler_{level}": {"median": round(float(np.median(e)), 4), "95 %": round(float(np.quantile(e, 0.95)), 4)}
        for level, e in zip((0.1, 0.01), deviation, strict=True)
    }
    arrays["provenance"] = np.array(json.dumps(said))
    np.savez_compressed(target, allow_pickle=False, **arrays)
    for entry in checked:
        print({name: round(float(value), 3) for name, value in entry.items()})
    print(json.dumps(said, indent=1), target.stat().st_size, "bytes")


def _points(rows: list[dict[str, Any]]) -> dict[str, Any]:
    arrays = {
        "point_curve": np.repeat(np.arange(len(rows)), [len(row["points"]) for row in rows]),
        "point_snr_db": np.array([p[0] for row in rows for p in row["points"]]),
        "point_blocks": np.array([int(p[1]) for row in rows for p in row["points"]]),
        "point_errors": np.array([int(p[2]) for row in rows for p in row["points"]]),
        "curve_role": np.array([row["role"] for row in rows]),
        "curve_given": np.array([row["key"].count("/") > 3 for row in rows]),
    }
    return arrays | {f"curve_{name}": np.array([row[name] for row in rows]) for name in _CURVE}


def provenance(surface: Surface, used: list[dict[str, Any]], date: str) -> dict[str, Any]:
    """Collects the provenance that is recorded with the data."""
    blocks = [point[1] for row in used for point in row["points"]]
    found = [threshold_of(row) for row in used]
    left_out = {name: _left_out(process) for name, process in surface.distance.items()}
    return {
        "source": "fairwave, benchmarks/link_tables/make_bler_tables.py",
        "command": f"python -m benchmarks.link_tables.make_bler_tables measure; the same with fit --date {date}",
        "date": date,
        "content": "SNR in dB at BLER 0.1 and 0.01 of one code block in AWGN by base graph, modulation order, "
        "code rate (information bits with CRC over coded bits) and size, and the points behind it",
        "chain": "Sionna's LDPC5GEncoder, QAM constellation; rate matching by TS 38.212 5.4.2 with repetition",
        "decoder": f"boxplus, flooding, {ITERATIONS} iterations, clipped to 20, as Sionna's LDPC5GDecoder",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "curves": len(used),
        "points": len(blocks),
        "blocks": int(sum(blocks)),
        "seconds": round(sum(row["seconds"] for row in used)),
        "standard_error_db": {
            "bler_0.1": round(float(np.median([t.error_10_db for t in found])), 4),
            "bler_0.01": round(float(np.median([t.error_01_db for t in found])), 4),
        },
        "left_out_rms_db_bler_0.1": left_out,
        "parameters": {name: process.parameters for name, process in surface.distance.items()},
    }


def _left_out(process: Process) -> dict[str, float]:
    """Rms error of a code predicted from all others, with and without the error of its own measurement."""
    error, expected = process.left_out()
    whole, noise = float(np.mean(error**2)), float(process.variance.mean())
    return {
        "rms": round(whole**0.5, 4),
        "without_noise": round(max(whole - noise, 0.0) ** 0.5, 4),
        "over_expected": round(float(np.mean((error / expected) ** 2)) ** 0.5, 3),
    }


def summary(checked: list[dict[str, float]]) -> dict[str, Any]:
    """Computes rms and largest error in dB of groups of blind codes, and the rms standard error of their
    measurement.
    """
    said: dict[str, Any] = {"curves": len(checked)}
    for kind in ("as sent", "of the MCS tables"):
        for length in ("up to 308 bits", "longer"):
            some = [entry for entry in checked if bool(entry["sent"]) == (kind == "as sent")]
            group = [entry for entry in some if (entry["bits"] > 308) == (length == "longer")]
            for level in ("10", "01"):
                error, noise = (np.array([e[f"{name}_{level}_db"] for e in group]) for name in ("error", "se"))
                said[f"{kind}, {length}, BLER {'0.1' if level == '10' else '0.01'}"] = {
                    "curves": len(group), "rms": _rms(error), "largest": round(float(np.abs(error).max()), 4),
                    "measurement": _rms(noise),
                }  # fmt: skip
    return said


def _rms(values: Array) -> float:
    return round(float(np.sqrt(np.mean(values**2))), 4)


def unpack(path: Path, source: Path = TABLE) -> None:
    """Writes the file of points that a table was made from, to be continued."""
    with np.load(source) as file:
        data = dict(file)
    starts = np.searchsorted(data["point_curve"], np.arange(len(data["curve_role"]) + 1))
    with path.open("x", encoding="utf-8") as out:
        for number, role in enumerate(data["curve_role"].tolist()):
            row = {name: data[f"curve_{name}"][number].item() for name in _CURVE} | {"role": role}
            mine = slice(starts[number], starts[number + 1])
            columns = (data[f"point_{name}"][mine].tolist() for name in ("snr_db", "blocks", "errors"))
            coded = row["coded"] if data["curve_given"][number] else 0
            key = Curve(row["bits"], row["rate_1024"], row["order"], role, coded).key
            row |= {"key": key, "points": [list(point) for point in zip(*columns, strict=True)]}
            out.write(json.dumps(row) + "\n")
