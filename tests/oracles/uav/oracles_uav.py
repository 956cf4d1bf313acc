"""One interval of flying base stations in plain loops, float64; and the small problems that it is compared with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from mac.uav.problem import UavProblem
from phy.air_to_ground.mean_rate import mean_log2
from phy.air_to_ground.probabilistic_los import ENVIRONMENTS
from phy.random import Drops
from scenarios import load
from scenarios.families import find

C = 299_792_458.0


def snr(context, uav, user) -> float:
    """Mean SNR of one link at full power; ``uav`` (x, y, z), ``user`` (x, y)."""
    level = math.hypot(uav[0] - user[0], uav[1] - user[1])
    height = uav[2] - context.user_height_m
    place = ENVIRONMENTS[context.channel.environment]
    degrees = math.degrees(math.atan2(height, level))
    los = 1.0 / (1.0 + place.a * math.exp(-place.b * (degrees - place.a)))
    free = 20.0 * math.log10(4.0 * math.pi * context.radio.carrier_hz * math.hypot(level, height) / C)
    if context.channel.average == "loss":
        loss = free + los * place.los_db + (1.0 - los) * place.nlos_db
    else:
        gain = los * 10 ** (-place.los_db / 10.0) + (1.0 - los) * 10 ** (-place.nlos_db / 10.0)
        loss = free - 10.0 * math.log10(gain)
    noise_dbm = context.radio.noise_dbm_per_hz + 10.0 * math.log10(context.radio.bandwidth_hz)
    return 10.0 ** ((context.radio.power_dbm - loss - noise_dbm) / 10.0)


def efficiency(context, uav, user, sinr: float) -> float:
    if context.channel.fading == "none":
        return math.log2(1.0 + sinr)
    level = math.hypot(uav[0] - user[0], uav[1] - user[1])
    degrees = math.degrees(math.atan2(uav[2] - context.user_height_m, level))
    low, high = context.channel.k_horizon_db, context.channel.k_zenith_db
    k = 10.0 ** ((low + (high - low) * degrees / 90.0) / 10.0)
    return float(mean_log2(np.array([k]), np.array([sinr]))[0, 0])


def shares(rule: str, efficiencies: list[float], past: list[float], growth: float) -> list[float]:
    """Shares of one UAV's band among the users that it serves."""
    n = len(efficiencies)
    if rule == "equal":
        return [1.0 / n] * n
    if rule == "max_min":
        total = sum(1.0 / e for e in efficiencies)
        return [1.0 / e / total for e in efficiencies]
    floors = [p / (growth * e) for p, e in zip(past, efficiencies, strict=True)]
    low, high = 0.0, max(floors) + 1.0
    for _ in range(200):  # bisection of the level
        middle = 0.5 * (low + high)
        if sum(max(0.0, middle - f) for f in floors) > 1.0:
            high = middle
        else:
            low = middle
    return [max(0.0, low - f) for f in floors]


def interval(context, uavs, users, waiting, power, serving=None, share=None, past=None, rise=None):
    """Serving UAV (-1 where the user gets nothing), bits and SINR of each user of one drop."""
    drops_snr = [[snr(context, uav, user) for user in users] for uav in uavs]
    count = range(len(users))
    if serving is None:
        received = [[drops_snr[v][u] * power[v] for v in range(len(uavs))] for u in count]
        serving = [int(np.argmax(received[u])) if waiting[u] > 0 and max(received[u]) > 0 else -1 for u in count]
    busy = [any(serving[u] == v and waiting[u] > 0 for u in count) for v in range(len(uavs))]
    used = [float(b) for b in busy] if share is None else [sum(share[v]) for v in range(len(uavs))]
    rise = [1.0] * len(users) if rise is None else rise
    past = [0.0] * len(users) if past is None else past
    sinr, rates = [0.0] * len(users), [0.0] * len(users)
    least = 0.0 if context.radio.least_sinr_db is None else 10.0 ** (context.radio.least_sinr_db / 10.0)
    for u in count:
        v = serving[u]
        if v >= 0:
            others = sum(drops_snr[w][u] * power[w] * used[w] for w in range(len(uavs)) if w != v)
            sinr[u] = drops_snr[v][u] * power[v] / (rise[u] + others)
    growth = context.radio.bandwidth_hz * min(1.0, context.interval_s / context.radio.memory_s)
    for v in range(len(uavs)):
        mine = [u for u in count if serving[u] == v and waiting[u] > 0 and sinr[u] >= least]
        efficiencies = [efficiency(context, uavs[v], users[u], sinr[u]) for u in mine]
        if not mine:
            continue
        part = shares(context.radio.sharing, efficiencies, [past[u] for u in mine], growth) if share is None else None
        for place, u in enumerate(mine):
            got = share[v][u] if part is None else part[place]
            rates[u] = got * efficiencies[place] * context.radio.bandwidth_hz
    bits = [min(rates[u] * context.interval_s, waiting[u]) for u in count]
    got = [v if v >= 0 and waiting[u] > 0 and sinr[u] >= least else -1 for u, v in enumerate(serving)]
    return got, bits, sinr


def power_w(speed: float, climb: float = 0.0) -> float:
    """Rotary-wing power with the constants of the defaults, as published, and 20 N times the climb."""
    p0, pi, tip, v0, d0, rho, s, a = 79.86, 88.63, 120.0, 4.03, 0.6, 1.225, 0.05, 0.503
    induced = math.sqrt(math.sqrt(1 + speed**4 / (4 * v0**4)) - speed**2 / (2 * v0**2))
    return p0 * (1 + 3 * speed**2 / tip**2) + pi * induced + 0.5 * d0 * rho * s * a * speed**3 + 20.0 * max(climb, 0.0)


def tr36777(model: str, h: float, d: float, d3: float) -> tuple[float, float, float]:
    """P_LOS and both losses of TR 36.777 at 2 GHz, at height h and the distances d and d3."""
    lg, f = math.log10, 20 * math.log10(2.0)
    if model == "rma":
        p1, d1 = max(15021 * lg(h) - 16053, 1000), max(1350.8 * lg(h) - 1602, 18)
        los = max(23.9 - 1.8 * lg(h), 20) * lg(d3) + 20 * lg(40 * math.pi / 3) + f
        nlos = max(los, -12 + (35 - 5.3 * lg(h)) * lg(d3) + 20 * lg(40 * math.pi / 3) + f)
    elif model == "uma":
        p1, d1 = 4300 * lg(h) - 3800, max(460 * lg(h) - 700, 18)
        los = 28 + 22 * lg(d3) + f
        nlos = -17.5 + (46 - 7 * lg(h)) * lg(d3) + 20 * lg(40 * math.pi / 3) + f
    else:
        p1, d1 = 233.98 * lg(h) - 0.95, max(294.05 * lg(h) - 432.94, 18)
        los = max(20 * lg(4 * math.pi * 2e9 * d3 / 299_792_458), 30.9 + (22.25 - 0.5 * lg(h)) * lg(d3) + f)
        nlos = max(los, 32.4 + (43.2 - 7.6 * lg(h)) * lg(d3) + f)
    seen = 1.0 if d <= d1 else d1 / d + math.exp(-d / p1) * (1 - d1 / d)
    return seen, los, nlos


def scenario(**changes: Any) -> Any:
    """The preset uav-hotspot, changed by dotted keys."""
    return load(
        "uav-hotspot", **{"duration_s": 20, "drops": 2, **{k.replace("__", "."): v for k, v in changes.items()}}
    )


def problem(drops: tuple[int, ...] = (0, 1), dtype: torch.dtype = torch.float64, **changes: Any) -> UavProblem:
    made: UavProblem = find("uav").build(scenario(**changes), Drops(1, drops), torch.device("cpu"), dtype)
    return made


def points(*places: tuple[float, float], **more: Any) -> list[dict[str, Any]]:
    """One group of users at given places."""
    group = {"name": "all", "count": len(places), "placement": "points", "points_m": [list(p) for p in places]}
    return [{**group, **more}]
