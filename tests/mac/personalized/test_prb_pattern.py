"""PRBs are dealt out slot by slot: each UE has its mean number, and spreads over the carrier."""

from __future__ import annotations

import math

import torch

from mac.personalized.prb_pattern import line_ends, prb_holders

PRBS, SLOTS = 13, 400
MEAN = torch.tensor([[2.0, 0.0, 3.37, 0.05, 4.0, 1.5]], dtype=torch.float64)
SERVING = torch.tensor([[0, 0, 0, 0, 1, 1]])


def dealt_out() -> torch.Tensor:
    ends = line_ends(MEAN, SERVING, 2)
    return torch.stack([prb_holders(ends, PRBS, slot) for slot in range(SLOTS)])  # [T, 1, 2, K]


def test_it_is_the_rule_in_plain_loops() -> None:
    golden = (math.sqrt(5) - 1) / 2
    found = dealt_out()[:50, 0]
    for slot in range(50):
        for cell in range(2):
            for prb in range(PRBS):
                place = (prb + 0.5 + (slot * golden % 1.0) * PRBS) % PRBS
                holder, end = -1, 0.0
                for ue in range(6):
                    if int(SERVING[0, ue]) == cell:
                        end += float(MEAN[0, ue])
                        if place <= end + 1e-9:
                            holder = ue
                            break
                assert int(found[slot, cell, prb]) == holder


def test_each_ue_has_its_mean_number_of_prbs() -> None:
    found = dealt_out()
    for ue in range(6):
        held = (found == ue).sum((1, 2, 3))
        assert abs(float(held.double().mean()) - float(MEAN[0, ue])) < 0.02
        assert int(held.max() - held.min()) <= 1
        used = set((found == ue).nonzero()[:, 3].tolist())
        assert used == (set(range(PRBS)) if float(MEAN[0, ue]) else set())


def test_a_ue_of_the_other_cell_holds_nothing() -> None:
    found = dealt_out()
    assert set(found[:, 0, 0].unique().tolist()) <= {-1, 0, 2, 3} and set(found[:, 0, 1].unique().tolist()) == {
        -1,
        4,
        5,
    }
