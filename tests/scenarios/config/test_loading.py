"""From files to scenarios, and what bad ones get."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios import families, load
from scenarios.config import yaml12
from scenarios.config.loading import (
    json_schema,
    json_schemas,
    load_with_options,
    presets,
    resolved,
    scenario_hash,
    variants,
)
from scenarios.errors import ScenarioError

Toy = dict[str, Any]


def write(path: Path, data: Any) -> str:
    path.write_text(data if isinstance(data, str) else yaml12.dump(data))
    return str(path)


def complaint(source: Any, **overrides: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(source, **overrides)
    return str(caught.value)


@pytest.mark.parametrize("name", ["slicing-quickstart", "slicing-tractor", "scheduling-macro"])
def test_presets_load_and_come_back_from_their_own_dump(name: str) -> None:
    assert name in presets()
    assert presets()[name]
    scenario = load(name)
    assert scenario.name == name
    again = load(yaml12.parse(yaml12.dump(resolved(scenario)), "dump"))
    assert again == scenario
    assert scenario_hash(again) == scenario_hash(scenario)
    assert all(each.variants == {} for each in variants(scenario).values() if scenario.variants)


def test_the_nine_mixes_of_tractor() -> None:
    mixes = variants(load("slicing-tractor"))
    assert list(mixes) == ["0_1_2", "0_2_2", "1_1_2", "1_1_4", "1_2_1", "1_2_3", "1_2_5", "1_3_4", "3_2_3"]
    for name, scenario in mixes.items():
        counts = {group["name"]: group["count"] for group in resolved(scenario)["users"]}
        assert name == f"{counts['mmtc']}_{counts['urllc']}_{counts['embb']}"
        assert len(resolved(scenario)["slicing"]["slices"]) == 3, "an empty slice stays"


def test_numbers_of_a_file_are_numbers(toy: Toy, tmp_path: Path) -> None:
    text = yaml12.dump(toy).replace("duration_s: 5.0", "duration_s: 5e0") + "pipe: {rate_bps: 30e3}\nseed: 7\n"
    scenario = load(write(tmp_path / "s.yaml", text))
    assert resolved(scenario)["pipe"]["rate_bps"] == 30e3
    assert (scenario.duration_s, scenario.seed) == (5.0, 7)


def test_the_file_gives_the_name(toy: Toy, tmp_path: Path) -> None:
    del toy["name"]
    assert load(write(tmp_path / "pipes.yaml", toy)).name == "pipes"


@pytest.mark.parametrize(
    ("file", "name"),
    [("my study", "my-study"), ("\u03c0", "scenario"), ("_x.1", "x.1"), ("a" * 100, "a" * 80), ("-", "scenario")],
)
def test_a_file_name_that_no_folder_may_have_gives_a_safe_name_and_says_so(
    toy: Toy, tmp_path: Path, file: str, name: str
) -> None:
    del toy["name"]
    path = write(tmp_path / f"{file}.yaml", toy)
    with pytest.warns(UserWarning, match=f"the scenario's name is '{name}'"):
        assert load(path).name == name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(write(tmp_path / "above.yaml", {"extends": path})).name == "above"
        assert load(write(tmp_path / f"{file}.yaml", {**toy, "name": "mine"})).name == "mine"


def test_paths_that_lead_nowhere_are_said(tmp_path: Path) -> None:
    Path(tmp_path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "loop.yaml" in (text := complaint(str(tmp_path / "loop.yaml"))) and ("circle" in text or "no scen" in text)
    assert "pipe.yaml is a pipe or a device" in complaint(str(tmp_path / "pipe.yaml"))
    assert "File name too long" in complaint("x" * 5000)
    foreign = Path(os.fsdecode(bytes(tmp_path) + b"/a\xff.yaml"))
    foreign.write_text("extends: slicing-quickstart\n")
    with pytest.warns(UserWarning, match="the scenario's name is 'a'"):
        assert load(foreign).name == "a"
    circle = write(tmp_path / "extends.yaml", {"extends": "loop.yaml"})
    assert f"{circle}: 'extends'" in complaint(circle)


def test_values_that_no_file_can_hold_are_told_by_key_and_source() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value, says in (({1}, "the type set"), (10**5000, "400 digits"), (b"x", "the type bytes"), ("\udcff", "UTF-8")):
        text = complaint("slicing-quickstart", **{"users.embb.count": [1, value]})
        assert text.startswith("overrides: 'users.embb.count.1' is") and says in text
    assert complaint("slicing-quickstart", seed=endless).startswith("overrides: this is nested too deeply")
    assert "the key '\\udcff'" in complaint("slicing-quickstart", **{"\udcff": 1})
    assert "more than 50 dots" in complaint("slicing-quickstart", **{"a." * 60 + "a": 1})


def test_overrides_of_every_kind(toy: Toy, tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml", toy)
    assert load(path, users=7).users == 7  # type: ignore[attr-defined]
    assert resolved(load(path, **{"pipe.rate_bps": 5}))["pipe"]["rate_bps"] == 5
    assert load(load(path), seed=np.int64(3)).seed == 3
    scenario = load_with_options(path, ["pipe.rate_bps=1e3", "users=2"], {"seed": 4})
    assert (scenario.users, scenario.seed) == (2, 4)  # type: ignore[attr-defined]
    assert load_with_options(path, ["seed=1"], {"seed": 4}).seed == 4, "a named option wins"


def test_allocators_by_name_and_with_parameters(toy: Toy) -> None:
    specs = load(toy).allocators
    assert [(spec.label, spec.params) for spec in specs] == [("Even", {}), ("Greedy", {"power": 3.0})]
    twice = load(toy, allocators=["toy_family:Even", "toy_family:Even", {"name": "x", "label": "Even"}])
    assert [spec.label for spec in twice.allocators] == ["Even", "Even-2", "Even-3"]


def test_variants_are_replaced_or_chosen(toy: Toy, tmp_path: Path) -> None:
    base = {**toy, "variants": {"few": {"users": 2}, "many": {"users": 9}, "slow": {"pipe.rate_bps": 1.0}}}
    path = write(tmp_path / "base.yaml", base)
    assert list(load(path, variants=["slow", "few"]).variants) == ["slow", "few"]
    assert load(path, variants={"other": {"users": 1}}).variants == {"other": {"users": 1}}
    assert load(path, variants=[]).variants == {}
    assert list(load_with_options(path, ["variants=[many]"], {}).variants) == ["many"]
    assert "unknown variant 'fw'; did you mean 'few'" in complaint(path, variants=["fw"])
    assert [each.users for each in variants(load(path)).values()] == [2, 9, 4]  # type: ignore[attr-defined]


def test_extends_a_file_and_a_preset(toy: Toy, tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", {**toy, "pipe": {"rate_bps": 7.0}})
    (tmp_path / "sub").mkdir()
    child = {"extends": "../base.yaml", "users": 9, "allocators": ["toy_family:Even"]}
    scenario = load(write(tmp_path / "sub" / "child.yaml", child))
    assert scenario.name == "child"
    assert len(scenario.allocators) == 1, "lists are replaced"
    assert resolved(scenario)["pipe"]["rate_bps"] == 7.0
    assert load({"extends": "slicing-quickstart", "name": "mine", "drops": 2}).family == "slicing"


def test_extends_in_a_circle_names_the_chain(toy: Toy, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", {"extends": "b.yaml"})
    write(tmp_path / "b.yaml", {"extends": "c.yaml"})
    path = write(tmp_path / "c.yaml", {"extends": "a.yaml"})
    text = complaint(path)
    assert "circle" in text
    assert text.index("c.yaml") < text.index("a.yaml") < text.index("b.yaml") < text.rindex("c.yaml")
    assert "circle" in complaint(write(tmp_path / "self.yaml", {"extends": "self.yaml"}))


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": ({"user": 3}, ["unknown key 'user'", "did you mean 'users'"]),
    "unknown nested key": ({"pipe": {"rate_bp": 1}}, ["'pipe.rate_bp'", "did you mean 'rate_bps'"]),
    "unknown dotted key": ({"pipe.rate_bp": 1}, ["'pipe.rate_bp'", "did you mean 'rate_bps'"]),
    "text for a number": ({"pipe": {"rate_bps": "3e6"}}, ["'pipe.rate_bps' must be a number, given '3e6'"]),
    "boolean for a number": ({"pipe": {"rate_bps": True}}, ["must be a number, given True"]),
    "boolean for a count": ({"drops": True}, ["'drops' must be an integer, given True"]),
    "fraction for a count": ({"drops": 2.5}, ["'drops' must be an integer, given 2.5"]),
    "number for text": ({"trace": 3}, ["'trace' must be a string, given 3"]),
    "number for a section": ({"pipe": 3}, ["'pipe' must be a mapping, given 3"]),
    "list for a number": ({"users": [1]}, ["'users' must be an integer, given [1]"]),
    "below its range": ({"users": 0}, ["'users' must be greater than or equal to 1, given 0"]),
    "above its range": ({"pipe": {"rate_bps": 1e10}}, ["'pipe.rate_bps' must be less than or equal to"]),
    "not a number": ({"pipe": {"rate_bps": float("nan")}}, ["must be a finite number, given nan"]),
    "infinite": ({"duration_s": float("inf")}, ["must be a finite number, given inf"]),
    "not among the choices": ({"dtype": "float16"}, ["'dtype' must be 'float32' or 'float64', given 'float16'"]),
    "no allocators": ({"allocators": []}, ["'allocators' needs at least 1", "given []"]),
    "allocators that are a word": ({"allocators": "equal"}, ["'allocators' must be", "given 'equal'"]),
    "allocator's unknown key": ({"allocators": [{"nam": "x"}]}, ["'allocators.0.nam'", "did you mean 'name'"]),
    "unknown family": ({"family": "slising"}, ["unknown family 'slising'", "did you mean 'slicing'"]),
    "family of another type": ({"family": 3}, ["unknown family 3"]),
    "half a window": ({"duration_s": 4.5}, ["'duration_s' must be a whole number of windows of 1 s, given 4.5"]),
    "half an interval": ({"warmup_s": 0.5}, ["'warmup_s' must be a whole number of decision intervals of 1 s"]),
    "a name that is no folder": ({"name": "../x"}, ["'name'", "names a folder"]),
    "variant with an unknown key": ({"variants": {"v": {"usrs": 3}}}, ["variant 'v'", "did you mean 'users'"]),
    "variant out of range": ({"variants": {"v": {"users": 0}}}, ["variant 'v'", "'users' must be greater"]),
    "variant of another family": ({"variants": {"v": {"family": "slicing"}}}, ["cannot change 'family'"]),
    **{
        f"variant with its own {key}": ({"variants": {"v": {key: value}}}, [f"a variant cannot change '{key}'"])
        for key, value in {"drops": 2, "device": "cpu", "headline": ["rate_mean"], "description": "x"}.items()
    },
    "variant called all": ({"variants": {"all": {}}}, ["'all'"]),
    "variant that is no folder": ({"variants": {"a/b": {}}}, ["names a folder"]),
    "drops_per_batch 0": ({"drops_per_batch": 0}, ["'drops_per_batch' must be greater than or equal to 1"]),
    "seed below 0": ({"seed": -1}, ["'seed' must be greater than or equal to 0, given -1"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_explained(case: str, toy: Toy, tmp_path: Path) -> None:
    change, says = BAD[case]
    dotted = any("." in key for key in change)
    path = write(tmp_path / "bad.yaml", {**toy, **({} if dotted else change)})
    text = complaint(path, **(change if dotted else {}))
    assert ("overrides" if dotted else "bad") in text, "says where it stands"
    for part in says:
        assert part in text


def test_every_problem_is_told_at_once_and_each_with_its_source(toy: Toy, tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", {**toy, "seed": -1})
    path = write(tmp_path / "child.yaml", {"extends": "base.yaml", "users": 0})
    lines = complaint(path, drops=0).splitlines()
    assert len(lines) == 3
    for origin, key in (("base.yaml", "seed"), ("child.yaml", "users"), ("overrides", "drops")):
        assert any(origin in line and f"'{key}'" in line for line in lines)


def test_sources_that_do_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'slicing-quickstart'" in complaint("slicing-quikstart")
    assert "there is no scenario file nowhere.yaml" in complaint("nowhere.yaml")
    (tmp_path / "folder.yaml").mkdir()
    assert "is a folder" in complaint("folder.yaml")
    assert "holds nothing" in complaint(write(tmp_path / "empty.yaml", ""))
    assert "holds only text" in complaint(write(tmp_path / "text.yaml", "hello"))
    two = complaint(write(tmp_path / "two.yaml", "seed: 1\n---\nseed: 2\n"))
    assert "two.yaml, line 2: a second YAML document begins here" in two and "not YAML" not in two
    assert "holds a list" in complaint(write(tmp_path / "list.yaml", "[1, 2]"))
    assert "'family' is missing" in complaint(write(tmp_path / "bare.yaml", "seed: 1"))
    base = write(tmp_path / "extends.yaml", {"extends": "slicing-quickstrat"})
    assert "'extends': there is no preset or file 'slicing-quickstrat'; did you mean" in complaint(base)
    assert "'extends' must be" in complaint(write(tmp_path / "three.yaml", {"extends": 3}))


def test_settings_on_the_command_line(toy: Toy, tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml", toy)
    bad = {
        "users": "dotted.key=value",
        "=3": "dotted.key=value",
        "users=[1": "not YAML",
        "usrs=1": "did you mean 'users'",
        "users=x": "must be an integer, given 'x'",
    }
    for setting, says in bad.items():
        with pytest.raises(ScenarioError) as caught:
            load_with_options(path, [setting], {})
        assert says in str(caught.value)
        assert f"--set {setting}" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "culprit"),
    [
        (["carrier.prb=2", "seed=3"], "--set carrier.prb=2"),
        (["carrier.prbs=x", "seed=3"], "--set carrier.prbs=x"),
        (["users.embb.count=x", "seed=3"], "--set users.embb.count=x"),
        (["users.2.count=x", "seed=3"], "--set users.2.count=x"),
        (["users.embb.traffic.rate=1", "seed=3"], "--set users.embb.traffic.rate=1"),
        (["users.embb.traffic.model=poison", "seed=3"], "--set users.embb.traffic.model=poison"),
        (["duration_s.x=1", "seed=3"], "--set duration_s.x=1"),
        (["duration_s=1.1", "seed=3"], "--set duration_s=1.1"),
        (["warmup_s=0.1", "seed=3"], "--set warmup_s=0.1"),
        (["slicing.min_rbg=7", "seed=3"], "--set slicing.min_rbg=7"),
        (["slicing.interval_s=0.2505", "seed=3"], "--set slicing.interval_s=0.2505"),
        (["users.embb.slice=mmtcc", "seed=3"], "--set users.embb.slice=mmtcc"),
        (["users=[{name: a, slice: embb}]", "seed=3"], "--set users=[{name: a, slice: embb}]"),
        (["drops=1", "seed=-1"], "--set seed=-1"),
        (["users.embb=3", "seed=3"], "--set users.embb=3"),
        (["slicing.rbg_prbs=60", "seed=3"], "--set slicing.rbg_prbs=60"),
        (["users.mmtc.count=0", "users.urllc.count=0", "users.embb.count=0"], "--set users.embb.count=0"),
        (["seed=-1", "seed=-2"], "--set seed=-2"),
    ],
)
def test_the_setting_that_is_wrong_is_blamed_and_not_the_last_one(settings: list[str], culprit: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_with_options("slicing-quickstart", settings, {"drops": 3})
    assert str(caught.value).startswith(f"{culprit}: "), str(caught.value)


def test_only_the_keys_of_the_model_in_force_are_named() -> None:
    text = complaint("slicing-quickstart", **{"users.embb.traffic.file_bytes": 1})
    assert text.endswith("one of: model, off_s, on_s, packet_bytes, rate_bps"), text


def test_what_no_source_says_is_blamed_on_the_file(toy: Toy, tmp_path: Path) -> None:
    del toy["allocators"]
    path = write(tmp_path / "bare.yaml", toy)
    with pytest.raises(ScenarioError, match=r"bare\.yaml: 'allocators' is missing"):
        load_with_options(path, [], {"drops": 3})
    assert "given nothing" in complaint({**toy, "allocators": None})


def test_cellular_sections_are_checked() -> None:
    for change, says in (
        ({"users.0.slice": "mmtcc"}, "did you mean 'mmtc'"),
        ({"users.embb.traffic": {"model": "onoff"}}, "did you mean 'on_off'"),
        ({"users.embb.traffic": {"rate": 3}}, "did you mean 'rate_bps'"),
        ({"users.embb.sla": {"rate_bps": 9.0, "desired_rate_bps": 1.0}}, "desired"),
        ({"users.embb.count": -1}, "'users.2.count' must be greater than or equal to 0"),
        ({"users.embb.name": "urllc"}, "cannot both be called 'urllc'"),
        ({"users.mmtc.count": 0, "users.urllc.count": 0, "users.embb.count": 0}, "there are no users"),
        ({"slicing.min_rbg": 6}, "slicing.min_rbg is 6"),
        ({"slicing.interval_s": 0.2505}, "whole number of slots of 0.001 s"),
        ({"carrier.numerology": 4}, "'carrier.numerology' must be"),
        ({"carrier.prbs": 276}, "'carrier.prbs' must be less than or equal to 275, given 276"),
        ({"topology.layout": "hexagon"}, "'topology.layout' must be"),
    ):
        assert says in complaint("slicing-quickstart", **change), change


def test_traffic_of_another_model_replaces_the_settings() -> None:
    traffic = {"model": "constant_bit_rate", "rate_bps": 1e6}
    users = resolved(load("slicing-quickstart", **{"users.embb.traffic": traffic}))["users"]
    assert set(users[2]["traffic"]) == {"model", "rate_bps", "packet_bytes", "random_phase"}


def test_traces_beside_the_scenario_file(tmp_path: Path) -> None:
    traffic = {"model": "trace_replay", "files": ["traces/*.csv"]}
    data = {"extends": "slicing-quickstart", "users": {"embb": {"traffic": traffic}}}
    path = write(tmp_path / "mine.yaml", data)
    assert resolved(load(path))["users"][2]["traffic"]["files"] == ["traces/*.csv"], "left for the data folders"
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "a.csv").touch()
    assert resolved(load(path))["users"][2]["traffic"]["files"] == [str(tmp_path / "traces/*.csv")]


def test_files_that_a_variant_names_lie_beside_the_scenario_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    (here / "traces").mkdir(parents=True)
    elsewhere.mkdir()
    (here / "traces" / "a.csv").touch()
    traffic = {"model": "trace_replay", "files": ["traces/*.csv"]}
    changes = {"users": {"embb": {"traffic": traffic}}}
    named = {"dotted": {"users.embb.traffic": traffic}, "nested": changes, "other": {"users.embb.count": 2}}
    data = {"extends": "slicing-quickstart", "variants": named}
    path = write(here / "mine.yaml", data)
    monkeypatch.chdir(elsewhere)
    scenario = load(path, variants=["dotted", "nested", "other"])
    again = load(yaml12.parse(yaml12.dump(resolved(scenario)), "dump"))
    for name in ("dotted", "nested"):
        assert resolved(variants(again)[name])["users"][2]["traffic"]["files"] == [str(here / "traces/*.csv")]
    assert scenario.variants["other"] == {"users": {"embb": {"count": 2}}}


def test_the_hash_is_that_of_what_decides_the_results(toy: Toy) -> None:
    base = scenario_hash(load(toy))
    for same in ({"drops_per_batch": 3}, {"device": "cpu"}, {"description": "x"}, {"drops": 6}, {"duration_s": 5}):
        assert scenario_hash(load(toy, **same)) == base, same
    others = (
        {"seed": 1},
        {"drops": 7},
        {"dtype": "float64"},
        {"pipe.rate_bps": 2},
        {"allocators": ["toy_family:Even"]},
        {"variants": {"v": {"users": 3}}},
        {"name": "other"},
    )
    hashes = {scenario_hash(load(toy, **other)) for other in others}
    assert len(hashes | {base}) == len(others) + 1


def test_json_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema("slicing")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for preset in ("slicing-quickstart", "slicing-tractor"):
        file = Path(__file__).parents[3] / "scenarios" / "presets" / "slicing" / f"{preset}.yaml"
        assert list(validator.iter_errors(yaml12.read(file))) == []
    assert list(validator.iter_errors({"family": "slicing", "sed": 1}))
    assert validator.is_valid({"family": "slicing", "extends": "slicing-quickstart", "drops": 2})
    undescribed = [key for key, field in schema["properties"].items() if "description" not in field]
    assert undescribed in ([], ["family"]), "every field says what it is"
    assert len(json_schemas()["oneOf"]) == len(families.names())
    json.dumps(json_schemas(), allow_nan=False)
