"""Checks that an allocator keeps its contract: what every allocator must do, tried on small hostile cases.

The cases are those of the allocator's family: a :class:`.cases.FamilyCheck` that the family's package names as
``CONTRACT``.
"""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mac.core.allocator_guard import AttributeHints, SettingsGuard
from mac.core.plugin_traceback import describe_error, error_text, plug_in_line
from phy.numerics.jit import wanted
from phy.random import Drops

from .. import registry
from ..construction import BadAllocator, load, make
from .cases import DROPS, Case, FamilyCheck, first_difference, tensors

_SEED = 5
_PROMISES = {
    "decides": "reset() and decide() work in every case",
    "feasible": "decisions have the right type, shape, dtype, device and range, and fit the capacity",
    "leaves the observation alone": "decide() does not write into what it is given",
    "repeats": "after reset() with the same seed it decides the same again",
    "can be made again": "a second one of the same parameters decides the same",
    "drops are independent": "a drop gets the same decisions alone and in a batch",
}


@dataclass(frozen=True)
class Check:
    """Holds one promise of the contract: whether it was kept, and a sentence that says what was seen."""

    name: str
    ok: bool
    message: str


@dataclass(frozen=True)
class CheckReport:
    """Holds what :func:`check_allocator` found."""

    allocator: str
    family: str  # empty where it fits none
    ok: bool
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        families = f"the family {self.family}" if self.family else "every family"
        head = f"{self.allocator} {'keeps' if self.ok else 'breaks'} the contract of {families}"
        rows = (f"  {'ok  ' if one.ok else 'FAIL'} {one.name}: {one.message}" for one in self.checks)
        return "\n".join([head, *rows])


def check_allocator(
    allocator_or_factory: object, family: str | None = None, cases: tuple[Case, ...] | None = None
) -> CheckReport:
    """Checks an allocator on all cases of its family.

    Args:
        allocator_or_factory: a name, ``module:Class``, a class or function that makes one, or an allocator (which is
            copied, and not touched).
        family: of the contract; left out, it is found from the name, from an attribute ``family``, from the types that
            ``decide`` is annotated with, or by trying.
        cases: to take in place of the family's, for an allocator that fits only networks of some size.

    Raises:
        ValueError: there is no such allocator, it cannot be made, it may be of several families, or the environment
            does not say whether to compile (:data:`phy.numerics.jit.SWITCH`).
    """
    wanted()  # before an allocator that compiles is blamed for it
    family, tried = (family, "") if family else _guess(allocator_or_factory)
    if not family:
        return _of_no_family(allocator_or_factory, tried)
    contract = _contract(family)
    fresh, label, copies = _maker(allocator_or_factory, family)
    findings: dict[str, str] = {} if copies is None else {"can be made again": copies}
    for case in contract.cases if cases is None else cases:
        for name, message in _try(fresh, case, contract):
            findings.setdefault(name, message)
    return CheckReport(label, family, not findings, tuple(_check(name, findings) for name in _PROMISES))


def _of_no_family(given: object, tried: str) -> CheckReport:
    findings = {"decides": f"it fits no family, so say which one with --family: {tried}"}
    return CheckReport(_maker(given, "")[1], "", False, tuple(_check(name, findings) for name in _PROMISES))


def _check(name: str, findings: dict[str, str]) -> Check:
    if name in findings:
        return Check(name, False, findings[name])
    if "decides" in findings and name != "decides":
        return Check(name, False, "not known, because it raised in some case")
    if "feasible" in findings and name in ("repeats", "can be made again", "drops are independent"):
        return Check(name, False, "not known, because decisions are not feasible")
    return Check(name, True, _PROMISES[name])


def _try(fresh: Callable[[], Any], case: Case, contract: FamilyCheck) -> Iterator[tuple[str, str]]:
    """Yields what one case finds wrong, as (promise, sentence)."""
    allocator = fresh()
    try:
        first, breaches = _judged_run(allocator, case, contract)
        yield from breaches
        if any(name == "feasible" for name, _ in breaches):
            return
        again, second = _run(allocator, case, DROPS), _run(fresh(), case, DROPS)
        alone = [_run(fresh(), case, one) for one in DROPS.single()]
    except _Broken as error:
        yield "decides", str(error)
        return
    for name, run in (("repeats", again), ("can be made again", second)):
        if (interval := _parting(first, run)) is not None:
            yield name, f"in the case '{case.name}' it decides otherwise at interval {interval}"
    for place, run in enumerate(alone):
        mine = [{name: value[place : place + 1] for name, value in one.items()} for one in first]
        if (interval := _parting(mine, run)) is not None:
            drop = DROPS.ids[place]
            yield "drops are independent", f"in the case '{case.name}' drop {drop} differs at interval {interval}"


class _Broken(Exception):
    """Reports that an allocator raised."""


def _run(allocator: Any, case: Case, drops: Drops) -> list[dict[str, Tensor]]:
    """Returns all decisions of a case."""
    context, observations = case.play(drops)
    tried = _Tried(allocator, case, context)
    tried.reset()
    return [tensors(tried.decide(interval, observation)) for interval, observation in enumerate(observations)]


def _judged_run(
    allocator: Any, case: Case, contract: FamilyCheck
) -> tuple[list[dict[str, Tensor]], list[tuple[str, str]]]:
    """Returns all decisions of a case up to the first that is not feasible, and what is wrong with them."""
    context, observations = case.play(DROPS)
    true_context, untouched = case.play(DROPS)
    tried = _Tried(allocator, case, context)
    tried.reset()
    decisions: list[dict[str, Tensor]] = []
    breaches = _written("reset", case, {"context": (context, true_context)})
    for interval, (observation, twin) in enumerate(zip(observations, untouched, strict=True)):
        decision = tried.decide(interval, observation)
        breaches += _written("decide", case, {"observation": (observation, twin), "context": (context, true_context)})
        try:
            contract.require(decision, twin, true_context)
        except ValueError as error:
            breaches.append(("feasible", f"in the case '{case.name}' {error_text(error)}"))
            break
        decisions.append(tensors(decision))
    return decisions, breaches


def _written(method: str, case: Case, shown: Mapping[str, tuple[object, object]]) -> list[tuple[str, str]]:
    """Lists a breach for each value that has changed: what was shown and its untouched twin, by name."""
    changed = {name: first_difference(tensors(one), tensors(twin)) for name, (one, twin) in shown.items()}
    return [
        ("leaves the observation alone", f"in the case '{case.name}' {method}() changed {f'{name}.{what}'.rstrip('.')}")
        for name, what in changed.items()
        if what is not None
    ]


@dataclass(frozen=True)
class _Tried:
    """Runs an allocator in a case; what it raises leaves as a sentence."""

    allocator: Any
    case: Case
    context: Any

    def reset(self) -> None:
        self._call("reset", "", {"context": self.context}, lambda: self.allocator.reset(self.context, _SEED))

    def decide(self, interval: int, observation: Any) -> Any:
        seen = {"observation": observation, "context": self.context}
        return self._call("decide", f" at interval {interval}", seen, lambda: self.allocator.decide(observation))

    def _call(self, method: str, when: str, seen: Mapping[str, object], function: Callable[[], Any]) -> Any:
        try:
            with SettingsGuard(f"{method}()"), AttributeHints(seen):
                return function()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            what = f"{method}() raised {describe_error(error)}{plug_in_line(error)}"
            raise _Broken(f"in the case '{self.case.name}'{when} {what}") from error


def _parting(one: list[dict[str, Tensor]], other: list[dict[str, Tensor]]) -> int | None:
    """Finds the first interval in which two runs differ."""
    for interval, (left, right) in enumerate(zip(one, other, strict=True)):
        if first_difference(left, right) is not None:
            return interval
    return None


def _maker(given: object, family: str) -> tuple[Callable[[], Any], str, str | None]:
    """Returns what makes a fresh allocator, its name, and why it cannot where it cannot."""
    if isinstance(given, str):
        registry.resolve(given, family)
        return lambda: registry.resolve(given, family), given, None
    if isinstance(given, type) or not hasattr(given, "decide"):
        label = getattr(given, "__name__", type(given).__name__)
        make(given, label, {})
        return lambda: make(given, label, {}), label, None
    label = type(given).__name__
    make(given, label, {})
    try:
        copy.deepcopy(given)
    except Exception as error:
        return lambda: given, label, f"it cannot be copied: copy.deepcopy raised {describe_error(error)}"
    return lambda: copy.deepcopy(given), label, None


def _contract(family: str) -> FamilyCheck:
    known = registry.contracts()
    if family not in known:
        raise BadAllocator(f"there is no contract check for the family '{family}'; one of: {', '.join(known)}")
    contract: FamilyCheck = load(known[family])
    return contract


def _guess(given: object) -> tuple[str, str]:
    """Finds the family of an allocator that does not say; where it fits none, an empty name and what was seen."""
    if isinstance(given, str) and ":" not in given:
        if not (families := registry.families_of(given)):
            raise BadAllocator(registry.unknown_anywhere(given))
        return _only(given, families), ""
    sample = _maker(given, "")[0]()
    if isinstance(stated := getattr(sample, "family", None), str):
        return stated, ""
    if annotated := [family for family in registry.contracts() if _mentions(sample, _contract(family))]:
        return _only(type(sample).__name__, annotated), ""
    misfits = {family: _misfit(_maker(given, "")[0](), _contract(family)) for family in registry.contracts()}
    fitting = [family for family, what in misfits.items() if not what]
    if not fitting:
        return "", "; ".join(f"tried --family {family}: {what}" for family, what in misfits.items())
    return _only(type(sample).__name__, fitting), ""


def _only(name: str, fitting: typing.Sequence[str]) -> str:
    if len(fitting) != 1:
        options = " or ".join(f"--family {family}" for family in fitting)
        raise BadAllocator(
            f"the family of '{name}' is not clear, it may be of the families {', '.join(fitting)}: say {options}"
        )
    return fitting[0]


def _mentions(allocator: Any, contract: FamilyCheck) -> bool:
    """Returns whether decide() is annotated with the family's types, as classes or, if not imported, by name."""
    try:
        hints = typing.get_type_hints(allocator.decide).values()
    except Exception:
        hints = getattr(allocator.decide, "__annotations__", {}).values()
    types = (contract.observation, contract.decision)
    return any(hint in types or hint in [one.__name__ for one in types] for hint in hints)


def _misfit(allocator: Any, contract: FamilyCheck) -> str:
    """Says why it is not of a family, tried on its last case; empty where it decides something of the right type."""
    context, observations = contract.cases[-1].play(DROPS)
    method = "reset"
    try:
        with SettingsGuard("it"):
            allocator.reset(context, _SEED)
            method = "decide"
            decision = allocator.decide(observations[0])
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit() too
        return f"{method}() raised {describe_error(error)}{plug_in_line(error)}"
    if isinstance(decision, contract.decision):
        return ""
    return f"decide() returned {type(decision).__name__}, not {contract.decision.__name__}"
