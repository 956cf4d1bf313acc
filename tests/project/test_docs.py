"""Every page of docs/ does what it says: snippets run, commands exist, links lead somewhere, lists are complete."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from run_markdown import PAGES, ROOT, Block, blocks, clean_imports, needed, run_command, run_page

GENERATED = {"reference/command-line.md", "reference/scenario-schema.md"}
"""Pages that exist only in the site: ``docs/hooks/generated_pages.py`` makes them."""
DOCS = [page for page in PAGES if page.is_relative_to(ROOT / "docs")]
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)")


@pytest.fixture(autouse=True)
def _as_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder on the path, a family list that may be written to, no plots (drawing them takes a while)."""
    from scenarios import families
    from scenarios.plots import figures
    from scenarios.report import report

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(families, "FAMILIES", dict(families.FAMILIES))
    for module in (figures, report):
        monkeypatch.setattr(module, "applicable_plots", lambda result: {})


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in needed(page):
        pytest.importorskip(name, reason=f"{page.name} needs {name}, which is not installed")
    traces = tmp_path / "data" / "tractor" / "raw"  # stand-ins, so that commands on TRACTOR can be planned
    traces.mkdir(parents=True)
    for name in ("mmtc", "urll", "embb"):
        (traces / f"{name}.csv").write_text("Time,Source,Destination,Length\n0,10.0.0.1,172.30.1.1,500\n")
    support = str(ROOT / "tests" / "support")  # which a reader does not have on the path
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != support])
    for name in ("toy_family", "toy_package"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with clean_imports(tmp_path):
        run_page(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^(```.*?^```| {4}[^\n]*)$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for path, anchor in _LINK.findall(prose):
        target = (page.parent / path).resolve() if path else page
        if target in {ROOT / "docs" / generated for generated in GENERATED}:
            continue
        assert target.exists(), f"{page.name} links to {path}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [_anchor(heading) for heading in headings], f"{page.name} links to {path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_are_not_endless(page: Path) -> None:
    prose = [line for line in page.read_text(encoding="utf-8").splitlines() if "|" not in line]
    assert max(map(len, prose)) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_ue_is_it(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\b(?:he|him|his|himself|whom|nobody|everybody|somebody)\b", prose, re.IGNORECASE) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_modules_that_it_names_exist(page: Path) -> None:
    """In prose, snippets and commands: paths from the root, bare names of files, modules and what is in them."""
    assert _missing(page.read_text(encoding="utf-8")) == []


def test_a_wrong_name_is_found() -> None:
    text = "`phy/sinr.py`, mac.core.nothing, python -m benchmarks.figures.motions and `sinr_cuda.py` are not there"
    assert _missing(text) == ["phy/sinr.py", "mac.core.nothing", "benchmarks.figures.motions", "sinr_cuda.py"]
    assert _missing("`phy/link/sinr.py`, phy.random.Drops, `sinr_numba.py` and (tests/phy/) are there") == []


def test_the_tree_names_every_folder_of_the_packages() -> None:
    page = (ROOT / "docs" / "developer" / "architecture.md").read_text("utf-8")
    packages = [file.parent for top in _TOP.split("|")[:4] for file in (ROOT / top).glob("*/__init__.py")]
    folders = [f"`{folder.relative_to(ROOT).as_posix()}/`" for folder in packages]
    assert len(folders) > 25 and [folder for folder in folders if folder not in page] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    assert [
        page.name for page in DOCS if page.name != "index.md" and f"({page.relative_to(ROOT / 'docs')})" not in index
    ] == []


def test_navigation_holds_every_page_once() -> None:
    found = list(_leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    assert len(found) == len(set(found))
    assert set(found) == {page.relative_to(ROOT / "docs").as_posix() for page in DOCS} | GENERATED


def test_every_picture_is_shown_with_a_command_that_exists() -> None:
    """The gallery shows all pictures; of the drawing of the architecture the source is the picture itself."""
    page = ROOT / "docs" / "gallery.md"
    text = page.read_text("utf-8")
    folder = ROOT / "docs" / "images"
    pictures = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")} - {"architecture.svg"}
    assert set(re.findall(r"\(images/([^)]*)\)\]", text)) == pictures
    for entry in re.findall(r"<div markdown>\n(.*?)\n</div>", text, re.DOTALL):
        commands = re.findall(r"`((?:fairwave|python -m) [^`]*)`", entry)
        assert commands
        made = {folder for command in commands for folder in re.findall(r"^fairwave run .*--out (\S+)", command)}
        assert set(re.findall(r"\bruns/\w+", " ".join(commands))) <= made, "a run is made above what reads it"
        for command in commands:
            if command.startswith("fairwave"):
                run_command(Block(page.name, 0, "bash", "parse", command), command)
            else:
                assert (ROOT / Path(*command.split()[2].split("."))).with_suffix(".py").is_file(), command


def test_lists_are_complete() -> None:
    from scenarios import families
    from scenarios.cli import catalogue

    for family in families.FAMILIES:
        named = _first_column(f"families/{family}.md")
        assert named >= {row["name"] for row in catalogue.allocators() if row["family"] == family}
    assert _first_column("reference/metrics.md") == {row["name"] for row in catalogue.metrics()}
    assert _first_column("extend/traffic.md") == {"model", *(row["name"] for row in catalogue.traffic())}
    text = (ROOT / "docs" / "guide" / "scenario-files.md").read_text()
    assert [row["name"] for row in catalogue.scenarios() if f"`{row['name']}`" not in text] == []
    assert {row["family"] for row in catalogue.scenarios()} == set(families.names())


def test_every_command_is_in_the_index() -> None:
    from scenarios.cli.main import app

    commands = [command.split() for block in blocks(ROOT / "docs" / "index.md") for command, _ in block.commands()]
    shown = {words[1] for words in commands if words[0] == "fairwave"}
    names = {info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands}
    assert shown == names


def test_a_wrong_command_is_found(tmp_path: Path) -> None:
    for text in ("fairwave rum x", "fairwave run --drop 3", "make deno", "pip install .[devel]", "wget x"):
        page = tmp_path / "page.md"
        page.write_text(f"<!-- test: parse -->\n```bash\n{text}\n```\n")
        with pytest.raises(Exception, match=r"rum|scenario|--drop|deno|devel|wget"):
            run_page(page)


_TOP = "phy|mac|allocators|scenarios|benchmarks"
_NOT_OURS = {"mine.py", "xml2csv.py"}  # a file that the reader writes, a script of SUMO


def _missing(text: str) -> list[str]:
    """Paths, modules and bare file names of a text that are not in this repository."""
    paths = re.findall(rf"(?<![\w./-])((?:{_TOP}|tests|docs|notebooks)/[\w/.-]*[\w/])", text)
    modules = re.findall(rf"(?<![\w./-])((?:{_TOP})\.[a-z_]\w*(?:\.\w+)*)", text)
    files = set(re.findall(r"`(\w+\.(?:py|c|npz|jsonl))`", text)) - _NOT_OURS
    missing = [path for path in paths if not (ROOT / path).exists() and "NAME" not in path]
    return missing + [name for name in modules if not _found(name)] + sorted(files - _file_names())


@functools.cache
def _file_names() -> frozenset[str]:
    folders = (*_TOP.split("|"), "tests", "docs", "notebooks")
    return frozenset(path.name for folder in folders for path in (ROOT / folder).rglob("*"))


def _found(name: str) -> bool:
    """A module of that name, or one that holds the word which follows its name."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return count == len(parts) or parts[count] in file.read_text("utf-8")
    return False


def _leaves(nav: Any) -> Iterator[str]:
    """Files of a navigation, in any depth."""
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _leaves(entry)


def _first_column(page: str) -> set[str]:
    """Names in backticks in the first cells of a page's tables."""
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
