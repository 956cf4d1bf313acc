"""Generates the pages that repeat what the code says: command line, scenario schema, API. Called by MkDocs.

Nothing is written to disk: the pages exist only in the site, so they are as new as the code that they are made of.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ROOMS = ("phy", "mac", "allocators", "scenarios")
_ROLE = re.compile(r":(?:func|class|mod|meth|data|attr|exc):<code>([^<]*)</code>")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts a page for each sub-package of the four rooms into the navigation, below Reference / API."""
    pages = [{room: [{name: f"reference/api/{name}.md"} for name in packages(room)]} for room in ROOMS]
    for section in config.nav or []:
        for entry in section.get("Reference", []) if isinstance(section, dict) else []:
            if "API" in entry:
                entry["API"] = [*entry["API"], *pages]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages to the site."""
    from mkdocs.structure.files import File

    made = {"reference/command-line.md": command_line(), "reference/scenario-schema.md": scenario_schema()}
    made |= {f"reference/api/{name}.md": api_page(name) for room in ROOMS for name in packages(room)}
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Shows the cross-references of docstrings (``:func:`name```) as plain code."""
    return _ROLE.sub(lambda match: f"<code>{match[1].removeprefix('~')}</code>", html)


def packages(room: str) -> list[str]:
    """Dotted names of a room and of every package in it that holds modules."""
    folders = sorted(path.parent for path in (ROOT / room).rglob("__init__.py"))
    return [".".join(folder.relative_to(ROOT).parts) for folder in folders if folder.name != "presets"]


def api_page(name: str) -> str:
    """A page of one package: its own docstring, then each public module in it."""
    folder = ROOT.joinpath(*name.split("."))
    modules = [f"{name}.{path.stem}" for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")]
    own = f"# {name}\n\n::: {name}\n    options:\n      show_root_heading: false\n"
    return "\n".join((own, *(f"::: {each}\n" for each in modules)))


def command_line() -> str:
    """The page of all commands with what ``--help`` prints."""
    from scenarios.cli.main import app

    os.environ["TERMINAL_WIDTH"] = "84"
    parts = ["# Command line", "What `fairwave COMMAND --help` prints, of the version that made this page."]
    for words in command_names(app):
        title = " ".join(("fairwave", *words))
        parts += [f"## {title}", f"```text\n{_help(app, words)}\n```"]
    return "\n\n".join(parts) + "\n"


def command_names(app: Any) -> Iterator[tuple[str, ...]]:
    """Words of every command of a typer application, those of its groups included, the application itself first."""
    yield ()
    for info in app.registered_commands:
        yield (info.name or info.callback.__name__.replace("_", "-"),)
    for group in app.registered_groups:
        for words in command_names(group.typer_instance):
            yield (group.name or group.typer_instance.info.name, *words)


def _help(app: Any, words: tuple[str, ...]) -> str:
    from typer.testing import CliRunner

    printed = CliRunner().invoke(app, [*words, "--help"], prog_name="fairwave", env={"NO_COLOR": "1", "COLUMNS": "84"})
    if printed.exit_code:
        raise RuntimeError(f"fairwave {' '.join(words)} --help ends with status {printed.exit_code}: {printed.output}")
    return "\n".join(line.rstrip() for line in printed.output.strip("\n").splitlines())


def scenario_schema() -> str:
    """The page of all keys of scenario files: a part a family, a table a section."""
    from scenarios.config.loading import json_schema
    from scenarios.families import names

    schemas = {family: json_schema(family) for family in sorted(names())}
    parts = [
        "# Scenario schema",
        "Every key of a scenario file with its type, its default and its meaning, family by family. "
        "`fairwave schema --family NAME` prints the same as a JSON schema, for editors.",
    ]
    shown: dict[str, Any] = {}
    for family, schema in schemas.items():
        parts += [f"## Family {family}", _table(schema)]
        shown |= schema.get("$defs", {})
    parts.append("## Sections")
    for name, section in sorted(shown.items()):
        if "properties" in section:
            parts += [f"### {name}", section.get("description", ""), _table(section)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(section: dict[str, Any]) -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, value in section.get("properties", {}).items():
        default = _default(value, key in section.get("required", ()))
        meaning = value.get("description", "").replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{key}` | {_type(value)} | {default} | {meaning} |")
    return "\n".join(rows)


def _default(value: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    if value.get("default") is None:
        return ""
    text = json.dumps(value["default"])
    return f"`{text}`" if len(text) < 60 else "see the section"


def _type(value: dict[str, Any]) -> str:
    """A short type: a section by its link, choices by their values, numbers with their range."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return name if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    for union in ("anyOf", "oneOf"):
        if union in value:
            return " or ".join(dict.fromkeys(_type(each) for each in value[union] if each.get("type") != "null"))
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    if value.get("type") == "object":
        return "mapping"
    return value.get("type", "any") + _range(value)


def _range(value: dict[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value]
    return f" ({', '.join(bounds)})" if bounds else ""
