"""Steps within a trust region: each piece against its definition, and the game in which sharing a policy fails."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from scenarios.policies.gamatr.networks import AttentionCritic, GraphActor, Shape, Team
from scenarios.policies.gamatr.rollout import Experience, advantages
from scenarios.policies.gamatr.trust_region import (
    TrustRegion,
    conjugate_gradient,
    fisher_product,
    kl_divergence,
    log_probability,
    parameters_of,
    put_parameters,
    take_step,
)
from scenarios.policies.gamatr.update import Pieces, Update, cut, update_agent, update_team

SHAPE = Shape(agents=3, numbers=4, actions=2, hidden=5)


def luck(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def experience(team: Team, count: int = 4, steps: int = 6, seed: int = 2) -> Experience:
    """Episodes with random observations and rewards, and the actions of the team."""
    random, shape = luck(seed), team.shape
    hidden, rows = team.start(count), []
    with torch.no_grad():
        for _ in range(steps):
            seen = torch.randn((count, shape.agents, shape.numbers), generator=random)
            graph = (torch.rand((count, shape.agents, shape.agents), generator=random) < 0.5).float()
            mean, deviation, later = team.act(seen, graph, hidden)
            action = mean + deviation * torch.randn(mean.shape, generator=random)
            rows.append((seen, graph, hidden, action, log_probability(action, mean, deviation)))
            hidden = later
    seen, graph, memory, actions, logs = (torch.stack(column, 1) for column in zip(*rows, strict=True))
    reward, ones = torch.randn((count, steps), generator=random), torch.ones((count, steps))
    value = torch.randn((count, steps + 1), generator=random)
    return Experience(seen, graph, memory, actions, logs, ones[..., None].expand_as(logs), reward, value, ones)


def test_the_fisher_product_is_the_hessian_of_the_divergence() -> None:
    team = Team(Shape(agents=2, numbers=2, actions=1, hidden=2), seed=1)
    pieces = Pieces.of(experience(team), 3)
    actor = team.actors[0].double()
    seen, graph, start = pieces.seen.double(), pieces.graph.double(), pieces.start[:, 0].double()
    names = [name for name, _ in actor.named_parameters()]
    old = (actor.means(seen, graph, 0, start).detach(), actor.log_deviation.detach().exp())
    weight = pieces.weight[:, :, 0].double()

    def divergence() -> Tensor:
        return kl_divergence(old, (actor.means(seen, graph, 0, start), actor.log_deviation.exp()), weight)

    def of_vector(values: Tensor) -> Tensor:
        at, parts = 0, {}
        for name, one in actor.named_parameters():
            parts[name] = values[at : at + one.numel()].view_as(one)
            at += one.numel()
        hidden, means = start, []
        for step in range(seen.shape[1]):
            mean, hidden = torch.func.functional_call(actor, parts, (seen[:, step], graph[:, step], 0, hidden))
            means.append(mean)
        return kl_divergence(old, (torch.stack(means, 1), parts["log_deviation"].exp()), weight)

    hessian = torch.autograd.functional.hessian(of_vector, parameters_of(actor))
    vector = torch.randn(len(hessian), generator=luck(), dtype=torch.float64)
    found = fisher_product(divergence, actor, 0.0)(vector)
    assert len(names) == len(list(actor.parameters()))
    assert found.numpy() == pytest.approx((hessian @ vector).numpy(), abs=1e-9)
    assert float(torch.linalg.eigvalsh(hessian).min()) > -1e-9


def test_the_divergence_of_normal_distributions_is_its_integral() -> None:
    x = torch.linspace(-12, 12, 200_001, dtype=torch.float64)[:, None]
    old = (torch.tensor([0.3]).double(), torch.tensor([0.7]).double())
    new = (torch.tensor([-0.4]).double(), torch.tensor([1.1]).double())
    density = log_probability(x, *old).exp()
    integral = (density * (log_probability(x, *old) - log_probability(x, *new))).sum() * (x[1] - x[0])
    found = kl_divergence(old, new, torch.ones((), dtype=torch.float64))
    assert float(found) == pytest.approx(float(integral), rel=1e-6)
    assert float(kl_divergence(old, old, torch.ones(()))) == 0.0


def test_conjugate_gradient_solves_and_says_what_is_left() -> None:
    root = torch.randn((12, 12), generator=luck(), dtype=torch.float64)
    matrix, target = root @ root.T + torch.eye(12), torch.randn(12, generator=luck(3), dtype=torch.float64)
    found, residual = conjugate_gradient(lambda vector: matrix @ vector, target, 40)
    assert found.numpy() == pytest.approx(torch.linalg.solve(matrix, target).numpy(), abs=1e-8) and residual < 1e-9
    rough, left = conjugate_gradient(lambda vector: matrix @ vector, target, 2)
    assert left == pytest.approx(float((matrix @ rough - target).norm() / target.norm()), rel=1e-6)
    nothing, residual = conjugate_gradient(lambda vector: matrix @ vector, torch.zeros(12).double(), 5)
    assert not nothing.any() and residual == 0.0


def test_every_accepted_step_stays_in_the_region_and_improves() -> None:
    team = Team(SHAPE, seed=1)
    found = experience(team)
    pieces = Pieces.of(found, 3)
    correction = cut(torch.randn(found.reward.shape, generator=luck()), 3)
    for agent, actor in enumerate(team.actors):
        before = parameters_of(actor)
        done = update_agent(actor, agent, pieces, correction, Update(piece=3))
        assert done.accepted and 0 < done.kl < 0.01 and done.gain > 0.5 * done.expected > 0
        assert not torch.equal(parameters_of(actor), before)


def test_a_step_that_is_never_accepted_changes_nothing() -> None:
    module = nn.Linear(2, 1).double()
    before, calls = parameters_of(module), []

    def surrogate() -> Tensor:  # its slope promises what never comes
        calls.append(1)
        value = module(torch.ones(1, 2).double()).sum()
        return value if len(calls) == 1 else value * 0 - 5.0

    def divergence() -> Tensor:
        return (module.weight - before[:2].view(1, 2)).square().sum() + (module.bias - before[2]).square().sum()

    done = take_step(module, surrogate, divergence, TrustRegion())
    assert not done.accepted and torch.equal(parameters_of(module), before)


def test_the_first_agent_has_the_advantage_alone_and_the_others_the_ratios_of_those_before() -> None:
    team, settings = Team(SHAPE, seed=1), Update(piece=3)
    found = experience(team)
    seen: list[tuple[int, Tensor]] = []
    import scenarios.policies.gamatr.update as module

    original = module.update_agent
    old = [parameters_of(actor) for actor in team.actors]

    def watched(actor: GraphActor, agent: int, pieces: Pieces, correction: Tensor, update: Update):  # type: ignore[no-untyped-def]
        seen.append((agent, correction.clone()))
        return original(actor, agent, pieces, correction, update)

    module.update_agent = watched
    try:
        update_team(team, found, settings, torch.optim.Adam(team.critic.parameters()), luck())
    finally:
        module.update_agent = original
    advantage, _ = advantages(found, settings.discount, settings.smoothing)
    expected = cut((advantage - advantage.mean()) / (advantage.std(correction=0) + 1e-8), 3)
    assert seen[0][1].numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    pieces = Pieces.of(found, 3)
    for place, (agent, _) in enumerate(seen[:-1]):
        actor, new = team.actors[agent], parameters_of(team.actors[agent])
        with torch.no_grad():
            logs = [log_probability(pieces.action[:, :, agent], actor.means(pieces.seen, pieces.graph, agent,
                    pieces.start[:, agent]), actor.log_deviation.exp())]  # fmt: skip
            put_parameters(actor, old[agent])
            logs.append(log_probability(pieces.action[:, :, agent], actor.means(pieces.seen, pieces.graph, agent,
                        pieces.start[:, agent]), actor.log_deviation.exp()))  # fmt: skip
            put_parameters(actor, new)
        expected = expected * (logs[0] - logs[1]).exp()
        assert seen[place + 1][1].numpy() == pytest.approx(expected.numpy(), rel=1e-3, abs=1e-4)
    assert sorted(agent for agent, _ in seen) == [0, 1, 2]


def test_advantages_are_those_of_plain_loops_and_stop_at_an_end() -> None:
    found = experience(Team(SHAPE, seed=1), count=2, steps=5)
    going = torch.ones(2, 5)
    going[1, 3:] = 0.0  # the second episode terminates in step 2
    ended = Experience(*(getattr(found, name) for name in (
        "seen", "graph", "hidden", "action", "log_probability", "live", "reward", "value")), going)  # fmt: skip
    advantage, returns = advantages(ended, 0.9, 0.8)
    for row, last in ((0, 4), (1, 2)):
        for step in range(last + 1):
            total = 0.0
            for ahead in range(step, last + 1):
                bootstrap = float(ended.value[row, ahead + 1]) if ahead < last or row == 0 else 0.0
                delta = float(ended.reward[row, ahead]) + 0.9 * bootstrap - float(ended.value[row, ahead])
                total += (0.9 * 0.8) ** (ahead - step) * delta
            assert float(advantage[row, step]) == pytest.approx(total, abs=1e-5)
            assert float(returns[row, step]) == pytest.approx(total + float(ended.value[row, step]), abs=1e-5)


def test_an_agent_is_given_nothing_of_agents_out_of_range() -> None:
    actor, seen = GraphActor(SHAPE), torch.randn((2, 3, 4), generator=luck())
    graph = torch.zeros(2, 3, 3)
    graph[:, 0, 2] = 1.0
    changed = seen.clone()
    changed[:, 1] += 1.0
    hidden = torch.zeros(2, 5)
    assert torch.equal(actor(seen, graph, 0, hidden)[0], actor(changed, graph, 0, hidden)[0])
    changed[:, 2] += 1.0
    assert not torch.equal(actor(seen, graph, 0, hidden)[1], actor(changed, graph, 0, hidden)[1])


def test_the_critic_attends_as_written_and_does_not_care_for_the_order_of_agents() -> None:
    critic, seen = AttentionCritic(SHAPE).requires_grad_(False), torch.randn((1, 3, 4), generator=luck())
    embedded = torch.tanh(critic.embed(seen))[0]
    assert critic.attend is not None
    query, key, content = critic.attend(embedded).chunk(3, -1)
    rows = []
    for one in range(3):
        scores = [float(query[one] @ key[other]) / math.sqrt(5) for other in range(3)]
        weights = [math.exp(score) / sum(map(math.exp, scores)) for score in scores]
        rows.append(embedded[one] + sum(weight * content[other] for other, weight in enumerate(weights)))
    expected = critic.value(torch.stack(rows).mean(0))
    assert float(critic(seen)) == pytest.approx(float(expected), abs=1e-5)
    assert float(critic(seen.flip(1))) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_agents_that_must_do_unlike_things_need_policies_of_their_own(shared: bool) -> None:
    """Two agents choose 0 or 1 by the sign of their action and win if they differ: 2 * 2^-2 at best for one policy."""
    team = Team(Shape(agents=2, numbers=1, actions=1, hidden=8, graph=False, attention=False), 5, shared)
    random, critic = luck(7), torch.optim.Adam(team.critic.parameters(), lr=1e-2)
    seen, graph = torch.ones(256, 1, 2, 1), torch.zeros(256, 1, 2, 2)
    won = 0.0
    for _ in range(35):
        with torch.no_grad():
            mean, deviation, _ = team.act(seen[:, 0], graph[:, 0], team.start(256))
            action = mean + deviation * torch.randn(mean.shape, generator=random)
            reward = ((action[:, 0, 0] > 0) != (action[:, 1, 0] > 0)).float()
            value = torch.stack((team.critic(seen[:, 0]), torch.zeros(256)), 1)
        logs = log_probability(action, mean, deviation)[:, None]
        ones = torch.ones(256, 1)
        live = ones[..., None].expand(-1, -1, 2)
        found = Experience(
            seen, graph, team.start(256)[:, None], action[:, None], logs, live, reward[:, None], value, ones
        )
        update_team(team, found, Update(piece=1), critic, random)
        won = float(reward.mean())
    assert won <= 0.5 + 4 * math.sqrt(0.25 / 256) if shared else won > 0.9
