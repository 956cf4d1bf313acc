"""Trains every method on several seeds: ``python -m benchmarks.studies.multi_uav.train --out teams [--rounds 60]``.

Writes a policy and a learning curve (``METHOD-SEED.csv``: steps of all environments, mean return of an episode) for
each; those that are there are left alone, so that a study that was cut off goes on. All methods have equal steps.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from scenarios import load
from scenarios.policies.gamatr.training import METHODS, Progress, train_method

RIVALS = ("ippo", "mappo", "maddpg")
ENVS = 32
SCENARIO: dict[str, Any] = {"duration_s": 50}
"""What is changed of uav-hotspot: an episode has 50 decisions."""


def train_one(method: str, seed: int, rounds: int, folder: Path) -> None:
    """Trains a method on a seed, and writes its policy, and its curve last of all."""
    curve = folder / f"{method}-{seed}.csv"
    if curve.exists():
        return
    rows: list[tuple[int, float]] = []
    scenario = load("uav-hotspot", seed=seed, **SCENARIO)
    if method in METHODS:
        _train_team(method, scenario, rounds, folder / f"{method}-{seed}.npz", rows)
    else:
        _train_rival(method, scenario, rounds, folder / f"{method}-{seed}.pt", lambda *row: rows.append(row))
    with curve.open("w", newline="") as file:
        csv.writer(file).writerows([("steps", "mean_return"), *rows])
    print(f"{method} {seed}: {rows[-1][0]} steps, mean return {rows[-1][1]:.4g}", file=sys.stderr, flush=True)


def _train_team(method: str, scenario: Any, rounds: int, out: Path, rows: list[tuple[int, float]]) -> None:
    def tell(done: Progress) -> None:
        rows.append((done.steps, done.mean_return))

    train_method(method, scenario, rounds, None, out, lambda text: None, True, envs=ENVS, watch=tell)


def _train_rival(method: str, scenario: Any, rounds: int, out: Path, tell: Callable[[int, float], None]) -> None:
    from .rivals import train_maddpg, train_ppo

    ways = {"maddpg": train_maddpg, "ippo": partial(train_ppo, centralized=False),
            "mappo": partial(train_ppo, centralized=True)}  # fmt: skip
    rival = ways[method](scenario, rounds, ENVS, tell=tell)  # type: ignore[operator]
    rival.save(out)
    rival.env.close()


def main() -> None:
    """Trains all of them, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", default=",".join((*METHODS, *RIVALS)))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for seed in range(1, options.seeds + 1):
        for method in options.methods.split(","):
            train_one(method, 100 + seed, options.rounds, options.out)


if __name__ == "__main__":
    main()
