"""Reads what a sweep is: a scenario, and what varies of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config import yaml12
from ..config.loading import Source, from_layers, layers_of, scenario_hash, setting
from ..config.validation_messages import Layer
from ..errors import ScenarioError
from ..families.schema import ScenarioBase
from .points import HOWS, Point, Space, space_of, value_text

_MOST_TOLD = 5  # wrong points that a message names


@dataclass(frozen=True)
class Definition:
    """Describes a sweep: the scenario that all points share, and what varies."""

    layers: Sequence[Layer]
    base: ScenarioBase
    space: Space

    @property
    def hash(self) -> str:
        """Returns the hash of the scenario that the points share, by which a sweep's folder is found again."""
        return scenario_hash(self.base)

    def scenario(self, point: Point) -> ScenarioBase:
        """Loads the scenario of a point.

        Raises:
            ScenarioError: its settings do not fit; the point and the key are named.
        """
        return from_layers([*self.layers, *self._named_allocators(), Layer(point.origin, point.settings, Path.cwd())])

    def _named_allocators(self) -> list[Layer]:
        """Writes the allocators in full where a parameter of one varies, so that its key leads somewhere."""
        if not any(key.startswith("allocators.") for key in self.space.keys):
            return []
        return [Layer(self.base.name, {"allocators": [spec.model_dump(mode="json") for spec in self.base.allocators]})]


def define(
    source: Source, vary: Any = None, how: str = "grid", settings: Sequence[str] = (), **options: Any
) -> Definition:
    """Reads a sweep from a file with ``grid``, ``zip`` or ``list``, or from a scenario and what varies of it.

    Args:
        source: name of a preset, path of a scenario or sweep file, a mapping, or a loaded scenario.
        vary: what varies, as :func:`.points.space_of` takes it; laid upon the file's ``grid`` where it has one.
        how: the values combine: ``grid``, ``zip`` or ``list``.
        settings: ``key=value``, as of the option ``--set``.
        options: settings of all points, by name.

    Raises:
        ScenarioError: the scenario cannot be read, nothing or too much varies, or what varies is set, too.
    """
    found = layers_of(source)
    named = [(layer.origin, key, layer.data[key]) for layer in found if isinstance(layer.data, Mapping)
             for key in HOWS if key in layer.data]  # fmt: skip
    layers = [_without_space(layer) for layer in found]
    layers += [Layer(f"--set {text}", setting(text), Path.cwd()) for text in settings]
    layers += [Layer(f"--{key.replace('_', '-')}", {key: value}, Path.cwd()) for key, value in options.items()]
    space = _space(named, vary, how, layers[0].origin)
    _require_free(space, [key for text in settings for key in setting(text)] + list(options))
    return Definition(layers, from_layers(layers), space)


def varied(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Parses ``--vary users.embb.count=5,10,20``: the values are those of a YAML list.

    Raises:
        ScenarioError: there is no ``=`` or no value, or a key is given twice.
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not key or not values:
            raise ScenarioError(f"--vary {text}: write it as dotted.key=value,value,..., for example "
                                "--vary users.embb.count=5,10,20")  # fmt: skip
        if key in found:
            raise ScenarioError(f"--vary {text}: '{key}' is given twice; give all its values in one --vary")
        found[key] = yaml12.parse(f"[{values}]", f"--vary {text}")
    return found


def checked_scenarios(definition: Definition, points: Sequence[Point]) -> list[ScenarioBase]:
    """Loads the scenarios of all points.

    Raises:
        ScenarioError: points that do not fit, the first five by name; or two points that are one run, so that a key
            varies nothing.
    """
    scenarios, problems = [], list[str]()
    for point in points:
        try:
            scenarios.append(definition.scenario(point))
        except ScenarioError as error:
            problems.append(str(error))
    raise_problems(problems, len(points))
    seen: dict[str, Point] = {}
    for point, scenario in zip(points, scenarios, strict=True):
        if (twin := seen.setdefault(scenario_hash(scenario), point)) is not point:
            keys = [key for key, value in point.settings.items() if value_text(twin.settings[key]) != value_text(value)]
            raise ScenarioError(f"{' and '.join(map(repr, keys))} varies nothing: {twin.origin} and {point.origin} are "
                                "one and the same scenario; leave one of them out")  # fmt: skip
    return scenarios


def raise_problems(problems: Sequence[str], points: int) -> None:
    """Raises one error that names the first five problems of points, if there are any.

    Raises:
        ScenarioError: with a line for each of them.
    """
    if problems:
        more = len(problems) - _MOST_TOLD
        lines = [*problems[:_MOST_TOLD], *([f"and {more} more of {points} points"] if more > 0 else [])]
        raise ScenarioError("\n".join(lines))


def _without_space(layer: Layer) -> Layer:
    if not isinstance(layer.data, Mapping):
        return layer
    return replace(layer, data={key: value for key, value in layer.data.items() if key not in HOWS})


def _require_free(space: Space, fixed: Sequence[str]) -> None:
    """Refuses to fix what varies: each point would overrule it."""
    if both := next((key for key in fixed if key in space.values), None):
        raise ScenarioError(f"'{both}' varies and is set to one value, too; leave one of them out, or give its values "
                            f"by --vary {both}=value,value,...")  # fmt: skip


def _space(named: Sequence[tuple[str, str, Any]], vary: Any, how: str, origin: str) -> Space:
    """Chooses the uppermost layer's points, and lays upon a grid what else varies."""
    if not named:
        if not vary:
            raise ScenarioError(f"{origin}: nothing varies; give --vary key=value,value,... or a file with 'grid', "
                                "'zip' or 'list'")  # fmt: skip
        return space_of(how, vary, "the sweep")
    file, kind, given = named[-1]
    if both := [key for other, key, _ in named if other == file and key != kind]:
        raise ScenarioError(f"{file}: give one of 'grid', 'zip' and 'list', not {both[0]!r} and {kind!r}")
    space = space_of(kind, given, file)
    if not vary:
        return space
    if not kind == how == "grid":
        raise ScenarioError(
            f"{file}: --vary adds to a 'grid', and this file has '{kind}'; write the values in the file"
        )
    return space_of("grid", {**space.values, **vary}, "the sweep")
