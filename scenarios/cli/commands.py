"""Defines the commands of ``fairwave``. Only typer is imported here; what a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import ScenarioError, did_you_mean
from .bench import bench
from .calibrate import calibrate
from .campaign import figure, sweep, table
from .export import experience, export
from .family_commands import FamilyCommands
from .guard import guarded
from .inspect import inspect
from .options import Json, print_json
from .provenance import cite, diff
from .read import bound, report
from .simulate import run, validate
from .stdio import stdout_to_stderr
from .train import train

app = typer.Typer(
    name="fairwave",
    cls=FamilyCommands,
    help="Which radio resource allocator serves users best, on the same channel, the same traffic and the same users?",
    epilog="Start with: fairwave list scenarios, then fairwave run NAME",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(guarded(run))
app.command()(guarded(sweep))
app.command()(guarded(figure))
app.command()(guarded(table))
app.command()(guarded(export))
app.command()(guarded(inspect))
app.command()(guarded(cite))
app.command()(guarded(diff))
app.command()(guarded(experience))


@app.command(name="list")
@guarded
def list_(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="allocators, scenarios, calibrations, metrics, traffic, commands (of families), or, of environments, "
            "features, actions or rewards; left out, an overview."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Argument(help="With allocators: one of them, its parameters, description and source.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what there is to choose from."""
    from .catalogue import TOPICS, details
    from .environment_catalogue import TOPICS as OF_ENVIRONMENTS

    if topic in OF_ENVIRONMENTS and name is None:
        _show_rows(topic, OF_ENVIRONMENTS[topic](), as_json)
        return
    if topic is not None and topic not in {**TOPICS, **OF_ENVIRONMENTS}:
        raise ScenarioError(f"unknown topic '{topic}'{did_you_mean(topic, {**TOPICS, **OF_ENVIRONMENTS})}")
    if name is not None:
        _show_details(topic, details(name) if topic == "allocators" else [], as_json)
        return
    chosen = {name: rows() for name, rows in TOPICS.items() if topic in (None, name)}
    if topic is not None:
        _show_rows(topic, chosen[topic], as_json)
    elif as_json:
        print_json(chosen)
    else:
        from .console import show_overview

        show_overview(chosen)


app.command()(guarded(validate))
app.command()(guarded(bound))
# Options of former versions are refused by a sentence, so they must arrive.
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(guarded(report))


@app.command()
@guarded
def check(
    allocator: Annotated[
        str, typer.Argument(metavar="NAME|MODULE:CLASS", help="The allocator to check, or a policy as `torch:FILE`.")
    ],
    family: Annotated[str | None, typer.Option(help="The family of the contract; left out, found by trying.")] = None,
    scenario: Annotated[
        str | None, typer.Option(help="Of a policy: the scenario to check it on; left out, that of its training.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that an allocator keeps the contract: shapes, capacity, seeds, batches, devices."""
    from allocators.contract.check import check_allocator
    from allocators.registry import file_of

    from .. import families
    from ..policies.contract import check_policy

    with stdout_to_stderr(as_json):
        families.every()
        if file_of(allocator) is not None:
            findings = check_policy(allocator, family, scenario)
        elif scenario is not None:
            raise ScenarioError("--scenario goes with a policy, such as torch:policy.pt")
        else:
            findings = check_allocator(allocator, family)
    print_json(_as_plain(findings)) if as_json else typer.echo(str(findings))
    if not findings.ok:
        raise typer.Exit(2)


app.command()(guarded(bench))
app.command()(guarded(train))
app.command()(guarded(calibrate))


@app.command()
@guarded
def schema(
    family: Annotated[str | None, typer.Option(help="The family; left out, all of them.")] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON schema of scenario files, for editors."""
    from ..config.loading import json_schema, json_schemas

    print_json(json_schema(family) if family else json_schemas())


def _show_rows(topic: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """Prints what there is of a topic."""
    if as_json:
        print_json(rows)
        return
    from .console import show_rows

    show_rows(topic, rows)


def _show_details(topic: str | None, found: list[dict[str, Any]], as_json: bool) -> None:
    """Print what there is to say of one name, in each family that has it."""
    from .console import show_details

    if not found:
        raise ScenarioError(f"a name follows only the topic 'allocators', given '{topic}'")
    if as_json:
        print_json(found)
        return
    for each in found:
        show_details(each)


def _as_plain(value: Any) -> Any:
    import dataclasses

    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
