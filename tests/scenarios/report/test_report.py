"""Plots and report of a made-up run: what is drawn, what is marked, what is escaped."""

from __future__ import annotations

import base64
import math
import re
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from fake_run import FakeResult
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from mac.metrics import intervals
from scenarios.errors import ScenarioError
from scenarios.families.slicing.plots import plot_quotas
from scenarios.plots import figures
from scenarios.report import report

ALLOCATORS = ["expert", "equal", "random-walk"]
MIXES = ["1_1_2", "0_2_1"]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> FakeResult:
    return FakeResult(tmp_path_factory.mktemp("single"), ALLOCATORS)


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> FakeResult:
    return FakeResult(tmp_path_factory.mktemp("mixes"), ALLOCATORS, list(MIXES))


@pytest.fixture(scope="module")
def page(mixes: FakeResult) -> str:
    return report.write_report(mixes).read_text()


def test_every_plot_that_applies_is_saved_as_png_and_svg(mixes: FakeResult, tmp_path: Path) -> None:
    paths = figures.save_plots(mixes, tmp_path / "new" / "plots")
    names = ["variants", "satisfaction", "rate_cdf", "delay_cdf", "fairness_throughput", "quotas"]
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    for path in paths:
        if path.suffix == ".png":
            assert struct.unpack(">I", path.read_bytes()[16:20]) == (1200,)
        else:
            ElementTree.fromstring(path.read_bytes())


def test_plots_without_data_are_left_out(single: FakeResult) -> None:
    assert list(figures.applicable_plots(single)) == [
        "satisfaction",
        "rate_cdf",
        "delay_cdf",
        "fairness_throughput",
        "quotas",
    ]

    class Bare(FakeResult):
        def to_xarray(self, allocator: str, variant: str | None = None):
            windows = super().to_xarray(allocator, variant)
            return windows.drop_vars(["rbg", "slice_prbs", *[c for c in windows.coords if str(c).startswith("sla_")]])

    bare = Bare(single.run_dir, ALLOCATORS)
    assert list(figures.applicable_plots(bare)) == ["rate_cdf", "delay_cdf", "fairness_throughput"]


def test_one_allocator_has_one_colour_everywhere(single: FakeResult) -> None:
    curves = figures.plot_rate_cdf(single).axes[0].get_lines()
    assert [line.get_label() for line in curves] == ALLOCATORS
    colours = [line.get_color() for line in curves]
    assert len(set(colours)) == 3
    bars = figures.plot_fairness_throughput(single).axes[0].containers
    assert [bar.lines[0].get_color() for bar in bars] == colours


def test_the_curve_of_rates_is_the_distribution_of_users(single: FakeResult) -> None:
    figure = figures.plot_rate_cdf(single)
    assert [axes.get_title() for axes in figure.axes] == ["mmtc users", "urllc users", "embb users"]
    windows = single.to_xarray("equal")
    rate = windows["served_bits"].sum("window") / (20 * 0.25) / 1e6
    ours = np.sort(rate.values[:, windows["group"].values == "urllc"].ravel())
    x, y = figure.axes[1].get_lines()[1].get_data()
    assert_allclose(np.unique(x), np.unique(ours), rtol=1e-12)
    assert y[0] == 0 and y[-1] == 1 and (np.diff(y) >= 0).all()


def test_satisfaction_marks_are_the_means_of_the_table(single: FakeResult) -> None:
    figure = figures.plot_satisfaction(single)
    table = single.metrics[single.metrics["metric"] == "satisfaction/embb"].set_index("allocator")
    marks = [bar.lines[0].get_xdata()[0] for bar in figure.axes[2].containers]
    assert_allclose(marks, table.loc[ALLOCATORS, "mean"])
    dots = sum(len(cloud.get_offsets()) for cloud in figure.axes[2].findobj(PathCollection))
    assert dots == 3 * 5 * 3  # drops, users, allocators


def test_where_no_user_asked_for_anything_a_panel_is_empty(single: FakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "users_by_group", lambda *_: {"embb": dict.fromkeys(ALLOCATORS, np.empty(0))})
    (panel,) = figures.plot_satisfaction(single).axes
    assert panel.get_title() == "all users" and not sum(len(c.get_offsets()) for c in panel.findobj(PathCollection))


def test_fairness_crosses_stand_at_the_means(mixes: FakeResult) -> None:
    table = mixes.metrics[mixes.metrics["variant"] == intervals.ALL].set_index(["metric", "allocator"])["mean"]
    left, right = figures.plot_fairness_throughput(mixes).axes
    for axes, x, y in ((left, "rate_mean", "jain_rate"), (right, "served_share", "jain_served_share")):
        points = [(bar.lines[0].get_xdata()[0], bar.lines[0].get_ydata()[0]) for bar in axes.containers]
        assert_allclose(points, [(table[x, name], table[y, name]) for name in ALLOCATORS])


def test_quotas_fill_the_carrier(single: FakeResult) -> None:
    axes = plot_quotas(single).axes[0]
    steps = [patch.get_data() for patch in axes.patches if patch.get_label() in ("mmtc", "urllc", "embb")]
    assert len(steps) == 3
    assert_allclose(steps[0].values, 9 / 50)  # three RBGs of three PRBs
    assert_allclose(steps[0].edges[[0, -1]], [0.0, 5.0])
    assert_allclose(steps[1].baseline, steps[0].values)


def test_variants_are_shown_with_their_mean(mixes: FakeResult) -> None:
    axes = figures.plot_variants(mixes).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == [*MIXES, "mean of all"]
    assert "tractor_score" in axes.get_xlabel()
    assert "Mbit/s" in figures.plot_variants(mixes, "rate_mean").axes[0].get_xlabel()


def test_the_page_has_the_differences_of_the_first_variant_to_the_others(mixes: FakeResult, page: str) -> None:
    first, *others = mixes.variants
    _, part = page.split("<h2>Paired differences between variants</h2>")
    shown = part[: part.index("<h2>")]
    for allocator in mixes.allocators:
        for other in others:
            assert (
                f"<td>{allocator}</td><td>{mixes.headline[0]}" in shown and f"<td>{first} \u2212 {other}</td>" in shown
            )


def test_variants_cannot_be_shown_of_a_run_without_any(single: FakeResult) -> None:
    with pytest.raises(ScenarioError, match="this run has no variants to compare"):
        figures.plot_variants(single)


def test_groups_stand_in_the_order_of_the_scenario(tmp_path: Path) -> None:
    """Also where the first variant leaves the first group out."""
    users = [{"name": name} for name in ("mmtc", "urllc", "embb")]
    turned = FakeResult(tmp_path, ALLOCATORS, ["0_2_1", "1_1_2"], scenario={"name": "fake", "users": users})
    titles = ["mmtc users", "urllc users", "embb users"]
    assert [axes.get_title() for axes in figures.plot_rate_cdf(turned).axes] == titles
    assert [axes.get_title() for axes in figures.plot_satisfaction(turned).axes][:3] == titles


def test_one_variant_can_be_chosen(mixes: FakeResult) -> None:
    for draw in (
        figures.plot_rate_cdf,
        figures.plot_satisfaction,
        figures.plot_fairness_throughput,
        plot_quotas,
    ):
        figure = draw(mixes, "0_2_1")
        assert isinstance(figure, Figure) and "0_2_1" in figure.get_suptitle()
    assert len(figures.plot_rate_cdf(mixes, "0_2_1").axes) == 2  # no mMTC user there


def test_a_run_of_one_drop_and_allocator_has_plots_and_a_report(tmp_path: Path) -> None:
    alone = FakeResult(tmp_path, ["expert"], drops=1)
    assert len(figures.save_plots(alone, tmp_path)) == 10
    text = report.render(alone)
    assert "no interval" in text and "Paired differences" not in text and "nan" not in text.lower()


def test_pictures_are_the_same_every_time(single: FakeResult) -> None:
    for kind in ("png", "svg"):
        first, second = (figures.picture(plot_quotas(single), kind) for _ in range(2))
        assert first == second


def test_figures_show_themselves_in_a_notebook_without_pyplot(single: FakeResult) -> None:
    assert plot_quotas(single)._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    code = "import sys, scenarios.plots.figures, scenarios.report.report; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_report_lies_in_the_run_folder_or_where_told(
    single: FakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "applicable_plots", lambda result: {})
    assert report.write_report(single) == single.run_dir / "report.html"
    assert report.write_report(single, tmp_path / "other.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["other.html"]


def test_the_report_needs_nothing_from_outside(page: str) -> None:
    assert not re.findall(r"""(?:https?:)?//[a-z]|<script|<link|@import|src=["'](?!data:)""", page)
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(pictures) == 6
    for data in pictures:
        ElementTree.fromstring(base64.b64decode(data))


def test_the_report_holds_what_was_promised(page: str) -> None:
    for piece in ("Comparison", "tractor_score in every variant", "Paired differences", "satisfaction/embb",
                  "family: slicing", "2.13.0", "wall_s.step", "mean of all", "Mbit/s"):  # fmt: skip
        assert piece in page


def test_everything_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>&"

    class Evil(FakeResult):
        def to_xarray(self, allocator: str, variant: str | None = None):
            return super().to_xarray("expert" if allocator == evil else allocator, variant)

    scenario = {"name": evil, "family": "slicing", evil: [evil]}
    run = Evil(tmp_path, ["equal", evil], scenario=scenario, meta={evil: evil, "versions": {evil: evil}})
    text = report.render(run)
    assert "<script" not in text and "alert(&#39;x&#39;)" in text


def test_the_best_is_marked_and_those_not_told_apart_from_it(single: FakeResult) -> None:
    for metric in ("rate_mean", "loss_ratio"):
        (row,) = report.comparison(single, [metric], None)
        table = single.metrics[single.metrics["metric"] == metric].set_index("allocator")["mean"]
        best = table.idxmax() if metric == "rate_mean" else table.idxmin()
        assert [value.best for value in row.values] == [name == best for name in ALLOCATORS]
        for name, value in zip(ALLOCATORS, row.values, strict=True):
            pair = single.paired[(single.paired["metric"] == metric) & single.paired["a"].isin([name, best])
                                 & single.paired["b"].isin([name, best])]  # fmt: skip
            holds_zero = len(pair) == 1 and (pair["ci95_low"] <= 0).all() and (pair["ci95_high"] >= 0).all()
            assert value.tied == holds_zero
    (neither,) = report.comparison(single, ["prb_utilisation"], None)
    assert not any(value.best or value.tied for value in neither.values)


def test_rounding_makes_none_the_best() -> None:
    almost = pd.Series({"a": 1.0, "b": 1.0 - 1e-12, "c": 0.5})
    assert report._best(almost, "higher") == {"a", "b"}
    assert report._best(almost[["a", "b"]], "higher") == set()
    assert report._best(almost, "lower") == {"c"} and report._best(almost, None) == set()
    assert report._best(pd.Series({"a": math.inf, "b": 3.0, "c": math.nan}), "lower") == {"b"}


def test_verdicts_follow_the_interval_and_the_direction(single: FakeResult) -> None:
    found = {
        (pair.metric, pair.a, pair.b): pair for pair in report.differences(single, ["rate_mean", "loss_ratio"], None)
    }
    assert len(found) == 6
    assert found["rate_mean", "expert", "equal"].verdict == "expert is better"
    assert found["rate_mean", "expert", "equal"].difference.startswith("+")
    assert found["loss_ratio", "expert", "equal"].verdict == "expert is better"
    assert found["loss_ratio", "expert", "equal"].difference.startswith("-")
    for (metric, a, b), pair in found.items():
        table = single.paired.set_index(["metric", "a", "b"]).loc[(metric, a, b)]
        assert pair.significant == (table["ci95_low"] > 0 or table["ci95_high"] < 0)
        assert pair.significant != (pair.verdict == "not told apart")


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.63104, 0.01812, "0.631 ± 0.018"),
        (1234.5, 67.0, "1,234 ± 67"),
        (0.5, math.nan, "0.500"),
        (1.0, 0.0, "1.00 ± 0"),
        (1e-4, 1e-19, "0.0001000 ± 0.0000000"),
        (0.0, 0.0, "0 ± 0"),
        (math.nan, math.nan, "–"),  # noqa: RUF001
        (math.inf, math.nan, "∞"),
        (-0.0213, 0.5, "-0.02 ± 0.50"),
    ],
)
def test_numbers(mean: float, half: float, text: str) -> None:
    assert report.number(mean, half) == text


def test_a_row_has_as_many_decimals_as_its_median_interval_deserves() -> None:
    assert report.decimals([0.5, 0.6, 0.7], [0.011, 0.02, 0.3]) == 3
    assert report.decimals([12.0], [math.nan]) == 1
    assert report.decimals([math.inf], [math.nan]) == 0


def test_the_page_opens_with_the_best_allocator(
    single: FakeResult, mixes: FakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "applicable_plots", lambda result: {})
    sentence = report.headline_sentence(single, None)
    row = single.metrics[single.metrics["metric"] == "tractor_score"].set_index("allocator")
    best = row["mean"].idxmax()
    assert sentence.startswith(f"{best} has the best tractor_score, {row.loc[best, 'mean']:.2f} [")
    others = set(ALLOCATORS) - {best}
    assert all(other in sentence for other in others) and sentence.endswith("(3 drops).")
    text = report.render(single)
    assert text.index("has the best tractor_score") < text.index("<h2>Comparison</h2>")
    assert "has the best" in report.headline_sentence(mixes, "all")


def test_the_sentence_counts_only_differences_beyond_chance(single: FakeResult) -> None:
    told = single.paired.assign(p_holm=0.01, mean_difference=0.2, ci95_low=0.1, ci95_high=0.3)

    class Won(FakeResult):
        paired = told

    class Lost(FakeResult):
        paired = told.assign(p_holm=0.2)

    won, lost = (report.headline_sentence(kind(single.run_dir, ALLOCATORS), None) for kind in (Won, Lost))
    assert "better than" in won and "by 0.20 [0.10, 0.30]" in won and "not told apart" not in won
    assert "not told apart from" in lost and "better than" not in lost


def test_labels_of_four_groups_do_not_collide(single: FakeResult) -> None:
    class Four(FakeResult):
        def to_xarray(self, allocator: str, variant: str | None = None):
            windows = super().to_xarray(allocator, variant)
            names = np.array(["smartphones", "bicycle couriers", "vehicles", "sensors-indoor"])
            return windows.assign_coords(group=("user", names[np.arange(windows.sizes["user"]) % 4]))

    four = Four(single.run_dir, ALLOCATORS)
    for draw in (figures.plot_satisfaction, figures.plot_rate_cdf, figures.plot_delay_cdf):
        figure = draw(four)
        figure.canvas.draw()
        assert len(figure.axes) == 4
        labels = [axes.xaxis.label for axes in figure.axes] + [axes.title for axes in figure.axes]
        boxes = [label.get_window_extent() for label in labels]
        legends = [legend.get_window_extent() for legend in figure.legends]
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[i + 1 :] + legends), (draw.__name__, labels[i])
        for axes in figure.axes:
            ticks = [tick.get_window_extent() for tick in axes.get_xticklabels() if tick.get_text()]
            assert not any(one.overlaps(other) for one, other in pairwise(ticks))
