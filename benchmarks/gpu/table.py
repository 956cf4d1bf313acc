"""Writes what was measured as Markdown: a table for each part."""

from __future__ import annotations

from typing import Any

from .options import Row

TITLE = "# fairwave on a GPU"


def markdown(report: dict[str, Any]) -> str:
    """Builds the page of a report: about the machine, then the parts in their order."""
    about = [f"- {name}: {value}" for name, value in report["about"].items()]
    return "\n".join([TITLE, "", *about, *(line for part in report["parts"] for line in _part(part))]) + "\n"


def _part(part: dict[str, Any]) -> list[str]:
    title = f"## {part['name']}: {part['outcome']}, {part['seconds']:.0f} of {part['share_s']:.0f} s"
    why = ["", part["reason"]] if part.get("reason") else []
    return ["", title, *why, *(["", *_table(part["rows"])] if part["rows"] else [])]


def _table(rows: list[Row]) -> list[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[_cell(row.get(name)) for name in columns] for row in rows]
    return [_line(columns), _line(["---"] * len(columns)), *map(_line, lines)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "/")
