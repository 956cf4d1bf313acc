"""The commands ``sweep``, ``figure``, ``table``, and ``report`` on a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scenarios.campaigns import page
from scenarios.cli.main import app
from scenarios.config import yaml12

Toy = dict[str, Any]


def fairwave(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    result = fairwave(*arguments)
    assert result.exit_code == 2 and result.stdout == "" and result.stderr.startswith("error: "), result.output
    return " ".join(result.stderr.split())


@pytest.fixture
def pipe(toy: Toy) -> str:
    Path("pipe.yaml").write_text(yaml12.dump({**toy, "drops": 2, "duration_s": 2.0}))
    return "pipe.yaml"


def test_from_a_question_to_a_figure_and_a_table(pipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vary = ("--vary", "users=2,4", "--vary", "pipe.rate_bps=1e6,2e6", "--out", "load")
    plan = fairwave("sweep", pipe, *vary, "--dry-run", "--json")
    told = json.loads(plan.stdout)
    assert told["points"] == 4 and told["done"] == 0 and told["drops"] == 2 and told["memory_bytes"] > 0
    assert "4 (grid); 0 done before" in fairwave("sweep", pipe, *vary, "--dry-run").stdout
    precise = fairwave("sweep", pipe, *vary, "--dry-run", "--until", "rate_mean +-1e5", "--max-drops", "40")
    assert "32 at each point" in precise.stdout and "adds up to 40" in precise.stderr
    assert not Path("load").exists()
    done = fairwave("sweep", pipe, *vary)
    assert done.exit_code == 0 and "4 points, 4 done" in done.stdout and "pipe.rate_bps" in done.stdout
    assert "4 points, 4 done (4 of them before)" in fairwave("sweep", pipe, *vary, "--resume").stdout
    drawn = fairwave("figure", "load", "--y", "rate_mean", "--at", "pipe.rate_bps=1e6", "--table", "rate.tex")
    assert drawn.stdout.split() == ["load/figures/rate_mean-users.pdf", "rate.tex"]
    assert Path("load/figures/rate_mean-users.pdf").stat().st_size > 5000
    assert r"\begin{tabular}" in Path("rate.tex").read_text()
    assert fairwave("table", "load", "--metrics", "rate_mean,jain_rate", "--format", "csv").stdout.count("\n") == 17
    fairwave("table", "load", "--out", "rate.csv")
    assert Path("rate.csv").read_text().startswith("users,")  # the suffix chooses the format
    assert "suffix is that of latex" in refused("table", "load", "--format", "csv", "--out", "rate.tex")
    run = next(Path("load/points").iterdir())
    assert "| Even |" in fairwave("table", run).stdout
    monkeypatch.setattr(page, "_plotly", lambda: "")
    assert fairwave("report", "load").stdout == "load/report.html\n"


def test_a_point_that_fails_shows_in_the_exit_status(pipe: str) -> None:
    arguments = ("sweep", pipe, "--allocators", "toy_family:TooMuch", "--vary", "duration_s=1,4", "--drops", "1",
                 "--out", "out")  # fmt: skip
    result = fairwave(*arguments)
    assert result.exit_code == 1 and "2 points, 1 done" in result.stdout
    assert "duration_s=4 failed" in result.stderr and "the others are kept" in result.stderr
    assert "1 of 2 points are missing, 1 of them failed" in fairwave("table", "out").stderr
    assert "1 of 1 means have no interval" in fairwave("figure", "out", "--y", "rate_mean", "--out", "one.png").stderr
    document = json.loads(fairwave(*arguments, "--resume", "--json").stdout)
    assert document["done"] == 1 and list(document["failed"]) == ["duration_s=4"]


def test_bad_input(pipe: str) -> None:
    assert "nothing varies" in refused("sweep", pipe)
    assert "unknown key 'usrs'; did you mean 'users'" in refused("sweep", pipe, "--vary", "usrs=1,2")
    assert "point 2 (users=x): 'users' must be an integer" in refused("sweep", pipe, "--vary", "users=1,x")
    assert "'users' varies and is set" in refused("sweep", pipe, "--vary", "users=1,2", "--set", "users=3")
    assert "1,000,000 points" in refused(
        "sweep", pipe, *(part for key in range(6) for part in ("--vary", f"key{key}=0,1,2,3,4,5,6,7,8,9"))
    )
    assert "is no sweep" in refused("figure", ".")
    assert "is no run folder" in refused("table", ".")
    Path("file").touch()
    assert "is a file; name a folder" in refused("sweep", pipe, "--vary", "users=1,2", "--out", "file")
    assert "cannot write" in refused("sweep", pipe, "--vary", "users=1,2", "--out", "/proc/none")
    assert not any(path.is_dir() for path in Path.cwd().iterdir())
