"""Adapts a batch of environments to TorchRL: tensors on the scenario's device, agents in one group."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import Binary, Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase

from .episodes import Episodes, Step, require_count
from .spaces import read_actions
from .task import Options, Task
from .training_drops import require_seed


class TorchRLEnv(EnvBase):
    """Runs environments side by side, the batch of a tensordict.

    The agents are one group, named in the plural of what an agent is, with a dimension of its own: ``observation
    [B, agents, numbers]``, ``action``, ``reward [B, agents, 1]`` and, where choices may be closed, ``action_mask``.
    ``done``, ``terminated`` and ``truncated`` are ``[B, 1]`` of the whole network, ``projected`` counts actions that
    were projected to what is feasible.

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
        task = Task.of(family, asked)
        super().__init__(device=task.device, batch_size=torch.Size([num_envs]))
        self.task = task
        self.episodes = Episodes(task, num_envs, asked.draw_ahead)
        self.num_envs = num_envs
        self._first_seed: int | None = None
        agent, sizes = task.environment.agent, self.episodes.sizes
        self.group = f"{agent}s"
        self.group_map = {self.group: [f"{agent}_{number}" for number in range(sizes.agents)]}
        self._make_specs()

    def _make_specs(self) -> None:
        sizes, device, group = self.episodes.sizes, self.task.device, self.group
        shape = (self.num_envs, sizes.agents)
        seen: dict[str, Any] = {"observation": Unbounded((*shape, sizes.numbers), device=device, dtype=torch.float32)}
        if self.task.actions.mask is not None:
            seen["action_mask"] = Binary(sizes.actions, (*shape, sizes.actions), device=device, dtype=torch.bool)
        if self.task.actions.choices:
            action: Any = Categorical(sizes.actions, shape, device=device)
        else:
            action = Bounded(-1.0, 1.0, (*shape, sizes.actions), device=device, dtype=torch.float32)
        reward = Unbounded((*shape, 1), device=device, dtype=torch.float32)
        once = (self.num_envs, 1)
        self.observation_spec = self._all(
            {group: self._all(seen, shape), "projected": Unbounded(once, device=device, dtype=torch.int64)}
        )
        self.action_spec = self._all({group: self._all({"action": action}, shape)})
        self.reward_spec = self._all({group: self._all({"reward": reward}, shape)})
        ends = ("done", "terminated", "truncated")
        self.done_spec = self._all({name: Categorical(2, once, device=device, dtype=torch.bool) for name in ends})

    def _all(self, specs: dict[str, Any], shape: tuple[int, ...] | None = None) -> Composite:
        return Composite(specs, shape=shape or (self.num_envs,), device=self.task.device)

    def _reset(self, tensordict: TensorDictBase | None = None, **_: Any) -> TensorDictBase:
        """Begins episodes in all environments, or in those of ``_reset``; the first time with the seed that was set."""
        mask = None if tensordict is None else tensordict.get("_reset", None)
        envs = list(range(self.num_envs)) if mask is None else mask.view(-1).nonzero()[:, 0].tolist()
        seeds: list[int | None] = [None] * len(envs)
        if self._first_seed is not None and len(envs) == self.num_envs:
            seeds, self._first_seed = [self._first_seed + env for env in envs], None
        self.episodes.begin(envs, seeds)
        step = self.episodes.last()
        return self._tensordict({**self._seen(step), **self._ends(step, begun=True)})

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        """Runs an interval."""
        given = tensordict.get((self.group, "action"))
        step = self.episodes.step(read_actions(given.reshape(self.num_envs, -1), self.episodes))
        seen = self._seen(step)
        seen[self.group].set("reward", step.agent_reward[..., None].to(torch.float32))
        return self._tensordict({**seen, **self._ends(step)})

    def _set_seed(self, seed: int | None) -> None:
        if seed is not None:
            require_seed(seed)
        self._first_seed = seed

    def close(self, **arguments: Any) -> None:
        """Stops drawing networks."""
        self.episodes.close()
        super().close(**arguments)

    def _seen(self, step: Step) -> dict[str, Any]:
        values: dict[str, Tensor] = {"observation": step.view.features}
        if step.view.mask is not None:
            values["action_mask"] = step.view.mask.clone()
        group = TensorDict(values, batch_size=tuple(step.view.live.shape), device=self.task.device)
        return {self.group: group, "projected": step.projected[:, None].clone()}

    def _ends(self, step: Step, begun: bool = False) -> dict[str, Tensor]:
        ends = {"done": step.over, "terminated": step.terminated, "truncated": step.truncated}
        return {name: (torch.zeros_like(values) if begun else values.clone())[:, None] for name, values in ends.items()}

    def _tensordict(self, values: dict[str, Any]) -> TensorDictBase:
        made: TensorDictBase = TensorDict(values, batch_size=self.batch_size, device=self.task.device)
        return made
