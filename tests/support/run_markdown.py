"""Runs what a Markdown page tells its reader to run: Python blocks, ``fairwave`` commands, files to be saved.

A comment right above a fenced block, which a rendered page does not show, says how the test treats it:

- ``<!-- test: file mine.py -->``: the block is a file that the reader saves under this name
- ``<!-- test: add --drops 1 -->``: these arguments are added to each ``run``, ``sweep`` and ``experience``, for a
  quick test
- ``<!-- test: parse -->``: commands are checked against the command line, and not run
- ``<!-- test: fails -->``: each command must end with exit status 2

and ``<!-- test: needs tensorflow -->`` on a line of its own that the page needs this module.

Without a comment ``python`` blocks are executed in order, in one namespace a page, and ``bash`` and ``console`` blocks
run their ``fairwave`` commands; in a ``console`` block the other lines must be found in what the command prints.
Blocks in other languages are only looked at by the reader.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<how>[^\n]*?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SHELL = ("bash", "console")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    how: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}, line {self.line}"

    def commands(self) -> list[tuple[str, list[str]]]:
        """Each command and the lines of output that the page shows below it."""
        text = self.text.replace("\\\n", " ")
        if self.language == "bash":
            lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
            return [(line, []) for line in lines if line and not line.startswith("#")]
        found: list[tuple[str, list[str]]] = []
        for line in text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip():
                found[-1][1].append(line)
        return found


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page that name a language."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, text.count("\n", 0, match.start("text")), match["language"], match["how"] or "", match["text"])
        for match in _BLOCK.finditer(text)
    ]


def needed(page: Path) -> list[str]:
    """Modules without which a page cannot run."""
    return re.findall(r"^<!-- test: needs (\w+) -->$", page.read_text(encoding="utf-8"), re.MULTILINE)


def run_page(page: Path) -> dict[str, Any]:
    """Do everything that a page says, in the current folder; its Python namespace."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.how.startswith("file "):
            Path(block.how.removeprefix("file ")).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, str(page), "exec"), namespace)
        elif block.language in _SHELL:
            for command, shown in block.commands():
                _require_shown(block, shown, run_command(block, command))
    return namespace


def run_command(block: Block, command: str) -> str:
    """Run one command of a page; what it printed."""
    words = shlex.split(command)
    if words[0] != "fairwave":
        _require_known(block, words)
        return ""
    arguments = words[1:]
    if ">" in arguments:
        arguments = arguments[: arguments.index(">")]
    if block.how == "parse":
        _parse(arguments)
        return ""
    if block.how.startswith("add ") and arguments[0] in ("run", "sweep", "experience"):
        arguments += shlex.split(block.how.removeprefix("add "))
    from scenarios.cli.main import app

    result = CliRunner().invoke(app, arguments)
    expected = 2 if block.how == "fails" else 0
    assert result.exit_code == expected, f"{block.place}: {command}\n{result.output}\n{result.exception!r}"
    return result.output


@contextmanager
def clean_imports(folder: Path) -> Iterator[None]:
    """Forget afterwards what was imported from ``folder``, so that another page's ``mine`` is another module."""
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


def _parse(arguments: list[str]) -> None:
    """Check a command's name and options as the command line would, without running it."""
    from scenarios.cli.main import app

    group: Any = typer.main.get_command(app)
    with group.make_context("fairwave", list(arguments)) as context:
        name, command, rest = group.resolve_command(context, list(arguments))
        command.make_context(name, rest, parent=context)


def _require_known(block: Block, words: list[str]) -> None:
    """Other commands are not run, but what they name must be there."""
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, f"{block.place}: no make target {words[1]}"
    elif words[:2] == ["pip", "install"]:
        project = (ROOT / "pyproject.toml").read_text()
        for word in words:
            for extra in re.findall(r"^\.\[(.*)\]$", word):
                assert f"\n{extra} = [" in project, f"{block.place}: no extra {extra}"
        if "-c" in words:
            assert (ROOT / words[words.index("-c") + 1]).is_file(), block.place
    else:
        assert words[0] in ("python3", ".", "cd", "export", "jupyter"), f"{block.place}: unknown command {words[0]}"


def _require_shown(block: Block, shown: list[str], printed: str) -> None:
    got = " ".join(printed.split())
    for line in shown:
        if line.strip() != "...":
            assert " ".join(line.split()) in got, f"{block.place}: the command does not print {line!r}, but\n{printed}"
