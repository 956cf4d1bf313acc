"""Multi-user proportional fair against plain loops, and what it does in runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from oracles_mu_mimo import partners_loops
from oracles_scheduling import Shape, context, slot

from allocators.contract.check import check_allocator
from allocators.scheduling.mu_proportional_fair import MultiUserProportionalFair
from allocators.scheduling.proportional_fair import ProportionalFair
from mac.scheduling import SchedulingContext, SchedulingObservation
from mac.scheduling.feasible import require_scheduling
from phy.numerics import log_grid
from scenarios import run

SHAPE = Shape(batch=2, users=16, cells=3, prbs=10)


def table() -> torch.Tensor:
    return 150 * torch.log2(1 + log_grid.centres())


def sharing(shape: Shape, users: int, saturated: bool = False) -> SchedulingContext:
    return replace(context(shape, saturated), users_per_prb=users, bits_of_sinr=table())


def alike(shape: Shape, serving: torch.Tensor, seed: int) -> torch.Tensor:
    made = torch.rand(shape.batch, shape.users, shape.users, generator=torch.Generator().manual_seed(seed)).double()
    made = made.minimum(made.transpose(1, 2))
    made.diagonal(dim1=1, dim2=2).fill_(1.0)
    return made * (serving[:, :, None] == serving[:, None])


def observed(shape: Shape, seed: int, **given: Any) -> SchedulingObservation:
    made = slot(shape, seed, **given)
    similarity = alike(shape, made.serving, seed)
    sinr = 10 ** (3 * torch.rand(made.rate_bits.shape, generator=torch.Generator().manual_seed(seed)).double())
    return replace(made, sinr=sinr, similarity_of=lambda: similarity)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [0.2, 0.6])
def test_partners_equal_plain_loops(seed: int, limit: float) -> None:
    """All UEs always have data: the holder of proportional fair, then the UEs that raise the sum most."""
    need = torch.full((SHAPE.batch, SHAPE.users), float(SHAPE.prbs)).double()
    seen = observed(SHAPE, seed, need_prbs=need)
    tested, single = MultiUserProportionalFair(max_similarity=limit), ProportionalFair()
    tested.reset(sharing(SHAPE, 4, saturated=True), 1)
    single.reset(context(SHAPE, saturated=True), 1)
    found = require_scheduling(tested.decide(seen), seen, sharing(SHAPE, 4))
    assert found.partners is not None and torch.equal(found.user, single.decide(seen).user)
    weight = 1 / (seen.mean_rate_bits * SHAPE.prbs * SHAPE.cells / SHAPE.users).clamp(min=1.0)
    sizes = set()
    for b in range(SHAPE.batch):
        for c in range(SHAPE.cells):
            members = [u for u in range(SHAPE.users) if seen.serving[b, u] == c]
            for k in range(SHAPE.prbs):
                holder = int(found.user[b, c, k])
                expected = (
                    []
                    if holder < 0
                    else partners_loops(
                        holder,
                        members,
                        seen.sinr[b, :, k].numpy(),
                        weight[b].numpy(),
                        seen.similarity[b].numpy(),
                        lambda sinr: float(table()[log_grid.index(torch.tensor([sinr]).double())]),
                        4,
                        limit,
                    )
                )
                assert [u for u in found.partners[b, c, k].tolist() if u >= 0] == expected
                sizes.add(len(expected))
    assert len(sizes) > 2


@pytest.mark.parametrize("seed", range(3))
def test_no_user_is_on_more_prbs_than_it_needs_or_where_it_may_not_be(seed: int) -> None:
    shape = Shape(batch=2, users=16, cells=2, prbs=10, slices=2, lent=True)
    seen = observed(shape, seed)
    tested = MultiUserProportionalFair(max_similarity=0.9)
    tested.reset(sharing(shape, 3), 1)
    found = require_scheduling(tested.decide(seen), seen, sharing(shape, 3))  # slices and PRBs are checked here
    assert found.partners is not None and (found.partners >= 0).any()
    members = torch.cat((found.user[..., None], found.partners), -1)
    for b in range(shape.batch):
        for user in range(shape.users):
            assert int((members[b] == user).sum()) <= float(seen.need_prbs[b, user])


def test_where_prbs_have_one_user_it_is_proportional_fair() -> None:
    seen = slot(SHAPE, 3)
    both = [MultiUserProportionalFair(), ProportionalFair()]
    for one in both:
        one.reset(context(SHAPE), 1)
    found, expected = (one.decide(seen) for one in both)
    assert torch.equal(found.user, expected.user) and found.partners is None


def test_it_keeps_the_contract() -> None:
    assert check_allocator("mu_proportional_fair").ok
    assert not check_allocator(Twice).ok


class Twice(MultiUserProportionalFair):
    """Puts the holder on the PRB twice."""

    def decide(self, observation: SchedulingObservation) -> Any:
        made = super().decide(observation)
        return made if made.partners is None else replace(made, partners=made.user[..., None].expand_as(made.partners))


PANELS = {
    "base": {"columns": 4, "polarizations": 2, "ports": 8, "element": "omni"},
    "precoding": "rzf",
    "users_per_prb": 3,
}
SMALL = {"drops": 2, "duration_s": 0.1, "warmup_s": 0.0, "plots": False, "progress": False, "carrier.prbs": 12}


def test_runs_side_by_side_with_allocators_that_share_nothing(tmp_path: Any) -> None:
    result = run(
        "scheduling-macro",
        ["proportional_fair", "mu_proportional_fair"],
        out=tmp_path / "run",
        mimo=PANELS,
        **SMALL,
        **{"topology.sites": 1, "topology.wrap_around": False, "topology.sectors": 1, "antenna.kind": "sector",
           "users.ftp.count": 6, "users.ftp.traffic": {"model": "full_buffer"}, "users.ftp.speed_kmh": 0.0},
    )  # fmt: skip
    rate, users = {}, {}
    for name in ("proportional_fair", "mu_proportional_fair"):
        found = result.to_xarray(name)
        rate[name] = float(found["served_bits"].sum())
        users[name] = float(found["granted_prbs"].sum() / found["used_prbs"].sum())
    assert users["proportional_fair"] == pytest.approx(1.0) and users["mu_proportional_fair"] > 1.5
    assert rate["mu_proportional_fair"] > 1.2 * rate["proportional_fair"]


@pytest.mark.parametrize("scheduler", ["proportional_fair", "mu_proportional_fair"])
def test_slices_share_prbs_within_themselves(scheduler: str, tmp_path: Any) -> None:
    result = run(
        "slicing-quickstart",
        ["equal"],
        out=tmp_path / "run",
        mimo=PANELS,
        **{**SMALL, "duration_s": 0.5, "drops": 1, "antenna.kind": "sector", "slicing.scheduler": scheduler},
    )
    found = result.to_xarray("equal")
    assert float(found["served_bits"].sum()) > 0
    assert (found["used_prbs"] <= 12 * found.attrs["slots_per_window"]).all()
