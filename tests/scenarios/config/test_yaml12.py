"""YAML as fairwave reads it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from scenarios.config import yaml12
from scenarios.errors import ScenarioError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.5e9", 3.5e9),
        ("30e3", 30e3),
        ("1e-3", 1e-3),
        ("+12e03", 12e3),
        (".5", 0.5),
        ("1.", 1.0),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        ("-.inf", -math.inf),
        ("true", True),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("0_1_2", "0_1_2"),
        ("1e", "1e"),
        ("'3.5e9'", "3.5e9"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = yaml12.parse(f"key: {text}", "test")["key"]
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number_that_the_schema_can_refuse() -> None:
    assert math.isnan(yaml12.parse("key: .nan", "test")["key"])


def test_keys_are_text() -> None:
    assert yaml12.parse("{0_1_2: a, 7: b, true: c, 1e3: d}", "test") == {
        "0_1_2": "a",
        "7": "b",
        "true": "c",
        "1e3": "d",
    }


def test_merge_keys_work() -> None:
    text = "base: &b {x: 1, y: 2}\nother:\n  <<: *b\n  y: 3\n"
    assert yaml12.parse(text, "test")["other"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", ["f.yaml, line 3", "'a'", "line 1"]),
        ("x:\n  a: 1\n  a: 2", ["line 3", "'a'", "line 2"]),
        ("a: [1", ["f.yaml, line 1"]),
        ("a: b: c", ["f.yaml, line 1"]),
        ("a: !!python/object:os.system x", ["f.yaml, line 1"]),
        ("? [1]\n: 2", ["line 1", "single word"]),
        ("&a [*a]", ["f.yaml", "holds itself"]),
        ("a: 1\n---\nb: 2", ["f.yaml"]),
        ("\x07", ["f.yaml"]),
        ("a: 1\nb: !!timestamp 2001-01-01", ["f.yaml, line 2", "the tag !!timestamp is unknown"]),
        ("a: !!set {x}", ["line 1", "!!set"]),
        ("a: !!binary aGk=", ["line 1", "!!binary"]),
        ("a: !own 3", ["line 1", "!own"]),
        ("a: !!bool abc", ["line 1", "true or false", "'abc'"]),
        ("a: !!bool yes", ["line 1", "true or false", "'yes'"]),
        ("a: !!int 2.5", ["line 1", "a whole number", "'2.5'"]),
        ("a: !!float [1]", ["line 1", "a number", "a list or a mapping"]),
        ("a: !!null x", ["line 1", "null", "'x'"]),
        ("a: !!map [1]", ["line 1", "no mapping"]),
        ("a: !!seq {b: 1}", ["line 1", "no list"]),
        ("a: " + "9" * 5000, ["line 1", "a number of 5,000 digits"]),
        ("a: 0x" + "f" * 5000, ["line 1", "a number of 5,002 digits"]),
        ("[" * 5000, ["nested too deeply"]),
    ],
)
def test_errors_name_the_place(text: str, says: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        yaml12.parse(text, "f.yaml")
    for part in says:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "tag", ["[{0}, {0}, {0}, {0}]", "{{a: {0}, b: {0}, c: {0}, d: {0}}}", "{{<<: [{0}, {0}, {0}]}}"]
)
def test_aliases_of_aliases_are_bounded_before_they_are_written_out(tag: str) -> None:
    """Three kinds that would come to 3^60 values or more."""
    lines = ["x0: &x0 {y: 1}", *(f"x{i}: &x{i} " + tag.format(f"*x{i - 1}") for i in range(1, 60))]
    with pytest.raises(ScenarioError, match=r"f.yaml, line \d+: .* more than 500,000 values"):
        yaml12.parse("\n".join(lines), "f.yaml")


def test_few_aliases_are_written_out() -> None:
    assert yaml12.parse("a: &a [1, 2]\nb: [*a, *a]", "test") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}
    assert yaml12.parse("a: !!str 3\nb: !!float 3\nc: !!bool true\nd: !!null ~", "test") == {
        "a": "3", "b": 3.0, "c": True, "d": None,
    }  # fmt: skip


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe4")
    for name, says in (("latin.yaml", "UTF-8"), ("missing.yaml", "No such file"), (".", "directory")):
        with pytest.raises(ScenarioError, match=says):
            yaml12.read(tmp_path / name)


@pytest.mark.parametrize(
    "value",
    [
        {"text": "3.5e9", "number": 3.5e9, "small": 1e-7, "large": 1e22, "whole": 3.0},
        {"no": "no", "yes": True, "null": None, "word": "null", "hex": "0x1f", "under": "0_1_2"},
        {"list": [1, [2, {"a": "1:30"}]], "empty": [], "nothing": {}, "long": "word " * 100},
    ],
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert yaml12.parse(yaml12.dump(value), "test") == value
