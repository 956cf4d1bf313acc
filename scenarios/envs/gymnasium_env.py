"""Adapts one environment to Gymnasium: a central controller that acts for all agents."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from ..errors import ScenarioError
from .episodes import Episodes, EpisodesState, Step
from .reset_options import put_back, refuse_to_render, require_known, require_no_rendering, with_state
from .spaces import action_space, array_of, flat_features, info_of, observation_box, own_array, read_actions
from .task import Options, Task

Info = dict[str, Any]


class GymnasiumEnv(gymnasium.Env[np.ndarray, Any]):
    """Runs one episode at a time, each on a network of its own.

    The observation is the features of all agents in one row, the action that of all agents in one row, the reward that
    of the network.

    Args:
        family: of the scenario.
        render_mode: nothing can be rendered.
        options: fields of :class:`.task.Options`.

    Raises:
        ScenarioError: an option that is not known or does not fit.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - declared so by Gymnasium

    def __init__(self, family: str, render_mode: None = None, **options: Any) -> None:
        require_no_rendering(render_mode)
        self.render_mode = render_mode
        asked = Options.of(options)
        self.task = Task.of(family, asked)
        self.episodes = Episodes(self.task, 1, asked.draw_ahead)
        sizes = self.episodes.sizes
        self.observation_space = observation_box(sizes.agents * sizes.numbers)
        self.action_space = action_space(self.task, sizes, sizes.agents)

    @property
    def state(self) -> EpisodesState:
        """Returns where the episode is, a value for ``reset(state=state)``."""
        return self.episodes.state

    def clone(self) -> GymnasiumEnv:
        """Returns an environment at the same point of the same episode, which goes on by itself."""
        other = copy.copy(self)
        other.episodes = self.episodes.clone()
        other._np_random = copy.deepcopy(self._np_random)
        return other

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None, state: EpisodesState | None = None
    ) -> tuple[np.ndarray, Info]:
        """Begins an episode: with a seed its first one, without the next one; or goes back to a state.

        Args:
            seed: of the episodes from here on.
            options: ``{"state": state}``, for wrappers, which hand on nothing else.
            state: to go back to, as :attr:`state` gave it.

        Raises:
            ScenarioError: a seed or an option that cannot be.
        """
        super().reset(seed=seed)
        options = with_state(options, state)
        require_known(options, ("state",))
        if not put_back(self.episodes, options):
            self.episodes.begin((0,), (seed,))
        step = self.episodes.last()
        return own_array(flat_features(step))[0], self._info(step)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, Info]:
        """Runs an interval.

        Raises:
            gymnasium.error.ResetNeeded: the episode has not begun, or has ended.
            gymnasium.error.InvalidAction: the action is out of its space.
        """
        self.episodes.require_begun()
        step = self.episodes.step(read_actions(action, self.episodes))
        ends = bool(step.terminated[0]), bool(step.truncated[0])
        return own_array(flat_features(step))[0], float(step.network_reward[0]), *ends, self._info(step)

    def action_masks(self) -> np.ndarray:
        """Returns which choices are open, agent after agent, as MaskablePPO of sb3-contrib asks for them."""
        mask = self.episodes.mask()
        if mask is None:
            raise ScenarioError("these actions are numbers, or every choice is open: there is no mask")
        return array_of(mask).ravel()

    def render(self) -> None:
        """Refuses what is asked for, as nothing can be rendered."""
        refuse_to_render()

    def close(self) -> None:
        """Stops drawing networks."""
        self.episodes.close()

    def _info(self, step: Step) -> Info:
        found = {name: array_of(values)[0] for name, values in info_of(step, self.episodes).items()}
        return {**found, "projected": int(found["projected"])}
