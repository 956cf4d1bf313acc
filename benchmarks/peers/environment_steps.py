"""Compares environments in one sitting: steps a second of fairwave, mobile-env and VMAS, and what a step models.

python -m benchmarks.peers.environment_steps [--seconds 1] [--rounds 3]

A step is another thing in each of them: the table tells how long a learner waits, not which code is faster. Random
actions, drawn beforehand; one thread; environments take turns, round after round, and the median of the rounds counts.
Peers are optional: `pip install -c constraints.txt '.[peers]'`; one that is not installed is named, and the rest runs.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.base import Session, Simulator
from benchmarks.peers.compare import ONE_THREAD, markdown, number, require_positive
from scenarios.errors import ScenarioError

_ACTIONS = 8  # different ones, taken in turn


@dataclass(frozen=True, kw_only=True)
class Environment(Simulator):
    """Describes an environment, and how so many of it are stepped together."""

    prepare: Callable[[int], Session]
    """Builds so many environments; whatever may not be installed is imported in here."""
    together: tuple[int, ...]
    """Numbers of environments that are measured."""


def fairwave(name: str, environments: int) -> Session:
    """Builds environments of fairwave behind Gymnasium's vector interface, their networks drawn in the same thread."""
    import gymnasium

    return _vector(gymnasium.make_vec(f"scenarios.envs:{name}", num_envs=environments, draw_ahead=False))


def mobile_env(environments: int) -> Session:
    """Builds environments of mobile-env: one as it is, several in Gymnasium's loop over them."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import gymnasium

    name = "mobile_env:mobile-medium-central-v0"
    if environments > 1:
        return _vector(gymnasium.make_vec(name, num_envs=environments, vectorization_mode="sync"))
    env = gymnasium.make(name, disable_env_checker=True)
    env.reset(seed=0)

    def step(action: Any) -> None:
        *_, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()

    return _session(step, _samples(env.action_space), 1)


def vmas(environments: int) -> Session:
    """Builds a batch of VMAS, whose episodes have no end unless one is asked for."""
    import torch
    import vmas

    env = vmas.make_env(scenario="navigation", num_envs=environments, device="cpu", n_agents=4, seed=0)
    draw = torch.Generator().manual_seed(0)
    sizes = [agent.action_size for agent in env.agents]
    actions = [[2 * torch.rand(environments, size, generator=draw) - 1 for size in sizes] for _ in range(_ACTIONS)]
    return _session(env.step, actions, environments)


def _vector(env: Any) -> Session:
    env.reset(seed=0)
    return _session(env.step, _samples(env.action_space), env.num_envs)


def _samples(space: Any) -> list[Any]:
    space.seed(0)
    return [space.sample() for _ in range(_ACTIONS)]


def _session(step: Callable[[Any], object], actions: Sequence[Any], environments: int) -> Session:
    turn = itertools.cycle(actions)
    return Session(advance=lambda: step(next(turn)), slots=environments, signs=dict)


ENVIRONMENTS = [
    Environment(
        name="fairwave/Slicing-v0",
        distribution="fairwave",
        models="250 slots of 1 ms: 12 UEs of three slices at a cell of 50 PRB, fading by the rays of TR 38.901 on "
        "every PRB and slot, delayed reports, effective SINR, block errors, HARQ, packets and queues",
        lacks="other cells (a scenario may have them)",
        prepare=lambda environments: fairwave("fairwave/Slicing-v0", environments),
        together=(1, 64),
    ),
    Environment(
        name="fairwave/Uav-v0",
        distribution="fairwave",
        models="1 s: four UAVs with limits of speed and acceleration, rotor energy, 60 users, air-to-ground path loss "
        "by line-of-sight probability, interference, association, equal shares",
        lacks="slots, PRBs, fading (a scenario may have it)",
        prepare=lambda environments: fairwave("fairwave/Uav-v0", environments),
        together=(1, 64),
    ),
    Environment(
        name="mobile-env, medium, central",
        distribution="mobile-env",
        models="a time step: 15 UEs walk between waypoints and connect to any of 7 stations, Okumura-Hata path loss, "
        "SNR, Shannon rate, equal shares of a station, logarithmic utility",
        lacks="interference, fading, PRBs, packets",
        prepare=mobile_env,
        together=(1, 8),
    ),
    Environment(
        name="VMAS, navigation, 4 agents",
        distribution="vmas",
        models="0.1 s in two substeps: four discs driven by forces on a plane, drag, collisions, 12 lidar rays each, "
        "distances to goals",
        lacks="radio of any kind",
        prepare=vmas,
        together=(1, 64),
    ),
]
Rates = Mapping[tuple[str, int], Sequence[float]]
"""Steps a second of every round, by name and number of environments."""


def sitting(environments: Sequence[Environment], rounds: int, seconds: float) -> Rates:
    """Builds all environments and measures them in turn; a step of 64 environments is 64 steps."""
    sessions = {(one.name, together): one.prepare(together) for one in environments for together in one.together}
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in sessions}
    for _ in range(rounds):
        for key, session in sessions.items():
            rates[key].append(session.reading(seconds).slots_per_s)
    return rates


def table(environments: Sequence[Environment], rates: Rates) -> str:
    """Formats the median rates in Markdown, with a line for each environment that is not installed."""
    lines = [["environment", "version", "together", "steps/s", "a step is", "without"]]
    for one in environments:
        for together in one.together if one.version() else ():
            rate = number(statistics.median(rates[one.name, together]))
            lines.append([one.name, str(one.version()), str(together), rate, one.models, one.lacks])
    absent = [
        f"{one.name} is left out: {one.distribution} is not installed (pip install -c constraints.txt '.[peers]')"
        for one in environments
        if one.version() is None
    ]
    return "\n".join([markdown(lines), *([""] if absent else []), *absent])


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line; raises :class:`ScenarioError` where a number is not positive."""
    parser = argparse.ArgumentParser(description="environments of fairwave, mobile-env and VMAS, in one sitting")
    parser.add_argument("--seconds", type=float, default=1.0, help="that each is timed for in a round, about")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each; the median counts")
    asked = parser.parse_args(given)
    require_positive(asked)
    return asked


def main(given: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    try:
        asked = arguments(given)
    except ScenarioError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    installed = [one for one in ENVIRONMENTS if one.version() is not None]
    print(table(ENVIRONMENTS, sitting(installed, asked.rounds, asked.seconds)))
    print(f"\nOne thread, random actions, resets as episodes end, median of {asked.rounds} rounds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
