"""What the progress bar says of rate and time left."""

from __future__ import annotations

import pytest

from scenarios.running.progress import pace


@pytest.mark.parametrize(
    ("done", "spent_s", "says"),
    [
        (0, 100.0, ("", "")),
        (10, 0.0, ("", "")),
        (250, 25.0, ("10 intervals/s", "0:01:15 left")),  # 750 more at 10 a second
        (1, 600.0, ("0.1 intervals/min", "6 days, 22:30:00 left")),  # 999 more of ten minutes: 599,400 s
        (1000, 60.0, ("17 intervals/s", "0:00:00 left")),
    ],
)
def test_time_left_follows_from_all_that_was_done(done: int, spent_s: float, says: tuple[str, str]) -> None:
    assert pace(done, 1000, spent_s, "interval") == says
