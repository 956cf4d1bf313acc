"""Whole PRBs, PRBs on the carrier, and the use of sold PRBs, each against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mac.comp.offer import geometry, prb_value_bits, reserve_prices
from mac.comp.sale import first_prbs, sold_map, whole_prbs
from mac.comp.sending import sold_prb_use
from mac.comp.settings import CompSettings
from mac.engine.radio.comp_report import ClusterReport
from mac.link_adaptation.adaptation import LinkAdaptation
from mac.market import Market
from phy.numerics import log_grid


def market(luck: np.random.Generator, users: int = 9, cells: int = 4, links: int = 3) -> tuple[Market, Tensor]:
    """A market and shares of which no cell sells more than 6 PRBs."""
    heard = torch.stack([torch.from_numpy(luck.permutation(cells)[:links].copy()) for _ in range(2 * users)])
    made = Market(
        torch.ones(2, users, links).double(),
        heard.view(2, users, links),
        torch.ones(2, users).double(),
        torch.full((2, cells), 6.0).double(),
        torch.zeros(2, cells).double(),
    )
    share = torch.from_numpy(luck.exponential(size=(2, users, links)) * (luck.random((2, users, links)) < 0.7))
    most = made.at_cells(share).clamp(min=1e-9)
    share = share * made.at_links(6.0 * torch.from_numpy(luck.uniform(0.3, 1.0, (2, cells))) / most)
    return made, share


def loops(made: Market, share: Tensor) -> np.ndarray:
    found = np.floor(share.numpy() + 1e-6).astype(int)
    for drop in range(2):
        for cell in range(made.supply.shape[1]):
            places = [p for p in np.ndindex(share.shape[1:]) if int(made.cells[drop][p]) == cell]
            rest = {p: float(share[drop][p]) - found[drop][p] for p in places}
            left = int(np.floor(sum(float(share[drop][p]) for p in places) + 1e-6)) - sum(
                found[drop][p] for p in places
            )
            for place in sorted(places, key=lambda p: (-rest[p], p))[:left]:
                found[drop][place] += rest[place] > 0
    return found


@pytest.mark.parametrize("seed", range(8))
def test_whole_prbs_go_by_largest_remainders(seed: int) -> None:
    made, share = market(np.random.default_rng(seed))
    whole = whole_prbs(made, share)
    np.testing.assert_array_equal(whole.numpy(), loops(made, share))
    sold = made.at_cells(whole.double())
    assert bool((sold <= made.supply).all()) and bool(((share - whole).abs() < 1.0).all())
    assert torch.equal(sold, (made.at_cells(share) + 1e-6).floor())


def test_whole_shares_stay() -> None:
    made, _ = market(np.random.default_rng(0))
    share = torch.zeros_like(made.weights)
    share[0, 0, 0], share[1, 3, 2] = 3.0 - 1e-9, 6.0
    assert whole_prbs(made, share).sum().item() == 9


@pytest.mark.parametrize("aligned", [True, False])
def test_prbs_are_dealt_out_in_the_order_of_ues(aligned: bool) -> None:
    made, share = market(np.random.default_rng(3))
    whole = whole_prbs(made, share)
    offset = first_prbs(4, 6, 13, aligned, torch.device("cpu"))
    assert offset.tolist() == ([0, 0, 0, 0] if aligned else [0, 6, 12, 5])
    found = sold_map(whole, made.cells, 4, 13, offset)
    for drop in range(2):
        for cell in range(4):
            order = [
                ue
                for ue in range(9)
                for link in range(3)
                if int(made.cells[drop, ue, link]) == cell
                for _ in range(int(whole[drop, ue, link]))
            ]
            wanted = np.full(13, -1)
            for place, ue in enumerate(order):
                wanted[(int(offset[cell]) + place) % 13] = ue
            np.testing.assert_array_equal(found[drop, cell].numpy(), wanted)


def report(luck: torch.Generator, users: int = 5, cells: int = 4, prbs: int = 6) -> ClusterReport:
    """A report of UEs that hear all cells but one."""
    rows = torch.view_as_complex(torch.randn((1, users, prbs, 3, 2, 2), generator=luck, dtype=torch.float64))
    heard = torch.stack([torch.randperm(cells, generator=luck)[:3] for _ in range(users)])[None]
    inside = torch.ones((1, users, 3), dtype=torch.bool)
    inside[0, 0, 2] = False
    power = rows.abs().square().sum(-1).mean(2) / 2
    nothing = torch.zeros(1, users, prbs).double()
    return ClusterReport(nothing, nothing[..., 0], rows, heard, inside, nothing, power, nothing[..., 0], power)


@pytest.mark.parametrize(
    "mode",
    ["coordinated_beamforming", "dynamic_point_selection", "dynamic_point_blanking", "non_coherent", "coherent"],
)
def test_use_of_sold_prbs_equals_plain_loops(mode: str) -> None:
    luck = torch.Generator().manual_seed(4)
    seen = report(luck)
    sold = torch.randint(-1, 5, (1, 4, 6), generator=luck)
    needs = torch.tensor([[True, True, True, False, True]])
    use = sold_prb_use(CompSettings(mode=mode), sold, seen, needs)  # type: ignore[arg-type]
    for prb in range(6):
        strength: dict[int, dict[int, float]] = {}
        for cell in range(4):
            ue = int(sold[0, cell, prb])
            for j in range(3):
                if ue >= 0 and bool(needs[0, ue]) and int(seen.cells[0, ue, j]) == cell and seen.coordinated[0, ue, j]:
                    strength.setdefault(ue, {})[cell] = float(seen.rows[0, ue, prb, j].abs().square().sum())
        for cell in range(4):
            ue = int(sold[0, cell, prb])
            valid = cell in strength.get(ue, {})
            leads = valid and max(strength[ue], key=lambda c, of=strength[ue]: of[c]) == cell
            helps = valid and not leads and mode in ("non_coherent", "coherent")
            silent = valid and not leads and mode == "dynamic_point_blanking"
            assert int(use.user[0, cell, prb]) == (ue if leads else -1)
            assert int(use.helped[0, cell, prb]) == (ue if helps else -1)
            assert bool(use.free[0, cell, prb]) == (not leads and not helps and not silent)
        for ue in range(5):
            assert bool(use.bought[0, ue, prb]) == bool(strength.get(ue))


def test_geometry_counts_each_cell_once() -> None:
    seen = report(torch.Generator().manual_seed(1))
    serving = seen.cells[..., 1]
    found = geometry(seen, serving)
    ue = 3
    power = seen.power[0, ue]
    assert float(found[0, ue]) == pytest.approx(float(power[1] / (1.0 + power[0] + power[2])))
    missing = torch.tensor([[({0, 1, 2, 3} - set(seen.cells[0, u].tolist())).pop() for u in range(5)]])
    assert float(geometry(seen, missing).sum()) == 0.0


def test_reserve_prices_are_marginal_utilities() -> None:
    """A cell of two waiting UEs with 3 and 5 PRBs: v (3/8 (v/3)/v + 5/8 (v/5)/v) = 2 v / 8; nothing waits elsewhere."""
    waiting = torch.tensor([[True, True, False, False]])
    granted = torch.tensor([[3.0, 5.0, 7.0, 0.0]]).double()
    serving = torch.tensor([[0, 0, 0, 1]])
    assert reserve_prices(0.4, waiting, granted, serving, 2).tolist() == [[pytest.approx(0.1), 0.0]]


@pytest.mark.parametrize(("mode", "nulls"), [("coordinated_beamforming", True), ("dynamic_point_selection", False)])
def test_worth_is_the_cqi_at_the_mean_sinr(mode: str, nulls: bool) -> None:
    """UE 0 has one cell outside of its cluster, and so one null less."""
    seen = report(torch.Generator().manual_seed(6))
    levels = torch.linspace(0.0, 100.0, 16).double()
    needed = torch.logspace(-1.0, 2.0, 15).double()
    bits_of_sinr = levels[torch.bucketize(log_grid.centres(), needed, right=True)]
    adaptation = LinkAdaptation(bits_of_sinr, bits_of_sinr, needed, levels, 1)
    found = prb_value_bits(seen, seen.cells[..., 0], adaptation, 4, CompSettings(mode=mode))  # type: ignore[arg-type]
    for ue in range(5):
        inside = seen.coordinated[0, ue]
        made = min(3, int(inside.sum()) - 1) if nulls else 0
        for j in range(3):
            power = seen.power[0, ue]
            others = 0.0 if made else float(sum(power[i] for i in range(3) if i != j and inside[i]))
            sinr = torch.tensor((4 - made) * float(power[j]) / (1.0 + float(seen.outside_full[0, ue]) + others))
            wanted = float(bits_of_sinr[log_grid.index(sinr.double())]) if j > 0 and bool(inside[j]) else 0.0
            assert float(found[0, ue, j]) == wanted
