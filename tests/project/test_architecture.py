"""The structure of the tree: entries of a folder, direction of imports, circles, tests that stand alone, words."""

from __future__ import annotations

import ast
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("phy", "mac", "allocators", "scenarios")
MOST_ENTRIES = 20
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
EXTRAS = {"tensorflow", "keras", "sionna_rt"}

WORDS = {
    "wsn": "wsn fnd hnd lnd lifetime lifetimes sink sinks sensor sensors cluster clusters leach graphml",
    "slicing": "slicing slice slices quota quotas tractor rbg rbgs",
}
"""What only one family speaks of, in lower case."""

CORE = (
    *(f"scenarios/{name}" for name in ("bench", "cli", "config", "plots", "report", "results", "running")),
    *(f"scenarios/families/{name}.py" for name in ("family", "schema", "workload")),
    *(f"scenarios/{name}.py" for name in ("__init__", "errors", "files", "run_result")),
    "mac/core",
    "mac/metrics",
    "allocators/registry.py",
    "allocators/construction.py",
    "allocators/contract",
)
"""What serves all families, and knows none of them."""


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def resolved(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = path.relative_to(ROOT).parent.parts
    return ".".join((*package[: len(package) - node.level + 1], *([node.module] if node.module else [])))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that a file imports, at its head, within a function, or for types alone."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolved(node, path)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in MODULES else base


GRAPH = nx.DiGraph()
for _path in FILES:
    GRAPH.add_edges_from((module(_path), name) for _, name in imported(_path) if name in MODULES)
GRAPH.remove_edges_from(nx.selfloop_edges(GRAPH))
by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def tracked() -> list[Path]:
    """Files that git tracks or would; of a copy without git, all of the folders named here."""
    told = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    return [Path(line) for line in told.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_folder_has_more_entries_than_an_eye_takes_in() -> None:
    entries: dict[Path, set[str]] = {}
    for file in tracked():
        for below, above in zip((file, *file.parents), file.parents, strict=False):
            entries.setdefault(above, set()).add(below.name)
    crowded = {str(folder): len(found) for folder, found in entries.items() if len(found) > MOST_ENTRIES}
    assert crowded == {}


@by_file
def test_imports_point_one_way_between_rooms(path: Path) -> None:
    own = ROOMS.index(path.relative_to(ROOT).parts[0])
    for line, name in imported(path):
        top = name.partition(".")[0]
        assert top not in ROOMS or ROOMS.index(top) <= own, f"line {line}: {name} lies in a later room"
        assert top not in EXTRAS, f"line {line}: {name} is an extra; import it where it is used"


@by_file
def test_imports_are_relative_within_a_room_and_absolute_across(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            top = resolved(node, path).partition(".")[0]
            assert not node.level or top == own, f"line {node.lineno} leaves the room by dots"
            assert node.level or top != own, f"line {node.lineno}: {node.module} is of this room; use dots"


def test_no_import_is_a_circle() -> None:
    """Imports within functions and for types alone count, too."""
    circles = [sorted(part) for part in nx.strongly_connected_components(GRAPH) if len(part) > 1]
    assert circles == []


def package_of(name: str) -> str:
    """A module's sub-package: two names, or three for a family; a module that lies in no sub-package is its own."""
    parts = name.split(".")
    return ".".join(parts[:3] if parts[:2] == ["scenarios", "families"] and len(parts) > 3 else parts[:2])


def test_sub_packages_import_one_way() -> None:
    between = nx.DiGraph()
    for one, other in GRAPH.edges:
        if package_of(one) != package_of(other):
            between.add_edge(package_of(one), package_of(other))
    circles = [sorted(part) for part in nx.strongly_connected_components(between) if len(part) > 1]
    assert circles == []


def pieces(path: Path) -> Iterator[tuple[int, str]]:
    """Names, numbers, strings and comments of a source, or the lines of any other file, each with its line."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text("utf-8").splitlines(), 1)
        return
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if not (token.type == tokenize.NAME and token.string == "slice"):  # Python's own
                yield token.start[0], token.string


def core_files() -> Iterator[Path]:
    for name in CORE:
        place = ROOT / name
        yield from [place] if place.is_file() else sorted((*place.rglob("*.py"), *place.rglob("*.j2")))


@pytest.mark.parametrize("path", list(core_files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_speaks_of_no_family(path: Path) -> None:
    """Names, comments, docstrings and strings count; ``slice_prbs`` and ``SensorField`` hold a word."""
    words = {word: family for family, texts in WORDS.items() for word in texts.split()}
    for line, text in pieces(path):
        parts = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
        for word in words.keys() & set(parts):
            raise AssertionError(f"line {line} speaks of '{word}', a word of the family {words[word]}")


def test_the_core_is_there() -> None:
    assert len(list(core_files())) > 60 and all((ROOT / name).exists() for name in CORE)
    with pytest.raises(AssertionError, match="a word of the family wsn"):
        test_the_core_speaks_of_no_family(ROOT / "scenarios" / "families" / "wsn" / "plots.py")


def test_tests_stand_alone() -> None:
    """What tests share lies in tests/support and tests/oracles; a folder of tests has no ``__init__.py``."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.startswith("test_") for name in names), f"{path.name}, line {node.lineno}"


WITHOUT_PERSONS = ("phy",)
"""Rooms whose words are read below; a room joins them when its words hold."""

COMMANDS = re.compile(r"scenarios/(cli/\w+|families/\w+/commands)\.py")
"""Files of commands, whose docstrings are the help of the command line: those say what to do ("Compare ...")."""

_VERBS = """
Adds Adjusts Appends Applies Arranges Assigns Attaches Auctions Averages Bargains Bids Breaks Builds Calls Checks
Chooses Collects Combines Compares Compiles Computes Converts Copies Counts Cuts Decides Declares Defines Delays
Describes Divides Draws Drops Ends Estimates Evaluates Expands Filters Finds Flattens Folds Follows Fuses Gives Handles
Holds Imports Joins Keeps Learns Lists Loads Looks Makes Maps Matches Maximises Measures Merges Moves Names Notes
Numbers Orders Parses Passes Pickles Plans Posts Prepares Prints Provides Puts Raises Ranks Reads Rearranges Records
Refuses Registers Remembers Removes Renders Repeats Replaces Replays Reports Represents Resets Responds Restores Returns
Routes Runs Scales Schedules Selects Sells Sends Serves Sets Shares Shows Solves Sorts Splits Stacks Starts Steps Stores
Submits Subtracts Sums Tabulates Trains Translates Transmits Unpickles Updates Uses Waits Warns Writes Yields
"""
VERBS = frozenset(_VERBS.split())
"""Words with which the docstring of a public module, class or function may begin; a new verb is added here."""

PERSONS = re.compile(r"\b(he|his|him|himself|who|whom|whoever|nobody|somebody|everybody)\b", re.IGNORECASE)
"""Words for persons, which a UE is not."""


def in_rooms(rooms: tuple[str, ...]) -> Any:
    """Runs a test on each file of some rooms."""
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] in rooms]
    return pytest.mark.parametrize("path", files, ids=lambda path: str(path.relative_to(ROOT)))


def public_docstrings(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Full name and docstring of a module or class and of everything public in it that has one."""
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef) and not inner.name.startswith("_"):
            text = ast.get_docstring(inner)
            if text is not None:
                yield prefix + inner.name, text
            if isinstance(inner, ast.ClassDef):
                yield from public_docstrings(inner, f"{prefix}{inner.name}.")


@by_file
def test_public_docstrings_begin_with_a_verb(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = [("the module", ast.get_docstring(tree) or "")]
    if not COMMANDS.fullmatch(path.relative_to(ROOT).as_posix()):
        docstrings += public_docstrings(tree)
    others = {name: text.partition("\n")[0] for name, text in docstrings if text.split(" ", 1)[0] not in VERBS}
    assert others == {}


@in_rooms(WITHOUT_PERSONS)
def test_text_speaks_of_no_persons(path: Path) -> None:
    """Docstrings, comments and messages alike: a UE is an "it"."""
    lines = path.read_text("utf-8").splitlines()
    assert [line.strip() for line in lines if PERSONS.search(line)] == []


@by_file
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400
