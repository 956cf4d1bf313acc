"""The bound of the lifetime: closed forms, no protocol above it, and its command."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.optimize import linprog
from typer.testing import CliRunner

from allocators.registry import available
from allocators.wsn.lifetime_bound import lifetime_bound
from phy.random import Drops
from phy.sensors.radio_energy import SensorRadioSettings, transmit_j_per_bit
from scenarios import families, load, run
from scenarios.cli.main import app
from scenarios.results.bounds import bound, bound_of_run

SMALL: dict[str, Any] = {
    "name": "small",
    "family": "wsn",
    "drops": 3,
    "duration_s": 1000,
    "allocators": ["leach"],
    "field": {"nodes": 12},
    "battery": {"initial_j": 0.05},
}


def joules(metres: float) -> float:
    squared = torch.tensor(metres**2, dtype=torch.float64)
    return 4000 * float(transmit_j_per_bit(SensorRadioSettings(), squared))


def of_places(tmp_path: Path, *places: tuple[float, float]) -> float:
    lines = ["id,x,y", *(f"{number},{x},{y}" for number, (x, y) in enumerate(places))]
    (tmp_path / "places.csv").write_text("\n".join(lines))
    scenario = load(SMALL, field={"placement": "file", "file": str(tmp_path / "places.csv")}, drops=1)
    context = families.find("wsn").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float64).context
    return float(lifetime_bound(context, (50.0, 175.0))[0])


def test_a_single_node_can_only_send_to_the_sink(tmp_path: Path) -> None:
    assert of_places(tmp_path, (50, 75)) == math.floor(0.05 / joules(100)) + 1


def test_two_nodes_side_by_side_take_turns(tmp_path: Path) -> None:
    """Far from the sink one sends for both: as many rounds each, by symmetry."""
    near, far, fused = joules(0), joules(165), 4000 * (50e-9 + 5e-9)
    rounds = 2 * 0.05 / (far + fused + near)
    assert of_places(tmp_path, (50, 10), (50, 10)) == math.floor(rounds) + 1


def test_three_nodes_in_a_row_as_a_program_written_out(tmp_path: Path) -> None:
    """Unknowns x_ij row by row with x_i0 first, then T."""
    places = [(50.0, 100.0), (50.0, 60.0), (50.0, 0.0)]
    received = 4000 * (50e-9 + 5e-9)
    unknown = [(i, j) for i in range(3) for j in (-1, 0, 1, 2) if i != j]
    spend = [[0.0] * (len(unknown) + 1) for _ in range(3)]
    total = [[0.0] * (len(unknown) + 1) for _ in range(3)]
    arrive = [0.0] * (len(unknown) + 1)
    for column, (i, j) in enumerate(unknown):
        target = (50.0, 175.0) if j < 0 else places[j]
        spend[i][column] += joules(math.dist(places[i], target))
        total[i][column] = 1.0
        if j < 0:
            arrive[column] = -1.0
        else:
            spend[j][column] += received
    for row in total:
        row[-1] = -1.0
    arrive[-1] = 1.0
    goal = [0.0] * len(unknown) + [-1.0]
    solved = linprog(goal, A_ub=[*spend, arrive], b_ub=[0.05] * 3 + [0.0], A_eq=total, b_eq=[0.0] * 3)
    assert of_places(tmp_path, *places) == math.floor(-solved.fun + 1e-6) + 1


def test_no_protocol_lives_longer(tmp_path: Path) -> None:
    result = run(load(SMALL, allocators=sorted(available("wsn"))), out=tmp_path / "out", plots=False)
    found = bound_of_run(result)
    first = result.per_drop[result.per_drop["metric"] == "fnd"]
    assert len(first) == 3 * len(available("wsn"))
    for _, row in first.iterrows():
        assert row["value"] <= found.per_drop[row["drop"]], (row["allocator"], row["drop"])
    assert {one.allocator for one in found.reached} == set(available("wsn"))
    shares = {one.allocator: one.share.mean for one in found.reached}
    assert 0.5 < shares["game_learning"] <= 1.0 and shares["mte"] < shares["game_learning"]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["bound", "wsn-field", "--drops", "2", "--set", "field.nodes=20", "--json"])
    document = json.loads(told.stdout)
    assert document["metric"] == "fnd" and len(document["per_drop"]) == 2 and not document["allocators"]
    assert document["bound"] == pytest.approx(sum(document["per_drop"]) / 2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scheduling-macro"], "no bound is known for the family 'scheduling'; there is one for wsn"),
        (["wsn-large"], "at most 300 nodes, and the field has 10000"),
        (["wsn-field", "--set", "sink.orbit_radius_m=5"], "sink.orbit_radius_m must be 0"),
        (["wsn-field", "--set", "battery.harvest_j=1e-5"], "battery.harvest_j must be 0"),
        (["wsn-field", "--set", "sensing.model=random"], "sensing.model must be every_round"),
        (["."], "is no run folder"),
        ([".", "--drops", "3"], "leave out --set, --seed and --drops"),
    ],
)
def test_where_there_is_no_bound(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["bound", *arguments])
    assert told.exit_code == 2 and says in " ".join(told.stderr.split())


def test_the_bound_of_a_drop_is_its_own() -> None:
    few, many = (bound(load(SMALL, drops=drops)).per_drop for drops in (2, 3))
    assert many[:2] == few
