"""Finds the allocators of a run whose backlog grows: their delay and loss depend on how long the run is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mac.metrics.stationarity import BacklogTrend, backlog_trend, growing

from .shards import RunKey

if TYPE_CHECKING:
    import xarray as xr

_MOST_NAMED = 6

Drifts = dict[RunKey, BacklogTrend]


def find_drifts(windows: Mapping[RunKey, Iterable[xr.Dataset]]) -> Drifts:
    """Finds the allocators and variants whose backlog grows (:mod:`mac.metrics.stationarity`).

    Args:
        windows: of each of them, in parts of some drops.
    """
    trends = {run_key: backlog_trend(parts) for run_key, parts in windows.items()}
    return growing({run_key: trend for run_key, trend in trends.items() if trend is not None})


def drift_sentence(drifts: Drifts) -> str | None:
    """Writes the warning that console and report show; None if no backlog grows."""
    if not drifts:
        return None
    named = [
        f"{run_key.allocator}{f' on {run_key.variant}' if run_key.variant else ''} ({100 * trend.share:.2g} %"
        f"{' of the arriving bits pile up' if number == 0 else ''})"
        for number, (run_key, trend) in enumerate(drifts.items())
    ]
    more = [f"{len(named) - _MOST_NAMED} more in meta.json"] if len(named) > _MOST_NAMED else []
    return (
        f"not stationary: delay and loss measure the run's length for {', '.join([*named[:_MOST_NAMED], *more])}; "
        "lower the load or compare rates"
    )


def drift_records(drifts: Drifts) -> list[dict[str, Any]]:
    """Lists them as plain values, for JSON."""
    return [
        {
            "variant": run_key.variant,
            "allocator": run_key.allocator,
            "growth_bps": trend.growth_bps,
            "share": trend.share,
            "p": trend.p,
        }
        for run_key, trend in drifts.items()
    ]
