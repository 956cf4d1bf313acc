"""A run that looks like one of the slicing family: a fluid of bits in slices, no radio, for plots and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mac.metrics import intervals
from mac.metrics.registry import metric_table

SLICES = ("mmtc", "urllc", "embb")
POLICIES = {"expert": (3, 5, 9), "equal": (6, 6, 5), "greedy": (1, 2, 14)}
WINDOW_S = 0.25


def dataset(allocator: str, mix: tuple[int, int, int], drops: Sequence[int], count: int) -> xr.Dataset:
    """Windows of one allocator; the traffic of a drop is the same for all of them."""
    parts = [_drop(allocator, mix, drop, count) for drop in drops]
    joined = {name: (dims, np.stack([part[name][1] for part in parts])) for name, (dims, _) in parts[0].items()}
    slice_id = np.repeat(np.arange(3), mix)
    service = np.array(SLICES)[slice_id]
    targets = {"sla_rate_bps": {"embb": 2e6}, "sla_desired_bps": {"embb": 5e6},
               "sla_delay_s": {"urllc": 0.02, "mmtc": 0.3}, "sla_loss": {"urllc": 0.01}}  # fmt: skip
    coords = {name: ("user", np.array([by.get(s, np.nan) for s in service])) for name, by in targets.items()}
    coords |= {
        "drop": np.array(drops), "window": np.arange(count), "time_s": ("window", WINDOW_S * (1 + np.arange(count))),
        "group": ("user", service), "service": ("user", service), "slice_id": ("user", slice_id),
        "slice_name": ("slice", np.array(SLICES)), "delay_edge_s": ("delay_bin", _EDGES_S),
        "serving": (("drop", "user"), np.zeros((len(drops), sum(mix)), int)),
    }  # fmt: skip
    attrs = {"family": "slicing", "scenario": "fake", "allocator": allocator, "slot_s": 1e-3, "window_s": WINDOW_S,
             "prbs": 50, "cells": 1, "slots_per_window": 250}  # fmt: skip
    return xr.Dataset({name: (("drop", *dims), values) for name, (dims, values) in joined.items()}, coords, attrs)


_EDGES_S = np.append(np.geomspace(1e-3, 10, 41), np.inf)


def _quotas(allocator: str, count: int, load: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if allocator in POLICIES:
        return np.tile(POLICIES[allocator], (count, 1))
    quota, rows = np.array([3, 5, 9]), []
    for t in range(count):
        if allocator == "random-walk":
            give, take = rng.permutation(3)[:2]
            move = int(quota[give] > 1)
        else:
            wanted = 1 + 14 * load[t] / load[t].sum()
            give, take = int(np.argmin(wanted - quota)), int(np.argmax(wanted - quota))
            move = int(quota[give] > 1)
        quota = quota.copy()
        quota[give], quota[take] = quota[give] - move, quota[take] + move
        rows.append(quota)
    return np.array(rows)


def _drop(allocator: str, mix: tuple[int, int, int], drop: int, count: int) -> dict[str, tuple[tuple[str, ...], Any]]:
    air = np.random.default_rng([drop, *mix])
    users, slice_id = sum(mix), np.repeat(np.arange(3), mix)
    mean = np.array([0.02, 0.25, 1.1])[slice_id] * 1e6 * air.lognormal(0, 0.3, users)
    demand = mean * air.lognormal(-0.3, 0.8, (count, users)) * (air.random((count, users)) < 0.9)
    bits_per_prb = air.lognormal(np.log(350), 0.4, users)
    load = np.stack([demand[:, slice_id == s].sum(axis=1) for s in range(3)], axis=1) / 350
    rbg = _quotas(allocator, count, load, np.random.default_rng([drop, 7]))
    prbs = np.minimum(3 * rbg, 50 - 3 * (17 - rbg) + 1)
    out: dict[str, np.ndarray] = {n: np.zeros((count, users)) for n in ("served_bits", "backlog_bits", "dropped_bits")}
    waiting = np.zeros(users)
    for t in range(count):
        share = prbs[t][slice_id] * 250 / np.array(mix)[slice_id]
        there = waiting + demand[t]
        served = np.minimum(there, share * bits_per_prb)
        dropped = np.maximum(there - served - 4e6, 0)
        waiting = there - served - dropped
        out["served_bits"][t], out["backlog_bits"][t], out["dropped_bits"][t] = served, waiting, dropped
    rate = out["served_bits"] / WINDOW_S
    delay = 0.005 + out["backlog_bits"] / np.maximum(rate, 1e3)
    packets = np.floor(out["served_bits"] / 8000)
    bins = np.searchsorted(_EDGES_S, delay)
    histogram = np.zeros((users, len(_EDGES_S)))
    np.add.at(histogram, (np.broadcast_to(np.arange(users), bins.shape), bins), packets)
    requested = (waiting + demand) / bits_per_prb
    win = ("window", "user")
    result = {name: (win, value) for name, value in out.items()}
    result |= {
        "demand_bits": (win, demand), "packets": (win, packets), "delay_s": (win, delay * packets),
        "lost_bits": (win, out["served_bits"] * 1e-4), "oldest_s": (win, np.where(out["backlog_bits"] > 1, delay, 0)),
        "requested_prbs": (win, requested), "granted_prbs": (win, np.minimum(requested, rate * 0.25 / bits_per_prb)),
        "late_packets": (win, packets * (delay > 0.02)), "first_tx": (win, packets + 1),
        "first_nack": (win, 0.1 * packets), "energy_j": (("window",), 20 + out["served_bits"].sum(axis=1) * 1e-6),
        "used_prbs": (("window", "cell"), (out["served_bits"] / bits_per_prb).sum(axis=1)[:, None]),
        "rbg": (("window", "cell", "slice"), rbg[:, None]), "slice_prbs": (("window", "cell", "slice"), prbs[:, None]),
        "delay_packets": (("user", "delay_bin"), histogram),
    }  # fmt: skip
    return result


@dataclass(frozen=True)
class FakeResult:
    """What ``scenarios.results.result.Result`` gives to plots and report."""

    run_dir: Path
    allocators: list[str]
    variants: list[str | None] = field(default_factory=lambda: [None])
    drops: int = 3
    count: int = 20
    scenario: dict[str, Any] = field(default_factory=lambda: {"name": "fake", "family": "slicing", "seed": 1})
    meta: dict[str, Any] = field(
        default_factory=lambda: {
            "versions": {"fairwave": "0.1.0", "torch": "2.13.0"},
            "device": "cpu",
            "dtype": "float32",
            "wall_s": {"observe": 1.25, "decide": 0.5, "step": 30.0},
        }
    )

    def to_xarray(self, allocator: str, variant: str | None = None) -> xr.Dataset:
        mix = tuple(map(int, variant.split("_"))) if variant else (2, 3, 5)
        return dataset(allocator, (mix[0], mix[1], mix[2]), range(self.drops), self.count)

    @property
    def headline(self) -> list[str]:
        there = set(self.metrics["metric"])
        return [name for name in ("tractor_score", "satisfaction", "rate_mean", "jain_rate") if name in there]

    @cached_property
    def per_drop(self) -> pd.DataFrame:
        parts = [
            metric_table(self.to_xarray(allocator, variant)).assign(variant=variant, allocator=allocator)
            for variant in self.variants
            for allocator in self.allocators
        ]
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        return intervals.summarise(self.per_drop)

    @cached_property
    def paired(self) -> pd.DataFrame:
        return intervals.paired(self.per_drop)

    @property
    def paired_variants(self) -> pd.DataFrame:
        return intervals.paired_variants(self.per_drop)
