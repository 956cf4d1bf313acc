"""Computes a metric of a single interval, as a reward."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mac.core.contracts import Outcome
from mac.core.recorder import Recorder
from mac.metrics.metric import Metric

from ..errors import ScenarioError
from ..families.environment import Scene
from ..families.family import Labels
from ..families.schema import Clock
from ..results.dataset import dataset


def metric_reward(outcome: Outcome, scene: Scene, metric: Metric) -> Tensor:
    """Computes a metric with the interval for its only window, ``[B]``; of a metric that should be low, minus that.

    It is 0 for drops in which the interval has nothing to judge, such as satisfaction where no UE has any demand.

    Args:
        outcome: of the interval.
        scene: of the episode.
        metric: that is meant.

    Raises:
        ScenarioError: the metric does not apply to the scenario.
    """
    problem = scene.problem
    recorder = Recorder(problem.array_specs, 1)
    recorder.add(outcome)
    labels = Labels(
        {name: one for name, one in scene.labels.coordinates.items() if "window" not in one[0]}, scene.labels.attributes
    )
    data = dataset(recorder.windows({}, 1), labels, Clock(scene.interval_s, 0, 1, 1), problem.drops)
    if not metric.fits(data):
        raise ScenarioError(f"reward '{metric.name}': this metric does not apply to the scenario {scene.scenario.name}")
    found = metric.compute(data)
    values = np.nan_to_num(found[""] if isinstance(found, dict) else found, nan=0.0)
    return torch.as_tensor(-values if metric.better == "lower" else values).to(outcome.energy_j.device)
