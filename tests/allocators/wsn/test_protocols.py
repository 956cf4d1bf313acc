"""Each protocol's rule beside the same in plain loops, or beside what its paper says of it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import pytest
import torch

from allocators.registry import resolve
from allocators.wsn.clustering.head_rotation import HeadRotation
from allocators.wsn.clustering.medoids import medoids
from allocators.wsn.clustering.nearest_head import find_nearest_head
from allocators.wsn.pegasis import greedy_chain
from allocators.wsn.q_table import QTable, Transitions, state_of
from allocators.wsn.volunteers_dilemma import equilibrium
from mac.wsn import SINK
from mac.wsn.problem import CAUSES, WsnProblem
from phy.random import Drops, uniform
from phy.sensors.radio_energy import transmit_j_per_bit
from scenarios import families, load

SINK_M = (50.0, 175.0)


def fields(nodes: int = 30, drops: int = 2, **settings: Any) -> WsnProblem:
    base = {"name": "rules", "family": "wsn", "allocators": ["leach"], "field": {"nodes": nodes}}
    problem = families.find("wsn").build(
        load(base, **settings), Drops(3, tuple(range(drops))), torch.device("cpu"), torch.float32
    )
    assert isinstance(problem, WsnProblem)
    return problem


def heads_over(problem: WsnProblem, name: str, rounds: int, **params: Any) -> torch.Tensor:
    """How often each node was head, ``[B, N]``."""
    allocator = resolve(name, "wsn", params)
    allocator.reset(problem.context, 0)
    state, count = problem.start(), torch.zeros(problem.shape, dtype=torch.int64)
    for _ in range(rounds):
        decision = allocator.decide(state.observation)
        count += decision.head
        state, _ = problem.step(state, decision)
    return count


# The game.


@pytest.mark.parametrize(("u", "v", "members"), [(0.3, 1.0, 2), (0.5, 1.0, 5), (0.9, 2.0, 10)])
def test_in_the_equilibrium_both_choices_are_worth_the_same(u: float, v: float, members: int) -> None:
    """The payoff of following is summed over all choices of the others; no chance of one's own gains anything."""
    q = float(equilibrium(torch.tensor(u), v, torch.tensor(float(members))))
    following = 0.0
    for others in itertools.product((0, 1), repeat=members - 1):
        following += math.prod(q if lead else 1 - q for lead in others) * (v if any(others) else 0.0)
    assert following == pytest.approx(u, abs=1e-6)
    assert 0.0 < q < 1.0


def test_the_ends_of_the_game() -> None:
    u, members = torch.tensor([-0.1, 0.0, 1.0, 1.5, -1.0]), torch.tensor([4.0, 4.0, 4.0, 4.0, 1.0])
    assert equilibrium(u, 1.0, members).tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_larger_clusters_volunteer_less() -> None:
    chance = equilibrium(torch.full((6,), 0.5), 1.0, torch.arange(2.0, 8.0))
    assert (chance.diff() < 0).all()


def test_learning_finds_the_values_of_a_known_process(tmp_path: Path) -> None:
    """Two states: leading in state 0 pays 1 and leads to state 1; in state 1 everything pays 0 and leads back."""
    table = QTable.empty()
    state, action = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    reward, after = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64), torch.tensor([0, 1, 0, 0])
    for _ in range(300):
        table.learn(Transitions(state, action, reward, after), 0.2, 0.5)
    best = 1.0 / (1.0 - 0.25)  # V0 = 1 + 0.5 V1, V1 = 0.5 V0
    assert table.values[:2].flatten().tolist() == pytest.approx([0.5 * best, best, 0.5 * best, 0.5 * best])
    assert float(table.advantage(torch.tensor(0))) == pytest.approx(0.5 * best)
    table.save(tmp_path / "table.npz")
    assert torch.equal(QTable.load(tmp_path / "table.npz").values, table.values)


def test_states_differ_by_charge_distance_and_history() -> None:
    bins = [0.5, 1.0, 1.5], [0.0, 0.5, 1.0], [0.0, 0.6, 99.0]
    grid = torch.cartesian_prod(*map(torch.tensor, bins))
    assert len(set(state_of(*grid.unbind(-1)).tolist())) == 27


def test_the_head_of_most_charge_speaks_for_all() -> None:
    problem = fields(battery={"spread": 0.5, "initial_j": 0.5})
    allocator = resolve("game_learning", "wsn", {"p": 0.2})
    allocator.reset(problem.context, 0)
    decision, energy = allocator.decide(problem.start().observation), problem.initial_j
    for drop in range(2):
        heads = decision.head[drop].nonzero()[:, 0].tolist()
        (speaker,) = (decision.parent[drop] == SINK).nonzero()[:, 0].tolist()
        assert speaker == max(heads, key=lambda node: float(energy[drop, node])) and len(heads) == 6
        assert all(int(decision.parent[drop, node]) == speaker for node in heads if node != speaker)


# Rotations.


@pytest.mark.parametrize("p", [0.1, 0.2])
def test_leach_makes_every_node_head_once_in_an_epoch(p: float) -> None:
    problem = fields(battery={"initial_j": 1e3})
    assert (heads_over(problem, "leach", round(1 / p), p=p) == 1).all()
    assert (heads_over(problem, "leach", 3 * round(1 / p), p=p) == 3).all()


@pytest.mark.parametrize(("p", "rounds", "times"), [(0.3, 10, 3), (0.15, 20, 3), (0.07, 100, 7), (0.75, 4, 3)])
def test_as_published_an_epoch_is_one_over_p_rounds_on_average(p: float, rounds: int, times: int) -> None:
    """Equation 2 as it is printed: with p = 0.3, epochs begin before rounds 0, 3.3, 6.7 and 10."""
    problem = fields(battery={"initial_j": 1e3})
    assert (heads_over(problem, "leach", rounds, p=p) == times).all()
    ends = [math.ceil(epoch / p - 1e-9) for epoch in range(1, times + 1)]
    for number, end in enumerate(ends, 1):
        assert (heads_over(problem, "leach", end, p=p) == number).all()


def test_an_epoch_may_be_rounded() -> None:
    """Of 10/3 rounds: in 4 every node leads once; in 3 all but (1 - .3)(1 - .3/.7)(1 - .3/.4) = 0.1."""
    problem = fields(nodes=200, battery={"initial_j": 1e3})
    assert (heads_over(problem, "leach", 12, p=0.3, epoch="up") == 3).all()
    shorter = heads_over(problem, "leach", 30, p=0.3, epoch="nearest").double()
    assert shorter.mean() == pytest.approx(9.0, abs=0.15) and (shorter <= 10).all() and (shorter < 10).any()
    for p in (0.05, 0.1, 0.25):  # nothing to round
        counts = [heads_over(problem, "leach", 7, p=p, epoch=epoch) for epoch in ("exact", "nearest", "up")]
        assert torch.equal(counts[0], counts[1]) and torch.equal(counts[0], counts[2])


def test_half_a_round_is_rounded_up() -> None:
    """As most programs round; p = 0.4."""
    problem = fields(battery={"initial_j": 1e3})
    counts = [heads_over(problem, "leach", 9, p=0.4, epoch=epoch) for epoch in ("nearest", "up")]
    assert torch.equal(*counts) and (counts[0] == 3).all()


def test_sep_gives_advanced_nodes_their_share() -> None:
    """a = 1 and m = 0.2 at p = 0.1: normal nodes lead once in twelve rounds, advanced ones once in six."""
    problem = fields(battery={"initial_j": 1e3, "advanced_share": 0.2, "advanced_extra": 1.0})
    count, advanced = heads_over(problem, "sep", 12, p=0.1), problem.initial_j > 1.5e3
    assert advanced.sum(1).tolist() == [6, 6]
    assert (count[advanced] == 2).all() and (count[~advanced] == 1).all()


def test_deec_leads_in_proportion_to_the_charge() -> None:
    problem = fields(battery={"initial_j": 1e3, "advanced_share": 0.5, "advanced_extra": 1.0})
    count, advanced = heads_over(problem, "deec", 120, p=0.1).double(), problem.initial_j > 1.5e3
    # p_i = p N (1 + a_i) E_i / ((N + sum a) Ebar) is 0.1 (1 + a_i)^2 / 1.5^2: epochs of ceil(22.5) and ceil(5.6) rounds
    assert count[~advanced].mean() == pytest.approx(120 / 23, rel=0.15)
    assert count[advanced].mean() == pytest.approx(120 / 6, rel=0.1)


# Neighbours and ways.


def test_the_nearest_head_is_that_of_plain_loops() -> None:
    place = fields(nodes=40, drops=3).position_m
    chosen = torch.zeros((3, 40), dtype=torch.bool)
    chosen[0, [3, 17, 39]], chosen[1, 5] = True, True
    found = find_nearest_head(place, chosen)
    for drop, node in itertools.product(range(3), range(40)):
        apart = {
            h: math.dist(place[drop, node].tolist(), place[drop, h].tolist()) for h in range(40) if chosen[drop, h]
        }
        best = min(apart, key=apart.__getitem__, default=-1)
        assert int(found.head[drop, node]) == best
        assert float(found.distance_m2[drop, node]) == pytest.approx(apart[best] ** 2 if apart else math.inf)


@pytest.mark.parametrize(("nodes", "share"), [(7, 0.5), (1100, 0.02), (1100, 0.6)])
def test_compiled_loops_and_torch_find_the_same_heads(
    nodes: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a grid, where many distances are equal, in more than one block of nodes, and in a drop without a head."""
    number = torch.arange(nodes)
    place = torch.stack((number % 32, number // 32), -1).to(torch.float64).expand(2, -1, -1)
    chosen = uniform(torch.tensor([3, 4]), (nodes,)) < torch.tensor([[share], [0.0]])
    seen, drops = SimpleNamespace(alive=~chosen, round=2), Drops(1, (0, 1))
    context = SimpleNamespace(drops=drops, device=torch.device("cpu"), nodes=nodes, initial_j=place[..., 0] + 1.0)
    probability = uniform(torch.tensor([5, 6]), (nodes,)) * 0.9 + 0.1
    forms = []
    for loops in (True, False):
        monkeypatch.setattr("allocators.wsn.clustering.nearest_head.uses_numba", lambda loops=loops: loops)
        monkeypatch.setattr("allocators.wsn.clustering.head_rotation.uses_numba", lambda loops=loops: loops)
        found = find_nearest_head(place, chosen)
        rotation = HeadRotation(context, "test", "exact")
        forms.append(
            (found.head, found.distance_m2, rotation.elect(seen, probability), rotation.elect(seen, probability))
        )
    assert all(map(torch.equal, *forms))
    assert forms[0][2].any() and not forms[0][3].any()


def test_mte_takes_the_shortest_ways() -> None:
    """Beside Dijkstra's of networkx, with the amplifier's energy as length, also when some have died."""
    problem = fields(nodes=40, drops=2)
    context, state = problem.context, problem.start()
    allocator = resolve("mte", "wsn")
    allocator.reset(context, 0)
    state = problem.step(state, allocator.decide(state.observation))[0]
    for alive in (state.alive, state.alive & (torch.arange(40) % 3 > 0)):
        seen = problem._observed(1, state.energy_j * alive, alive, state.spread_j2).observation
        parent = allocator.decide(seen).parent
        for drop in range(2):
            nodes = alive[drop].nonzero()[:, 0].tolist()
            place = {n: problem.position_m[drop, n].tolist() for n in nodes} | {SINK: list(SINK_M)}
            graph = nx.DiGraph()
            for a, b in itertools.permutations(place, 2):
                squared = torch.tensor(math.dist(place[a], place[b]) ** 2, dtype=torch.float64)
                length = float(transmit_j_per_bit(context.radio, squared)) - context.radio.electronics_j_per_bit
                graph.add_edge(a, b, weight=length)
            least = nx.single_source_dijkstra_path_length(graph.reverse(), SINK)
            for node in nodes:
                way, at = 0.0, node
                while at != SINK:
                    up = int(parent[drop, at])
                    way, at = way + graph[at][up]["weight"], up
                assert way == pytest.approx(least[node], rel=1e-9)


def test_the_chain_of_pegasis_is_greedy_and_its_leader_rotates() -> None:
    problem = fields(nodes=15, drops=2)
    order = greedy_chain(problem.position_m, problem.start().observation.sink_m)
    for drop in range(2):
        place = [tuple(p) for p in problem.position_m[drop].tolist()]
        chain = [max(range(15), key=lambda n: math.dist(place[n], SINK_M))]
        while len(chain) < 15:
            chain.append(min(set(range(15)) - set(chain), key=lambda n: math.dist(place[n], place[chain[-1]])))
        assert order[drop].tolist() == chain
    allocator, state = resolve("pegasis", "wsn"), problem.start()
    allocator.reset(problem.context, 0)
    for round_ in range(4):
        decision = allocator.decide(state.observation)
        for drop in range(2):
            chain = order[drop].tolist()
            assert int(decision.parent[drop, chain[round_]]) == SINK
            for rank, node in enumerate(chain):
                if rank != round_:
                    assert int(decision.parent[drop, node]) == chain[rank + (1 if rank < round_ else -1)]
        state, _ = problem.step(state, decision)


@pytest.mark.parametrize(("fuse_own", "packets"), [(False, 0), (True, 1)])
def test_pegasis_pays_for_its_own_packet_where_told_to(fuse_own: bool, packets: int) -> None:
    """5 nJ a bit for each packet received, 4000 bits; the far end of the chain receives nothing in round 14."""
    problem = fields(nodes=15, drops=2)
    allocator, state = resolve("pegasis", "wsn", {"fuse_own": fuse_own}), problem.start()
    allocator.reset(problem.context, 0)
    for _ in range(15):
        decision = allocator.decide(state.observation)
        state, outcome = problem.step(state, decision)
    received = torch.zeros(2, 15).scatter_add_(1, decision.parent.clamp(min=0), (decision.parent >= 0).float())
    ledger = outcome.extras["ledger_j"]
    assert isinstance(ledger, torch.Tensor)
    expected = (received.double() + packets) * 4000 * 5e-9
    assert torch.allclose(ledger[:, CAUSES.index("aggregate")], expected, rtol=1e-12, atol=0)
    assert received.amin(1).tolist() == [0, 0]


def test_moving_heads_to_medoids_never_makes_clusters_wider() -> None:
    place, alive = fields(nodes=60).position_m, torch.ones((2, 60), dtype=torch.bool)
    start = torch.zeros_like(alive)
    start[:, :6] = True
    wide = [
        find_nearest_head(place, medoids(place, alive, alive, start, turns)).distance_m2.sum(1) for turns in range(6)
    ]
    assert all((after <= before + 1e-9).all() for before, after in itertools.pairwise(wide))
    assert wide[-1].sum() < 0.8 * wide[0].sum()


def test_the_fullest_of_each_fixed_cluster_leads() -> None:
    problem = fields(nodes=40, battery={"spread": 0.5, "initial_j": 0.5})
    allocator = resolve("kmeans", "wsn", {"p": 0.1})
    allocator.reset(problem.context, 0)
    decision = allocator.decide(problem.start().observation)
    for drop in range(2):
        heads = decision.head[drop].nonzero()[:, 0].tolist()
        assert len(heads) == 4
        for head in heads:
            members = [head, *(decision.parent[drop] == head).nonzero()[:, 0].tolist()]
            assert max(members, key=lambda node: float(problem.initial_j[drop, node])) == head


def test_heed_is_that_of_plain_loops() -> None:
    problem = fields(nodes=25, battery={"spread": 0.9, "initial_j": 0.5})
    allocator = resolve("heed", "wsn", {"radius_m": 30.0, "c_prob": 0.1})
    allocator.reset(problem.context, 0)
    decision = allocator.decide(problem.start().observation)
    for drop in range(2):
        place = [tuple(p) for p in problem.position_m[drop].tolist()]
        heads, up = heed(place, problem.initial_j[drop].tolist(), problem.drops.keys("heed/0")[drop : drop + 1])
        assert decision.head[drop].nonzero()[:, 0].tolist() == sorted(heads)
        assert decision.parent[drop].tolist() == up


def heed(place: list[tuple[float, ...]], charge: list[float], key: torch.Tensor) -> tuple[set[int], list[int]]:
    """Younis and Fahmy's main loop, all nodes in step; messages of a turn are heard in the next."""
    nodes, radius, p_min = range(len(place)), 30.0, 1e-4
    near = [[m for m in nodes if math.dist(place[n], place[m]) <= radius] for n in nodes]
    cost = [
        sum(math.dist(place[n], place[m]) ** 2 for m in near[n]) / max(1, len(near[n]) - 1) for n in nodes
    ]  # fmt: skip
    chance = [max(0.1 * charge[n] / max(charge), p_min) for n in nodes]
    offered: set[int] = set()
    final: set[int] = set()
    for turn in range(20):
        luck = uniform(key, (len(place),), start=turn * len(place))[0].tolist()
        heard = {n: min((m for m in near[n] if m in offered), key=cost.__getitem__, default=None) for n in nodes}
        fresh = {n for n in nodes if heard[n] is None and (chance[n] >= 1.0 or luck[n] < chance[n])}
        final |= {n for n in nodes if chance[n] >= 1.0 and (heard[n] == n or n in fresh)}
        offered |= fresh
        chance = [min(1.0, 2.0 * c) for c in chance]
    final |= {n for n in nodes if not any(m in final for m in near[n])}
    joined = [min((m for m in near[n] if m in final), key=cost.__getitem__) for n in nodes]
    return final, [SINK if n in final else joined[n] for n in nodes]


def test_heeds_cost_is_the_power_that_neighbours_need() -> None:
    from allocators.wsn.heed import neighbour_power

    place = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 10.0], [90.0, 90.0]]], dtype=torch.float64)
    near = [(25 + 100) / 2, (25 + 45) / 2, (100 + 45) / 2, 0.0]
    assert neighbour_power(place, 12.0)[0].tolist() == pytest.approx(near)
    assert (neighbour_power(place, 1.0) == 0).all()
