"""Records which of a user's files a run imports, or opens by itself, each with a digest of its contents.

Modules that are imported late and files that a plug-in opens show only as the run goes on.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

from mac.core.plugin_traceback import is_user_file

ROOMS = ("phy", "mac", "allocators", "scenarios")
_SCRIPTS = ("__main__", "__mp_main__")  # the latter in a process that multiprocessing has spawned
_IMPORTERS = ("import_module", "__import__")


@dataclass(frozen=True)
class _Import:
    """Describes a user's module as it was when this process first met it."""

    spec: object  # another one after a reload
    file: str
    digest: str | None
    needs: frozenset[str]  # modules that it may have imported


class _FileWatch:
    """Notes which of the user's files are imported, and opened while it listens.

    It is an audit hook, since plug-ins open files as they like, and a hook cannot be taken away again. This one raises
    nothing, and nothing in a slot of fairwave's own triggers it. A file counts with its contents at the first time that
    it is opened, unless this run has written it.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.roots: set[str] = set()  # modules that the run names
        self.before: dict[str, object] = {}  # specs of the imports that this process had made before the run
        self.imports: dict[str, _Import | None] = {}  # by module's name; None for one that is not the user's
        self.reads: dict[str, str | None] = {}  # of this run: digests by path, None for what it wrote
        self.readers: dict[str, tuple[str, frozenset[str]]] = {}  # of any run: a digest, and modules that read it

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Notes a file that is opened."""
        if event == "open" and self.depth:
            name, _, flags = arguments
            if isinstance(name, str | bytes | os.PathLike) and isinstance(flags, int):
                with contextlib.suppress(OSError, ValueError):  # the code that opens it gets the error
                    self._note(os.path.abspath(os.fsdecode(name)), flags)

    def _note(self, path: str, flags: int) -> None:
        if path in self.reads:
            return
        self.reads[path] = None  # as it is opened once more, to be read here
        writes = flags & os.O_ACCMODE == os.O_WRONLY or flags & os.O_CREAT
        if not writes and is_user_file(path) and (digest := file_digest(Path(path))):
            self.reads[path] = digest
            self.readers[path] = (digest, frozenset(_modules_above(sys._getframe(2))))

    def begin(self) -> None:
        """Starts recording for a run."""
        self.roots.clear()
        self.reads.clear()
        self.imported()
        self.before = {name: one.spec for name, one in self.imports.items() if one is not None}

    def imported(self) -> dict[str, str]:
        """Returns the files of all modules of the user's, with their digests."""
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None) or module if type(module) is ModuleType else None
            known = self.imports.get(name)
            if name not in self.imports or name == "__main__" or (known is not None and known.spec is not spec):
                self.imports[name] = None if spec is None else _import_of(module, spec)
        return {one.file: one.digest for one in self.imports.values() if one is not None and one.digest}

    def files(self) -> dict[str, str]:
        """Returns what this run was made from: files of modules, and those that it or these modules have read."""
        self.imported()
        mine = {name: one for name, one in self.imports.items() if one is not None}
        new = [name for name, one in mine.items() if self.before.get(name) is not one.spec]
        needed, todo = set[str](), [*self.roots, *new]
        while todo:
            name = todo.pop()
            if name in mine and name not in needed:
                needed.add(name)
                todo += (*mine[name].needs, name.rpartition(".")[0])
        modules = {mine[name].file: digest for name in needed if (digest := mine[name].digest)}
        earlier = {path: digest for path, (digest, readers) in self.readers.items() if readers & needed}
        read = {**earlier, **{path: digest for path, digest in self.reads.items() if digest}}
        return {**{path: digest for path, digest in read.items() if os.path.exists(path)}, **modules}


@functools.cache
def file_watch() -> _FileWatch:
    """Returns the hook of this process, from the first run on."""
    watch = _FileWatch()
    sys.addaudithook(watch)
    return watch


@contextlib.contextmanager
def watching_files(anew: bool = False) -> Iterator[None]:
    """Records which files of the user's are opened in this process.

    Args:
        anew: a run begins.
    """
    watch = file_watch()
    if anew:
        watch.begin()
    watch.depth += 1
    try:
        yield
    finally:
        watch.depth -= 1


@contextlib.contextmanager
def not_watching() -> Iterator[None]:
    """Records nothing of what the block opens: files of the run itself, written while a batch is under way."""
    watch = file_watch()
    depth, watch.depth = watch.depth, 0
    try:
        yield
    finally:
        watch.depth = depth


def require_modules(modules: Iterable[str]) -> None:
    """Records that the run needs these modules, imported before or not."""
    file_watch().roots.update(modules)


def required_modules() -> frozenset[str]:
    """Returns the modules that the run needs, to be told to other processes that compute a part of it."""
    return frozenset(file_watch().roots)


def made_from() -> str:
    """Returns as JSON the user's files that the run was made from here: path (relative to this folder) -> digest."""
    here, files = Path.cwd(), file_watch().files()
    shown = {str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path: path for path in files}
    return json.dumps({name: files[path] for name, path in sorted(shown.items())})


def _import_of(module: ModuleType, spec: object) -> _Import | None:
    """Describes a module as it is now; None if it is not the user's. Scripts and notebooks have code of their own."""
    if module.__name__ in _SCRIPTS:
        return _Import(spec, "", None, frozenset(_named_in(module)))
    file = vars(module).get("__file__")
    if not isinstance(file, str):
        return None
    path = Path(os.path.abspath(file))
    path = next((place for place in (path, *path.parents) if place.is_file()), path)  # the archive that it is in
    if not is_user_file(str(path)):
        return None
    return _Import(spec, str(path), file_digest(path), frozenset([*_named_in(module), *_said_in(module, path)]))


def _named_in(module: ModuleType) -> Iterator[str]:
    """Lists modules of what a module's names stand for; a package has names of all its modules, needed or not."""
    for value in list(vars(module).values()):
        name = str(value.__name__ if isinstance(value, ModuleType) else type(value).__module__)
        if not name.startswith(f"{module.__name__}."):
            yield name
        if isinstance(value, type | FunctionType):
            yield str(value.__module__)


def _said_in(module: ModuleType, path: Path) -> Iterator[str]:
    """Lists modules that a source imports anywhere, in a function or by a call too."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # machine code, or an archive
        return
    package = str(vars(module).get("__package__") or "")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (origin, *(f"{origin}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in _IMPORTERS:
            yield from (str(given.value) for given in node.args[:1] if isinstance(given, ast.Constant))


def _modules_above(frame: FrameType | None) -> Iterator[str]:
    """Lists modules of the functions that are at work, up to where fairwave called them."""
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] not in ROOMS:
        yield str(frame.f_globals.get("__name__"))
        frame = frame.f_back


def file_digest(path: Path) -> str | None:
    """Computes sixteen hex digits of the contents of a regular file; None where there is none to be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (OSError, ValueError):  # also a text that is no path
        return None
