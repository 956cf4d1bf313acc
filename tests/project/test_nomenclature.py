"""Shape comments use the letters of ``docs/reference/nomenclature.md``, each where its table allows it.

Read are ``# [B, U, K]`` in comments and ``[B, U, K]`` in docstrings, of the four packages and of their tests.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "nomenclature.md"
ROOMS = ("phy", "mac", "allocators", "scenarios")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
_BRACKETS = re.compile(r"(?<![\w\])])\[([^\[\]]{1,80})\]")
_TERM = re.compile(r"\.\.\.|\*?(?!exp\()[\w '*+/()-]+")
_LETTER = re.compile(r"(?<![A-Za-z_])\d*([A-Z][a-z]?)(?![A-Za-z_])")


def table() -> dict[str, tuple[str, ...]]:
    """Letter -> the folders in which it may stand; an empty name allows it everywhere."""
    rows = PAGE.read_text("utf-8").partition("<!-- letters -->")[2].partition("<!-- /letters -->")[0].splitlines()
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 4 and cells[0].startswith("`"):
            letter = cells[0].strip("`")
            assert letter not in found, f"{letter} has two rows"
            found[letter] = ("",) if cells[3] == "everywhere" else tuple(re.findall(r"`([^`]+)`", cells[3]))
    return found


LETTERS = table()


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every docstring, and of every comment where one may hold a shape."""
    commented = re.search(r"#.*\[", source)  # most files have no shape in a comment, and need not be taken apart
    for token in tokenize.generate_tokens(io.StringIO(source if commented else "").readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def letters(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, letter and shape of every letter in a shape comment."""
    for line, text in prose(source):
        for match in _BRACKETS.finditer(text):
            if all(_TERM.fullmatch(term.strip()) for term in match[1].split(",")):
                for letter in _LETTER.findall(match[1]):
                    yield line + text.count("\n", 0, match.start()), letter, match[0]


def allowed(letter: str, file: str) -> bool:
    """A test may use the letters of what it tests; oracles and helpers serve several folders and may use any."""
    if file.startswith(("tests/oracles/", "tests/support/", "tests/project/")):
        return letter in LETTERS
    tested = file.removeprefix("tests/").replace("sionna/", "phy/sionna_adapter/")
    return any(tested.startswith(folder) for folder in LETTERS.get(letter, ()))


def wrong(path: Path) -> dict[str, list[str]]:
    """Letters of a file that the table does not allow there -> where."""
    file = path.relative_to(ROOT).as_posix()
    found: dict[str, list[str]] = {}
    for line, letter, shape in letters(path.read_text("utf-8")):
        if not allowed(letter, file):
            found.setdefault(letter, []).append(f"line {line}: {shape}")
    return found


def test_the_table_is_read() -> None:
    assert {"B", "T", "U", "C", "K", "S"} <= set(LETTERS) and LETTERS["B"] == ("",)
    assert all((ROOT / folder).exists() for folders in LETTERS.values() for folder in folders)


def test_shapes_are_found() -> None:
    text = '"""Of ``[B, 2K]``."""\nx: Tensor  # [B, U, C * 2D] and h[u,c]\n\n\ndef f():\n    """[..., Nt, L]"""\n'
    assert [(line, letter) for line, letter, _ in letters(text)] == [
        *((2, letter) for letter in "BUCD"),
        *((1, letter) for letter in "BK"),
        *((6, letter) for letter in ("Nt", "L")),
    ]
    assert not allowed("Z", "phy/link/sinr.py") and not allowed("S", "phy/link/sinr.py")
    assert not allowed("S", "tests/phy/link/test_mcs.py") and allowed("I", "tests/phy/link/test_mcs.py")
    assert allowed("S", "tests/oracles/oracles_sinr.py") and not allowed("Z", "tests/oracles/oracles_sinr.py")


def test_letters_have_one_meaning() -> None:
    assert {path.relative_to(ROOT).as_posix(): found for path in (*FILES, *TESTS) if (found := wrong(path))} == {}


def test_names_of_quantities_are_those_of_the_code() -> None:
    words = {word for path in FILES for word in re.findall(r"\w+", path.read_text("utf-8"))}
    rows = PAGE.read_text("utf-8").partition("## Quantities")[2].splitlines()
    named = {name for row in rows if row.startswith("|") for name in re.findall(r"`(\w+)`", row.split("|")[2])}
    assert len(named) > 30 and named - words == set()
