"""Measures the error of the delay basis of frequency responses, as docs/models/channel-calibration.md states.

``python -m benchmarks.approximations.delay_basis [--rates] [--drops N] [W1 | W2 | W3 ...]``

Quantiles of the SINR of a PRB at full load, as each user's own cell would serve it, less those of a basis that leaves
nothing out: the same drops, slots and rays. With ``--rates``: rates of users under proportional fair, less those of
that basis, drop by drop, with 95 % intervals. Errors as in ``dominant_interferers.py``, whose histograms these are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.approximations.dominant_interferers import (
    PLACES,
    QUANTILES,
    RATES,
    Histograms,
    arguments,
    difference,
    histogram,
    quiet_rates,
    scenario,
    slots_of,
)
from phy.channel.channel import ChannelPlan, build_channel
from phy.link.response import FrequencyBasis, Response
from phy.random import Drops
from scenarios.families.cellular.engine_factory import channel_plan
from scenarios.families.scheduling.workloads import WORKLOADS

ERRORS = (0.1, 0.03, 0.01, 0.003)
"""Shares of the mean energy; 0.03 is the default of ``fading.basis_error``."""
_NOTHING = 1e-9


def histograms(plan: ChannelPlan, slot_s: float, drops: int) -> tuple[Histograms, list[int]]:
    """Computes the SINR of every drop for each error, the exact one last, and the numbers of functions."""
    counts, sizes = [], []
    plans = [replace(plan, fading=replace(plan.fading, basis_error=error)) for error in (*ERRORS, _NOTHING)]
    for number in range(drops):
        channels = [build_channel(Drops(0, (number,)), one, torch.device("cpu"), torch.float32) for one in plans]
        sizes = [len(channel.fading.to_prbs) // 2 for channel in channels]
        counts.append(np.stack([_of_channel(channel, slot_s) for channel in channels]))
    return Histograms(np.stack(counts)), sizes


def _of_channel(channel: Any, slot_s: float) -> np.ndarray:
    basis, counts = FrequencyBasis(channel.fading.to_prbs), 0
    prbs = basis.matrix.shape[1] // 2
    own = channel.serving[0][:, None, None].expand(-1, 1, prbs)
    for slot in slots_of(slot_s):
        power = Response(channel.fading.coordinates(slot, 1, slot_s)[:, :, 0], basis).power()[0]
        signal = power.gather(1, own)[:, 0]
        counts = counts + histogram(signal / (1.0 + power.scatter(1, own, 0.0).sum(1)))
    return counts


def print_sinr(name: str, drops: int) -> None:
    """Prints a table of errors."""
    case = scenario(name)
    found, sizes = histograms(channel_plan(case), case.carrier.slot_s, drops)
    error, deviation = found.errors()
    print(f"\n{name}, full load, {drops} drops; nothing left out: {sizes[-1]} functions\n")
    print("| basis_error | functions | " + " | ".join(f"{100 * q:g} %" for q in QUANTILES) + " | largest | s |")
    print("|--:|" + "--:|" * (len(QUANTILES) + 3))
    for row, (left_out, size) in enumerate(zip(ERRORS, sizes, strict=False)):
        each = " | ".join(f"{value:.3f}" for value in (*error[row], np.abs(error[row]).max(), deviation[row].max()))
        print(f"| {left_out} | {size} | {each} |", flush=True)


def print_rates(name: str, drops: int) -> None:
    """Prints a table of differences."""
    exact = quiet_rates(name, drops, {"fading.basis_error": _NOTHING})
    print(f"\n{name}, {drops} drops, {PLACES[name].seconds:g} s; less those of a basis that leaves nothing out\n")
    print("| basis_error | " + " | ".join(title for _, title, _ in RATES) + " | mean, % |")
    print("|--:|" + "--:|" * (len(RATES) + 1))
    for error in ERRORS:
        some = quiet_rates(name, drops, {"fading.basis_error": error})
        each = [difference(some[key] - exact[key], digits) for key, _, digits in RATES]
        share = difference(100.0 * (some["mean"] / exact["mean"] - 1.0), 2)
        print(f"| {error} | {' | '.join(each)} | {share} |", flush=True)


def main() -> None:
    """Prints the tables."""
    given = arguments(__doc__, [name for name in PLACES if name in WORKLOADS])
    torch.set_num_threads(1)
    for name in given.places:
        place = PLACES[name]
        if given.rates:
            print_rates(name, given.drops or place.rate_drops)
        else:
            print_sinr(name, given.drops or place.sinr_drops)


if __name__ == "__main__":
    main()
