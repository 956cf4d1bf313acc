"""Adapts a batch of environments to Stable-Baselines3's ``VecEnv``: a central controller for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from .episodes import Episodes, Step, require_count
from .spaces import action_space, array_of, flat_features, info_of, observation_box, own_array, read_actions
from .task import Options, Task

Which = None | int | Iterable[int]


class Sb3VecEnv(VecEnv):
    """Runs environments side by side; one that ends begins anew in the same step.

    What an episode ended with is in its ``infos``: ``terminal_observation``, and ``TimeLimit.truncated`` where its
    time was over.

    Args:
        family: of the scenario.
        num_envs: environments.
        options: fields of :class:`.task.Options`.

    Raises:
        ScenarioError: an option that is not known or does not fit.
    """

    def __init__(self, family: str, num_envs: int = 1, **options: Any) -> None:
        require_count(num_envs)
        asked = Options.of(options)
        self.task = Task.of(family, asked)
        self.episodes = Episodes(self.task, num_envs, asked.draw_ahead)
        self._waiting: Tensor | None = None
        self._attributes: dict[str, list[Any]] = {"render_mode": [None] * num_envs}
        sizes = self.episodes.sizes
        space = action_space(self.task, sizes, sizes.agents)
        super().__init__(num_envs, observation_box(sizes.agents * sizes.numbers), space)

    def reset(self) -> np.ndarray:
        """Begins an episode in every environment, with the seeds that ``seed()`` set."""
        self.episodes.begin(range(self.num_envs), self._seeds)
        self._reset_seeds()
        self._reset_options()
        step = self.episodes.last()
        self.reset_infos = self._infos(step)
        return own_array(flat_features(step))

    def step_async(self, actions: Any) -> None:
        """Takes the actions of the step that ``step_wait`` runs.

        Raises:
            gymnasium.error.ResetNeeded: the episodes have not begun.
            gymnasium.error.InvalidAction: an action is out of its space.
        """
        self.episodes.require_begun()
        self._waiting = read_actions(actions, self.episodes)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Runs an interval in all environments."""
        assert self._waiting is not None, "call step_async() first"
        step, self._waiting = self.episodes.step(self._waiting), None
        over, features, infos = array_of(step.over), own_array(flat_features(step)), self._infos(step)
        for env, late in enumerate(step.truncated.tolist()):
            infos[env]["TimeLimit.truncated"] = late
        if over.any():
            ended = np.flatnonzero(over).tolist()
            for env in ended:
                infos[env]["terminal_observation"] = features[env]
            self.episodes.begin(ended, [None] * len(ended))
            begun = self.episodes.last()
            for env in ended:
                self.reset_infos[env] = self._infos(begun)[env]
            features = own_array(flat_features(begun))
        return features, array_of(step.network_reward).astype(np.float32), over, infos

    def close(self) -> None:
        """Stops drawing networks."""
        self.episodes.close()

    def get_attr(self, attr_name: str, indices: Which = None) -> list[Any]:
        """Returns an attribute of this object for each of some environments."""
        chosen = self._chosen(indices)
        if attr_name in self._attributes:
            return [self._attributes[attr_name][env] for env in chosen]
        return [getattr(self, attr_name)] * len(chosen)

    def set_attr(self, attr_name: str, value: Any, indices: Which = None) -> None:
        """Keeps an attribute for each of some environments."""
        kept = self._attributes.setdefault(attr_name, [None] * self.num_envs)
        for env in self._chosen(indices):
            kept[env] = value

    def env_method(self, method_name: str, *method_args: Any, indices: Which = None, **method_kwargs: Any) -> list[Any]:
        """Calls ``action_masks``, the one method that learners call, for each of some environments.

        Raises:
            AttributeError: environments have no such method.
        """
        if method_name != "action_masks":
            raise AttributeError(f"the environments of fairwave have no method '{method_name}' for Stable-Baselines3")
        masks = self.action_masks()
        return [masks[env] for env in self._chosen(indices)]

    def action_masks(self) -> np.ndarray:
        """Returns which choices are open, agent after agent, a row an environment.

        Raises:
            AttributeError: actions are numbers, or every choice is open.
        """
        mask = self.episodes.mask()
        if mask is None:
            raise AttributeError("these actions are numbers, or every choice is open: there is no mask")
        return array_of(mask.flatten(1))

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Which = None) -> Any:
        """Tells that no environment has a wrapper of its own."""
        return [False for _ in self._chosen(indices)]

    def _infos(self, step: Step) -> list[dict[str, Any]]:
        found = {name: array_of(values) for name, values in info_of(step, self.episodes).items()}
        return [{name: values[env] for name, values in found.items()} for env in range(self.num_envs)]

    def _chosen(self, indices: Which) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
