"""Plots, animation and commands of runs of flying base stations."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from typer.testing import CliRunner

from scenarios import load, run
from scenarios.cli.main import app
from scenarios.families import find
from scenarios.families.uav.animation import SECONDS, plot_animation
from scenarios.families.uav.flights import flights_view, shown_allocators
from scenarios.plots.style import picture
from scenarios.report.report import render
from scenarios.results.result import Result

WALKERS = {"name": "walkers", "count": 5, "mobility": {"model": "linear", "min_speed_kmh": 30, "max_speed_kmh": 30}}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    changes = {"area.no_fly_m": [[400, 400, 600, 600]], "users": [WALKERS, {"name": "others", "count": 7}]}
    allocators = ["static_grid", "random_walk"]
    return run("uav-hotspot", allocators, drops=2, duration_s=30, window_s=3, progress=False, plots=False,
               out=tmp_path_factory.mktemp("uav") / "run", **changes)  # fmt: skip


def test_a_view_is_what_the_run_recorded(result: Result) -> None:
    dataset = result.to_xarray("random_walk", None)
    view = flights_view(dataset, "random_walk", 1)
    assert (
        view.uav_m.shape == (11, 4, 3) and view.rate_mbps.shape == (10, 12) and view.zones_m == [[400, 400, 600, 600]]
    )
    assert view.uav_m[0, 0].tolist() == [250, 250, 100]
    assert (np.hypot(*np.diff(view.uav_m[..., :2], axis=0).T) <= 20 * 3 + 1e-3).all()
    total = float(dataset["served_bits"][1].sum()) / 30 / 1e6
    assert view.rate_mbps.sum(axis=1).mean() == pytest.approx(total)


@pytest.mark.parametrize("name", ["trajectories", "rate_energy", "animation"])
def test_plots_are_drawn(result: Result, name: str) -> None:
    figure = result.plot(name)
    assert isinstance(figure, Figure)
    png = picture(figure, "png")
    assert np.asarray(Image.open(io.BytesIO(png)).convert("L")).std() > 10
    assert picture(result.plot(name), "svg") == picture(result.plot(name), "svg")


def test_another_drop_is_another_picture(result: Result) -> None:
    one, other = (result.plot("trajectories", drop=drop) for drop in (0, 1))
    assert picture(one, "png") != picture(other, "png")


def test_the_animation_is_in_the_picture(result: Result) -> None:
    """UAVs move, users change colour and place, the clock goes; nothing is fetched, and no script runs."""
    figure = plot_animation(result)
    text = picture(figure, "svg").decode()
    page = minidom.parseString(text)
    moves = page.getElementsByTagName("animateTransform")
    assert len(moves) == 2 * 4  # the UAVs of both panels
    frames = [len(move.getAttribute("values").split(";")) for move in moves]
    assert frames == [11] * 8 and moves[0].getAttribute("dur") == f"{SECONDS:g}s"
    walked = [a for a in page.getElementsByTagName("animate") if a.getAttribute("attributeName") == "cx"]
    assert len(walked) == 2 * 5  # the walkers
    view = figure.views[1]
    path = [tuple(map(float, place.split(","))) for place in moves[4].getAttribute("values").split(";")]
    expected = [(0.46 * x, 460 - 0.46 * y) for x, y in view.uav_m[:, 0, :2]]
    assert np.array(path) == pytest.approx(np.array(expected), abs=0.06)
    assert "<script" not in text and not re.search(r'(href|src)="', text)


def test_the_report_holds_the_animation(result: Result) -> None:
    page = render(result)
    assert page.count("data:image/svg+xml;base64,") >= 3
    assert not re.search(r'(src|href)="https?:', page)


def test_the_best_allocators_are_shown(result: Result) -> None:
    assert shown_allocators(result, None) == ["static_grid", "random_walk"]
    rate = result.per_drop[result.per_drop["metric"] == result.headline[0]].groupby("allocator")["value"].mean()
    assert shown_allocators(result, None, 1) == [rate.idxmax()]


def test_the_command_writes_a_gif(result: Result, tmp_path: Path) -> None:
    target = tmp_path / "film.gif"
    done = CliRunner().invoke(app, ["uav", "animate", str(result.run_dir), "--drop", "1", "--allocator", "random_walk",
                                    "--out", str(target)])  # fmt: skip
    assert done.exit_code == 0, done.output
    film = Image.open(target)
    assert film.n_frames == 11
    first = np.asarray(film.convert("RGB")).copy()
    film.seek(10)
    assert (first != np.asarray(film.convert("RGB"))).any()
    again = CliRunner().invoke(app, ["uav", "animate", str(result.run_dir), "--out", str(tmp_path / "film.svg")])
    assert again.exit_code == 0 and (tmp_path / "film.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(("arguments", "text"), [
    (["--drop", "9"], "--drop is 9, but the run has 2 drops; name one of 0 to 1"),
    (["--allocator", "random_walks"], "the run has no allocator"),
    (["--variant", "x"], "the run has no variant"),
    (["--out", "film.mp4"], "neither a GIF nor an SVG file"),
])  # fmt: skip
def test_mistakes_of_the_command(result: Result, arguments: list[str], text: str) -> None:
    done = CliRunner().invoke(app, ["uav", "animate", str(result.run_dir), *arguments])
    assert done.exit_code == 2
    assert text in " ".join(done.output.split())


def test_a_file_of_another_program_is_not_overwritten(result: Result, tmp_path: Path) -> None:
    target = tmp_path / "mine.gif"
    target.write_bytes(b"GIF89a mine")
    done = CliRunner().invoke(app, ["uav", "animate", str(result.run_dir), "--out", str(target)])
    assert done.exit_code == 2 and target.read_bytes() == b"GIF89a mine"


@pytest.mark.parametrize("name", ["uav", "uav-10x500"])
def test_workloads_are_scenarios(name: str) -> None:
    workload = find("uav").workloads[name]
    scenario = load(workload.scenario(workload.allocator, 2))
    assert (scenario.uavs.count, scenario.count) == tuple(workload.sizes().values())
    density = scenario.uavs.count / (scenario.area.x_m * scenario.area.y_m)
    assert density == pytest.approx(4e-6) and workload.parts == scenario.uavs.count * scenario.count
    assert find("uav").clock(scenario).intervals == 10
