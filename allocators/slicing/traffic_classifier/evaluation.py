"""Evaluates classifiers on trials that are held out as a whole, and on a random split, which leaks.

Windows of one log are alike, whether they overlap or not: a network that has seen some of them is not tested by the
others. The authors cut overlapping windows and split them at random; :func:`random_split` shows what that yields.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mac.metrics.intervals import mean_interval
from phy.random import stream_key, uniform

from .kpi_log import LogError
from .training import ClassifierSettings, labelled_windows, train_classifier
from .training_logs import CLASSES, TrainingLog

PUBLISHED = {24: 0.886, 32: 0.860, 40: 0.876, 48: 0.893}
"""Accuracy of the authors' stored confusion matrices by window, of their own split."""


@dataclass(frozen=True)
class Evaluation:
    """Holds what a classifier made of windows that it was not trained on.

    Attributes:
        settings: of the classifier.
        confusion: ``[classes, classes]`` windows by true class and label.
        accuracy: of each trial, the share of its windows that got their class; one number for a random split.
        low: of the 95 % interval of the mean accuracy over trials; NaN of one trial.
        high: likewise.
    """

    settings: ClassifierSettings
    confusion: NDArray[np.int64]
    accuracy: dict[str, float]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Returns the mean accuracy over trials."""
        return float(np.mean(list(self.accuracy.values())))

    @property
    def balanced(self) -> float:
        """Returns the mean over classes of the share of their windows that got their class."""
        total = self.confusion.sum(1)
        return float(np.mean(np.diag(self.confusion)[total > 0] / total[total > 0]))


def held_out_trials(
    logs: Sequence[TrainingLog], settings: ClassifierSettings, tell: Callable[[str], None] | None = None
) -> Evaluation:
    """Trains without each trial in turn, and labels all its windows.

    Args:
        logs: of two trials or more.
        settings: of the classifiers.
        tell: told the accuracy of each trial.

    Raises:
        LogError: there is one trial.
    """
    trials = sorted({log.trial for log in logs})
    if len(trials) < 2:
        raise LogError(f"all logs are of the trial '{trials[0]}'; to hold one out there must be two or more")
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    accuracy: dict[str, float] = {}
    for trial in trials:
        windows, label, _ = labelled_windows(
            [log for log in logs if log.trial != trial], settings.length, settings.most_windows
        )
        tested, truth, _ = labelled_windows(
            [log for log in logs if log.trial == trial], settings.length, settings.most_windows
        )
        found = train_classifier(windows, label, settings).labels(tested)
        np.add.at(confusion, (truth, found), 1)
        accuracy[trial] = float((found == truth).mean())
        if tell:
            tell(f"{settings.network}, window {settings.length}: {trial} {accuracy[trial]:.3f}")
    return Evaluation(settings, confusion, accuracy, *_interval(list(accuracy.values())))


def random_split(logs: Sequence[TrainingLog], settings: ClassifierSettings, overlap: int = 1) -> Evaluation:
    """Splits all windows at random, four fifths for training, as the authors do; this leaks.

    Args:
        logs: as for :func:`held_out_trials`.
        settings: of the classifier.
        overlap: windows in the place of one: they begin so many times as often as windows that do not overlap.
    """
    windows, label, _ = labelled_windows(logs, settings.length, settings.most_windows, overlap)
    key = torch.tensor([stream_key(settings.seed, 0, "traffic_classifier/split")])
    order = uniform(key, (len(label),))[0].argsort().numpy()
    cut_at = int(0.8 * len(order))
    train, test = order[:cut_at], order[cut_at:]
    found = train_classifier(windows[train], label[train], settings).labels(windows[test])
    confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    np.add.at(confusion, (label[test], found), 1)
    accuracy = {"random split": float((found == label[test]).mean())}
    return Evaluation(settings, confusion, accuracy, float("nan"), float("nan"))


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Computes Student's 95 % interval of the mean."""
    found = mean_interval(values)
    return found.low, found.high
