"""The choices that a family's schema leaves, and few scenarios in which each two of them meet.

A choice is an entry of an enumeration, a truth value, a kind of settings, and whether an optional setting is given.
All follow from the JSON schema, so that a new choice is tried without a change here. Settings that are only there
beside another one (``mobility.at_end`` beside ``mobility.model: replay``) are left out in all other scenarios.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scenarios.errors import ScenarioError

LEFT_OUT = object()
"""Value of an axis that the value of another one leaves no room for."""
MOST_OF_A_GRID = 4
"""Numbers of an enumeration that are all tried; of a longer one, which is a quantity on a grid, the two least."""

Place = tuple[str | int, ...]
Choice = tuple[int, int]  # axis, number of its value
Row = tuple[int, ...]  # number of the value of each axis


@dataclass(frozen=True)
class Axis:
    """One setting and the values it may take."""

    place: Place
    values: tuple[Any, ...]
    default: int = 0  # number of the value that is taken where nothing is asked
    under: tuple[Place, int] | None = None  # axis, and the number of its value, beside which this one is there

    @cached_property
    def name(self) -> str:
        """Its dotted key."""
        return ".".join(map(str, self.place))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Choices:
    """Reads axes from a JSON schema.

    Attributes:
        schema: of a family.
        base: the scenario that choices are laid upon, whose values take the place of the schema's defaults.
        held: dotted settings that are no axes.
        fitting: values of settings, by their last key, that no rule could find, for example files.
    """

    schema: Mapping[str, Any]
    base: Mapping[str, Any]
    held: frozenset[str]
    fitting: Mapping[str, Any]

    def axes(self) -> list[Axis]:
        """All axes, each after the one that it is under."""
        return list(self._of(self.schema, ()))

    def _of(self, node: Mapping[str, Any], place: Place, under: tuple[Place, int] | None = None) -> Iterator[Axis]:
        node = self._resolved(node)
        if ".".join(map(str, place)) in self.held:
            return
        branches = node.get("oneOf") or node.get("anyOf")
        if branches:
            yield from self._branches(branches, node, place, under)
        elif "enum" in node or node.get("type") == "boolean":
            yield self._axis(place, self._values(node), node, under)
        elif node.get("type") == "array":
            yield from self._items(node, place, under)
        else:
            for key, inner in node.get("properties", {}).items():
                yield from self._of(inner, (*place, key), under)

    def _branches(
        self, branches: Sequence[Any], node: Mapping[str, Any], place: Place, under: tuple[Place, int] | None
    ) -> Iterator[Axis]:
        options = [(value, branch) for branch in branches for value in self._values(branch, place)]
        axis = self._axis(place, [value for value, _ in options], node, under)
        yield axis
        first = len(axis.values) - len(options)
        for number, (_, branch) in enumerate(options):
            if self._resolved(branch).get("properties"):
                yield from self._of(branch, place, (place, first + number))

    def _items(self, node: Mapping[str, Any], place: Place, under: tuple[Place, int] | None) -> Iterator[Axis]:
        """None, or one of each kind; the first of a list that cannot be empty."""
        item = self._resolved(node.get("items", {}))
        if node.get("minItems"):
            yield from self._of(item, (*place, 0), under)
        elif branches := item.get("oneOf"):
            axis = self._axis(place, [[], *([self.example(branch)] for branch in branches)], {"default": []}, under)
            yield axis
            first = len(axis.values) - len(branches)
            for number, branch in enumerate(branches):
                yield from self._of(branch, (*place, 0), (place, first + number))

    def _values(self, node: Mapping[str, Any], place: Place = ()) -> list[Any]:
        node = self._resolved(node)
        if "enum" in node:
            values = list(node["enum"])
            long = len(values) > MOST_OF_A_GRID and not any(isinstance(value, str) for value in values)
            return values[:2] if long else values
        if node.get("type") == "boolean":
            return [True, False]
        return [self.example(node, place[-1] if place else "")]

    def _axis(self, place: Place, values: list[Any], node: Mapping[str, Any], under: tuple[Place, int] | None) -> Axis:
        given = _at(self.base, place, node.get("default", LEFT_OUT))
        if given in node.get("enum", ()) and given not in values:  # further up on a grid
            values = [given, *values]
        default = values.index(given) if given in values else 0
        if under is None:
            return Axis(place, tuple(values), default)
        return Axis(place, (LEFT_OUT, *values), default + 1, under)

    def example(self, node: Mapping[str, Any], key: str | int = "") -> Any:
        """The least that the schema of a setting accepts."""
        node = self._resolved(node)
        if node.get("type") == "null":
            return None
        if key in self.fitting:
            return copy.deepcopy(self.fitting[key])
        if "const" in node or "enum" in node:
            return node["const"] if "const" in node else node["enum"][0]
        if "oneOf" in node or "anyOf" in node:
            return self.example((node.get("oneOf") or node["anyOf"])[0])
        kind = node.get("type")
        if kind == "object":
            needed = {k for k, v in node["properties"].items() if k in node.get("required", ()) or "const" in v}
            return {name: self.example(node["properties"][name], name) for name in sorted(needed)}
        if kind == "array":
            inner = node.get("prefixItems") or [node["items"]] * max(1, node.get("minItems", 1))
            return [self.example(item) for item in inner]
        if kind == "string":
            return "a"
        return True if kind == "boolean" else _number(node)

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in node:
            return node
        return {**self.schema["$defs"][node["$ref"].rpartition("/")[2]], **node}


def _number(node: Mapping[str, Any]) -> float:
    """One, or the number next to it within the limits."""
    low = node.get("minimum", node.get("exclusiveMinimum", 0))
    high = node.get("maximum", node.get("exclusiveMaximum", low + 1))
    value = min(max(1, low), high)
    return value if value != node.get("exclusiveMaximum") else (low + high) / 2


@dataclass
class Grid:
    """Rows of choices laid upon a scenario, and which of them may not meet.

    Attributes:
        base: the scenario.
        axes: its choices.
        check: raises ScenarioError for settings that are refused.
        own: names of axes, to one of which a pair must belong that is to be met; None for all pairs.
        beside: dotted settings that are no choices, by the axis and the value that needs them.
        refused: what may not meet, and what is said of it.
        never: choices that are refused whatever stands beside them, and what is said of them.
    """

    base: Mapping[str, Any]
    axes: Sequence[Axis]
    check: Callable[[dict[str, Any]], object]
    own: Set[str] | None = None
    beside: Mapping[tuple[str, Any], Mapping[str, Any]] = field(default_factory=dict)
    refused: dict[frozenset[Choice], str] = field(default_factory=dict)
    never: dict[Choice, str] = field(default_factory=dict)
    _needs: dict[Choice, Choice] = field(default_factory=dict)  # what makes a choice possible
    _known: dict[Row, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = {axis.place: i for i, axis in enumerate(self.axes)}
        self._beside = {
            (axis.name, v): self.beside[axis.name, value]
            for axis in self.axes
            for v, value in enumerate(axis.values)
            if isinstance(value, (str, int)) and (axis.name, value) in self.beside
        }
        self.above = [None if a.under is None else (number[a.under[0]], a.under[1]) for a in self.axes]

    def rows(self) -> list[Row]:
        """Rows that are accepted, in which every two choices meet that may; greedily as few as can be."""
        left = dict.fromkeys(self._pairs())  # keeps its order, so that rows are the same each time
        rows: list[Row] = []
        while left:
            seed = dict(next(iter(left)))
            row = None if self._is_refused(seed) else self._mended(self._filled(seed, left), seed)
            left.pop(frozenset(seed.items()))
            if row is not None:
                rows.append(row)
                for pair in itertools.combinations(enumerate(row), 2):
                    left.pop(frozenset(pair), None)
        return rows

    def _pairs(self) -> Iterator[frozenset[Choice]]:
        choices = [
            [(i, v) for v, value in enumerate(axis.values) if value is not LEFT_OUT] for i, axis in enumerate(self.axes)
        ]
        for one, other in itertools.combinations(choices, 2):
            if self.own is None or not self.own.isdisjoint({self.axes[one[0][0]].name, self.axes[other[0][0]].name}):
                for pair in itertools.product(one, other):
                    if self.closed(dict(pair)) is not None:
                        yield frozenset(pair)

    def _is_refused(self, chosen: Mapping[int, int]) -> bool:
        whole = self.made_possible(chosen).items()
        return any(bad <= whole for bad in self.refused) or not whole.isdisjoint(self.never.items())

    def closed(self, chosen: Mapping[int, int]) -> dict[int, int] | None:
        """The choices and all that they are under; None where these exclude each other."""
        whole, waiting = dict(chosen), list(chosen)
        while waiting:
            if (above := self.above[waiting.pop()]) is not None:
                if above[0] not in whole:
                    waiting.append(above[0])
                if whole.setdefault(*above) != above[1]:
                    return None
        return whole

    def made_possible(self, seed: Mapping[int, int]) -> dict[int, int]:
        """The choices, all that they are under, and what they need beside them."""
        chosen = self.closed(seed) or {}
        for one in list(chosen.items()):
            need = self._needs.get(one)
            if need is not None and need[0] not in chosen:
                chosen = self.closed({**chosen, need[0]: need[1]}) or chosen
        return chosen

    def row(self, chosen: Mapping[int, int]) -> Row:
        """The defaults but for what is chosen."""
        row: list[int] = []
        for i, axis in enumerate(self.axes):
            above = self.above[i]
            row.append(chosen.get(i, axis.default) if above is None or row[above[0]] == above[1] else 0)
        return tuple(row)

    def scenario(self, row: Row) -> dict[str, Any]:
        """The settings of a row."""
        data = copy.deepcopy(dict(self.base))
        for axis, number in zip(self.axes, row, strict=True):
            value = axis.values[number]
            if value is not LEFT_OUT:
                _put(data, axis.place, value)
            for key, beside in self._beside.get((axis.name, number), {}).items():
                _put(data, tuple(key.split(".")), beside)
        return data

    def said(self, chosen: Mapping[int, int]) -> str | None:
        """What is said against the defaults with some choices; None where they are accepted."""
        row = self.row(chosen)
        if row not in self._known:
            try:
                self.check(self.scenario(row))
                self._known[row] = None
            except ScenarioError as error:
                self._known[row] = str(error)
        return self._known[row]

    def _possible(self, chosen: dict[int, int]) -> dict[int, int]:
        """Without what cannot be there, as what it is under has another value."""
        kept: dict[int, int] = {}
        for i, value in sorted(chosen.items()):  # what others are under comes first
            if (above := self.above[i]) is None or kept.get(above[0]) == above[1]:
                kept[i] = value
        return kept

    def name(self, choice: Choice) -> str:
        """A choice as a message names it."""
        return f"{self.axes[choice[0]]}={self.axes[choice[0]].values[choice[1]]}"

    def told(self, row: Row) -> list[str]:
        """What of a row is not as it is by default."""
        plain = self.row({})
        return [
            self.name((i, v)) for i, v in enumerate(row) if v != plain[i] and self.axes[i].values[v] is not LEFT_OUT
        ]

    def _filled(self, seed: Mapping[int, int], left: Mapping[frozenset[Choice], None]) -> dict[int, int]:
        """The seed and, one after the other, what meets most of it in pairs that are left."""
        chosen = self.made_possible(seed)
        for i, axis in enumerate(self.axes):
            if i in chosen:
                continue
            new = {v: sum(frozenset(((i, v), one)) in left for one in chosen.items()) for v in range(len(axis.values))}
            for value in sorted((v for v, pairs in new.items() if pairs), key=new.__getitem__, reverse=True):
                wider = self.closed({**chosen, i: value})
                if wider is not None and not self._is_refused(wider):
                    chosen = wider
                    break
        return chosen

    def _mended(self, chosen: dict[int, int], seed: Mapping[int, int]) -> Row | None:
        """An accepted row with as much of the choices as can be; None where the seed, which stays in it, is refused."""
        while self.said(chosen) is not None:
            needed = _fewest(chosen, lambda some: self.said(self.closed(some) or {}) is not None)
            said = self.said(self.closed(needed) or {}) or ""
            if len(needed) == 1:
                self._find_need(next(iter(needed.items())), said)
            else:
                self.refused[frozenset(needed.items())] = said
            kept = self.made_possible(seed)
            loose = [i for i in needed if i not in kept]
            if loose:
                chosen = self._possible({i: v for i, v in chosen.items() if i != loose[-1]})
            elif (said := self.said(kept) or "") and len(seed) > 1:
                if self.never.keys().isdisjoint(seed.items()):
                    self.refused.setdefault(frozenset(seed.items()), said)
                return None
            else:
                chosen = kept
        return self.row(chosen)

    def _find_need(self, choice: Choice, said: str) -> None:
        """The first value of another axis beside which a choice is possible that is refused beside the defaults."""
        if choice in self._needs or choice in self.never:
            return
        for i, axis in enumerate(self.axes):
            for v, value in enumerate(axis.values):
                wider = None if value is LEFT_OUT or i == choice[0] else self.closed(dict([choice, (i, v)]))
                if wider is not None and self.said(wider) is None:
                    self._needs[choice] = (i, v)
                    return
        self.never[choice] = said


def _at(data: Any, place: Place, otherwise: Any) -> Any:
    """What stands at a place; something else where nothing does."""
    for key in place:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return data


def _put(data: Any, place: Place, value: Any) -> None:
    """Set what stands at a place, and make the mappings that lead to it."""
    for key in place[:-1]:
        data = data[key] if isinstance(key, int) else data.setdefault(key, {})
    data[place[-1]] = copy.deepcopy(value)


def _fewest(chosen: Mapping[int, int], wrong: Callable[[dict[int, int]], bool]) -> dict[int, int]:
    """The choices without any of which it would not be wrong, by leaving out halves, quarters and so on."""
    kept = dict(sorted(chosen.items(), reverse=True))  # what is under others goes first
    size = len(kept)
    while size > 1:
        size = (size + 1) // 2
        places = list(kept)
        for first in range(0, len(places), size):
            rest = {axis: value for axis, value in kept.items() if axis not in places[first : first + size]}
            if wrong(rest):
                kept = rest
    return kept
