"""CSV files from measurements of traffic."""

from __future__ import annotations

from phy.csv_file import TableError


class TraceError(TableError):
    """A measurement file that cannot be used. Says which file, where possible which line, and what to do."""
