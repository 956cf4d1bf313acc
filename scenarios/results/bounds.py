"""Computes what no allocator can exceed on a scenario, and how near those of a run came."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mac.metrics.intervals import MeanInterval, mean_interval
from phy.random import Drops

from .. import families
from ..errors import ScenarioError

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase
    from .result import Result


@dataclass(frozen=True)
class BoundShare:
    """Describes how near an allocator of a run came, over the drops of the run."""

    allocator: str
    mean: float
    share: MeanInterval


@dataclass(frozen=True)
class BoundReport:
    """Holds a bound of one metric on every drop of a scenario."""

    scenario: str
    metric: str
    meaning: str
    per_drop: tuple[float, ...]
    reached: tuple[BoundShare, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the document that ``--json`` prints."""
        most = mean_interval(self.per_drop)
        return {
            "scenario": self.scenario,
            "metric": self.metric,
            "bound": most.mean,
            "ci95": [most.low, most.high],
            "per_drop": list(self.per_drop),
            "meaning": self.meaning,
            "allocators": {
                one.allocator: {
                    "mean": one.mean,
                    "share": one.share.mean,
                    "share_ci95": [one.share.low, one.share.high],
                }
                for one in self.reached
            },
        }


def bound(scenario: ScenarioBase) -> BoundReport:
    """Computes the bound of a scenario's family on each of its drops.

    Raises:
        ScenarioError: the family knows no bound, or none that holds for this scenario.
    """
    family = families.find(scenario.family)
    if family.bound is None:
        knows = ", ".join(name for name in families.names() if families.find(name).bound is not None)
        raise ScenarioError(f"no bound is known for the family '{scenario.family}'; there is one for {knows}")
    if scenario.variants:
        raise ScenarioError(f"{scenario.name} has variants; ask for one, as a scenario of its own")
    try:
        found = family.bound(scenario, Drops(scenario.seed, tuple(range(scenario.drops))))
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: {error}") from None
    return BoundReport(scenario.name, found.metric, found.meaning, tuple(map(float, found.per_drop)))


def bound_of_run(run: Result) -> BoundReport:
    """Computes the bound for a run, with the share of the bound that each of its allocators reached, drop by drop."""
    found = bound(run.settings)
    table = run.per_drop
    table = table[table["metric"] == found.metric]
    reached = []
    for label in run.allocators:
        own = table[table["allocator"] == label].set_index("drop")["value"]
        values = own.reindex(range(len(found.per_drop))).to_numpy(dtype=np.float64)
        share = mean_interval(values / np.array(found.per_drop))
        reached.append(BoundShare(label, mean_interval(values).mean, share))
    return BoundReport(found.scenario, found.metric, found.meaning, found.per_drop, tuple(reached))


def is_run(name: str) -> bool:
    """Checks whether this names a folder rather than a scenario."""
    return Path(name).is_dir()
