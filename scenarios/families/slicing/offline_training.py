"""Trains TRACTOR's controller in rounds (arXiv 2312.07896): collect trials, train, deploy, collect again.

The first round collects trials of the expert and of the random policy, each later one trials of the policy that the
round before has trained. Samples of all rounds are kept, the pairs that are missing get virtual ones, and the training
begins anew in each round (ours). Trials are runs of the scenario and all its variants, on drops that no run has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from allocators.registry import resolve
from allocators.slicing.tractor.dqn_training import PUBLISHED_UPDATES, UPDATES, train_network
from allocators.slicing.tractor.moves import RBGS, SERVICES
from allocators.slicing.tractor.policy_file import Method, made_from, write_values
from allocators.slicing.tractor.q_network import QNetwork
from allocators.slicing.tractor.q_table import QTable
from allocators.slicing.tractor.samples import Samples, SliceScores, join, join_scores, samples_of
from allocators.slicing.tractor.tabular_training import PASSES, train_table
from allocators.slicing.tractor.virtual_samples import virtual_samples
from mac.core import loop
from mac.core.stacked_allocators import StackedAllocators
from mac.slicing.feasible import require_slicing
from mac.slicing.tractor_score import score_per_report
from phy.random import Drops

from ...config.loading import scenario_hash, variants
from ...errors import ScenarioError
from ...results.dataset import dataset
from ...running.plan import device_of
from ...running.training import FIRST_DROP, TrainingSummary, require_room, write_checkpoint
from .scenario import SlicingScenario, build, clock_of, labels

if TYPE_CHECKING:
    import xarray as xr

Tell = Callable[[str], None]
FIRST_ROUND = ("tractor_expert", "tractor_random")
ROUNDS = 3


@dataclass(frozen=True)
class OfflineTraining:
    """Describes a training.

    Attributes:
        method: dqn or tabular.
        rounds: of collecting and training.
        updates: of the network in each round, or passes of the table.
    """

    method: Method
    rounds: int
    updates: int


def train_dqn(
    scenario: SlicingScenario, rounds: int | None, updates: int | None, out: Path, tell: Tell, force: bool
) -> TrainingSummary:
    """Trains the network, and writes its file; see :func:`train_offline`."""
    return train_offline(scenario, OfflineTraining("dqn", rounds or ROUNDS, updates or UPDATES), out, tell, force)


def train_tabular(
    scenario: SlicingScenario, rounds: int | None, updates: int | None, out: Path, tell: Tell, force: bool
) -> TrainingSummary:
    """Trains the table, and writes its file; see :func:`train_offline`."""
    return train_offline(scenario, OfflineTraining("tabular", rounds or ROUNDS, updates or PASSES), out, tell, force)


def train_offline(
    scenario: SlicingScenario, training: OfflineTraining, out: Path, tell: Tell, force: bool
) -> TrainingSummary:
    """Trains a policy in rounds, and writes its file when all is done.

    Args:
        scenario: its drops are so many trials of each variant and policy.
        training: what and how long.
        out: the file.
        tell: told how far it is.
        force: overwrite a file that is no such policy.

    Raises:
        ScenarioError: the scenario has other slices or RBGs than the published system, or the file cannot be written.
        mac.core.contracts.AllocatorError: an allocator failed.
    """
    _require_published_slices(scenario)
    require_room(out)
    if not force and out.exists() and not _is_policy(out):
        raise ScenarioError(f"--out {out} is there already and no earlier policy; name another file, or give --force")
    samples: list[Samples] = []
    scores: list[SliceScores] = []
    partial = out.with_name(f".{out.name}.policy")
    policies: dict[str, dict[str, Any]] = {name: {} for name in FIRST_ROUND}
    first = FIRST_DROP
    try:
        for number in range(training.rounds):
            ids = tuple(range(first, first + len(policies) * scenario.drops))
            began = process_time()
            found, scored = _trials(scenario, policies, ids)
            collected = process_time()
            samples, scores, first = [*samples, found], [*scores, scored], first + len(ids)
            values, counts = _learned(join(samples), join_scores(scores), scenario, training)
            told = f"{counts['samples']} samples, {counts['virtual']} virtual ones"
            spent = f"{collected - began:.0f} s to collect, {process_time() - collected:.0f} s to train"
            tell(f"round {number + 1} of {training.rounds}: {told}; {spent}")
            origin = {**_origin(scenario, training), **counts}
            write_values(partial, values, origin)
            policies = {f"tractor_{training.method}": {"policy": str(partial)}}
        write_checkpoint(lambda path: write_values(path, values, origin), out)
    finally:
        partial.unlink(missing_ok=True)
    return TrainingSummary(f"tractor_{training.method}", training.rounds, scenario.drops, out)


def _trials(
    scenario: SlicingScenario, policies: Mapping[str, Mapping[str, Any]], ids: tuple[int, ...]
) -> tuple[Samples, SliceScores]:
    """Runs policies on drops of every variant, and returns the samples of all together."""
    found: list[tuple[Samples, SliceScores]] = []
    for part in variants(scenario).values():
        assert isinstance(part, SlicingScenario)
        found += trial_samples(_trial(part, policies, ids), part)
    return join([one for one, _ in found]), join_scores([scores for _, scores in found])


def _trial(scenario: SlicingScenario, policies: Mapping[str, Mapping[str, Any]], ids: tuple[int, ...]) -> xr.Dataset:
    """Runs policies side by side, each on drops of its own."""
    dtype = torch.float64 if scenario.dtype == "float64" else torch.float32
    problem = build(scenario, Drops(scenario.seed, ids), torch.device(device_of(scenario)), dtype)
    clock, made = clock_of(scenario), {name: resolve(name, "slicing", params) for name, params in policies.items()}
    span = loop.Span(clock.intervals, clock.warmup, clock.window, scenario.seed)
    windows = loop.run(problem, StackedAllocators(made, require_slicing), span, " and ".join(made))
    return dataset(windows, labels(scenario, problem), clock, problem.drops)


def trial_samples(trial: xr.Dataset, scenario: SlicingScenario) -> list[tuple[Samples, SliceScores]]:
    """Makes the samples of each drop and cell of a trial.

    Args:
        trial: windows of one report each.
        scenario: of the trial.
    """
    score = torch.from_numpy(np.ascontiguousarray(score_per_report(trial)))
    rbg = torch.from_numpy(trial["rbg"].transpose("drop", "window", "cell", "slice").to_numpy())
    rbg = rbg[..., [[one.service for one in scenario.slicing.slices].index(name) for name in SERVICES]]
    serving = torch.from_numpy(trial["serving"].transpose("drop", "user").to_numpy())
    service = trial["service"].to_numpy().astype(str)
    found = []
    for drop in range(len(rbg)):
        for cell in range(rbg.shape[2]):
            mine = [(serving[drop] == cell) & torch.from_numpy(service == name) for name in SERVICES]
            users = torch.stack([one.sum() for one in mine])
            mean = torch.stack([score[drop][:, one].mean(1) for one in mine], 1)  # NaN without UEs
            found.append(samples_of(users, rbg[drop, :, cell], mean))
    return found


def _learned(
    samples: Samples, scores: SliceScores, scenario: SlicingScenario, training: OfflineTraining
) -> tuple[QNetwork | QTable, dict[str, int]]:
    """Trains on all samples and the virtual ones that are missing among them."""
    least = scenario.slicing.min_rbg
    virtual = virtual_samples(samples, scores, least)
    every = join([samples, virtual])
    counts = {"samples": len(samples), "virtual": len(virtual)}
    if training.method == "dqn":
        return train_network(every, least, scenario.seed, training.updates), counts
    return train_table(every, least, training.updates), counts


def _origin(scenario: SlicingScenario, training: OfflineTraining) -> dict[str, Any]:
    from ...results.provenance import versions

    unit = "updates" if training.method == "dqn" else "passes"
    return {
        "scenario": scenario.name,
        "scenario_hash": scenario_hash(scenario),
        "rounds": training.rounds,
        unit: training.updates,
        "published": PUBLISHED_UPDATES if training.method == "dqn" else PASSES,
        "seed": scenario.seed,
        "first_drop": FIRST_DROP,
        "drops": scenario.drops,
        "duration_s": scenario.duration_s,
        "versions": versions(),
    }


def _is_policy(path: Path) -> bool:
    try:
        made_from(path)
    except ValueError:
        return False
    return True


def _require_published_slices(scenario: SlicingScenario) -> None:
    services = sorted(one.service for one in scenario.slicing.slices)
    rbgs, clock = scenario.slicing.rbgs(scenario.carrier.prbs), clock_of(scenario)
    if services != sorted(SERVICES) or rbgs != RBGS:
        raise ScenarioError(
            f"{scenario.name} has slices of {', '.join(services)} on {rbgs} RBGs; this training needs one slice each "
            f"of {', '.join(SERVICES)} on {RBGS} RBGs, as slicing-tractor has"
        )
    if clock.window != 1:
        raise ScenarioError(
            f"{scenario.name} has windows of {clock.window} reports; the reward is the score of one report: set "
            "window_s to slicing.interval_s"
        )
