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
    """The text form is the source: ``jupytext --to ipynb notebooks/<name>.py`` makes the other."""
    notebook = nbformat.read(path, as_version=4)
    assert _cells(notebook) == _cells(jupytext.read(path.with_suffix(".py")))
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in notebook.cells)
    nbformat.validate(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_shows_what_its_text_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=None, kernel_name="python3", resources=resources).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    CLAIMS[path.stem]([output.get("data", {"text/plain": output.get("text", "")}) for output in shown])


def _quickstart(outputs: list[dict[str, str]]) -> None:
    tables = unescape("".join(data.get("text/html", "") for data in outputs))
    assert "Result of 'slicing-quickstart': 4 allocators x 4 drops of 3 s" in tables
    assert sum("image/png" in data for data in outputs) == 3
    text = "\n".join(data.get("text/plain", "") for data in outputs)
    verdicts = {name: says for name, _, says in (line.partition(": ") for line in text.splitlines())}
    assert "cannot be told from 0" in verdicts["satisfaction"]  # the answer that the last part explains
    assert "better" in verdicts["satisfaction/urllc"] and "worse" in verdicts["satisfaction/embb"]


CLAIMS = {"01_quickstart": _quickstart}
"""What the text of each notebook says about its outputs."""


def test_each_has_its_claims() -> None:
    assert set(CLAIMS) == {path.stem for path in NOTEBOOKS}


def _cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]
