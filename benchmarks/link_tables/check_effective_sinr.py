"""Checks whether the effective SINR by mutual information predicts the BLER on frequency-selective channels, by
simulation.

A code block is mapped, subcarrier first, to 24 PRBs of 360 kHz whose gains are drawn once from Rayleigh taps with an
exponential delay profile. The mean SNR at which its BLER is 0.1 is measured with the chain of ``ldpc_chain.py``; the
effective SINR at that mean SNR, from the very tables of ``phy``, is compared with the SNR that the same code needs in
AWGN, measured likewise. Above zero: the channel is worse than the map says.

    python -m benchmarks.link_tables.check_effective_sinr --seconds 4
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.link_tables.ldpc_chain import Chain
from benchmarks.link_tables.waterfalls import Effort, Threshold, expected_width_db, threshold, waterfall
from phy.link.effective_sinr import SinrMapping, sinr_mapping
from phy.link.mcs import mcs_table

PRBS, PRB_HZ, SUBCARRIERS, TAPS = 24, 360e3, 12, 12
CODES = ((1, 4, 640), (1, 12, 1800), (1, 18, 2400), (1, 25, 3840), (2, 22, 4224), (2, 26, 6144))  # table, MCS, bits
DELAY_SPREADS_S = (1e-7, 3e-7, 1e-6)


def main() -> None:
    """Measures every code on every channel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each waterfall")
    parser.add_argument("--precision", type=float, default=0.03, help="standard error aimed at, dB at BLER 0.1")
    parser.add_argument("--draws", type=int, default=2, help="channels of each delay spread")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data" / "effective_sinr.jsonl")
    args = parser.parse_args()
    if args.device == "cpu":
        torch.set_num_threads(1)
    effort = Effort(args.precision, args.seconds, args.device, args.batch)
    with args.out.open("w", encoding="utf-8") as file:
        for table, mcs, bits in CODES:
            for row in check(table, mcs, bits, args.draws, effort):
                print(row, flush=True)
                file.write(json.dumps(row) + "\n")


def check(table: int, mcs: int, bits: int, draws: int, effort: Effort) -> list[dict[str, float]]:
    """Measures one code on all channels."""
    rows = mcs_table(table)
    chain = Chain(bits, float(rows.code_rate[mcs]), int(rows.modulation_order[mcs]), effort.device)
    width = expected_width_db(bits, chain.order)
    flat = threshold(waterfall(chain, torch.ones((), device=effort.device), 1, effort).points, width)
    maps = sinr_mapping("miesm", rows)
    found = []
    for place, spread_s in enumerate(DELAY_SPREADS_S):
        for draw in range(draws):
            gains = prb_gains(spread_s, 100 * place + draw)
            prb = symbol_prbs(chain.coded // chain.order)
            start = offset_db(maps, mcs, gains[prb], flat.snr_10_db)
            points = waterfall(chain, gains[prb].float().to(effort.device), 7 + draw, effort, start).points
            seen = threshold(points, width)
            found.append(_row((table, mcs, bits), spread_s, gains, seen, flat, maps, prb))
    return found


def prb_gains(delay_spread_s: float, seed: int) -> Tensor:
    """Draws power gains of the PRBs ``[24]``, mean 1: Rayleigh taps, exponential profile, half a delay spread apart."""
    generator = torch.Generator().manual_seed(seed)
    delay = 0.5 * delay_spread_s * torch.arange(TAPS, dtype=torch.float64)
    amplitude = torch.exp(-0.5 * delay / delay_spread_s)
    taps = torch.complex(*torch.randn(2, TAPS, generator=generator, dtype=torch.float64)) * amplitude
    phase = -2 * math.pi * PRB_HZ * torch.arange(PRBS, dtype=torch.float64)[:, None] * delay
    power = (torch.polar(torch.ones_like(phase), phase) @ taps).abs() ** 2
    return power / power.mean()


def symbol_prbs(symbols: int) -> Tensor:
    """Computes the PRB of each symbol: subcarriers first, then OFDM symbols."""
    return torch.arange(symbols) // SUBCARRIERS % PRBS


def effective_db(maps: SinrMapping, mcs: int, sinr: Tensor) -> float:
    """Computes the effective SINR in dB over the symbols."""
    row = torch.tensor(mcs)
    return 10 * math.log10(float(maps.effective(sinr, row, torch.ones_like(sinr, dtype=torch.bool))))


def offset_db(maps: SinrMapping, mcs: int, gains: Tensor, wanted_db: float) -> float:
    """Computes how far above ``wanted_db`` the mean SNR lies at which the effective SINR is ``wanted_db``."""
    low, high = 0.0, 30.0
    for _ in range(30):
        middle = (low + high) / 2
        reached = effective_db(maps, mcs, gains * 10 ** ((wanted_db + middle) / 10))
        low, high = (middle, high) if reached < wanted_db else (low, middle)
    return low


def _row(
    code: tuple[int, int, int], spread_s: float, gains: Tensor, seen: Threshold, flat: Threshold, maps: SinrMapping,
    prb: Tensor,
) -> dict[str, float]:  # fmt: skip
    effective = effective_db(maps, code[1], gains[prb] * 10 ** (seen.snr_10_db / 10))
    return {
        "mcs_table": code[0], "mcs": code[1], "bits": code[2], "delay_spread_s": spread_s,
        "deviation_db": round(float((10 * gains.log10()).std()), 2), "awgn_db": round(flat.snr_10_db, 4),
        "mean_snr_db": round(seen.snr_10_db, 4), "effective_db": round(effective, 4),
        "error_db": round(effective - flat.snr_10_db, 4),
        "standard_error_db": round(math.hypot(seen.error_10_db, flat.error_10_db), 4),
    }  # fmt: skip


if __name__ == "__main__":
    main()
