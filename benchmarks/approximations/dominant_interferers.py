"""Measures the error of fading few interferers only, as docs/models/channel-calibration.md states.

``python -m benchmarks.approximations.dominant_interferers [--rates] [--drops N] [W1 | W2 | W3 | scheduling-macro ...]``

The first part compares quantiles of the SINR of a PRB, as each user's own cell would serve it, with the exact ones: the
same drops, slots and rays, the N strongest interferers of each user as they fade and the others at their mean power. At
full load every cell sends on every PRB, at half load on a random half, the same for all N. Errors are in dB, with their
standard errors s (jackknife over drops). The second part, ``--rates``, runs a proportional fair scheduler on the same
drops for each N: rates of users and their differences from those of the exact mode, drop by drop, with 95 % intervals.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mac.metrics.intervals import mean_interval
from phy.channel.channel import Channel, ChannelPlan, build_channel
from phy.link.dominant_interferers import dominant_links
from phy.link.response import FrequencyBasis, Response
from phy.random import Drops, uniform
from scenarios import load, run
from scenarios.families.cellular.engine_factory import channel_plan
from scenarios.families.scheduling.workloads import WORKLOADS

Array = np.ndarray

QUANTILES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
LOADS = {"full": 1.0, "half": 0.5}
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 8, 12)
"""Interferers that fade."""


@dataclass(frozen=True)
class Place:
    """Holds what is measured and for how long."""

    sinr_drops: int
    rate_drops: int
    seconds: float  # of a run, after the warm-up


PLACES = {
    "W1": Place(96, 48, 0.5),
    "W2": Place(48, 12, 0.3),
    "W3": Place(16, 6, 0.2),
    "scheduling-macro": Place(48, 12, 2.0),
}
"""The workloads of the bench, and a preset."""

RATES = (("mean", "mean, Mbit/s", 4), ("5 %", "5 % of users", 4), ("50 %", "50 %", 4))
DELAY = (("delay", "delay of packets, ms", 2),)
"""Columns of the table: key, title, digits."""

_LOW_DB, _HIGH_DB, _BINS_PER_DB = -60.0, 100.0, 500
_SLOTS = 10  # of each drop
_SPACING_S = 0.1  # between them: at 3 km/h and 3.5 GHz fading forgets within 50 ms
_WARMUP_S = 0.1


def scenario(name: str, **change: Any) -> Any:
    """Builds a workload of the bench or a preset, with changes."""
    if name in WORKLOADS:
        return load(WORKLOADS[name].scenario("proportional_fair", 1), **change)
    return load(name, **{"users.ftp.traffic.files_per_s": 1.5, **change})  # the load of the figures in docs/


# Quantiles of the SINR.


@dataclass(frozen=True)
class Histograms:
    """Holds the SINR in dB of every drop, for exact fading (last) and each number of interferers."""

    counts: Array  # [drops, numbers + 1, bins] int64

    def quantiles(self, without: int | None = None) -> Array:
        """Computes ``[numbers + 1, quantiles]`` in dB over all drops, or all but one."""
        counts = self.counts.sum(0) - (0 if without is None else self.counts[without])
        below = counts.cumsum(-1)
        rows = []
        for count, cumulative in zip(counts, below, strict=True):
            wanted = np.array(QUANTILES) * cumulative[-1]
            place = np.searchsorted(cumulative, wanted)
            inside = (wanted - (cumulative[place] - count[place])) / count[place]
            rows.append(_LOW_DB + (place + inside) / _BINS_PER_DB)
        return np.array(rows)

    def errors(self) -> tuple[Array, Array]:
        """Computes quantiles less the exact ones, ``[numbers, quantiles]`` in dB, and their standard errors."""
        whole = _less_exact(self.quantiles())
        drops = len(self.counts)
        left = np.array([_less_exact(self.quantiles(without=drop)) for drop in range(drops)])
        deviation: Array = np.sqrt((drops - 1) * left.var(0))
        return whole, deviation


def _less_exact(quantiles: Array) -> Array:
    less: Array = quantiles[:-1] - quantiles[-1]
    return less


def sinr_histograms(plan: ChannelPlan, slot_s: float, drops: Sequence[int], numbers: Sequence[int]) -> dict[str, Any]:
    """Computes histograms of both loads, drop after drop."""
    rows: dict[str, list[Array]] = {name: [] for name in LOADS}
    for number in drops:
        drop = Drops(0, (number,))
        channel = build_channel(drop, plan, torch.device("cpu"), torch.float32)
        for name, share in LOADS.items():
            rows[name].append(_of_drop(drop, channel, slot_s, share, numbers))
    return {name: Histograms(np.stack(counts)) for name, counts in rows.items()}


def _of_drop(drop: Drops, channel: Channel, slot_s: float, share: float, numbers: Sequence[int]) -> Array:
    """Counts ``[numbers + 1, bins]`` of a drop's slots."""
    fading, cells = channel.fading, channel.mean_snr.shape[2]
    prbs = fading.to_prbs.shape[1] // 2
    active = uniform(drop.keys("benchmark/activity"), (_SLOTS, cells, prbs))[0] < share
    counts = np.zeros((len(numbers) + 1, round((_HIGH_DB - _LOW_DB) * _BINS_PER_DB)), np.int64)
    for slot, sent in zip(slots_of(slot_s), active, strict=True):
        coordinates = fading.coordinates(slot, 1, slot_s)[:, :, 0]
        power = Response(coordinates, FrequencyBasis(fading.to_prbs)).power()[0]
        for row, sinr in enumerate(_sinrs(channel, power, sent.to(power.dtype), numbers)):
            counts[row] += histogram(sinr)
    return counts


def slots_of(slot_s: float) -> range:
    """Chooses the slots of a drop that are measured, far enough apart for new fading."""
    spacing = round(_SPACING_S / slot_s)
    return range(0, _SLOTS * spacing, spacing)


def _sinrs(channel: Channel, power: Tensor, activity: Tensor, numbers: Sequence[int]) -> list[Tensor]:
    """SINR ``[U, K]`` for each number of interferers, and the exact one, of the powers ``[U, C, K]``."""
    cells, prbs = activity.shape
    strongest = dominant_links(channel.mean_snr, channel.serving, cells - 1).cell[0]
    signal = power.gather(1, strongest[:, :1, None].expand(-1, -1, prbs))[:, 0]
    others = (power * activity).gather(1, strongest[:, 1:, None].expand(-1, -1, prbs))
    out = []
    for number in numbers:
        rest = dominant_links(channel.mean_snr, channel.serving, number).interference(activity[None])[0]
        out.append(signal / (1.0 + others[:, :number].sum(1) + rest))
    return [*out, signal / (1.0 + others.sum(1))]


def histogram(sinr: Tensor) -> Array:
    """Counts the SINRs in each bin of :class:`Histograms`."""
    level = ((10.0 * sinr.double().log10() - _LOW_DB) * _BINS_PER_DB).long()
    bins = round((_HIGH_DB - _LOW_DB) * _BINS_PER_DB)
    return torch.bincount(level.clamp_(0, bins - 1).flatten(), minlength=bins).numpy()


def print_sinr(name: str, drops: int, numbers: Sequence[int]) -> None:
    """Prints a table of errors."""
    case = scenario(name)
    found = sinr_histograms(channel_plan(case), case.carrier.slot_s, range(drops), numbers)
    for load_name, histograms in found.items():
        error, deviation = histograms.errors()
        exact = " / ".join(f"{level:.2f}" for level in histograms.quantiles()[-1])
        print(f"\n{name}, {load_name} load, {drops} drops; exact, dB: {exact}\n")
        print("| N | " + " | ".join(f"{100 * q:g} %" for q in QUANTILES) + " | largest | s |")
        print("|--:|" + "--:|" * (len(QUANTILES) + 2))
        for row, number in enumerate(numbers):
            each = " | ".join(f"{value:.3f}" for value in error[row])
            print(f"| {number} | {each} | {np.abs(error[row]).max():.3f} | {deviation[row].max():.3f} |", flush=True)


# Rates of users.


def quiet_rates(name: str, drops: int, changed: Mapping[str, Any]) -> dict[str, Array]:
    """Measures rates of each drop's UEs in Mbit/s, mean delay of packets in ms, and the share of the PRBs in use."""
    place = PLACES[name]
    change: dict[str, Any] = {"warmup_s": _WARMUP_S, "duration_s": place.seconds, "window_s": place.seconds}
    case = scenario(name, drops=drops, allocators=["proportional_fair"], **change, **changed)
    with tempfile.TemporaryDirectory() as folder:
        found = run(case, out=f"{folder}/run", progress=False, plots=False).to_xarray("proportional_fair")
    rate = found["served_bits"].sum("window").to_numpy() / place.seconds / 1e6
    packets = found["packets"].sum(["window", "user"]).to_numpy()
    prb_slots = case.cells * case.carrier.prbs * place.seconds / case.carrier.slot_s
    return {
        "mean": rate.mean(1),
        "5 %": np.quantile(rate, 0.05, axis=1),
        "50 %": np.quantile(rate, 0.5, axis=1),
        "delay": 1e3 * found["delay_s"].sum(["window", "user"]).to_numpy() / np.maximum(packets, 1.0),
        "packets": packets,
        "use": found["used_prbs"].sum(["window", "cell"]).to_numpy() / prb_slots,
    }


def print_rates(name: str, drops: int, numbers: Sequence[int]) -> None:
    """Prints a table of differences."""
    place = PLACES[name]
    exact = quiet_rates(name, drops, {})
    shown = RATES + (DELAY if exact["packets"].any() else ())  # full buffers have no packets
    levels = ", ".join(f"{title} {mean_interval(exact[key]).mean:.{digits - 1}f}" for key, title, digits in shown)
    print(f"\n{name}, {drops} drops, {place.seconds:g} s; {exact['use'].mean():.0%} of the PRBs are used")
    print(f"exact: {levels}; below, less exact\n")
    print("| N | " + " | ".join(title for _, title, _ in shown) + " | mean, % |")
    print("|--:|" + "--:|" * (len(shown) + 1))
    for number in numbers:
        some = quiet_rates(name, drops, {"fading.dominant_interferers": number})
        each = [difference(some[key] - exact[key], digits) for key, _, digits in shown]
        share = difference(100.0 * (some["mean"] / exact["mean"] - 1.0), 2)
        print(f"| {number} | {' | '.join(each)} | {share} |", flush=True)


def difference(values: Array, digits: int) -> str:
    """Computes the mean and half of its 95 % interval."""
    found = mean_interval(values)
    return f"{found.mean:.{digits}f} +- {found.high - found.mean:.{digits}f}"


def arguments(about: str | None, places: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; ends the process with a sentence where something does not exist."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", default=places, help=f"of {', '.join(places)}; left out, all")
    parser.add_argument("--rates", action="store_true", help="rates of users instead of the SINR")
    parser.add_argument("--drops", type=int, help="as many, instead of as many as each place is given")
    given = parser.parse_args()
    unknown = [name for name in given.places if name not in places]
    if unknown:
        parser.error(f"unknown place '{unknown[0]}'; take one of {', '.join(places)}")
    if given.drops is not None and given.drops < 2:
        parser.error(f"--drops must be 2 or more, given {given.drops}; one says nothing about spread")
    return given


def main() -> None:
    """Prints the tables."""
    given = arguments(__doc__, list(PLACES))
    torch.set_num_threads(1)
    for name in given.places:
        place = PLACES[name]
        interferers = scenario(name).cells - 1
        if given.rates:
            print_rates(name, given.drops or place.rate_drops, [n for n in NUMBERS if n < min(interferers, 10)])
        else:
            print_sinr(name, given.drops or place.sinr_drops, [n for n in NUMBERS if n <= interferers])


if __name__ == "__main__":
    main()
