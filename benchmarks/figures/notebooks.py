"""Executes notebooks and stores their outputs, as the repository ships them. All of them take about ten minutes.

python -m benchmarks.figures.notebooks [NAME ...]

The text form ``notebooks/NAME.py`` is the source; ``notebooks/NAME.ipynb`` is written. Progress bars are left out.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
_JUPYTEXT = {"formats": "ipynb,py:percent"}
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def executed(source: Path) -> nbformat.NotebookNode:
    """Runs a notebook in an empty folder; cells keep the ids of the stored notebook."""
    notebook = jupytext.read(source)
    if source.with_suffix(".ipynb").is_file():
        stored = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
        for cell, before in zip(notebook.cells, stored.cells, strict=False):
            cell["id"] = before["id"]
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=None, kernel_name="python3", resources=resources).execute()
    return without_traces(notebook)


def without_traces(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drops what differs from run to run: progress bars, times of cells, versions."""
    notebook.metadata = nbformat.from_dict({"jupytext": _JUPYTEXT, "kernelspec": _KERNEL})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def main() -> None:
    names = sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.py"))
    for source in (FOLDER / f"{name}.py" for name in names):
        nbformat.write(executed(source), source.with_suffix(".ipynb"))
        print(source.with_suffix(".ipynb").name)


if __name__ == "__main__":
    main()
