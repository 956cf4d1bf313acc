"""Collects episodes of a batch of environments, and computes advantages.

B environments, T steps of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...envs.episodes import Episodes
from .networks import Team
from .trust_region import log_probability


@dataclass(frozen=True)
class Experience:
    """Holds episodes; all tensors are float32 ``[B, T, ...]`` but where said."""

    seen: Tensor  # [B, T, agents, numbers]
    graph: Tensor  # [B, T, agents, agents]
    hidden: Tensor  # [B, T, agents, hidden], memory before each step
    action: Tensor  # [B, T, agents, actions]
    log_probability: Tensor  # [B, T, agents]
    live: Tensor  # [B, T, agents], 1 where the agent could act
    reward: Tensor  # [B, T]
    value: Tensor  # [B, T + 1], of the critic; the last one of the end, 0 where it terminated
    going: Tensor  # [B, T], 1 where the episode had not ended before the step

    @property
    def mean_return(self) -> float:
        """Returns the mean sum of rewards of an episode."""
        return float((self.reward * self.going).sum(1).mean())


def collect(episodes: Episodes, team: Team, seeds: list[int], luck: torch.Generator) -> Experience:
    """Runs one episode in each environment, from its start to its end.

    Args:
        episodes: the environments.
        team: acts.
        seeds: of the environments' episodes.
        luck: of the actions.
    """
    count = episodes.count
    episodes.begin(range(count), list(seeds))
    view, rows = episodes.last().view, []
    hidden, going = team.start(count), torch.ones(count)
    terminated = torch.zeros(count, dtype=torch.bool)
    with torch.no_grad():
        while bool(going.any()):
            seen, graph = split(view.features, team.shape.numbers)
            mean, deviation, later = team.act(seen, graph, hidden)
            action = mean + deviation * torch.randn(mean.shape, generator=luck)
            step = _step(episodes, action, going)
            rows.append((seen, graph, hidden, action, log_probability(action, mean, deviation), view.live.float(),
                         step.network_reward.float(), team.critic(seen), going))  # fmt: skip
            terminated |= step.terminated & (going > 0)
            going = going * (~step.over).float()
            view, hidden = step.view, later
        last = team.critic(split(view.features, team.shape.numbers)[0]) * (~terminated).float()
    columns = [torch.stack(column, 1) for column in zip(*rows, strict=True)]
    seen, graph, memory, actions, logs, live, reward, value, begun = columns
    return Experience(seen, graph, memory, actions, logs, live, reward, torch.cat((value, last[:, None]), 1), begun)


def _step(episodes: Episodes, action: Tensor, going: Tensor):  # type: ignore[no-untyped-def]
    """Runs an interval; environments whose episode has ended begin a new one that does not count."""
    over = (going == 0).nonzero()[:, 0].tolist()
    ended = [env for env in over if episodes.state.over[env]]
    if ended:
        episodes.begin(ended, [None] * len(ended))
    return episodes.step(action.clamp(-1.0, 1.0))


def split(features: Tensor, numbers: int) -> tuple[Tensor, Tensor]:
    """Splits ``[..., agents, numbers + agents]`` into features of agents and the graph, which is the last of them."""
    return features[..., :numbers], features[..., numbers:]


def advantages(experience: Experience, discount: float, smoothing: float) -> tuple[Tensor, Tensor]:
    """Computes generalised advantages A_t = sum_k (discount smoothing)^k delta_(t+k) and returns A_t + V_t, ``[B, T]``.

    delta_t = r_t + discount V_(t+1) - V_t, with V = 0 behind an end that terminates (Schulman et al., 2016).

    Args:
        experience: of whole episodes.
        discount: gamma.
        smoothing: lambda.
    """
    values, going = experience.value, experience.going
    ahead = torch.zeros(len(values))
    found = []
    for step in reversed(range(experience.reward.shape[1])):
        goes_on = going[:, step + 1] if step + 1 < going.shape[1] else torch.ones_like(ahead)
        later = values[:, step + 1] * torch.where(goes_on > 0, 1.0, 0.0)
        delta = experience.reward[:, step] + discount * later - values[:, step]
        ahead = delta + discount * smoothing * goes_on * ahead
        found.append(ahead)
    advantage = torch.stack(found[::-1], 1)
    return advantage, advantage + values[:, :-1]
