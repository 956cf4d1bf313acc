"""Defines what plots, reports and families read of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class RunResult(Protocol):
    """Defines a run as plots, the report and a family's own functions see it."""

    @property
    def run_dir(self) -> Path: ...
    @property
    def scenario(self) -> dict[str, Any]: ...
    @property
    def meta(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> pd.DataFrame: ...
    @property
    def paired(self) -> pd.DataFrame: ...
    @property
    def per_drop(self) -> pd.DataFrame: ...
    @property
    def allocators(self) -> list[str]: ...
    @property
    def variants(self) -> list[str | None]: ...
    @property
    def headline(self) -> list[str]: ...
    def to_xarray(self, allocator: str, variant: str | None = None) -> xr.Dataset: ...
