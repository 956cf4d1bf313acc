"""The commands of ``fairwave``. Only typer is imported here; what a command needs is imported when it runs."""

from __future__ import annotations

import functools
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec

import typer

from ..errors import ScenarioError, can_be_helped, did_you_mean, message_of
from ..running.interrupts import ignore_from_now_on
from .bench import bench
from .stdio import chatter_on_stderr, kept_in, warnings_in_one_line

P = ParamSpec("P")

app = typer.Typer(
    name="fairwave",
    help="Which radio resource allocator serves people best, on the same air, the same traffic and the same users?",
    epilog="Start with: fairwave run slicing-quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Scenario = Annotated[str, typer.Argument(help="A preset's name (see: fairwave list scenarios) or a YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one setting: `duration_s=2`, `users.embb.count=3`. Repeatable."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed of air and traffic.")]
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


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """What a user can cause ends with one message: exit status 2 for bad input, 130 for Ctrl-C."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with warnings_in_one_line():
                command(*args, **kwargs)
                sys.stdout.flush()
        except BrokenPipeError:  # who reads, as head, has had enough: typer ends the command without a word
            raise
        except KeyboardInterrupt as stop:
            ignore_from_now_on()
            _stop("; ".join(["interrupted", *map(str, stop.args)]), 130)
        except Exception as error:
            if not can_be_helped(error):
                raise
            _stop(message_of(error), 2)

    return guarded


@app.command()
@_guarded
def run(
    scenario: Scenario,
    allocators: Allocators = None,
    set_: Sets = None,
    seed: Seed = None,
    drops: Drops = None,
    drops_per_batch: PerBatch = None,
    device: Device = None,
    workers: Workers = 1,
    out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, with memory and time; write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare allocators on a scenario; leave a table, plots and a folder of results."""
    options = {"seed": seed, "drops": drops, "drops_per_batch": drops_per_batch, "device": device}
    if allocators is not None:
        options["allocators"] = [name.strip() for name in allocators.split(",") if name.strip()]  # type: ignore[assignment]
    settled = _load(scenario, set_, options)
    if dry_run:
        _dry_run(settled, workers, as_json)
        return
    from ..running.entrants import contenders
    from ..running.run import Options, execute
    from .console import show_result

    command = shlex.join(["fairwave", *sys.argv[1:]])
    with chatter_on_stderr(as_json):
        options_of_run = Options(out, resume, command=command, workers=workers)
        result = execute(settled, contenders(settled), options_of_run)
    with kept_in(result.run_dir):
        _print_json(result.to_json()) if as_json else show_result(result)


@app.command(name="list")
@_guarded
def list_(
    topic: Annotated[
        str | None,
        typer.Argument(help="allocators, scenarios, calibrations, metrics or traffic; left out, an overview."),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="With allocators: one of them, its parameters, description and source.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What there is to choose from."""
    from .catalogue import TOPICS, details

    if topic is not None and topic not in TOPICS:
        raise ScenarioError(f"unknown topic '{topic}'{did_you_mean(topic, TOPICS)}")
    if name is not None:
        _show_details(topic, details(name) if topic == "allocators" else [], as_json)
        return
    chosen = {name: rows() for name, rows in TOPICS.items() if topic in (None, name)}
    if as_json:
        _print_json(chosen[topic] if topic else chosen)
        return
    from .console import show_overview, show_rows

    show_rows(topic, chosen[topic]) if topic else show_overview(chosen)


@app.command()
@_guarded
def validate(scenario: Scenario, set_: Sets = None, as_json: Json = False) -> None:
    """Check a scenario file, its variants, allocators and traces, without running it."""
    settled = _load(scenario, set_, {})
    from .. import families
    from ..config.loading import scenario_hash, variants
    from ..running import entrants

    family = families.find(settled.family)
    with chatter_on_stderr(as_json):
        entrants.check(entrants.contenders(settled), family)
        for each in variants(settled).values():
            family.check(each)
    report: dict[str, Any] = {
        "valid": True,
        "scenario": settled.name,
        "family": settled.family,
        "hash": scenario_hash(settled),
        "variants": list(settled.variants),
        "allocators": [spec.label for spec in settled.allocators],
        "notes": settled.notes(),
    }
    if as_json:
        _print_json(report)
        return
    for note in report["notes"]:
        typer.echo(f"note: {note}")
    labels = ", ".join(spec.label for spec in settled.allocators)
    typer.echo(f"{scenario} is valid: {_variants(len(settled.variants))}; allocators {labels}")


@app.command()
@_guarded
def bound(
    scenario: Annotated[str, typer.Argument(help="A preset's name, a YAML file, or a run folder.")],
    set_: Sets = None,
    seed: Seed = None,
    drops: Drops = None,
    as_json: Json = False,
) -> None:
    """Say what no allocator can beat on a scenario, and how near those of a run came."""
    from ..results.bounds import bound as bound_of
    from ..results.bounds import bound_of_run, is_run
    from ..results.result import Result
    from .console import show_bound

    if not is_run(scenario):
        found = bound_of(_load(scenario, set_, {"seed": seed, "drops": drops}))
    elif set_ or seed is not None or drops is not None:
        raise ScenarioError(f"{scenario} is a run folder and its scenario settled; leave out --set, --seed and --drops")
    else:
        found = bound_of_run(Result(scenario))
    _print_json(found.to_json()) if as_json else show_bound(found)


@app.command()
@_guarded
def report(
    run_dir: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path | None, typer.Option(help="The page; left out, report.html in the run folder.")] = None,
    round_: Annotated[
        int | None, typer.Option("--round", help="Of a sensor field: the round that its map shows, from 1.")
    ] = None,
    allocator: Annotated[
        str | None, typer.Option(help="Of a sensor field: whose map, comma-separated; left out, everybody's.")
    ] = None,
    drop: Annotated[int | None, typer.Option(help="Of a sensor field: the drop on the map.")] = None,
    variant: Annotated[str | None, typer.Option(help="Of a sensor field: the variant on the map.")] = None,
    graphml: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of a sensor field: write the tree of that round as GraphML.")
    ] = None,
    map_: Annotated[
        Path | None, typer.Option("--map", metavar="FILE", help="Of a sensor field: write the map as PNG, SVG or PDF.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a file that is there even if fairwave has not written it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page: table, plots, resolved scenario, versions.

    Of a sensor field: instead of the page, unless --out is given, the graph or the map of a round.
    """
    from ..families.wsn.rounds import chosen
    from ..report.report import write_report
    from ..results.result import Result
    from ..results.run_folder import require_ours
    from ..running.write_outputs import unfinished
    from .console import warn

    result = Result(run_dir)
    for path in (out, graphml, map_):
        if path is not None:
            require_ours(path, force)
    choice = chosen(round_, allocator, drop, variant, asked=graphml is not None or map_ is not None)
    paths = {} if choice is None else _round_files(result, choice, graphml, map_)
    if out is not None or not paths:
        paths = {"report": str(write_report(result, out, choice, force)), **paths}
    if missing := unfinished(result):
        warn(f"{run_dir} is unfinished; missing or damaged: {'; '.join(missing)}")
    if as_json:
        _print_json({"run_dir": str(run_dir), **paths})
    else:
        typer.echo("\n".join(paths.values()))


@app.command()
@_guarded
def check(
    allocator: Annotated[str, typer.Argument(metavar="NAME|MODULE:CLASS", help="The allocator to check.")],
    family: Annotated[str | None, typer.Option(help="Whose contract; left out, found by trying.")] = None,
    as_json: Json = False,
) -> None:
    """Check that an allocator keeps the contract: shapes, capacity, seeds, batches, devices."""
    from allocators.contract.check import check_allocator

    with chatter_on_stderr(as_json):
        findings = check_allocator(allocator, family)
    _print_json(_as_plain(findings)) if as_json else typer.echo(str(findings))
    if not findings.ok:
        raise typer.Exit(2)


app.command()(_guarded(bench))


@app.command()
@_guarded
def train(
    scenario: Scenario,
    out: Annotated[Path, typer.Option(help="File of the checkpoint.")],
    allocators: Annotated[str | None, typer.Option(help="The allocator to train.")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Runs of the scenario, each on fresh drops.")] = 10,
    set_: Sets = None,
    seed: Seed = None,
    drops: Drops = None,
    as_json: Json = False,
) -> None:
    """Train an allocator that learns, on drops that no run sees, and write what it learned."""
    from ..running.training import train as train_allocator
    from .console import counted

    options: dict[str, Any] = {"seed": seed, "drops": drops}
    if allocators is not None:
        options["allocators"] = [name.strip() for name in allocators.split(",") if name.strip()]
    settled = _load(scenario, set_, options)
    with chatter_on_stderr(as_json):
        done = train_allocator(settled, episodes, out, lambda count: print(f"{count} of {episodes}", file=sys.stderr))
    if as_json:
        _print_json({**done.__dict__, "checkpoint": str(done.checkpoint)})
    else:
        what = f"{counted(done.episodes, 'episode')} of {counted(done.drops, 'drop')}"
        print(f"{done.allocator}: {what}; what it learned is in {done.checkpoint}")


@app.command()
@_guarded
def calibrate(
    config: Annotated[str, typer.Argument(help="A preset's name (see: fairwave list calibrations) or a YAML file.")],
    set_: Sets = None,
    drops: Drops = None,
    seed: Seed = None,
    plot: Annotated[Path | None, typer.Option(help="Where to draw it, as PNG; left out, NAME.png here.")] = None,
    as_json: Json = False,
) -> None:
    """Coupling gain and downlink geometry of a network, against 3GPP's self-evaluation where that is known."""
    from ..calibration.calibration import calibrate as run_calibration
    from ..calibration.calibration import load_calibration, require_place, save_plot, show_calibration

    settled = load_calibration(config, set_ or [], {"drops": drops, "seed": seed})
    place = plot or Path(f"{settled.name}{'-changed' if set_ else ''}.png")
    require_place(place)
    result = replace(run_calibration(settled), changed=tuple(set_ or ()))
    if plot is not None or not as_json:
        save_plot(result, place)
    _print_json(result.to_json()) if as_json else show_calibration(result, place)


@app.command()
@_guarded
def schema(
    family: Annotated[str | None, typer.Option(help="The family; left out, all of them.")] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON schema of scenario files, for editors."""
    from ..config.loading import json_schema, json_schemas

    _print_json(json_schema(family) if family else json_schemas())


def _round_files(result: Any, choice: Any, graphml: Path | None, map_: Path | None) -> dict[str, str]:
    """Write a round of a sensor field as what was asked for."""
    from ..families.wsn.graph import save_round
    from ..families.wsn.map import kind_of, save_map

    if map_ is not None:
        kind_of(map_)  # before anything is written
    graph = {} if graphml is None else {"graphml": str(save_round(result, choice, graphml))}
    return graph if map_ is None else {**graph, "map": str(save_map(result, choice, map_))}


def _show_details(topic: str | None, found: list[dict[str, Any]], as_json: bool) -> None:
    """Print what there is to say of one name, in each family that has it."""
    from .console import show_details

    if not found:
        raise ScenarioError(f"a name follows only the topic 'allocators', given '{topic}'")
    if as_json:
        _print_json(found)
        return
    for each in found:
        show_details(each)


def _variants(number: int) -> str:
    from .console import counted

    return counted(number, "variant") if number else "no variants"


def _load(scenario: str, settings: list[str] | None, options: dict[str, Any]) -> Any:
    from ..config.loading import load_with_options

    given = {key: value for key, value in options.items() if value is not None}
    return load_with_options(scenario, settings or [], given)


def _dry_run(settled: Any, workers: int, as_json: bool) -> None:
    from .. import families
    from ..running import entrants
    from ..running.plan import make_plan
    from .console import show_plan

    with chatter_on_stderr(as_json):
        entrants.check(entrants.contenders(settled), families.find(settled.family))
        plan = make_plan(settled, workers)
        for part in plan.parts:
            plan.family.check(part.scenario)
    _print_json(plan.to_json()) if as_json else show_plan(plan)


def _stop(message: str, status: int) -> NoReturn:
    from .console import complain

    complain(message)
    raise typer.Exit(status)


def _as_plain(value: Any) -> Any:
    import dataclasses

    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))
