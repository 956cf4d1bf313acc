"""Makes spaces, reads actions of users into tensors, and writes what comes out as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium.error import InvalidAction
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Space
from torch import Tensor

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
    values = given.detach() if isinstance(given, Tensor) else _tensor(given)
    width = sizes.agents * (1 if task.actions.choices else sizes.actions)
    if values.numel() != count * width or (values.dim() > 0 and count > 1 and values.shape[0] != count):
        raise InvalidAction(
            f"actions have the shape {list(values.shape)}; {count} environments with {width} numbers each need "
            f"[{count}, {width}]"
        )
    if task.actions.choices:
        return _choices(values, sizes).view(count, sizes.agents).to(task.device)
    return _numbers(values).view(count, sizes.agents, sizes.actions).to(task.device)


def _tensor(given: Any) -> Tensor:
    try:
        array = np.asarray(given)
        return torch.from_numpy(np.array(array)) if array.dtype.kind in "biuf" else torch.as_tensor(array)
    except (TypeError, ValueError):
        raise InvalidAction(f"actions must be numbers in an array or a tensor, not {type(given).__name__}") from None


def _choices(values: Tensor, sizes: Sizes) -> Tensor:
    whole = values.to(torch.int64)
    if values.is_floating_point() and not bool((whole == values).all()):
        raise InvalidAction("actions are choices here, whole numbers, and one of them has a fraction")
    least, most = whole.aminmax()
    if least.item() < 0 or most.item() >= sizes.actions:
        bad = (whole < 0) | (whole >= sizes.actions)
        raise InvalidAction(f"an action is {int(whole[bad][0])}: choose from 0 to {sizes.actions - 1}")
    return whole


def _numbers(values: Tensor) -> Tensor:
    numbers = values.to(torch.float32)
    least, most = numbers.aminmax()
    if not (least.item() >= -1.0 and most.item() <= 1.0):  # NaN is no number from -1 to 1
        bad = ~(numbers.abs() <= 1.0)
        raise InvalidAction(
            f"an action is {float(numbers[bad][0]):g}: use -1 to 1; gymnasium.wrappers.ClipAction, or its form for "
            "vectors, clips what a policy says"
        )
    return numbers


def array_of(values: Tensor) -> np.ndarray:
    """Returns a copy of a tensor as an array, so that writing into it changes no state."""
    return np.array(values.cpu().numpy())


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
