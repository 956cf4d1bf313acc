"""How settings override one another."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from scenarios.config.merging import expand, merge
from scenarios.errors import ScenarioError

BASE = {
    "a": 1,
    "deep": {"x": 1, "y": {"z": 2}},
    "list": [1, 2, 3],
    "users": [{"name": "embb", "count": 1, "traffic": {"model": "cbr", "rate": 5}}, {"name": "mmtc", "count": 2}],
}


@pytest.mark.parametrize(
    ("over", "path", "value"),
    [
        ({"a": 2}, ["a"], 2),
        ({"deep": {"y": {"z": 3}}}, ["deep"], {"x": 1, "y": {"z": 3}}),
        ({"deep.y.z": 3}, ["deep"], {"x": 1, "y": {"z": 3}}),
        ({"deep.y.new": 3}, ["deep", "y"], {"z": 2, "new": 3}),
        ({"list": [9]}, ["list"], [9]),
        ({"list.1": 9}, ["list"], [1, 9, 3]),
        ({"deep": 5}, ["deep"], 5),
        ({"users.1.count": 7}, ["users", 1, "count"], 7),
        ({"users.mmtc.count": 7}, ["users", 1, "count"], 7),
        ({"users": {"embb": {"count": 7}}}, ["users", 0, "count"], 7),
        ({"users": []}, ["users"], []),
        ({"new.key": 1}, ["new"], {"key": 1}),
    ],
)
def test_merge(over: dict[str, Any], path: list[Any], value: object) -> None:
    before = copy.deepcopy(BASE)
    merged = merge(BASE, over)
    for part in path:
        merged = merged[part]
    assert merged == value
    assert before == BASE, "merging must not change what it merges"


def test_what_is_not_overridden_stays() -> None:
    merged = merge(BASE, {"users.embb.count": 3, "deep.x": 0})
    assert merged["users"][0] == {"name": "embb", "count": 3, "traffic": {"model": "cbr", "rate": 5}}
    assert merged["users"][1] == BASE["users"][1]
    assert merged["list"] == BASE["list"]


def test_settings_of_another_type_replace() -> None:
    def tag_at(path: tuple[str, ...]) -> str | None:
        return "model" if path == ("users", "0", "traffic") else None

    other = merge(BASE, {"users.0.traffic": {"model": "poisson"}}, tag_at)
    assert other["users"][0]["traffic"] == {"model": "poisson"}
    same = merge(BASE, {"users.embb.traffic": {"model": "cbr", "size": 1}}, tag_at)
    assert same["users"][0]["traffic"] == {"model": "cbr", "rate": 5, "size": 1}
    untagged = merge(BASE, {"users.0.traffic.rate": 6}, tag_at)
    assert untagged["users"][0]["traffic"] == {"model": "cbr", "rate": 6}


@pytest.mark.parametrize("key", ["users.2.count", "users.emb.count", "list.3", "list.-1", "list.x"])
def test_items_that_do_not_exist(key: str) -> None:
    with pytest.raises(ScenarioError, match=r"no such item"):
        merge(BASE, {key: 1})


def test_a_name_that_is_nearly_right() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'embb'"):
        merge(BASE, {"users.emb.count": 1})


def test_expand() -> None:
    assert expand({"a.b": 1, "a.c.d": 2, "e": {"f.g": 3}}) == {"a": {"b": 1, "c": {"d": 2}}, "e": {"f": {"g": 3}}}


@pytest.mark.parametrize(
    ("over", "twice"),
    [
        ({"deep": {"x": 2}, "deep.x": 3}, "'deep.x' is given twice here, as 2 and as 3"),
        ({"deep.x": 3, "deep": {"x": 3}}, "'deep.x' is given twice here, as 3 and as 3"),
        ({"deep.y": {"z": 3}, "deep": {"y.z": 4}}, "'deep.y.z' is given twice here, as 3 and as 4"),
        ({"deep": 5, "deep.x": 3}, "'deep' is given twice here"),
        ({"list": [1], "list.0": 3}, "'list' is given twice here"),
        ({"users.embb.count": 3, "users.0.count": 4}, "'users.0.count' is given twice here, as 3 and as 4"),
        (
            {"users.0": {"count": 3}, "users": {"embb.count": 4}},
            "'users.embb.count' is given twice here, as 3 and as 4",
        ),
    ],
)
def test_nothing_is_given_twice_by_one_source(over: dict[str, Any], twice: str) -> None:
    with pytest.raises(ScenarioError, match=r"leave one of them out$") as caught:
        merge(BASE, over)
    assert twice in str(caught.value)


def test_two_keys_of_a_section_are_put_together() -> None:
    merged = merge(BASE, {"deep.x": 5, "deep": {"y": {"new": 1}}, "users.embb.count": 3, "users.0.more": 4})
    assert merged["deep"] == {"x": 5, "y": {"z": 2, "new": 1}}
    assert {key: merged["users"][0][key] for key in ("count", "more")} == {"count": 3, "more": 4}
