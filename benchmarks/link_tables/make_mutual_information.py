"""Writes ``phy/link/tables/mutual_information.npz``: mutual information of Gray-labelled QAM in AWGN, bit by bit
(BICM).

A square QAM is two amplitude modulations (PAM) of half the energy and half the noise. Per coded bit b of a PAM,
I = 1 - E[log2(sum over all x of p(y|x) / sum over the x with the same b of p(y|x))], the mean over the bits; the
expectation over the noise is a trapezoidal rule, which converges exponentially for such an integrand.

    python -m benchmarks.link_tables.make_mutual_information --date 2026-11-21
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phy.numerics import log_grid

FILE = Path(__file__).parents[2] / "phy" / "link" / "tables" / "mutual_information.npz"
ORDERS = (2, 4, 6, 8)
NOISE = np.linspace(-9.0, 9.0, 721)  # in standard deviations
WEIGHT = np.exp(-0.5 * NOISE**2) / np.exp(-0.5 * NOISE**2).sum()

Array = NDArray[np.float64]


def main() -> None:
    """Computes the table on the centres of the log grid and writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", required=True, help="the date to be recorded, YYYY-MM-DD")
    date = parser.parse_args().date
    sinr = log_grid.centres().numpy()
    table = np.array([[mutual_information(order, float(value)) for value in sinr] for order in ORDERS])
    provenance = {
        "source": "fairwave, computed",
        "license": "Apache-2.0",
        "content": "mutual information per coded bit by (modulation order, SINR), QAM of TS 38.211 5.1, AWGN",
        "method": f"trapezoidal rule, {len(NOISE)} points over +-9 standard deviations, float64",
        "date": date,
        "command": f"python -m benchmarks.link_tables.make_mutual_information --date {date}",
    }
    np.savez_compressed(
        FILE, allow_pickle=False, order=np.array(ORDERS), sinr=sinr, mutual_information=table,
        provenance=np.array(json.dumps(provenance)),
    )  # fmt: skip


def mutual_information(order: int, sinr: float) -> float:
    """Computes the mean mutual information of a coded bit, 0 to 1, of the QAM with ``order`` bits at a linear SINR."""
    level, label = pam(order // 2)
    received = level[:, None] + NOISE / np.sqrt(2 * sinr)
    metric = -sinr * (received[:, :, None] - level) ** 2  # [sent, noise, hypothesis], log likelihood
    metric -= metric.max(axis=-1, keepdims=True)
    likelihood = np.exp(metric)
    alike = label[:, None, :] == label[:, :, None]  # [bit, sent, hypothesis]
    same = np.einsum("snh,bsh->bsn", likelihood, alike.astype(np.float64))
    # The likelihood of the sent symbol bounds both sums from below, so no logarithm of zero arises for real noise.
    loss = np.log2(likelihood.sum(axis=-1)) - np.log2(np.maximum(same, np.finfo(np.float64).tiny))
    return float(np.clip(1.0 - (loss * WEIGHT).mean(axis=(0, 1)).sum(), 0.0, 1.0))


def pam(bits: int) -> tuple[Array, NDArray[np.bool_]]:
    """Computes levels [2**bits] of energy 1/2 and their Gray labels [bits, 2**bits]."""
    place = np.arange(2**bits)
    level = 2.0 * place - (2**bits - 1)
    label = (((place ^ (place >> 1)) >> np.arange(bits)[:, None]) & 1).astype(bool)
    return level / np.sqrt(2.0 * np.mean(level**2)), label


if __name__ == "__main__":
    main()
