"""Adapts a batch of environments to Gymnasium's vector interface."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from torch import Tensor

from ..errors import ScenarioError, shown
from .episodes import Episodes, EpisodesState, Step, require_count
from .gymnasium_env import Info
from .reset_options import put_back, refuse_to_render, require_known, require_no_rendering, with_state
from .spaces import action_space, array_of, flat_features, info_of, observation_box, own_array, read_actions
from .task import Options, Task

Reset = tuple[Any, Info]
Stepped = tuple[Any, Any, Any, Any, Info]


class GymnasiumVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Runs environments side by side, each as :class:`.gymnasium_env.GymnasiumEnv` runs it alone, bit for bit.

    Args:
        family: of the scenario.
        num_envs: environments.
        autoreset_mode: an ``AutoresetMode`` of Gymnasium, or ``NextStep``, ``SameStep``, ``Disabled``.
        render_mode: nothing can be rendered.
        options: fields of :class:`.task.Options`; with ``tensors`` nothing is copied to NumPy.

    Raises:
        ScenarioError: an option that is not known or does not fit.
    """

    def __init__(
        self,
        family: str,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: None = None,
        **options: Any,
    ) -> None:
        require_count(num_envs)
        require_no_rendering(render_mode)
        self.mode, self.render_mode, self.num_envs = _mode(autoreset_mode), render_mode, num_envs
        self.metadata = {"render_modes": [], "autoreset_mode": self.mode}
        asked = Options.of(options)
        self.task, self.tensors = Task.of(family, asked), asked.tensors
        self.episodes = Episodes(self.task, num_envs, asked.draw_ahead)
        self._all_there = np.ones(num_envs, dtype=np.bool_)
        sizes = self.episodes.sizes
        self.single_observation_space = observation_box(sizes.agents * sizes.numbers)
        self.single_action_space = action_space(self.task, sizes, sizes.agents)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def state(self) -> EpisodesState:
        """Returns where all episodes are, a value for ``reset(state=state)``."""
        return self.episodes.state

    def clone(self) -> GymnasiumVectorEnv:
        """Returns environments at the same points of the same episodes, which go on by themselves."""
        other = copy.copy(self)
        other.episodes = self.episodes.clone()
        other._np_random = copy.deepcopy(self._np_random)
        return other

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
        state: EpisodesState | None = None,
    ) -> Reset:
        """Begins an episode in every environment, or in those of ``options["reset_mask"]``; or goes back to a state.

        Args:
            seed: an integer gives environment i the seed ``seed + i``; without a seed each begins its next episode.
            options: ``reset_mask``, or ``state``, for wrappers, which hand on nothing else.
            state: to go back to, as :attr:`state` gave it.

        Raises:
            ScenarioError: a seed, mask or option that cannot be.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        options = with_state(options, state)
        require_known(options, ("state", "reset_mask"))
        if not put_back(self.episodes, options):
            envs = self._masked(options)
            seeds = self._seeds(seed)
            self.episodes.begin(envs, [seeds[env] for env in envs])
        step = self.episodes.last()
        return self._features(step), self._info(step)

    def step(self, actions: Any) -> Stepped:
        """Runs an interval in all environments; those that have ended begin anew as the autoreset mode says.

        Raises:
            gymnasium.error.ResetNeeded: the episodes have not begun, or with autoreset disabled, one has ended.
            gymnasium.error.InvalidAction: an action is out of its space.
        """
        waiting = self._ended() if self.mode is AutoresetMode.NEXT_STEP else []
        if not waiting:
            self.episodes.require_begun()
        values = read_actions(actions, self.episodes)
        if waiting:
            self.episodes.begin(waiting, [None] * len(waiting))
        step = self.episodes.last() if len(waiting) == self.num_envs else self.episodes.step(values, waiting)
        if self.mode is AutoresetMode.SAME_STEP and step.ends:
            return self._begun_anew(step)
        return self._stepped(step, self._features(step), self._info(step))

    def render(self) -> None:
        """Refuses what is asked for, as nothing can be rendered."""
        refuse_to_render()

    def close_extras(self, **_: Any) -> None:
        """Stops drawing networks."""
        self.episodes.close()

    def _ended(self) -> list[int]:
        """Lists the environments that were begun and have ended."""
        state = self.episodes.state
        if True not in state.over:
            return []
        return [env for env, over in enumerate(state.over) if over and state.seeds[env] is not None]

    def _begun_anew(self, step: Step) -> Stepped:
        """Begins new episodes where they have ended in this step, and hands out what they ended with."""
        over = array_of(step.over)
        envs = np.flatnonzero(over).tolist()
        self.episodes.begin(envs, [None] * len(envs))
        now, last = self.episodes.last(), self._features(step)
        final = np.full(self.num_envs, None, dtype=object)
        for env in envs:
            final[env] = last[env]
        ended = {"final_obs": final, "_final_obs": over, "final_info": self._info(step, over), "_final_info": over}
        return self._stepped(step, self._features(now), {**self._info(now), **ended})

    def _stepped(self, step: Step, features: Any, info: Info) -> Stepped:
        given = self._given
        ends = given(step.terminated), given(step.truncated)
        return features, given(step.network_reward), *ends, info

    def _features(self, step: Step) -> Any:
        return flat_features(step) if self.tensors else own_array(flat_features(step))

    def _given(self, values: Tensor) -> Any:
        return values.clone() if self.tensors else array_of(values)

    def _info(self, step: Step, there: np.ndarray | None = None) -> Info:
        """Collects infos as Gymnasium has them: an array, and beside it which have the key; 0 elsewhere."""
        every = there is None
        there = self._all_there if there is None else there
        found: Info = {}
        for name, values in info_of(step, self.episodes).items():
            given = self._given(values)
            if not every:
                given[~there] = 0
            found[name], found[f"_{name}"] = given, there.copy()
        return found

    def _masked(self, options: Mapping[str, Any] | None) -> list[int]:
        """Lists the environments of a reset mask; without one, all.

        Raises:
            ScenarioError: the mask is no boolean array of one value an environment with one of them true, or the
                environments reset themselves.
        """
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return list(range(self.num_envs))
        if self.mode is not AutoresetMode.DISABLED:
            raise ScenarioError(f"options['reset_mask'] is for autoreset_mode 'Disabled'; this is '{self.mode.value}'")
        mask = mask.cpu().numpy() if isinstance(mask, Tensor) else mask
        right = isinstance(mask, np.ndarray) and mask.shape == (self.num_envs,) and mask.dtype == np.bool_
        if not right or not mask.any():
            raise ScenarioError(
                f"options['reset_mask'] must be a boolean array of {self.num_envs} values, one of them true at least"
            )
        return [int(env) for env in np.flatnonzero(mask)]

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int):
            return [seed + env for env in range(self.num_envs)]
        if not isinstance(seed, Sequence):
            raise ScenarioError(f"a seed is a whole number, or a list of one for each environment, given {shown(seed)}")
        if len(seed) != self.num_envs:
            raise ScenarioError(f"{len(seed)} seeds are given for {self.num_envs} environments")
        return list(seed)


def _mode(given: AutoresetMode | str) -> AutoresetMode:
    """Reads an autoreset mode.

    Raises:
        ScenarioError: there is none such.
    """
    for mode in AutoresetMode:
        if given in (mode, mode.value, mode.name):
            return mode
    known = ", ".join(mode.value for mode in AutoresetMode)
    raise ScenarioError(f"autoreset_mode must be one of {known}, given {shown(given)}")
