"""Trains the predictor of zones, and tells how well it does on UEs that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mac.personalized.predictor import ZonePredictor, zones_of
from mac.personalized.predictor_fit import PastWindows, fit
from mac.personalized.zone import Shape, Zones

_FOLDS = 5


def train(
    past: PastWindows, shape: Shape, groups: tuple[str, ...], steps: int, seed: int, origin: Mapping[str, Any]
) -> ZonePredictor:
    """Trains on all windows.

    Raises:
        ValueError: nothing can be learned from them.
    """
    network, _ = fit(past, shape, len(groups), steps, seed)
    return ZonePredictor(network, groups, past.traits.shape[-1], origin)


def held_out_error(past: PastWindows, shape: Shape, groups: int, steps: int, seed: int) -> dict[str, float]:
    """Trains on four fifths of the UEs, and predicts the satisfaction that the others reported.

    A UE is told by its first trait, which is constant: all of its windows are on one side.

    Returns:
        ``windows``, and the root mean square errors of the prediction (``rmse``) and of the declared zones
        (``rmse_declared``).

    Raises:
        ValueError: nothing can be learned from the windows.
    """
    past.require()
    names, ue = past.traits[:, 0].unique(return_inverse=True)
    held = ue % _FOLDS == 0 if len(names) >= _FOLDS else torch.zeros_like(ue, dtype=torch.bool)
    if not bool(held.any()) or bool(held.all()):
        raise ValueError(f"there are {len(names)} UEs; give {_FOLDS} or more, so that a fifth can be held out")
    network, _ = fit(_of(past, ~held), shape, groups, steps, seed)
    rest = _of(past, held)
    with torch.no_grad():
        predicted = zones_of(network, rest.traits, rest.group, rest.declared, groups)
    return {
        "windows": len(past.rate_bps),
        "rmse": _rmse(rest, predicted, shape),
        "rmse_declared": _rmse(rest, rest.declared, shape),
    }


def _of(past: PastWindows, rows: torch.Tensor) -> PastWindows:
    zones = Zones(past.declared.adequate_bps[rows], past.declared.desired_bps[rows])
    return PastWindows(past.traits[rows], past.group[rows], past.rate_bps[rows], past.satisfaction[rows], zones)


def _rmse(past: PastWindows, zones: Zones, shape: Shape) -> float:
    return float((zones.satisfaction(past.rate_bps, shape) - past.satisfaction).square().mean().sqrt())
