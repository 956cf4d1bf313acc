"""Estimates the zone of tolerance of each UE from its traits, with a small network. Ours.

The network takes the traits and the group of a UE and gives two numbers x, y: the adequate rate is exp(x) times the one
that its group declares, and the width of the zone exp(y) times the declared one. It is stored as plain arrays
(``.npz``, no pickle) with what it was trained on.

B drops, U UEs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn

from .zone import Zones

HIDDEN = 32
_KEYS = ("weight_1", "bias_1", "weight_2", "bias_2", "weight_3", "bias_3")


@dataclass(frozen=True)
class ZonePredictor:
    """Holds a trained network and where it comes from.

    Attributes:
        network: of :func:`make_network`.
        groups: names of the groups, in the order of its inputs.
        traits: how many traits a UE has.
        origin: what it was trained on, for provenance.
    """

    network: nn.Sequential
    groups: tuple[str, ...]
    traits: int
    origin: Mapping[str, Any]

    def predict(self, traits: Tensor, group: Tensor, declared: Zones) -> Zones:
        """Estimates zones, drop by drop, so that they are bit for bit the same in any batch.

        Args:
            traits: ``[B, U, traits]``.
            group: of each UE, its place in ``groups``, int64 ``[U]``.
            declared: zones that the groups declare.
        """
        network, found = self.network.to(traits.device), []
        with torch.no_grad():
            for drop, of_drop in enumerate(traits):
                own = Zones(declared.adequate_bps[drop], declared.desired_bps[drop])
                found.append(zones_of(network, of_drop, group, own, len(self.groups)))
        adequate = torch.stack([zones.adequate_bps for zones in found])
        return Zones(adequate, torch.stack([zones.desired_bps for zones in found]))

    def require(self, groups: Sequence[str], traits: int) -> None:
        """Checks that the predictor is of these groups and traits.

        Raises:
            ValueError: it is not.
        """
        if tuple(groups) != self.groups:
            raise ValueError(
                f"it was trained on the groups {', '.join(self.groups)}, and the scenario has {', '.join(groups)}; "
                "train one on a run of this scenario (fairwave personalized fit)"
            )
        if traits != self.traits:
            raise ValueError(
                f"it was trained on {self.traits} traits, and personalized.trait_weights has {traits}; train one on a "
                "run of this scenario (fairwave personalized fit)"
            )

    def save(self, path: Path) -> None:
        """Writes the network as arrays."""
        arrays = {key: value.detach().numpy() for key, value in zip(_KEYS, self.network.parameters(), strict=True)}
        about = {"groups": list(self.groups), "traits": self.traits, "origin": dict(self.origin)}
        with path.open("wb") as file:
            np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def load_predictor(path: Path) -> ZonePredictor:
    """Reads a predictor.

    Raises:
        ValueError: there is no such file, or it is none that ``fairwave personalized fit`` wrote.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            network = make_network(about["traits"], len(about["groups"]))
            for key, value in zip(_KEYS, network.parameters(), strict=True):
                value.data.copy_(torch.as_tensor(file[key]).reshape(value.shape))
            return ZonePredictor(network, tuple(about["groups"]), about["traits"], about["origin"])
    except FileNotFoundError:
        raise ValueError(
            f"there is no file {path}; write one with: fairwave personalized fit RUN --out {path}"
        ) from None
    except (OSError, BadZipFile, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{path} is no predictor that `fairwave personalized fit` wrote ({type(error).__name__}: {error})"
        ) from None


def make_network(traits: int, groups: int, seed: int = 0) -> nn.Sequential:
    """Makes a network of float64, whose first prediction is what the groups declare."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        last = nn.Linear(HIDDEN, 2)
        layers = (nn.Linear(traits + groups, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), last)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers).double()


def zones_of(network: nn.Module, traits: Tensor, group: Tensor, declared: Zones, groups: int) -> Zones:
    """Computes the zones that a network predicts; see :meth:`ZonePredictor.predict`."""
    of_group = nn.functional.one_hot(group, groups).to(traits.dtype).expand(*traits.shape[:-1], groups)
    scale, width = network(torch.cat((2.0 * traits - 1.0, of_group), -1)).clamp(-5.0, 5.0).exp().unbind(-1)
    adequate = declared.adequate_bps * scale
    return Zones(adequate, adequate + (declared.desired_bps - declared.adequate_bps) * width)
