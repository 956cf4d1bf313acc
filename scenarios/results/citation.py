"""Writes what a paper has to cite of a run: versions, seed, scenario, and BibTeX of what was used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from ..config import yaml12
from ..config.loading import scenario_hash
from .result import Result
from .sources import Source, bibtex, keys_of, sources_of

_CITATION = Path(__file__).parents[2] / "CITATION.cff"  # in a clone; an installed fairwave says the same of itself


@dataclass(frozen=True)
class Citation:
    """Holds what a paper has to say of a run.

    Attributes:
        facts: of the run, as (what, value).
        fairwave: entry of BibTeX.
        allocators: sources of each.
        models: sources of the settings that name one.
    """

    facts: tuple[tuple[str, str], ...]
    fairwave: str
    allocators: tuple[Source, ...]
    models: tuple[Source, ...]

    @property
    def keys(self) -> dict[str, str]:
        """Returns the key of each source."""
        return keys_of(text for source in (*self.allocators, *self.models) for text in source.texts)

    def entries(self) -> dict[str, str]:
        """Returns the entries of BibTeX by key, each once, fairwave's first."""
        return {"fairwave": self.fairwave, **{key: bibtex(text, key) for text, key in self.keys.items()}}

    def used(self) -> dict[str, dict[str, list[str]]]:
        """Returns the keys of what each allocator and each model names; none of those that name nothing."""
        kinds = {"allocators": self.allocators, "models": self.models}
        return {
            kind: {one.used: [self.keys[text] for text in one.texts] for one in all_} for kind, all_ in kinds.items()
        }

    def text(self) -> str:
        """Writes a file for BibTeX, which does not read lines outside of entries."""
        lines = [f"% {what}: {value}" for what, value in self.facts]
        for kind, used in self.used().items():
            lines += [f"% {kind}: {name}: {', '.join(keys) or 'names no source'}" for name, keys in used.items()]
        return "\n".join(lines) + "\n\n" + "\n\n".join(self.entries().values()) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {"facts": dict(self.facts), **self.used(), "bibtex": self.entries()}


def cite(result: Result) -> Citation:
    """Collects what a paper has to cite of a run, finished or not."""
    settings, meta = result.settings, result.meta
    named = {
        "scenario": settings.name,
        "hash": scenario_hash(settings),
        "seed": settings.seed,
        "drops": settings.drops,
        "command": meta.get("command"),
        "device": meta.get("device"),
        "backend": meta.get("backend"),
        "dtype": settings.dtype,
        "code": meta.get("code"),
    }
    versions = ", ".join(f"{name} {number}" for name, number in meta.get("versions", {}).items())
    facts = [(what, str(value)) for what, value in named.items() if value is not None]
    facts.append(("versions", versions or "unknown, for the run is unfinished"))
    allocators, models = sources_of(settings, result.family.allocator_family)
    return Citation(tuple(facts), _fairwave(meta.get("versions", {}).get("fairwave")), tuple(allocators), tuple(models))


def _fairwave(version: str | None) -> str:
    """Writes the entry of fairwave of a version: of CITATION.cff, or of the installed package."""
    package = metadata("fairwave")
    about: dict[str, Any] = yaml12.read(_CITATION) if _CITATION.is_file() else {}
    authors = [str(one.get("name")) for one in about.get("authors", ())]
    fields = {
        "author": " and ".join(f"{{{name}}}" for name in authors or [package["Author"] or "The fairwave contributors"]),
        "title": f"{{{about.get('title', 'fairwave: ' + package['Summary'])}}}",
        "version": version or package["Version"],
    }
    return "\n".join(("@software{fairwave,", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}"))
