"""Lists the codes measured for the table of block errors: the tables' own, those that are really sent, and
blind ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phy.link.mcs import mcs_table
from phy.link.transport_block import transport_blocks

EVERY_SIZE = 208  # up to this size every one that NR has is a bin, and measured
USUAL_RE = 132  # resource elements of a PRB for data, with two symbols of control and one of pilots
BLIND_SEED = 20261121
_USUAL_RATE = 0.93  # higher code rates come about by the CRC and by the rounding of block sizes
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Holds one code: information bits, code rate times 1024, modulation order, the use of its points, coded bits.

    The code rate is that of the MCS, which chooses the base graph; coded bits of 0 are those that it asks for.
    """

    bits: int
    rate_1024: float
    order: int
    role: str  # "fit", "held-out" or "blind"
    coded: int = 0

    @property
    def key(self) -> str:
        sent = f"/{self.coded}" if self.coded else ""
        return f"{self.order}/{self.rate_1024:g}/{self.bits}/{self.role}{sent}"

    @property
    def identity(self) -> tuple[float, ...]:
        """Returns what two curves of the same code have in common: two MCS may send the same bits."""
        return (self.order, self.bits, self.coded or -self.rate_1024)


def bins() -> Array:
    """Lists code block sizes of the tables: every size that NR has up to 208 bits, then steps of 8 to 9 %.

    A block of up to 208 bits is a transport block of a multiple of 8 bits with a CRC of 16. Beyond, the steps are split
    where the base graph changes (308 and 3840 bits).
    """
    parts = (np.geomspace(24, 308, 32), np.geomspace(320, 3840, 30), np.geomspace(3848, 8448, 10))
    steps = np.concatenate(parts).round()
    return np.concatenate([np.arange(24.0, EVERY_SIZE + 1, 8), steps[steps > EVERY_SIZE + 8]])


def codes() -> list[tuple[int, float]]:
    """Lists (modulation order, code rate times 1024) of every row of MCS tables 1 to 3, once, ascending."""
    tables = [mcs_table(index) for index in (1, 2, 3)]
    rows = {(int(q), float(r) * 1024) for t in tables for q, r in zip(t.modulation_order, t.code_rate, strict=True)}
    return sorted(rows)


def plan(stride: int = 7) -> list[Curve]:
    """Lists curves to be measured: blind ones, all codes at all short sizes, blocks as sent, every ``stride``-th long
    size.

    Short codes scatter from one to the next (up to 208 bits, and in base graph 2 at high rates), long ones lie on a
    smooth surface: there the sizes are shifted from code to code, so that each size is met by some. The order is spread
    over all codes and sizes, so that a run that is stopped early has covered everything thinly.
    """
    sizes, shuffle = bins(), np.random.default_rng(5)
    long, short = [], []
    for place, (order, rate) in enumerate(codes()):
        top = 3840 if rate / 1024 <= 0.25 else 8448
        every = sizes <= _all_up_to(rate)
        row = sizes[sizes > EVERY_SIZE][place * 3 % stride :: stride].tolist()
        ends = [308.0, 320.0, 3840.0, 3848.0, 8448.0] if place % 4 == 0 else []
        long += [Curve(int(k), rate, order, "fit") for k in sorted({*row, *ends} - {*sizes[every]}) if k <= top]
        short += [Curve(int(k), rate, order, "fit") for k in sizes[every]]
    shuffle.shuffle(long)  # type: ignore[arg-type]
    shuffle.shuffle(short)  # type: ignore[arg-type]
    return [*blind(), *short, *sent()[::-1], *held_out(), *long]


def _all_up_to(rate_1024: float) -> int:
    return 308 if rate_1024 / 1024 > 0.67 else EVERY_SIZE


def sent(largest: int = 308) -> list[Curve]:
    """Lists code blocks that carriers send, with CRC in the resource elements of whole PRBs: short ones, and high
    rates.
    """
    every = [c for t in (1, 2, 3) for c in _blocks(t, USUAL_RE)]
    high = [c for t in (1, 2) for re in range(108, 157, 6) for c in _blocks(t, re, prbs=2)] + every
    found = {(c.bits, c.coded, c.order): c for c in every if c.bits <= largest}
    found |= {(c.bits, c.coded, c.order): c for c in high if c.bits > max(largest, _USUAL_RATE * c.coded)}
    return [found[key] for key in sorted(found)]


def _blocks(table: int, re_per_prb: int, role: str = "fit", prbs: int = 60) -> list[Curve]:
    mcs = mcs_table(table)
    blocks = transport_blocks(mcs, prbs, re_per_prb)
    rows = []
    for place, (order, rate) in enumerate(zip(mcs.modulation_order.tolist(), mcs.code_rate.tolist(), strict=True)):
        for n in range(1, prbs + 1):
            coded = n * re_per_prb * order // int(blocks.code_blocks[place, n]) // order * order
            rows.append(Curve(int(blocks.code_block_bits[place, n]), rate * 1024, order, role, coded))
    return rows


def blind(seed: int = BLIND_SEED) -> list[Curve]:
    """Draws curves by a seed, for checking only, never used to choose or to fit anything.

    Thirty code blocks as carriers send them (half of them up to 308 bits), of any MCS table, resource elements per PRB,
    MCS and number of PRBs; fifteen short codes of the table, measured anew; fifteen of any longer size at their rate.
    Any other seed than the first leaves out the codes of the first.
    """
    draw, rows = np.random.default_rng(seed), list[Curve]()
    seen = {c.identity for c in blind()} if seed != BLIND_SEED else set()
    for short in (True, False):
        group: set[Curve] = set()
        while len(group) < 15:
            some = _blocks(int(draw.integers(1, 4)), 6 * int(draw.integers(18, 27)), "blind")
            some = [c for c in some if (c.bits <= 308) == short and c.bits <= 0.95 * c.coded and c.identity not in seen]
            group.add(some[int(draw.integers(len(some)))])
        rows += sorted(group, key=lambda c: c.key)
    for group_of, low in ((bins(), 24.0), (np.arange(209.0, 8449.0), 209.0)):
        picked: set[Curve] = set()
        while len(picked) < 15:
            order, rate = codes()[int(draw.integers(len(codes())))]
            size = float(np.exp(draw.uniform(np.log(low), np.log(_all_up_to(rate) if low < 209 else 8448))))
            size = float(group_of[np.abs(group_of - size).argmin()])
            if (size <= _all_up_to(rate)) == (low < 209) and (rate > 256 or size <= 3840):
                one = Curve(int(size), rate, order, "blind")
                picked |= {one} if one.identity not in seen else set()
        rows += sorted(picked, key=lambda c: c.key)
    return rows


def held_out() -> list[Curve]:
    """Lists curves that the fit was developed with: (order, rate times 1024, bits); some rates are in no table."""
    rows = (
        (2, 308, 152), (2, 502, 96), (4, 490, 136), (6, 719, 40), (6, 873, 120), (8, 797, 72), (8, 916.5, 184),
        (2, 40, 480), (2, 99, 60), (2, 120, 1000), (2, 140, 200), (2, 193, 2200), (2, 251, 100), (2, 308, 6000),
        (2, 308, 700), (2, 410, 44), (2, 449, 1640), (2, 526, 5000), (2, 602, 350), (2, 679, 250),
        (4, 340, 130), (4, 378, 4400), (4, 434, 2500), (4, 460, 900), (4, 616, 64), (4, 658, 7400),
        (6, 438, 5400), (6, 490, 520), (6, 567, 176), (6, 666, 1240), (6, 740, 2900), (6, 873, 6600), (6, 948, 640),
        (8, 682.5, 3000), (8, 754, 440), (8, 797, 7900), (8, 841, 1500), (8, 948, 4100), (8, 885, 290),
    )  # fmt: skip
    return [Curve(bits, rate, order, "held-out") for order, rate, bits in rows]
