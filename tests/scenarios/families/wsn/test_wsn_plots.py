"""What is seen of a sensor field: live nodes, the map of a round, the energy balance, the graph, the account."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import pytest
from fake_run import FakeResult
from matplotlib.collections import LineCollection, PathCollection
from typer.testing import CliRunner

from scenarios import run
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.families.wsn import rounds as field_rounds
from scenarios.families.wsn.graph import SINK, round_graph, write_graphml
from scenarios.families.wsn.map import plot_clusters
from scenarios.families.wsn.plots import alive_after, packet_costs_mj, plot_alive, plot_energy_balance
from scenarios.families.wsn.rounds import RoundChoice, RoundView, views
from scenarios.plots import figures
from scenarios.plots.style import style_of
from scenarios.results.result import Result
from scenarios.running.entrants import entrants_of

NODES, WINDOW = 12, 10
FIELD: dict[str, Any] = {
    "extends": "wsn-field",
    "name": "tiny",
    "drops": 3,
    "duration_s": 120,
    "window_s": WINDOW,
    "field": {"nodes": NODES},
    "battery": {"initial_j": 0.03},
    "account": {"header_bits": 100, "control_bits": 50},
    "allocators": ["direct", {"name": "leach", "params": {"p": 0.2}}, "pegasis"],
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(FIELD, out=tmp_path_factory.mktemp("tiny") / "run", progress=False, plots=False)


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Result:
    empty = {**FIELD, "battery": {"initial_j": 0.0}, "allocators": ["direct", "leach"], "drops": 2}
    return run(empty, out=tmp_path_factory.mktemp("dead") / "run", progress=False, plots=False)


def view(result: Result, allocator: str, round_: int, drop: int = 1) -> RoundView:
    (one,) = views(result, RoundChoice(round_, (allocator,), drop))
    return one


def fairwave(*arguments: object) -> Any:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_a_field_has_its_plots_and_no_others(tiny: Result, tmp_path: Path) -> None:
    names = ["alive", "clusters", "energy_balance"]
    assert list(figures.applicable_plots(tiny)) == names
    paths = figures.save_plots(tiny, tmp_path)
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    for path in paths:
        if path.suffix == ".svg":
            ElementTree.fromstring(path.read_bytes())
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_the_curve_counts_the_live_and_the_marks_are_the_deaths(tiny: Result) -> None:
    top, middle, below = plot_alive(tiny).axes
    table = tiny.metrics.set_index(["allocator", "metric"])["mean"]
    for place, name in enumerate(tiny.allocators):
        life = tiny.to_xarray(name)["life_rounds"].to_numpy()
        rounds, means = top.get_lines()[place].get_data()
        by_hand = [np.mean([sum(one > r for one in drop) for drop in life.tolist()]) for r in rounds]
        assert means.tolist() == pytest.approx(by_hand)
        ends, thousands = middle.get_lines()[place].get_data()
        assert ends[0] == thousands[0] == 0.0 and len(ends) == tiny.to_xarray(name).sizes["window"] + 1
        assert 1e3 * thousands[-1] == pytest.approx(table[name, "packets_delivered"])
        marks = [bar.lines[0].get_data() for bar in below.containers if bar.lines[0].get_ydata()[0] == place]
        assert [x[0] for x, _ in marks] == [table[name, metric] for metric in ("fnd", "hnd", "lnd")]
    assert [text.get_text() for text in below.get_yticklabels()] == tiny.allocators
    assert "3 drops" in plot_alive(tiny).get_suptitle()


def test_a_death_that_has_not_come_in_every_drop_is_hollow(tmp_path: Path) -> None:
    short = {**FIELD, "duration_s": 60, "allocators": ["direct"]}
    result = run(short, out=tmp_path / "run", progress=False, plots=False)
    survive = (result.to_xarray("direct")["life_rounds"].max("user") >= 60).to_numpy()
    assert survive.any() and not survive.all()
    faces = [bar.lines[0].get_markerfacecolor() for bar in plot_alive(result).axes[2].containers]
    assert [face == "white" for face in faces] == [False, False, True]


def test_where_no_node_has_died_that_is_said(tmp_path: Path) -> None:
    full = {**FIELD, "duration_s": 20, "allocators": ["leach"], "battery": {"initial_j": 1.0}, "drops": 1}
    result = run(full, out=tmp_path / "run", progress=False, plots=False)
    assert alive_after(result.to_xarray("leach"), np.array([0.0, 20.0])).tolist() == [[NODES, NODES]]
    for axes in (plot_alive(result).axes[2], plot_energy_balance(result).axes[0]):
        assert [text.get_text() for text in axes.texts] == ["no node has died"]
    assert views(result, RoundChoice())[0].round == 20


def test_causes_add_up_to_what_a_delivered_packet_cost(tiny: Result) -> None:
    rows = tiny.per_drop[tiny.per_drop["metric"] == "packets_per_joule"]
    for name in tiny.allocators:
        costs = packet_costs_mj(tiny.to_xarray(name))
        per_packet = 1e3 / rows[rows["allocator"] == name]["value"].to_numpy()
        assert sum(costs.values()) == pytest.approx(per_packet.mean(), rel=1e-12)
        assert (costs["aggregate"] > 0, costs["control"] > 0) == (name != "direct",) * 2
    right = plot_energy_balance(tiny).axes[1]
    ends = [text.get_text().rpartition(" ")[2] for text in right.texts if "→" not in text.get_text()]
    assert ends and all(float(end) > 0 for end in ends)


@pytest.mark.parametrize("allocator", ["direct", "leach", "pegasis"])
def test_a_round_played_again_is_the_recorded_one(tiny: Result, allocator: str) -> None:
    entrant = next(one for one in entrants_of(tiny.settings) if one.label == allocator)
    for drop in range(3):
        recorded = view(tiny, allocator, 2 * WINDOW, drop)
        again = field_rounds._replayed(recorded.scenario, entrant, drop, 2 * WINDOW, recorded.alive)
        alive = recorded.alive
        assert again[0][alive].tolist() == recorded.parent[alive].tolist()
        assert (again[1] > 0)[alive].tolist() == recorded.head[alive].tolist()
        assert again[2].tolist() == recorded.charge_j.tolist()


def test_a_round_within_a_window_lies_between_its_neighbours(tiny: Result) -> None:
    before, within, after = (view(tiny, "leach", round_) for round_ in (10, 13, 20))
    lost = np.concatenate([before.charge_j - within.charge_j, within.charge_j - after.charge_j])
    assert (lost >= 0).all() and lost.sum() > 0
    assert (within.parent[within.alive] >= -1).all()


def test_the_round_that_is_shown_by_default_ends_a_window(tiny: Result) -> None:
    shown = views(tiny, RoundChoice())
    assert [one.allocator for one in shown] == tiny.allocators
    assert {one.drop for one in shown} == {0}
    first = tiny.per_drop[(tiny.per_drop["metric"] == "fnd") & (tiny.per_drop["drop"] == 0)]["value"].median()
    assert {one.round for one in shown} == {max(1, round(first / WINDOW)) * WINDOW}


def test_an_allocator_that_decides_otherwise_when_played_again_is_found(tiny: Result) -> None:
    of_direct = view(tiny, "direct", 45)
    leach = next(one for one in entrants_of(tiny.settings) if one.label == "leach")
    with pytest.raises(
        ScenarioError, match="leach, drop 1: played again, other nodes live in round 45 than in the run"
    ):
        field_rounds._replayed(of_direct.scenario, leach, 1, 45, of_direct.alive)


@pytest.mark.parametrize(("allocator", "round_"), [("direct", 10), ("leach", 10), ("leach", 13), ("pegasis", 7)])
def test_graphml_reads_back_as_the_same_tree(tiny: Result, tmp_path: Path, allocator: str, round_: int) -> None:
    shown = view(tiny, allocator, round_)
    graph = nx.read_graphml(write_graphml(shown, tmp_path / "new" / "round.graphml"))
    live = [str(node) for node in np.flatnonzero(shown.alive)]
    assert set(graph.nodes) == {SINK, *map(str, range(NODES))}
    assert nx.ancestors(graph, SINK) == set(live)
    assert nx.is_arborescence(graph.subgraph([*live, SINK]).reverse())
    same = round_graph(shown)
    assert dict(graph.nodes(data=True)) == dict(same.nodes(data=True)) and graph.adj == same.adj
    assert graph.graph.items() >= {"allocator": allocator, "drop": 1, "round": round_, "header_bits": 100}.items()
    for node in range(NODES):
        data, (x, y) = graph.nodes[str(node)], shown.position_m[node].tolist()
        assert (data["x_m"], data["y_m"], data["residual_j"]) == (x, y, shown.charge_j[node])
        assert (data["alive"], data["head"]) == (int(shown.alive[node]), int(shown.head[node]))
        assert data["hops"] == (nx.shortest_path_length(graph, str(node), SINK) if shown.alive[node] else -1)
    for one, other, edge in graph.edges(data=True):
        place = [(graph.nodes[end]["x_m"], graph.nodes[end]["y_m"]) for end in (one, other)]
        apart = math.dist(*place)
        slope = 10e-12 * apart**2 if apart < math.sqrt(10e-12 / 0.0013e-12) else 0.0013e-12 * apart**4
        assert edge["distance_m"] == pytest.approx(apart, rel=1e-12)
        assert edge["energy_j_per_packet"] == pytest.approx(4100 * (50e-9 + slope), rel=1e-12)


def test_the_map_shows_live_nodes_heads_and_links(tiny: Result) -> None:
    figure = plot_clusters(tiny, choice=RoundChoice(13, ("leach", "direct"), 1))
    assert "Round 13" in figure.get_suptitle() and "drop 1" in figure.get_suptitle()
    for axes, name in zip(figure.axes, ("leach", "direct"), strict=False):
        shown = view(tiny, name, 13)
        nodes, heads, gone = (len(cloud.get_offsets()) for cloud in axes.findobj(PathCollection))
        live = int(shown.alive.sum())
        assert (nodes, heads, gone) == (live - shown.head.sum(), shown.head.sum(), NODES - live)
        links = [len(lines.get_segments()) for lines in axes.findobj(LineCollection)]
        assert links == [(shown.parent >= 0).sum(), (shown.parent == -1).sum()]
        assert axes.get_title() == name


def test_a_field_that_has_died_is_drawn_beside_one_that_lives(tiny: Result) -> None:
    lasts = {name: int(tiny.to_xarray(name)["life_rounds"].sel({"drop": 1}).max()) for name in tiny.allocators}
    longest = max(lasts, key=lambda name: lasts[name])
    figure = plot_clusters(tiny, choice=RoundChoice(lasts[longest], drop=1))
    said = {axes.get_title(): axes.texts[0].get_text() for axes in figure.axes[: len(lasts)]}
    assert "alive" in said[longest]
    assert [text for name, text in said.items() if lasts[name] < lasts[longest]] == [f"all {NODES} dead"] * 2


def test_a_mobile_sink_is_where_it_was_in_that_round(tmp_path: Path) -> None:
    moving = {**FIELD, "drops": 1, "duration_s": 20, "allocators": ["leach"],
              "sink": {"orbit_radius_m": 30, "orbit_rounds": 40}}  # fmt: skip
    result = run(moving, out=tmp_path / "run", progress=False, plots=False)
    assert view(result, "leach", 11, 0).sink_m == pytest.approx((50.0, 205.0))  # ten rounds: a quarter of a circle
    assert view(result, "leach", 1, 0).sink_m == (80.0, 175.0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("map", "--round", 0), "rounds are counted from 1, given 0; choose a round from 1 to"),
        (("map", "--round", 119, "--allocator", "direct"), "direct, drop 0: there is no live node in round 119,"),
        (("graph", "--allocator", "leech"), "unknown allocator 'leech'; did you mean 'leach'?"),
        (("graph", "--drop", 7), "drop 7 is not in the run with direct, leach, pegasis: choose from 0 to 2"),
        (("map", "--variant", "cold"), "unknown variant 'cold'; this run has none"),
        (("graph", "--out", "x"), "a graph is the tree of one allocator: choose with --allocator from direct, leach"),
        (("graph", "--out", ".", "--allocator", "leach"), ". is a folder; name a file"),
        (("map", "--out", "field.gif"), "a map is a .png, .svg or .pdf file, given field.gif"),
    ],
)  # fmt: skip
def test_bad_choices_get_one_sentence(tiny: Result, options: tuple[object, ...], sentence: str) -> None:
    before = set(tiny.run_dir.iterdir())
    command, *rest = options
    result = fairwave("wsn", command, tiny.run_dir, *rest)
    assert result.exit_code == 2 and result.stdout == ""
    message = " ".join(result.stderr.split())
    assert message.startswith(f"error: {sentence}") and "Traceback" not in message
    assert set(tiny.run_dir.iterdir()) == before and not Path("x").exists()


def test_a_dead_field_has_plots_but_no_round(dead: Result, tmp_path: Path) -> None:
    assert list(figures.applicable_plots(dead)) == ["alive", "energy_balance"]
    assert len(figures.save_plots(dead, tmp_path)) == 4
    assert [text.get_text() for text in plot_energy_balance(dead).axes[1].texts] == ["nothing was delivered"] * 2
    with pytest.raises(ScenarioError, match="every node is dead from the start, so there is no round to show"):
        views(dead, RoundChoice(round=5))


def test_a_run_of_no_sensor_field_has_no_rounds(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is the run of no sensor field"):
        views(FakeResult(tmp_path, ["equal"]), RoundChoice())  # type: ignore[arg-type]


def test_the_report_has_the_account_and_a_round_is_drawn_or_written(tiny: Result, tmp_path: Path) -> None:
    chosen = ("--allocator", "leach", "--round", 13, "--drop", 2)
    for arguments, file in (
        (("report", tiny.run_dir), "page.html"),
        (("wsn", "graph", tiny.run_dir, *chosen), "g.xml"),
        (("wsn", "map", tiny.run_dir, *chosen), "map.pdf"),
    ):
        result = fairwave(*arguments, "--out", tmp_path / file)
        assert result.exit_code == 0, result.output
        assert result.stdout.split() == [str(tmp_path / file)]
    assert (tmp_path / "map.pdf").read_bytes().startswith(b"%PDF")
    assert nx.read_graphml(tmp_path / "g.xml").graph["round"] == 13
    page = (tmp_path / "page.html").read_text()
    for piece in ("4000 bits of payload, 100 bits of header on every hop", "50 bits each: announcing", "counted with<",
                  "30 mJ at the start", "5 nJ/bit of payload", "0.0013 pJ/bit/m⁴ beyond", "(50, 175) m"):  # fmt: skip
        assert piece in page
    assert page.count("data:image/svg+xml") == 3


def test_a_graph_alone_comes_without_a_page(tiny: Result, tmp_path: Path) -> None:
    result = fairwave("wsn", "graph", tiny.run_dir, "--out", tmp_path / "g.xml", "--allocator", "leach", "--json")
    assert json.loads(result.stdout) == {"run_dir": str(tiny.run_dir), "graphml": str(tmp_path / "g.xml")}
    assert (tmp_path / "g.xml").exists() and not (tiny.run_dir / "report.html").exists()


def test_the_account_tells_what_variants_change(tmp_path: Path) -> None:
    from scenarios import load
    from scenarios.results.account import account_of

    two = {"off": {"account.control_bits": 0}, "on": {"account.control_bits": 200, "link.model": "log_distance"}}
    told = dict(account_of(load({**FIELD, "variants": two, "radio": {"amplifier_j_per_bit_m4": None}})))
    assert told["control messages"].startswith("off: free: ") and "; on: 200 bits each" in told["control messages"]
    assert told["packet"] == "4000 bits of payload, 100 bits of header on every hop"
    assert told["radio"].endswith("10 pJ/bit/m² at all distances") and "on: log-distance" in told["air"]
    assert account_of(load("slicing-quickstart")) == []


def test_ten_allocators_look_unlike() -> None:
    crowd = SimpleNamespace(allocators=[f"a{i}" for i in range(20)])
    styles = [style_of(crowd, name) for name in crowd.allocators]  # type: ignore[arg-type]
    assert len({style.colour for style in styles[:10]}) == len({style.marker for style in styles[:10]}) == 10
    assert len(set(styles)) == 20
