"""Collects windows of a finished run, from which the zones of tolerance of UEs are learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mac.personalized.predictor_fit import PastWindows
from mac.personalized.zone import Zones

from ...errors import ScenarioError
from ...run_result import RunResult


def past_windows(result: RunResult, where: Path) -> tuple[PastWindows, tuple[str, ...]]:
    """Returns the windows of all allocators of a run, one row for each UE, and the names of its groups.

    Raises:
        ScenarioError: the run is of another family, or its windows are longer than an interval.
    """
    scenario = result.scenario
    if scenario["family"] != "personalized":
        raise ScenarioError(
            f"{where} is a run of the family {scenario['family']}; zones are learned from runs of the family "
            "personalized"
        )
    interval_s = scenario["personalized"]["interval_s"]
    runs = [result.to_xarray(one, variant) for variant in result.variants for one in result.allocators]
    window_s = float(runs[0].attrs["window_s"])
    if abs(window_s - interval_s) > 1e-9:
        raise ScenarioError(
            f"the windows of {where} last {window_s:g} s, and users judge intervals of {interval_s:g} s; leave out "
            "window_s"
        )
    names = tuple(group["name"] for group in scenario["users"])
    rows = [_rows(one, names, window_s) for one in runs]
    columns = [torch.as_tensor(np.concatenate(column)) for column in zip(*rows, strict=True)]
    traits, group, rate, told, adequate, desired = columns
    return PastWindows(traits, group, rate, told, Zones(adequate, desired)), names


def _rows(dataset: Any, names: tuple[str, ...], window_s: float) -> tuple[Any, ...]:
    """Returns traits, group, rate, satisfaction and the declared zone of each UE and window."""
    dims = ("drop", "window", "user")
    traits = dataset["traits"].transpose(*dims, "trait").to_numpy().astype(np.float64)
    shape = traits.shape[:3]
    group = np.array([names.index(name) for name in dataset["group"].to_numpy().astype(str).tolist()])
    rate = dataset["served_bits"].transpose(*dims).to_numpy().astype(np.float64) / window_s
    told = dataset["reported"].transpose(*dims).to_numpy().astype(np.float64)
    ends = [dataset[name].to_numpy() for name in ("declared_adequate_bps", "declared_desired_bps")]
    of_ue = [np.broadcast_to(column, shape).reshape(-1) for column in (group, *ends)]
    return (traits.reshape(-1, traits.shape[-1]), of_ue[0], rate.reshape(-1), told.reshape(-1), *of_ue[1:])
