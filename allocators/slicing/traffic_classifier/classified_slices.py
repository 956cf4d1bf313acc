"""Tells a slice controller the classes that a classifier finds, instead of the slices that UEs belong to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, JsonValue
from pydantic.dataclasses import dataclass
from torch import Tensor

from mac.slicing import SlicingContext, SlicingDecision, SlicingObservation
from mac.slicing.types import UE_REPORTS
from phy.settings import PARAMETERS

from ...registry import resolve
from .air_kpis import kpi_row
from .model_file import default_model, read_model
from .training import Classifier
from .training_logs import CLASSES

DEFAULT = "default"


@dataclass(config=PARAMETERS)
class ClassifiedSlices:
    """Passes reports to another controller as if each UE were in the slice of the class that its KPIs look like.

    UEs stay in their slices; only what the controller is told changes. A UE of the class "null" counts in no slice, one
    of a class that no slice serves likewise. Until a UE has sent as many reports as a window has, it counts in its own
    slice.

    Source: Groen et al., "From classification to optimization: Slicing and resource management with TRACTOR", arXiv
    2312.07896 (its classifier); that it stands before any controller is ours.
    """

    model: str | None = DEFAULT
    """File of `fairwave train-classifier`; `default`: the one that comes with fairwave; null: the true classes."""
    controller: str = "demand_proportional"
    """The slice controller that decides."""
    params: dict[str, JsonValue] = Field(default_factory=dict)
    """Its parameters."""

    def reset(self, context: SlicingContext, seed: int) -> None:
        """Reads the classifier and resets the controller.

        Raises:
            ValueError: the file cannot be read, or there is no such controller.
        """
        self._context = context
        self._classifier = _classifier(self.model)
        self._controller: Any = resolve(self.controller, "slicing", self.params)
        self._controller.reset(context, seed)
        self._window: list[Tensor] = []
        slice_of = [context.services.index(name) if name in context.services else -1 for name in CLASSES]
        self._slice_of_class = torch.tensor(slice_of, device=context.device)

    def decide(self, observation: SlicingObservation) -> SlicingDecision:
        """Returns the controller's decision on what the classes say."""
        reports, classifier = observation.ue_reports, self._classifier
        if reports is not None and classifier is not None:
            slices = self._slices(reports, classifier, observation.interval)
            observation = classified_observation(observation, reports, slices)
        decision: SlicingDecision = self._controller.decide(observation)
        return decision

    def _slices(self, reports: Tensor, classifier: Classifier, interval: int) -> Tensor:
        """Returns the slice of each UE's class, int64 ``[B, U]``; -1 where none is."""
        settings = classifier.settings
        if interval > 0:  # before the first interval nothing was reported
            row = kpi_row(reports, self._context.interval_s, settings.kpis, classifier.scaling)
            self._window = [*self._window[1 - settings.length :], row]
        if len(self._window) < settings.length:
            return reports[..., UE_REPORTS.index("slice")].to(torch.int64)
        windows = torch.stack(self._window, 2).flatten(0, 1).cpu().numpy()
        found = torch.from_numpy(classifier.labels(windows)).to(reports.device)
        return self._slice_of_class[found].view(reports.shape[:2])


def _classifier(model: str | None) -> Classifier | None:
    if model is None:
        return None
    return default_model() if model == DEFAULT else read_model(Path(model))


def classified_observation(observation: SlicingObservation, reports: Tensor, slices: Tensor) -> SlicingObservation:
    """Returns an observation whose sums are of other slices than the UEs'.

    Args:
        observation: as it was.
        reports: ``[B, U, 8]``.
        slices: int64 ``[B, U]`` slice of each UE; -1: none.
    """
    batch, cells, count = observation.rbg.shape
    column = {name: reports[..., place] for place, name in enumerate(UE_REPORTS)}
    group = column["cell"].to(torch.int64) * count + slices.clamp(min=0)
    counted = slices >= 0

    def sums(values: Tensor) -> Tensor:
        none = values.new_zeros((batch, cells * count))
        return none.scatter_add(1, group, torch.where(counted, values, 0.0)).view(batch, cells, count)

    users = sums(torch.ones_like(column["cell"]))
    return replace(
        observation,
        users=users,
        backlog_bits=sums(column["backlog_bits"]),
        arrived_bits=sums(column["arrived_bits"]),
        served_bits=sums(column["served_bits"]),
        requested_prbs=sums(column["requested_prbs"]),
        granted_prbs=sums(column["granted_prbs"]),
        bits_per_prb=sums(column["bits_per_prb"]) / users.clamp(min=1.0),
    )
