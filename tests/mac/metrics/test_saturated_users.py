"""Full-buffer users in every metric: they want everything, so rates are judged and shares of what was asked are not."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import oracles_metrics as oracle
import pytest
from numpy.testing import assert_allclose

from mac.metrics import delay, fairness
from mac.metrics import satisfaction as sat
from mac.metrics.intervals import paired, summarise
from mac.metrics.registry import metric_table
from mac.slicing import tractor_score
from scenarios import Result, run
from scenarios.report.report import write_report

SHARES = (
    "served_share",
    "jain_served_share",
    "utility_served_share_alpha1",
    "utility_served_share_alpha2",
)
FULL = {"model": "full_buffer"}
CBR = {"model": "constant_bit_rate", "rate_bps": 20e6}


@pytest.mark.parametrize("full", [(1,), (0, 3), tuple(range(7))])
def test_metrics_of_a_mixed_population_equal_the_loops(full: tuple[int, ...]) -> None:
    ds = oracle.windows(seed=3, full=full)
    for found, expected in (
        (sat.satisfaction(ds), oracle.satisfaction(ds)),
        (sat.satisfaction_zone(ds), oracle.satisfaction_zone(ds)),
        (tractor_score.tractor_score(ds), oracle.tractor_score(ds)),
        (fairness.served_share(ds), oracle.by_user(ds, lambda d, u: oracle.served_share(ds, d, u))),
    ):
        for name, values in found.items():
            assert_allclose(values, expected[name], rtol=1e-5, err_msg=name)
    for name, users in oracle.groups(ds):
        rows = [[oracle.served_share(ds, d, u) for u in users] for d in range(ds.sizes["drop"])]
        assert_allclose(fairness.jain_served_share(ds)[name], [oracle.jain(row) for row in rows], rtol=1e-9)
    assert np.isnan(fairness.served_share_per_user(ds)[:, list(full)]).all()


def saturated(bits: dict[str, list[float]], **targets: float) -> Any:
    return oracle.one_user(bits, targets).assign_coords(full_buffer=("user", np.array([True])))


def test_every_window_of_a_saturated_user_counts_and_only_the_rate_keeps_it() -> None:
    """Windows of 1 s in which 0, 9, 10 and 30 bits were served; 10 bit/s were promised, 20 wished for."""
    ds = saturated({"served_bits": [0.0, 9, 10, 30], "demand_bits": [0.0, 9, 10, 30]}, sla_rate_bps=10)
    assert sat.sla_met(ds)[0, :, 0].tolist() == [0, 0, 1, 1]
    ds = ds.assign_coords(sla_desired_bps=("user", np.array([20.0])))
    assert_allclose(sat.zone_per_user(ds), [[(0 + 0 + 0 + 1) / 4]])
    assert_allclose(sat.satisfaction(ds)[""], [0.5])


def test_a_delay_of_a_saturated_user_is_not_judged() -> None:
    ds = saturated({"served_bits": [5.0], "demand_bits": [5.0]}, sla_delay_s=0.1)
    assert np.isnan(sat.sla_met(ds)).all() and not sat.has_targets(ds)
    assert sat.sla_met(ds.assign_coords(sla_rate_bps=("user", np.array([6.0])))).ravel().tolist() == [0]
    assert delay.late_share(ds.assign(late_packets=ds["packets"])) == {}


def test_losses_of_a_saturated_user_are_shares_of_what_was_sent() -> None:
    ds = saturated({"served_bits": [98.0, 97], "demand_bits": [100.0, 100], "lost_bits": [2.0, 3]}, sla_loss=0.02)
    assert sat.sla_met(ds)[0, :, 0].tolist() == [1, 0]
    assert_allclose(delay.loss_ratio(ds, "lost_bits")[""], [0.025])


def test_undefined_shares_poison_no_mean_and_no_interval() -> None:
    ds = oracle.windows(full=(0, 3, 6))  # all phones
    table = metric_table(ds).assign(variant=None, allocator="a")
    both = table.assign(allocator="b")
    assert table[table["metric"] == "served_share/phones"]["value"].isna().all()
    assert table[table["metric"] == "served_share"]["value"].notna().all()
    means = summarise(table).set_index("metric")
    assert math.isnan(means.loc["served_share/phones", "mean"]) and means.loc["served_share/phones", "drops"] == 0
    assert math.isfinite(means.loc["served_share", "ci95_low"])
    import pandas as pd

    differences = paired(pd.concat([table, both])).set_index("metric")
    assert differences.loc["served_share/phones", "drops"] == 0
    assert differences.loc["served_share", "mean_difference"] == 0


@cache
def played(traffic: str, folder: Path) -> Result:
    """One cell with four users of the same traffic, with an agreed rate of 1 Mbit/s."""
    return run(
        "scheduling-macro",
        ["max_rate", "round_robin"],
        drops=2,
        duration_s=0.3,
        warmup_s=0.1,
        topology={"layout": "single", "sites": 1, "sectors": 1},
        users=[
            {
                "name": "ftp",
                "count": 4,
                "traffic": {"full": FULL, "cbr": CBR}[traffic],
                "sla": {"rate_bps": 1e6, "desired_rate_bps": 5e6},
            }
        ],
        out=folder / traffic,
        plots=traffic == "full",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saturated")


def mean(result: Result, metric: str, allocator: str) -> float:
    rows = result.metrics
    return float(rows[(rows["metric"] == metric) & (rows["allocator"] == allocator)]["mean"].iloc[0])


def test_a_full_buffer_is_judged_as_a_constant_rate_beyond_the_cell(folder: Path) -> None:
    """Round robin serves both alike, bit for bit; under max rate some get nothing of either."""
    full, cbr = played("full", folder), played("cbr", folder)
    for metric in ("satisfaction", "satisfaction_zone", "rate_mean", "rate_p5", "jain_rate"):
        assert mean(full, metric, "round_robin") == pytest.approx(mean(cbr, metric, "round_robin"), rel=1e-6)
    assert mean(full, "satisfaction", "max_rate") < 0.9
    served = full.to_xarray("max_rate")["served_bits"] / full.to_xarray("max_rate").attrs["window_s"]
    assert mean(full, "satisfaction", "max_rate") == pytest.approx(float((served >= 1e6).mean()))


def test_what_is_not_defined_is_said_and_shown_as_nothing(folder: Path) -> None:
    result = played("full", folder)
    told = result.to_json()
    text = json.dumps(told, allow_nan=False)
    assert {row["metric"]: row["mean"] for row in told["metrics"]}["served_share"] is None and "NaN" not in text
    for metric in SHARES:
        assert math.isnan(mean(result, metric, "max_rate"))
    ((what, why),) = result.account()
    assert what == "full-buffer users" and "ftp" in why and "not defined" in why
    assert "full-buffer users" in Path(write_report(result, folder / "page.html")).read_text("utf-8")
    assert (result.run_dir / "plots" / "fairness_throughput.png").is_file()
    assert played("cbr", folder).account() == []
