"""Loads scenarios: from a preset's name, a file or a mapping to a validated scenario and its variants."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .. import families
from ..errors import ScenarioError, did_you_mean, is_unicode, shown
from ..families.schema import ScenarioBase, folder_name
from . import yaml12
from .described_schema import described_schema
from .merging import expand, merge
from .validation_messages import Layer, explain, origin_of_message, tag_at
from .variant_paths import with_absolute_paths

PRESETS = Path(__file__).parents[1] / "presets"
CALIBRATIONS = Path(__file__).parents[1] / "calibration" / "presets"
UNHASHED = ("description", "device", "drops_per_batch", "headline")
"""Settings that change where and how fast a run goes, or what it is called, but none of its results."""

KINDS = {str: "only text", list: "a list", bool: "a truth value", int: "a number", float: "a number"}
RUN_WIDE = ("extends", "family", "name", "variants", "allocators", "drops", "device", "headline", "description")
"""Settings that hold for a whole run, so that no variant can have its own."""

Source = str | Path | Mapping[str, Any] | ScenarioBase


def load(source: Source, /, **overrides: Any) -> ScenarioBase:
    """Loads a scenario with everything that it extends, and checks it.

    Args:
        source: name of a preset, path of a YAML file, a mapping, or a scenario to be varied.
        overrides: settings that replace the source's: ``load("mine.yaml", drops=2, **{"users.0.count": 3})``.

    Raises:
        ScenarioError: what is wrong, where, and what is allowed; all problems of a source at once.
    """
    layers = [*layers_of(source), *([Layer("overrides", overrides, Path.cwd())] if overrides else [])]
    return from_layers(layers)


def load_with_options(source: Source, settings: Sequence[str], options: Mapping[str, Any]) -> ScenarioBase:
    """Loads a scenario with ``--set key=value`` settings and named options laid upon it, in this order."""
    layers = layers_of(source)
    layers += [Layer(f"--set {text}", setting(text), Path.cwd()) for text in settings]
    layers += [Layer(f"--{key.replace('_', '-')}", {key: value}) for key, value in options.items()]
    return from_layers(layers)


def followed(source: Source, settings: Sequence[str] = ()) -> dict[str, Any]:
    """Lists the settings that a source and ``--set`` settings leave out, and that follow from others: key -> value."""
    layers = [*layers_of(source), *(Layer(f"--set {text}", setting(text), Path.cwd()) for text in settings)]
    family = _family(layers)
    return _left_out(_merged(layers, family), family)


def from_layers(layers: Sequence[Layer]) -> ScenarioBase:
    """Merges layers, finds the family, validates the scenario and each of its variants."""
    family = _family(layers)
    scenario = _validated(_following(_merged(layers, family), family), layers, family)
    if not scenario.variants:
        return scenario
    found = {
        name: with_absolute_paths(change, resolved(variant(scenario, name, _holder(name, layers))))
        for name, change in scenario.variants.items()
    }
    return scenario.model_copy(update={"variants": found})


def variant(scenario: ScenarioBase, name: str | None, holder: Layer | None = None) -> ScenarioBase:
    """Returns the scenario as its variant ``name`` has it; the scenario itself where ``name`` is None.

    Args:
        scenario: that has the variant.
        name: of the variant.
        holder: where the variant is written, for messages and relative file names.

    Raises:
        ScenarioError: there is no such variant, or its overrides do not fit.
    """
    if name is None:
        return scenario
    if name not in scenario.variants:
        raise ScenarioError(f"{scenario.name}: unknown variant {shown(name)}{did_you_mean(name, scenario.variants)}")
    base = Layer(scenario.name, {**resolved(scenario), "variants": {}})
    holder = holder or base
    over = Layer(f"{holder.origin}, variant '{name}'", scenario.variants[name], holder.folder)
    for key in RUN_WIDE:
        if any(str(dotted).partition(".")[0] == key for dotted in over.data):
            raise ScenarioError(f"{over.origin}: a variant cannot change '{key}', which holds for the whole run")
    family = families.find(scenario.family)
    return _validated(_merged([base, over], family), [base, over], family)


def _holder(name: str, layers: Sequence[Layer]) -> Layer:
    """Finds the uppermost layer that says what a variant changes, or which variants there are."""
    named = [(layer, layer.data["variants"]) for layer in layers
             if isinstance(layer.data, Mapping) and "variants" in layer.data]  # fmt: skip
    writing = [layer for layer, held in named if isinstance(held, Mapping) and name in held]
    return (writing or [layer for layer, _ in named])[-1]


def variants(scenario: ScenarioBase) -> dict[str | None, ScenarioBase]:
    """Returns all variants by name, in the order of the file; the scenario itself under None where it has none."""
    names: list[str | None] = list(scenario.variants) or [None]
    return {name: variant(scenario, name) for name in names}


def resolved(scenario: ScenarioBase) -> dict[str, Any]:
    """Returns everything that the scenario says, defaults included, as plain values for YAML or JSON."""
    return scenario.model_dump(mode="json")


def scenario_hash(scenario: ScenarioBase) -> str:
    """Computes sixteen hex digits that name the results: equal for scenarios that give the same ones."""
    return _hash({key: value for key, value in resolved(scenario).items() if key not in UNHASHED})


def drop_hash(scenario: ScenarioBase) -> str:
    """Computes sixteen hex digits that name the results of a drop: equal for scenarios that differ in ``drops`` alone.

    Drop 17 is the same drop however many there are, so a run can go on to more of them.
    """
    return _hash({key: value for key, value in resolved(scenario).items() if key not in (*UNHASHED, "drops")})


def _hash(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def presets() -> dict[str, str]:
    """Lists the presets and what they describe, in alphabetical order."""
    return {name: str(yaml12.read(path).get("description", "")) for name, path in preset_files(PRESETS).items()}


def preset_files(folder: Path) -> dict[str, Path]:
    """Finds the presets of a folder and of the folders in it: name -> file, in alphabetical order."""
    return {path.stem: path for path in sorted(folder.rglob("*.yaml"), key=lambda path: path.stem)}


def json_schema(family: str) -> dict[str, Any]:
    """Makes the JSON schema of the scenario files of a family, for editors.

    Raises:
        ScenarioError: there is no such family.
    """
    schema = copy.deepcopy(described_schema(families.find(family).schema))
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    extends = {"type": "string", "description": "A preset's name or a file, relative to this one, whose settings hold."}
    schema["properties"] = {"extends": extends, **schema["properties"]}
    schema["properties"]["family"]["const"] = family
    named = schema["properties"]["variants"]
    chosen = {"type": "array", "items": {"type": "string"}}
    schema["properties"]["variants"] = {"anyOf": [named, chosen], "description": named["description"]}
    # What a file extends may already say everything, and its own name is that of the scenario.
    schema.pop("required", None)
    return schema


def json_schemas() -> dict[str, Any]:
    """Makes the JSON schema of any scenario file: its ``family`` chooses among the schemas of families."""
    branches = [{**json_schema(name), "$id": f"urn:fairwave:{name}"} for name in sorted(families.names())]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "fairwave scenario", "oneOf": branches}


def _family(layers: Sequence[Layer]) -> families.Family:
    named = [layer for layer in layers if isinstance(layer.data, Mapping) and "family" in layer.data]
    if not named:
        raise ScenarioError(f"{layers[0].origin}: 'family' is missing; one of: {', '.join(sorted(families.names()))}")
    try:
        return families.find(named[-1].data["family"])
    except ScenarioError as error:
        raise ScenarioError(f"{named[-1].origin}: {error}") from None


def _merged(layers: Sequence[Layer], family: families.Family) -> dict[str, Any]:
    schema = _schema(family.schema)
    data: dict[str, Any] = {}
    for layer in layers:
        try:
            over = merge({}, layer.data)
            _require_plain(over)
            named = _chosen_variants(data.pop("variants", {}), over.pop("variants", None))
            data = merge(data, over, lambda path: tag_at(schema, path))
        except ScenarioError as error:
            raise ScenarioError(f"{layer.origin}: {error}") from None
        except RecursionError:
            raise ScenarioError(f"{layer.origin}: this is nested too deeply, or holds itself") from None
        data = {**data, "variants": named} if named else data
    return data


def _left_out(data: Mapping[str, Any], family: families.Family) -> dict[str, Any]:
    """Returns what follows from other settings of ``data`` that it does not give: dotted key -> value."""
    follow = family.schema.follow(data).items()
    given = {section: data.get(section, {}) for section, _ in follow}
    return {
        f"{section}.{key}": value
        for section, values in follow
        for key, value in values.items()
        if isinstance(given[section], Mapping) and key not in given[section]
    }


def _following(data: dict[str, Any], family: families.Family) -> dict[str, Any]:
    """Returns the settings with what follows from them, in each variant, too, where it differs."""
    schema, common = _schema(family.schema), _left_out(data, family)
    named = data.get("variants")
    if isinstance(named, Mapping):
        every = {}
        for name, change in named.items():
            every[name] = change
            if isinstance(change, Mapping) and change:
                own = _left_out(merge({**data, "variants": {}}, change, lambda path: tag_at(schema, path)), family)
                others = {key: value for key, value in own.items() if value != common.get(key)}
                every[name] = {**change, **others}
        data = {**data, "variants": every}
    filled: dict[str, Any] = merge(expand(common), data)
    return filled


def _chosen_variants(base: dict[str, Any], over: Any) -> Any:
    """Replaces the variants of lower layers by a layer's own; a list of names chooses among them."""
    if over is None:
        return base
    if not isinstance(over, list):
        return over
    for name in over:
        if name not in base:
            raise ScenarioError(f"unknown variant {shown(name)}{did_you_mean(str(name), base)}")
    return {name: base[name] for name in over}


def _validated(data: Mapping[str, Any], layers: Sequence[Layer], family: families.Family) -> ScenarioBase:
    try:
        # Strict on JSON: no text for a number, no boolean for a number, but a list for a tuple.
        text = json.dumps(data, default=_plain)
        folders = [layer.folder for layer in reversed(layers) if layer.folder is not None]
        scenario = family.schema.model_validate_json(text, strict=True, context={"folders": folders})
        family.clock(scenario)
    except ValidationError as error:
        raise explain(error, data, layers, described_schema(family.schema), family.renamed) from None
    except ScenarioError as error:
        raise ScenarioError(f"{origin_of_message(str(error), data, layers)}: {error}") from None
    return scenario


@functools.cache
def _schema(scenario_type: type[ScenarioBase]) -> dict[str, Any]:
    return scenario_type.model_json_schema()


def _require_plain(value: Any, path: tuple[str, ...] = ()) -> None:
    """Refuses what no YAML file can hold; the key is named.

    Raises:
        ScenarioError: a value of another type than YAML's, NumPy's and paths, a number of more than 400 digits, text
            that is not Unicode.
    """
    where = f"'{'.'.join(path)}'" if path else "the scenario"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not is_unicode(str(key)):
                raise ScenarioError(f"the key {shown(str(key))} is not text in UTF-8")
            _require_plain(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            _require_plain(inner, (*path, str(i)))
    elif isinstance(value, str):
        if not is_unicode(value):
            raise ScenarioError(f"{where} is {shown(value)}, which is not text in UTF-8")
    elif isinstance(value, int) and abs(value) >= 10**400:
        raise ScenarioError(f"{where} is a number of more than 400 digits")
    elif not (value is None or isinstance(value, int | float | Path | ScenarioBase) or hasattr(value, "tolist")):
        raise ScenarioError(f"{where} is {shown(value)}; the type {type(value).__name__} cannot stand in a scenario")


def _plain(value: Any) -> Any:
    """Converts NumPy's numbers and paths to what JSON has."""
    if isinstance(value, Path):
        return str(value)
    return resolved(value) if isinstance(value, ScenarioBase) else value.tolist()


def layers_of(source: Source) -> list[Layer]:
    """Reads what a source says and everything that it extends, lowest first.

    Raises:
        ScenarioError: there is no such preset or file, or it cannot be read.
    """
    if isinstance(source, ScenarioBase):
        return [Layer(source.name, resolved(source))]
    if isinstance(source, Mapping):
        return _extended(dict(source), "scenario", Path.cwd(), (), PRESETS)
    return layers_of_file(str(source), PRESETS)


def layers_of_file(name: str, presets: Path) -> list[Layer]:
    """Reads what a preset or file says and everything that it extends, lowest first.

    Args:
        name: of a preset, or path of a YAML file.
        presets: folder of the presets.

    Raises:
        ScenarioError: there is no such file, or it cannot be read.
    """
    return _file_layers(_path(name, Path.cwd(), "", presets), (), presets)


def _file_layers(path: Path, chain: tuple[Path, ...], presets: Path) -> list[Layer]:
    if path in chain:
        names = " -> ".join(
            p.stem if p.is_relative_to(presets) else str(p) for p in (*chain[chain.index(path) :], path)
        )
        raise ScenarioError(f"{chain[0]}: 'extends' goes in a circle: {names}")
    data = yaml12.read(path)
    if not isinstance(data, dict):
        given = "nothing" if data is None else KINDS.get(type(data), "something else")
        raise ScenarioError(f"{path}: a scenario file holds a mapping of settings, this one holds {given}")
    if "name" not in data:
        data["name"] = _name_of(path, said=not chain)
    return _extended(data, str(path), path.parent, (*chain, path), presets)


def _name_of(path: Path, said: bool) -> str:
    """Names a scenario whose file gives no name: after the file, as far as a folder may have that name."""
    name = folder_name(path.stem, "scenario")
    if name != path.stem and said:
        warnings.warn(f"{path}: no folder can be called {shown(path.stem)}, so the scenario's name is '{name}'; set "
                      "'name' to choose another", stacklevel=2)  # fmt: skip
    return name


def _extended(data: dict[str, Any], origin: str, folder: Path, chain: tuple[Path, ...], presets: Path) -> list[Layer]:
    own = {key: value for key, value in data.items() if key != "extends"}
    if "extends" not in data:
        return [Layer(origin, own, folder)]
    base = data["extends"]
    if not isinstance(base, str):
        raise ScenarioError(f"{origin}: 'extends' must be a preset's name or a file, given {shown(base)}")
    below = _file_layers(_path(base, folder, f"{origin}: 'extends': ", presets), chain, presets)
    return [*below, Layer(origin, own, folder)]


def _path(name: str, folder: Path, where: str, presets: Path) -> Path:
    """Finds the file that a name or path means: what looks like a path is one, anything else is a preset."""
    known = preset_files(presets)
    looks_like_a_path = name.endswith((".yaml", ".yml")) or "/" in name
    try:
        if not looks_like_a_path and name in known:
            return known[name]
        path = (folder / name).resolve()
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        problem = error.strerror if isinstance(error, OSError) else "its symbolic links go in a circle"
        raise ScenarioError(f"{where}{shown(name, 300)} cannot be read: {problem}") from None
    if is_file:
        return path
    if is_folder:
        raise ScenarioError(f"{where}{name} is a folder, not a scenario file")
    if path.exists():
        raise ScenarioError(f"{where}{name} is a pipe or a device, not a scenario file")
    if looks_like_a_path:
        raise ScenarioError(f"{where}there is no scenario file {name}")
    raise ScenarioError(f"{where}there is no preset or file '{name}'{did_you_mean(name, known)}")


def setting(text: str, option: str = "--set") -> dict[str, Any]:
    """Parses ``--set key=value``, or another option that is written so."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(f"{option} {text}: write it as dotted.key=value, for example {option} duration_s=2")
    return {key.strip(): yaml12.parse(value, f"{option} {text}")}
