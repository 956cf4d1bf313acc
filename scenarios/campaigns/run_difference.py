"""Finds what differs between two runs: settings, code, versions, metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mac.metrics.intervals import paired, summarise

from ..config.loading import UNHASHED
from ..errors import ScenarioError
from ..results.as_json import plain_rows
from ..results.result import Result
from ..results.run_folder import changed_settings
from .shared_network import network_of_both

FIRST, SECOND = "first", "second"
_META = ("device", "backend", "dtype", "workers", "threads", "code")


@dataclass(frozen=True)
class RunDifference:
    """Holds what differs between a first and a second run.

    Attributes:
        settings: (dotted key, first, second).
        software: (what, first, second): versions, device, digest of the code.
        files: files of the user's that both were made from, with other contents.
        only: allocators and variants that one of them has.
        network: whether both met the same drops, in one sentence.
        shared: whether they did, so that metrics are compared drop by drop.
        metrics: a row per variant, allocator and metric that both have: both means with intervals and, where drops are
            shared, the paired difference, second less first.
    """

    settings: tuple[tuple[str, Any, Any], ...]
    software: tuple[tuple[str, Any, Any], ...]
    files: tuple[str, ...]
    only: tuple[str, ...]
    network: str
    shared: bool
    metrics: pd.DataFrame

    @property
    def unchanged(self) -> bool:
        """Checks whether all metrics that both have are the same, bit for bit."""
        return self.shared and bool((self.metrics["same"]).all())

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; NaN becomes None."""

        def named(rows: tuple[tuple[str, Any, Any], ...]) -> list[dict[str, Any]]:
            return [dict(zip(("what", FIRST, SECOND), row, strict=True)) for row in rows]

        return {
            "settings": named(self.settings),
            "software": named(self.software),
            "files": list(self.files),
            "only": list(self.only),
            "network": self.network,
            "shared_drops": self.shared,
            "metrics": plain_rows(self.metrics),
        }


def run_difference(first: Result, second: Result) -> RunDifference:
    """Compares two runs, finished or not.

    Args:
        first: a run.
        second: another one; differences are second less first.

    Raises:
        ScenarioError: they are of different families, or have no allocator and variant in common.
    """
    if first.family.name != second.family.name:
        raise ScenarioError(
            f"{first.run_dir} is of the family '{first.family.name}' and {second.run_dir} of '{second.family.name}': "
            "their metrics do not compare"
        )
    changed = tuple(changed_settings(first.settings, second.settings))
    network, shared = _network(first, second, changed)
    return RunDifference(
        settings=changed,
        software=tuple(_software(first.meta, second.meta)),
        files=tuple(_changed_files(first, second)),
        only=tuple(_only(first, second)),
        network=network,
        shared=shared,
        metrics=_metrics(first, second, shared),
    )


def _network(first: Result, second: Result, changed: tuple[tuple[str, Any, Any], ...]) -> tuple[str, bool]:
    keys = {key.split(".")[0] for key, _, _ in changed} - {*UNHASHED, "name", "allocators", "drops"}
    if not keys:
        return "both met the same drops", True
    found = network_of_both(first.settings, second.settings)
    if found.same:
        return f"both met the same drops: the same {', '.join(found.kept)}", True
    return f"not the same drops: other {', '.join((*found.common, *found.differs))}", False


def _software(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Lists versions and settings of the machine that differ."""

    def flat(meta: Mapping[str, Any]) -> dict[str, Any]:
        return {**{name: meta.get(name) for name in _META}, **meta.get("versions", {})}

    one, other = flat(first), flat(second)
    return [(what, one.get(what), other.get(what)) for what in {**one, **other} if one.get(what) != other.get(what)]


def _changed_files(first: Result, second: Result) -> list[str]:
    one, other = _files(first), _files(second)
    return [name for name in one if name in other and one[name] != other[name]]


def _files(result: Result) -> dict[str, str]:
    """Lists the user's files that the shards were made from, with their digests."""
    found: dict[str, str] = {}
    for shards in result.shards.values():
        for shard in shards:
            found |= json.loads(result.read(shard.path).attrs.get("made_from", "{}"))
    return found


def _only(first: Result, second: Result) -> list[str]:
    lists = (("allocator", first.allocators, second.allocators), ("variant", first.variants, second.variants))
    return [
        f"{kind} {name or '(none)'}: only in the {which} run"
        for kind, one, other in lists
        for which, mine, theirs in ((FIRST, one, other), (SECOND, other, one))
        for name in mine
        if name not in theirs
    ]


def _metrics(first: Result, second: Result, shared: bool) -> pd.DataFrame:
    keys = ["variant", "allocator", "metric", "unit"]
    values = ["mean", "ci95_low", "ci95_high"]
    tables = [_in_both(result, other).assign(run=run) for run, result, other in
              ((FIRST, first, second), (SECOND, second, first))]  # fmt: skip
    if tables[0].empty or tables[1].empty:
        raise ScenarioError(f"{first.run_dir} and {second.run_dir} have no allocator and variant in common")
    one, other = (summarise(table.drop(columns="run"))[[*keys, *values, "drops"]] for table in tables)
    both = one.merge(other, on=keys, suffixes=(f"_{FIRST}", f"_{SECOND}"))
    return both if not shared else both.merge(_differences(tables, first.headline), on=keys[:3], how="left")


def _in_both(result: Result, other: Result) -> pd.DataFrame:
    """Returns the rows of the allocators, variants and drops that another run has, too."""
    rows = result.per_drop
    there = other.per_drop
    return rows[rows["allocator"].isin(there["allocator"]) & rows["variant"].isin(there["variant"])]


def _differences(tables: list[pd.DataFrame], headline: list[str]) -> pd.DataFrame:
    """Computes paired differences on the drops that both have, second less first, and whether all values are equal."""
    found = []
    one, other = tables
    for label in dict.fromkeys(one["allocator"]):
        mine = pd.concat([table[table["allocator"] == label].assign(allocator=table["run"]) for table in (other, one)])
        counts = mine.groupby(["variant", "drop", "metric"], dropna=False)["run"].transform("nunique")
        rows = mine[counts == 2].drop(columns="run")
        found.append(paired(rows, headline).assign(allocator=label))
    columns = ["variant", "allocator", "metric", "mean_difference", "difference_low", "difference_high", "drops",
               "p", "p_holm", "remark"]  # fmt: skip
    table = pd.concat(found, ignore_index=True)
    table = table.rename(columns={"ci95_low": "difference_low", "ci95_high": "difference_high"})[columns]
    same = (table[["mean_difference", "difference_low", "difference_high"]].fillna(0.0) == 0.0).all(axis=1)
    return table.rename(columns={"drops": "paired_drops"}).assign(same=same)
