"""What a learning allocator keeps over resets, and by what it is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from allocators.registry import available, resolve
from allocators.wsn.q_table import QTable
from mac.core.contracts import LearningAllocator
from phy.random import Drops
from scenarios import families, load


def problem() -> Any:
    scenario = load({"name": "learning", "family": "wsn", "allocators": ["leach"], "field": {"nodes": 20}})
    return families.find("wsn").build(scenario, Drops(3, (0, 1)), torch.device("cpu"), torch.float64)


def run_rounds(allocator: Any, field: Any, rounds: int = 10) -> None:
    allocator.reset(field.context, 0)
    state = field.start()
    for _ in range(rounds):
        state, _ = field.step(state, allocator.decide(state.observation))


def saved(allocator: Any, path: Path) -> torch.Tensor:
    allocator.save(path)
    return QTable.load(path).values


def test_what_was_learned_stays_over_a_reset_only_while_learning(tmp_path: Path) -> None:
    field, path = problem(), tmp_path / "table.npz"
    learner = resolve("game_learning", "wsn", {"learning": True, "checkpoint": None})
    run_rounds(learner, field)
    learned = saved(learner, path)
    assert (learned != 0).any()
    learner.reset(field.context, 1)
    assert torch.equal(saved(learner, path), learned)
    learner.learning = False
    learner.reset(field.context, 1)
    assert (saved(learner, path) == 0).all()


def test_one_learner_knows_nothing_of_another(tmp_path: Path) -> None:
    field, path = problem(), tmp_path / "table.npz"
    one, other = (resolve("game_learning", "wsn", {"learning": True, "checkpoint": None}) for _ in range(2))
    run_rounds(one, field)
    other.reset(field.context, 0)
    assert (saved(other, path) == 0).all()


def test_nothing_is_saved_before_a_reset(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table before its first reset"):
        resolve("game_learning", "wsn").save(tmp_path / "table.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", sorted(available("wsn")))
def test_learners_are_known_by_their_protocol(name: str) -> None:
    assert isinstance(resolve(name, "wsn"), LearningAllocator) == (name == "game_learning")
