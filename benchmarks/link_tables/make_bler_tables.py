r"""Writes ``phy/link/tables/bler.npz``: block error rates of MCS tables 1 to 3 in AWGN, simulated with Sionna's LDPC
chain.

Two steps, of which the first can be stopped and taken up again at any time (the points are in a file, one line a code):

    python -m benchmarks.link_tables.make_bler_tables measure --seconds 1500 --precision 0.04
        (again, until it prints "all curves measured")
    python -m benchmarks.link_tables.make_bler_tables fit --date 2026-11-21

``blind`` draws 60 codes by a new seed, measures them, never fits them, and prints how far the shipped table errs there:

    python -m benchmarks.link_tables.make_bler_tables blind --seed 20261122 --seconds 900

``unpack`` writes the points that the shipped table was made from into such a file, so that ``measure`` adds to them.

A larger run on a GPU, from nothing: every code at every size, at a quarter of the standard error:

    python -m benchmarks.link_tables.make_bler_tables --points runs/link-tables/gpu.jsonl \
        measure --device cuda --batch 8192 \
        --stride 1 --precision 0.01 --each 600
    python -m benchmarks.link_tables.make_bler_tables --points runs/link-tables/gpu.jsonl fit --date 2026-11-21
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.link_tables.codes import plan
from benchmarks.link_tables.fit import unpack, write
from benchmarks.link_tables.held_out import check
from benchmarks.link_tables.waterfalls import Effort, run

POINTS = Path("runs/link-tables/points.jsonl")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=Path, default=POINTS, help="file of the measured points")
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="simulate what the file of points lacks")
    measure.add_argument("--seconds", type=float, default=float("inf"), help="budget of this call")
    measure.add_argument("--each", type=float, default=3.0, help="seconds for one code")
    measure.add_argument("--precision", type=float, default=0.03, help="standard error aimed at, dB at BLER 0.01")
    measure.add_argument("--stride", type=int, default=7, help="a code is measured at every so many-th size")
    measure.add_argument("--device", default="cpu")
    measure.add_argument("--batch", type=int, default=1024, help="most blocks at once")
    fit = commands.add_parser("fit", help="fit the points and write the table")
    fit.add_argument("--date", required=True, help="the date to be recorded, YYYY-MM-DD")
    fit.add_argument("--note", default="", help="to be recorded: how the points were measured")
    commands.add_parser("unpack", help="write the points inside the table into a new file of points, to continue it")
    new = commands.add_parser("blind", help="measure codes drawn anew and compare them with the shipped table")
    new.add_argument("--seed", type=int, required=True, help="which codes are drawn")
    new.add_argument("--seconds", type=float, default=900.0, help="budget of this call")
    new.add_argument("--precision", type=float, default=0.024, help="standard error aimed at, dB at BLER 0.01")
    new.add_argument("--out", type=Path, help="file of their points; what it has already is not measured again")
    args = parser.parse_args()
    if getattr(args, "device", "cpu") == "cpu":
        torch.set_num_threads(1)
    if args.command == "measure":
        args.points.parent.mkdir(parents=True, exist_ok=True)
        effort = Effort(args.precision, args.each, args.device, args.batch)
        run(plan(args.stride), args.points, effort, args.seconds)
    elif args.command == "unpack":
        unpack(args.points)
    elif args.command == "blind":
        out = args.out or Path(f"runs/link-tables/blind-{args.seed}.jsonl")
        out.parent.mkdir(parents=True, exist_ok=True)
        check(args.seed, out, args.precision, args.seconds)
    else:
        write(args.points, args.date, args.note)


if __name__ == "__main__":
    main()
