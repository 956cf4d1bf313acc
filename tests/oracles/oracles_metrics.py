"""A synthetic windows dataset that conserves bits, and every metric again in slow plain loops of Python floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

GROUPS = {"phones": "embb", "robots": "urllc", "meters": "mmtc"}
EDGES_S = np.array([1e-3, 2e-3, 5e-3, 1e-2, 3e-2, 1e-1, 1.0, np.inf])
NAN = float("nan")


def windows(
    drops: int = 3, count: int = 12, users: int = 7, cells: int = 2, seed: int = 1, full: tuple[int, ...] = ()
) -> xr.Dataset:
    """Random windows: idle users, idle windows, overflow, losses and users without some of the targets.

    The users ``full`` always have data; the first of them gets nothing.
    """
    rng = np.random.default_rng(seed)
    shape = (drops, count, users)
    demand = rng.integers(0, 400_000, shape) * (rng.random(shape) < 0.7)
    demand[:, :, users - 1] = 0  # a user that never asks for anything
    before = np.zeros(shape, dtype=np.int64)
    served, dropped, lost, after = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    waiting = rng.integers(0, 50_000, (drops, users)) * (np.arange(users) < 2)  # some begin with a queue
    for t in range(count):
        before[:, t] = waiting
        there = waiting + demand[:, t]
        dropped[:, t] = there * (rng.random((drops, users)) < 0.1) // 10
        lost[:, t] = there * (rng.random((drops, users)) < 0.1) // 20
        can = np.where(rng.random((drops, users)) < 0.5, 10**7, rng.integers(0, 300_000, (drops, users)))
        served[:, t] = np.minimum(can, there - dropped[:, t] - lost[:, t])
        waiting = there - dropped[:, t] - lost[:, t] - served[:, t]
        after[:, t] = waiting
    for user in full:
        served[..., user] *= user != full[0]
        lost[..., user] *= user != full[0]
        after[..., user] = dropped[..., user] = 0
        demand[..., user] = served[..., user] + lost[..., user]
    packets = served // 12_000 * ~np.isin(np.arange(users), full)
    first_tx = rng.integers(0, 250, shape)
    requested = rng.integers(0, 900, shape) * (rng.random(shape) < 0.8)
    quota = rng.multinomial(17, [0.2, 0.3, 0.5], (drops, count, cells))
    quota[0, :3, 0, 2] = 0
    names = list(GROUPS)
    group = np.array([names[u % 3] for u in range(users)])
    per_user = ("drop", "window", "user")
    data = {
        "served_bits": (per_user, served.astype(np.float32)),
        "demand_bits": (per_user, demand.astype(np.float32)),
        "packets": (per_user, packets),
        "delay_s": (per_user, packets * rng.uniform(0.001, 0.05, shape)),
        "dropped_bits": (per_user, dropped),
        "lost_bits": (per_user, lost),
        "backlog_bits": (per_user, after),
        "granted_prbs": (per_user, np.minimum(requested * 2, rng.integers(0, 1200, shape))),
        "requested_prbs": (per_user, requested),
        "late_packets": (per_user, rng.integers(0, 1 + packets)),
        "first_tx": (per_user, first_tx),
        "first_nack": (per_user, rng.integers(0, 1 + first_tx)),
        "oldest_s": (per_user, np.where(after > 0, rng.uniform(0, 0.08, shape), 0.0)),
        "energy_j": (("drop", "window"), rng.uniform(5, 50, (drops, count))),
        "repairs": (("drop", "window"), np.arange(drops * count).reshape(drops, count)),
        "used_prbs": (("drop", "window", "cell"), rng.integers(0, 12_500, (drops, count, cells))),
        "rbg": (("drop", "window", "cell", "slice"), quota),
        "slice_prbs": (("drop", "window", "cell", "slice"), 3 * quota),
        "delay_packets": (("drop", "user", "delay_bin"), rng.integers(0, 30, (drops, users, len(EDGES_S)))),
    }
    coords = {
        "drop": np.arange(drops) + 5,
        "window": np.arange(count),
        "time_s": ("window", 0.25 * (1 + np.arange(count))),
        "group": ("user", group),
        "service": ("user", np.array([GROUPS[name] for name in group])),
        "slice_name": ("slice", np.array(["meters", "robots", "phones"])),
        "slice_id": ("user", np.array([["meters", "robots", "phones"].index(name) for name in group])),
        "serving": (("drop", "user"), rng.integers(0, cells, (drops, users))),
        "delay_edge_s": ("delay_bin", EDGES_S),
        "full_buffer": ("user", np.isin(np.arange(users), full)),
        "sla_rate_bps": ("user", np.where(np.arange(users) % 3 == 2, NAN, 6e5)),
        "sla_desired_bps": ("user", np.where(np.arange(users) % 3 == 0, 1.2e6, NAN)),
        "sla_delay_s": ("user", np.array([[0.04, 0.025, np.inf][u % 3] for u in range(users)])),
        "sla_loss": ("user", np.array([[NAN, 0.01, 0.02][u % 3] for u in range(users)])),
    }
    attrs = {"family": "slicing", "scenario": "synthetic", "variant": "", "allocator": "none", "slot_s": 1e-3,
             "window_s": 0.25, "prbs": 50, "cells": cells, "slots_per_window": 250, "mends": 1}  # fmt: skip
    return xr.Dataset(data, coords, attrs)


def one_user(bits: dict[str, list[float]], targets: dict[str, float], window_s: float = 1.0) -> xr.Dataset:
    """One drop, one user, written out by hand; variables not given are zero, targets not given absent."""
    count = len(next(iter(bits.values())))
    names = (
        "served_bits",
        "demand_bits",
        "packets",
        "delay_s",
        "backlog_bits",
        "dropped_bits",
        "lost_bits",
        "oldest_s",
    )
    zero = [0.0] * count
    data = {n: (("drop", "window", "user"), np.array(bits.get(n, zero), float).reshape(1, -1, 1)) for n in names}
    known = ("sla_rate_bps", "sla_desired_bps", "sla_delay_s", "sla_loss")
    coords = {name: ("user", np.array([targets.get(name, NAN)])) for name in known}
    return xr.Dataset(data, coords, {"window_s": window_s, "cells": 1})


def groups(ds: xr.Dataset) -> Iterator[tuple[str, list[int]]]:
    names = [str(name) for name in ds["group"].values]
    yield "", list(range(len(names)))
    for name in sorted(set(names)):
        yield name, [u for u, own in enumerate(names) if own == name]


def mean(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else NAN


def by_user(ds: xr.Dataset, value: Callable[[int, int], float]) -> dict[str, list[float]]:
    """Mean over users of ``value(drop, user)``, for all and per group, one number per drop."""
    return {name: [mean([value(d, u) for u in users]) for d in range(ds.sizes["drop"])] for name, users in groups(ds)}


def number(ds: xr.Dataset, name: str, *index: int) -> float:
    return float(ds[name].values[index])


def endless(ds: xr.Dataset, u: int) -> bool:
    return "full_buffer" in ds.coords and bool(ds["full_buffer"].values[u])


def waiting_before(ds: xr.Dataset, d: int, t: int, u: int) -> float:
    if endless(ds, u):
        return math.inf
    if t > 0:
        return number(ds, "backlog_bits", d, t - 1, u)
    out = sum(number(ds, name, d, 0, u) for name in ("served_bits", "dropped_bits", "lost_bits", "backlog_bits"))
    return out - number(ds, "demand_bits", d, 0, u)


def due(ds: xr.Dataset, d: int, t: int, u: int) -> float:
    bits = waiting_before(ds, d, t, u) + number(ds, "demand_bits", d, t, u)
    limit = ds.attrs["window_s"] / 10
    if number(ds, "sla_delay_s", u) < limit:
        limit = number(ds, "sla_delay_s", u)
    if number(ds, "oldest_s", d, t, u) <= limit:
        bits -= number(ds, "backlog_bits", d, t, u)
    loss = number(ds, "sla_loss", u)
    return bits if math.isnan(loss) else bits * (1 - loss)


def counted(ds: xr.Dataset, d: int, t: int, u: int) -> bool:
    asked = waiting_before(ds, d, t, u) + number(ds, "demand_bits", d, t, u)
    return asked > 0 or number(ds, "backlog_bits", d, t, u) > 0


def window_met(ds: xr.Dataset, d: int, t: int, u: int) -> float:
    rate, loss = number(ds, "sla_rate_bps", u), number(ds, "sla_loss", u)
    budget = number(ds, "sla_delay_s", u)
    if math.isinf(budget) or endless(ds, u):
        budget = NAN
    if not counted(ds, d, t, u) or (math.isnan(rate) and math.isnan(loss) and math.isnan(budget)):
        return NAN
    served, packets = number(ds, "served_bits", d, t, u), number(ds, "packets", d, t, u)
    if not math.isnan(rate) and served < rate * ds.attrs["window_s"] and served < due(ds, d, t, u) - 0.1:
        return 0.0
    if packets > 0 and number(ds, "delay_s", d, t, u) / packets > budget:
        return 0.0
    if number(ds, "oldest_s", d, t, u) > budget:
        return 0.0
    gone = number(ds, "dropped_bits", d, t, u) + number(ds, "lost_bits", d, t, u)
    return 0.0 if gone > loss * number(ds, "demand_bits", d, t, u) else 1.0


def satisfaction(ds: xr.Dataset) -> dict[str, list[float]]:
    return by_user(ds, lambda d, u: mean([window_met(ds, d, t, u) for t in range(ds.sizes["window"])]))


def zone_value(ds: xr.Dataset, d: int, t: int, u: int, logistic: bool) -> float:
    low, high = number(ds, "sla_rate_bps", u), number(ds, "sla_desired_bps", u)
    if not counted(ds, d, t, u) or (math.isnan(low) and math.isnan(high)):
        return NAN
    low, high = (0.0 if math.isnan(low) else low), (low if math.isnan(high) else high)
    rate, wanted = number(ds, "served_bits", d, t, u) / ds.attrs["window_s"], due(ds, d, t, u) / ds.attrs["window_s"]
    if wanted < high:
        low, high = low * wanted / high, wanted
    if high == low:
        return 1.0 if rate >= high * (1 - 1e-6) else 0.0
    if logistic:
        return 1 / (1 + math.exp(-2 * math.log(9) * (rate - (low + high) / 2) / (high - low)))
    return min(1.0, max(0.0, (rate - low) / (high - low)))


def satisfaction_zone(ds: xr.Dataset, logistic: bool = False) -> dict[str, list[float]]:
    return by_user(ds, lambda d, u: mean([zone_value(ds, d, t, u, logistic) for t in range(ds.sizes["window"])]))


def rate_mbps(ds: xr.Dataset, d: int, u: int) -> float:
    bits = sum(number(ds, "served_bits", d, t, u) for t in range(ds.sizes["window"]))
    return bits / (ds.attrs["window_s"] * ds.sizes["window"]) / 1e6


def served_share(ds: xr.Dataset, d: int, u: int) -> float:
    asked = waiting_before(ds, d, 0, u) + sum(number(ds, "demand_bits", d, t, u) for t in range(ds.sizes["window"]))
    served = sum(number(ds, "served_bits", d, t, u) for t in range(ds.sizes["window"]))
    return served / asked if 0 < asked < math.inf else NAN


def jain(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    squares = sum(v * v for v in known)
    return sum(known) ** 2 / (len(known) * squares) if squares > 0 else NAN


def utility(values: list[float], alpha: float) -> float:
    total, known = 0.0, [v for v in values if not math.isnan(v)]
    for v in known:
        x = max(v, 1e-3) if alpha >= 1 else v
        total += math.log(x) if alpha == 1 else x ** (1 - alpha) / (1 - alpha)
    return total / len(known) if known else NAN


def quantile_ms(ds: xr.Dataset, d: int, users: list[int], share: float) -> float:
    edges = [float(edge) for edge in ds["delay_edge_s"].values]
    counts = [sum(number(ds, "delay_packets", d, u, n) for u in users) for n in range(len(edges))]
    target, so_far = share * sum(counts), 0.0
    for n, count in enumerate(counts):
        if so_far + count >= target:
            place = (target - so_far) / count
            if math.isinf(edges[n]):
                return math.inf
            if n == 0:
                return 1e3 * edges[0] * place
            return 1e3 * math.exp((1 - place) * math.log(edges[n - 1]) + place * math.log(edges[n]))
        so_far += count
    return NAN


def pooled(ds: xr.Dataset, part: tuple[str, ...], whole: str, users: list[int], d: int) -> float:
    top = bottom = 0.0
    for u in users:
        for t in range(ds.sizes["window"]):
            top += sum(number(ds, name, d, t, u) for name in part)
            bottom += number(ds, whole, d, t, u)
    return top / bottom if bottom > 0 else NAN


def tractor_value(ds: xr.Dataset, d: int, t: int, u: int) -> float:
    backlog = math.inf if endless(ds, u) else number(ds, "backlog_bits", d, t, u) / 1e6
    rate = number(ds, "served_bits", d, t, u) / ds.attrs["window_s"] / 1e6
    service = str(ds["service"].values[u])
    if service == "embb":
        return min(1.0, max(0.0, (1.5 + rate / 4 - backlog) / 3))
    if service == "urllc":
        if backlog == 0:
            return 1.0
        return 0.0 if rate == 0 else max(0.0, 1 - backlog / rate)
    prbs = number(ds, "slice_prbs", d, t, int(ds["serving"].values[d, u]), int(ds["slice_id"].values[u]))
    requested = number(ds, "requested_prbs", d, t, u)
    if prbs == 0:
        return 0.0
    return 1 / prbs if requested == 0 else min(1.0, number(ds, "granted_prbs", d, t, u) / requested)


def tractor_score(ds: xr.Dataset) -> dict[str, list[float]]:
    return by_user(ds, lambda d, u: mean([tractor_value(ds, d, t, u) for t in range(ds.sizes["window"])]))
