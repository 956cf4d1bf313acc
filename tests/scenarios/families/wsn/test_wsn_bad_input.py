"""Bad input to sensor fields: one sentence each, nothing half-written; and fields at the edge that are none."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_helpers import files, refused, run
from torch import Tensor
from typer.testing import CliRunner

from allocators.contract.check import check_allocator
from allocators.registry import available, resolve
from allocators.wsn.q_table import STATES, QTable
from mac.core import loop
from mac.core.contracts import AllocatorError
from mac.wsn import NO_WAY, SINK, Control, WsnContext, WsnDecision, WsnObservation
from phy.random import Drops
from phy.sensors.deployment import read_positions
from scenarios import families, load
from scenarios.cli.comparison import show_result
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.families.wsn import rounds
from scenarios.results.account import account_of

EVERY = sorted(available("wsn"))
TINY: dict[str, Any] = {
    "extends": "wsn-field",
    "name": "tiny",
    "drops": 2,
    "duration_s": 40,
    "field": {"nodes": 8},
    "battery": {"initial_j": 0.01},
    "allocators": ["direct"],
}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "line 1: no column id among nothing"),
        (b"id,x,y\n", "has no line after its head"),
        (b"id,x\n1,2\n", "line 1: no column y among 'id', 'x'"),
        (b"id;x;y\n1;2;3\n", "separated by commas"),
        (b"1 21.5 23\n", "line 1: no column id among '1 21.5 23'"),
        (b"id,x,y,x\n1,2,3,4\n", "more than one column x"),
        (b"id,x,y\n1,2,3\n2,4,5\n 1,7,8\n", "line 4: id 1 stands in line 2 too"),
        (b"id,x,y\n,2,3\n", "line 2: the id is missing"),
        (b"id,x,y\n1,2,3\n2,abc,5\n", "line 3: x is 'abc'"),
        (b"id,x,y\n1,2,nan\n", "line 2: y is 'nan'"),
        (b"id,x,y\n1,-inf,3\n", "line 2: x is '-inf'"),
        (b"id,x,y\n1,1e200,3\n", "give a number of metres from -1e+06 to 1e+06"),
        (b"id,x,y\n1,2\n", "line 2: y is missing"),
        (b"id,x,y\n1,2,5,3,5\n", "line 2: more values than columns"),
        ("id,x,y\nKöln,2,3\n".encode("latin-1"), "is not text in UTF-8 (byte 9 is 0xf6)"),
        ("id,x,y\n1,2,3\n".encode("utf-16"), "is not text in UTF-8"),
        (b"id,x,y\n1,2," + b"9" * 200_000 + b"\n", "is no CSV file"),
    ],
)
def test_files_of_positions(text: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "motes.csv"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=r"motes\.csv") as raised:
        read_positions(str(file))
    assert says in str(raised.value) and len(str(raised.value)) < 400 + len(str(file))


@pytest.mark.parametrize(
    "text",
    [
        b"id,x,y\n1,2,3\n2,4,5.5\n",
        b"\xef\xbb\xbfid,x,y\r\n1,2,3\r\n2,4,5.5\r\n",
        b'"id", "x", "y", "room"\n1, 2, 3, lab\n\n2, 4, 5.5, hall\n\n',
    ],
)
def test_files_that_spreadsheets_write(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "motes.csv"
    file.write_bytes(text)
    assert read_positions(str(file)) == [(2.0, 3.0), (4.0, 5.5)]


def test_a_file_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    placed = {"placement": "file"}
    assert "there is no file motes.csv" in refused({**TINY, "field": {**placed, "file": "motes.csv"}})
    assert "is a folder" in refused({**TINY, "field": {**placed, "file": str(tmp_path)}})
    assert "name a CSV file with the columns id, x, y" in refused({**TINY, "field": placed})
    assert "set placement to file, or leave file out" in refused({**TINY, "field": {"file": "motes.csv"}})
    assert not files(tmp_path)


def test_events_need_nodes_inside_of_the_field(tmp_path: Path) -> None:
    file = tmp_path / "motes.csv"
    file.write_text("id,x,y\n1,20,30\n2,150,-30\n")
    places = {"placement": "file", "file": str(file)}
    assert run({**TINY, "field": places, "duration_s": 2}, out=tmp_path / "out").complete
    told = refused({**TINY, "field": places, "sensing": {"model": "events"}})
    assert "1 of 2 nodes" in told and "set field.width_m and field.height_m" in told


def test_a_file_that_has_changed_since_the_run(tmp_path: Path) -> None:
    """No --resume with it, and no round is played again."""
    file = tmp_path / "motes.csv"
    file.write_text("id,x,y\n1,20,30\n2,50,30\n")
    places = {"placement": "file", "file": str(file)}
    scenario = {**TINY, "field": places, "window_s": 10, "battery": {"initial_j": 0.5}}
    result = run(scenario, out=tmp_path / "out")
    assert len(rounds.views(result, rounds.RoundChoice(round=7))) == 1
    file.write_text("id,x,y\n1,20,30\n2,50,35\n")
    with pytest.raises(ScenarioError, match=r"nodes stand elsewhere now: .*motes.csv has changed"):
        rounds.views(result, rounds.RoundChoice(round=7))
    assert rounds.views(result, rounds.RoundChoice(round=10))[0].position_m[1, 1] == 30
    assert "motes.csv has changed since" in refused(scenario, out=tmp_path / "out", resume=True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"field.nodes": 0}, "'field.nodes' must be greater than or equal to 1, given 0"),
        ({"battery.initial_j": -1.0}, "'battery.initial_j' must be greater than or equal to 0"),
        ({"battery.initial_j": math.nan}, "'battery.initial_j' must be a finite number"),
        ({"sink.x_m": math.inf}, "'sink.x_m' must be a finite number"),
        ({"battery.harvest_j": -1e-3}, "'battery.harvest_j' must be"),
        ({"failures.mean_life_rounds": 0}, "'failures.mean_life_rounds' must be greater than 0"),
        ({"warmup_s": 5}, "warmup_s must be 0"),
        ({"on_infeasible": "repair"}, "on_infeasible must be error"),
        ({"duration_s": 40.5}, "'duration_s' must be a whole number of rounds of 1 s, given 40.5; try 40"),
        ({"round_s": 7}, "'duration_s' must be a whole number of rounds of 7 s, given 40; try 42"),
        ({"window_s": 7}, "'duration_s' must be a whole number of windows of 7 s, given 40; try 42"),
        ({"window_s": 0.5}, "'window_s' must be a whole number of decision intervals"),
        ({"window_s": 80}, "'duration_s' must be a whole number of windows"),
        ({"allocators": [{"name": "leach", "params": {"p": 0}}]}, "the parameter p is 0: input should be greater"),
        ({"allocators": [{"name": "kmeans", "params": {"p": 1.5}}]}, "the parameter p is 1.5"),
        ({"allocators": ["mte"], "field.nodes": 2001}, "2001 are too many: take at most 2000"),
    ],
)
def test_settings(settings: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = refused(TINY, **settings)
    assert says in told and "site-packages" not in told
    assert not files(tmp_path)


class Own:
    """All nodes to the sink, but for what ``change`` does."""

    def reset(self, context: WsnContext, seed: int) -> None:
        self.context = context

    def decide(self, observation: WsnObservation) -> WsnDecision:
        parent = torch.where(observation.alive, SINK, NO_WAY)
        return self.change(observation, WsnDecision(parent, torch.zeros_like(observation.alive)))

    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        return decision


class Says(Own):
    """Says this of its control messages."""

    def __init__(self, broadcasts: float = 1.0, radius_m: float = 20.0) -> None:
        self.broadcasts, self.radius_m = broadcasts, radius_m

    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        each = observation.alive.to(torch.float64)
        control = Control(self.broadcasts * each, torch.full_like(each, self.radius_m))
        return WsnDecision(decision.parent, decision.head, control)


class SaysToTheDead(Own):
    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        one = torch.ones_like(observation.energy_j)
        return WsnDecision(decision.parent, decision.head, Control(one, one))


class SaysTooLittle(Own):
    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        one = torch.ones_like(observation.energy_j)
        return WsnDecision(decision.parent, decision.head, Control(one[:, 1:], one))


class SaysNothingKnown(Own):
    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        return WsnDecision(decision.parent, decision.head, "quiet")  # type: ignore[arg-type]


class Charges(Own):
    """Fills all batteries a hundredfold, or would."""

    def reset(self, context: WsnContext, seed: int) -> None:
        context.initial_j.mul_(100.0)


class ChargesLater(Own):
    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        self.context.position_m.zero_()
        return decision


class Circle(Own):
    def change(self, observation: WsnObservation, decision: WsnDecision) -> WsnDecision:
        parent: Tensor = torch.arange(1, 9).remainder(8).expand_as(decision.parent).clone()
        return WsnDecision(parent, decision.head)


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (Says(broadcasts=-1.0), "Control.broadcasts of node 0 is -1: use a finite number of at least 0"),
        (Says(radius_m=math.nan), "Control.radius_m of node 0 is nan"),
        (Says(radius_m=math.inf), "Control.radius_m of node 0 is inf"),
        (SaysToTheDead(), "sends broadcasts, and it is dead"),
        (SaysTooLittle(), r"Control.broadcasts must have shape [2, 8], not [2, 7]"),
        (SaysNothingKnown(), "WsnDecision.control must be a Control or None, not str"),
        (Charges(), "reset() wrote into context.initial_j, which is not its own"),
        (ChargesLater(), "decide() wrote into context.position_m, which is not its own"),
        (Circle(), "node 0 goes round in a circle and never reaches the sink (drop 0, interval 0"),
    ],
)
def test_allocators_of_ones_own(own: Own, says: str, tmp_path: Path) -> None:
    with pytest.raises(AllocatorError) as raised:
        run({**TINY, "account": {"control_bits": 100}}, allocators=own, out=tmp_path / "out")
    assert says in str(raised.value) and type(own).__name__ in str(raised.value)
    assert not files(tmp_path)


def test_a_good_one_is_taken(tmp_path: Path) -> None:
    assert check_allocator(Says()).ok
    assert not check_allocator(Says(broadcasts=-1.0)).ok
    assert run({**TINY, "account": {"control_bits": 100}}, allocators=Says(), out=tmp_path / "out").complete


@pytest.mark.parametrize(
    ("name", "params"),
    [
        *((name, {"between_heads": "multi_hop"}) for name in ("leach", "deec", "kmeans")),
        ("leach", {"p": 1.0, "direct_if_nearer": True}),
        ("game_learning", {"use_game": False, "checkpoint": None, "intermediary": False, "p": 1.0}),
    ],
)
def test_options_keep_the_contract_on_hostile_fields(name: str, params: dict[str, Any]) -> None:
    report = check_allocator(resolve(name, "wsn", params))
    assert report.ok, str(report)


def _damaged(folder: Path) -> dict[str, Path]:
    good = folder / "good.npz"
    QTable.empty().save(good)
    whole, values = good.read_bytes(), np.zeros((STATES, 2))
    texts = {"garbage": b"garbage", "empty": b"", "cut": whole[:200], "flipped": whole[:300] + b"\xff" + whole[301:]}
    for name, text in texts.items():
        (folder / f"{name}.npz").write_bytes(text)
    np.savez(folder / "shape.npz", values=values[:3], version=np.array(1))
    np.savez(folder / "version.npz", values=values, version=np.array(99))
    np.savez(folder / "versions.npz", values=values, version=np.array([1, 1]))
    np.savez(folder / "nan.npz", values=np.full_like(values, np.nan), version=np.array(1))
    np.savez(folder / "complex.npz", values=values.astype(complex), version=np.array(1))
    with (folder / "plain.npz").open("wb") as file:
        np.save(file, values)
    return {path.stem: path for path in folder.iterdir()}


def test_checkpoints(tmp_path: Path) -> None:
    paths = _damaged(tmp_path)
    assert (QTable.load(paths.pop("good")).values == 0).all()
    paths |= {"none": tmp_path / "none.npz", "folder": tmp_path}
    for name, path in paths.items():
        with pytest.raises(ValueError, match="fairwave train") as raised:
            QTable.load(path)
        assert str(path) in str(raised.value), name
        spec = {"name": "game_learning", "params": {"checkpoint": str(path)}}
        if name in ("none", "cut"):
            assert str(raised.value) in refused({**TINY, "allocators": ["direct", spec]})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--allocators", "leach"], "allocator 'leach' does not learn"),
        ([], "one allocator is trained at a time"),
        (["--allocators", "game_learning", "--set", "variants={a: {sink.x_m: 4}}"], "wsn-field has variants"),
        (["--allocators", "game_learning", "--out", "."], "is a folder; name a file"),
        (["--allocators", "game_learning", "--out", "no/c.npz"], "there is no folder no"),
        (["--allocators", "test_wsn_bad_input:CannotSave"], "save() raised RuntimeError: no room"),
    ],
)
def test_training(arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "test_wsn_bad_input", sys.modules[__name__])
    short = ["--set", "duration_s=3", "--set", "field.nodes=5", "--drops", "1", "--episodes", "1"]
    told = CliRunner().invoke(app, ["train", "wsn-field", "--out", "c.npz", *short, *arguments])
    assert told.exit_code == 2 and says in " ".join(told.stderr.split()), told.stderr
    assert not files(tmp_path)


class CannotSave(Own):
    """Learns nothing, and fails when it is half-way through saving that."""

    def __init__(self, learning: bool = False) -> None:
        self.learning = learning

    def save(self, path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("no room")


def test_a_bound_where_nothing_costs_anything() -> None:
    free = {f"radio.{name}_j_per_bit": 0 for name in ("electronics", "aggregation")}
    free |= {"radio.amplifier_j_per_bit_m2": 0, "radio.amplifier_j_per_bit_m4": "null"}
    sets = [word for key, value in free.items() for word in ("--set", f"{key}={value}")]
    told = CliRunner().invoke(app, ["bound", "wsn-field", "--drops", "1", "--set", "field.nodes=4", *sets])
    assert told.exit_code == 2 and "a round costs nothing" in told.stderr


def test_options_that_the_report_once_had_name_the_new_command(tmp_path: Path) -> None:
    folder = run(TINY, out=tmp_path / "run").run_dir
    for option, command in (("--map", "wsn map RUN --out"), ("--graphml=x", "wsn graph RUN"), ("--round", "--round N")):
        told = CliRunner().invoke(app, ["report", str(folder), option, str(tmp_path / "x.png")])
        sentence = " ".join(told.stderr.split())
        assert told.exit_code == 2 and told.stdout == "" and "any more; take: fairwave wsn" in sentence
        assert command in sentence
    told = CliRunner().invoke(app, ["report", str(folder), "--fource"])
    assert told.exit_code == 2 and "report has no option --fource; did you mean '--force'?" in told.stderr
    assert not (tmp_path / "x.png").exists() and not (folder / "report.html").exists()


def _windows(name: str, params: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Arrays of two fields and a few rounds, without a run folder."""
    family, scenario = families.find("wsn"), load(TINY, **settings)
    problem = family.build(scenario, Drops(1, (0, 1)), torch.device("cpu"), torch.float64)
    return loop.run(problem, resolve(name, "wsn", params), loop.Span(12, window=4)).arrays


@pytest.mark.parametrize(
    ("settings", "living"),
    [
        ({"field.nodes": 1, "battery.initial_j": 0.002}, 0),
        ({"battery.initial_j": 0.0}, 0),
        ({"sink.x_m": 1e6}, 0),
        ({"field.width_m": 1e-3, "field.height_m": 1e-3, "battery.initial_j": 0.002}, 0),
        ({"sensing.model": "random", "sensing.probability": 0}, 8),
        ({"failures.mean_life_rounds": 1e-3}, 0),
        ({"battery.harvest_j": 1e3, "battery.initial_j": 10.0}, 8),
    ],
)
def test_every_protocol_at_the_edge(settings: dict[str, Any], living: int) -> None:
    for name in EVERY:
        windows = _windows(name, {}, settings)
        assert (windows["alive"][:, -1] == living).all(), name
        assert np.isfinite(windows["ledger_j"]).all() and (windows["left_j"] >= 0).all(), name


@pytest.mark.parametrize("name", ["leach", "sep", "deec", "leach_c", "kmeans", "game_learning"])
def test_heads_are_never_more_than_nodes(name: str) -> None:
    """p = 1: at first all charges are the same, and all nodes lead."""
    heads = _windows(name, {"p": 1.0}, {"battery.initial_j": 1.0, "window_s": 1.0})["heads"]
    assert (heads[:, 0] <= 4 * 8).all() and (heads >= 1).all()
    assert name in ("deec", "leach_c") or (heads == 4 * 8).all()  # which lead by charge over the mean


def test_deaths_that_have_not_come_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    none = run({**TINY, "duration_s": 2}, out=tmp_path / "short")
    show_result(none)
    out = " ".join(capsys.readouterr().out.split())
    assert "fnd: had not come when the run ended, in drops of direct 2 of 2;" in out and "nan" not in out.lower()
    show_result(run(TINY, out=tmp_path / "long", **{"battery.initial_j": 0.001}))
    assert "had not come" not in capsys.readouterr().out


def test_what_else_shortens_lives_stands_beside_them() -> None:
    plain = dict(account_of(load(TINY)))
    assert plain["failures"].startswith("none") and plain["sensing"] == "a packet of each live node every round"
    odd = load(TINY, sensing={"model": "events"}, failures={"mean_life_rounds": 300})
    told = dict(account_of(odd))
    assert "within 20 m of an event" in told["sensing"] and "after 300 rounds on average" in told["failures"]


def test_times_without_a_window_are_cut_to_whole_ones() -> None:
    with pytest.raises(ScenarioError, match="try 1000"):
        run({**TINY, "duration_s": 1000.4})
