"""What two runs differ in, and what a paper cites of one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_policies import SMALL
from typer.testing import CliRunner, Result

import scenarios
from scenarios.campaigns.run_difference import run_difference
from scenarios.cli.main import app
from scenarios.results.sources import bibtex, keys_of, published


def command(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("runs")
    options: dict[str, dict[str, Any]] = {
        "one": {},
        "reports": {"link.report_delay_slots": 8},
        "seed": {"seed": 77},
    }
    return {
        name: scenarios.run(SMALL, ["equal", "max_weight"], out=folder / name, plots=False, progress=False, **given)
        for name, given in options.items()
    }


def test_a_run_differs_in_nothing_from_itself(runs: dict[str, Any]) -> None:
    found = run_difference(runs["one"], scenarios.Result(runs["one"].run_dir))
    assert found.unchanged and (found.settings, found.software, found.files, found.only) == ((), (), (), ())
    done = command("diff", str(runs["one"].run_dir), str(runs["one"].run_dir))
    assert "metrics: the same in both, bit for bit" in done.stdout, done.output


def test_shared_drops_are_compared_one_by_one(runs: dict[str, Any]) -> None:
    """Worked out by hand from the values of each drop."""
    one, other = runs["one"], runs["reports"]
    found = run_difference(one, other)
    assert found.settings == (("link.report_delay_slots", 4, 8),) and found.shared
    row = found.metrics[(found.metrics["metric"] == "rate_mean") & (found.metrics["allocator"] == "equal")].iloc[0]
    values = [
        run.per_drop.query("metric == 'rate_mean' and allocator == 'equal'")["value"].to_numpy() for run in (one, other)
    ]
    assert row["mean_difference"] == pytest.approx(float(np.mean(values[1] - values[0])), abs=1e-15)
    assert row["paired_drops"] == 2 and not found.unchanged


def test_other_networks_are_not_paired(runs: dict[str, Any]) -> None:
    found = run_difference(runs["one"], runs["seed"])
    assert not found.shared and "positions" in found.network and "mean_difference" not in found.metrics
    told = json.loads(command("diff", str(runs["one"].run_dir), str(runs["seed"].run_dir), "--json").stdout)
    assert told["settings"] == [{"what": "seed", "first": SMALL.get("seed", 1), "second": 77}]
    assert "nan" not in command("diff", str(runs["one"].run_dir), str(runs["seed"].run_dir)).stdout
    assert told["shared_drops"] is False and {"mean_first", "ci95_low_second"} <= set(told["metrics"][0])


def test_bad_input_is_one_sentence(runs: dict[str, Any], tmp_path: Path) -> None:
    one = str(runs["one"].run_dir)
    done = command("diff", one, str(tmp_path))
    assert done.exit_code == 2 and "is no run folder" in done.stderr
    done = command("diff", one, str(runs["seed"].run_dir), "--metrics", "rate_men")
    assert done.exit_code == 2 and "did you mean 'rate_mean'" in " ".join(done.stderr.split())
    wsn = {"extends": "wsn-field", "drops": 1, "duration_s": 2, "field": {"nodes": 5}}
    other = scenarios.run(wsn, ["direct"], out=tmp_path / "wsn", plots=False, progress=False)
    done = command("diff", one, str(other.run_dir))
    assert done.exit_code == 2 and "their metrics do not compare" in " ".join(done.stderr.split())


def test_a_run_is_cited_with_what_it_used(runs: dict[str, Any]) -> None:
    told = json.loads(command("cite", str(runs["one"].run_dir), "--json").stdout)
    assert told["facts"]["hash"] == scenarios.Result(runs["one"].run_dir).meta["hash"]
    assert told["allocators"]["equal"] == [] and len(told["allocators"]["max_weight"]) == 1
    assert "TR 38.901" in told["bibtex"][told["models"]["PropagationSettings"][0]]
    assert told["models"]["proportional_fair"], "the scheduler below the slices"
    text = command("cite", str(runs["one"].run_dir)).stdout
    assert all(line.startswith("%") for line in text.split("\n\n")[0].splitlines())
    keys = re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)
    assert keys == list(told["bibtex"]) and keys[0] == "fairwave" and text.count("{") == text.count("}")
    assert "@software{fairwave" in text and "comparing radio resource allocators" in text


class Cited:
    """Decides nothing.

    Source: the protocol of Zeng, Xu, "A title of some words", A Journal 18(4), 2019. Ours: the rest; TRACTOR, arXiv
    2312.07896. It has a remark; a common baseline.
    """


def test_sources_are_read_without_remarks() -> None:
    assert published(Cited) == (
        'Zeng, Xu, "A title of some words", A Journal 18(4), 2019',
        "TRACTOR, arXiv 2312.07896",
    )
    assert published(dict) == ()


def test_a_source_becomes_an_entry() -> None:
    text = 'Shannon, Weaver, "The theory of information & more", Some Press 3(1), 1949'
    entry = bibtex(text, "shannon1949")
    for field in ("author = {Shannon and Weaver}", r"title = {{The theory of information \& more}}", "year = {1949}"):
        assert field in entry
    assert keys_of([text, text + " b", "TRACTOR, arXiv 2312.07896", "3GPP TS 38.214"]) == {
        text: "shannon1949", text + " b": "shannon1949a", "TRACTOR, arXiv 2312.07896": "arxiv231207896",
        "3GPP TS 38.214": "ts38214",
    }  # fmt: skip
