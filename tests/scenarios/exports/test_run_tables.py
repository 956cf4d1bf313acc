"""Tables of a run for other programs: every number of the shards, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_policies import SMALL
from typer.testing import CliRunner

import scenarios
from scenarios.cli.main import app
from scenarios.errors import ScenarioError
from scenarios.exports import table_files


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    variants = {"calm": {"users.embb.count": 1}, "full": {"users.embb.count": 2}}
    out = tmp_path_factory.mktemp("tables") / "run"
    options = {"plots": False, "progress": False, "drops_per_batch": 1}
    return scenarios.run({**SMALL, "variants": variants}, ["equal", "max_weight"], out=out, **options)


def test_the_tables_go_into_the_run_folder(result: Any) -> None:
    both = CliRunner().invoke(app, ["export", str(result.run_dir), "--parquet", "--format", "csv"])
    assert both.exit_code == 2 and "two formats" in both.stderr
    done = CliRunner().invoke(app, ["export", str(result.run_dir), "--format", "npz"])
    assert done.exit_code == 0 and (result.run_dir / "tables" / "metrics.npz").is_file(), done.output


def test_csv_holds_the_windows_of_all_shards(result: Any, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(result.run_dir), "--out", str(tmp_path / "t"), "--format", "csv"])
    assert done.exit_code == 0, done.output
    windows = pd.read_csv(tmp_path / "t" / "per_window_user.csv")
    for (variant, allocator), rows in windows.groupby(["variant", "allocator"]):
        stored = result.to_xarray(allocator, variant).transpose("drop", "window", "user", ...)
        assert np.array_equal(rows["served_bits"].to_numpy(np.float32), stored["served_bits"].to_numpy().ravel())
        assert rows["group"].iloc[0] == str(stored["group"][0].item())
        assert rows["time_s"].iloc[-1] == pytest.approx(float(stored["time_s"][-1]))
    assert windows.groupby(["variant", "allocator"]).ngroups == 4
    metrics = pd.read_csv(tmp_path / "t" / "metrics.csv")
    assert np.allclose(metrics["value"], result.per_drop["value"], equal_nan=True)
    units = pd.read_csv(tmp_path / "t" / "columns.csv").set_index(["table", "column"])["unit"]
    assert units["per_window_user", "served_bits"] == "bit" and units["per_user", "sla_rate_bps"] == "bit/s"
    assert units["per_window_user", "time_s"] == "s"
    assert len(pd.read_csv(tmp_path / "t" / "per_user.csv")) == sum(
        result.to_xarray("equal", name).sizes["user"] * 2 * 2 for name in result.variants
    )


def test_all_formats_hold_the_same(result: Any, tmp_path: Path) -> None:
    names = {path.stem for path in scenarios.export_run(result, tmp_path / "csv", "csv")}
    assert {path.stem for path in scenarios.export_run(result, tmp_path / "npz", "npz")} == names
    text = pd.read_csv(tmp_path / "csv" / "per_window_cell_slice.csv")
    with np.load(tmp_path / "npz" / "per_window_cell_slice.npz") as stored:
        assert list(stored) == list(text.columns)
        assert all(np.array_equal(stored[name].astype(text[name].to_numpy().dtype), text[name]) for name in stored)
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    scenarios.export_run(result, tmp_path / "parquet")
    table = parquet.read_table(tmp_path / "parquet" / "per_window_cell_slice.parquet")
    assert table.schema.field("rbg").metadata[b"unit"] == b"RBG"
    assert np.array_equal(table["rbg"].to_numpy(), text["rbg"])


def test_nothing_is_overwritten_or_left_half(result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ScenarioError, match="is not empty; name a folder that is new or empty"):
        scenarios.export_run(result, tmp_path, "csv")
    with pytest.raises(ScenarioError, match="--format is 'xlsx'; one of: csv, npz, parquet"):
        scenarios.export_run(result, tmp_path / "t", "xlsx")

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table_files, "_described", fails)
    with pytest.raises(ScenarioError, match=r"cannot write .*: No space left on device"):
        scenarios.export_run(result, tmp_path / "t", "csv")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
