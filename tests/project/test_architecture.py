"""The structure of the tree: entries of a folder, direction of imports, circles, tests that stand alone, words."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("phy", "mac", "allocators", "scenarios")
MOST_ENTRIES = 20
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
EXTRAS = {"tensorflow", "keras", "sionna_rt"}

WORDS = {
    "wsn": "wsn fnd hnd lnd lifetime lifetimes sink sinks sensor sensors cluster clusters leach graphml",
    "uav": "uav uavs drone drones propulsion rotor hover hovers",
    "slicing": "slicing slice slices quota quotas tractor rbg rbgs",
    "scheduling": "scheduling scheduler schedulers",
}
"""What only one family speaks of, in lower case."""

CORE = (
    *(f"scenarios/{name}" for name in ("bench", "cli", "config", "envs", "plots", "report", "results", "running")),
    *(f"scenarios/families/{name}.py" for name in ("environment", "family", "schema", "workload")),
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


@functools.cache
def imports(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """All imports of a file, at its head, within a function, or for types alone."""
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    return tuple(node for node in tree if isinstance(node, ast.Import | ast.ImportFrom))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that a file imports."""
    for node in imports(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        else:
            base = resolved(node, path)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in MODULES else base


@functools.cache
def graph() -> nx.DiGraph:
    """Which module imports which other one."""
    found = nx.DiGraph()
    for path in FILES:
        found.add_edges_from((module(path), name) for _, name in imported(path) if name in MODULES)
    found.remove_edges_from(nx.selfloop_edges(found))
    return found


def tracked() -> list[Path]:
    """Files that git tracks or would; of a copy without git, all in the folders that a release has."""
    told = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if told.returncode == 0:
        return [Path(line) for line in told.stdout.splitlines() if (ROOT / line).is_file()]
    found = (path for folder in (*ROOMS, "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*"))
    return [path.relative_to(ROOT) for path in found if path.is_file() and "__pycache__" not in path.parts]


def test_no_folder_has_more_entries_than_an_eye_takes_in() -> None:
    entries: dict[Path, set[str]] = {}
    for file in tracked():
        for below, above in zip((file, *file.parents), file.parents, strict=False):
            entries.setdefault(above, set()).add(below.name)
    assert len(entries) > 60
    crowded = {str(folder): len(found) for folder, found in entries.items() if len(found) > MOST_ENTRIES}
    assert crowded == {}


def test_imports_point_one_way_between_rooms() -> None:
    wrong = []
    for path in FILES:
        file = path.relative_to(ROOT)
        for line, name in imported(path):
            top = name.partition(".")[0]
            if top in ROOMS and ROOMS.index(top) > ROOMS.index(file.parts[0]):
                wrong.append(f"{file}, line {line}: {name} lies in a later room")
            if top in EXTRAS:
                wrong.append(f"{file}, line {line}: {name} is an extra; import it where it is used")
    assert wrong == []


def test_imports_are_relative_within_a_room_and_absolute_across() -> None:
    wrong = []
    for path in FILES:
        file = path.relative_to(ROOT)
        for node in imports(path):
            if isinstance(node, ast.ImportFrom):
                own = resolved(node, path).partition(".")[0] == file.parts[0]
                if node.level and not own:
                    wrong.append(f"{file}, line {node.lineno} leaves the room by dots")
                if own and not node.level:
                    wrong.append(f"{file}, line {node.lineno}: {node.module} is of this room; use dots")
    assert wrong == []


def test_every_import_is_seen() -> None:
    """Those at the head of a file, within a function, and for types alone, relative and absolute."""
    assert len(FILES) > 300 and graph().number_of_edges() > 1000
    assert graph().has_edge("mac.scheduling.problem", "mac.engine.engine")
    assert graph().has_edge("mac.scheduling.feasible", "mac.scheduling.feasible_numba")  # within a function
    assert graph().has_edge("scenarios.families.family", "scenarios.families.schema")  # for types alone
    assert graph().has_edge("scenarios.families.family", "phy.random")


def test_no_import_is_a_circle() -> None:
    """Imports within functions and for types alone count, too."""
    circles = [sorted(part) for part in nx.strongly_connected_components(graph()) if len(part) > 1]
    assert circles == []


def package_of(name: str) -> str:
    """A module's sub-package: two names, or three for a family; a module that lies in no sub-package is its own."""
    parts = name.split(".")
    return ".".join(parts[:3] if parts[:2] == ["scenarios", "families"] and len(parts) > 3 else parts[:2])


def test_sub_packages_import_one_way() -> None:
    between = nx.DiGraph()
    for one, other in graph().edges:
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


OF_MACHINES = ROOT / "scenarios" / "running" / "executors"
"""Speaks of clusters of computers."""


def core_files() -> Iterator[Path]:
    for name in CORE:
        place = ROOT / name
        found = [place] if place.is_file() else sorted((*place.rglob("*.py"), *place.rglob("*.j2")))
        yield from (path for path in found if OF_MACHINES not in path.parents)


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
            parts = {part for name in names for part in name.split(".")}
            from_a_test = any(part in ("tests", "conftest") or part.startswith("test_") for part in parts)
            assert not from_a_test, f"{path.name}, line {node.lineno}"


COMMANDS = re.compile(r"scenarios/(cli/\w+|families/\w+/commands)\.py")
"""Files of commands, whose docstrings are the help of the command line: those say what to do ("Compare ...")."""

_VERBS = """
Adapts Adds Adjusts Allocates Alternates Appends Applies Arranges Assigns Associates Attaches Auctions Averages
Bargains Begins Bids Breaks Brings Builds Calls Cancels Carries Checks Chooses Claims Collects Combines Compares
Compiles Computes Connects Converts Copies Counts Cuts Decides Declares Defines Delays Describes Divides Downloads
Draws Drops Ends Estimates Evaluates Expands Fills Filters Finds Flattens Flies Folds Follows Formats Fuses Gives
Handles Holds Hovers Imports Improves Interpolates Joins Keeps Labels Learns Leaves Lists Loads Looks Makes Maps
Matches Maximises Measures Merges Minimises Moves Names Normalises Notes Numbers Offers Opens Orders Packs Parses
Passes Pays Pickles Places Plans Posts Prepares Prints Provides Puts Raises Ranks Reads Rearranges Rebuilds Records
Reduces Refuses Registers Remembers Removes Renders Repeats Replaces Replays Reports Represents Resets Responds
Restores Returns Rounds Routes Runs Says Scales Schedules Selects Sells Sends Serves Sets Settles Shares Shifts Shows
Solves Sorts Splits Stacks Starts Steps Stops Stores Submits Subtracts Sums Tabulates Takes Tells Trains Translates
Transmits Turns Unpickles Updates Uploads Uses Validates Waits Warns Withdraws Wraps Writes Yields
"""
VERBS = frozenset(_VERBS.split())
"""Words with which the docstring of a module, class or function may begin; a new verb is added here."""

PERSONS = re.compile(
    r"(?<![a-z])(?:he|his|him|himself|she|her|whom?|whoever|(?:no|some|any|every)body|(?:some|any|every)one)(?![a-z])"
    r"|[\"#:(]\s*whose\b",
    re.IGNORECASE,
)
"""Words for persons, which a UE, a node or an allocator is not; "whose" may stand behind a noun ("UEs whose rays")."""

OF_WORDS = ("tests/project/test_architecture.py", "tests/project/test_docs.py")
"""Tests that hold lists of such words."""


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and docstring of the module and of all classes and functions that have one, private and inner ones too."""
    yield "the module", ast.get_docstring(tree) or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            text = ast.get_docstring(node)
            if text is not None and not is_value(node):
                yield node.name, text


def begins_with_a_verb(text: str) -> bool:
    """Whether a docstring does; "Names of the presets" begins with a noun."""
    first, _, rest = text.partition(" ")
    return first in VERBS and not rest.startswith("of ")


def is_value(node: ast.ClassDef | ast.FunctionDef) -> bool:
    """Properties are named for what they are: "Number of cells."."""
    names = {word for decorator in node.decorator_list for word in re.findall(r"\w+", ast.unparse(decorator))}
    return bool(names & {"property", "cached_property"})


def test_docstrings_begin_with_a_verb() -> None:
    wrong = {}
    for path in FILES:
        file = path.relative_to(ROOT).as_posix()
        found = () if COMMANDS.fullmatch(file) else docstrings(ast.parse(path.read_text("utf-8")))
        wrong |= {f"{file}: {name}": text.partition("\n")[0] for name, text in found if not begins_with_a_verb(text)}
    assert wrong == {}


def test_a_plural_noun_is_no_verb() -> None:
    assert begins_with_a_verb("Names the presets.") and not begins_with_a_verb("Names of the presets.")
    assert not begins_with_a_verb("The presets.") and not begins_with_a_verb("")


def test_text_speaks_of_no_persons() -> None:
    """Names, docstrings, comments and messages, in packages, tests, benchmarks and scenarios: a UE is an "it"."""
    files = [path for path in tracked() if path.suffix in (".py", ".yaml", ".j2") and str(path) not in OF_WORDS]
    lines = {
        f"{path}:{number}": line.strip()
        for path in files
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)
        if PERSONS.search(line)
    }
    assert len(files) > 500 and lines == {}
    assert PERSONS.search("users_who_move") and PERSONS.search("# whose links") and not PERSONS.search("UEs whose rays")


def test_files_stay_small() -> None:
    """In the rooms, the tests and the benchmarks alike."""
    sources = [path for path in tracked() if path.suffix == ".py"]
    assert len(sources) > 500
    lines = {str(path): len((ROOT / path).read_text("utf-8").splitlines()) for path in sources}
    assert {path: count for path, count in lines.items() if count > 400} == {}
