"""KPI reports of the TRACTOR data set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from .table import read_table

REPORT_S = 0.25
"""Time between two reports of a UE."""

KPI_COLUMNS = {
    "dl_mcs": "dl_mcs",
    "dl_n_samples": "dl_n_samples",
    "dl_buffer": "dl_buffer [bytes]",
    "tx_brate_dl": "tx_brate downlink [Mbps]",
    "tx_pkts_dl": "tx_pkts downlink",
    "dl_cqi": "dl_cqi",
    "ul_mcs": "ul_mcs",
    "ul_n_samples": "ul_n_samples",
    "ul_buffer": "ul_buffer [bytes]",
    "rx_brate_ul": "rx_brate uplink [Mbps]",
    "rx_pkts_ul": "rx_pkts uplink",
    "rx_errors_ul": "rx_errors uplink (%)",
    "ul_sinr": "ul_sinr",
    "phr": "phr",
    "sum_requested_prbs": "sum_requested_prbs",
    "sum_granted_prbs": "sum_granted_prbs",
    "ul_turbo_iters": "ul_turbo_iters",
}
"""The 17 KPIs of the TRACTOR classifier (arXiv 2312.07896): name here -> column of the file."""


def load_kpi(path: str | Path) -> pd.DataFrame:
    """KPI reports of one UE, one row a report, float64.

    The 17 KPIs come first under the names of :data:`KPI_COLUMNS`, units as in the file's header; the file's other
    named columns follow as they are. Empty separator columns and Timestamp are dropped: some files keep only three
    digits of it (1.67E+12). The index ``time_s`` counts 250 ms a row instead, which closes the pauses of a capture.

    Raises:
        TraceError: the file is missing, empty, cut off, binary, lacks one of the KPIs, or an entry is not finite.
    """
    table = read_table(Path(path), tuple(KPI_COLUMNS.values()), "a KPI report")
    known = set(KPI_COLUMNS.values()) | {"Timestamp"}
    columns = KPI_COLUMNS | {name: name for name in table.columns if name not in known}
    frame = pd.DataFrame({name: table.numbers(column) for name, column in columns.items()})
    frame.index = pd.Index(frame.index * REPORT_S, name="time_s")
    return frame
