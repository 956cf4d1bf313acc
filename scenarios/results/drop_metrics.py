"""Computes the metrics of the drops in a shard, in the process that has its windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mac.metrics.registry import METRICS, metric_table

from ..families import make_all_known
from ..families.schema import plugged_metrics

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from ..families import Family
    from ..families.schema import ScenarioBase


@dataclass(frozen=True)
class DropMetrics:
    """Holds the metrics of drops.

    Attributes:
        table: as of :func:`drop_table`.
        known: names of all metrics that were tried.
    """

    table: pd.DataFrame
    known: tuple[str, ...]

    @property
    def is_of_all(self) -> bool:
        """Checks whether the same metrics are known in this process as in the one that has computed them."""
        return self.known == tuple(METRICS)


def drop_table(windows: xr.Dataset, more: Iterable[str] = ()) -> pd.DataFrame:
    """Tabulates the metrics of some drops in rows ``drop, metric, unit, value``.

    One drop at a time: a sum over an axis may round differently with the number of drops beside it.

    Args:
        windows: of one allocator and variant, as a shard holds them.
        more: metrics of plug-ins beside fairwave's own.
    """
    import pandas as pd

    names = list(more)
    each = (windows.isel({"drop": [place]}) for place in range(windows.sizes["drop"]))
    return pd.concat([metric_table(drop, more=names) for drop in each], ignore_index=True)


def metrics_before_writing(windows: xr.Dataset, scenario: ScenarioBase, family: Family) -> DropMetrics | None:
    """Computes metrics in a worker, bit for bit those of the shard once it is written and read.

    None where that is left to the process that reads the shard: with metrics of plug-ins, which it alone has checked,
    and where one fails, so that it fails there.
    """
    if plugged_metrics(scenario):
        return None
    make_all_known(family)
    try:
        return DropMetrics(drop_table(_as_read(windows)), tuple(METRICS))
    except Exception:  # a family's metric may raise anything at all
        return None


def _as_read(windows: xr.Dataset) -> xr.Dataset:
    """Returns arrays in memory as a file's are: sums round by the order in which they run through it."""
    return windows.map(lambda array: array.copy(data=np.asarray(array.to_numpy(), order="C")), keep_attrs=True)
