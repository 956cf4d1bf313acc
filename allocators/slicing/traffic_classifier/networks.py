"""Defines the networks of arXiv 2312.07896 that label a window of reports.

- ``cnn``: a convolution of 20 filters over 4 reports of one KPI, ReLU, a layer of 512 with ReLU, the classes.
- ``transformer``: two encoder layers of one head and width d = KPIs (17), then 256 with ReLU, dropout 0.2, the classes.
  Positions are not encoded, and a layer is 2048 wide within: the defaults of PyTorch, as in the authors' code.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

NetworkName = Literal["cnn", "transformer"]
NETWORKS: tuple[NetworkName, ...] = ("cnn", "transformer")
FILTERS, ACROSS, HIDDEN_CNN, HIDDEN_TRANSFORMER, LAYERS, HEADS, DROPOUT = 20, 4, 512, 256, 2, 1, 0.2


class Cnn(nn.Module):
    """Computes scores of classes, ``[windows, classes]``, of windows ``[windows, length, KPIs]``.

    Args:
        length: reports of a window.
        kpis: number of KPIs.
        classes: number of classes.
    """

    def __init__(self, length: int, kpis: int, classes: int) -> None:
        super().__init__()
        self.filters = nn.Conv2d(1, FILTERS, (ACROSS, 1))
        self.hidden = nn.Linear(FILTERS * (length - ACROSS + 1) * kpis, HIDDEN_CNN)
        self.classes = nn.Linear(HIDDEN_CNN, classes)

    def forward(self, windows: Tensor) -> Tensor:
        """Computes the scores."""
        found = torch.relu(self.filters(windows[:, None])).flatten(1)
        scores: Tensor = self.classes(torch.relu(self.hidden(found)))
        return scores


class Transformer(nn.Module):
    """Computes scores of classes, ``[windows, classes]``, of windows ``[windows, length, KPIs]``.

    Args:
        length: reports of a window.
        kpis: number of KPIs, the width of the model.
        classes: number of classes.
    """

    def __init__(self, length: int, kpis: int, classes: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(kpis, HEADS, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.hidden = nn.Linear(length * kpis, HIDDEN_TRANSFORMER)
        self.dropout = nn.Dropout(DROPOUT)
        self.classes = nn.Linear(HIDDEN_TRANSFORMER, classes)

    def forward(self, windows: Tensor) -> Tensor:
        """Computes the scores."""
        found = self.encoder(windows).flatten(1)
        scores: Tensor = self.classes(self.dropout(torch.relu(self.hidden(found))))
        return scores


def make_network(name: NetworkName, length: int, kpis: int, classes: int) -> Cnn | Transformer:
    """Makes a network with weights as PyTorch draws them."""
    kind = Cnn if name == "cnn" else Transformer
    return kind(length, kpis, classes)
