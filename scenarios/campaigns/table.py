"""Makes tables for a paper, of a run or of a sweep: means with intervals, what is best, what is not told apart from it.

In every row of points the best mean of a metric is compared with each other one by the paired test of
:func:`mac.metrics.intervals.paired`; the p-values of all these comparisons of the table are corrected together (Holm).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mac.metrics.intervals import ALL, paired, summarise
from mac.metrics.multiple_tests import holm
from mac.metrics.registry import metric_named

from ..errors import ScenarioError, did_you_mean, shown
from ..files import write_atomically
from ..results.caveats import LEVEL
from ..results.result import DROP_COLUMNS, Result
from ..results.run_folder import require_ours
from .points import value_text
from .rounding import rounded
from .selection import require_labels
from .sweep_folder import is_sweep
from .sweep_result import POINT, SweepResult

FORMATS = ("latex", "markdown", "csv")
_SUFFIXES = {".tex": "latex", ".md": "markdown", ".csv": "csv"}
_MOST_METRICS = 4  # of a run's headline, where none is asked for: more do not fit a column
_LATEX = {"\\": r"\textbackslash{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
          "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "µ": r"$\mu$", "∞": r"$\infty$",
          "≈": r"$^{\approx}$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}  # fmt: skip


def make_table(source: SweepResult | Result, metrics: Sequence[str] = (), variant: str | None = None) -> pd.DataFrame:
    """Computes what a table shows.

    Args:
        source: a run, or a sweep.
        metrics: to show; of a sweep the first of the headline, of a run the first four, if left out.
        variant: to show; the mean over variants if left out.

    Returns:
        Rows ``<keys>, allocator, metric, unit, mean, ci95_low, ci95_high, drops, remark, best, p_holm, tied``.
        ``p_holm`` is that of the comparison with the best of the point; ``tied`` says that it is not told apart from
        the best, at 5 %.

    Raises:
        ScenarioError: there is no such metric or variant.
    """
    keys = source.keys if isinstance(source, SweepResult) else []
    chosen = list(metrics) or source.headline[: 1 if isinstance(source, SweepResult) else _MOST_METRICS]
    table = source.per_drop if isinstance(source, SweepResult) else source.per_drop.assign(point=1)
    known = list(dict.fromkeys(table["metric"]))
    for name in chosen:
        if name not in known:
            alike = [one for one in known if ("/" in one) == ("/" in name)]
            raise ScenarioError(f"the table: {source.place} has no metric '{name}'{did_you_mean(name, alike)}")
    table = table[table["metric"].isin(chosen)]
    parts = [_point(part, keys, chosen, variant) for _, part in table.groupby(POINT, sort=False)]
    found = pd.concat(parts, ignore_index=True)
    corrected = np.array(holm(found["p"].to_numpy(dtype=np.float64).tolist()))
    tied = ~found["best"] & found["compared"] & ~(corrected <= LEVEL)
    return found.assign(p_holm=corrected, tied=tied).drop(columns=["p", "compared"])


def table_text(
    folder: str | Path,
    metrics: Sequence[str],
    form: str,
    variant: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Writes a table of the run or sweep in a folder as LaTeX (package booktabs), Markdown or CSV.

    Args:
        folder: of the run or sweep.
        metrics: as of :func:`make_table`.
        form: ``latex``, ``markdown`` or ``csv``.
        variant: as of :func:`make_table`.
        labels: name of a key, metric or allocator -> the text that stands for it, but in CSV.

    Raises:
        ScenarioError: there is no such format, metric, variant or name, or nothing in the folder.
    """
    if form not in FORMATS:
        raise ScenarioError(f"--format is {shown(form)}{did_you_mean(form, FORMATS)}")
    source: SweepResult | Result = SweepResult(folder) if is_sweep(Path(folder)) else Result(folder)
    table = make_table(source, metrics, variant)
    keys = source.keys if isinstance(source, SweepResult) else []
    if form == "csv":
        return table.drop(columns="remark").to_csv(index=False)
    layout = _layout(table, keys, labels or {})
    return _latex(layout, _note(table)) if form == "latex" else _markdown(layout, _note(table))


def form_asked(form: str | None, path: Path | None) -> str:
    """Finds the format of a table: that which is asked for, or by the suffix of its file, or Markdown.

    Raises:
        ScenarioError: the suffix is that of another format.
    """
    by_suffix = _SUFFIXES.get(path.suffix) if path is not None else None
    if form in FORMATS and by_suffix not in (None, form):
        raise ScenarioError(f"{path}: the suffix is that of {by_suffix}, and --format is {form}; leave --format out, "
                            "or name another file")  # fmt: skip
    return form or by_suffix or "markdown"


def form_of(path: Path, force: bool = False) -> str:
    """Finds the format of a table by the suffix of its file, before anything is written.

    Raises:
        ScenarioError: another suffix than ``.tex``, ``.md`` and ``.csv``, or a file of another program.
    """
    if path.suffix not in _SUFFIXES:
        raise ScenarioError(f"{path}: the suffix tells the format of a table{did_you_mean(path.suffix, _SUFFIXES)}")
    require_ours(path, force)
    return _SUFFIXES[path.suffix]


def write_table(text: str, path: Path, force: bool = False) -> Path:
    """Writes the text of a table into a file.

    Raises:
        ScenarioError: ``path`` is a folder or a file of another program, or cannot be written.
    """
    if path.is_dir():
        raise ScenarioError(f"{path} is a folder; name a file")
    require_ours(path, force)
    write_atomically(path, text)
    return path


@dataclass(frozen=True)
class _Cell:
    """Holds a mean and its interval as text, and how it compares."""

    mean: str
    interval: str
    best: bool
    tied: bool


@dataclass(frozen=True)
class _Layout:
    """Holds a table as it is printed: the columns that name a row, then those of values."""

    names: list[str]
    headings: list[str]
    rows: list[tuple[list[str], list[_Cell | None]]]
    title: str


def _point(table: pd.DataFrame, keys: Sequence[str], metrics: Sequence[str], variant: str | None) -> pd.DataFrame:
    """Computes the rows of one point; ``p`` is not yet corrected."""
    values = table[DROP_COLUMNS]
    shown_one = variant or (ALL if values["variant"].notna().any() else None)
    summary, differences = (_of(each, shown_one) for each in (summarise(values), paired(values, metrics)))
    if summary.empty:
        known = [str(name) for name in values["variant"].dropna().unique()]
        hint = did_you_mean(str(variant), known) or "; there are no variants"
        raise ScenarioError(f"unknown variant {shown(variant)}{hint}")
    rows = []
    for metric in metrics:
        part = summary[summary["metric"] == metric]
        best = _best(part, metric)
        for row in part.to_dict("records"):
            p = _p(differences, metric, best, str(row["allocator"]))
            compared = best is not None and math.isfinite(row["mean"])
            rows.append({**row, "best": row["allocator"] == best, "p": p, "compared": compared})
    settings = {key: table[key].iloc[0] for key in keys}
    frame = pd.DataFrame(rows).drop(columns="variant")
    return pd.concat([pd.DataFrame(settings, index=frame.index), frame], axis=1)


def _of(table: pd.DataFrame, variant: str | None) -> pd.DataFrame:
    return table[table["variant"].isna() if variant is None else table["variant"] == variant]


def _best(rows: pd.DataFrame, metric: str) -> str | None:
    """Finds the allocator with the best mean; None where neither direction is better, or there is but one mean."""
    better, known = metric_named(metric).better, rows[np.isfinite(rows["mean"])].set_index("allocator")["mean"]
    if better is None or len(known) < 2:
        return None
    return str(known.idxmax() if better == "higher" else known.idxmin())


def _p(differences: pd.DataFrame, metric: str, best: str | None, other: str) -> float:
    """Finds the p-value of the best against another allocator; NaN for itself, and where there is no test."""
    pair = differences[(differences["metric"] == metric) & differences["a"].isin([best, other])
                       & differences["b"].isin([best, other])]  # fmt: skip
    return float(pair["p"].iloc[0]) if len(pair) and best != other else math.nan


def _layout(table: pd.DataFrame, keys: list[str], labels: Mapping[str, str]) -> _Layout:
    """Arranges a table: of one metric allocators side by side, of several the metrics."""
    words = require_labels(labels, [*keys, *table["metric"].unique(), *table["allocator"].unique(), "allocator"])
    metrics = list(dict.fromkeys(table["metric"]))
    alone = len(metrics) == 1 and bool(keys)
    names, across = (keys, "allocator") if alone else ([*keys, "allocator"], "metric")
    columns = list(dict.fromkeys(table[across]))
    rows = []
    for _, part in table.groupby(names, sort=False, dropna=False):
        cells = {row[across]: _cell(row) for row in part.to_dict("records")}
        texts = [value_text(part[name].iloc[0]) for name in names]
        rows.append(([words.get(text, text) for text in texts], [cells.get(column) for column in columns]))
    headings = [words.get(name, name) for name in columns] if alone else [_heading(each, words) for each in metrics]
    return _Layout([words.get(name, name) for name in names], headings, rows,
                   _heading(metrics[0], words) if alone else "")  # fmt: skip


def _cell(row: dict[Any, Any]) -> _Cell:
    mean, interval = rounded(row["mean"], row["ci95_low"], row["ci95_high"])
    return _Cell(mean, f"{interval}{'*' if row['remark'] else ''}", bool(row["best"]), bool(row["tied"]))


def _heading(metric: str, words: Mapping[str, str]) -> str:
    found = metric_named(metric)
    arrow = {"higher": " ↑", "lower": " ↓"}.get(found.better or "", "")
    return f"{words.get(metric, metric)}{'' if found.unit == '1' else f' [{found.unit}]'}{arrow}"


def _note(table: pd.DataFrame) -> str:
    """Writes what the marks of a table mean."""
    drops = sorted(set(table["drops"]))
    counted = f"{drops[0]}" if len(drops) == 1 else f"{drops[0]} to {drops[-1]}"
    text = f"Mean and 95 % interval over {counted} drops."
    if table["best"].any():
        tests = int(table["p_holm"].notna().sum())
        corrected = f", Holm over {tests} comparisons" if tests > 1 else ""
        text += f" Bold: best. ≈: not told apart from the best (paired test at 5 %{corrected})."
    marked = " *: values are skewed, so that the interval does not hold, or tied, so that none can be told."
    return text + (marked if (table["remark"] != "").any() else "")


def _markdown(layout: _Layout, note: str) -> str:
    def cell(one: _Cell | None) -> str:
        if one is None:
            return "-"
        return f"{f'**{one.mean}**' if one.best else one.mean}{one.interval}{' ≈' if one.tied else ''}"

    lines = [[*layout.names, *layout.headings], ["---"] * len(layout.names) + ["---:"] * len(layout.headings)]
    lines += [[*labels, *map(cell, cells)] for labels, cells in layout.rows]
    body = "\n".join(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |" for line in lines)
    title = f"{layout.title}\n\n" if layout.title else ""
    return f"<!-- fairwave -->\n{title}{body}\n\n{note}\n"


def _latex(layout: _Layout, note: str) -> str:
    def cell(one: _Cell | None) -> str:
        if one is None:
            return "--"
        mean = rf"\textbf{{{_tex(one.mean)}}}" if one.best else _tex(one.mean)
        return f"{mean}{_tex(one.interval)}{_tex('≈') if one.tied else ''}"

    lines = [r"\begin{tabular}{" + "l" * len(layout.names) + "r" * len(layout.headings) + "}", r"\toprule"]
    if layout.title:
        first, count = len(layout.names) + 1, len(layout.headings)
        lines += [f"{'& ' * len(layout.names)}\\multicolumn{{{count}}}{{c}}{{{_tex(layout.title)}}} \\\\",
                  f"\\cmidrule(l){{{first}-{first + count - 1}}}"]  # fmt: skip
    lines += [" & ".join(map(_tex, [*layout.names, *layout.headings])) + r" \\", r"\midrule"]
    lines += [" & ".join([*map(_tex, labels), *map(cell, cells)]) + r" \\" for labels, cells in layout.rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "% fairwave\n% needs \\usepackage{booktabs}\n" + "\n".join(lines) + f"\n% {note}\n"


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
