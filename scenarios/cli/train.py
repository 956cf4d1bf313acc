"""Defines the command ``train``: of a network, by a method of a family, or of an allocator that learns by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ScenarioError
from .options import Allocators, Drops, Force, Json, Scenario, Seed, Sets, load_scenario, names_in, print_json
from .stdio import stdout_to_stderr

Algorithm = Annotated[str | None, typer.Option(help="ppo, dqn or sac: train a network, to be used as `torch:FILE`.")]
Steps = Annotated[int | None, typer.Option(min=1, help="With --algorithm: decisions of all environments [100000].")]
Envs = Annotated[int | None, typer.Option(min=1, help="With --algorithm: environments side by side [16].")]
Features = Annotated[str | None, typer.Option(help="With --algorithm: comma-separated names; see: list features.")]
Actions = Annotated[str | None, typer.Option(help="With --algorithm: a name; see: list actions.")]
Reward = Annotated[str | None, typer.Option(help="With --algorithm: a name; see: list rewards.")]
Logs = Annotated[Path | None, typer.Option(help="With --algorithm: folder of logs for TensorBoard.")]
Resume = Annotated[bool, typer.Option("--resume", help="With --algorithm: go on from the last checkpoint.")]
Episodes = Annotated[
    int | None, typer.Option(min=1, help="Without --algorithm: runs of the scenario, each on fresh drops [10].")
]
Method = Annotated[str | None, typer.Option(help="A way of training of the scenario's family, such as dqn or tabular.")]
Rounds = Annotated[int | None, typer.Option(min=1, help="With --method: rounds of collecting and training.")]
Updates = Annotated[int | None, typer.Option(min=1, help="With --method: updates, or passes of a table, in a round.")]


def train(
    scenario: Scenario,
    out: Annotated[Path, typer.Option(help="File of what is learned.")],
    algorithm: Algorithm = None,
    method: Method = None,
    allocators: Allocators = None,
    episodes: Episodes = None,
    rounds: Rounds = None,
    updates: Updates = None,
    steps: Steps = None,
    envs: Envs = None,
    features: Features = None,
    actions: Actions = None,
    reward: Reward = None,
    logs: Logs = None,
    set_: Sets = None,
    seed: Seed = None,
    drops: Drops = None,
    resume: Resume = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Train on drops that no run sees, and write what is learned.

    With --algorithm: a network, then compared with the scenario's allocators, or those of --allocators, on the drops
    of a run. With --method: a policy, by a way of training that the scenario's family has. Without either: the one
    allocator that --allocators names, if it learns by itself.
    """
    settled = load_scenario(scenario, set_, {"seed": seed, "drops": drops, "allocators": names_in(allocators)})
    of_networks = {"--steps": steps, "--envs": envs, "--features": features, "--actions": actions, "--reward": reward,
                   "--logs": logs, "--resume": resume or None}  # fmt: skip
    of_methods = {"--rounds": rounds, "--updates": updates}
    if method is not None:
        _require_alone({"--algorithm": algorithm, "--episodes": episodes, "--allocators": allocators, **of_networks})
        _train_by_method(settled, (method, rounds, updates), out, force, as_json)
        return
    if given := [name for name, value in of_methods.items() if value is not None]:
        raise ScenarioError(f"{given[0]} goes with --method, a way of training of the scenario's family")
    _require_one_kind(algorithm, {"--episodes": episodes}, of_networks)
    if algorithm is None:
        _train_allocator(settled, episodes or 10, out, force, as_json)
        return
    options = {"steps": steps or 100_000, "envs": envs or 16, "features": names_in(features), "actions": actions,
               "reward": reward, "logs": logs}  # fmt: skip
    _train_network(settled, {"algorithm": algorithm, **options}, out, (resume, force), as_json)


def _require_one_kind(algorithm: str | None, of_allocators: dict[str, Any], of_networks: dict[str, Any]) -> None:
    wrong = of_networks if algorithm is None else of_allocators
    if given := [name for name, value in wrong.items() if value is not None]:
        kind = "goes with" if algorithm is None else "does not go with"
        raise ScenarioError(f"{given[0]} {kind} --algorithm (ppo, dqn or sac), which trains a network")


def _require_alone(others: dict[str, Any]) -> None:
    if given := [name for name, value in others.items() if value is not None]:
        raise ScenarioError(f"{given[0]} does not go with --method; give one of the two")


def _train_by_method(
    settled: Any, how: tuple[str, int | None, int | None], out: Path, force: bool, as_json: bool
) -> None:
    from .. import families
    from .console import counted

    method, rounds, updates = how
    known = families.find(settled.family).trainers
    if method not in known:
        names = f"one of: {', '.join(known)}" if known else "it has none"
        raise ScenarioError(f"--method {method} is no way of training of the family '{settled.family}'; {names}")
    with stdout_to_stderr(as_json):
        done = known[method](settled, rounds, updates, out, lambda text: print(text, file=sys.stderr), force)
    if as_json:
        print_json({**done.__dict__, "checkpoint": str(done.checkpoint)})
    else:
        print(f"{done.allocator}: {counted(done.episodes, 'round')}; use it by its parameter policy: {done.checkpoint}")


def _train_allocator(settled: Any, episodes: int, out: Path, force: bool, as_json: bool) -> None:
    from ..running.training import train as train_allocator
    from .console import counted

    with stdout_to_stderr(as_json):
        done = train_allocator(settled, episodes, out, _tell(episodes), force)
    if as_json:
        print_json({**done.__dict__, "checkpoint": str(done.checkpoint)})
    else:
        what = f"{counted(done.episodes, 'episode')} of {counted(done.drops, 'drop')}"
        print(f"{done.allocator}: {what}; what it learned is in {done.checkpoint}")


def _tell(episodes: int) -> Callable[[int], None]:
    return lambda count: print(f"{count} of {episodes}", file=sys.stderr)


def _train_network(
    settled: Any, options: dict[str, Any], out: Path, resume_force: tuple[bool, bool], as_json: bool
) -> None:
    try:
        from ..policies.learning import Training, train_policy
    except ModuleNotFoundError as error:
        raise ScenarioError(f"--algorithm needs the module '{error.name}': pip install 'fairwave[rl]'") from None
    from .comparison import show_result

    with stdout_to_stderr(as_json):
        done = train_policy(settled, Training(**options), out, lambda text: print(text, file=sys.stderr), *resume_force)
        print(f"{done.algorithm}: {done.steps} steps, {done.seconds:.0f} s; use it as torch:{done.policy}", flush=True)
        result = _compared(settled, done.algorithm, out)
    if as_json:
        print_json({**done.__dict__, "policy": str(out), "comparison": result.to_json()})
    else:
        show_result(result, done.algorithm)


def _compared(settled: Any, label: str, policy: Path) -> Any:
    """Run the policy beside the scenario's allocators."""
    from ..families.schema import AllocatorSpec
    from ..running.entrants import entrants_of
    from ..running.options import RunOptions
    from ..running.run import execute

    mine = AllocatorSpec(name=f"torch:{policy}", label=label)
    rivals = [spec for spec in settled.allocators if spec.label != label]
    whole = settled.model_copy(update={"allocators": (*rivals, mine)})
    return execute(whole, entrants_of(whole), RunOptions())
