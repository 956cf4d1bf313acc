"""Holds the families of problems. A family is a folder here and a line in :data:`FAMILIES`, or an installed package.

| module | defines |
|---|---|
| ``family`` | ``Family``, the record of everything that the rest of fairwave knows of a family |
| ``schema`` | what the scenario of every family says |
| ``renamed`` | keys of scenario files that once had another name |
| ``environment``, ``rate_rewards`` | what learners need to know of a family; rewards that several share |
| ``workload`` | what ``fairwave bench`` measures |
| ``cellular`` | what the families on a cellular carrier share |
| one folder for each family | its record and what belongs to it |
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from importlib.metadata import entry_points

from mac.core.plugin_traceback import describe_error, plug_in_line

from ..errors import ScenarioError, did_you_mean, shown
from .family import Bound, Family, Labels, LazyImport, ReportSection, RunPlot
from .renamed import Renamed

__all__ = [
    "FAMILIES",
    "Bound",
    "Family",
    "Labels",
    "LazyImport",
    "Renamed",
    "ReportSection",
    "RunPlot",
    "every",
    "find",
    "names",
    "record",
]

FAMILIES: dict[str, str] = {
    "comp": "scenarios.families.comp.family:FAMILY",
    "auction": "scenarios.families.auction.family:FAMILY",
    "market": "scenarios.families.market.family:FAMILY",
    "personalized": "scenarios.families.personalized.family:FAMILY",
    "scheduling": "scenarios.families.scheduling.family:FAMILY",
    "slicing": "scenarios.families.slicing.family:FAMILY",
    "uav": "scenarios.families.uav.family:FAMILY",
    "wsn": "scenarios.families.wsn.family:FAMILY",
}
"""Name of a family -> where its record is; imported when it is first asked for.

Installed packages may add families by entry points in the group ``fairwave.families``.
"""

FILE_KINDS = {
    **{kind: f"scenarios.policies.allocator:{kind}_policy" for kind in ("torch", "onnx", "keras")},
    "gamatr": "scenarios.policies.gamatr.allocator:gamatr_policy",
}
"""Kinds of files that hold a trained network -> what makes an allocator of it; ``torch:policy.pt`` is a name."""

_BUILT_IN = dict(FAMILIES)


def find(name: object) -> Family:
    """Imports a family's record, and makes its allocators, contract and metrics known.

    Raises:
        ScenarioError: there is no such family; the message names the nearest.
    """
    family = record(name)
    make_all_known(family)
    return family


def record(name: object) -> Family:
    """Imports a family's record, and nothing else.

    Raises:
        ScenarioError: there is no such family; the message names the nearest.
    """
    built_in = isinstance(name, str) and name in FAMILIES
    known = FAMILIES if built_in else names()  # which reads the entry points
    if not isinstance(name, str) or name not in known:
        raise ScenarioError(f"unknown family {shown(name)}{did_you_mean(str(name), known)}")
    family = LazyImport(known[name]).load()
    if not isinstance(family, Family):
        raise ScenarioError(f"the family '{name}' at {known[name]} is no scenarios.families.Family")
    return family


@functools.cache
def _make_built_in_known() -> None:
    """Registers the metrics of all built-in families: a scenario of one may name those of another."""
    for where in _BUILT_IN.values():
        make_known(LazyImport(where).load())


def make_all_known(family: Family) -> None:
    """Registers what all families of fairwave and this one have, in an order that is the same in every process."""
    _make_built_in_known()
    make_known(family)


def make_known(family: Family) -> None:
    """Registers a family's allocators, contract and metrics under their names."""
    from allocators import registry as allocator_registry
    from mac.metrics import registry as metric_registry

    allocator_registry.register_file_kinds(FILE_KINDS)
    allocator_registry.register(family.allocator_family, family.allocators, family.contract)
    for metrics in (family.metrics,) if isinstance(family.metrics, LazyImport) else family.metrics:
        metric_registry.register(metrics.load() if isinstance(metrics, LazyImport) else (metrics,))


def names() -> dict[str, str]:
    """Returns all known families: name -> ``module:attribute``."""
    return {point.name: point.value for point in entry_points(group="fairwave.families")} | FAMILIES


def every(known: Callable[[str], Family] = find) -> list[Family]:
    """Imports the records of all known families; one of a plug-in that fails is left out, with a warning.

    Args:
        known: imports the record of a name: :func:`find`, or :func:`record`, which is quicker.
    """
    found = []
    for name in names():
        try:
            found.append(known(name))
        except Exception as error:  # a plug-in's module may raise anything at all when it is imported
            if name in _BUILT_IN:
                raise
            warnings.warn(
                f"the family '{name}' is left out: {describe_error(error)}{plug_in_line(error)}", stacklevel=2
            )
    return found
