"""Reports what would compute each part of a plan now, so that a run that goes on mixes no two origins."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from phy.numerics.jit import backend_name

from ..config.loading import resolved
from ..errors import ScenarioError
from ..results.content_digest import UnknownContentError
from ..results.provenance import (
    UNKNOWN,
    Provenance,
    code_digest,
    device_name,
    named_digest,
    source_digest,
    texts_in,
    trace_digest,
)
from ..results.read_files import require_modules
from ..results.shards import RunKey

if TYPE_CHECKING:
    from .entrants import Entrant
    from .plan import Plan


def provenances(plan: Plan, entrants: Sequence[Entrant]) -> dict[RunKey, Provenance]:
    """Reports what would compute each allocator and variant of a run now.

    Raises:
        ScenarioError: the environment does not say whether to compile.
    """
    device, backend = plan.device_name or device_name(plan.device), _backend_of(plan)
    common = code_digest() + source_digest(plan.family.schema)
    require_modules([plan.family.schema.__module__])
    contents = {entrant.label: _content_of(entrant, plan) for entrant in entrants}
    found = {}
    for part in plan.parts:
        require_modules(text.partition(":")[0] for text in texts_in(resolved(part.scenario)))
        files = f"{trace_digest(part.scenario)} {named_digest(part.scenario)}"
        for label, (content, unknown) in contents.items():
            code = hashlib.sha256(f"{common} {content} {files}".encode()).hexdigest()[:16]
            found[RunKey(part.variant, label)] = Provenance(UNKNOWN if unknown else code, device, backend, unknown)
    return found


def _backend_of(plan: Plan) -> str:
    try:
        return backend_name(plan.device)
    except ValueError as error:
        raise ScenarioError(str(error)) from None


def _content_of(entrant: Entrant, plan: Plan) -> tuple[str, str]:
    """Computes the digest of what decides in an allocator's place; says why there is none, if there is none."""
    try:
        return entrant.content(plan.family), ""
    except UnknownContentError as error:
        return "", f"the allocator '{entrant.label}' is an object that cannot be compared by its content ({error})"
