"""Where sensors stand, what their radio spends, and what their air loses: closed forms and plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from phy.random import Drops, pair_normal, uniform
from phy.sensors.deployment import DeploymentSettings, place_nodes
from phy.sensors.packet_error import SensorLinkSettings, bit_error_rate, packet_success
from phy.sensors.radio_energy import SensorRadioSettings, transmit_j_per_bit

DROPS = Drops(1, tuple(range(40)))


def test_two_slopes_meet_and_have_their_numbers() -> None:
    radio = SensorRadioSettings()
    assert radio.crossover_m == pytest.approx(87.7, abs=0.01)
    squared = torch.tensor([0.0, 50.0**2, 100.0**2, radio.crossover_m**2 * (1 - 1e-12), radio.crossover_m**2])
    joules = (4000 * transmit_j_per_bit(radio, squared.double())).tolist()
    assert joules[0] == pytest.approx(4000 * 50e-9)
    assert joules[1] == pytest.approx(4000 * (50e-9 + 10e-12 * 2500))
    assert joules[2] == pytest.approx(4000 * (50e-9 + 0.0013e-12 * 1e8))
    assert joules[3] == pytest.approx(joules[4], rel=1e-6)
    first = SensorRadioSettings(amplifier_j_per_bit_m2=100e-12, amplifier_j_per_bit_m4=None)
    assert float(transmit_j_per_bit(first, torch.tensor(200.0**2))) == pytest.approx(50e-9 + 100e-12 * 40000)
    assert first.crossover_m == math.inf


def test_uniform_fields_fill_their_area() -> None:
    place = place_nodes(DROPS, DeploymentSettings(width_m=200.0, height_m=50.0, nodes=500))
    assert place.shape == (40, 500, 2)
    assert place.flatten(0, 1).mean(0).tolist() == pytest.approx([100.0, 25.0], rel=0.02)
    assert place.flatten(0, 1).std(0).tolist() == pytest.approx([200 / 12**0.5, 50 / 12**0.5], rel=0.02)


def test_a_grid_is_a_grid() -> None:
    place = place_nodes(Drops(1, (0, 1)), DeploymentSettings(placement="grid", nodes=50, width_m=100, height_m=50))
    rows = [[5.0 + 10 * (n % 10), 5.0 + 10 * (n // 10)] for n in range(50)]
    assert place[0].flatten().tolist() == pytest.approx([axis for row in rows for axis in row])
    assert torch.equal(place[0], place[1])


def test_clustered_nodes_stand_around_their_parents() -> None:
    settings = DeploymentSettings(placement="clustered", nodes=400, parents=4, parent_radius_m=10.0)
    place = place_nodes(DROPS, settings)
    parent = uniform(DROPS.keys("wsn/parents"), (4, 2)) * 100.0
    assert (place >= 0).all() and (place <= 100).all()
    apart = torch.cdist(place, parent).amin(-1)
    assert apart.max() <= 10.0
    inner = (parent > 10).all(-1) & (parent < 90).all(-1)  # whole discs: half of the nodes within 0.71 radii
    alone = torch.cdist(parent, parent).add(1e9 * torch.eye(4)).amin(-1) > 25
    own = torch.cdist(place, parent).argmin(-1)
    whole = (inner & alone).gather(1, own)
    assert (apart[whole] < 10 * 0.5**0.5).double().mean() == pytest.approx(0.5, abs=0.02)


def test_bit_errors_are_those_of_the_standards_sum() -> None:
    snr = torch.tensor([0.0, 0.1, 0.5, 1.0, 3.0], dtype=torch.float64)
    for value, found in zip(snr.tolist(), bit_error_rate(snr).tolist(), strict=True):
        terms = ((-1) ** k * math.comb(16, k) * math.exp(20 * value * (1 / k - 1)) for k in range(2, 17))
        assert found == pytest.approx(8 / 15 / 16 * sum(terms), abs=1e-12)
    assert float(bit_error_rate(torch.tensor(0.0, dtype=torch.float64))) == pytest.approx(0.5)
    assert (bit_error_rate(torch.logspace(-2, 1, 50, dtype=torch.float64)).diff() <= 0).all()


def test_packets_are_lost_by_distance_and_the_pairs_own_shadowing() -> None:
    drops, link = Drops(2, (0,)), SensorLinkSettings(model="log_distance", shadowing_db=6.0)
    parent = torch.tensor([[1, 0, -1]])
    hop = torch.tensor([[60.0**2, 60.0**2, 80.0**2]], dtype=torch.float64)
    success = packet_success(link, drops, parent, hop, 800)[0]
    assert float(success[0]) == float(success[1])  # the same in both directions
    key = drops.keys("wsn/shadowing")
    for node, other, metres in ((0, 1, 60.0), (2, 3, 80.0)):
        shadowing = 6.0 * float(pair_normal(key, torch.tensor([[node]]), torch.tensor([[other]]), 4))
        snr_db = 0.0 - (40.2 + 24.0 * math.log10(metres)) - shadowing + 100.0
        ber = float(bit_error_rate(torch.tensor(10 ** (snr_db / 10), dtype=torch.float64)))
        assert float(success[node]) == pytest.approx((1 - ber) ** 800)
    still = SensorLinkSettings(model="log_distance", shadowing_db=0.0)
    far = torch.linspace(1, 1000, 50, dtype=torch.float64).square()[None]
    chain = packet_success(still, drops, torch.full((1, 50), -1), far, 800)[0]
    assert chain[0] == 1.0 and chain[-1] < 1e-6 and (chain.diff() <= 0).all()
