"""MIMO channel matrices from rays: limits and statistics, and equality with Sionna's for the very same rays."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from oracles_rays import CARRIER_HZ, order_in
from scipy.special import j0
from torch import Tensor

from phy.antenna.panel import PanelSettings
from phy.random import normal, uniform
from phy.tr38901.coefficients import LinkEnd, MimoRays, steer, with_sub_clusters
from phy.units import SPEED_OF_LIGHT_MPS

FREQUENCY_HZ = (torch.arange(12, dtype=torch.float64) - 5.5) * 180e3
TIME_S = torch.tensor([0.0, 1e-3, 7.3e-3], dtype=torch.float64)


def draw(shape: tuple[int, ...], clusters: int = 9, rays: int = 20, los: bool = True) -> MimoRays:
    """Rays in all directions, exponential delays, unequal powers."""
    links = math.prod(shape)
    number = [0]

    def some(*size: int) -> Tensor:
        number[0] += 1
        return uniform(torch.tensor([number[0]]), (links, *size))[0].reshape(*shape, *size)

    each = (clusters, rays)
    delay = (-200e-9 * some(clusters).log()).sort(-1).values
    power = torch.exp(2 * some(clusters))[..., None].expand(*shape, *each)
    turn, half = 2 * math.pi, math.pi
    return MimoRays(
        delay_s=delay - delay[..., :1],
        power=power / power.sum((-2, -1), keepdim=True),
        aod=turn * some(*each) - half,
        zod=half * some(*each),
        aoa=turn * some(*each) - half,
        zoa=half * some(*each),
        xpr=10 ** (0.5 + some(*each)),
        phases=(turn * some(*each, 4) - half).unflatten(-1, (2, 2)),
        k_factor=10 * some() if los else torch.zeros(shape, dtype=torch.float64),
        los_aod=turn * some() - half,
        los_zod=half * some(),
        los_aoa=turn * some() - half,
        los_zoa=half * some(),
        distance_m=30 + 500 * some(),
    )


def end(panel: PanelSettings, shape: tuple[int, ...], seed: int) -> LinkEnd:
    return LinkEnd(panel, uniform(torch.tensor([seed]), (*shape, 3))[0] - 0.5)


def velocity(shape: tuple[int, ...]) -> Tensor:
    return 20 * normal(torch.tensor([77]), (*shape, 3))[0]


BASE = PanelSettings(rows=4, columns=2, polarizations=2, ports=16, row_spacing_wavelengths=0.7, element="sector")
UE = PanelSettings(columns=2, polarizations=2, ports=4, polarization_slant_deg=0.0)
ONE = PanelSettings()


def response(rays: MimoRays, base: PanelSettings, ue: PanelSettings, gain: float = 1.0) -> Tensor:
    shape = tuple(rays.k_factor.shape)
    steered = steer(
        rays, end(base, shape, 5), end(ue, shape, 6), velocity(shape), CARRIER_HZ, torch.full(shape, gain).double()
    )
    return steered.response(FREQUENCY_HZ, TIME_S)


def sionna_ends(base: PanelSettings, ue: PanelSettings) -> tuple[Any, Any, Tensor, Tensor]:
    """Sionna's arrays of the same elements, and the place of each of our ports in them."""
    tr38901 = pytest.importorskip("sionna.phy.channel.tr38901")
    arrays, orders = [], []
    for panel in (base, ue):
        kind = {-45.0: "cross", 0.0: "VH"}[round(math.degrees(panel.slants_rad[0]))]
        array = tr38901.PanelArray(
            num_rows_per_panel=panel.rows, num_cols_per_panel=panel.columns, polarization="dual",
            polarization_type=kind, antenna_pattern="38.901" if panel.element == "sector" else "omni",
            carrier_frequency=CARRIER_HZ, element_vertical_spacing=panel.row_spacing_wavelengths,
            element_horizontal_spacing=panel.column_spacing_wavelengths, precision="double", device="cpu",
        )  # fmt: skip
        arrays.append(array)
        orders.append(order_in(array, panel))
    return arrays[0], arrays[1], orders[0], orders[1]


def sionna_response(rays: MimoRays, base: PanelSettings, ue: PanelSettings, spread_s: Tensor | None) -> Tensor:
    """``[B, U, T, K, Nr, Nt]`` of rays ``[B, U, ...]`` from one base station each."""
    from sionna.phy.channel.tr38901 import ChannelCoefficientsGenerator, Topology
    from sionna.phy.channel.tr38901 import Rays as TheirRays

    tx, rx, tx_order, rx_order = sionna_ends(base, ue)
    batch, users = rays.k_factor.shape
    names = ("aoa", "aod", "zoa", "zod", "xpr")
    theirs = TheirRays(
        rays.delay_s[:, None], rays.power.sum(-1)[:, None],
        *(getattr(rays, name)[:, None] for name in names), phases=rays.phases.flatten(-2)[:, None],
    )  # fmt: skip
    topology = Topology(
        velocities=velocity((batch, users)), moving_end="rx",
        los_aoa=rays.los_aoa[:, None], los_aod=rays.los_aod[:, None], los_zoa=rays.los_zoa[:, None],
        los_zod=rays.los_zod[:, None], los=rays.k_factor[:, None] > 0, distance_3d=rays.distance_m[:, None],
        tx_orientations=end(base, (batch, users), 5).orientation_rad[:, :1],
        rx_orientations=end(ue, (batch, users), 6).orientation_rad,
    )  # fmt: skip
    make = ChannelCoefficientsGenerator(CARRIER_HZ, tx, rx, spread_s is not None, precision="double", device="cpu")
    out = []
    for time in TIME_S:
        moved = make(2, 1 / float(time) if time > 0 else 1.0, rays.k_factor[:, None], theirs, topology, *(
            () if spread_s is None else (spread_s[:, None],)
        ))  # fmt: skip
        h, delay = moved[0][..., 1 if time > 0 else 0], moved[1]
        phasor = torch.exp(-2j * math.pi * delay[..., None] * FREQUENCY_HZ)
        out.append(torch.einsum("bcunrt,bcunk->bukrt", h, phasor))
    return torch.stack(out, 2)[..., rx_order, :][..., tx_order]


@pytest.mark.parametrize("split", [False, True], ids=["clusters", "sub-clusters"])
def test_sionna_makes_the_same_matrices_of_the_same_rays(split: bool) -> None:
    shape = (3, 2)
    rays = draw(shape)
    rays = MimoRays(**{**rays.__dict__, "k_factor": rays.k_factor * torch.tensor([[1.0, 0.0]] * 3).double()})
    orientation = end(BASE, shape, 5).orientation_rad[:, :1].expand(*shape, 3)
    spread = torch.full(shape, 4e-9, dtype=torch.float64)
    ours_of = with_sub_clusters(rays, spread) if split else rays
    steered = steer(
        ours_of, LinkEnd(BASE, orientation), end(UE, shape, 6), velocity(shape), CARRIER_HZ, torch.ones(shape).double()
    )
    ours = steered.response(FREQUENCY_HZ, TIME_S)
    assert ours.shape == (3, 2, 3, 12, 4, 16)
    theirs = sionna_response(rays, BASE, UE, spread if split else None)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


def test_sub_clusters_keep_rays_and_power() -> None:
    rays = draw((4,))
    split = with_sub_clusters(rays, torch.full((4,), 5e-9).double())
    assert split.power.shape == (4, 13, 20)
    torch.testing.assert_close(split.power.sum((-2, -1)), torch.ones(4).double())
    strong = rays.power.sum(-1).topk(2, -1).values
    parts = split.power.sum(-1)[:, -4:]  # sub-clusters 2 of both, then 3 of both
    torch.testing.assert_close(parts[:, :2], 0.3 * strong)
    torch.testing.assert_close(parts[:, 2:], 0.2 * strong)
    with pytest.raises(ValueError, match=r"clusters of 20 rays .* but these have 7; draw 20"):
        with_sub_clusters(draw((2,), rays=7), torch.ones(2).double())


def test_mean_power_is_the_gain() -> None:
    """Isotropic antennas: upright ones see theta to theta alone, two crossed ones at each end see all there is."""
    rays = draw((1500,), los=False)
    upright = LinkEnd(ONE, torch.zeros((1500, 3)).double())
    steered = steer(rays, upright, upright, velocity((1500,)), CARRIER_HZ, torch.full((1500,), 9.0).double())
    assert float(steered.response(FREQUENCY_HZ[:1], TIME_S[:1]).abs().square().mean()) == pytest.approx(9.0, rel=0.05)
    both = PanelSettings(polarizations=2, ports=2)
    full = response(rays, both, both, gain=9.0)[:, 0, 0].abs().square().sum((-2, -1)).mean()
    expected = 2 * (rays.power * (1 + 1 / rays.xpr)).sum((-2, -1)).mean()
    assert float(full) == pytest.approx(9.0 * float(expected), rel=0.05)


def test_direct_ray_alone_has_rank_one_a_port_pair() -> None:
    rays = draw((5,))
    rays = MimoRays(**{**rays.__dict__, "k_factor": torch.full((5,), 1e12).double()})
    flat = PanelSettings(columns=4, ports=4)
    h = response(rays, flat, PanelSettings(columns=2, ports=2))
    values = torch.linalg.svdvals(h)
    assert float((values[..., 1] / values[..., 0]).max()) < 1e-4
    torch.testing.assert_close(
        h[..., 0, :, :].abs(), h[..., -1, :, :].abs(), atol=1e-5, rtol=0
    )  # flat over the carrier


def test_autocorrelation_is_that_of_the_directions() -> None:
    """Rays from all around in the plane: J0(2 pi v t / lambda), by 4000 links."""
    links = 4000
    rays = draw((links,), clusters=2, rays=10, los=False)
    rays = MimoRays(**{**rays.__dict__, "zoa": torch.full_like(rays.zoa, math.pi / 2)})
    speed = torch.tensor([10.0, 0.0, 0.0], dtype=torch.float64).expand(links, 3)
    still = LinkEnd(ONE, torch.zeros((links, 3), dtype=torch.float64))
    steered = steer(rays, still, still, speed, CARRIER_HZ, torch.ones(links).double())
    time = torch.tensor([0.0, 1e-3, 2e-3, 4e-3, 8e-3], dtype=torch.float64)
    h = steered.response(FREQUENCY_HZ[:1], time)[:, :, 0, 0, 0]
    found = (h * h[:, :1].conj()).mean(0).real / h.abs().square().mean(0)
    expected = torch.from_numpy(j0(2 * math.pi * 10.0 * CARRIER_HZ / SPEED_OF_LIGHT_MPS * time.numpy()))
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)


def test_picked_links_are_those_links() -> None:
    rays = draw((2, 3, 4))
    index = (torch.tensor([1, 0]), torch.tensor([2, 1]), torch.tensor([3, 3]))
    picked = rays.pick(*index)
    assert picked.power.shape == (2, 9, 20)
    assert torch.equal(picked.aod[0], rays.aod[1, 2, 3])
    assert torch.equal(picked.distance_m, rays.distance_m[index])


def test_single_precision_and_alone_as_in_a_batch() -> None:
    rays = draw((6,))
    single = MimoRays(**{name: value.float() for name, value in rays.__dict__.items()})
    ends = [LinkEnd(p, torch.zeros((6, 3))) for p in (BASE, UE)]
    steered = steer(single, *ends, torch.zeros((6, 3)), CARRIER_HZ, torch.ones(6))
    h = steered.response(FREQUENCY_HZ, TIME_S)
    assert h.dtype == torch.complex64
    double = steer(
        rays, *(LinkEnd(e.panel, e.orientation_rad.double()) for e in ends), torch.zeros((6, 3)).double(), CARRIER_HZ,
        torch.ones(6).double(),
    ).response(FREQUENCY_HZ, TIME_S)  # fmt: skip
    error = (h - double).abs().square().mean() / double.abs().square().mean()
    assert float(error) < 1e-8
    alone = steer(
        single.pick(torch.tensor([4])), *(LinkEnd(e.panel, e.orientation_rad[:1]) for e in ends), torch.zeros((1, 3)),
        CARRIER_HZ, torch.ones(1),
    ).response(FREQUENCY_HZ, TIME_S)  # fmt: skip
    assert torch.equal(alone[0], h[4])
