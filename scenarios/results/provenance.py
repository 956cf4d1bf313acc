"""Reports what made a shard: a digest of the code, the user's files that were imported or read, and the device.

Resuming mixes no two origins. What can be told before a run (fairwave, packages, an allocator and its state, the files
that a scenario names) is the shard's attribute ``code``. What shows only as it runs, modules that are imported late and
files that a plug-in opens by itself, is recorded file by file as the attribute ``made_from``.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import inspect
import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.loading import resolved
from .read_files import ROOMS, file_digest, file_watch
from .shards import RunKey, attributes_of

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase

PACKAGES = ("fairwave", "torch", "sionna-no-rt", "numpy", "scipy", "pandas", "xarray", "pydantic")
_NO_CODE = (".yaml", ".j2", ".pyc", ".typed")  # settings are part of a scenario's hash, pages show and change nothing
UNKNOWN = "unknown"  # code of an allocator object whose state cannot be told


@dataclass(frozen=True)
class Provenance:
    """Describes what computes the shards of an allocator and variant, in the words of their attributes."""

    code: str
    device: str
    backend: str  # form in which what can be compiled is computed
    unknown: str = ""  # why the state of its allocator cannot be told, if it cannot

    def attributes(self) -> dict[str, str]:
        """Returns them as they stand in a shard."""
        return {"code": self.code, "device": self.device, "backend": self.backend}


def foreign(folder: Path, made: Mapping[RunKey, Provenance]) -> str | None:
    """Reports which shard in a run folder other code or another device has made; None if there is none."""
    known: dict[str, bool] = {}
    for run_key, provenance in made.items():
        for path in sorted(run_key.folder(folder).glob("drops-*.nc")):
            found = attributes_of(path)
            if found is None:  # damaged: it will be computed anew
                continue
            if why := _difference(found, provenance, folder, known):
                return why
    return None


def _difference(found: Mapping[str, Any], provenance: Provenance, folder: Path, known: dict[str, bool]) -> str | None:
    """Says why a shard with these attributes is not of this provenance; ``known`` says which files are unchanged."""
    if found.get("device", provenance.device) != provenance.device:
        return (
            f"{folder} holds shards of another device, {found['device']}, than this, {provenance.device}, which "
            "--resume would mix; take that device, or start a new folder"
        )
    if found.get("backend", provenance.backend) != provenance.backend:
        compiles = "unset FAIRWAVE_COMPILE" if provenance.backend == "torch" else "set FAIRWAVE_COMPILE=0"
        return (
            f"{folder} holds shards that {found['backend']} computed, and {provenance.backend} would compute the "
            f"others, which --resume would mix; {compiles}, or start a new folder"
        )
    if provenance.unknown:
        return (
            f"{folder} cannot be resumed: {provenance.unknown}, so it cannot be told whether this very object made the "
            "shards there; start a new folder, or give the allocator by its name and parameters"
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
    if found.get("code") == provenance.code:
        return None
    return (
        f"{folder} holds shards of other code than this, which --resume would mix: fairwave, a package, an allocator "
        f"or its state, or a file that the scenario names has changed since; {remedy}"
    )


def _recorded(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Reads the files that a shard was made from, with their digests; none in a shard of an older fairwave."""
    found: dict[str, str] = json.loads(attributes.get("made_from", "{}"))
    return found


def _is_as_it_was(name: str, digest: str, folder: Path) -> bool:
    """Returns whether a file has the contents that it had, and this process imported no other ones from there."""
    places = [Path(name)] if os.path.isabs(name) else [base / name for base in (Path.cwd(), *folder.absolute().parents)]
    path = next((place for place in places if place.is_file()), None)
    return path is not None and file_digest(path) == digest == file_watch().imported().get(str(path), digest)


@functools.cache
def code_digest() -> str:
    """Computes sixteen hex digits of fairwave's sources and tables and of the packages' versions, for this process."""
    total = hashlib.sha256(repr(sorted(versions().items())).encode())
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        for place in sorted(spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(place).rglob("*")):
                if path.is_file() and path.suffix not in _NO_CODE and "__pycache__" not in path.parts:
                    total.update(f"{room}/{path.relative_to(place).as_posix()} {_digest(path.read_bytes())}".encode())
    return total.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version(), **{package: _version_of(package) for package in PACKAGES}}


@functools.cache
def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # sionna may be there under its other name
        return "not installed"


def device_name(device: str) -> str:
    """Names a device: ``cuda (NVIDIA H200)`` or ``cpu (x86_64)``."""
    import torch

    return f"cuda ({torch.cuda.get_device_name()})" if device == "cuda" else f"cpu ({platform.machine()})"


def source_digest(thing: Any) -> str:
    """Computes the digest of the file that defines a class, function or object.

    In a script or notebook, of the definition alone.
    """
    kind = thing if inspect.isroutine(thing) or isinstance(thing, type) else type(thing)
    try:
        file = Path(inspect.getsourcefile(kind) or "")
        alone = getattr(kind, "__module__", "") == "__main__" or not file.is_file()
        return _digest(inspect.getsource(kind).encode() if alone else file.read_bytes())
    except (OSError, TypeError):
        return ""


def trace_digest(scenario: ScenarioBase) -> str:
    """Computes the digest of the contents of all traces that a scenario names."""
    from mac.traffic.trace import TraceError
    from mac.traffic.trace_paths import resolve

    digests = []
    for patterns in _patterns(resolved(scenario)):
        with contextlib.suppress(TraceError):  # a group without users may name what is not there
            digests += [file_digest(path) for path in resolve(patterns)]
    return _digest(" ".join(map(str, digests)).encode())


def _patterns(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict) and value.get("model") == "trace_replay":
        yield value["files"]
        return
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _patterns(inner)


def named_digest(scenario: ScenarioBase) -> str:
    """Computes the digest of all files that a value in a scenario names: checkpoints, networks, tracks, positions."""
    from allocators.registry import file_of

    names = dict.fromkeys(texts_in(resolved(scenario)))
    found = {name: digest for name in names if (digest := file_digest(Path(file_of(name) or name))) is not None}
    return _digest(json.dumps(found).encode())


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(inner)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
