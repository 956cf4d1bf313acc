"""Declares a metric: one number per drop from the windows of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .windows import Array, Values

if TYPE_CHECKING:
    import xarray as xr

Better = Literal["higher", "lower"]
ANY = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
NOT_NEGATIVE = (0.0, math.inf)
"""Limits of a metric."""


@dataclass(frozen=True)
class Metric:
    """Computes one number per drop (and per group of UEs) from a windows dataset."""

    name: str
    unit: str  # "1" for a pure number
    description: str
    better: Better | None  # None: neither is better by itself
    compute: Callable[[xr.Dataset], Array | Values]  # [B], or one [B] per group with "" for all UEs
    needs: tuple[str, ...]  # variables, coordinates and attributes without which it does not apply
    applies: Callable[[xr.Dataset], bool] = lambda dataset: True
    limits: tuple[float, float] = ANY  # least and greatest possible value; intervals are cut there

    def fits(self, dataset: xr.Dataset) -> bool:
        """Returns whether this metric can be computed from ``dataset``."""
        variables, attributes = dataset.variables, dataset.attrs
        return all(name in variables or name in attributes for name in self.needs) and self.applies(dataset)
