"""Traffic models and metrics of plug-ins: found by module:Class and by entry points, kept in check, refused clearly."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from allocators import construction
from mac.metrics.registry import PLUGGED
from phy.random import Drops
from scenarios import ScenarioError, families, load, run
from scenarios.cli import catalogue
from scenarios.families.cellular import traffic_settings as traffic

SOURCE = '''
from dataclasses import dataclass

import numpy as np
import torch

from mac.metrics.registry import Metric
from mac.traffic.packets import Packets, sort_packets


@dataclass
class Steady:
    """One packet a user every few slots."""

    every: int = 2
    size: int = 300
    deed: str = ""

    def packets(self, key, users, slots, slot_s):
        if self.deed == "raise":
            raise KeyError("no clue")
        if self.deed == "list":
            return [1, 2]
        if self.deed == "stranger":
            users += 1
        if self.deed == "late":
            slots += self.every
        if self.deed == "nothing":
            self.size = 0
        if self.deed == "dtype":
            torch.set_default_dtype(torch.float64)
        slot, user = np.meshgrid(np.arange(0, slots, self.every), np.arange(users))
        return sort_packets(slot.ravel(), user.ravel(), self.size)


class Silent:
    pass


class Asked:
    """Bits asked for, a mean over users."""

    unit, better, needs = "Mbit", None, ("demand_bits",)

    def compute(self, dataset):
        return dataset["demand_bits"].sum("window").mean("user").to_numpy() / 1e6


class Spoils(Asked):
    def compute(self, dataset):
        dataset["served_bits"].to_numpy()[...] = 0
        return super().compute(dataset)


class TooMany(Asked):
    def compute(self, dataset):
        return np.zeros(7)


class Raises(Asked):
    def compute(self, dataset):
        return dataset["nothing"]


ready = Metric("served_gbit", "Gbit", "all that was served", "higher",
               lambda dataset: dataset["served_bits"].sum(("window", "user")).to_numpy() / 1e9, ("served_bits",))
'''
SMALL: dict[str, Any] = {"topology": {"sites": 1}, "drops": 2, "duration_s": 0.1, "warmup_s": 0, "name": "small"}


@pytest.fixture(autouse=True)
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("kinds.py").write_text(SOURCE, "utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield
    sys.modules.pop("kinds", None)
    PLUGGED.clear()
    traffic._made.cache_clear()


def named(monkeypatch: pytest.MonkeyPatch, group: str, name: str, value: str) -> None:
    points = [EntryPoint(name, value, group)]
    monkeypatch.setattr(construction, "entry_points", lambda group: [one for one in points if one.group == group])


def with_traffic(model: str, **params: Any) -> dict[str, Any]:
    group = {"name": "a", "count": 2, "traffic": {"model": model, "params": params}}
    return {**SMALL, "users": [group]}


def result(**settings: Any) -> Any:
    return run("scheduling-macro", ["round_robin"], progress=False, plots=False, **settings)


def test_traffic_by_its_import_string_arrives_and_is_resumed() -> None:
    """Users ask for a packet of 300 bytes every second slot of 1 ms."""
    made = result(**with_traffic("kinds:Steady"), out="o")
    asked = made.to_xarray("round_robin")["demand_bits"].sum("window")
    assert (asked == 100 / 2 * 300 * 8).all()
    assert "model: kinds:Steady" in Path("o/scenario.yaml").read_text("utf-8")
    again = run("o/scenario.yaml", out="o", resume=True, progress=False, plots=False)
    assert again.metrics.equals(made.metrics)


def test_traffic_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, traffic.GROUP, "steady", "kinds:Steady")
    scenario = load("scheduling-macro", **with_traffic("steady", every=4))
    assert scenario.users[0].traffic.made.every == 4  # type: ignore[attr-defined]
    assert {"name": "steady", "description": "plug-in kinds:Steady"} in catalogue.traffic()


@pytest.mark.parametrize(
    ("model", "params", "says"),
    [
        ("kinds:Steady", {"evry": 2}, "'users.0.traffic': Steady has no parameter 'evry'; did you mean 'every'?"),
        ("kinds:Steady", {"every": "x"}, "Steady: the parameter every is 'x': input should be an integer"),
        ("kinds:Stedy", {}, "has no 'Stedy'; did you mean 'Steady'?"),
        ("kindz:Steady", {}, "there is no module 'kindz'"),
        ("kinds:Silent", {}, "Silent has no method packets(key, users, slots, slot_s), which every traffic"),
    ],
)
def test_traffic_that_cannot_be_made_is_refused_with_its_place(model: str, params: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load("scheduling-macro", **with_traffic(model, **params))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("raise", r"packets\(\) raised KeyError: 'no clue' \(kinds.py, line 21\)"),
        ("list", r"packets\(\) must return mac.traffic.packets.Packets, not list"),
        ("stranger", r"Packets.user has numbers from 0 to 42, allowed are 0 to 41"),
        ("late", r"Packets.slot has numbers from 0 to \d+, allowed are 0 to"),
        ("nothing", r"Packets.bytes has numbers from 0 to 0, allowed are 1 to"),
    ],
)
def test_packets_that_are_none_are_refused(deed: str, says: str) -> None:
    scenario = load("scheduling-macro", **{**with_traffic("kinds:Steady", deed=deed), "topology": {"sites": 7}})
    with pytest.raises(ScenarioError, match=f"traffic model 'kinds:Steady': {says}"):
        families.find("scheduling").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float32)


def test_settings_that_a_traffic_model_changes_are_put_back() -> None:
    scenario = load("scheduling-macro", **with_traffic("kinds:Steady", deed="dtype"))
    families.find("scheduling").build(scenario, Drops(1, (0,)), torch.device("cpu"), torch.float32)
    assert torch.get_default_dtype() == torch.float32


def test_metrics_by_import_string_and_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, "fairwave.metrics", "gigabits", "kinds:ready")
    names = ["kinds:Asked", "gigabits", "jain_rate"]
    made = result(**with_traffic("kinds:Steady"), headline=names, out="o")
    table = made.metrics.set_index("metric")["mean"]
    windows = made.to_xarray("round_robin")
    assert made.headline[:3] == names
    assert table["kinds:Asked"] == pytest.approx(50 * 300 * 8 / 1e6)
    assert table["gigabits"] == pytest.approx(float(windows["served_bits"].sum(("window", "user")).mean()) / 1e9)
    assert "gigabits" not in set(result(**SMALL, out="p").metrics.metric)  # no other run shows them


def test_a_metric_works_on_a_copy() -> None:
    made = result(**with_traffic("kinds:Steady"), headline=["kinds:Spoils"], out="o")
    fresh = result(**with_traffic("kinds:Steady"), headline=["jain_rate"], out="p")
    rest = made.metrics[made.metrics.metric != "kinds:Spoils"].reset_index(drop=True)
    assert rest.equals(fresh.metrics)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("kinds:Aksed", "has no 'Aksed'; did you mean 'Asked'?"),
        ("kinds:Silent", "kinds:Silent has no method compute(dataset), which every metric needs"),
        ("jain_rat", "there is no metric 'jain_rat'; did you mean 'jain_rate'?"),
    ],
)
def test_metrics_that_are_none_are_refused(name: str, says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load("scheduling-macro", headline=[name])
    assert "headline" in str(caught.value) and says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("kinds:TooMany", r"compute\(\) must return one number a drop, of shape \[1\], not \[7\]"),
        ("kinds:Raises", r"compute\(\) raised KeyError: .*\(kinds.py, line \d+\)"),
    ],
)
def test_what_a_metric_gets_wrong_names_it(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"the metric '{name}': {says}"):
        result(**with_traffic("kinds:Steady"), headline=[name], out="o")
    assert list(Path("o").glob("shards/*/*/drops-*.nc"))  # what was simulated is kept
    assert np.isfinite(result(**with_traffic("kinds:Steady"), out="o", resume=True).metrics["mean"]).all()
