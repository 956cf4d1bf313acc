"""Uplink power control and SINR: the formula by hand, loops, Sionna, and what fractional control is there for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from oracles_antennas import uplink_sinr as oracle_uplink
from pydantic import ValidationError
from torch import Tensor

from phy.link.power_control import (
    UplinkPowerSettings,
    power_headroom_db,
    prb_power,
    received_uplink_power,
    transmit_power_dbm,
    uplink_sinr,
)
from phy.random import uniform


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_power_by_hand() -> None:
    settings = UplinkPowerSettings(p0_dbm=-90.0, alpha=0.8, max_power_dbm=23.0)
    loss = tensor(80.0, 100.0, 140.0)
    expected = [-90 + 64 + 10 * math.log10(5), -90 + 80 + 10 * math.log10(5), 23.0]
    np.testing.assert_allclose(transmit_power_dbm(settings, loss, torch.tensor([5, 5, 5])).numpy(), expected)
    double = transmit_power_dbm(settings, loss[:1], torch.tensor([5]), numerology=1)  # 360 kHz a PRB: 3 dB more
    assert float(double) == pytest.approx(expected[0] + 10 * math.log10(2))
    commanded = transmit_power_dbm(settings, loss[:1], torch.tensor([5]), closed_loop_db=tensor(-2.0))
    assert float(commanded) == pytest.approx(expected[0] - 2)


def test_no_prbs_no_power() -> None:
    power = transmit_power_dbm(UplinkPowerSettings(), tensor(100.0), torch.tensor([0]))
    assert float(power) == -math.inf
    assert float(prb_power(power, torch.tensor([0]), 23.0)) == 0.0


def test_more_bits_more_power() -> None:
    """2^(1.25 * 0.8) - 1 = 1: nothing is added at 0.8 bits per resource element, 8.45 dB at 2.4."""
    settings = UplinkPowerSettings(delta_mcs=True)
    plain = transmit_power_dbm(UplinkPowerSettings(), tensor(90.0), torch.tensor([1]))
    added = transmit_power_dbm(settings, tensor(90.0, 90.0), torch.tensor([1]), bits_per_re=tensor(0.8, 2.4)) - plain
    np.testing.assert_allclose(added.numpy(), [0.0, 10 * math.log10(7)], atol=1e-9)
    with pytest.raises(ValueError, match=r"delta_mcs is set, but bits_per_re is missing; give"):
        transmit_power_dbm(settings, tensor(90.0), torch.tensor([1]))


def test_open_loop_of_sionna() -> None:
    theirs = pytest.importorskip("sionna.sys").open_loop_uplink_power_control
    loss = 60 + 90 * uniform(torch.tensor([1]), (500,))[0]
    prbs = (1 + 50 * uniform(torch.tensor([2]), (500,))[0]).long()
    for alpha, p0 in ((1.0, -100.0), (0.8, -80.0), (0.0, 0.0)):
        settings = UplinkPowerSettings(alpha=alpha, p0_dbm=p0, max_power_dbm=26.0)
        ours = 10 ** (transmit_power_dbm(settings, loss, prbs) / 10 - 3)
        expected = theirs(10 ** (loss / 10), prbs * 12, alpha, p0, 26.0, precision="double")
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=0)


def test_full_compensation_receives_p0() -> None:
    settings = UplinkPowerSettings(alpha=1.0, p0_dbm=-95.0)
    loss, prbs = tensor(70.0, 90.0, 100.0), torch.tensor([1, 4, 10])
    received = transmit_power_dbm(settings, loss, prbs) - loss - 10 * prbs.log10()
    np.testing.assert_allclose(received.numpy(), -95.0)


def test_headroom() -> None:
    assert power_headroom_db(UplinkPowerSettings(), tensor(20.0, 26.0)).tolist() == [3.0, -3.0]


def network(cells: int = 4, users: int = 11, prbs: int = 6, batch: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Gains, holders (some PRBs have none) and powers."""
    keys = torch.arange(batch)
    gain = 10 ** (3 * uniform(keys + 10, (users, cells, prbs)) - 1)
    holder = (uniform(keys + 20, (cells, prbs)) * (users + 2)).long() - 2
    return gain, holder.clamp(min=-1), uniform(keys + 30, (users,))


def test_sinr_in_loops() -> None:
    gain, holder, power = network()
    ours = uplink_sinr(gain, holder, power)
    theirs = oracle_uplink(gain.numpy(), holder.numpy(), power.numpy())
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)
    assert bool((holder < 0).any()) and bool((ours[holder < 0] == 0).all())
    flat = uplink_sinr(gain[..., :1], holder, power)
    np.testing.assert_allclose(
        flat.numpy(), oracle_uplink(gain[..., :1].expand_as(gain).numpy(), holder.numpy(), power.numpy()), rtol=1e-12
    )


def test_alone_as_in_a_batch() -> None:
    gain, holder, power = network()
    assert torch.equal(uplink_sinr(gain[1:2], holder[1:2], power[1:2])[0], uplink_sinr(gain, holder, power)[1])


def test_strong_user_next_to_a_weak_one_does_not_round_away() -> None:
    """Interference is what others send, not a difference of great numbers, in single precision too."""
    gain = torch.tensor([[[1e8], [0.0]], [[0.0], [1.0]]])[None]  # users hear only their own cells
    sinr = uplink_sinr(gain, torch.tensor([[[0], [1]]]), torch.ones((1, 2)))
    assert sinr.flatten().tolist() == pytest.approx([1e8, 1.0])
    crossed = torch.tensor([[[1e8], [0.0]], [[0.5], [1.0]]])[None]
    assert float(uplink_sinr(crossed, torch.tensor([[[0], [1]]]), torch.ones((1, 2)))[0, 0, 0]) == pytest.approx(
        1e8 / 1.5, rel=1e-6
    )


def test_received_power_names_cells_in_order() -> None:
    gain, holder, power = network(batch=1)
    received = received_uplink_power(gain, holder, power)
    user = int(holder[0, 2, 3])
    assert user >= 0
    assert float(received[0, 1, 2, 3]) == pytest.approx(float(power[0, user] * gain[0, user, 1, 3]))


def test_fractional_control_trades_the_edge_for_the_centre() -> None:
    """Raising alpha at the same mean received power lifts the worst SNR and lowers the best."""
    loss = torch.linspace(80, 120, 41, dtype=torch.float64)
    one = torch.ones(41, dtype=torch.int64)

    def snr(alpha: float, p0: float) -> Tensor:
        settings = UplinkPowerSettings(alpha=alpha, p0_dbm=p0, max_power_dbm=30.0)
        return transmit_power_dbm(settings, loss, one) - loss

    fractional, full = snr(0.6, -60.0), snr(1.0, -100.0)
    assert float(fractional.mean()) == pytest.approx(float(full.mean()))
    assert float(fractional.min()) < float(full.min()) and float(fractional.max()) > float(full.max())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"alpha": 0.3},
            r"alpha is 0.3, but it can be signalled as one of 0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1; choose one",
        ),
        ({"alpha": 1.1}, r"less than or equal to 1"),
        ({"p0_dbm": -300.0}, r"greater than or equal to -202"),
        ({"p0": -80.0}, r"[Uu]nexpected"),
    ],
)
def test_bad_settings(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        UplinkPowerSettings(**given)
