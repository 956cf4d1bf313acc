"""Finds the published sources of what a run used, and writes them as BibTeX.

The seam is one line: the docstring of an allocator, or of a class of settings, has a paragraph ``Source: ...``, or its
module has one. It names authors, title in quotes, venue and year, an arXiv number, or a document of 3GPP; several are
separated by semicolons. Plug-ins are cited in the same way.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from pydantic import BaseModel

from allocators.construction import load
from allocators.registry import families_of, file_of, import_string

from ..families.schema import AllocatorSpec, ScenarioBase

_PARAGRAPH = re.compile(r"^Sources?:\s*(.*?)(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
_ARXIV = re.compile(r"arXiv:? ?(\d{2})(\d{2}\.\d{4,5})")
_STANDARD = re.compile(r"\bT[RS] \d\d\.\d{3}\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_TITLE = re.compile(r'"(\S+(?: \S+){2,}?),?"')
_BEFORE = re.compile(r'^[^",]*\b(?:of|example) (?=[A-Z])')
"""Words before the authors: ``the protocol of Zeng, ...``."""
_SPECIAL = re.compile(r"([&%#_$])")


@dataclass(frozen=True)
class Source:
    """Names what was used and where it was published.

    Attributes:
        used: label of an allocator, or class of settings.
        texts: one for each publication; empty: none is named.
    """

    used: str
    texts: tuple[str, ...]


def sources_of(scenario: ScenarioBase, family: str) -> tuple[list[Source], list[Source]]:
    """Finds the sources of a scenario's allocators, and those of its models.

    Args:
        scenario: what ran.
        family: of its allocators.

    Returns:
        Of each allocator, also where it names no source; of the settings that name one.
    """
    allocators = [Source(spec.label, _of_allocator(spec.name, family)) for spec in scenario.allocators]
    models: dict[str, Source] = {}
    for part in _parts(scenario):
        if texts := published(type(part)):
            models.setdefault(type(part).__name__, Source(type(part).__name__, texts))
        for name, below in _named_allocators(part):
            models.setdefault(name, Source(name, below))
    return allocators, list(models.values())


def bibtex(text: str, key: str) -> str:
    """Writes a source as an entry of BibTeX.

    The whole text is its note. What can be told apart for certain stands in fields of its own: title, the authors
    before it, arXiv number, year.

    Args:
        text: such as ``Tassiulas and Ephremides, 1992``.
        key: of the entry.
    """
    fields: dict[str, str] = {}
    arxiv, standard, title, year = (each.search(text) for each in (_ARXIV, _STANDARD, _TITLE, _YEAR))
    if standard is not None:
        fields |= {"author": "{3GPP}", "title": f"{{{standard[0]}}}"}
    elif title is not None:
        names = [name for name in text[: title.start()].rstrip(", ").split(", ") if name]
        fields |= {"author": " and ".join(names).replace(" et al.", " and others")} if names else {}
        fields["title"] = f"{{{title[1]}}}"
    if arxiv is not None:
        fields |= {"eprint": arxiv[1] + arxiv[2], "archiveprefix": "arXiv", "year": f"20{arxiv[1]}"}
    elif year is not None:
        fields["year"] = year[0]
    fields["note"] = text
    lines = [f"  {name} = {{{_SPECIAL.sub(_escaped, value)}}}," for name, value in fields.items()]
    return "\n".join((f"@misc{{{key},", *lines, "}"))


def keys_of(texts: Iterable[str]) -> dict[str, str]:
    """Chooses a key for each source: first author and year, or a number; a letter follows where that is taken."""
    found: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        arxiv, standard, year = (each.search(text) for each in (_ARXIV, _STANDARD, _YEAR))
        if arxiv is not None:
            key = f"arxiv{arxiv[1]}{arxiv[2]}"
        else:
            key = standard[0] if standard is not None else text.split(",")[0].split()[0] + (year[0] if year else "")
        key = re.sub(r"[^a-z0-9]+", "", key.lower())
        letter = next(letter for letter in ("", *ascii_lowercase) if key + letter not in found.values())
        found[text] = key + letter
    return found


def _escaped(special: re.Match[str]) -> str:
    return "\\" + special[1]


def _of_allocator(name: str, family: str) -> tuple[str, ...]:
    if file_of(name) is not None:
        return ()
    try:
        return published(load(import_string(name, family)))
    except ValueError:  # a plug-in that is no longer installed
        return ()


def _named_allocators(part: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Finds allocators that settings name for a task below: text in a field beside one of its parameters."""
    names = _field_names(part)
    for field in names:
        name = getattr(part, field)
        if f"{field}_params" in names and isinstance(name, str):
            known = (_of_allocator(name, family) for family in families_of(name))
            if texts := next((texts for texts in known if texts), None):
                yield name, texts


def _parts(value: Any) -> Iterator[Any]:
    """Lists all settings of a scenario that are in use, section by section, without those of allocators."""
    if isinstance(value, AllocatorSpec):
        return
    if isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _parts(inner)
    elif names := _field_names(value):
        yield value
        for name in names:
            yield from _parts(getattr(value, name))


def _field_names(part: Any) -> list[str]:
    if isinstance(part, BaseModel):
        return list(type(part).model_fields)
    return [field.name for field in dataclasses.fields(part)] if dataclasses.is_dataclass(part) else []


def published(thing: Any) -> tuple[str, ...]:
    """Reads the publications that a docstring names, each up to its year or number."""
    module = sys.modules.get(getattr(thing, "__module__", ""))
    for text in (inspect.getdoc(thing), inspect.getdoc(module)):
        if found := _PARAGRAPH.search(text or ""):
            pieces = " ".join(found[1].split()).split("; ")
            return tuple(cut for piece in pieces if (cut := _cut(_BEFORE.sub("", piece))))
    return ()


def _cut(piece: str) -> str:
    """Returns a publication without the remarks that follow it; empty where there is none."""
    for pattern in (_ARXIV, _STANDARD, _YEAR):
        if match := pattern.search(piece):
            return piece[: match.end()]
    return ""
