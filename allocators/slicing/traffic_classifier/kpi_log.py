"""Reads KPI reports of a UE from a log, and nothing else of it: 17 KPIs, one row each 250 ms (arXiv 2312.07896)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KPIS = (
    "dl_mcs", "dl_n_samples", "dl_buffer", "tx_brate_dl", "tx_pkts_dl", "dl_cqi", "ul_mcs", "ul_n_samples", "ul_buffer",
    "rx_brate_ul", "rx_pkts_ul", "rx_errors_ul", "ul_sinr", "phr", "sum_requested_prbs", "sum_granted_prbs",
    "ul_turbo_iters",
)  # fmt: skip
"""Names of the KPIs, in the order of a window's columns."""
UNITS = {
    "dl_buffer": "byte",
    "tx_brate_dl": "Mbit/s",
    "ul_buffer": "byte",
    "rx_brate_ul": "Mbit/s",
    "rx_errors_ul": "%",
}
REPORT_S = 0.25

_WORDS = {"downlink": "dl", "uplink": "ul"}


class LogError(ValueError):
    """Reports a log that cannot be used."""


def read_log(path: Path, kpis: Sequence[str] = KPIS) -> NDArray[np.float64]:
    """Reads the KPIs of a log, ``[reports, len(kpis)]``.

    Columns are found by their names, in any order and with or without a unit ("tx_brate downlink [Mbps]" is
    ``tx_brate_dl``); other columns are left out, and so are empty ones, with which some logs separate groups. A report
    that lacks a KPI is an error: what it was cannot be told.

    Args:
        path: CSV file with a header, also compressed (``.gz``).
        kpis: names of :data:`KPIS`.

    Raises:
        LogError: there is no such file, it is no CSV, lacks a KPI, has one twice, or has a value that is no number.
    """
    import pandas as pd

    if not path.is_file():
        raise LogError(f"there is no log {path}")
    try:
        table = pd.read_csv(path, low_memory=False, header=None, dtype=str)  # with a header, pandas renames a column
    except (ValueError, OSError, EOFError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LogError(f"{path} is no CSV file with a header: {str(error).splitlines()[0]}") from None
    header = ["" if isinstance(name, float) else str(name).strip() for name in table.iloc[0]]
    columns: dict[str, int] = {}
    for place, column in enumerate(header):
        name = kpi_name(column)
        if name in columns:
            raise LogError(f"{path} has the KPI {name} twice, in the columns {columns[name] + 1} and {place + 1}")
        if name in kpis:
            columns[name] = place
    if missing := [name for name in kpis if name not in columns]:
        raise LogError(f"{path} lacks {_listed(missing)}; its columns are {_listed([name for name in header if name])}")
    values = table.iloc[1:]
    return np.stack([_numbers(values[columns[name]].to_numpy(), name, path) for name in kpis], axis=1)


def kpi_name(column: str) -> str:
    """Returns the name of a KPI from that of a column: without unit, "downlink" as ``dl``, words joined by ``_``."""
    bare = re.sub(r"\[[^]]*\]|\([^)]*\)", " ", column.strip().lower())
    return "_".join(_WORDS.get(word, word) for word in re.split(r"[\s_]+", bare.strip()) if word)


def _numbers(values: NDArray[Any], name: str, path: Path) -> NDArray[np.float64]:
    try:
        numbers = values.astype(np.float64)
    except (ValueError, TypeError):
        raise LogError(f"{path}: the column of {name} holds text that is no number") from None
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise LogError(
            f"{path}: {name} is missing or not finite in {len(bad)} of {len(numbers)} reports, first in row "
            f"{bad[0] + 2}; remove these reports, or the log"
        )
    return numbers


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
