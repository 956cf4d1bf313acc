"""Trains an allocator that learns: the very runs of a scenario, on drops that no run of it ever sees."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mac.core import loop
from mac.core.contracts import LearningAllocator
from mac.core.plugin_traceback import describe_error, plug_in_line
from phy.random import Drops

from .. import families
from ..errors import ScenarioError
from .entrants import Entrant
from .plan import make_plan

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase

FIRST_DROP = 1_000_000
"""Drops from here on are for training: a scenario has none of these numbers."""


@dataclass(frozen=True)
class TrainingSummary:
    """Sums up a training."""

    allocator: str
    episodes: int
    drops: int
    checkpoint: Path


def train(
    scenario: ScenarioBase,
    episodes: int,
    out: Path,
    progress: Callable[[int], None] | None = None,
    force: bool = False,
) -> TrainingSummary:
    """Trains the one allocator that a scenario names, and writes what it learned.

    An allocator that learns has a parameter ``learning`` and a method ``save(path)``; ``reset`` keeps what it has
    learned while ``learning`` is set.

    Args:
        scenario: with one allocator; its drops are so many of each episode.
        episodes: runs of the scenario's length, each on fresh drops.
        out: the checkpoint's file; written when all is done, never half.
        progress: told the number of episodes done.
        force: overwrite the file even if it is no earlier checkpoint of the allocator.

    Raises:
        ScenarioError: there is not one allocator, it does not learn, there are variants, the file cannot be written, or
            it is there and no earlier checkpoint.
        mac.core.contracts.AllocatorError: the allocator failed.
    """
    if len(scenario.allocators) != 1:
        names = ", ".join(spec.label for spec in scenario.allocators)
        raise ScenarioError(f"one allocator is trained at a time, given {names}; name one with --allocators")
    if scenario.variants:
        raise ScenarioError(f"{scenario.name} has variants; train on one of them, as a scenario of its own")
    require_room(out)
    family, plan = families.find(scenario.family), make_plan(scenario)
    allocator = _learner(scenario, family)
    _require_checkpoint(allocator, out, force)
    part = plan.parts[0]
    batch, clock = part.drops_per_batch, part.clock
    dtype = torch.float64 if scenario.dtype == "float64" else torch.float32
    for episode in range(episodes):
        first = FIRST_DROP + episode * scenario.drops
        for begin in range(first, first + scenario.drops, batch):
            ids = tuple(range(begin, min(begin + batch, first + scenario.drops)))
            problem = family.build(part.scenario, Drops(scenario.seed, ids), torch.device(plan.device), dtype)
            span = loop.Span(clock.intervals, clock.warmup, clock.window, scenario.seed + episode)
            loop.run(problem, allocator, span, scenario.allocators[0].label)
        if progress:
            progress(episode + 1)
    write_checkpoint(allocator.save, out)
    return TrainingSummary(scenario.allocators[0].label, episodes, scenario.drops, out)


def require_room(out: Path) -> None:
    """Refuses a checkpoint's file that is a folder, or lies in a folder that is not there.

    Raises:
        ScenarioError: it cannot be written.
    """
    if out.is_dir():
        raise ScenarioError(f"{out} is a folder; name a file, such as {out / 'checkpoint.npz'}")
    if not out.parent.is_dir():
        raise ScenarioError(f"there is no folder {out.parent} for the checkpoint; make it, or choose another --out")


def _learner(scenario: ScenarioBase, family: families.Family) -> LearningAllocator[Any, Any]:
    spec = scenario.allocators[0]
    made = Entrant(spec).make(family)
    if not isinstance(made, LearningAllocator):
        raise ScenarioError(
            f"allocator '{spec.label}' does not learn: it has no parameter 'learning' and no method save(path)"
        )
    learning = Entrant(spec.model_copy(update={"params": {**spec.params, "learning": True}}))
    learner: LearningAllocator[Any, Any] = learning.make(family)
    return learner


def _require_checkpoint(allocator: LearningAllocator[Any, Any], out: Path, force: bool) -> None:
    """Refuses to overwrite a file that is no earlier checkpoint of the allocator.

    Raises:
        ScenarioError: there is such a file.
    """
    known = getattr(allocator, "is_checkpoint", None)
    if force or not out.exists() or (callable(known) and known(out)):
        return
    raise ScenarioError(
        f"--out {out} is there already and no earlier checkpoint of this allocator; name another file, or give --force "
        "to overwrite it"
    )


def write_checkpoint(save: Callable[[Path], None], out: Path) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        save: writes the file at a path.
        out: the checkpoint's file, which is overwritten.

    Raises:
        ScenarioError: it cannot be written.
    """
    partial = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        save(partial)
        os.replace(partial, out)
    except OSError as error:
        raise ScenarioError(f"the checkpoint {out} cannot be written: {error.strerror}; choose another --out") from None
    except Exception as error:
        what = f"{describe_error(error)}{plug_in_line(error)}"
        raise ScenarioError(f"the checkpoint {out} was not written: save() raised {what}") from error
    finally:
        partial.unlink(missing_ok=True)
