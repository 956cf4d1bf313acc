"""Updates the agents one after the other in random order, and the critic (HATRPO; HAPPO where clipped).

The surrogate of the agent at place k is the mean of (new/old probability of its action) M A, where A is the advantage
and M the product of these ratios over the agents before it, 1 for the first: what these have changed is taken into
account (Kuba et al., 2022, Lemma 2).

Sequences of episodes are cut into pieces of some steps, each from the memory that the agent had then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .networks import GraphActor, Team
from .rollout import Experience, advantages
from .trust_region import StepTaken, TrustRegion, kl_divergence, log_probability, take_step


@dataclass(frozen=True)
class Update:
    """Sets an update; the values are those of HATRPO but for the pieces and the critic's rate (ours)."""

    discount: float = 0.99
    smoothing: float = 0.95
    region: TrustRegion = field(default_factory=TrustRegion)
    clip: float | None = None
    """Take steps of Adam on the clipped surrogate instead of a trust region (HAPPO), an ablation."""
    epochs: int = 5
    critic_epochs: int = 20
    """Steps on all experience at once; HATRPO has 5 epochs of many small steps."""
    critic_rate: float = 5e-3
    actor_rate: float = 3e-4
    piece: int = 25
    """Steps of a piece of an episode."""


@dataclass(frozen=True)
class Pieces:
    """Holds pieces of episodes, ``[rows, piece, ...]``, and the memories at their starts ``[rows, agents, hidden]``."""

    seen: Tensor
    graph: Tensor
    start: Tensor
    action: Tensor
    log_probability: Tensor
    weight: Tensor  # [rows, piece, agents], 1 where an agent acted and the episode went on

    @classmethod
    def of(cls, experience: Experience, steps: int) -> Pieces:
        """Cuts episodes; what is left at their end is a shorter piece, padded by weights of 0."""
        weight = experience.live * experience.going[..., None]
        columns = (experience.seen, experience.graph, experience.action, experience.log_probability, weight)
        seen, graph, action, logs, live = (cut(column, steps) for column in columns)
        return cls(seen, graph, cut(experience.hidden, steps)[:, 0], action, logs, live)


def cut(values: Tensor, steps: int) -> Tensor:
    """Cuts ``[B, T, ...]`` into ``[B * pieces, steps, ...]``, padded by zeros."""
    count, length = values.shape[:2]
    missing = -length % steps
    padded = torch.cat((values, values.new_zeros((count, missing, *values.shape[2:]))), 1)
    return padded.reshape(-1, steps, *values.shape[2:])


def update_team(
    team: Team, experience: Experience, settings: Update, critic: torch.optim.Optimizer, luck: torch.Generator
) -> list[StepTaken]:
    """Updates all agents and the critic.

    Args:
        team: is changed.
        experience: of its own.
        settings: of the update.
        critic: optimiser of its critic.
        luck: of the order of the agents.

    Returns:
        The steps, in the order of the agents' numbers.
    """
    advantage, returns = advantages(experience, settings.discount, settings.smoothing)
    going = experience.going
    mean = (advantage * going).sum() / going.sum()
    deviation = (((advantage - mean).square() * going).sum() / going.sum()).sqrt()
    correction = cut((advantage - mean) / (deviation + 1e-8), settings.piece)
    pieces, steps = Pieces.of(experience, settings.piece), {}
    for agent in torch.randperm(team.shape.agents, generator=luck).tolist():
        steps[agent] = update_agent(team.actors[agent], agent, pieces, correction, settings)
        with torch.no_grad():
            correction = correction * _ratio(team.actors[agent], agent, pieces)
    _update_critic(team, experience, returns, settings, critic)
    return [steps[agent] for agent in sorted(steps)]


def update_agent(actor: GraphActor, agent: int, pieces: Pieces, correction: Tensor, settings: Update) -> StepTaken:
    """Updates one agent.

    Args:
        actor: is changed.
        agent: its number.
        pieces: of episodes.
        correction: M A of each step, ``[rows, piece]``.
        settings: of the update.
    """
    weight = pieces.weight[:, :, agent]
    with torch.no_grad():
        old = _policy(actor, agent, pieces)

    def surrogate() -> Tensor:
        ratio = _ratio(actor, agent, pieces)
        gained = ratio * correction
        if settings.clip is not None:
            cut_off = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip) * correction
            gained = torch.minimum(gained, cut_off)
        return (gained * weight).sum() / weight.sum().clamp(min=1.0)

    def divergence() -> Tensor:
        return kl_divergence(old, _policy(actor, agent, pieces), weight)

    if settings.clip is None:
        return take_step(actor, surrogate, divergence, settings.region)
    optimiser = torch.optim.Adam(actor.parameters(), lr=settings.actor_rate)
    before = float(surrogate().detach())
    for _ in range(settings.epochs):
        optimiser.zero_grad()
        (-surrogate()).backward()
        optimiser.step()
    with torch.no_grad():
        return StepTaken(True, float(divergence()), float(surrogate()) - before, 0.0, 0.0)


def _policy(actor: GraphActor, agent: int, pieces: Pieces) -> tuple[Tensor, Tensor]:
    return actor.means(pieces.seen, pieces.graph, agent, pieces.start[:, agent]), actor.log_deviation.exp()


def _ratio(actor: GraphActor, agent: int, pieces: Pieces) -> Tensor:
    """Computes the new over the old probability of the agent's actions, ``[rows, piece]``; 1 where it did not act."""
    mean, deviation = _policy(actor, agent, pieces)
    logs = log_probability(pieces.action[:, :, agent], mean, deviation) - pieces.log_probability[:, :, agent]
    return torch.where(pieces.weight[:, :, agent] > 0, logs, 0.0).exp()


def _update_critic(
    team: Team, experience: Experience, returns: Tensor, settings: Update, optimiser: torch.optim.Optimizer
) -> None:
    """Trains the critic on the returns, by steps on all of them at once."""
    going = experience.going
    for _ in range(settings.critic_epochs):
        error = (team.critic(experience.seen) - returns).square() * going
        optimiser.zero_grad()
        (error.sum() / going.sum()).backward()
        torch.nn.utils.clip_grad_norm_(team.critic.parameters(), 10.0)
        optimiser.step()
