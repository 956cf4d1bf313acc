"""Notebooks run from top to bottom, and both forms of each hold the same cells."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_both_forms_agree(path: Path) -> None:
    """The text form is the source: ``python -m benchmarks.figures.notebooks`` makes the other."""
    notebook = nbformat.read(path, as_version=4)
    assert _cells(notebook) == _cells(jupytext.read(path.with_suffix(".py")))
    nbformat.validate(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_ships_with_outputs_that_show_what_its_text_says(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert not any(output.get("name") == "stderr" for output in _outputs(notebook))
    CLAIMS[path.stem](_shown(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_shows_what_its_text_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=None, kernel_name="python3", resources=resources).execute()
    CLAIMS[path.stem](_shown(notebook))


def _quickstart(outputs: list[dict[str, str]]) -> None:
    tables = unescape("".join(data.get("text/html", "") for data in outputs))
    assert "Result of 'slicing-quickstart': 4 allocators x 4 drops of 3 s" in tables
    assert sum("image/png" in data for data in outputs) == 3
    text = "\n".join(data.get("text/plain", "") for data in outputs)
    verdicts = {name: says for name, _, says in (line.partition(": ") for line in text.splitlines())}
    groups = ("", "/urllc", "/embb")  # the answer that the last part explains
    assert all("cannot be told from 0" in verdicts[f"mine - expert, satisfaction{group}"] for group in groups)
    assert all("worse" in verdicts[f"demand - expert, satisfaction{group}"] for group in ("", "/embb"))


CLAIMS = {"01_quickstart": _quickstart}
"""What the text of each notebook says about its outputs."""


def test_each_has_its_claims() -> None:
    assert set(CLAIMS) == {path.stem for path in NOTEBOOKS}


def _outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def _shown(notebook: nbformat.NotebookNode) -> list[dict[str, str]]:
    """What each output shows, by kind."""
    return [output.get("data", {"text/plain": output.get("text", "")}) for output in _outputs(notebook)]


def _cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]
