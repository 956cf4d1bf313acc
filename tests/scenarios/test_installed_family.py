"""A family in a package of its own: its folder and one entry point, and nothing else of fairwave is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json
from typer.testing import CliRunner
from scenarios.bench import bench, measure, scaling
from scenarios.cli.main import app

measure._WINDOW_S, measure._WARMUP_SLOTS, measure._COPY_BYTES = 1e-3, 1, {"cpu": 1 << 20}
scaling._STEPS = 10

alone, made = scaling.measure_alone, []

def once_alone(work, case):
    # a process of its own for the first measurement of the toy family, no measurement of the others
    if not case.workload.startswith("toy-"):
        return None
    made.append(case)
    return alone(work, case) if len(made) == 1 else work(case)

scaling.measure_alone, bench.measure_alone = once_alone, lambda work, case: work(case)

def told(*arguments):
    found = CliRunner().invoke(app, list(arguments))
    return {"status": found.exit_code, "stdout": found.stdout, "stderr": found.stderr}

print(json.dumps({
    "help": told("--help"),
    "allocators": told("list", "allocators", "--json"),
    "metrics": told("list", "metrics", "--json"),
    "run": told("run", "pipe.yaml", "--out", "out", "--workers", "2"),
    "report": told("report", "out"),
    "check": told("check", "greedy", "--family", "toy"),
    "own": told("toy", "rate"),
    "unknown": told("bench", "W9"),
    "bench": told("bench", "pipes-4", "--drops", "2", "--json"),
    "scaling": told("bench", "--scaling", "--drops", "2", "--mode", "exact", "--json"),
}))
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Two modules and the metadata of a package in a folder of their own, as pip would leave them there."""
    site = tmp_path / "site"
    about = site / "toy_radio-1.0.dist-info"
    about.mkdir(parents=True)
    for name in ("toy_family.py", "toy_package.py"):
        shutil.copy(ROOT / "tests" / "support" / name, site)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-radio\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[fairwave.families]\ntoy = toy_package:FAMILY\n")
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "OMP_NUM_THREADS": "1"}


def test_a_family_is_its_own_folder_and_one_entry_point(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "pipe.yaml").write_text("family: toy\ndrops: 4\nduration_s: 5\nallocators: [even, greedy]\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=installed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    failed = {name: one for name, one in told.items() if one["status"] != (2 if name == "unknown" else 0)}
    assert failed == {}
    assert "Asks the toy family" in told["help"]["stdout"]
    rows = json.loads(told["allocators"]["stdout"])
    assert {row["name"] for row in rows if row["family"] == "toy"} == {"even", "greedy"}
    (metric,) = [row for row in json.loads(told["metrics"]["stdout"]) if row["name"] == "waiting_mean"]
    assert metric["unit"] == "kbit" and metric["better"] == "lower"
    table = told["run"]["stdout"]
    assert table.index("waiting_mean") < table.index("rate_mean") and "pipe: nothing is lost in it" in table
    plots = {path.stem for path in (tmp_path / "out" / "plots").iterdir()}
    assert plots == {"rate_cdf", "waiting"}
    page = (tmp_path / "out" / "report.html").read_text()
    for piece in ("Longest queues", "longest queue [kbit]", "In any drop and window.", "How much waits."):
        assert piece in page
    assert "greedy keeps the contract of the family toy" in told["check"]["stdout"]
    assert told["own"]["stdout"].strip() == "1e+06 bit/s"
    assert "pipes-4" in told["unknown"]["stderr"]
    assert {row["workload"] for row in json.loads(told["bench"]["stdout"])} == {"pipes-4"}
    scales = [row for row in json.loads(told["scaling"]["stdout"]) if row["family"] == "toy"]
    assert [row["users"] for row in scales] == [4, 40] and all(row["us_per_user_second"] > 0 for row in scales)
