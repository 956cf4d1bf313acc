"""Figures and tables of a sweep, and the numbers in them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from scenarios import ScenarioError, Sweep
from scenarios.campaigns import figure_file
from scenarios.campaigns.figure_file import save_figure
from scenarios.campaigns.rounding import decimals, fixed, rounded
from scenarios.campaigns.table import make_table, table_text, write_table

RATE = "pipe.rate_bps"


def test_a_curve_holds_means_and_intervals(made: Sweep) -> None:
    figure = made.plot("users", "rate_mean", columns=RATE)
    assert figure.get_figwidth() == pytest.approx(7.16) and len(figure.axes) == 2
    assert [axes.get_title() for axes in figure.axes] == [f"{RATE} = 1e6", f"{RATE} = 2e6"]
    assert figure.axes[0].get_ylabel() == "rate_mean [Mbit/s]" and figure.axes[0].get_xscale() == "log"
    table = made.metric("rate_mean")
    for axes, rate in zip(figure.axes, (1e6, 2e6), strict=True):
        for bars, allocator in zip(axes.containers, ("Even", "Greedy"), strict=True):
            rows = table[(table[RATE] == rate) & (table["allocator"] == allocator)]
            line, _, (segments,) = bars
            np.testing.assert_array_equal(line.get_xdata(orig=False), [2, 4, 40])
            np.testing.assert_allclose(line.get_ydata(orig=False), rows["mean"])
            ends = np.array(segments.get_segments())[:, :, 1]
            np.testing.assert_allclose(ends, rows[["ci95_low", "ci95_high"]])
            assert axes.get_ylim()[0] <= ends.min() and ends.max() <= axes.get_ylim()[1]
            assert axes.get_xlim()[0] < 2 and axes.get_xlim()[1] > 40


def test_curves_differ_in_more_than_colour(made: Sweep) -> None:
    figure = made.plot("users", "served_share", at={RATE: 1e6})
    assert figure.get_figwidth() == 3.5
    looks = [(bars[0].get_color(), bars[0].get_marker(), bars[0].get_linestyle()) for bars in figure.axes[0].containers]
    assert all(len(set(column)) == 2 for column in zip(*looks, strict=True))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Even", "Greedy"]


def test_bands_bars_and_other_axes(made: Sweep) -> None:
    band = made.plot("users", "rate_mean", at={RATE: 1e6}, interval="band")
    assert len([one for one in band.axes[0].collections if isinstance(one, PolyCollection)]) == 2
    bars = made.plot("users", "rate_mean", at={RATE: 1e6}, kind="bar")
    heights = [patch.get_height() for patch in bars.axes[0].patches]
    expected = made.metric("rate_mean").query(f"`{RATE}` == 1e6").sort_values(["allocator", "users"])["mean"]
    np.testing.assert_allclose(heights, expected)
    other = made.plot(RATE, "rate_mean", by="users", at={"allocator": "Even"})
    assert [text.get_text() for text in other.legends[0].get_texts()] == ["2", "4", "40"]
    assert other.legends[0].get_title().get_text() == "users"


def test_texts_stand_for_names(made: Sweep, here: Path) -> None:
    words = {"users": "UEs of a cell", "Even": "Equal shares", "rate_mean": "Mean rate"}
    figure = made.plot("users", "rate_mean", at={RATE: 1e6}, labels=words)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Equal shares", "Greedy"]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("UEs of a cell", "Mean rate [Mbit/s]")
    table = table_text(made.folder, ["rate_mean"], "markdown", labels=words)
    assert "Mean rate [Mbit/s] ↑" in table and f"| UEs of a cell | {RATE} | Equal shares | Greedy |" in table
    with pytest.raises(ScenarioError, match="nothing here is named 'Evn'; did you mean 'Even'"):
        table_text(made.folder, [], "latex", labels={"Evn": "a"})


def test_allocators_on_the_axis_are_not_joined(made: Sweep) -> None:
    words = {"Greedy": "greedy with a long name"}
    figure = made.plot("allocator", "rate_mean", by="users", at={RATE: 1e6}, width=1.5, labels=words)
    assert {bars[0].get_linestyle() for bars in figure.axes[0].containers} == {"None"}
    assert {text.get_rotation() for text in figure.axes[0].get_xticklabels()} == {25.0}  # there is no room beside


def test_curves_stand_aside_without_leaving_their_place(made: Sweep) -> None:
    figure = made.plot("users", "rate_mean", by="allocator", at={RATE: 1e6})
    axes = figure.axes[0]
    drawn = [bars[0].get_transform().transform((4.0, 1.0))[0] for bars in axes.containers]
    middle, following = axes.transData.transform([(4.0, 1.0), (2.0, 1.0)])[:, 0]
    assert drawn[0] < middle < drawn[1] and drawn[1] - drawn[0] < abs(following - middle)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x": "userz"}, "x: 'userz' does not vary.*did you mean 'users'"),
        ({"y": "satisfaction"}, "have no metric 'satisfaction'"),
        ({}, f"'{RATE}' has 2 values and is on no axis: give --columns {RATE}"),
        ({"by": "users"}, "'users' is on two axes"),
        ({"by": "variant", "at": {RATE: 1e6}}, "by: 'variant' does not vary"),
        ({"at": {RATE: 1e6}, "labels": {"user": "UEs"}}, "nothing here is named 'user'; did you mean 'users'"),
        ({"at": {RATE: 3e6}}, f"no point has {RATE} 3000000.0; one of: 1e6, 2e6"),
        ({"kind": "pie"}, "kind is 'pie'"),
        ({"width": "three", "columns": RATE}, "width must be one, two or 1 to 40 inches"),
        ({"columns": RATE, "variant": "a"}, "no point has variant 'a'"),
    ],
)
def test_figures_that_cannot_be_are_refused(made: Sweep, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        made.plot(**options)


def test_files_of_figures(made: Sweep, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = made.plot("users", "rate_mean", at={RATE: 1e6})
    begins = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
    for kind, sign in begins.items():
        path = save_figure(figure, f"figure.{kind}")
        assert path.read_bytes().startswith(sign)
        assert save_figure(figure, path).read_bytes() == path.read_bytes()  # its own is overwritten
    Path("mine.pdf").write_text("mine")
    with pytest.raises(ScenarioError, match="nothing that fairwave has written"):
        save_figure(figure, "mine.pdf")
    with pytest.raises(ScenarioError, match="the suffix tells the format; one of: pdf, pgf, png, svg"):
        save_figure(figure, "figure.xlsx")
    monkeypatch.setattr(figure_file.shutil, "which", lambda name: None)
    with pytest.raises(ScenarioError, match="PGF needs LaTeX"):
        save_figure(figure, "figure.pgf")


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.9134, 0.0561, "0.913 ± 0.056"),
        (0.9134, 0.00996, "0.913 ± 0.010"),
        (45678.0, 1234.0, "45700 ± 1200"),
        (-0.004, 0.12, "0.00 ± 0.12"),
        (12.3456, 0.0, "12.3 ± 0"),
        (0.1249999, 1e-9, "0.125 ± 0"),
        (2.0, math.nan, "2.00"),
        (math.nan, math.nan, "-"),
        (0.0, math.nan, "0.000"),
    ],
)
def test_numbers_are_rounded_to_what_the_interval_allows(mean: float, half: float, text: str) -> None:
    assert "".join(rounded(mean, mean - half, mean + half)) == text


def test_a_cut_interval_shows_its_ends() -> None:
    assert rounded(0.982, 0.951, 1.0) == ("0.982", " [0.951, 1.000]")
    assert decimals(0.0996) == 2 and decimals(123) == -1 and fixed(-0.0001, 2) == "0.00"


def test_a_table_marks_the_best_and_what_is_not_told_apart(made: Sweep) -> None:
    table = make_table(made, ["jain_rate", "rate_mean"])
    assert len(table) == 2 * 6 * 2
    jain = table[table["metric"] == "jain_rate"].set_index(["users", RATE, "allocator"])
    for users in (2, 4, 40):
        one = jain.loc[users, 1e6]
        assert one.loc["Even", "best"] == (one.loc["Even", "mean"] > one.loc["Greedy", "mean"])
    compared = table["p_holm"].notna()
    assert compared.sum() == 12 and not table[table["best"]]["p_holm"].notna().any()
    p = made.result(users=40, **{RATE: 1e6}).compare("jain_rate", "Even", "Greedy")
    assert jain.loc[(40, 1e6, "Greedy"), "p_holm"] >= p["p"] or math.isnan(p["p"])
    assert (table.loc[compared, "tied"] == (table.loc[compared, "p_holm"] > 0.05)).all()


def test_forms_of_tables(made: Sweep, here: Path) -> None:
    markdown = table_text(made.folder, ["rate_mean"], "markdown")
    lines = markdown.splitlines()
    assert lines[1:5] == [
        "rate_mean [Mbit/s] ↑",
        "",
        f"| users | {RATE} | Even | Greedy |",
        "| --- | --- | ---: | ---: |",
    ]
    assert len(lines) == 5 + 6 + 2 and "**" in lines[5] and "Holm over 6 comparisons" in lines[-1]
    latex = table_text(made.folder, ["rate_mean", "jain_rate"], "latex")
    assert r"users & pipe.rate\_bps & allocator & rate\_mean [Mbit/s] $\uparrow$ & jain\_rate $\uparrow$ \\" in latex
    assert latex.count(r"\\") == 1 + 12 and latex.count(r"\textbf") == 12
    run = table_text(made.stored[0].folder, ["rate_mean"], "csv")
    assert run.splitlines()[0].startswith("allocator,metric,unit,mean") and len(run.splitlines()) == 3
    path = write_table(latex, Path("table.tex"))
    assert write_table(latex, path).read_text() == latex
    Path("mine.tex").write_text("mine")
    with pytest.raises(ScenarioError, match="nothing that fairwave has written"):
        write_table(latex, Path("mine.tex"))
    for metrics, form, said in ((["satisfaction"], "latex", "no metric 'satisfaction'"), ([], "word", "one of: csv")):
        with pytest.raises(ScenarioError, match=said):
            table_text(made.folder, metrics, form)
    with pytest.raises(ScenarioError, match="unknown variant 'a'"):
        table_text(made.folder, [], "csv", "a")
