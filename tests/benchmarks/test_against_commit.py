"""The comparison with a commit: what it reads of rows and prints of figures made up here."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def against(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.profiling.against_commit")


def test_trees_take_turns_and_ratios_are_of_the_same_round(against: ModuleType) -> None:
    order, speeds = [], iter([10.0, 30.0, 60.0, 15.0, 20.0, 50.0])

    def measure(case: object, ours: bool) -> dict[tuple[str, str], float]:
        order.append(ours)
        return {("exact", "1 drop"): next(speeds), ("fast" if ours else "exact", "best batch"): 1.0}

    pairs = against.in_turns([against.Case.read("W1r=W1")], 3, measure)
    assert order == [False, True, True, False, False, True]
    assert pairs == {("W1r=W1", "exact", "1 drop"): [(10.0, 30.0), (15.0, 60.0), (20.0, 50.0)]}
    assert against.table("abc", pairs).splitlines()[-1] == (
        "| W1r=W1 | exact | 1 drop | 15.0 | 50.0 | 3.00 | 2.50 to 4.00 |"
    )


def test_the_best_batches_of_two_trees_are_compared_whatever_they_are(against: ModuleType) -> None:
    rows = [
        {"mode": "exact", "drops": 1, "slots_per_s": 3.0, "cell_slots_per_s": 21.0},
        {"mode": "exact", "drops": 32, "slots_per_s": 8.0, "cell_slots_per_s": 56.0},
        {"mode": "fast", "drops": 1, "slots_per_s": 4.0, "cell_slots_per_s": 28.0},
    ]
    assert against.rates(rows, None) == {
        ("exact", "1 drop"): 3.0,
        ("exact", "best batch"): 8.0,
        ("fast", "1 drop"): 4.0,
        ("fast", "best batch"): 4.0,
    }
    assert against.rates(rows[1:2], 32) == {("exact", "32 drops"): 8.0}
    assert against.rates([{"environments": 64, "steps_per_s": 9.0}], None) == {("exact", "best batch"): 9.0}


@pytest.mark.parametrize("text", ["", "W1:", "W1:0", "W1:x", "W1=", "=W1"])
def test_a_case_of_another_form_is_refused(against: ModuleType, text: str) -> None:
    with pytest.raises(against.CannotMeasure, match="such as W1"):
        against.Case.read(text)


def test_an_unknown_commit_is_refused_in_a_sentence(against: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    if subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("this tree is not a git repository")
    assert against.main(["no-such-commit", "W1"]) == 2
    assert capsys.readouterr().err.startswith("error: git worktree add")


def test_a_tree_of_before_the_command_is_refused(against: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(against.CannotMeasure, match="has no command fairwave; take a later commit"):
        against.command_line(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "fairwave"\n')
    with pytest.raises(against.CannotMeasure, match="has no command fairwave; take a later commit"):
        against.command_line(tmp_path)
