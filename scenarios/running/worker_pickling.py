"""Pickles batches on their way to worker processes."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mac.core.plugin_traceback import describe_error

from ..config.loading import scenario_hash
from ..errors import ScenarioError
from ..results.read_files import require_modules, watching_files
from .batch import Batch

if TYPE_CHECKING:
    from ..families import Family
    from .entrants import Entrant
    from .plan import Plan, VariantPlan


@dataclass(frozen=True)
class _PickledBatch:
    """Holds allocators pickled one by one, so that one that does not arrive can be named."""

    plan: Plan
    part: VariantPlan
    drops: tuple[int, ...]
    entrants: Mapping[str, bytes]
    modules: frozenset[str]  # of the user's, that the run names


def pickled_batches(plan: Plan, todo: Sequence[Batch], modules: Iterable[str] = ()) -> list[bytes]:
    """Pickles each batch as a worker gets it.

    Args:
        plan: of the whole run.
        todo: batches of it.
        modules: of the user's, that the run names.

    Raises:
        ScenarioError: naming an allocator or a family that cannot be pickled.
    """
    entrants = {entrant.label: entrant for batch in todo for entrant in batch.entrants}
    pickled = {label: _pickled(entrant, f"allocator '{label}'") for label, entrant in entrants.items()}
    return [
        _pickled(
            _PickledBatch(plan, batch.part, batch.drops, _of(batch, pickled), frozenset(modules)),
            f"the family '{plan.family.name}'",
        )
        for batch in todo
    ]


def _of(batch: Batch, pickled: Mapping[str, bytes]) -> dict[str, bytes]:
    return {one.label: pickled[one.label] for one in batch.entrants}


def unpickled_batch(pickle_of_batch: bytes) -> tuple[Plan, Batch]:
    """Unpickles the plan and a batch of it, in a worker; allocators that were given as objects are fresh copies.

    Raises:
        ScenarioError: naming an allocator whose class cannot be imported here.
    """
    with watching_files():
        sent: _PickledBatch = pickle.loads(pickle_of_batch)
    another = _LAST_RUN[:] != [scenario_hash(sent.plan.scenario)]
    _LAST_RUN[:] = [scenario_hash(sent.plan.scenario)]
    with watching_files(anew=another), warnings.catch_warnings():
        require_modules(sent.modules)
        warnings.simplefilter("ignore")  # what importing and making an allocator warns of, the run itself has shown
        entrants = tuple(_arrived(label, pickled, sent.plan.family) for label, pickled in sent.entrants.items())
    return sent.plan, Batch(sent.part, sent.drops, entrants)


_MET: set[bytes] = set()  # allocators that this worker has made before
_LAST_RUN: list[str] = []  # hash of the scenario that this worker has computed last


def _arrived(label: str, pickled: bytes, family: Family) -> Entrant:
    """Returns an allocator, made once when this worker first meets it, so that its module is imported."""
    try:
        entrant: Entrant = pickle.loads(pickled)
    except Exception as error:  # its module may fail in any way when it is imported
        raise ScenarioError(_not_sent(f"allocator '{label}'", error)) from None
    if pickled not in _MET:
        entrant.make(family)
        _MET.add(pickled)
    return entrant


def _pickled(thing: object, name: str) -> bytes:
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(thing))
    except Exception as error:  # an object may refuse in any way
        raise ScenarioError(_not_sent(name, error)) from None


def _not_sent(name: str, error: Exception) -> str:
    return (
        f"{name} cannot be sent to worker processes ({describe_error(error)}); let it hold nothing that cannot be "
        "pickled before reset(), take a class that can be imported, or leave workers out"
    )
