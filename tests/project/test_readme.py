"""The README is short, runs, and shows what its commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_markdown import ROOT, clean_imports, run_page
from typer.testing import CliRunner

README = ROOT / "README.md"
_NUMBER = re.compile(r"(-?[\d.]+)(?: ± ([\d.]+)| \[([\d.]+), ([\d.]+)\])?\*?")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the run of ``make demo`` prints, as it is but for the plots."""
    from scenarios.cli.main import app
    from scenarios.plots import figures

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save_plots", lambda result, folder: [])
        folder = tmp_path_factory.mktemp("demo") / "run"
        printed = CliRunner().invoke(app, ["run", "slicing-quickstart", "--out", str(folder)])
        assert printed.exit_code == 0, printed.output
        yield printed.stdout


def test_it_is_short() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200 and max(map(len, lines)) <= 130


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scenarios.plots import figures

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(figures, "save_plots", lambda result, folder: [])
    with clean_imports(tmp_path):
        namespace = run_page(README)
    assert namespace["result"].allocators == ["equal", "tractor_expert", "Mine"]


def test_table_is_the_one_that_the_demo_prints(demo: str) -> None:
    """To the last digit on the machine that made it; others may round otherwise, and so get within an interval."""
    heading, shown = _joined(_between("quickstart-table"))
    printed = _cells(demo, "│")
    assert [word for word in " ".join(heading).split() if word not in demo] == []
    assert [row[0] for row in shown] == [row[0] for row in printed], demo
    for old, new in zip(shown, printed, strict=True):
        for a, b in zip(old[1:], new[1:], strict=True):
            (mean, half), (mean_now, _) = _numbers(a), _numbers(b)
            assert abs(mean - mean_now) <= 0.25 * half, f"README has {a}, now it is {b}:\n{demo}"


def test_sentences_are_those_that_the_demo_prints(demo: str) -> None:
    shown, fresh = _sentences(_between("quickstart-paired")), _sentences(demo)
    assert len(shown) == 3 and [_words(line) for line in shown] == [_words(line) for line in fresh], demo


def test_the_other_table_stands_in_the_page_that_the_readme_names() -> None:
    page = (ROOT / "docs" / "families" / "slicing.md").read_text(encoding="utf-8")
    _, *rows = _cells(page.partition("<!-- tractor-table -->\n")[2].partition("<!-- /tractor-table -->")[0], "|")
    assert len(rows[1:]) == 10 and [row[0] for row in rows[1:]][-1] == "all"
    for row in rows[1:]:
        assert all(0.0 <= mean - half < mean + half <= 1.0 for mean, half in map(_numbers, row[1:-1]))
    text = README.read_text(encoding="utf-8")
    assert "docs/families/slicing.md#tractors-nine-mixes" in text and "tractor-table" not in text


def _between(marker: str) -> str:
    text = README.read_text(encoding="utf-8")
    return text.partition(f"<!-- {marker} -->\n")[2].partition(f"<!-- /{marker} -->")[0]


def _sentences(text: str) -> list[str]:
    return [line for line in text.replace("\n    ", " ").splitlines() if " paired drops: " in line]


def _joined(text: str) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of tables that stand below each other as one wide table, whose first column they share."""
    tables = [_cells(table, "|") for table in text.strip().split("\n\n")]
    assert len({tuple(row[0] for row in table) for table in tables}) == 1
    wide = [[rows[0][0], *(cell for row in rows for cell in row[1:])] for rows in zip(*tables, strict=True)]
    return wide[0], wide[2:]


def _cells(text: str, border: str) -> list[list[str]]:
    """The cells of the table's rows."""
    rows = [line.strip(border).split(border) for line in text.splitlines() if line.startswith(border)]
    return [[cell.strip() for cell in row] for row in rows]


def _numbers(cell: str) -> tuple[float, float]:
    found = _NUMBER.fullmatch(cell)
    assert found is not None, cell
    half = float(found[4]) - float(found[1]) if found[4] else float(found[2] or 0.0)  # where it is cut, the upper half
    return float(found[1]), half


def _words(sentence: str) -> str:
    """A sentence without its numbers, which the last bits of another machine may change."""
    return re.sub(r"[+-]?\d+\.\d+", "#", sentence)
