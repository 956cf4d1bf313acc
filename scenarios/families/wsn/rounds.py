"""Finds one round of one sensor field of a finished run: live nodes, heads, links, charges.

The last round of every window stands in the run's folder. Any other one is played again: a drop is a function of the
scenario and its seed, so the same rounds come out, to the bit on the same kind of device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray

from mac.core import loop
from mac.metrics.windows import Array, Mask, read
from mac.wsn import NO_WAY
from mac.wsn.lifetime_metrics import first_node_dead
from phy.random import Drops
from phy.sensors.deployment import place_nodes

from ... import families
from ...config.loading import variant as variant_of
from ...errors import ScenarioError, did_you_mean
from ...results.result import Result
from ...running.entrants import Entrant, entrants_of

if TYPE_CHECKING:
    import xarray as xr

    from ...run_result import RunResult
    from .scenario import WsnScenario


@dataclass(frozen=True)
class RoundChoice:
    """Names a round to look at; what is left out is chosen by :func:`views`."""

    round: int | None = None
    """Counted from 1."""
    allocators: tuple[str, ...] = ()
    drop: int | None = None
    variant: str | None = None


@dataclass(frozen=True)
class RoundView:
    """Holds a round of one drop with one allocator; N nodes."""

    allocator: str
    variant: str | None
    drop: int
    round: int  # counted from 1
    scenario: WsnScenario
    position_m: Array  # [N, 2]
    alive: Mask  # [N] at the start of the round
    head: Mask  # [N]
    parent: NDArray[np.int64]  # [N] a node, -1 for the sink, -2 for the dead
    charge_j: Array  # [N] after the round

    @property
    def sink_m(self) -> tuple[float, float]:
        """Returns the position of the sink in this round, in m."""
        return self.scenario.sink.place_m(self.round - 1)


def views(result: RunResult, choice: RoundChoice) -> list[RoundView]:
    """Finds the same round of the same drop with each allocator.

    Args:
        result: the run.
        choice: where it is left open, the allocators are all, the drop and the variant the first, and the round is
            the end of the window nearest to the median over allocators of the first node's death.

    Raises:
        ScenarioError: the run is of no sensor field, or has no such allocator, variant, drop or round; or no node
            lives in that round with any of the allocators.
    """
    run = _a_field(result, choice.variant)
    variant = _variant(run, choice.variant)
    labels = choice.allocators or tuple(run.allocators)
    windows = {label: run.to_xarray(label, variant) for label in labels}
    drop = _drop(windows, choice.drop)
    ones = {label: dataset.sel({"drop": [drop]}) for label, dataset in windows.items()}
    round_ = choice.round if choice.round is not None else _telling(ones)
    _require_life(ones, round_, drop)
    scenario = cast("WsnScenario", variant_of(run.settings, variant))
    known = {entrant.label: entrant for entrant in entrants_of(run.settings)}
    return [_view(scenario, known[label], dataset, round_) for label, dataset in ones.items()]


def last_rounds(dataset: xr.Dataset) -> Array:
    """Finds the last round in which any node lived, ``[B]``; 0 where all were dead from the start."""
    return np.asarray(read(dataset, "life_rounds", ("drop", "user")).max(axis=1), dtype=np.float64)


def window_rounds(dataset: xr.Dataset) -> int:
    """Counts the rounds of a window."""
    return round(float(dataset.attrs["window_s"]) / float(dataset.attrs["round_s"]))


def _a_field(result: RunResult, variant: str | None) -> Result:
    if isinstance(result, Result):
        _variant(result, variant)
        if result.settings.family == "wsn":
            return result
    raise ScenarioError(
        f"{result.run_dir} is the run of no sensor field: rounds, clusters and graphs are of the family wsn"
    )


def _variant(result: RunResult, variant: str | None) -> str | None:
    """Returns the variant's name; the first one where none is given."""
    if variant is None:
        return result.variants[0]
    if variant not in result.variants:
        known = [name for name in result.variants if name is not None]
        hint = did_you_mean(variant, known) or "; this run has none"
        raise ScenarioError(f"unknown variant '{variant}'{hint}")
    return variant


def _drop(windows: dict[str, xr.Dataset], drop: int | None) -> int:
    common = set.intersection(*(set(map(int, dataset["drop"].to_numpy())) for dataset in windows.values()))
    if not common:
        raise ScenarioError("no drop is finished with all of these allocators; finish the run with --resume")
    if drop is None:
        return min(common)
    if drop not in common:
        there = f"{min(common)} to {max(common)}" if len(common) > 1 else f"only {min(common)}"
        raise ScenarioError(f"drop {drop} is not in the run with {', '.join(windows)}: choose from {there}")
    return drop


def _telling(ones: dict[str, xr.Dataset]) -> int:
    """Returns the end of a window by which about half of the allocators have lost a node."""
    rounds = window_rounds(next(iter(ones.values())))
    ends = min(dataset.sizes["window"] for dataset in ones.values()) * rounds
    deaths = [float(first_node_dead(dataset)[0]) for dataset in ones.values()]
    middle = float(np.median([ends if np.isnan(death) else death for death in deaths]))
    lasts = max(float(last_rounds(dataset)[0]) for dataset in ones.values())
    near = max(1, round(middle / rounds)) * rounds
    return int(min(near, max(1.0, lasts)))


def _require_life(ones: dict[str, xr.Dataset], round_: int, drop: int) -> None:
    lasts = {label: int(last_rounds(dataset)[0]) for label, dataset in ones.items()}
    label, last = max(lasts.items(), key=lambda item: item[1])
    where = f"{label}, drop {drop}"
    if last == 0:
        raise ScenarioError(f"{where}: every node is dead from the start, so there is no round to show")
    if round_ < 1:
        raise ScenarioError(f"rounds are counted from 1, given {round_}; choose a round from 1 to {last}")
    dataset = ones[label]
    ended = last == window_rounds(dataset) * dataset.sizes["window"]
    if round_ > last:
        why = f"the run ends after round {last}" if ended else f"the last node dies in round {last}"
        raise ScenarioError(f"{where}: there is no live node in round {round_}, {why}; choose a round from 1 to {last}")


def _view(scenario: WsnScenario, entrant: Entrant, dataset: xr.Dataset, round_: int) -> RoundView:
    """Reads a round from the folder where it ends a window or the field is dead, else plays it again."""
    life = read(dataset, "life_rounds", ("drop", "user"))[0]
    alive = life >= round_
    position = np.stack([read(dataset, name, ("drop", "user"))[0] for name in ("x_m", "y_m")], axis=-1)
    window, rest = divmod(round_, window_rounds(dataset))
    if rest == 0 or not alive.any():
        at = min(max(window - 1, 0), dataset.sizes["window"] - 1)
        parent, head, charge = (read(dataset, name)[0, at] for name in ("parent", "head", "left_j"))
    else:
        _require_same_places(scenario, int(dataset["drop"][0]), position)
        parent, head, charge = _replayed(scenario, entrant, int(dataset["drop"][0]), round_, alive)
    return RoundView(
        allocator=entrant.label,
        variant=str(dataset.attrs["variant"]) or None,
        drop=int(dataset["drop"][0]),
        round=round_,
        scenario=scenario,
        position_m=position,
        alive=alive,
        head=(head > 0) & alive,
        parent=np.where(alive, parent, NO_WAY).astype(np.int64),
        charge_j=charge,
    )


def _require_same_places(scenario: WsnScenario, drop: int, position_m: Array) -> None:
    now = place_nodes(Drops(scenario.seed, (drop,)), scenario.field)[0].numpy()
    if now.shape != position_m.shape or not np.allclose(now, position_m):
        raise ScenarioError(
            f"drop {drop} cannot be played again, for its nodes stand elsewhere now: "
            f"{scenario.field.file or 'code'} has changed since the run; choose a round that ends a window"
        )


def _replayed(
    scenario: WsnScenario, entrant: Entrant, drop: int, round_: int, alive: Mask
) -> tuple[Array, Array, Array]:
    """Computes parents, heads and charges of a round by playing all rounds before it again."""
    family = families.find(scenario.family)
    dtype = torch.float64 if scenario.dtype == "float64" else torch.float32
    problem = family.build(scenario, Drops(scenario.seed, (drop,)), torch.device("cpu"), dtype)
    span = loop.Span(intervals=round_, window=round_, seed=scenario.seed)
    arrays = loop.run(problem, entrant.make(family), span, entrant.label).arrays
    if not np.array_equal(arrays["life_rounds"][0] >= round_, alive):
        raise ScenarioError(
            f"{entrant.label}, drop {drop}: played again, other nodes live in round {round_} than in the run: code has "
            "changed or the allocator draws random numbers of its own; choose a round that ends a window"
        )
    parent, head, charge = (np.asarray(arrays[name][0, 0], np.float64) for name in ("parent", "head", "left_j"))
    return parent, head, charge
