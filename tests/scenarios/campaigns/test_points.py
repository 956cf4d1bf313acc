"""What varies, and what is said of what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios import ScenarioError
from scenarios.campaigns.definition import checked_scenarios, define, varied
from scenarios.campaigns.points import MOST_POINTS, space_of, value_text
from scenarios.config import yaml12

TOY = {"name": "toy", "family": "toy", "drops": 3, "allocators": ["toy_family:Even", "toy_family:Greedy"]}


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        definition = define(*arguments, **options)
        checked_scenarios(definition, list(definition.space.points()))
    return str(caught.value)


def test_a_grid_has_every_combination_and_a_zip_pairs() -> None:
    grid = space_of("grid", {"a": [1, 2], "b": ["x", "y", "z"]}, "here")
    assert [dict(point.settings) for point in grid.points()] == [
        {"a": a, "b": b} for a in (1, 2) for b in ("x", "y", "z")
    ]
    assert grid.size == 6 and [point.number for point in grid.points()] == [1, 2, 3, 4, 5, 6]
    pairs = space_of("zip", {"a": [1, 2], "b": [10, 20]}, "here")
    rows = space_of("list", [{"a": 1, "b": 10}, {"a": 2, "b": 20}], "here")
    assert list(pairs.points()) == list(rows.points()) and pairs.size == 2
    numbers = space_of("grid", {"a": np.array([1, 2]), "b": [np.float64(0.5)], "c": range(2)}, "here").values
    assert numbers == {"a": [1, 2], "b": [0.5], "c": [0, 1]} and type(numbers["b"][0]) is float


def test_values_on_the_command_line_are_those_of_yaml() -> None:
    assert varied(["users=2,4", "a.b=x, 1e6,true", "pairs=[1,2],[3]"]) == {
        "users": [2, 4], "a.b": ["x", 1e6, True], "pairs": [[1, 2], [3]],
    }  # fmt: skip
    for text in ("users", "users=", "=3"):
        with pytest.raises(ScenarioError, match=r"--vary .*dotted.key=value"):
            varied([text])
    with pytest.raises(ScenarioError, match="given twice"):
        varied(["users=1", "users=2"])


def test_a_file_says_what_varies(here: Path) -> None:
    Path("base.yaml").write_text(yaml12.dump(TOY))
    Path("load.yaml").write_text("extends: base.yaml\ndrops: 2\ngrid:\n  users: [2, 4]\n")
    definition = define("load.yaml")
    assert definition.base.name == "load" and definition.base.drops == 2
    assert [definition.scenario(point).users for point in definition.space.points()] == [2, 4]  # type: ignore[attr-defined]
    wider = define("load.yaml", {"pipe.rate_bps": [1e6, 2e6]})
    assert wider.space.values == {"users": [2, 4], "pipe.rate_bps": [1e6, 2e6]}
    Path("both.yaml").write_text("extends: load.yaml\nzip:\n  users: [2, 4]\ngrid:\n  users: [2]\n")
    assert "one of 'grid', 'zip' and 'list'" in refused("both.yaml")
    Path("pairs.yaml").write_text("extends: base.yaml\nzip:\n  users: [2, 4]\n")
    assert "--vary adds to a 'grid'" in refused("pairs.yaml", {"seed": [1, 2]})
    assert "nothing varies" in refused("base.yaml")


def test_a_parameter_of_an_allocator_varies() -> None:
    definition = define(TOY, {"allocators.1.params.power": [1.0, 2.0]})
    made = [definition.scenario(point) for point in definition.space.points()]
    assert [one.allocators[1].params for one in made] == [{"power": 1.0}, {"power": 2.0}]
    assert [one.allocators[0].label for one in made] == ["Even", "Even"]


def test_bad_input_is_told_with_point_and_key() -> None:
    values: list[Any] = [*range(1, 37), "many", *range(38, 40)]
    said = refused(TOY, {"users": values})
    assert "point 37 (users=many): 'users' must be an integer, given 'many'" in said
    assert said.count("\n") == 0
    many = refused(TOY, {"users": [-n for n in range(1, 10)]})
    assert many.count("point ") == 5 and many.endswith("and 4 more of 9 points")
    assert "unknown key 'usrs'; did you mean 'users'?" in refused(TOY, {"usrs": [1, 2]})
    assert "'device' cannot vary: it changes no result" in refused(TOY, {"device": ["cpu", "auto"]})
    assert "'name' cannot vary" in refused(TOY, {"name": ["a", "b"]})
    assert "allocators.0.params.NAME" in refused(TOY, {"allocators": [["toy_family:Even"]]})
    assert "'allocators.0' cannot vary" in refused(TOY, {"allocators.0": ["toy_family:Even", "toy_family:Greedy"]})
    assert "'users' has 2 twice" in refused(TOY, {"users": [2, 4, 2]})
    assert "'users' must be a list of values" in refused(TOY, {"users": 2})
    assert "equally many: users has 2, seed has 1" in refused(TOY, {"users": [2, 4], "seed": [1]}, "zip")
    assert "differ in seed" in refused(TOY, [{"users": 2}, {"users": 4, "seed": 1}], "list")
    assert "'how' is 'gird'; did you mean 'grid'?" in refused(TOY, {"users": [2]}, "gird")


def test_values_that_vary_nothing_are_told() -> None:
    said = refused(TOY, {"pipe.rate_bps": [1000000, 1e6]})
    assert "'pipe.rate_bps' varies nothing" in said and "point 1" in said and "point 2" in said


def test_a_huge_grid_is_counted_and_not_made() -> None:
    keys = {f"key{n}": list(range(10)) for n in range(9)}
    said = refused(TOY, keys)
    assert "1,000,000,000 points" in said and f"{MOST_POINTS:,}" in said


def test_texts_of_values() -> None:
    assert [value_text(value) for value in (5, 1e6, 0.25, "x", True, None, [1, 2])] == [
        "5", "1e6", "0.25", "x", "true", "null", "[1, 2]",
    ]  # fmt: skip
