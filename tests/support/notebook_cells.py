"""Runs the cells of a notebook in this process, and collects what they show as Jupyter would."""

from __future__ import annotations

import ast
import contextlib
import io
import types
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pytest
from matplotlib.figure import Figure

Shown = dict[str, str]
"""What one output shows, by MIME type."""


def run_cells(
    notebook: nbformat.NotebookNode, changes: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> list[Shown]:
    """Runs all cells from top to bottom as one module, and returns what they show.

    Args:
        notebook: of Python cells without magic.
        changes: text -> the text that takes its place, so that a cell takes a moment; each must stand in the notebook.
        monkeypatch: undoes what the cells need: a module for their classes, ``plt.show``.
    """
    module = types.ModuleType("notebook_cells_of_a_test")
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    shown: list[Shown] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(_data(plt.gcf())))
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for before in changes:
        assert any(before in source for source in sources), f"no cell has '{before}'"
    for source in sources:
        for before, after in changes.items():
            source = source.replace(before, after)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            value = _run(source, vars(module))
        if printed.getvalue():
            shown.append({"text/plain": printed.getvalue()})
        if value is not None:
            shown.append(_data(value))
        plt.close("all")
    return shown


def _run(source: str, names: dict[str, Any]) -> Any:
    """Runs a cell; returns the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if isinstance(last, ast.Expr) else None


def _data(value: Any) -> Shown:
    if isinstance(value, Figure):
        picture = io.BytesIO()
        value.savefig(picture, format="png", dpi=30)
        return {"image/png": picture.getvalue().hex()}
    html = getattr(value, "_repr_html_", None)
    return {"text/plain": repr(value), **({"text/html": str(html())} if html else {})}
