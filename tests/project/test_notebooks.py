"""Notebooks run from top to bottom, and both forms of each hold the same cells."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import types
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import jupytext
import matplotlib.pyplot as plt
import nbformat
import pytest
from matplotlib.figure import Figure

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
Shown = dict[str, str]
"""What one output shows, by MIME type."""

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@every_notebook
def test_both_forms_agree(path: Path) -> None:
    """The text form is the source: ``python -m benchmarks.figures.notebooks`` makes the other."""
    notebook = nbformat.read(path, as_version=4)
    assert _cells(notebook) == _cells(jupytext.read(path.with_suffix(".py")))
    nbformat.validate(notebook)


@every_notebook
def test_ships_with_outputs_that_show_what_its_text_says(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert not any(output.get("name") == "stderr" for output in _outputs(notebook))
    text, pictures = _text(
        [output.get("data", {"text/plain": output.get("text", "")}) for output in _outputs(notebook)]
    )
    assert pictures == PICTURES[path.stem]
    for pattern in ALWAYS[path.stem] + AS_SHIPPED[path.stem]:
        assert re.search(pattern, text), f"{pattern}\n{text}"


@every_notebook
@pytest.mark.filterwarnings("ignore")
def test_runs_and_shows_what_its_text_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer and shorter drops, which leave each verdict that is listed here as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    if "stable_baselines3" in path.with_suffix(".py").read_text("utf-8"):
        pytest.importorskip("stable_baselines3", reason="the extra rl is not installed")
    text, pictures = _text(run_cells(nbformat.read(path, as_version=4), SMALL[path.stem], monkeypatch))
    assert pictures == PICTURES[path.stem]
    for pattern in ALWAYS[path.stem]:
        assert re.search(pattern, text), f"{pattern}\n{text}"


SMALL = {
    "01_quickstart": {
        "drops=4, duration_s=3.0": "drops=2, duration_s=1.0",
        "run(scenario)": "run(scenario, plots=False)",
        "allocators, plots=False": "allocators, plots=False, duration_s=1.5, warmup_s=0.5",
    },
    "02_slicing_by_learning": {
        "steps, envs, drops = 9216, 32, 16": "steps, envs, drops = 48, 2, 2",
        "drops=drops, plots=False": "drops=drops, plots=False, duration_s=0.5, warmup_s=0",
    },
    "03_write_an_allocator": {
        "users, drops, duration_s = 12, 8, 1.0": "users, drops, duration_s = 6, 3, 0.3",
        '"warmup_s": 0.2': '"warmup_s": 0.1',
    },
    "04_your_own_environment": {
        "steps, envs, length = 76_800, 64, 60": "steps, envs, length = 12, 2, 6",
        "duration_s: 60": "duration_s: 6",
        "drops: 16": "drops: 2",
    },
}
"""What makes each notebook take a moment: text -> the text in its place."""

ALWAYS = {
    "01_quickstart": [
        "Result of 'slicing-quickstart': 4 allocators x",
        r"mine - expert, satisfaction: .*: cannot be told from 0",
        r"mine - expert, satisfaction/urllc: .*: cannot be told from 0",
        r"mine - expert, satisfaction/embb: (.*: cannot be told from 0|the same)",
        *(rf"demand - expert, satisfaction{group}: .*: worse" for group in ("", "/embb")),
    ],
    "02_slicing_by_learning": [rf"ppo - {rule}, satisfaction: " for rule in ("tractor_expert", "max_weight")],
    "03_write_an_allocator": [
        r"AlphaFair keeps the contract of the family scheduling",
        r"allocator wrong: decision not allowed: cell 0 gives PRB \d+ to user \d+, which does not exist",
        r"alpha_0 max_rate +0\.0+ +0\.0+ +0\.0+ ",
        r"alpha_1 - alpha_0\.5, rate_mean: .*: less",
        r"alpha_1 - alpha_0\.5, rate_p5: .*: more",
    ],
    "04_your_own_environment": [r"\(24,\) \(6,\)", r"learned - kmeans_placement, satisfaction: "],
}
"""Patterns of what each notebook shows, with small settings too."""

AS_SHIPPED = {
    "01_quickstart": [
        r"4 allocators x 4 drops of 3 s",
        r"mine - expert, satisfaction/embb: .*: cannot be told from 0",
    ],
    "02_slicing_by_learning": [
        r"ppo - demand_proportional, satisfaction: .*: better",
        *(rf"ppo - {rule}, satisfaction: .*: cannot be told from 0" for rule in ("tractor_expert", "max_weight")),
    ],
    "03_write_an_allocator": [
        *(rf"alpha_{a} - alpha_{b}, rate_mean: .*: less" for a, b in (("0.5", "0"), ("2", "1"), ("4", "2"))),
        *(rf"alpha_{a} - alpha_{b}, rate_p5: .*: more" for a, b in (("0.5", "0"), ("2", "1"), ("4", "2"))),
    ],
    "04_your_own_environment": [
        rf"learned - {rule}, satisfaction: .*: better" for rule in ("static_grid", "random_walk", "kmeans_placement")
    ],
}
"""What its outputs show beside, as they ship."""

PICTURES = {"01_quickstart": 3, "02_slicing_by_learning": 2, "03_write_an_allocator": 2, "04_your_own_environment": 2}


def test_each_has_its_claims() -> None:
    assert set(SMALL) == set(ALWAYS) == set(AS_SHIPPED) == set(PICTURES) == {path.stem for path in NOTEBOOKS}


def _outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _text(shown: list[Shown]) -> tuple[str, int]:
    """All text that outputs show, and the number of pictures."""
    kinds = ("text/plain", "text/html")
    text = "\n".join(unescape(str(data[kind])) for data in shown for kind in kinds if kind in data)
    return text, sum("image/png" in data for data in shown)


def _cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


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
    monkeypatch.setitem(sys.modules, module.__name__, module)
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
