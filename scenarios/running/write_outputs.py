"""Writes tables, plots and what made them beside the shards of a finished run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from phy.numerics.jit import backend_name

from ..config.loading import scenario_hash
from ..errors import ScenarioError
from ..files import write_atomically
from ..results.drift import drift_records
from ..results.provenance import code_digest, device_name, versions
from ..results.shards import batches

if TYPE_CHECKING:
    from ..results.result import Result
    from .options import RunOptions
    from .plan import Plan

PARTS = ("setup", "observe", "decide", "step")


def finish(result: Result, plan: Plan, options: RunOptions, wall_s: float) -> Result:
    """Writes the tables of a finished run, meta.json and, if wanted, the plots.

    The tables are metrics.csv, summary.csv, paired.csv and, where there are two variants, paired_variants.csv.

    Args:
        result: the run.
        plan: how it went.
        options: the command line, and whether to plot.
        wall_s: what this session took; the parts of the loop come from the shards.

    Raises:
        ScenarioError: shards that the run has written are gone or damaged; the tables are of the others, and meta.json
            says that they are not complete.
    """
    tables = {"metrics": result.per_drop, "summary": result.metrics, "paired": result.paired}
    if len(result.settings.variants) > 1:
        tables["paired_variants"] = result.paired_variants
    for name, table in tables.items():
        write_atomically(result.run_dir / f"{name}.csv", table.to_csv(index=False))
    result.meta = _meta(result, plan, options.command, wall_s)
    write_atomically(result.run_dir / "meta.json", json.dumps(result.meta, indent=2) + "\n")
    if options.plots:
        from ..plots.figures import save_plots

        save_plots(result, result.run_dir / "plots")
    if missing := unfinished(result):
        raise ScenarioError(
            f"{result.run_dir} is not complete, as shards were lost or damaged while it ran: {'; '.join(missing)}; its "
            "tables are without them, and --resume computes them anew"
        )
    return result


def unfinished(result: Result) -> list[str]:
    """Reports what is missing of a run, by allocator and variant: ``Even, variant few: 2 of 4 drops (2-3)``."""
    phrases = []
    for run_key, shards in result.shards.items():
        missing = set(range(result.settings.drops)) - {drop for shard in shards for drop in shard.drops}
        if missing:
            where = f"{run_key.allocator}, variant {run_key.variant}" if run_key.variant else run_key.allocator
            phrases.append(f"{where}: {len(missing)} of {result.settings.drops} drops ({_ranges(missing)})")
    return phrases


def _ranges(numbers: set[int]) -> str:
    """Formats numbers as ``0-3, 7``."""
    runs = [(batch[0], batch[-1]) for batch in batches(numbers, len(numbers))]
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)


def _meta(result: Result, plan: Plan, command: str | None, wall_s: float) -> dict[str, Any]:
    return {
        "scenario": plan.scenario.name,
        "hash": scenario_hash(plan.scenario),
        "seed": plan.scenario.seed,
        "drops": plan.scenario.drops,
        "complete": result.complete,
        "not_stationary": drift_records(result.drifts),
        "drops_per_batch": plan.parts[0].drops_per_batch,
        "device": plan.device_name or device_name(plan.device),
        "backend": backend_name(plan.device),
        "dtype": plan.scenario.dtype,
        "workers": plan.workers,
        "threads": torch.get_num_threads(),
        "command": command,
        "code": code_digest(),
        "versions": versions(),
        "wall_s": {"last_session": round(wall_s, 3), **_wall(result)},
    }


def _wall(result: Result) -> dict[str, Any]:
    """Sums seconds spent in each part, in total and per allocator, as the shards tell; they add up over workers."""
    total = dict.fromkeys(PARTS, 0.0)
    each: dict[str, dict[str, float]] = {label: dict.fromkeys(PARTS, 0.0) for label in result.allocators}
    for run_key, shards in result.shards.items():
        for shard in shards:
            attributes = result.read(shard.path).attrs
            for part in PARTS:
                seconds = float(attributes[f"wall_{part}_s"])
                total[part] += seconds
                each[run_key.allocator][part] += seconds
    rounded = {label: {part: round(s, 3) for part, s in parts.items()} for label, parts in each.items()}
    return {**{part: round(s, 3) for part, s in total.items()}, "allocators": rounded}
