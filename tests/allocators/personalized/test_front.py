"""Exact fronts: prices, dynamic programming and enumeration agree; an evolutionary search stays below."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Literal

import pytest
import torch

from allocators.personalized.cell import CellUsers, cheapest_that_fit
from allocators.personalized.front import best_prbs, dynamic_programming, sweep
from allocators.personalized.nsga2 import exact_points, hypervolume, nsga2
from mac.personalized import Zones

Shape = Literal["linear", "logistic"]


def cell(shape: Shape = "linear", target: float = 0.6, ues: int = 5, prbs: int = 20) -> CellUsers:
    luck = torch.Generator().manual_seed(4)
    adequate = 1e6 * torch.rand(ues, generator=luck, dtype=torch.float64)
    width = 1e6 * (0.2 + torch.rand(ues, generator=luck, dtype=torch.float64))
    rate = 2e5 + 8e5 * torch.rand(ues, generator=luck, dtype=torch.float64)
    return CellUsers(rate, Zones(adequate, adequate + width), prbs, shape, target)


@pytest.mark.parametrize(("shape", "target"), [("linear", 0.6), ("linear", 0.05), ("logistic", 0.5), ("logistic", 0.9)])
def test_prices_find_what_dynamic_programming_finds(shape: Shape, target: float) -> None:
    ues = cell(shape, target)
    least = float(ues.target_prbs().sum())
    grid, _ = dynamic_programming(ues, ues.prbs, 32)
    width = ues.zones.desired_bps - ues.zones.adequate_bps
    lost = 1.1 * float((ues.bps_per_prb / width).max()) / 32  # a UE has up to a unit too much; 1.1: steepest logistic
    for most in torch.linspace(least + 0.5, ues.prbs, 7).tolist():
        prbs = best_prbs(ues, most)
        assert float(prbs.sum()) <= most + 1e-9 and bool((prbs >= ues.target_prbs() - 1e-9).all())
        found = float(ues.satisfaction(prbs).mean())
        assert found >= grid.at(most) - 1e-12  # the grid is a restriction
        assert found == pytest.approx(grid.at(most), abs=lost)


@pytest.mark.parametrize("target", [0.0, 0.5])
def test_dynamic_programming_is_enumeration(target: float) -> None:
    ues = cell(target=target, ues=3, prbs=6)
    front, prbs = dynamic_programming(ues, 6, 2)
    for budget in range(13):
        best = -1.0
        for taken in itertools.product(range(budget + 1), repeat=3):
            own = torch.tensor(taken).double() / 2
            if sum(taken) <= budget and bool((own >= ues.target_prbs() - 1e-9).all()):
                best = max(best, float(ues.satisfaction(own).mean()))
        found = float(front.satisfaction[budget])
        assert found == pytest.approx(best) if best >= 0 else found == -torch.inf
    assert float(ues.satisfaction(prbs).mean()) == pytest.approx(float(front.satisfaction[-1]))


@pytest.mark.parametrize("shape", ["linear", "logistic"])
def test_a_sweep_of_prices_is_the_front(shape: Shape) -> None:
    ues = cell(shape)
    front = sweep(ues)
    assert bool((front.prbs.diff() >= -1e-12).all()) and float(front.prbs[-1]) <= ues.prbs + 1e-9
    for prbs, satisfaction in zip(front.prbs.tolist(), front.satisfaction.tolist(), strict=True):
        best = float(ues.satisfaction(best_prbs(ues, prbs + 1e-9)).mean())
        assert satisfaction == pytest.approx(best, abs=1e-6)
    slopes = front.satisfaction.diff() / front.prbs.diff().clamp(min=1e-9)
    assert bool((slopes.diff() <= 1e-6).all())  # concave


def test_without_a_target_the_front_lies_on_or_below_the_hull_of_all_or_nothing() -> None:
    ues = cell(target=0.0)
    front, _ = dynamic_programming(ues, ues.prbs, 8)
    need = ues.desired_prbs().sort().values.cumsum(0)
    for served, prbs in enumerate(need.tolist(), 1):
        if prbs <= ues.prbs:
            assert front.at(prbs) <= served / 5 + 1e-9
            assert front.at(prbs + 5 / 8) >= served / 5 - 1e-9  # each UE loses less than a unit to the grid


def test_targets_that_do_not_fit() -> None:
    ues = replace(cell(target=1.0), prbs=4)
    with pytest.raises(ValueError, match=r"need .* PRBs for a satisfaction of 1 each, and it has 4; lower the target"):
        sweep(ues)
    prbs = best_prbs(ues, 4)
    free = dynamic_programming(replace(ues, target=0.0), 4, 4)[0]
    assert float(ues.satisfaction(prbs).mean()) == pytest.approx(float(free.satisfaction[-1]))
    need = torch.tensor([3.0, 1.0, 2.5, 0.5]).double()
    assert cheapest_that_fit(need, 4.0).tolist() == [0.0, 1.0, 2.5, 0.5]


def test_the_hypervolume_of_a_step_is_its_area() -> None:
    ues = cell(prbs=20)
    from allocators.personalized.front import Front

    front = Front(torch.tensor([5.0, 10.0]).double(), torch.tensor([0.4, 0.8]).double())
    assert hypervolume(front, ues) == pytest.approx(0.25 * 0.4 + 0.5 * 0.8)


def test_nsga2_comes_near_the_exact_front_and_not_above() -> None:
    pytest.importorskip("pymoo", reason="the extra pareto is not installed")
    ues = cell()
    found = nsga2(ues, population=40, generations=60)
    for prbs, satisfaction in zip(found.prbs.tolist(), found.satisfaction.tolist(), strict=True):
        assert satisfaction <= float(ues.satisfaction(best_prbs(ues, prbs + 1e-9)).mean()) + 1e-9
    assert 0.8 < hypervolume(found, ues) / hypervolume(exact_points(ues), ues) <= 1.0
