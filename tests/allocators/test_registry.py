"""Allocators by name, entry point, import string and object."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allocators import registry
from allocators.registry import BadAllocator, UnknownAllocator, available, describe, families, resolve

EVERY = [(name, family) for family in families() for name in available(family)]


class Plain:
    """A plug-in as plain as can be."""

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def reset(self, context: object, seed: int) -> None:
        return None

    def decide(self, observation: object) -> object:
        return observation


@dataclass
class Settable(Plain):
    gain: float
    steps: int = 3
    names: tuple[str, ...] = ()


class Undecided:
    def reset(self, context: object, seed: int) -> None:
        return None


@pytest.mark.parametrize(("name", "family"), EVERY)
def test_every_name_makes_an_allocator_and_is_described(name: str, family: str) -> None:
    allocator = resolve(name, family)
    line = describe(name, family)
    assert allocator.__doc__.startswith(line)
    assert 30 < len(line) <= 120 and line.endswith(".")


def test_nothing_is_imported_until_it_is_made() -> None:
    code = (
        "import sys; from allocators import registry as r; "
        "[r.describe(n, f) for f in r.families() for n in r.available(f)]; "
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    root = Path(registry.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_folders_say_what_they_hold() -> None:
    for family in ("scheduling", "slicing"):
        text = (Path(registry.__file__).parent / family / "__init__.py").read_text("utf-8")
        assert all(f"``{name}``" in text for name in available(family))


@pytest.mark.parametrize(
    ("name", "family", "message"),
    [
        ("propotional_fair", "scheduling", "did you mean 'proportional_fair'"),
        ("Max-Rate", "scheduling", "did you mean 'max_rate'"),
        ("zzz", "slicing", "one of: classified_slices, demand_proportional"),
        ("equal", "scheduling", "it is of the family slicing"),
        ("any", "weather", "the family 'weather' has no allocators"),
    ],
)
def test_unknown_names(name: str, family: str, message: str) -> None:
    with pytest.raises(UnknownAllocator, match=message):
        resolve(name, family)


def test_a_family_without_allocators_has_none() -> None:
    assert available("weather") == {}


class TestParameters:
    def test_are_converted_to_the_type_of_the_field(self) -> None:
        found = resolve("proportional_fair", "scheduling", {"time_constant_s": 1}).time_constant_s
        assert (found, type(found)) == (1.0, float)
        assert resolve(Settable, "toy", {"gain": 2, "names": ["a", "b"]}) == Settable(2.0, names=("a", "b"))
        assert resolve(Plain, "toy", {"power": 2}).power == 2.0
        assert resolve(Settable, "toy", {"gain": np.float64(2.0), "steps": np.int64(4)}) == Settable(2.0, 4)

    @pytest.mark.parametrize(
        ("spec", "params", "message"),
        [
            ("proportional_fair", {"time_const_s": 1}, "no parameter 'time_const_s'; did you mean 'time_constant_s'"),
            ("proportional_fair", {"time_constant_s": "slow"}, "time_constant_s is 'slow': input should be a valid"),
            ("proportional_fair", {"time_constant_s": -1}, "time_constant_s is -1: input should be greater than 0"),
            ("proportional_fair", {"time_constant_s": float("nan")}, "nan: input should be a finite number"),
            (Settable, {"gain": 1, "step": 2}, "no parameter 'step'; did you mean 'steps'"),
            (Settable, {"gain": "x"}, "the parameter gain is 'x'"),
            (Settable, {"gain": "2"}, "the parameter gain is '2'"),
            (Settable, {"gain": True}, "the parameter gain is True"),
            (Settable, {"gain": None}, "the parameter gain is nothing"),
            (Settable, {"gain": 1, "steps": 1.5}, "the parameter steps is 1.5"),
            ("proportional_fair", {"time_constant_s": True}, "time_constant_s is True"),
            ("proportional_fair", {"time_constant_s": "0.1"}, "time_constant_s is '0.1'"),
            ("proportional_fair", {"passes": 2.5}, "passes is 2.5"),
            (Settable, {}, "needs the parameter 'gain'"),
            (Plain, {"power": []}, r"the parameter power is \[\]"),
            (Undecided, {"power": 1}, "no parameter 'power'; it has none"),
            (Plain(), {"power": 1}, "Plain is already made"),
        ],
    )
    def test_wrong_ones_get_one_sentence(self, spec: object, params: dict[str, Any], message: str) -> None:
        with pytest.raises(BadAllocator, match=message) as caught:
            resolve(spec, "scheduling", params)
        assert "\n" not in str(caught.value)

    def test_nested_ones_are_named_with_their_path(self) -> None:
        with pytest.raises(BadAllocator, match=r"policies\.a\.minmum"):
            resolve("rrm_policy", "slicing", {"policies": {"a": {"minmum": 1}}})
        with pytest.raises(BadAllocator, match=r"policies\.a\.minimum is '30'"):
            resolve("rrm_policy", "slicing", {"policies": {"a": {"minimum": "30"}}})
        with pytest.raises(BadAllocator, match=r"rrm_policy: the minimum ratios of a, b add up to 110 %"):
            resolve("rrm_policy", "slicing", {"policies": {"a": {"minimum": 60}, "b": {"minimum": 50}}})


class TestImportStrings:
    def write(self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text, "utf-8")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path])

    def test_the_current_directory_is_searched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = '    """Mine."""\n    def reset(self, context, seed): pass\n    def decide(self, observation): pass\n'
        self.write(tmp_path, monkeypatch, "plugin_here", f"class Mine:\n{body}")
        assert type(resolve("plugin_here:Mine", "any family")).__name__ == "Mine"
        assert describe("plugin_here:Mine", "any family") == "Mine."
        with pytest.raises(BadAllocator, match=r"plugin_here\.py\) has no 'Mime'; did you mean 'Mine'"):
            resolve("plugin_here:Mime", "scheduling")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1 / 0", "importing 'plugin_bad[0-9]' failed: ZeroDivisionError"),
            ("import surely_not_there", "importing 'plugin_bad[0-9]' failed: it needs the module 'surely_not_there'"),
            ("def broken(:", "importing 'plugin_bad[0-9]' failed: SyntaxError"),
        ],
    )
    def test_a_module_that_fails_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
    ) -> None:
        name = f"plugin_bad{len(text) % 10}"
        self.write(tmp_path, monkeypatch, name, text)
        with pytest.raises(BadAllocator, match=message) as caught:
            resolve(f"{name}:Mine", "scheduling")
        assert caught.value.__cause__ is not None

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ("surely_not_there:Mine", "there is no module 'surely_not_there'"),
            ("json.surely_not_there:Mine", "there is no module 'json.surely_not_there'"),
            ("json:", "write module:Class"),
            (":Mine", "write module:Class"),
            ("json:JSONDecoder", r"JSONDecoder has no method reset\(context, seed\)"),
        ],
    )
    def test_what_is_not_there_is_named(self, spec: str, message: str) -> None:
        with pytest.raises(BadAllocator, match=message):
            resolve(spec, "scheduling")


class TestObjects:
    def test_pass_through(self) -> None:
        mine = Plain()
        assert resolve(mine, "scheduling") is mine
        assert isinstance(resolve(Plain, "scheduling"), Plain)
        assert resolve(lambda: mine, "scheduling") is mine

    def test_what_they_lack_is_named(self) -> None:
        with pytest.raises(BadAllocator, match=r"Undecided has no method decide\(observation\)"):
            resolve(Undecided(), "scheduling")

    def test_one_that_raises_is_named(self) -> None:
        def maker() -> Plain:
            raise KeyError("weights")

        with pytest.raises(BadAllocator, match="maker: making it raised KeyError: 'weights'"):
            resolve(maker, "scheduling")


class TestEntryPoints:
    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        points = [
            EntryPoint("scheduling.mine", "test_registry_plugin:Mine", registry.GROUP),
            EntryPoint("scheduling.max_rate", "test_registry_plugin:Thief", registry.GROUP),
            EntryPoint("weather.sun", "test_registry_plugin:Sun", registry.GROUP),
            EntryPoint("stray", "test_registry_plugin:Stray", registry.GROUP),
        ]
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])

    def test_are_found_by_family_and_name(self, installed: None) -> None:
        assert available("scheduling")["mine"] == "test_registry_plugin:Mine"
        assert available("weather") == {"sun": "test_registry_plugin:Sun"}
        assert "weather" in families() and "mine" not in available("slicing")

    def test_do_not_replace_what_is_built_in(self, installed: None) -> None:
        assert available("scheduling")["max_rate"] == "allocators.scheduling.max_rate:MaxRate"

    def test_that_do_not_say_their_family_belong_to_none(self, installed: None) -> None:
        assert not any("stray" in available(family) for family in families())
        with pytest.raises(UnknownAllocator, match=r"name it 'scheduling\.stray'"):
            resolve("stray", "scheduling")

    def test_that_cannot_be_imported_are_described_by_nothing_and_named_when_made(self, installed: None) -> None:
        assert describe("mine", "scheduling") == ""
        with pytest.raises(BadAllocator, match="there is no module 'test_registry_plugin'"):
            resolve("mine", "scheduling")
