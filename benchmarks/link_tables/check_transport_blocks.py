"""Checks whether the BLER that a slot looks up fits whole transport blocks as they are sent, by simulation.

Random bits get the CRC of TS 38.212 7.2.1, are cut into code blocks with a CRC of their own (5.2.2), encoded, matched
to the coded bits that the PRBs hold (5.4.2.1), sent over AWGN and decoded; a block is lost if a code block of it is.
The SNR at BLER 0.1 and 0.01 is compared with that of the very tables that the slot loop reads: its curve of a code
block, on its grid of SINRs, and the number of code blocks. Above zero: the tables ask for more SNR than is needed.

    python -m benchmarks.link_tables.check_transport_blocks --seconds 12 --precision 0.06
    python -m benchmarks.link_tables.check_transport_blocks --again    # present tables, no simulation
"""

from __future__ import annotations

import argparse
import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.link_tables.ldpc_chain import Chain
from benchmarks.link_tables.waterfalls import Effort, expected_width_db, threshold, waterfall
from mac.carrier import CarrierSettings
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.tables import LinkTables, link_tables
from phy.link.bler import transport_bler
from phy.link.mcs import mcs_table
from phy.link.transport_block import transport_blocks
from phy.numerics import log_grid

# (MCS table, MCS, PRBs): single PRBs, repetition, high rates, two and more code blocks, both base graphs
CASES = (
    (1, 0, 1), (1, 0, 2), (1, 0, 50), (1, 4, 1), (1, 9, 1), (1, 9, 3), (1, 13, 2), (1, 20, 1), (1, 20, 12),
    (1, 28, 1), (1, 16, 32), (1, 3, 80), (2, 4, 2), (2, 27, 2), (2, 24, 11), (3, 0, 4), (3, 2, 12), (3, 12, 1),
)  # fmt: skip
POLYNOMIALS = {16: 0x11021, "24A": 0x1864CFB, "24B": 0x1800063}  # TS 38.212 5.1


def main() -> None:
    """Simulates every case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each case")
    parser.add_argument("--precision", type=float, default=0.05, help="standard error aimed at, dB at BLER 0.01")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--again", action="store_true", help="only compare what the file holds with the tables")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data" / "transport_blocks.jsonl")
    args = parser.parse_args()
    if args.device == "cpu":
        torch.set_num_threads(1)
    effort = Effort(args.precision, args.seconds, args.device, 1024)
    old = [json.loads(line) for line in args.out.read_text(encoding="utf-8").splitlines()] if args.again else []
    with args.out.open("w", encoding="utf-8") as file:
        for row in (compare(row) for row in old) if args.again else (check(*case, effort) for case in CASES):
            print(row, flush=True)
            file.write(json.dumps(row) + "\n")


def compare(row: dict[str, float]) -> dict[str, float]:
    """Adds to a measurement its difference to the present tables, in dB."""
    prbs, mcs = int(row["prbs"]), int(row["mcs"])
    carrier = CarrierSettings(prbs=prbs, mcs_table=row["mcs_table"])  # type: ignore[arg-type]
    tables = link_tables(carrier, LinkSettings(), torch.device("cpu"), torch.float64)
    for level, target in (("10", 0.1), ("01", 0.01)):
        said = tabulated_db(tables, mcs * (prbs + 1) + prbs, target)
        row[f"error_{level}_db"] = round(said - row[f"measured_{level}_db"], 4)
    return row


def check(table: int, mcs: int, prbs: int, effort: Effort) -> dict[str, float]:
    """Simulates a transport block; returns the SNR of the tables less that it needs, in dB."""
    elements = link_tables(CarrierSettings(), LinkSettings(), torch.device("cpu"), torch.float64).re_per_prb
    chain = TransportChain(table, mcs, prbs, elements, effort.device)
    seed = 1000 * prbs + 100 * table + mcs
    points = waterfall(chain, torch.ones((), device=effort.device), seed, effort).points
    seen = threshold(points, expected_width_db(chain.bits, chain.order))
    return compare({
        "mcs_table": table, "mcs": mcs, "prbs": prbs, "transport_block_bits": chain.transport_bits,
        "code_blocks": chain.blocks, "code_block_bits": chain.bits, "coded_bits": chain.sent_bits,
        "mcs_rate": round(chain.rate, 4), "true_rate": round(chain.blocks * chain.bits / chain.sent_bits, 4),
        "measured_10_db": round(seen.snr_10_db, 4), "se_10_db": round(seen.error_10_db, 4),
        "measured_01_db": round(seen.snr_01_db, 4), "se_01_db": round(seen.error_01_db, 4),
        "blocks": int(sum(point[1] for point in points)),
    })  # fmt: skip


def tabulated_db(tables: LinkTables, cell: int, target: float) -> float:
    """Computes the SNR in dB at which a transport block has the BLER, on the slot loop's own curve."""
    curve = tables.bler_curves[tables.bler_row[cell]]
    z = torch.special.ndtri(transport_bler(curve, tables.code_blocks[cell]).clamp(1e-8, 1 - 1e-8)).numpy()
    snr_db = 10 * np.log10(log_grid.centres().numpy())
    inside = (z > -5) & (z < 5)
    return float(np.interp(-torch.special.ndtri(torch.tensor(target)).item(), -z[inside], snr_db[inside]))


class TransportChain:
    """Simulates encoder, channel and decoder of a transport block, with the interface of a code block's chain."""

    def __init__(self, table: int, mcs: int, prbs: int, re_per_prb: int, device: str = "cpu") -> None:
        rows = mcs_table(table)
        blocks = transport_blocks(rows, prbs, re_per_prb)
        self.rate, self.order, self.device = float(rows.code_rate[mcs]), int(rows.modulation_order[mcs]), device
        self.transport_bits, self.blocks = int(blocks.bits[mcs, prbs]), int(blocks.code_blocks[mcs, prbs])
        self.bits, self.sent_bits = int(blocks.code_block_bits[mcs, prbs]), prbs * re_per_prb * self.order
        symbols, fewer = divmod(prbs * re_per_prb, self.blocks)
        sizes = [self.order * (symbols + (r >= self.blocks - fewer)) for r in range(self.blocks)]  # 5.4.2.1
        chains = {size: Chain(self.bits, self.rate, self.order, device, size) for size in set(sizes)}
        self.chains = [chains[size] for size in sizes]
        self.coded, self.graph = sizes[0], self.chains[0].graph

    def code_blocks(self, transport: Tensor) -> list[Tensor]:
        """Computes information bits of each code block ``[n, bits]`` of transport blocks ``[n, A]``, all
        CRCs attached.
        """
        whole = torch.cat([transport, self._crc.of(transport)], -1)
        if self.blocks == 1:
            return [whole]
        return [torch.cat([part, self._block_crc.of(part)], -1) for part in whole.chunk(self.blocks, -1)]

    def codewords(self, transport: Tensor) -> list[Tensor]:
        """Computes whole codewords of each code block, from which :class:`Chain` takes the coded bits."""
        found = []
        for chain, info in zip(self.chains, self.code_blocks(transport), strict=True):
            padded = torch.nn.functional.pad(info.float(), (0, chain.encoder.k_filler))
            found.append(chain.encoder._encode_fast(padded)[:, :, 0])
        return found

    def errors(self, snr: Tensor, blocks: int, generator: torch.Generator) -> Tensor:
        """Simulates transport blocks and returns which are lost, bool."""
        transport = torch.randint(0, 2, (blocks, self.transport_bits), generator=generator, device=self.device)
        lost = torch.zeros(blocks, dtype=torch.bool, device=self.device)
        for chain, words in zip(self.chains, self.codewords(transport), strict=True):
            lost |= chain.decode(chain.llrs(words, snr, generator), words)
        return lost

    @cached_property
    def _crc(self) -> Crc:
        return Crc("24A" if self.transport_bits > 3824 else 16, self.transport_bits, self.device)

    @cached_property
    def _block_crc(self) -> Crc:
        return Crc("24B", self.bits - 24, self.device)


class Crc:
    """Computes parity bits of blocks of one size by a product with a binary matrix."""

    def __init__(self, kind: int | str, bits: int, device: str) -> None:
        polynomial = POLYNOMIALS[kind]
        degree = polynomial.bit_length() - 1
        rest, rows = 1, []  # of x^degree, x^(degree + 1) ... divided by the polynomial
        for _ in range(degree):
            rest = self._shift(rest, polynomial, degree)
        for _ in range(bits):
            rows.append([rest >> (degree - 1 - place) & 1 for place in range(degree)])
            rest = self._shift(rest, polynomial, degree)
        self.matrix = torch.tensor(rows[::-1], dtype=torch.float64, device=device)

    def of(self, bits: Tensor) -> Tensor:
        """Computes parity bits ``[..., degree]`` of ``[..., bits]``."""
        return (bits.to(torch.float64) @ self.matrix).remainder(2).to(bits.dtype)

    @staticmethod
    def _shift(rest: int, polynomial: int, degree: int) -> int:
        rest <<= 1
        return rest ^ polynomial if rest >> degree & 1 else rest


if __name__ == "__main__":
    main()
