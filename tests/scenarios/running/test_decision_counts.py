"""Allocators that count something of their decisions: recorded intervals only, alone and side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import scenarios
from mac.core.contracts import AllocatorError
from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from scenarios.cli.comparison import show_result

SMALL = {
    "extends": "slicing-quickstart", "name": "small", "drops": 2, "duration_s": 0.03, "warmup_s": 0.02,
    "window_s": 0.01, "slicing": {"interval_s": 0.01}, "carrier": {"prbs": 10},
}  # fmt: skip


@dataclass
class Counter:
    """Keeps the quotas, and counts one for each decision and the number of the drop."""

    wrong: Any = None

    def reset(self, context: SlicingContext, seed: int) -> None:
        self.each = torch.tensor(context.drops.ids) + 1
        self.total = torch.zeros_like(self.each)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        self.total = self.total + self.each
        return SlicingDecision(observation.rbg)

    def decision_counts(self) -> Any:
        return {"kept": self.total} if self.wrong is None else self.wrong


def run(out: Path, *allocators: Any, **options: Any) -> Any:
    return scenarios.run(SMALL, list(allocators), out=out, progress=False, plots=False, **options)


def test_counts_are_of_recorded_intervals_alone_and_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three intervals are recorded after two of warm-up, so drop 0 counts 3 and drop 1 counts 6."""
    together = run(tmp_path / "a", "equal", Counter())
    alone = run(tmp_path / "b", Counter(), drops_per_batch=1)
    for result in (together, alone):
        rows = result.per_drop[result.per_drop["metric"] == "counts/kept"]
        assert rows[["allocator", "drop", "value"]].to_numpy().tolist() == [["Counter", 0, 3.0], ["Counter", 1, 6.0]]
        assert result.counts == {"Counter": {"kept": 9}}
    assert together.to_xarray("equal").attrs["wall_shared_by"] == 2
    assert "counts" not in together.to_xarray("equal") and together.to_xarray()["counts"].dims[0] == "allocator"
    show_result(together)
    assert "counted by Counter over all drops: kept 9" in capsys.readouterr().out
    assert "counted by Counter over all drops: kept 9" in together.to_json()["notes"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([1, 2], "must return counts by name, given list"),
        ({"kept": torch.zeros(2)}, r"whole numbers \[2\], given torch"),
    ],
)
def test_counts_of_another_form_are_refused(tmp_path: Path, wrong: Any, says: str) -> None:
    with pytest.raises(AllocatorError, match=rf"allocator Counter: decision_counts\(\) raised .*{says}"):
        run(tmp_path / "run", Counter(wrong))
