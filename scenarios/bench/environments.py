"""Measures environments: steps per second through Gymnasium's vector interface, beside the loop of a run.

Both make the same decisions on as many drops, turn by turn, so that a busy machine slows both. The workload
``env-FAMILY`` is the environment of a family on its usual scenario.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from .. import families
from ..errors import ScenarioError
from .case import BenchCase
from .measure import use_threads

if TYPE_CHECKING:
    from torch import Tensor

    from ..envs.gymnasium_vector import GymnasiumVectorEnv
    from ..envs.task import Task

PREFIX = "env-"
DROPS = 64
"""Environments of a batch, unless ``--drops`` says otherwise."""
_WINDOWS = 5  # of each, timed; the median counts
_WINDOW_S = 0.6  # length of each, about
_ACTIONS = 8  # different ones, taken in turn
_FIRST = 2  # steps before those whose time tells how many fit into a window, and of those
_MOST_EVER = 200  # steps of a window: fewer than any episode should have before batteries are empty


def environment_workloads() -> dict[str, str]:
    """Lists the workloads: name -> family."""
    return {f"{PREFIX}{family.name}": family.name for family in families.every() if family.environment is not None}


def measure_environment(case: BenchCase) -> dict[str, Any]:
    """Measures in this process; returns a row.

    Raises:
        ScenarioError: several workers are asked for.
    """
    if case.options.workers > 1:
        raise ScenarioError(f"{case.workload} is measured in one process: leave --workers out")
    from ..envs.gymnasium_vector import GymnasiumVectorEnv

    use_threads(case.options.threads)
    family, overrides = environment_workloads()[case.workload], {"device": case.options.device}
    env = GymnasiumVectorEnv(family, case.drops, overrides=overrides, tensors=case.options.device == "cuda")
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(_ACTIONS)]
    env.reset(seed=0)
    _play(env, actions, _FIRST)  # compiled loops are read from the disk in the first step
    once = _seconds(lambda: _play(env, actions, _FIRST)) / _FIRST
    steps = max(1, min(_MOST_EVER, env.task.intervals - 1, int((case.options.window_s or _WINDOW_S) / once)))
    loop = _Loop(env, actions, steps)
    waits, own, bare = [], [], []
    for _ in range(_WINDOWS):
        env.episodes.pool.wait()
        waits.append(_seconds(env.reset))
        env.episodes.pool.wait()
        own.append(_seconds(lambda: _play(env, actions, steps)))
        bare.append(_seconds(loop))
    drawn = _seconds(lambda: env.task.draw(tuple(range(case.drops))))
    env.close()
    through, alone = steps * case.drops / statistics.median(own), steps * case.drops / statistics.median(bare)
    return {
        "workload": case.workload,
        "scenario": env.task.scenario.name,
        "environments": case.drops,
        "threads": torch.get_num_threads(),
        "workers": 1,
        "device": torch.cuda.get_device_name() if case.options.device == "cuda" else "cpu",
        "steps_per_s": round(through, 1),
        "loop_intervals_per_s": round(alone, 1),
        "time_over_loop": round(statistics.median(one / other for one, other in zip(own, bare, strict=True)), 3),
        "reset_s": round(statistics.median(waits), 4),
        "drawing_s": round(drawn, 4),
    }


class _Loop:
    """Runs the loop with the decisions that actions make, on the drops of an environment.

    Args:
        env: that was reset.
        actions: taken in turn.
        steps: to run.
    """

    def __init__(self, env: GymnasiumVectorEnv, actions: list[Any], steps: int) -> None:
        from ..envs.spaces import read_actions

        self.problem = env.state.cohorts[0].scene.problem
        self.allocator = _Replay(env.task, [read_actions(one, env.episodes) for one in actions])
        self.steps = steps

    def __call__(self) -> None:
        """Runs a window."""
        from mac.core.loop import Span, run

        run(self.problem, self.allocator, Span(self.steps, window=self.steps))


class _Replay:
    """Decides by given actions, in turn."""

    def __init__(self, task: Task, actions: list[Tensor]) -> None:
        self.task, self.actions = task, actions

    def reset(self, context: Any, seed: int) -> None:
        """Begins with the first."""
        self.context, self.turn = context, itertools.cycle(self.actions)

    def decide(self, observation: Any) -> Any:
        """Takes the next."""
        return self.task.actions.decide(next(self.turn), observation, self.context)[0]


def _play(env: GymnasiumVectorEnv, actions: list[Any], steps: int) -> None:
    for number in range(steps):
        env.step(actions[number % len(actions)])


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
