"""Trains a network to label windows: Adam 0.001, cross entropy, as in the authors' code (batches and length are ours).

Classes weigh alike in the loss (ours): each window counts in inverse proportion to the windows of its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .kpi_log import KPIS, LogError
from .networks import Cnn, NetworkName, Transformer, make_network
from .training_logs import CLASSES, TrainingLog
from .windows import Scaling, require_length, windows_of

RATE, BATCH = 1e-3, 128
AT_ONCE: dict[NetworkName, int] = {"cnn": BATCH, "transformer": 16}
"""Windows of a batch that are computed at once: a transformer's layers are so wide that more leave the cache."""


@dataclass(frozen=True)
class ClassifierSettings:
    """Describes a classifier and its training.

    Attributes:
        network: cnn or transformer.
        length: reports of a window, 4 to 64.
        kpis: names of those that it sees.
        epochs: passes through the windows (the authors stop early instead; ours).
        most_windows: of a log, spread over it evenly (ours; keeps long silent logs from filling the training).
        seed: of weights and batches.
    """

    network: NetworkName = "cnn"
    length: int = 32
    kpis: tuple[str, ...] = KPIS
    epochs: int = 10
    most_windows: int = 200
    seed: int = 1


@dataclass(frozen=True)
class Classifier:
    """Holds a trained network and what its input is."""

    settings: ClassifierSettings
    scaling: Scaling
    network: Cnn | Transformer  # in float64

    def probabilities(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Computes the probability of each class, ``[windows, 4]``, of windows in the units of logs."""
        inputs = torch.from_numpy(self.scaling(windows)).double()
        with torch.no_grad():  # in float64: rounded, a row does not depend on how many there are
            parts = [self.network(part).softmax(1) for part in inputs.split(64)]
        found: NDArray[np.float64] = torch.cat(parts).numpy() if parts else np.zeros((0, len(CLASSES)))
        return found

    def labels(self, windows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns the most probable class of each window, as places in :data:`.training_logs.CLASSES`."""
        found: NDArray[np.int64] = self.probabilities(windows).astype(np.float32).argmax(1)
        return found


def labelled_windows(
    logs: Sequence[TrainingLog], length: int, most: int, overlap: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Cuts logs into windows: windows, their classes, and the place of the log of each.

    Args:
        logs: those shorter than a window are left out.
        length: reports of a window.
        most: windows of a log, spread over it evenly.
        overlap: windows in the place of one: they begin so many times as often as windows that do not overlap.

    Raises:
        LogError: no log is as long as a window.
    """
    parts: list[NDArray[np.float64]] = []
    label: list[int] = []
    place: list[int] = []
    for number, log in enumerate(logs):
        if len(log.kpis) < length:
            continue
        cut = windows_of(log.kpis, length, max(1, length // overlap))
        chosen = cut[np.linspace(0, len(cut) - 1, min(overlap * most, len(cut))).round().astype(int)]
        parts.append(chosen)
        label += [log.label] * len(chosen)
        place += [number] * len(chosen)
    if not parts:
        raise LogError(f"no log has the {length} reports of a window; the longest has {max(len(x.kpis) for x in logs)}")
    return np.concatenate(parts), np.array(label), np.array(place)


def train_classifier(
    windows: NDArray[np.float64], label: NDArray[np.int64], settings: ClassifierSettings
) -> Classifier:
    """Trains a classifier.

    Args:
        windows: ``[windows, length, KPIs]`` as they were reported.
        label: ``[windows]`` places in :data:`.training_logs.CLASSES`.
        settings: network and training.

    Raises:
        LogError: all windows are of one class.
        ValueError: a window of no length that the networks have.
    """
    require_length(settings.length)
    if len(np.unique(label)) < 2:
        raise LogError(f"all windows are of the class {CLASSES[int(label[0])]}; training needs two or more")
    scaling = Scaling.of(windows.reshape(-1, windows.shape[-1]))
    inputs, target = torch.from_numpy(scaling(windows)), torch.from_numpy(label)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = make_network(settings.network, settings.length, windows.shape[-1], len(CLASSES))
        optimiser = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
        weights = _weights(target)
        loss = nn.CrossEntropyLoss(weights, reduction="sum")
        for _ in range(settings.epochs):
            for batch in torch.randperm(len(target)).split(BATCH):
                optimiser.zero_grad()
                for part in batch.split(AT_ONCE[settings.network]):
                    (loss(network(inputs[part]), target[part]) / weights[target[batch]].sum()).backward()
                optimiser.step()
    return Classifier(settings, scaling, network.double().eval())


def _weights(target: torch.Tensor) -> torch.Tensor:
    """Computes the weight of each class: inverse to its windows; 0 of a class without any."""
    count = torch.bincount(target, minlength=len(CLASSES)).float()
    present = (count > 0).sum()
    return torch.where(count > 0, len(target) / (present * count.clamp(min=1)), 0.0)
