"""Defines options that several commands have, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Until = Annotated[
    list[str] | None,
    typer.Option(
        "--until",
        metavar="GOAL",
        help="Add drops until an interval is reached: `satisfaction +-0.01`, `equal: satisfaction +-0.01`, or of a "
        "paired difference `max_weight - equal: satisfaction +-0.01`. Repeatable.",
    ),
]
MaxDrops = Annotated[
    int | None, typer.Option("--max-drops", metavar="N", help="The most drops of --until; left out, 1000.")
]
Scenario = Annotated[str, typer.Argument(help="A preset's name (see: fairwave list scenarios) or a YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one setting: `duration_s=2`, `users.embb.count=3`. Repeatable."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed of channel and traffic.")]
Drops = Annotated[int | None, typer.Option(help="Independent networks to simulate.")]
PerBatch = Annotated[
    int | None, typer.Option("--drops-per-batch", help="How many of them side by side; changes speed only.")
]
Workers = Annotated[
    int, typer.Option(metavar="N", help="Processes that batches of drops are shared out among; changes speed only.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Allocators = Annotated[
    str | None, typer.Option(help="Comma-separated allocators instead of the scenario's: names or `module:Class`.")
]
Out = Annotated[Path | None, typer.Option(help="The run folder; left out, a new one below runs/.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite a file that is there even if fairwave has not written it.")
]


def names_in(text: str | None) -> list[str] | None:
    """Splits a list at its commas; None where nothing is given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def until_in(texts: list[str] | None, max_drops: int | None, scenario: Any) -> Any:
    """Checks the options ``--until`` and ``--max-drops``; None where they are not given."""
    from ..errors import ScenarioError
    from ..running.until import MOST_DROPS, until_of

    if texts:
        return until_of(texts, MOST_DROPS if max_drops is None else max_drops, scenario)
    if max_drops is not None:
        raise ScenarioError(
            "--max-drops is the ceiling of --until, which is not given; --drops says how many there are"
        )
    return None


def load_scenario(scenario: str, settings: list[str] | None, options: dict[str, Any]) -> Any:
    """Loads a scenario with ``--set`` settings and the options that are given laid upon it."""
    from ..config.loading import load_with_options

    given = {key: value for key, value in options.items() if value is not None}
    return load_with_options(scenario, settings or [], given)


def print_json(value: Any) -> None:
    """Prints one JSON document on stdout."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))
