"""Measures isaac-net: the downlink of its NR engine ("L2"), eager on the CPU, with every cell's queues full."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.peers.base import SLOT_S, Peer, Session, Size, around

MOST_CELLS = 7
"""Of one of its networks."""
SLOTS_PER_STEP = 20
BYTES, MESSAGES = 2e4, 3
"""Of each message, and messages a step that keep a user's queue full: more than its share of a cell can carry."""
BATCHES = {"W1": (1, 8), "W2": (1, 4), "W3": (1, 2)}

_REPORTS = "all users every five slots"


def settings(size: Size, rbg_prbs: int | None) -> dict[str, Any]:
    """Builds its ``NRConfig``: 15 kHz, a downlink carrier of its own, urban macro, UEs at 3 km/h."""
    return {
        "mu": 0,
        "duplex": "fdd",
        "n_prb": size.prbs,
        "rbg_size": rbg_prbs,
        "n_cells": MOST_CELLS,
        "cell_layout": "hex",
        "cell_isd_m": 500.0,
        "cell_center_m": (0.0, 0.0),
        "channel": "tr38901",
        "tr38901_scenario": "UMa",
        "noise_model": "thermal",
        "gnb_tx_dbm": 46.0,
        "ue_speed_mps": 3 / 3.6,
        "ul": False,
        "dl": True,
        "cqi_period_slots": 5,
        "control_step_ms": 1e3 * SLOT_S * SLOTS_PER_STEP,
        "discard": "none",  # messages wait for as long as it takes: every user always has something to be sent
        "timeout_steps": 10**6,
        "seed": 1,
    }


def prepare(size: Size, batch: int, rbg_prbs: int | None) -> Session:
    """Builds clusters of seven cells, as many as come nearest to the cells of the workload."""
    import torch
    from isaac_net import NRConfig, make_engine

    clusters = batch * round(size.cells / MOST_CELLS)
    config = NRConfig(**settings(size, rbg_prbs))
    users = MOST_CELLS * size.users_per_cell
    net = make_engine("L2", clusters, users, "cpu", config)
    draw, centres = random.Random(1), config.gnb_xy()
    home = [centres[number // size.users_per_cell] for number in range(users)]
    offsets = [[around(draw.random(), draw.random(), 35.0, 250.0) for _ in home] for _ in range(clusters)]
    place = torch.tensor([[(x + dx, y + dy) for (x, y), (dx, dy) in zip(home, row, strict=True)] for row in offsets])
    refill = torch.full((clusters, users), BYTES)
    served, steps = torch.zeros(clusters, users, dtype=torch.bool), 0

    def advance() -> None:
        nonlocal steps
        for _ in range(MESSAGES):
            net.add_dl_frames(None, refill)
        served.logical_or_(net.step(None, place)["dl_newest"] >= 0)
        steps += 1

    def signs() -> dict[str, float]:
        count = net.counters()["dl"]
        seconds = steps * SLOTS_PER_STEP * SLOT_S * clusters * MOST_CELLS
        return {
            "users_served": float(served.float().mean()),
            "prbs_given": count["prb_used"] / count["prb_avail"],
            "mbps_per_cell": 8e-6 * count["bytes_ok"] / seconds,
            "acks": count["tb_ok"] / (count["tb_ok"] + count["tb_fail"]),
        }

    return Session(advance=advance, slots=SLOTS_PER_STEP * batch, signs=signs)


_LACKS = (
    "a network of more than 7 cells (W2 is 3 clusters of 7, W3 is 8, hence 56 cells, that do not hear each other), "
    "wrap-around, fading that is alike on neighbouring PRBs"
)


def _models(granted: str) -> str:
    return (
        f"interference within 7 cells, Rayleigh fading and proportional fair {granted}, EESM, tables of block "
        "errors, OLLA, CQI every 5 slots, HARQ, queues, handover"
    )


PEERS = [
    Peer(
        name="isaac-net",
        distribution="isaac-net",
        models=_models("per group of 4 PRB (W1) or 8 (W2, W3), its default"),
        lacks=f"{_LACKS}, decisions per PRB",
        reports=_REPORTS,
        prepare=lambda size, batch: prepare(size, batch, None),
        batches=BATCHES,
    ),
    Peer(
        name="isaac-net-per-prb",
        distribution="isaac-net",
        models=_models("per PRB"),
        lacks=_LACKS,
        reports=_REPORTS,
        prepare=lambda size, batch: prepare(size, batch, 1),
        batches=BATCHES,
    ),
]
