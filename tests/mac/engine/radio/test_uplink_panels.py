"""An uplink to panels: against plain loops, with one port the formula of single antennas, alone and in a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine_cases import NAMES, rotate, sent
from engine_factory import engine

from mac.engine.engine import Engine
from mac.engine.radio.base_antennas import BasePanels
from mac.engine.radio.uplink import Uplink
from mac.engine.state import CellState
from mac.engine.uplink_power import UplinkPlan, UplinkSettings, path_loss_db
from mac.scheduling.observe import observe
from phy.antenna.panel import PanelSettings
from phy.link.mimo_settings import MimoSettings
from phy.random import Drops

SETTINGS = UplinkSettings(p0_dbm=-80.0, alpha=0.8, max_power_dbm=20.0)
FOUR = MimoSettings(
    base=PanelSettings(columns=2, polarizations=2, ports=4),
    ue=PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0),
    heard_cells=3,
    refresh_slots=4,
)
ONE = MimoSettings(base=PanelSettings(), ue=PanelSettings(), heard_cells=7, refresh_slots=1)


def uplink(drops: Drops, antennas: MimoSettings, **more: Any) -> Engine:
    parts = engine(drops, antennas=antennas, **more).parts
    both = zip(parts.channel.mean_snr, parts.channel.serving, strict=True)
    loss = torch.stack([path_loss_db(snr, serving, parts.carrier) for snr, serving in both])
    carrier = replace(parts.carrier, direction="uplink")
    made = Engine(replace(parts, carrier=carrier, uplink=UplinkPlan(SETTINGS, loss[None])))
    assert isinstance(made.radio, Uplink) and isinstance(made.radio.antennas, BasePanels)
    return made


def drive(tested: Engine, slots: int) -> tuple[CellState, torch.Tensor]:
    state, total = tested.start(), torch.zeros(len(tested.counters), *tested.shape, dtype=torch.float64)
    for _ in range(slots):
        observation = observe(tested, state)
        state, outcome = tested.step(state, rotate(observation), observation.need_prbs)
        total += outcome.counters
    return state, total


def loops(state: CellState, user: np.ndarray, power: np.ndarray, receiver: str) -> tuple[np.ndarray, np.ndarray]:
    """SINR and rise ``[C, K]`` of the first drop, cell by cell and PRB by PRB, in double precision."""
    response = state.block.response
    matrices, heard = response.matrices[0].numpy(), response.cells.heard[0].tolist()
    rest = response.cells.rest_snr[0].numpy()
    cells, prbs = user.shape
    ports = matrices.shape[-1]
    sinr, rise = np.zeros((cells, prbs)), np.zeros((cells, prbs))
    for c in range(cells):
        for k in range(prbs):
            covariance = np.eye(ports, dtype=complex)
            for i in range(cells):
                if i == c:
                    continue
                u = user[i, k]
                if c in heard[u]:
                    h = matrices[u, k, heard[u].index(c), 0]
                    covariance += power[i, k] * np.outer(h, h.conj())
                else:
                    covariance += power[i, k] * rest[u, c] * np.eye(ports)
            h = matrices[user[c, k], k, 0, 0]
            if receiver == "lmmse":
                sinr[c, k] = power[c, k] * (h.conj() @ np.linalg.inv(covariance) @ h).real
            else:
                sinr[c, k] = power[c, k] * (h.conj() @ h).real ** 2 / (h.conj() @ covariance @ h).real
            rise[c, k] = np.trace(covariance).real / ports
    return sinr, rise


@pytest.mark.parametrize("receiver", ["lmmse", "mrc"])
def test_what_cells_receive_is_that_of_plain_loops(receiver: str) -> None:
    tested = uplink(Drops(5, (2,)), replace(FOUR, receiver=receiver), dtype=torch.float64)
    state = tested.start()
    for slot in range(6):
        observation = observe(tested, state)
        decision = rotate(observation)
        decision.user[0, slot % 7, ::3] = -1  # PRBs without a UE
        sending = sent(tested, state, decision.user)
        user = sending.grant.holder.clamp(max=27).view(1, 7, 12)
        power = tested.radio.powers.on(sending.grant.prbs, slot).gather(1, user.flatten(1)).view(user.shape)
        power = power * sending.activity
        found = tested.radio.antennas.receive(state.block.response, user, power)
        sinr, rise = loops(state, user[0].numpy(), power[0].numpy(), receiver)
        np.testing.assert_allclose(found.sinr[0].numpy(), sinr, rtol=1e-8)
        np.testing.assert_allclose(found.rise[0].numpy(), rise, rtol=1e-8)
        state, _ = tested.step(state, decision, observation.need_prbs)
    assert (rise > 1.0).all() and (sinr > 0).any()


def test_reports_are_of_the_power_of_the_open_loop_behind_what_was_heard() -> None:
    tested = uplink(Drops(5, (2,)), FOUR, dtype=torch.float64)
    state = tested.start()
    observation = observe(tested, state)
    decision = rotate(observation)
    sending = sent(tested, state, decision.user)
    moment = tested._moment(state.slot, state.block, state.attached.serving)
    report = tested.radio.receive(moment, sending).report
    assert report is not None
    user, power = sending.grant.holder.view(1, 7, 12), tested.radio.powers.on(sending.grant.prbs, 0)
    heard = tested.radio.antennas.receive(
        state.block.response, user, power.gather(1, user.flatten(1)).view(1, 7, 12) * sending.activity
    )
    wanted = torch.empty(1, 28, 12, dtype=torch.float64)
    for u in range(28):
        for k in range(12):
            around = heard.disturbance[0, int(state.attached.serving[0, u]), k].numpy()
            h = state.block.response.matrices[0, u, k, 0, 0].numpy()
            gain = (h.conj() @ np.linalg.inv(around) @ h).real
            wanted[0, u, k] = float(tested.radio.powers.open_loop(0)[0, u]) * gain
    assert torch.equal(report.bits, tested.parts.tables.adaptation.report(wanted))


def test_one_port_at_both_ends_is_the_formula_of_single_antennas() -> None:
    """gamma = p |h|^2 / (1 + sum p_i |h_i|^2), all cells heard."""
    tested = uplink(Drops(3, (0,)), ONE, dtype=torch.float64)
    state = tested.start()
    response, user = state.block.response, tested.roster[:, :, :1].expand(1, 7, 12)
    power = torch.full((1, 7, 12), 0.3, dtype=torch.float64)
    found = tested.radio.antennas.receive(response, user, power)
    gain = torch.zeros(7, 7, 12, dtype=torch.float64)  # of the UE in cell i at cell c
    for i in range(7):
        for k in range(12):
            u = int(user[0, i, k])
            gain[i, response.cells.heard[0, u], k] = response.matrices[0, u, k, :, 0, 0].abs().square()
    own = gain.diagonal().T
    wanted = 0.3 * own / (1 + 0.3 * (gain.sum(0) - own))
    torch.testing.assert_close(found.sinr[0], wanted)
    torch.testing.assert_close(found.rise[0], 1 + 0.3 * (gain.sum(0) - own))


def test_a_drop_alone_is_the_drop_in_a_batch_bit_for_bit() -> None:
    (one, one_sum), (many, many_sum) = (drive(uplink(drops, FOUR), 25) for drops in (Drops(1, (3,)), Drops(1, (0, 3))))
    assert torch.equal(one_sum[:, 0], many_sum[:, 1])
    assert torch.equal(one.reports[0].bits[0], many.reports[0].bits[1])


def test_more_ports_carry_more_and_lmmse_more_than_mrc() -> None:
    carried = {}
    for name, antennas in {"one": ONE, "mrc": replace(FOUR, receiver="mrc"), "lmmse": FOUR}.items():
        carried[name] = float(drive(uplink(Drops(4, (0, 1)), antennas), 60)[1][NAMES["served_bits"]].sum())
    assert 1.1 * carried["one"] < carried["mrc"] < carried["lmmse"]
