"""Runs more and more drops until the intervals that are asked for are reached, or a ceiling.

A stage goes on with the run of the stage before, so the result is that of a run of so many drops at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mac.metrics.precision import PILOT

from ..config.loading import drop_hash, scenario_hash
from ..errors import ScenarioError, shown
from ..files import write_atomically
from ..results.precision import Goal, Reached, goals_of, reached
from ..results.result import Result
from ..results.run_folder import is_marked, resumable, scenario_of
from ..results.store import Store, open_store
from .options import MOST_DROPS

if TYPE_CHECKING:
    from ..families.schema import ScenarioBase
    from .options import RunOptions

Stage = Callable[["ScenarioBase", "RunOptions"], object]
"""Runs what is missing of a scenario into the folder of the options."""


@dataclass(frozen=True)
class Until:
    """Describes when enough drops have run.

    Attributes:
        goals: intervals that are asked for, all of them.
        max_drops: the ceiling.
    """

    goals: tuple[Goal, ...]
    max_drops: int = MOST_DROPS

    def pilot(self, scenario: ScenarioBase) -> int:
        """Counts the drops of the pilot: those of the scenario, and 32 at least."""
        return max(scenario.drops, PILOT)

    def asked(self, scenario: ScenarioBase) -> dict[str, Any]:
        """Describes what is asked for as plain values, by which a run that has been asked for it before is found."""
        texts = [goal.text for goal in self.goals]
        return {"asked": texts, "max_drops": self.max_drops, "pilot": self.pilot(scenario),
                "scenario_hash": scenario_hash(scenario)}  # fmt: skip

    def is_in(self, meta: Mapping[str, Any], scenario: ScenarioBase) -> bool:
        """Checks whether the meta.json of a run says that it was asked for the same, and ran to the end."""
        return self.asked(scenario).items() <= dict(meta.get("until") or {}).items()


def until_of(texts: Sequence[str] | str, max_drops: int, scenario: ScenarioBase) -> Until:
    """Checks what is asked for.

    Raises:
        ScenarioError: a goal cannot be read, or the ceiling is below the pilot.
    """
    until = Until(goals_of(texts, scenario), max_drops)
    if not isinstance(max_drops, int) or isinstance(max_drops, bool) or max_drops > 1_000_000:
        raise ScenarioError(f"--max-drops must be a whole number up to 1,000,000, given {shown(max_drops)}")
    if max_drops < (pilot := until.pilot(scenario)):
        why = f"the spread of {PILOT} drops at least, and those of the scenario, says how many are needed"
        raise ScenarioError(f"--max-drops {max_drops} is below {pilot}, with which --until begins: {why}")
    return until


def run_until(scenario: ScenarioBase, until: Until, options: RunOptions, stage: Stage) -> Result:
    """Runs drops in stages, and writes into meta.json what is reached.

    Args:
        scenario: its drops are those of the pilot, at least.
        until: when to stop.
        options: of the whole run.
        stage: runs a stage.

    Raises:
        ScenarioError: as of a run; or the run does not have a metric.
    """
    pilot = until.pilot(scenario)
    options = _in_folder(with_drops(scenario, pilot), options)
    folder = Path(str(options.out))
    drops = max(pilot, _drops_in(folder, scenario) if options.resume else 0)
    while True:
        stage(with_drops(scenario, drops), replace(options, plots=False))
        result = _result(folder, options.store)
        found = [one for goal in until.goals for one in reached(goal, result.per_drop, pilot)]
        if drops >= until.max_drops or all(one.met for one in found):
            break
        drops = min(until.max_drops, max(drops + 1, *(one.needed for one in found)))
        options = replace(options, resume=True)
    return _finished(result, until.asked(scenario), found, options)


def with_drops(scenario: ScenarioBase, drops: int) -> ScenarioBase:
    """Returns a scenario with another number of drops."""
    return scenario.model_copy(update={"drops": drops})


def _in_folder(scenario: ScenarioBase, options: RunOptions) -> RunOptions:
    """Finds the folder of the whole run before the first stage: named as that of the pilot, or the copy of a URL."""
    if options.out is None:
        return replace(options, out=resumable(scenario, options.resume))
    store = options.store or open_store(options.out)
    return replace(options, out=options.out if store is None or options.store else store.folder, store=store)


def _result(folder: Path, store: Store | None) -> Result:
    result = Result(folder)
    result.place = str(folder) if store is None else store.url_of(folder)
    return result


def _drops_in(folder: Path, scenario: ScenarioBase) -> int:
    """Counts the drops of the run that is gone on with; of another scenario none, which the first stage refuses."""
    if not is_marked(folder) or not (folder / "scenario.yaml").is_file():
        return 0
    there = scenario_of(folder)
    return there.drops if drop_hash(there) == drop_hash(scenario) else 0


def _finished(result: Result, asked: Mapping[str, Any], found: Sequence[Reached], options: RunOptions) -> Result:
    """Writes what is reached into meta.json, and draws the plots; a store gets both."""
    result.meta["until"] = {**asked, "goals": [one.to_json() for one in found]}
    write_atomically(result.run_dir / "meta.json", json.dumps(result.meta, indent=2) + "\n")
    if options.plots:
        from ..plots.figures import save_plots

        save_plots(result, result.run_dir / "plots")
    if options.store is not None:
        options.store.push(result.run_dir)
    return result
