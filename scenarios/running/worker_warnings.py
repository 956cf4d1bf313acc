"""Records the warnings of another process, and shows them in this one, each once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class RecordedWarning:
    """Holds a warning that was recorded."""

    text: str
    category: type[Warning]
    file: str
    line: int


@contextmanager
def recorded() -> Iterator[list[RecordedWarning]]:
    """Records the warnings of the block instead of showing them; the list is filled at its end, each warning once."""
    told: list[RecordedWarning] = []
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield told
        finally:
            each = (RecordedWarning(str(one.message), one.category, one.filename, one.lineno) for one in caught)
            told.extend(dict.fromkeys(each))


def warn_again(told: Iterable[RecordedWarning], known: set[RecordedWarning]) -> None:
    """Repeats the warnings that are not in ``known`` by the filters of this process, and adds them to it."""
    for one in told:
        if one not in known:
            known.add(one)
            warnings.warn_explicit(one.text, one.category, one.file, one.line)
