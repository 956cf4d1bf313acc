"""Defines options that several commands have, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ScenarioError

if TYPE_CHECKING:
    from ..running.executors.options import ExecutorOptions

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
    int | None,
    typer.Option(
        metavar="N",
        help="Processes that batches of drops are shared out among; left out, 1, or those of other machines.",
    ),
]
Executor = Annotated[str, typer.Option(help="What computes batches: local, ray, dask or slurm; changes speed only.")]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", metavar="ADDRESS", help="Head node of Ray, HOST:PORT; left out, the one here."),
]
DaskAddress = Annotated[
    str | None, typer.Option("--dask-address", metavar="ADDRESS", help="Head node of Dask, tcp://HOST:PORT.")
]
NumGpus = Annotated[
    float,
    typer.Option("--num-gpus", metavar="N", help="GPUs that each batch takes on other machines, such as 1 or 0.5."),
]
Slurm = Annotated[
    list[str] | None,
    typer.Option("--slurm", metavar="KEY=VALUE", help="A parameter of submitit: `slurm_partition=cpu`. Repeatable."),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Allocators = Annotated[
    str | None, typer.Option(help="Comma-separated allocators instead of the scenario's: names or `module:Class`.")
]
Out = Annotated[Path | None, typer.Option(help="The run folder, or a URL; left out, a new one below runs/.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite a file that is there even if fairwave has not written it.")
]


def executor_of(
    name: str, ray_address: str | None, dask_address: str | None, num_gpus: float, slurm: list[str] | None
) -> ExecutorOptions:
    """Makes one description of the options on executors.

    Raises:
        ScenarioError: there is no such executor, or an option is not one of its own.
    """
    from ..config.loading import setting
    from ..running.executors.opening import executor_options
    from ..running.executors.options import ExecutorOptions

    for option, value, owner in (("--ray-address", ray_address, "ray"), ("--dask-address", dask_address, "dask"),
                                 ("--slurm", slurm, "slurm")):  # fmt: skip
        if value and name != owner:
            raise ScenarioError(f"{option} is for --executor {owner}, given --executor {name}")
    parameters: dict[str, Any] = {}
    for text in slurm or []:
        parameters |= setting(text)
    return executor_options(ExecutorOptions(name, ray_address or dask_address, num_gpus, parameters))


def names_in(text: str | None) -> list[str] | None:
    """Splits a list at its commas; None where nothing is given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def until_in(texts: list[str] | None, max_drops: int | None, scenario: Any) -> Any:
    """Checks the options ``--until`` and ``--max-drops``; None where they are not given."""
    if texts:
        from ..running.options import MOST_DROPS
        from ..running.until import until_of  # here, as most runs have no use of it

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
