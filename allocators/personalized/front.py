"""Computes exact Pareto fronts of PRBs and mean satisfaction of a cell, and the allotment of a number of PRBs.

Maximise (1/n) sum_i S_i(x_i) with sum_i x_i <= X and S_i(x_i) >= target. It is separable, so that for a price p of a
PRB each UE maximises S_i(x) - p x on its own, and the prices from infinity to 0 sweep the front. The sweep finds all of
it where S_i is concave above the target: linear satisfaction with a target above 0, logistic satisfaction with a target
of 0.5 or more. Elsewhere it would find the upper hull alone, and dynamic programming over units of PRBs is taken.

n UEs of a cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mac.personalized import Zones

from .cell import CellUsers

_STEPS = 60  # halvings of the price: to 1e-18 of the greatest
_SLOPE = 2.0 * math.log(9.0)


@dataclass(frozen=True)
class Front:
    """Holds points of a front, with growing PRBs."""

    prbs: Tensor  # [points]
    satisfaction: Tensor  # [points], mean over the UEs

    def at(self, prbs: float) -> float:
        """Computes the greatest satisfaction of the points that need at most so many PRBs; NaN where there is none."""
        place = int(torch.searchsorted(self.prbs, torch.tensor(prbs * (1 + 1e-12)), right=True))
        return float(self.satisfaction[place - 1]) if place else math.nan


def is_concave(ues: CellUsers) -> bool:
    """Returns whether satisfaction is concave above the target, so that the sweep of prices is exact."""
    return ues.target > 0.0 if ues.shape == "linear" else ues.target >= 0.5


def require_targets(ues: CellUsers) -> None:
    """Refuses a cell whose PRBs do not suffice for the targets.

    Raises:
        ValueError: they do not.
    """
    needed = float(ues.target_prbs().sum())
    if needed > ues.prbs * (1 + 1e-9):
        raise ValueError(
            f"the {len(ues.bps_per_prb)} UEs of the cell need {needed:.4g} PRBs for a satisfaction of {ues.target:g} "
            f"each, and it has {ues.prbs}; lower the target, or take fewer UEs"
        )


def prbs_at_price(ues: CellUsers, price: float) -> Tensor:
    """Computes the PRBs ``x >= x_target`` of each UE that maximise S(x) - price x, ``[n]``, for a concave S.

    Linear: the desired rate where the slope is above the price. Logistic: S (1 - S) slope = price, the greater root.
    """
    least, width = ues.target_prbs(), (ues.zones.desired_bps - ues.zones.adequate_bps) / ues.bps_per_prb
    if ues.shape == "linear":
        return torch.where(1.0 / width > price, ues.desired_prbs(), least)
    slope = _SLOPE / width
    root = (1.0 - 4.0 * price / slope).clamp(min=0.0).sqrt()
    best = 0.5 * (1.0 + root)
    place = 0.5 + torch.log(best / (1.0 - best).clamp(min=1e-300)) / _SLOPE
    return (ues.zones.adequate_bps / ues.bps_per_prb + place * width).maximum(least)


def sweep(ues: CellUsers, points: int = 200) -> Front:
    """Computes the front by a sweep of prices, up to the PRBs of the cell.

    Args:
        ues: of the cell; :func:`is_concave` must hold.
        points: of a logistic front; a linear one has a point where each UE reaches its desired rate.

    Raises:
        ValueError: satisfaction is not concave above the target, or targets cannot be met.
    """
    if not is_concave(ues):
        raise ValueError("satisfaction is not concave above the target, so prices do not find all of the front")
    require_targets(ues)
    if ues.shape == "linear":
        return _linear(ues)
    slope = float((_SLOPE * ues.bps_per_prb / (ues.zones.desired_bps - ues.zones.adequate_bps)).max())
    prices = slope / 4.0 * torch.logspace(0.0, -6.0, points, dtype=torch.float64)
    allotted = [prbs_at_price(ues, float(price)) for price in prices]
    return _within(ues, [one for one in allotted if float(one.sum()) <= ues.prbs] + [best_prbs(ues, ues.prbs)])


def _linear(ues: CellUsers) -> Front:
    """Raises one UE after the other to its desired rate, the steepest first."""
    least, full = ues.target_prbs(), ues.desired_prbs()
    allotted, now = [least], least
    for ue in _steepest(ues).tolist():
        now = now.clone()
        now[ue] = full[ue]
        allotted.append(now)
    kept = [one for one in allotted if float(one.sum()) <= ues.prbs]
    return _within(ues, kept if len(kept) == len(allotted) else [*kept, best_prbs(ues, ues.prbs)])


def _steepest(ues: CellUsers) -> Tensor:
    """Orders UEs by satisfaction gained a PRB, the greatest first."""
    gain = ues.bps_per_prb / (ues.zones.desired_bps - ues.zones.adequate_bps)
    return gain.argsort(descending=True, stable=True)


def _within(ues: CellUsers, allotted: list[Tensor]) -> Front:
    prbs = torch.stack([one.sum() for one in allotted])
    return Front(prbs, torch.stack([ues.satisfaction(one).mean() for one in allotted]))


def best_prbs(ues: CellUsers, most: float, units_per_prb: int = 4) -> Tensor:
    """Computes the allotment of at most ``most`` PRBs with the greatest mean satisfaction that meets targets, ``[n]``.

    Where the targets do not fit, none is kept, and the mean satisfaction alone is maximised.

    Args:
        ues: of the cell.
        most: PRBs to share out.
        units_per_prb: of the dynamic programming, where satisfaction is not concave.
    """
    least = ues.target_prbs()
    if float(least.sum()) > most:
        return dynamic_programming(replace(ues, target=0.0), most, units_per_prb)[1]
    if not is_concave(ues):
        return dynamic_programming(ues, most, units_per_prb)[1]
    return _fill(ues, least, most) if ues.shape == "linear" else _bisect(ues, least, most)


def _fill(ues: CellUsers, least: Tensor, most: float) -> Tensor:
    """Gives PRBs to the steepest UE until its desired rate, then to the next."""
    order = _steepest(ues)
    wanted = (ues.desired_prbs() - least)[order]
    before = wanted.cumsum(0) - wanted
    more = (most - float(least.sum()) - before).clamp(min=0.0).minimum(wanted)
    prbs = least.clone()
    prbs[order] += more
    return prbs


def _bisect(ues: CellUsers, least: Tensor, most: float) -> Tensor:
    """Finds the price at which all PRBs are used, by bisection of its logarithm."""
    slope = float((_SLOPE * ues.bps_per_prb / (ues.zones.desired_bps - ues.zones.adequate_bps)).max())
    low, high = slope * 1e-15, slope
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        fits = float(prbs_at_price(ues, middle).sum()) <= most
        low, high = (low, middle) if fits else (middle, high)
    found = prbs_at_price(ues, high)
    return least if float(found.sum()) > most else found


def dynamic_programming(ues: CellUsers, most: float, units_per_prb: int) -> tuple[Front, Tensor]:
    """Computes the front over whole units of PRBs, and the allotment of the most, ``[n]``: exact on that grid.

    value_i(x) = max over y of value_{i-1}(x - y) + S_i(y); a UE takes only units with which its target is met.

    Args:
        ues: of the cell.
        most: PRBs to share out.
        units_per_prb: units of a PRB.
    """
    units = int(most * units_per_prb + 1e-9)
    grid = torch.arange(units + 1, dtype=torch.float64) / units_per_prb
    back = torch.arange(units + 1)[:, None] - torch.arange(units + 1)  # units that are left to those before
    value, chosen = torch.zeros(units + 1, dtype=torch.float64), []
    least = ues.target_prbs()
    for ue in range(len(least)):
        own = _satisfaction_of(ues, ue, grid)
        own = torch.where(grid >= least[ue] - 1e-9, own, -math.inf)
        total = torch.where(back >= 0, value[back.clamp(min=0)] + own, -math.inf)
        value, taken = total.max(1)
        chosen.append(taken)
    front = Front(grid, value / len(least))
    return front, grid[torch.tensor(_traced_back(chosen, units))]


def _traced_back(chosen: list[Tensor], units: int) -> list[int]:
    """Returns the units of each UE, from the last one back."""
    taken, left = [], units
    for units_of_ue in reversed(chosen):
        taken.append(int(units_of_ue[left]))
        left -= taken[-1]
    return taken[::-1]


def _satisfaction_of(ues: CellUsers, ue: int, prbs: Tensor) -> Tensor:
    """Computes the satisfaction of one UE for several numbers of PRBs, ``[points]``."""
    zone = Zones(ues.zones.adequate_bps[ue], ues.zones.desired_bps[ue])
    return zone.satisfaction(prbs * ues.bps_per_prb[ue], ues.shape)
