"""Rays drawn around clusters: spreads, pairing, cross-polarization, phases."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from phy.random import Drops, uniform
from phy.tr38901.coefficients import MimoRays
from phy.tr38901.rays import ClusterDirections, ClusterSpreads, DirectRay, draw_rays, wrap_zenith

DROPS = Drops(4, (0, 1, 2))
SHAPE = (3, 50)


def clusters(count: int = 8) -> ClusterDirections:
    def some(stream: str) -> Tensor:
        return uniform(DROPS.keys(stream), (SHAPE[1], count))

    power = some("power")
    zenith = [1.0 + some(name) for name in ("zod", "zoa")]
    return ClusterDirections(
        delay_s=1e-6 * some("delay"), power=power / power.sum(-1, keepdim=True), aod=6 * some("aod"), zod=zenith[0],
        aoa=6 * some("aoa"), zoa=zenith[1],
    )  # fmt: skip


def everywhere(value: float) -> Tensor:
    return torch.full(SHAPE, value, dtype=torch.float64)


def rays(drops: Drops = DROPS, rows: slice = slice(None)) -> MimoRays:
    spreads = ClusterSpreads(*(everywhere(x)[rows] for x in (5.0, 1.0, 11.0, 7.0, 8.0, 4.0)))
    direct = DirectRay(*(everywhere(x)[rows] for x in (9.0, 0.1, 1.6, 0.2, 1.5, 100.0)))
    some = clusters()
    cut = ClusterDirections(*(getattr(some, name)[rows] for name in ClusterDirections.__dataclass_fields__))
    return draw_rays(drops, cut, spreads, direct)


def test_rays_spread_around_their_cluster() -> None:
    """Table 7.5-3 is made so that its rms is one; XPR has the mean and sigma asked for; phases are uniform."""
    drawn, around = rays(), clusters()
    for name, spread in (("aod", 5.0), ("zod", 1.0), ("aoa", 11.0), ("zoa", 7.0)):
        offset = torch.rad2deg(getattr(drawn, name) - getattr(around, name)[..., None])
        assert float(offset.mean(-1).abs().max()) < 1e-9
        torch.testing.assert_close(
            offset.square().mean(-1).sqrt(), torch.full_like(around.aod, spread), rtol=1e-3, atol=0
        )
    xpr_db = 10 * drawn.xpr.log10()
    assert float(xpr_db.mean()) == pytest.approx(8.0, abs=0.1)
    assert float(xpr_db.std()) == pytest.approx(4.0, abs=0.1)
    assert float(drawn.phases.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(drawn.phases.std()) == pytest.approx(math.pi / math.sqrt(3), rel=0.01)
    torch.testing.assert_close(drawn.power.sum((-2, -1)), everywhere(1.0))


def test_ends_are_paired_at_random() -> None:
    drawn, around = rays(), clusters()
    depart, arrive = (getattr(drawn, n) - getattr(around, n)[..., None] for n in ("aod", "aoa"))
    correlation = (depart * arrive).mean(-1) / (depart.std(-1) * arrive.std(-1))
    assert float(correlation.mean()) == pytest.approx(0.0, abs=0.03)
    assert float(correlation.std()) == pytest.approx(1 / math.sqrt(20), rel=0.1)


def test_a_drop_is_the_same_alone() -> None:
    alone, together = rays(Drops(4, (1,)), slice(1, 2)), rays()
    for name in MimoRays.__dataclass_fields__:
        assert torch.equal(getattr(alone, name)[0], getattr(together, name)[1])


def test_zenith_is_folded() -> None:
    given = torch.tensor([-0.1, 0.2, math.pi + 0.3], dtype=torch.float64)
    torch.testing.assert_close(wrap_zenith(given), torch.tensor([0.1, 0.2, math.pi - 0.3], dtype=torch.float64))
