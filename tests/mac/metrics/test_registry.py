"""The registry: what applies, what the rows look like, what the names promise."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import oracles_metrics as oracle
import pytest
from numpy.testing import assert_allclose

from mac.auction import auction_metrics
from mac.comp import comp_metrics
from mac.engine.metrics import cellular_metrics
from mac.market import market_metrics
from mac.metrics.registry import METRICS, available_metrics, metric_named, metric_table
from mac.personalized import personalized_metrics
from mac.uav import flight_metrics
from mac.wsn import lifetime_metrics


def test_rows_of_a_slicing_run() -> None:
    ds = oracle.windows()
    table = metric_table(ds)
    assert list(table.columns) == ["drop", "metric", "unit", "value"]
    assert not table.duplicated(["drop", "metric"]).any()
    assert set(table["drop"]) == {5, 6, 7}  # the names of the drops, not their places
    families = (lifetime_metrics, flight_metrics, market_metrics, auction_metrics, comp_metrics, personalized_metrics)
    others = (
        *(metric for metric in cellular_metrics.METRICS if metric.name != "prb_utilisation"),
        *(metric for family in families for metric in family.METRICS),
    )  # there are none here
    elsewhere = {"counts", *(metric.name for metric in others)}
    assert {name.partition("/")[0] for name in table["metric"]} == set(METRICS) - elsewhere
    assert {"satisfaction/phones", "delay_p99/robots", "tractor_score/meters"} <= set(table["metric"])
    rows = table[table["metric"] == "satisfaction/meters"].sort_values("drop")
    assert_allclose(rows["value"], oracle.satisfaction(ds)["meters"])


def test_metrics_that_do_not_apply_are_left_out() -> None:
    ds = oracle.windows()
    bare = ds[["served_bits", "demand_bits", "packets", "delay_s", "energy_j"]]
    names = set(metric_table(bare.drop_vars([c for c in bare.coords if str(c).startswith("sla_")]))["metric"])
    assert names >= {"rate_mean", "served_share", "delay_mean", "energy_per_bit", "jain_rate/phones"}
    assert not {name.partition("/")[0] for name in names} & {"satisfaction", "tractor_score", "delay_p50", "loss_ratio"}
    other = metric_table(ds.assign_coords(service=("user", ["voice"] * 7)))
    assert "tractor_score" not in set(other["metric"])


def test_repairs_are_reported_where_the_scenario_asked_for_them() -> None:
    ds = oracle.windows(drops=2, count=3)
    table = metric_table(ds, ["repairs"])
    assert table["value"].tolist() == [0 + 1 + 2, 3 + 4 + 5]
    del ds.attrs["mends"]
    assert metric_table(ds, ["repairs"]).empty


def test_one_group_is_not_repeated() -> None:
    ds = oracle.windows().isel(user=[0, 3, 6])
    assert not any("/" in name for name in metric_table(ds)["metric"])


def test_chosen_metrics_keep_their_order() -> None:
    table = metric_table(oracle.windows(), ["rate_cell", "prb_utilisation"])
    assert list(dict.fromkeys(table["metric"])) == ["rate_cell", "prb_utilisation"]


def test_drops_are_computed_alone_as_in_a_batch() -> None:
    ds = oracle.windows(drops=4, count=50, users=40)
    batch = metric_table(ds).set_index(["drop", "metric"])["value"]
    alone = metric_table(ds.isel({"drop": [2]})).set_index(["drop", "metric"])["value"]
    assert alone.equals(batch.loc[[7]])


def test_unknown_metrics_are_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'jain_rate'"):
        metric_named("jain_rates/embb")
    with pytest.raises(ValueError, match="known metrics: satisfaction"):
        metric_table(oracle.windows(), ["qqq"])
    assert metric_named("satisfaction/embb").name == "satisfaction"


def test_every_metric_is_described() -> None:
    for metric in available_metrics():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        assert metric.unit and metric.description and metric.better in ("higher", "lower", None)


def test_no_value_is_lost_to_warnings_or_infinities() -> None:
    with np.errstate(all="raise"):
        values = metric_table(oracle.windows())["value"]
    assert values.notna().all()


def test_settings_import_without_pandas_or_xarray() -> None:
    code = "import sys, mac.metrics.satisfaction, mac.metrics.registry; print({'pandas', 'xarray'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
