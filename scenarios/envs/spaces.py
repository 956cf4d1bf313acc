"""Makes spaces, reads actions of users into tensors, and writes what comes out as arrays."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from gymnasium.error import InvalidAction
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space
from torch import Tensor

from ..errors import shown
from .episodes import Episodes, Step
from .task import Sizes, Task


def observation_box(numbers: int) -> Box:
    """Makes the space of so many features, which have no limits."""
    return Box(-np.inf, np.inf, (numbers,), np.float32)


def action_space(task: Task, sizes: Sizes, agents: int) -> Space[Any]:
    """Makes the space of the actions of some agents, in one row.

    Args:
        task: tells choices from numbers.
        sizes: of the task.
        agents: how many act at once.
    """
    if not task.actions.choices:
        return Box(-1.0, 1.0, (agents * sizes.actions,), np.float32)
    return Discrete(sizes.actions) if agents == 1 else MultiDiscrete([sizes.actions] * agents)


def read_actions(given: Any, episodes: Episodes) -> Tensor:
    """Reads the actions of all environments, ``[B, agents, numbers]`` float32, or choices, int64 ``[B, agents]``.

    Args:
        given: array or tensor of the batched action space, one row an environment.
        episodes: that are to act.

    Raises:
        InvalidAction: another shape, no numbers, or out of the space.
    """
    sizes, task, count = episodes.sizes, episodes.task, episodes.count
    values = _array(given)
    width = sizes.agents * (1 if task.actions.choices else sizes.actions)
    if values.size != count * width or (values.ndim > 0 and count > 1 and values.shape[0] != count):
        raise InvalidAction(
            f"actions have the shape {list(values.shape)}; {count} environments with {width} numbers each need "
            f"[{count}, {width}]"
        )
    if task.actions.choices:
        read = torch.from_numpy(_choices(values, sizes).reshape(count, sizes.agents))
    else:
        read = torch.from_numpy(_numbers(values).reshape(count, sizes.agents, sizes.actions))
    return read if task.device.type == "cpu" else read.to(task.device)


def _array(given: Any) -> np.ndarray:
    try:
        array = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    except (TypeError, ValueError):  # rows of different lengths, for example
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise InvalidAction(f"actions must be real numbers in an array or a tensor, given {shown(given)}")
    return array


def _choices(values: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Returns a copy of choices, int64, which the caller's later writes do not reach."""
    with np.errstate(invalid="ignore") if values.dtype.kind == "f" else nullcontext():  # NaN is refused below
        whole = values.astype(np.int64)
    if values.dtype.kind == "f" and (whole != values).any():
        raise InvalidAction("actions are choices here, whole numbers, and one of them has a fraction")
    if whole.min() < 0 or whole.max() >= sizes.actions:
        bad = (whole < 0) | (whole >= sizes.actions)
        raise InvalidAction(f"an action is {int(whole[bad][0])}: choose from 0 to {sizes.actions - 1}")
    return whole


def _numbers(values: np.ndarray) -> np.ndarray:
    """Returns a copy of numbers, float32, which the caller's later writes do not reach."""
    if values.dtype == np.float32:
        numbers = values.copy()
    else:
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            numbers = values.astype(np.float32)
    if not np.maximum.reduce(np.abs(numbers), axis=None) <= 1.0:  # NaN is no number from -1 to 1
        bad = ~(np.abs(numbers) <= 1.0)
        raise InvalidAction(
            f"an action is {float(numbers[bad][0]):.8g}: use -1 to 1; gymnasium.wrappers.ClipAction, or its form for "
            "vectors, clips what a policy says"
        )
    return numbers


def array_of(values: Tensor) -> np.ndarray:
    """Returns a copy of a tensor as an array, so that writing into it changes no state."""
    return own_array(values).copy()


def own_array(values: Tensor) -> np.ndarray:
    """Returns a tensor that belongs to the caller as an array, without a copy."""
    array: np.ndarray = values.numpy() if values.device.type == "cpu" else values.numpy(force=True)
    return array


def flat_features(step: Step) -> Tensor:
    """Returns the features of all agents in one row, ``[B, agents * numbers]``."""
    return step.view.features.flatten(1)


def info_of(step: Step, episodes: Episodes) -> dict[str, Tensor]:
    """Collects what stands beside an observation, a row an environment.

    ``projected`` counts actions that were projected to what is feasible; ``action_mask``, where actions are choices,
    tells which are open; ``live``, where agents may end one by one, which can still act.
    """
    found = {"projected": step.projected}
    if step.view.mask is not None:
        found["action_mask"] = step.view.mask
    if episodes.task.environment.live is not None:
        found["live"] = step.view.live
    return found
