"""Every two choices of a scenario that can be made together run, and the others are refused by one sentence."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pairs_of_settings import LEFT_OUT, Choices, Grid, Row

from allocators.registry import resolve
from mac.core.loop import Span
from mac.core.loop import run as loop
from phy.random import Drops
from scenarios import families, load
from scenarios.config.loading import json_schema
from scenarios.errors import ScenarioError
from scenarios.families.cellular import engine_factory

CELLULAR: dict[str, Any] = {
    "name": "pairs",
    "duration_s": 0.003,
    "window_s": 0.003,
    "drops": 1,
    "topology": {"sites": 1, "sectors": 1},
    "carrier": {"prbs": 11, "numerology": 1},
    "users": [{"name": "all", "count": 1, "traffic": {"model": "full_buffer"}}],
}
BASES: dict[str, dict[str, Any]] = {
    "scheduling": {**CELLULAR, "family": "scheduling", "allocators": ["round_robin"]},
    "slicing": {
        **CELLULAR,
        "family": "slicing",
        "allocators": ["equal"],
        "slicing": {"interval_s": 0.003, "slices": [{"name": "all", "service": "embb"}]},
        "users": [{**CELLULAR["users"][0], "slice": "all"}],
    },
    "wsn": {"name": "pairs", "family": "wsn", "duration_s": 3, "drops": 1, "allocators": ["leach"],
            "field": {"nodes": 3}},
    "uav": {"name": "pairs", "family": "uav", "duration_s": 0.3, "interval_s": 0.1, "drops": 1,
            "allocators": ["random_walk"], "uavs": {"count": 2}, "users": [{"name": "all", "count": 2}]},
    "auction": {"name": "pairs", "family": "auction", "duration_s": 3, "drops": 1, "allocators": ["mohaf"],
                "auction": {"requests": 4, "resources": 2}},
    "market": {"name": "pairs", "family": "market", "duration_s": 0.3, "drops": 1, "allocators": ["competitive"],
               "market": {"ues": 3, "base_stations": 2, "links": 2}},
    "personalized": {**CELLULAR, "family": "personalized", "allocators": ["max_min"],
                     "personalized": {"interval_s": 0.003},
                     "users": [{**CELLULAR["users"][0], "zone": {"adequate_bps": 1e5, "desired_bps": 1e6}}]},
    "comp": {**CELLULAR, "family": "comp", "allocators": ["equal_share"], "topology": {"sites": 1, "sectors": 3},
             "mimo": {"base": {"columns": 2, "ports": 2}, "ue": {"ports": 1}}, "comp": {"interval_s": 0.003}},
}  # fmt: skip
HELD = frozenset(("family", "name", "description", "variants", "allocators", "device", "drops_per_batch", "window_s"))
"""What a run is called, what it compares, how long it is and where it runs."""
BESIDE = {
    ("topology.layout", "indoor"): {"topology.isd_m": 20, "topology.min_distance_m": 0},
    ("mimo.base.polarizations", 2): {"mimo.base.ports": 2},
    ("mimo.ue.polarizations", 2): {"mimo.ue.ports": 2},
    ("backhaul.model", "terrestrial"): {"terrestrial": {}},
    ("auction.mode", "as-published"): {"duration_s": 1},
}
NEVER = {"scheduling": {"uplink.delta_mcs=True"}, "slicing": {"uplink.delta_mcs=True"}, "wsn": {"on_infeasible=repair"}}
NEVER["uav"] = {  # which need a value for each hour or user, and a place within the area
    "users.0.day=[1]",
    "users.0.placement=points",
    "uavs.start_m=[[1, 1, 1]]",
    "uavs.start_height_m=1",
}
NEVER["personalized"] = {"uplink.delta_mcs=True", "on_infeasible=repair"}
NEVER |= {"auction": {"on_infeasible=repair"}, "market": {"on_infeasible=repair"}}
NEVER["comp"] = {  # which needs panels that send one layer to UEs of one port
    "antenna.kind=omni",
    "antenna.polarization=slant",
    "carrier.direction=uplink",
    "fading.dominant_interferers=1",
    "fading.model=none",
    "mimo.max_rank=1",
    "mimo.precoding=rzf",
    "mimo.precoding=svd",
    "mimo.precoding=zf",
    "mimo.ue.polarizations=2",
    "mimo=None",
    "on_infeasible=repair",
    "uplink.delta_mcs=True",
}
for _name in ("scheduling", "slicing", "personalized", "comp"):  # which need a longer period
    NEVER[_name] = NEVER[_name] | {"link.report_offset_slots=1", "link.report_offset_slots=[1]"}
"""Choices that the schema shares with what is no scenario, where they are always refused."""
IN_THE_AREA = {"west_m": -500, "east_m": 500, "south_m": -500, "north_m": 500}


def fitting(folder: Path, family: str) -> dict[str, Any]:
    """Files, and values that fit each other."""
    walks = [f"{user},{t},{5 + 0.1 * user},{1 + t}" for user in range(60) for t in (0, 1)]
    (folder / "walk.csv").write_text("\n".join(["user,time_s,x_m,y_m", *walks, ""]))
    packets = [f"{t / 1e3},{source},500" for t in range(9) for source in ("a,172.30.1.1", "172.30.1.1,a")]
    (folder / "trace.csv").write_text("\n".join(["Time,Source,Destination,Length", *packets, ""]))
    (folder / "nodes.csv").write_text("id,x,y\n0,1,2\n1,3,4\n2,5,6\n")
    return {
        "file": str(folder / ("nodes.csv" if family == "wsn" else "walk.csv")),
        "files": [str(folder / "trace.csv")],
        **IN_THE_AREA,
        "polygon_m": [[0, 0], [9, 0], [9, 9]],
        "groups": ["all"],
        "users": [0],
        "cells": [0],
        "bandwidth_hz": 5e6,  # 11 PRBs at numerology 1
        "slicing": {"interval_s": 0.003, "slices": [{"name": "all", "service": "embb"}]},
        "slice": "all",
    }


def grid(folder: Path, family: str) -> Grid:
    """All choices of a family; what two of them share with scheduling is tried there."""
    base, fits, found = BASES[family], fitting(folder, family), families.find(family)
    if family == "auction":
        requests = folder / "requests.csv"
        requests.write_text("".join(f"{t},,{t},0,a,{t % 4},a,a\n" for t in range(12)))
        base = {**base, "auction": {**base["auction"], "files": [str(requests)]}}

    def check(data: dict[str, Any]) -> None:
        try:
            scenario = found.schema.model_validate_json(json.dumps(data), strict=True)
            found.clock(scenario)
            found.check(scenario)
        except ValueError as error:
            raise ScenarioError(str(error)) from None

    axes = Choices(json_schema(family), base, HELD, fits).axes()
    own = None
    if family in ("slicing", "personalized", "comp"):
        shared = Choices(json_schema("scheduling"), BASES["scheduling"], HELD, fits).axes()
        own = {str(axis) for axis in axes} - {str(axis) for axis in shared}
    return Grid(base, axes, check, own, BESIDE)


def run_three(data: dict[str, Any]) -> None:
    """Three decisions at least, and the labels of the results."""
    scenario = load(data)
    family = families.find(scenario.family)
    clock = family.clock(scenario)
    problem = family.build(scenario, Drops(scenario.seed, (0,)), torch.device("cpu"), getattr(torch, scenario.dtype))
    name = scenario.allocators[0].name
    windows = loop(problem, resolve(name, family.allocator_family), Span(clock.intervals, window=clock.window))
    assert torch.isfinite(torch.as_tensor(windows.arrays["served_bits"])).all()
    family.labels(scenario, problem)


@pytest.mark.parametrize("family", BASES)
def test_two_choices_run_together_or_are_refused_by_one_sentence(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        engine_factory, "link_tables", functools.cache(engine_factory.link_tables)
    )  # many carriers are alike
    choices = grid(tmp_path, family)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # settings without effect beside others
        rows = choices.rows()
        failed = [text for row in rows if (text := _failure(choices, row))]
        pairs = {said: pair for pair, said in choices.refused.items()}  # one for each sentence
        failed += [text for pair in pairs.values() if (text := _unclear(choices, dict(pair)))]
    assert not failed, "\n".join(failed)
    assert {choices.name(choice) for choice in choices.never} == NEVER[family]
    tried = {choice for row in rows for choice in enumerate(row)}
    own = {i for i, axis in enumerate(choices.axes) if choices.own is None or str(axis) in choices.own}
    missed = [
        choices.name((i, v))
        for i in own
        for v, value in enumerate(choices.axes[i].values)
        if value is not LEFT_OUT and (i, v) not in tried | choices.never.keys()
    ]
    assert not missed, f"these run beside nothing: {missed}"


def _failure(choices: Grid, row: Row) -> str:
    """What goes wrong where a row runs."""
    try:
        run_three(choices.scenario(row))
    except Exception as error:
        return f"{type(error).__name__}: {error}: {choices.told(row)}"
    return ""


def _unclear(choices: Grid, pair: dict[int, int]) -> str:
    """What is wrong with what is said against a pair: one sentence, which names one of the two."""
    keys = {str(choices.axes[i].place[-1]) for i in pair} | {str(choices.axes[i].place[0]) for i in pair}
    with pytest.raises(ScenarioError) as caught:
        scenario = load(choices.scenario(choices.row(choices.made_possible(pair))))
        families.find(scenario.family).check(scenario)
    said = str(caught.value)
    clear = "\n" not in said and any(key in said for key in keys)
    return "" if clear else f"{[choices.name(choice) for choice in pair.items()]}: {said}"
