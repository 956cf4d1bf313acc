"""The proportional fair association and its rates, against enumeration and the family's own service."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from oracles_uav import points, problem
from torch import Tensor
from uav_flights import place, served_bits, states

from allocators.uav.lloyd_pf import LloydPf
from allocators.uav.placement.association import associate_fairly
from allocators.uav.placement.links import Links, measure_links
from allocators.uav.static_grid import StaticGrid
from mac.uav import UavDecision
from phy.random import Drops, uniform

KEYS = Drops(11, (0, 1, 2, 3, 4, 5)).keys("test")


def objective(efficiency: Tensor, serving: tuple[int, ...]) -> float:
    """The sum of log(efficiency / load) over the users that are served."""
    return sum(math.log(float(efficiency[v, u]) / serving.count(v)) for u, v in enumerate(serving) if v >= 0)


@pytest.mark.parametrize("most", [None, 1, 2, 4])
def test_against_all_associations(most: int | None) -> None:
    efficiency = uniform(KEYS, (3, 6)) ** 3 * 8 + 1e-3
    usable = uniform(KEYS, (3, 6), 500) < 0.8
    wants = uniform(KEYS, (6,), 700) < 0.9
    found = associate_fairly(Links(efficiency, usable), wants, most)
    for drop in range(6):
        allowed = [[v for v in range(3) if usable[drop, v, u] and wants[drop, u]] + [-1] for u in range(6)]
        every = [s for s in product(*allowed) if most is None or all(s.count(v) <= most for v in range(3))]
        mine = tuple(found[drop].tolist())
        assert mine in every
        served = max(sum(v >= 0 for v in s) for s in every)
        if most is None:
            best = max(objective(efficiency[drop], s) for s in every if sum(v >= 0 for v in s) == served)
            assert objective(efficiency[drop], mine) == pytest.approx(best, rel=1e-12)
        else:
            assert max(mine.count(v) for v in range(3)) <= most


def test_a_crowd_at_one_uav_spreads() -> None:
    """All users hear UAV 0 twice as well: with 12 users 8 stay, where d(n log n) differs by log 2 (8 : 4)."""
    efficiency = torch.tensor([2.0, 1.0], dtype=torch.float64)[None, :, None].expand(1, 2, 12)
    links = Links(efficiency, torch.ones_like(efficiency, dtype=torch.bool))
    found = associate_fairly(links, torch.ones((1, 12), dtype=torch.bool), None)
    loads = [int((found == v).sum()) for v in (0, 1)]
    best = max(range(13), key=lambda n: n * math.log(2.0) - sum(k * math.log(k) for k in (n, 12 - n) if k))
    assert loads == [best, 12 - best] == [8, 4]


def test_places_are_added_until_no_uav_is_full() -> None:
    """Of 30 users 29 hear one UAV only, far more than 1.5 times the even load."""
    usable = torch.zeros((1, 5, 30), dtype=torch.bool)
    usable[0, 0] = True
    usable[0, 1, 0] = True
    efficiency = torch.ones((1, 5, 30), dtype=torch.float64)
    found = associate_fairly(Links(efficiency, usable), torch.ones((1, 30), dtype=torch.bool), None)
    assert found[0].tolist() == [1] + [0] * 29


@pytest.mark.parametrize("changes", [
    {},
    {"channel__fading": "none", "radio__least_sinr_db": 5.0},
    {"terrestrial": {}},
    {"radio__coverage_radius_m": 200.0},
])  # fmt: skip
def test_links_are_those_of_the_family(changes: dict[str, Any]) -> None:
    """What a user gets with an equal share is efficiency / load, in the family and by the links."""
    one = problem((0, 1), **changes)
    state = one.start()
    seen = state.observation
    links = measure_links(one.context, seen.snr, seen.position_m, seen.user_m, seen.noise_rise)
    serving = associate_fairly(links, seen.waiting_bits > 0, None)
    still = torch.zeros((2, 4, 3), dtype=torch.float64)
    assert bool(torch.stack([(serving == v).any(1) for v in range(4)]).all())  # so that all transmit
    bits = one.step(state, UavDecision(still, serving=serving))[1].served_bits
    number = torch.arange(4)[:, None]
    load = (serving[:, None] == number).sum(-1).gather(1, serving.clamp(min=0))
    mine = links.efficiency.gather(1, serving.clamp(min=0)[:, None])[:, 0] / load * 10e6
    assert bits == pytest.approx(torch.where(serving >= 0, mine, 0.0), rel=2e-3)
    assert torch.equal(serving >= 0, links.usable.any(1))


def test_lloyd_rests_at_the_centroids_of_those_it_serves() -> None:
    one = problem((0, 1))
    flown = states(one, LloydPf(), 120)
    state, allocator = flown[-1], LloydPf()
    allocator.reset(one.context, 0)
    serving = allocator.decide(one.observe(state)).serving
    assert serving is not None
    for drop in range(2):
        for uav in range(4):
            mine = state.user_m[drop][serving[drop] == uav]
            assert len(mine) > 0
            assert place(state)[drop, uav] == pytest.approx(mine.mean(0), abs=2.0)


def test_lloyd_shares_by_proportional_fairness_whatever_the_scenario_does() -> None:
    """Two users at one UAV, no past: half the band each; the one with a past gets less."""
    one = problem((0,), users=points((400, 500), (620, 500)), uavs__count=1, radio__sharing="max_min")
    allocator = LloydPf()
    allocator.reset(one.context, 0)
    state = one.start()
    first = allocator.decide(one.observe(state))
    assert first.share is not None and first.share[0, 0].tolist() == pytest.approx([0.5, 0.5])
    later = one.step(state, first)[0]
    rates = later.data.mean_rate_bps[0] / torch.tensor([1.0, 4.0])  # the second is worse off
    second = allocator.decide(replace(later.observation, mean_rate_bps=rates[None]))
    assert second.share is not None and float(second.share[0, 0, 1]) > float(second.share[0, 0, 0])
    assert float(second.share.sum()) == pytest.approx(1.0)


def test_fair_association_beats_the_strongest_at_the_same_places() -> None:
    """The sum of the logarithms of the bits of the first interval, against that of the rules of the scenario."""
    one = problem((0, 1, 2, 3), radio__least_sinr_db=None)
    fair, plain = (served_bits(one, which, 1).log().sum(1) for which in (LloydPf(), StaticGrid()))
    assert bool((fair >= plain - 1e-3).all()) and bool((fair > plain + 1.0).any())
