"""Adapts one environment to PettingZoo's parallel interface: each agent observes, acts and is rewarded by itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.error import InvalidAction
from gymnasium.spaces import Box, Dict, MultiBinary, Space
from pettingzoo import ParallelEnv
from torch import Tensor

from ..errors import did_you_mean
from .episodes import Episodes, EpisodesState, Step
from .reset_options import put_back, refuse_to_render, require_no_rendering, with_state
from .spaces import action_space, array_of, flat_features, observation_box, own_array, read_actions
from .task import Options, Task

ByAgent = dict[str, Any]


class PettingZooEnv(ParallelEnv[str, Any, Any]):
    """Runs one episode at a time, with the agents of the family.

    Where actions are choices of which some may be closed, an observation has the keys ``observation`` and
    ``action_mask``. An agent that can act no more, such as a node without charge, is terminated and leaves ``agents``.

    Args:
        family: of the scenario.
        render_mode: nothing can be rendered.
        options: fields of :class:`.task.Options`.

    Raises:
        ScenarioError: an option that is not known or does not fit.
    """

    def __init__(self, family: str, render_mode: None = None, **options: Any) -> None:
        require_no_rendering(render_mode)
        self.render_mode = render_mode
        asked = Options.of(options)
        self.task = Task.of(family, asked)
        self.episodes = Episodes(self.task, 1, asked.draw_ahead)
        self.metadata = {"name": f"fairwave_{family}_v0", "render_modes": [], "is_parallelizable": True}
        sizes = self.episodes.sizes
        self.possible_agents = [f"{self.task.environment.agent}_{number}" for number in range(sizes.agents)]
        self.agents: list[str] = []
        self.state_space = observation_box(sizes.agents * sizes.numbers)
        self._observations = {agent: self._observation_space() for agent in self.possible_agents}
        self._actions = {agent: action_space(self.task, sizes, 1) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> Space[Any]:
        """Returns the space of what an agent observes, always the same object."""
        return self._observations[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """Returns the space of an agent's actions, always the same object."""
        return self._actions[agent]

    @property
    def episode_state(self) -> EpisodesState:
        """Returns where the episode is, a value for ``reset(state=state)``."""
        return self.episodes.state

    def clone(self) -> PettingZooEnv:
        """Returns an environment at the same point of the same episode, which goes on by itself."""
        other = copy.copy(self)
        other.episodes, other.agents = self.episodes.clone(), list(self.agents)
        return other

    def state(self) -> np.ndarray:
        """Returns the features of all agents in one row."""
        row: np.ndarray = own_array(flat_features(self.episodes.last()))[0]
        return row

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None, state: EpisodesState | None = None
    ) -> tuple[ByAgent, ByAgent]:
        """Begins an episode: with a seed its first one, without the next one; or goes back to a state.

        Args:
            seed: of the episodes from here on.
            options: ``{"state": state}``, for wrappers, which hand on nothing else.
            state: to go back to, as :attr:`episode_state` gave it.

        Raises:
            ScenarioError: a seed or a state that cannot be.
        """
        # Options that are not known are ignored here: PettingZoo's checker gives one.
        if not put_back(self.episodes, with_state(options, state)):
            self.episodes.begin((0,), (seed,))
        step = self.episodes.last()
        over = bool(step.over[0])
        self.agents = [] if over else self._chosen(self.possible_agents, step.view.live[0])
        return self._observed(self.agents, step), self._infos(self.agents, step)

    def render(self) -> None:
        """Refuses what is asked for, as nothing can be rendered."""
        refuse_to_render()

    def step(self, actions: ByAgent) -> tuple[ByAgent, ByAgent, ByAgent, ByAgent, ByAgent]:
        """Runs an interval.

        Args:
            actions: of each live agent; those of agents that have ended are not read.

        Raises:
            gymnasium.error.ResetNeeded: the episode has not begun, or has ended.
            gymnasium.error.InvalidAction: an action is missing or out of its space, or of an agent that is not there.
        """
        self.episodes.require_begun()
        acting = self.agents
        step = self.episodes.step(read_actions(self._in_one(actions), self.episodes))
        ended = (~step.view.live[0] | step.terminated[0]).tolist()
        late = bool(step.truncated[0])
        number = {agent: place for place, agent in enumerate(self.possible_agents)}
        rewards = step.agent_reward[0].tolist()
        terminated = {agent: ended[number[agent]] for agent in acting}
        truncated = {agent: late and not terminated[agent] for agent in acting}
        self.agents = [agent for agent in acting if not terminated[agent] and not late]
        own = {agent: rewards[number[agent]] for agent in acting}
        return self._observed(acting, step), own, terminated, truncated, self._infos(acting, step)

    def close(self) -> None:
        """Stops drawing networks."""
        self.episodes.close()

    def _observation_space(self) -> Space[Any]:
        sizes = self.episodes.sizes
        box: Box = observation_box(sizes.numbers)
        return box if self.task.actions.mask is None else Dict(observation=box, action_mask=MultiBinary(sizes.actions))

    def _in_one(self, actions: ByAgent) -> Tensor:
        """Puts the actions of all agents into one row; those of agents that have ended are zeros."""
        for agent in actions:
            if agent not in self._actions:
                raise InvalidAction(f"there is no agent '{agent}'{did_you_mean(str(agent), self.possible_agents)}")
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise InvalidAction(f"agent '{missing[0]}' is live and has no action")
        size = () if self.task.actions.choices else (self.episodes.sizes.actions,)
        live = set(self.agents)
        rows = [
            np.asarray(actions[agent]) if agent in live else np.zeros(size, np.int64 if not size else np.float32)
            for agent in self.possible_agents
        ]
        for agent, row in zip(self.possible_agents, rows, strict=True):
            if row.size != np.prod(size, dtype=int):
                raise InvalidAction(f"the action of agent '{agent}' has the shape {list(row.shape)}, not {list(size)}")
        return torch.as_tensor(np.stack([row.reshape(size) for row in rows])).flatten()[None]

    def _observed(self, agents: list[str], step: Step) -> ByAgent:
        features = dict(zip(self.possible_agents, own_array(step.view.features[0]), strict=True))
        if step.view.mask is None:
            return {agent: features[agent] for agent in agents}
        masks = dict(zip(self.possible_agents, array_of(step.view.mask[0].to(torch.int8)), strict=True))
        return {agent: {"observation": features[agent], "action_mask": masks[agent]} for agent in agents}

    def _infos(self, agents: list[str], step: Step) -> ByAgent:
        projected = int(step.projected[0])
        return {agent: {"projected": projected} for agent in agents}

    @staticmethod
    def _chosen(agents: list[str], live: Tensor) -> list[str]:
        return [agent for agent, lives in zip(agents, live.tolist(), strict=True) if lives]
