"""Cuts reports into windows, and scales KPIs to 0 and 1 by the least and greatest value of the training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .kpi_log import LogError

SHORTEST, LONGEST = 4, 64


@dataclass(frozen=True)
class Scaling:
    """Holds the least and greatest value of each KPI in the training."""

    least: NDArray[np.float64]  # [KPIs]
    greatest: NDArray[np.float64]  # [KPIs]

    @classmethod
    def of(cls, reports: NDArray[np.float64]) -> Scaling:
        """Computes it of reports ``[reports, KPIs]``."""
        return cls(reports.min(0), reports.max(0))

    def __call__(self, reports: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scales reports ``[..., KPIs]`` to 0 and 1, and cuts what lies beyond; a KPI that never changed is 0."""
        span = self.greatest - self.least
        scaled = (reports - self.least) / np.where(span > 0, span, 1.0)
        return np.where(span > 0, np.clip(scaled, 0.0, 1.0), 0.0).astype(np.float32)


def windows_of(reports: NDArray[np.float64], length: int, stride: int) -> NDArray[np.float64]:
    """Cuts reports ``[reports, KPIs]`` into windows, ``[windows, length, KPIs]``.

    Args:
        reports: of one log.
        length: reports of a window.
        stride: reports from one window's begin to the next; less than the length, and windows overlap.

    Raises:
        LogError: there are fewer reports than a window has.
    """
    if len(reports) < length:
        raise LogError(f"{len(reports)} reports are too few for a window of {length}")
    views = np.lib.stride_tricks.sliding_window_view(reports, length, axis=0)[::stride]
    return np.ascontiguousarray(views.transpose(0, 2, 1))


def require_length(length: int) -> None:
    """Refuses a window that the published networks do not have.

    Raises:
        ValueError: it is shorter than 4 or longer than 64.
    """
    if not SHORTEST <= length <= LONGEST:
        raise ValueError(f"a window has {SHORTEST} to {LONGEST} reports, given {length}")
