"""Tells what would compute each part of a plan now, so that a run that goes on mixes no two origins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..config.loading import resolved
from ..results.content_digest import UnknownContentError
from ..results.provenance import (
    UNKNOWN,
    Maker,
    code_digest,
    device_name,
    named_digest,
    source_digest,
    texts_in,
    trace_digest,
)
from ..results.read_files import needs
from ..results.shards import Cell

if TYPE_CHECKING:
    from .entrants import Contender
    from .plan import Plan


def makers(plan: Plan, entrants: Sequence[Contender]) -> dict[Cell, Maker]:
    """What would compute each cell of a run now."""
    device = device_name(plan.device)
    common = code_digest() + source_digest(plan.family.schema)
    needs([plan.family.schema.__module__])
    contents = {entrant.label: _content_of(entrant, plan) for entrant in entrants}
    found = {}
    for part in plan.parts:
        needs(text.partition(":")[0] for text in texts_in(resolved(part.scenario)))
        files = f"{trace_digest(part.scenario)} {named_digest(part.scenario)}"
        for label, (content, unknown) in contents.items():
            code = hashlib.sha256(f"{common} {content} {files}".encode()).hexdigest()[:16]
            found[Cell(part.variant, label)] = Maker(UNKNOWN if unknown else code, device, unknown)
    return found


def _content_of(entrant: Contender, plan: Plan) -> tuple[str, str]:
    """Digest of what decides in an allocator's place, and why there is none, if there is none."""
    try:
        return entrant.content(plan.family), ""
    except UnknownContentError as error:
        return "", f"the allocator '{entrant.label}' is an object that cannot be compared by its content ({error})"
