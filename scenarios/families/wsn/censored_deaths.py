"""Reports deaths that had not come when a run ended, beside every mean, which they make too low."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...run_result import RunResult

_DEATHS = ("fnd", "hnd", "lnd")


def censored_deaths(result: RunResult) -> list[tuple[str, str]]:
    """Reports which deaths had not come in how many drops, as (metric, sentence); empty where all had."""
    lines = []
    for metric in _DEATHS:
        rows = result.per_drop[result.per_drop["metric"] == metric]
        open_ = rows["value"].isna().groupby(rows["allocator"], sort=False).agg(["sum", "count"])
        parts = [f"{label} {missing} of {drops}" for label, missing, drops in open_.itertuples() if missing]
        if parts:
            lines.append((metric, f"had not come when the run ended, in drops of {', '.join(parts)}; {_SO}"))
    return lines


_SO = "a mean over the other drops is too low, so take a longer duration_s"
