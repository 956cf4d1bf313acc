"""Commands of these tests draw nothing for a run or its page; tests of runs, reports, streams and the family do."""

from __future__ import annotations

import pytest

from scenarios.plots import figures
from scenarios.report import report


@pytest.fixture(autouse=True)
def _no_plots_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than a run of the toy family; ``inspect`` draws what it is asked for all the same."""
    for module in (figures, report):
        monkeypatch.setattr(module, "applicable_plots", lambda result: {})
