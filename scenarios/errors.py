"""Defines the one error that a user's input can raise, and points at what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ScenarioError(ValueError):
    """Refuses a scenario, option or run folder. The message is complete: show it without a traceback."""


def did_you_mean(given: str, options: Iterable[str]) -> str:
    """Writes ``"; did you mean 'x'? (one of: x, y)"`` for the nearest option, or only the list where none is near."""
    known = sorted(options)
    folded = {option.lower().replace("-", "_"): option for option in known}
    near = difflib.get_close_matches(given.lower().replace("-", "_"), folded, n=1, cutoff=0.5)
    hint = f"; did you mean '{folded[near[0]]}'?" if near else ";"
    return f"{hint} one of: {', '.join(known)}" if known else ""


def shown(value: object, limit: int = 80) -> str:
    """Writes a value as it may stand in a message: its ``repr``, cut where it is long; ``null`` is nothing."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def is_unicode(text: str) -> bool:
    """Tells whether a text can be written in UTF-8; a path of other bytes, as Python holds it, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
