"""What made a shard: a digest of the code and of the files that it reads, and the device. Resuming mixes no two."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import inspect
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .loading import resolved
from .shards import Cell, attributes_of

if TYPE_CHECKING:
    from .contenders import Contender
    from .plan import Plan
    from .schema import ScenarioBase

PACKAGES = ("fairwave", "torch", "sionna-no-rt", "numpy", "scipy", "pandas", "xarray", "pydantic")
_ROOMS = ("phy", "mac", "allocators", "scenarios")
_NO_CODE = (".yaml", ".j2", ".pyc", ".typed")  # settings are part of a scenario's hash, pages show and change nothing


@dataclass(frozen=True)
class Maker:
    """What computes the shards of a cell; the attributes ``code`` and ``device`` of each."""

    code: str
    device: str

    def attributes(self) -> dict[str, str]:
        """As they stand in a shard."""
        return {"code": self.code, "device": self.device}


def makers(plan: Plan, entrants: Sequence[Contender]) -> dict[Cell, Maker]:
    """What would compute each cell of a run now."""
    device = device_name(plan.device)
    common = code_digest() + _source(plan.family.scenario_type)
    sources = {entrant.label: _own_source(entrant, plan) for entrant in entrants}
    found = {}
    for part in plan.parts:
        traces = _trace_digest(part.scenario)
        for label, source in sources.items():
            code = hashlib.sha256(f"{common} {source} {traces}".encode()).hexdigest()[:16]
            found[Cell(part.variant, label)] = Maker(code, device)
    return found


def foreign(folder: Path, made: Mapping[Cell, Maker]) -> str | None:
    """One sentence on the first shard in a run folder that other code or another device has made; None if none is."""
    for cell, maker in made.items():
        for path in sorted(cell.folder(folder).glob("drops-*.nc")):
            found = attributes_of(path)
            if found is None:  # damaged: it will be computed anew
                continue
            if found.get("device", maker.device) != maker.device:
                return (
                    f"{folder} holds shards of another device, {found['device']}, than this, {maker.device}, which "
                    "--resume would mix; take that device, or start a new folder"
                )
            if found.get("code") != maker.code:
                return (
                    f"{folder} holds shards of other code than this, which --resume would mix: fairwave, a package, "
                    f"an allocator, a trace or a file of positions has changed since; start a new folder, or "
                    f"delete {folder / 'shards'}"
                )
    return None


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


def _own_source(entrant: Contender, plan: Plan) -> str:
    """Digest of the source of an allocator that is not fairwave's own; empty where it cannot be found."""
    from allocators.making import load
    from allocators.registry import available

    if entrant.given is not None:
        return _source(entrant.given)
    name, family = entrant.spec.name, plan.family.allocator_family
    return _source(load(name if ":" in name else available(family)[name]))


def _source(thing: Any) -> str:
    """Digest of the file that defines a class, function or object; of the definition alone in a script or notebook."""
    kind = thing if inspect.isroutine(thing) or isinstance(thing, type) else type(thing)
    try:
        file = Path(inspect.getsourcefile(kind) or "")
        alone = getattr(kind, "__module__", "") == "__main__" or not file.is_file()
        return _digest(inspect.getsource(kind).encode() if alone else file.read_bytes())
    except (OSError, TypeError):
        return ""


def _trace_digest(scenario: ScenarioBase) -> str:
    """Digest of the contents of all files of traces or positions that a scenario names."""
    from mac.traffic.files import resolve
    from mac.traffic.table import TraceError

    digests = []
    for files in _trace_files(resolved(scenario)):
        with contextlib.suppress(TraceError):  # a group without users may name what is not there
            digests += [_digest(path.read_bytes()) for path in resolve(files)]
    return _digest(" ".join(digests).encode())


def _trace_files(value: Any) -> Iterator[list[str]]:
    if isinstance(value, dict) and value.get("model") == "trace_replay":
        yield value["files"]
        return
    if isinstance(value, dict) and value.get("placement") == "file" and value.get("file"):
        yield [str(Path(value["file"]).absolute())]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _trace_files(inner)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
