"""Measures slots and rounds per second of the workloads of ``fairwave bench``, and steps of environments per second."""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import replace

import torch

from scenarios.bench.bench import that_fit
from scenarios.bench.case import BenchCase, BenchOptions, workloads
from scenarios.bench.environments import environment_workloads, measure_environment
from scenarios.bench.measure import measure
from scenarios.errors import ScenarioError

from .options import Options, Row, while_time_lasts

WORKLOADS = ("W1r", "W1", "W3r", "W3", "W2r", "W2", "wsn-100", "wsn-1000", "wsn-10000")
"""The most telling first; those that this version does not have are left out."""
BATCHES = (4096, 512, 64, 1)
ENVIRONMENTS = ("env-slicing", "env-scheduling", "env-uav", "env-wsn")
SIDE_BY_SIDE = (1024, 64)
_DISTINCT = 8  # drops that are drawn; a batch repeats them
_KEPT = (
    *("workload", "mode", "drops", "slots_per_s", "rounds_per_s", "cell_slots_per_s", "node_rounds_per_s"),
    *(
        "bytes_per_cell_slot",
        "bytes_per_node_round",
        "share_of_copy",
        "copy_bytes_per_s",
        "peak_memory_bytes",
        "setup_s",
    ),
)


def bench_rows(options: Options) -> Iterator[Row]:
    """Measures every workload and mode from the largest batch to a single drop."""
    known = workloads()
    sizes = (1,) if options.tiny else BATCHES
    names = [name for name in (("W1", "wsn-100") if options.tiny else WORKLOADS) if name in known]
    asked = BenchOptions(device=options.device, window_s=0.01 if options.tiny else 0.3, distinct=_DISTINCT)
    cases = [
        BenchCase(name, drops, mode, asked)
        for drops, name in itertools.product(sizes, names)
        for mode in (("exact",) if options.tiny or known[name].fast is None else ("exact", "fast"))
    ]
    seen: set[BenchCase] = set()
    for case, there_is_time in while_time_lasts(cases, options):
        named = {"workload": case.workload, "mode": case.mode, "drops": case.drops}
        if not there_is_time:
            yield {**named, "note": "left out for want of time"}
            continue
        row = _measured(case, seen)
        if row is not None:
            yield row


def _measured(case: BenchCase, seen: set[BenchCase]) -> Row | None:
    """Measures a case, cut to what memory has room for; None where that was measured before."""
    named = {"workload": case.workload, "mode": case.mode, "drops": case.drops}
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            case = replace(case, drops=that_fit(case))
        if case in seen:
            return None
        seen.add(case)
        found = measure(case)
    except (ScenarioError, MemoryError, RuntimeError) as error:
        return {**named, "note": " ".join(str(error).split())[:200]}
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    note = {"note": "; ".join(str(one.message) for one in told)} if told else {}
    return {**{name: found[name] for name in _KEPT if name in found}, **note}


def environment_rows(options: Options) -> Iterator[Row]:
    """Measures steps of environments whose observations stay on the device, and how long a reset and drawing take."""
    known = environment_workloads()
    sizes = (2,) if options.tiny else SIDE_BY_SIDE
    names = [name for name in (("env-slicing",) if options.tiny else ENVIRONMENTS) if name in known]
    asked = BenchOptions(device=options.device, window_s=0.01 if options.tiny else 0.3)
    for (count, name), there_is_time in while_time_lasts(itertools.product(sizes, names), options, 10.0):
        if not there_is_time:
            yield {"workload": name, "environments": count, "note": "left out for want of time"}
            continue
        try:
            yield measure_environment(BenchCase(name, count, "exact", asked))
        except (ScenarioError, MemoryError, RuntimeError) as error:
            yield {"workload": name, "environments": count, "note": " ".join(str(error).split())[:200]}
