"""Finds parameters of an allocator by trials, and validates the best ones against the default on fresh drops.

What is tried comes from Optuna with a fixed seed, so that the same trials follow when a tuning goes on: those that have
run are found by the hash of their scenario, each of which is a point of a sweep. The mean of the best of many trials is
too good on the drops that chose it. So best and default meet on drops that no trial has seen, and are compared drop by
drop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mac.metrics.intervals import ALL, paired, with_all
from mac.metrics.registry import metric_named

from ..config import yaml12
from ..config.loading import Source, scenario_hash
from ..errors import ScenarioError, did_you_mean, is_user_error, message_of
from ..files import write_atomically
from ..results.caveats import LEVEL
from ..results.result import Result
from ..results.run_folder import probe
from ..running.entrants import entrants_of
from ..running.interrupts import interrupts
from ..running.options import RunOptions
from ..running.progress import progress_bar
from ..running.run import checked_plan, execute
from .load_sweep import Sweep, load_sweep
from .points import Point, value_text
from .sweep_folder import StoredPoint, choose, is_sweep, open_folder, record_of, stored
from .sweep_result import write_tables
from .tuning_space import Between, Tuning, define_tuning

if TYPE_CHECKING:
    from types import ModuleType

    from ..families.schema import ScenarioBase

TRIALS, BEST, VALIDATION = "trials.csv", "best.yaml", "validation.csv"
TUNED, DEFAULT = "tuned", "default"


@dataclass
class Trials:
    """Collects what has been tried."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    points: dict[str, StoredPoint] = field(default_factory=dict)  # by the hash of the scenario

    def table(self) -> pd.DataFrame:
        """Returns a row per trial: number, keys, value of the metric, state, message, folder of the run."""
        return pd.DataFrame(self.rows)


@dataclass(frozen=True)
class TuneResult:
    """Holds what a tuning found.

    Attributes:
        sweep: the trials as a sweep.
        trials: a row per trial.
        best: settings of the best trial.
        validation: best less default on fresh drops, a row per metric, as :func:`mac.metrics.intervals.paired`.
    """

    sweep: Sweep
    trials: pd.DataFrame
    best: dict[str, Any]
    validation: pd.DataFrame


def tune(
    scenario: Source,
    /,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    workers: int = 1,
    **overrides: Any,
) -> TuneResult:
    """Runs the search that the section ``tune`` of a file describes, in the folder of a sweep.

    Args:
        scenario: as for :func:`scenarios.run`, with the section ``tune``.
        out: the folder; left out, a new one below ``sweeps/``.
        resume: go on with a tuning of this scenario; trials that have run are kept.
        progress: show a bar over all trials.
        workers: processes that share the batches of each trial.
        overrides: settings of all trials.

    Raises:
        ScenarioError: the scenario, the space or the folder cannot be used, no trial has a value, or Optuna is missing.
    """
    tuning = define_tuning(scenario, **overrides)
    return execute_tuning(
        tuning, choose(tuning.definition, out, resume), RunOptions(progress=progress, workers=workers)
    )


def execute_tuning(tuning: Tuning, folder: Path, options: RunOptions) -> TuneResult:
    """Runs the trials, then the best one and the default on fresh drops.

    Args:
        tuning: what is tuned.
        folder: of the sweep, as :func:`.sweep_folder.choose` finds it.
        options: how runs are carried out.

    Raises:
        ScenarioError: as of :func:`tune`.
        KeyboardInterrupt: with a sentence on what is kept.
    """
    optuna = _optuna()
    plan = checked_plan(tuning.scenario(None), entrants_of(tuning.scenario(None)), options.workers or 1)
    each = sum(part.clock.intervals for part in plan.parts)
    runs = tuning.settings.trials * tuning.definition.base.drops + 2 * tuning.settings.validation.drops
    bar = nullcontext(options.advance) if options.advance else progress_bar(each * runs, options.progress)
    with bar as advance, interrupts(), _saying_what_is_kept(folder):
        shared = RunOptions(None, True, False, False, options.workers, options.command, advance)
        trials = _tried(tuning, folder, optuna, shared)
        best = _best(trials, tuning)
        validation = _validated(tuning, folder, best, shared)
    table = trials.table()
    write_atomically(folder / TRIALS, table.to_csv(index=False))
    write_atomically(folder / BEST, _snippet(tuning, best))
    write_atomically(folder / VALIDATION, validation.to_csv(index=False))
    sweep = load_sweep(folder)
    write_tables(sweep)
    return TuneResult(sweep, table, dict(best.settings), validation)


def _tried(tuning: Tuning, folder: Path, optuna: ModuleType, options: RunOptions) -> Trials:
    """Runs all trials; the record of the sweep is written after each one."""
    sampler = optuna.samplers.TPESampler(seed=tuning.settings.seed)
    study = optuna.create_study(direction="maximize" if tuning.maximises else "minimize", sampler=sampler)
    distributions = {key: _distribution(optuna, given) for key, given in tuning.settings.space.items()}
    trials = Trials()
    if not is_sweep(folder):
        open_folder(folder, _record(tuning, trials))  # a first trial that is killed can be gone on with
    for number in range(1, tuning.settings.trials + 1):
        trial = study.ask(distributions)
        value = _run_trial(tuning, folder, Point(number, dict(trial.params)), trials, options)
        failed = not np.isfinite(value)
        study.tell(trial, None if failed else value, state=optuna.trial.TrialState.FAIL if failed else None)
        open_folder(folder, _record(tuning, trials))
    return trials


def _run_trial(tuning: Tuning, folder: Path, point: Point, trials: Trials, options: RunOptions) -> float:
    """Runs a trial and returns its value, NaN where it failed."""
    row: dict[str, Any] = {"trial": point.number, **point.settings, "value": np.nan, "state": "failed", "message": ""}
    trials.rows.append(row)
    try:
        scenario = tuning.scenario(point)
        (place,) = stored(folder, [point], [scenario])
        place = trials.points.get(place.hash, place)
        value = _value(_run(scenario, place.folder, options), tuning)
    except Exception as error:  # a plug-in may raise anything at all, and the other trials are not to be lost
        probe(folder)
        row["message"] = message_of(error) if is_user_error(error) else f"{type(error).__name__}: {error}"
        return float("nan")
    trials.points.setdefault(place.hash, place)
    row |= {"value": value, "state": "done", "folder": str(place.folder.relative_to(folder))}
    return value


def _run(scenario: ScenarioBase, folder: Path, options: RunOptions) -> Result:
    """Runs what is missing of a scenario in a folder."""
    own = RunOptions(folder, True, False, False, options.workers, options.command, options.advance)
    return execute(scenario, entrants_of(scenario), own)


def _value(result: Result, tuning: Tuning) -> float:
    """Reads the mean of the metric, over variants where there are some."""
    name, rows = tuning.settings.metric, result.metrics
    known = dict.fromkeys(rows["metric"])
    if name not in known:
        raise ScenarioError(f"'tune.metric': this run has no metric '{name}'{did_you_mean(name, known)}")
    rows = rows[
        (rows["metric"] == name) & (rows["variant"].isna() if result.variants == [None] else rows["variant"] == ALL)
    ]
    return float(rows["mean"].iloc[0])


def _best(trials: Trials, tuning: Tuning) -> Point:
    """Finds the first of the best trials.

    Raises:
        ScenarioError: none has a value.
    """
    done = [row for row in trials.rows if np.isfinite(row["value"])]
    if not done:
        first = trials.rows[0]["message"] or f"'{tuning.settings.metric}' is not finite"
        raise ScenarioError(f"none of {len(trials.rows)} trials has a value; the first one: {first}")
    best = (max if tuning.maximises else min)(done, key=lambda row: row["value"])
    return Point(best["trial"], {key: best[key] for key in tuning.settings.space})


def _validated(tuning: Tuning, folder: Path, best: Point, options: RunOptions) -> pd.DataFrame:
    """Compares best and default on fresh drops, drop by drop."""
    fresh = {"seed": tuning.validation_seed, "drops": tuning.settings.validation.drops}
    parts = []
    for name, point in ((TUNED, best), (DEFAULT, None)):
        scenario = tuning.scenario(point, **fresh)
        result = _run(scenario, folder / "validation" / f"{name}-{scenario_hash(scenario)[:12]}", options)
        table = with_all(result.per_drop)
        kept = table["variant"].isna() if result.variants == [None] else table["variant"] == ALL
        parts.append(table[kept].assign(allocator=name, variant=None))
    return paired(pd.concat(parts, ignore_index=True), [tuning.settings.metric]).drop(columns="variant")


def _record(tuning: Tuning, trials: Trials) -> dict[str, Any]:
    """Describes the trials as the record of a sweep: its points one by one, each once."""
    found = list(trials.points.values())
    record = record_of(tuning.definition, found)
    record["values"] = {key: [one.point.settings[key] for one in found] for key in tuning.settings.space}
    failed = {f"trial {row['trial']}": row["message"] for row in trials.rows if row["state"] == "failed"}
    return {**record, "networks": {}, "failed": failed, "tune": tuning.settings.model_dump(mode="json")}


def _snippet(tuning: Tuning, best: Point) -> str:
    """Writes the best settings as they stand in a scenario file."""
    own = {key: value for key, value in best.settings.items() if not key.startswith("allocators.")}
    spec = tuning.scenario(best).allocators[0].model_dump(mode="json")
    head = f"# fairwave: the best of {tuning.settings.trials} trials by {tuning.settings.metric}\n"
    return head + yaml12.dump({**own, "allocators": [spec]})


def _distribution(optuna: ModuleType, given: Between | list[Any]) -> Any:
    kinds = optuna.distributions
    if isinstance(given, list):
        return kinds.CategoricalDistribution(given)
    if all(isinstance(end, int) for end in (*given.ends, given.step or 1)):
        return kinds.IntDistribution(given.low, given.high, log=given.log, step=given.step or 1)
    return kinds.FloatDistribution(given.low, given.high, log=given.log, step=given.step)


def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError:
        raise ScenarioError("'tune' needs the package Optuna: pip install 'fairwave[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    module: ModuleType = optuna
    return module


@contextmanager
def _saying_what_is_kept(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"what is done is kept in {folder}, and --resume goes on from it") from None


def tuning_sentences(found: TuneResult, metric: str) -> Sequence[str]:
    """Writes the best settings, and what the validation on fresh drops says of them."""
    row = found.validation[found.validation["metric"] == metric].iloc[0]
    best = ", ".join(f"{key}={value_text(value)}" for key, value in found.best.items())
    done = found.trials[found.trials["state"] == "done"]
    return [
        f"best of {len(done)} trials: {best}",
        f"on {row['drops']} fresh drops, tuned less default: {metric} {row['mean_difference']:+.4g}, 95 % interval "
        f"[{row['ci95_low']:+.4g}, {row['ci95_high']:+.4g}]: {_verdict(row, metric)} (p = {row['p']:.2g})",
    ]


def _verdict(row: Any, metric: str) -> str:
    """Says which of best and default is better, if that is beyond chance."""
    if not row["p"] <= LEVEL:
        return "no difference to tell"
    tuned = (row["mean_difference"] > 0) == (metric_named(metric).better != "lower")
    return f"the {TUNED if tuned else DEFAULT} one is better"
