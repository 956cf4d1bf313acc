"""The comparison of environments: what it prints of rates made up here, and that each peer steps."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.peers.environment_steps")


def environment(steps: ModuleType, name: str, distribution: str, prepare: Callable[[int], Any] | None = None) -> Any:
    return steps.Environment(
        name=name, distribution=distribution, models="walks", lacks="radio", prepare=prepare, together=(1, 8)
    )


def test_a_table_has_medians_and_names_what_is_not_installed(steps: ModuleType) -> None:
    present, absent = environment(steps, "here", "torch"), environment(steps, "gone", "no-such-environment")
    table = steps.table([present, absent], {("here", 1): [700.0, 900.0, 800.0], ("here", 8): [3.0, 2.0, 1.0]})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line]
    assert [row[2:] for row in rows[2:]] == [["1", "800", "walks", "radio"], ["8", "2.00", "walks", "radio"]]
    assert table.splitlines()[-1].startswith("gone is left out: no-such-environment is not installed (pip install")


def test_environments_take_turns_and_steps_of_all_are_counted(steps: ModuleType) -> None:
    taken: list[tuple[str, int]] = []

    class Counted:
        def __init__(self, name: str, together: int) -> None:
            self.key = (name, together)

        def reading(self, seconds: float) -> Any:
            taken.append(self.key)
            return importlib.import_module("benchmarks.peers.base").Reading(seconds * len(taken))

    both = [environment(steps, name, "torch", lambda count, name=name: Counted(name, count)) for name in "ab"]
    rates = steps.sitting(both, 2, 2.0)
    assert taken == [("a", 1), ("a", 8), ("b", 1), ("b", 8)] * 2
    assert rates["b", 1] == [6.0, 14.0]


@pytest.mark.parametrize("option", ["--rounds", "--seconds"])
def test_bad_input(option: str, steps: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert steps.main([option, "0"]) == 2
    assert capsys.readouterr().err == f"error: {option} must be more than 0, given 0\n"


@pytest.mark.parametrize(("environments", "calls"), [(1, 102), (2, 2)])  # an episode has 100 steps, one more raises
def test_mobile_env_begins_anew_where_an_episode_ends(environments: int, calls: int, steps: ModuleType) -> None:
    pytest.importorskip("mobile_env", reason="a peer: pip install -c constraints.txt '.[peers]'")
    session = steps.mobile_env(environments)
    for _ in range(calls):
        session.advance()
    assert session.slots == environments


def test_vmas_steps_a_batch(steps: ModuleType) -> None:
    pytest.importorskip("vmas", reason="a peer: pip install -c constraints.txt '.[peers]'")
    session = steps.vmas(3)
    before, after = session.advance()[0], session.advance()[0]
    assert [tuple(agent.shape) for agent in after] == [(3, 6 + 12)] * 4 and session.slots == 3
    assert all((one[:, :2] != other[:, :2]).any() for one, other in zip(before, after, strict=True))
