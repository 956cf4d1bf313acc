"""Warnings that arise in another process and are shown by this one, each once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Warned:
    """A warning that was recorded."""

    text: str
    category: type[Warning]
    file: str
    line: int


@contextmanager
def recorded() -> Iterator[list[Warned]]:
    """Record the warnings of the block instead of showing them; the list is filled at its end, each warning once."""
    told: list[Warned] = []
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield told
        finally:
            each = (Warned(str(one.message), one.category, one.filename, one.lineno) for one in caught)
            told.extend(dict.fromkeys(each))


def pass_on(told: Iterable[Warned], known: set[Warned]) -> None:
    """Warn of what is not known yet, so that this process' filters hold, and know it from now on."""
    for one in told:
        if one not in known:
            known.add(one)
            warnings.warn_explicit(one.text, one.category, one.file, one.line)
