"""Defines the scenarios of personalised allocation, and makes their problems."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator

from mac.personalized import PersonalizedContext
from mac.personalized.needs import Needs
from mac.personalized.predictor import ZonePredictor, load_predictor
from mac.personalized.problem import PersonalizedProblem
from mac.personalized.settings import PersonalizedSettings, ZoneSettings
from phy.random import Drops

from ...errors import ScenarioError
from ..cellular import engine_factory, estimates, named_files
from ..cellular import labels as cellular_labels
from ..cellular.scenario import CellularScenario
from ..cellular.shape import Shape
from ..cellular.users import UserGroup
from ..family import Labels
from ..schema import Clock, clock

_SHIPPED = {path.stem: path for path in (Path(__file__).parents[2] / "presets" / "personalized").glob("*.npz")}
_NAMES = ("declared", "true", *_SHIPPED)


class PersonalizedUsers(UserGroup):
    """Describes users of one kind of service that differ in what they need."""

    zone: ZoneSettings
    """Zone of tolerance of the group, and how much those of its users differ."""


class PersonalizedScenario(CellularScenario):
    """Compares ways to give each user the PRBs for the quality that it needs."""

    users: tuple[PersonalizedUsers, ...] = Field(min_length=1)
    """Groups of users."""
    personalized: PersonalizedSettings = Field(default_factory=PersonalizedSettings)
    """Clock, shape of satisfaction, target, and what allocators are told of the users."""

    @field_validator("personalized")
    @classmethod
    def _beside_the_scenario(cls, section: PersonalizedSettings, info: ValidationInfo) -> PersonalizedSettings:
        """Makes the path of a predictor beside the scenario file absolute."""
        if section.predictor in _NAMES or not info.context:
            return section
        folders: list[Path] = info.context["folders"]
        found = next((one / section.predictor for one in folders if (one / section.predictor).is_file()), None)
        path = Path(section.predictor) if found is None else found
        return replace(section, predictor=str(path.absolute()))

    @model_validator(mode="after")
    def _one_link_a_user(self) -> PersonalizedScenario:
        if self.mimo is not None and self.mimo.users_per_prb > 1:
            raise ValueError(
                f"mimo.users_per_prb is {self.mimo.users_per_prb}, but here each PRB is given to one user; set it to 1"
            )
        if self.on_infeasible != "error":
            raise ValueError("on_infeasible must be error: no allotment is repaired; leave it out")
        return self


def clock_of(scenario: PersonalizedScenario) -> Clock:
    """Returns the times of a scenario; a window is an interval unless it says otherwise."""
    try:
        scenario.personalized.slots(scenario.carrier.slot_s)
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    return clock(scenario, scenario.personalized.interval_s, scenario.personalized.interval_s)


def _shape(scenario: PersonalizedScenario) -> Shape:
    slots = scenario.personalized.slots(scenario.carrier.slot_s)
    return Shape(clock_of(scenario), slots, slice_of_group=(0,) * len(scenario.users))


def _predictor(scenario: PersonalizedScenario) -> ZonePredictor | None:
    """Reads the predictor that a scenario names.

    Raises:
        ScenarioError: it is none, or of other groups or traits.
    """
    settings = scenario.personalized
    if settings.predictor in ("declared", "true"):
        return None
    try:
        found = load_predictor(_SHIPPED.get(settings.predictor, Path(settings.predictor)))
        found.require([group.name for group in scenario.users], len(settings.trait_weights))
    except ValueError as error:
        raise ScenarioError(
            f"personalized.predictor is '{settings.predictor}' ({', '.join(_NAMES)}, or a file): {error}"
        ) from None
    return found


def check(scenario: PersonalizedScenario) -> None:
    """Reads every file that the scenario names."""
    named_files.check_files(scenario, _shape(scenario))
    _predictor(scenario)


def build(
    scenario: PersonalizedScenario, drops: Drops, device: torch.device, dtype: torch.dtype
) -> PersonalizedProblem:
    """Builds the problem of a batch of drops."""
    engine = engine_factory.engine(scenario, drops, _shape(scenario), device, dtype)
    group, settings = scenario.group_of_user(), scenario.personalized
    needs = Needs(drops, [one.zone for one in scenario.users], group, settings.trait_weights, device)
    return PersonalizedProblem(engine, settings, needs, group, scenario.power, _predictor(scenario))


def context(scenario: PersonalizedScenario) -> PersonalizedContext:
    """Returns what an allocator is reset with for one drop."""
    settings, carrier = scenario.personalized, scenario.carrier
    return PersonalizedContext(
        drops=Drops(scenario.seed, (0,)),
        users=scenario.users_per_cell * scenario.cells,
        cells=scenario.cells,
        prbs=carrier.prbs,
        interval_s=settings.interval_s,
        slot_s=carrier.slot_s,
        shape=settings.shape,
        target=settings.target,
        device=torch.device("cpu"),
    )


def labels(scenario: PersonalizedScenario, problem: PersonalizedProblem) -> Labels:
    """Returns the coordinates and attributes of results."""
    common = cellular_labels.labels(scenario, problem.engine, ["embb"] * len(scenario.users), _shape(scenario))
    settings, zones = scenario.personalized, [group.zone for group in scenario.users]
    which = scenario.group_of_user().numpy()
    declared = {
        "declared_adequate_bps": torch.tensor([zone.adequate_bps for zone in zones], dtype=torch.float64),
        "declared_desired_bps": torch.tensor([zone.desired_bps for zone in zones], dtype=torch.float64),
    }
    coordinates = {name: (("user",), values.numpy()[which]) for name, values in declared.items()}
    about = {"target": settings.target, "shape": settings.shape}
    return Labels({**common.coordinates, **coordinates}, {**common.attributes, **about})


def account(scenario: PersonalizedScenario) -> list[tuple[str, str]]:
    """Describes what is aimed at, and what allocators are told."""
    settings = scenario.personalized
    told = {"declared": "those that the groups declare", "true": "the true ones"}
    zones = told.get(settings.predictor, f"predicted from traits by {Path(settings.predictor).name}")
    rows = [
        ("satisfaction", f"{settings.shape} in the zone of tolerance, of the rate of {settings.interval_s:g} s"),
        ("target", f"{settings.target:g} for every user; zones that allocators are told: {zones}"),
    ]
    return rows + cellular_labels.account(scenario)


def estimate_bytes(scenario: PersonalizedScenario, drops: int) -> int:
    """Estimates the memory of a batch."""
    return estimates.estimate_bytes(scenario, drops, _shape(scenario))


def estimate_seconds(scenario: PersonalizedScenario, drops: int) -> float:
    """Estimates the time of one allocator for a batch, on one CPU thread."""
    return estimates.estimate_seconds(scenario, drops, _shape(scenario))
