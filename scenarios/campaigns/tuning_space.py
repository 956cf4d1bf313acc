"""Reads the section ``tune`` of a file: what is tried, what is maximised, and how it is validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue, ValidationError, model_validator

from mac.metrics.registry import metric_named

from .. import families
from ..config.loading import Source, from_layers, layers_of, setting
from ..config.validation_messages import Layer
from ..errors import ScenarioError, did_you_mean, shown
from ..families.schema import AllocatorSpec, Model, ScenarioBase
from ..running.entrants import check, entrants_of
from .definition import Definition
from .points import HOWS, Point, Space, space_of

SECTION = "tune"


class Between(Model):
    """Describes numbers between two ends; whole ones where both ends are whole."""

    low: int | float
    """The least value."""
    high: int | float
    """The greatest value."""
    log: bool = False
    """Try the logarithm of the value evenly."""
    step: int | float | None = Field(default=None, gt=0)
    """Distance of the values that are tried; left out, of whole numbers 1, of others any."""

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if not self.low < self.high:
            raise ValueError(f"'low' must be below 'high', given {self.low:g} and {self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("'log' needs a 'low' above 0 and no 'step'")
        return self

    @property
    def ends(self) -> list[int | float]:
        """Lists both ends."""
        return [self.low, self.high]


class Validation(Model):
    """Describes the fresh drops on which the best trial meets the default."""

    drops: int = Field(default=32, ge=2, le=1_000_000)
    """How many."""
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    """Their seed, another one than that of the trials; left out, that of the scenario plus 1."""


class TuneSettings(Model):
    """Describes what is tuned."""

    metric: str
    """The metric whose mean over drops is maximised; of a metric that is better low, minimised."""
    space: dict[str, Between | list[JsonValue]] = Field(min_length=1)
    """Dotted key -> ``{low, high, log, step}``, or a list of values."""
    allocator: str = ""
    """Label of the allocator that is tuned; left out, the only one, or that whose parameter is in the space."""
    trials: int = Field(default=30, ge=1, le=10_000)
    """Points that are tried."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of what is tried."""
    validation: Validation = Field(default_factory=Validation)
    """Fresh drops for the best trial and the default."""


@dataclass(frozen=True)
class Tuning:
    """Holds what is settled before the first trial.

    Attributes:
        definition: the scenario with the keys that vary.
        settings: what is tuned.
        label: of the allocator.
        validation_seed: seed of the fresh drops.
    """

    definition: Definition
    settings: TuneSettings
    label: str
    validation_seed: int

    @property
    def maximises(self) -> bool:
        """Checks whether more of the metric is better."""
        return metric_named(self.settings.metric).better != "lower"

    def scenario(self, point: Point | None, **changes: Any) -> ScenarioBase:
        """Loads the scenario of a trial, or of the default where there is no point, with the tuned allocator alone."""
        whole = self.definition.base if point is None else self.definition.scenario(point)
        return whole.model_copy(update={"allocators": (self.spec(whole),), **changes})

    def spec(self, scenario: ScenarioBase) -> AllocatorSpec:
        """Finds the allocator that is tuned."""
        return next(spec for spec in scenario.allocators if spec.label == self.label)


def asks_for_tuning(source: Source) -> bool:
    """Checks whether a file has the section ``tune``."""
    return any(isinstance(layer.data, Mapping) and SECTION in layer.data for layer in layers_of(source))


def define_tuning(source: Source, settings: Sequence[str] = (), **options: Any) -> Tuning:
    """Reads a file with the section ``tune``, and checks the ends and values of its space one by one.

    Args:
        source: as for :func:`.definition.define`.
        settings: ``key=value``, as of the option ``--set``.
        options: settings of all trials, by name.

    Raises:
        ScenarioError: the scenario or the section cannot be read, or a value of the space does not fit.
    """
    found = layers_of(source)
    origin, given = [(one.origin, one.data[SECTION]) for one in found if SECTION in one.data][-1]
    if both := [how for how in HOWS if any(how in one.data for one in found)]:
        raise ScenarioError(f"{origin}: give one of 'tune' and '{both[0]}', not both")
    layers = [Layer(one.origin, {k: v for k, v in one.data.items() if k != SECTION}, one.folder) for one in found]
    layers += [Layer(f"--set {text}", setting(text), Path.cwd()) for text in settings]
    layers += [Layer(f"--{key.replace('_', '-')}", {key: value}, Path.cwd()) for key, value in options.items()]
    tune, base = _settings(given, origin), from_layers(layers)
    try:
        metric_named(tune.metric)
    except ValueError as error:
        raise ScenarioError(f"{origin}: 'tune.metric': {error}") from None
    space = space_of("list", [dict.fromkeys(tune.space)], f"{origin}: 'tune.space'")
    if "drops" in tune.space or "seed" in tune.space:
        raise ScenarioError(f"{origin}: 'tune.space': drops and seed are no parameters; trials share them")
    seed = base.seed + 1 if tune.validation.seed is None else tune.validation.seed
    if seed == base.seed:
        raise ScenarioError(f"{origin}: 'tune.validation.seed' is {seed}, that of the trials: the best of many trials "
                            "looks better on their drops than it is; take another seed")  # fmt: skip
    tuning = Tuning(Definition(layers, base, Space("list", space.values)), tune, _label(tune, base, origin), seed)
    for point in _corners(tune):
        scenario = tuning.scenario(point)
        try:
            check(entrants_of(scenario), families.find(scenario.family))
        except ScenarioError as error:
            raise ScenarioError(f"{origin}: 'tune.space', {point.label}: {error}") from None
    return tuning


def _settings(given: Any, origin: str) -> TuneSettings:
    if not isinstance(given, Mapping):
        raise ScenarioError(f"{origin}: 'tune' must be a mapping with 'metric' and 'space', given {shown(given)}")
    try:
        found = TuneSettings.model_validate(dict(given))
    except ValidationError as error:
        raise ScenarioError(f"{origin}: {_explained(error)}") from None
    for key, values in found.space.items():
        if isinstance(values, list) and len(values) < 2:
            raise ScenarioError(f"{origin}: 'tune.space.{key}' must have two values or more, given {shown(values)}")
    return found


def _explained(error: ValidationError) -> str:
    """Writes the first thing that is wrong in a sentence."""
    first = min(error.errors(), key=lambda one: "list[" in str(one["loc"]))  # of a range before that of a list
    inner = [str(part) for part in first["loc"] if "[" not in str(part) and part not in ("Between", "int", "float")]
    path = ".".join(inner)
    if first["type"] in ("model_type", "model_attributes_type"):
        return f"'tune.{path}': must be {{low: ..., high: ...}} or a list of values, given {shown(first['input'])}"
    known = {"extra_forbidden": "there is no such key", "missing": "it is missing"}
    what = known.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        what += did_you_mean(str(first["loc"][0]), TuneSettings.model_fields)
    given = "" if first["type"] in ("extra_forbidden", "missing", "value_error") else f", given {shown(first['input'])}"
    return f"'tune.{path}': {what}{given}"


def _label(tune: TuneSettings, base: ScenarioBase, origin: str) -> str:
    """Finds the label of the allocator that is tuned."""
    labels = [spec.label for spec in base.allocators]
    numbers = sorted({key.split(".")[1] for key in tune.space if key.startswith("allocators.")})
    if tune.allocator:
        if tune.allocator not in labels:
            raise ScenarioError(f"{origin}: 'tune.allocator': unknown allocator '{tune.allocator}'"
                                f"{did_you_mean(tune.allocator, labels)}")  # fmt: skip
        return tune.allocator
    if len(numbers) == 1 and numbers[0].isdigit() and int(numbers[0]) < len(labels):
        return labels[int(numbers[0])]
    if len(labels) > 1:
        raise ScenarioError(
            f"{origin}: 'tune.allocator' must say which allocator is tuned, one of: {', '.join(labels)}"
        )
    return labels[0]


def _corners(tune: TuneSettings) -> Iterator[Point]:
    """Yields points that have, one after the other, each end or value of each key, and the first of all others."""
    values = {key: given.ends if isinstance(given, Between) else given for key, given in tune.space.items()}
    first = {key: each[0] for key, each in values.items()}
    for key, each in values.items():
        for value in each:
            yield Point(1, {**first, key: value})
