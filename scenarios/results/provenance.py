"""What made a shard: a digest of the code, the user's files that were imported or read, and the device.

Resuming mixes no two makers. What can be told before a run (fairwave, packages, an allocator and its state, the files
that a scenario names) is the shard's attribute ``code``. What shows only as it runs, modules that are imported late and
files that a plug-in opens by itself, is recorded file by file as the attribute ``made_from``.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import json
import os
import platform
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from mac.core.plugin_traceback import is_user_file

from ..config.loading import resolved
from .shards import Cell, attributes_of

if TYPE_CHECKING:
    from ..config.schema import ScenarioBase
    from ..running.entrants import Contender
    from ..running.plan import Plan

PACKAGES = ("fairwave", "torch", "sionna-no-rt", "numpy", "scipy", "pandas", "xarray", "pydantic")
_ROOMS = ("phy", "mac", "allocators", "scenarios")
_NO_CODE = (".yaml", ".j2", ".pyc", ".typed")  # settings are part of a scenario's hash, pages show and change nothing
_UNKNOWN = "unknown"  # code of an allocator object whose state cannot be told


_IMPORTERS = ("import_module", "__import__")


class UnknownContentError(TypeError):
    """Something holds what cannot be compared by its content."""


@dataclass(frozen=True)
class Maker:
    """What computes the shards of a cell; the attributes ``code`` and ``device`` of each."""

    code: str
    device: str
    unknown: str = ""  # why the state of its allocator cannot be told, if it cannot

    def attributes(self) -> dict[str, str]:
        """As they stand in a shard."""
        return {"code": self.code, "device": self.device}


def makers(plan: Plan, entrants: Sequence[Contender]) -> dict[Cell, Maker]:
    """What would compute each cell of a run now."""
    device = device_name(plan.device)
    common = code_digest() + source_digest(plan.family.scenario_type)
    needs([plan.family.scenario_type.__module__])
    contents = {entrant.label: _content(entrant, plan) for entrant in entrants}
    found = {}
    for part in plan.parts:
        needs(text.partition(":")[0] for text in _texts(resolved(part.scenario)))
        files = f"{_trace_digest(part.scenario)} {_named_digest(part.scenario)}"
        for label, (content, unknown) in contents.items():
            code = hashlib.sha256(f"{common} {content} {files}".encode()).hexdigest()[:16]
            found[Cell(part.variant, label)] = Maker(_UNKNOWN if unknown else code, device, unknown)
    return found


def foreign(folder: Path, made: Mapping[Cell, Maker]) -> str | None:
    """One sentence on the first shard in a run folder that other code or another device has made; None if none is."""
    known: dict[str, bool] = {}
    for cell, maker in made.items():
        for path in sorted(cell.folder(folder).glob("drops-*.nc")):
            found = attributes_of(path)
            if found is None:  # damaged: it will be computed anew
                continue
            if why := _difference(found, maker, folder, known):
                return why
    return None


def _difference(found: Mapping[str, Any], maker: Maker, folder: Path, known: dict[str, bool]) -> str | None:
    """Why a shard with these attributes is not this maker's; ``known`` says which files are as they were."""
    if found.get("device", maker.device) != maker.device:
        return (
            f"{folder} holds shards of another device, {found['device']}, than this, {maker.device}, which "
            "--resume would mix; take that device, or start a new folder"
        )
    if maker.unknown:
        return (
            f"{folder} cannot be resumed: {maker.unknown}, so nobody can tell whether this very object made the shards "
            "there; start a new folder, or give the allocator by its name and parameters"
        )
    remedy = f"start a new folder, or delete {folder / 'shards'}"
    for name, digest in _recorded(found).items():
        file = f"{name} {digest}"
        if file not in known:
            known[file] = _is_as_it_was(name, digest, folder)
        if not known[file]:
            return (
                f"{folder} holds shards of other code or data than this, which --resume would mix: {name} has changed "
                f"since, or is gone; {remedy}"
            )
    if found.get("code") == maker.code:
        return None
    return (
        f"{folder} holds shards of other code than this, which --resume would mix: fairwave, a package, an allocator "
        f"or its state, or a file that the scenario names has changed since; {remedy}"
    )


def _recorded(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The files that a shard was made from, with their digests; none in a shard of an older fairwave."""
    found: dict[str, str] = json.loads(attributes.get("made_from", "{}"))
    return found


def _is_as_it_was(name: str, digest: str, folder: Path) -> bool:
    """Has a file the contents that it had, and has this process imported no other ones from there?"""
    places = [Path(name)] if os.path.isabs(name) else [base / name for base in (Path.cwd(), *folder.absolute().parents)]
    path = next((place for place in places if place.is_file()), None)
    return path is not None and _file_digest(path) == digest == _watch().imported().get(str(path), digest)


@functools.cache
def code_digest() -> str:
    """Sixteen hex digits of fairwave's sources and tables and of the packages' versions, for this process."""
    total = hashlib.sha256(repr(sorted(versions().items())).encode())
    for room in _ROOMS:
        spec = importlib.util.find_spec(room)
        for place in sorted(spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(place).rglob("*")):
                if path.is_file() and path.suffix not in _NO_CODE and "__pycache__" not in path.parts:
                    total.update(f"{room}/{path.relative_to(place).as_posix()} {_digest(path.read_bytes())}".encode())
    return total.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # sionna may be there under its other name
            found[package] = "not installed"
    return found


def device_name(device: str) -> str:
    """``cuda (NVIDIA H200)`` or ``cpu (x86_64)``."""
    import torch

    return f"cuda ({torch.cuda.get_device_name()})" if device == "cuda" else f"cpu ({platform.machine()})"


def _content(entrant: Contender, plan: Plan) -> tuple[str, str]:
    """Digest of what decides in an allocator's place, and why there is none, if there is none."""
    try:
        return entrant.content(plan.family), ""
    except UnknownContentError as error:
        return "", f"the allocator '{entrant.label}' is an object that cannot be compared by its content ({error})"


def source_digest(thing: Any) -> str:
    """Digest of the file that defines a class, function or object; of the definition alone in a script or notebook."""
    kind = thing if inspect.isroutine(thing) or isinstance(thing, type) else type(thing)
    try:
        file = Path(inspect.getsourcefile(kind) or "")
        alone = getattr(kind, "__module__", "") == "__main__" or not file.is_file()
        return _digest(inspect.getsource(kind).encode() if alone else file.read_bytes())
    except (OSError, TypeError):
        return ""


def _trace_digest(scenario: ScenarioBase) -> str:
    """Digest of the contents of all traces that a scenario names."""
    from mac.traffic.trace import TraceError
    from mac.traffic.trace_paths import resolve

    digests = []
    for patterns in _patterns(resolved(scenario)):
        with contextlib.suppress(TraceError):  # a group without users may name what is not there
            digests += [_file_digest(path) for path in resolve(patterns)]
    return _digest(" ".join(map(str, digests)).encode())


def _patterns(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict) and value.get("model") == "trace_replay":
        yield value["files"]
        return
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _patterns(inner)


def _named_digest(scenario: ScenarioBase) -> str:
    """Digest of the contents of all files that a value in a scenario names: checkpoints, tracks, positions."""
    names = dict.fromkeys(_texts(resolved(scenario)))
    found = {name: digest for name in names if (digest := _file_digest(Path(name))) is not None}
    return _digest(json.dumps(found).encode())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)


@dataclass(frozen=True)
class _Import:
    """A user's module, as it was when this process first met it."""

    spec: object  # another one after a reload
    file: str
    digest: str | None
    needs: frozenset[str]  # modules that it may have imported


class _Watch:
    """Which of the user's files are imported, and opened while it listens.

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
        """Take note of a file that is opened."""
        if event == "open" and self.depth:
            name, _, flags = arguments
            if isinstance(name, str | bytes | os.PathLike) and isinstance(flags, int):
                with contextlib.suppress(OSError, ValueError):  # whoever opens it will be told
                    self._note(os.path.abspath(os.fsdecode(name)), flags)

    def _note(self, path: str, flags: int) -> None:
        if path in self.reads:
            return
        self.reads[path] = None  # as it is opened once more, to be read here
        writes = flags & os.O_ACCMODE == os.O_WRONLY or flags & os.O_CREAT
        if not writes and is_user_file(path) and (digest := _file_digest(Path(path))):
            self.reads[path] = digest
            self.readers[path] = (digest, frozenset(_modules_above(sys._getframe(2))))

    def begin(self) -> None:
        """A run begins."""
        self.roots.clear()
        self.reads.clear()
        self.imported()
        self.before = {name: one.spec for name, one in self.imports.items() if one is not None}

    def imported(self) -> dict[str, str]:
        """Files of all modules of the user's, with their digests."""
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None) or module if type(module) is ModuleType else None
            known = self.imports.get(name)
            if name not in self.imports or name == "__main__" or (known is not None and known.spec is not spec):
                self.imports[name] = None if spec is None else _import_of(module, spec)
        return {one.file: one.digest for one in self.imports.values() if one is not None and one.digest}

    def files(self) -> dict[str, str]:
        """What this run was made from: files of modules, and those that it, or one of these modules, has read."""
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
def _watch() -> _Watch:
    """The hook of this process, from the first run on."""
    watch = _Watch()
    sys.addaudithook(watch)
    return watch


@contextlib.contextmanager
def listening(anew: bool = False) -> Iterator[None]:
    """Note which files of the user's are opened in this process.

    Args:
        anew: a run begins.
    """
    watch = _watch()
    if anew:
        watch.begin()
    watch.depth += 1
    try:
        yield
    finally:
        watch.depth -= 1


def needs(modules: Iterable[str]) -> None:
    """The run that has begun needs these modules, imported before or not."""
    _watch().roots.update(modules)


def made_from() -> str:
    """JSON of the user's files that the run was made from in this process: path (relative to here) -> digest."""
    here, files = Path.cwd(), _watch().files()
    shown = {str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path: path for path in files}
    return json.dumps({name: files[path] for name, path in sorted(shown.items())})


def _import_of(module: ModuleType, spec: object) -> _Import | None:
    """A module as it is now; None if it is not the user's. A script or notebook has code of its own for that."""
    if module.__name__ == "__main__":
        return _Import(spec, "", None, frozenset(_named_in(module)))
    file = vars(module).get("__file__")
    if not isinstance(file, str):
        return None
    path = Path(os.path.abspath(file))
    path = next((place for place in (path, *path.parents) if place.is_file()), path)  # the archive that it is in
    if not is_user_file(str(path)):
        return None
    return _Import(spec, str(path), _file_digest(path), frozenset([*_named_in(module), *_said_in(module, path)]))


def _named_in(module: ModuleType) -> Iterator[str]:
    """Modules of what a module's names stand for; a package has names of all its modules, needed or not."""
    for value in list(vars(module).values()):
        name = str(value.__name__ if isinstance(value, ModuleType) else type(value).__module__)
        if not name.startswith(f"{module.__name__}."):
            yield name
        if isinstance(value, type | FunctionType):
            yield str(value.__module__)


def _said_in(module: ModuleType, path: Path) -> Iterator[str]:
    """Modules that a source imports anywhere, in a function or by a call too."""
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
    """Modules of the functions that are at work, up to where fairwave called them."""
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] not in _ROOMS:
        yield str(frame.f_globals.get("__name__"))
        frame = frame.f_back


def _file_digest(path: Path) -> str | None:
    """Sixteen hex digits of the contents of a regular file; None where there is none to be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except (OSError, ValueError):  # also a text that is no path
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
