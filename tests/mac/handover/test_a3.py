"""Handover: the same as a loop over users, event by event as the standard words it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from oracles_handover import Clock, User
from pydantic import ValidationError
from torch import Tensor

from mac.handover import a3
from mac.handover.a3 import COUNTERS, HandoverRules, HandoverState, LinkSinr, attached, rules, start, update
from mac.handover.settings import HandoverSettings
from phy.random import Drops, normal

CPU = torch.device("cpu")
SLOT_S = 1e-3


def make(cells: int = 2, **settings: Any) -> HandoverRules:
    return rules(HandoverSettings(**settings), cells, SLOT_S, CPU)


def run(
    levels: list[list[float]], rule: HandoverRules, period: int = 40, sinr_db: float = 10.0
) -> tuple[HandoverState, Tensor]:
    """One user, which begins in cell 0, through a list of measurements; every state's counts, ``[T, 6]``."""
    state, counts = attached(torch.zeros((1, 1), dtype=torch.int64), len(levels[0])), []
    for number, level in enumerate(levels):
        filtered = torch.tensor([[level]], dtype=torch.float64)
        state, events = update(state, filtered, LinkSinr.same(torch.tensor([[sinr_db]])), number * period, rule)
        counts.append(events[:, 0, 0])
    return state, torch.stack(counts)


SCENES = {
    "plain": {},
    "eager": {"offset_db": 0, "hysteresis_db": 0, "time_to_trigger_ms": 0, "preparation_ms": 0, "interruption_ms": 0},
    "biased": {"cell_offsets_db": (-6, 0, 4, 0, 8), "time_to_trigger_ms": 80, "offset_db": -1.0, "hysteresis_db": 2.5},
    "frail": {"qout_db": 0.0, "qin_db": 2.0, "t310_ms": 100, "preparation_ms": 100.0, "reestablishment_ms": 130.0},
    "slow": {"time_to_trigger_ms": 320, "preparation_ms": 300.0, "interruption_ms": 95.0, "min_stay_s": 3.0},
    "instant": {"t310_ms": 0, "qout_db": -2.0, "qin_db": -2.0, "reestablishment_ms": 0.0, "time_to_trigger_ms": 0},
}  # fmt: skip


def scene(drops: Drops, users: int, cells: int, samples: int, memory: float) -> tuple[Tensor, Tensor]:
    """Levels ``[T, B, U, C]`` and SINRs ``[T, B, U]`` that wander."""
    level = normal(drops.keys("level"), (samples, users, cells)).transpose(0, 1).clone()
    sinr = normal(drops.keys("sinr"), (samples, users)).transpose(0, 1).clone()
    for step in range(1, samples):
        level[step] = memory * level[step - 1] + math.sqrt(1.0 - memory**2) * level[step]
        sinr[step] = memory * sinr[step - 1] + math.sqrt(1.0 - memory**2) * sinr[step]
    return 6.0 * level - 90.0, 4.0 * sinr + 1.0


@pytest.mark.parametrize("memory", [0.8, 0.96])
@pytest.mark.parametrize("name", SCENES)
def test_the_same_as_a_loop(name: str, memory: float) -> None:
    cells, users, samples, period = 5, 12, 250, 40
    drops = Drops(3, (0, 1))
    level, sinr = scene(drops, users, cells, samples, memory)
    rule = make(cells, **SCENES[name])
    state = start(level[0])
    loop = [[User(int(level[0, b, u].argmax())) for u in range(users)] for b in range(2)]
    clock = _clock(rule)
    total = torch.zeros((len(COUNTERS), 2, users), dtype=torch.float64)
    for sample in range(samples):
        slot = sample * period
        state, counts = update(state, level[sample], LinkSinr.same(sinr[sample]), slot, rule)
        total += counts
        for b, row in enumerate(loop):
            for u, user in enumerate(row):
                user.measure(slot, level[sample, b, u].tolist(), float(sinr[sample, b, u]), clock)
        _same(state, loop, slot)
    expected = torch.tensor([[list(user.counts.values()) for user in row] for row in loop], dtype=torch.float64)
    expected[..., 4:] *= SLOT_S
    assert torch.allclose(total, expected.permute(2, 0, 1), atol=1e-9)
    assert torch.equal(total[:4], expected.permute(2, 0, 1)[:4])
    assert total[0].sum() > 20  # the scene is not dull
    if name in ("frail", "instant"):
        assert total[2:4].sum() > 20


def _clock(rule: HandoverRules) -> Clock:
    own = rule.settings
    return Clock(
        own.offset_db, own.hysteresis_db, rule.cell_offset_db.tolist(), rule.time_to_trigger, rule.preparation,
        rule.interruption, own.qout_db, own.qin_db, rule.t310, rule.reestablishment, rule.min_stay,
    )  # fmt: skip


def _same(state: HandoverState, loop: list[list[User]], slot: int) -> None:
    def grid(of: Any) -> Tensor:
        return torch.tensor([[of(user) for user in row] for row in loop])

    def known(value: int | None, otherwise: int) -> int:
        return otherwise if value is None else value

    assert torch.equal(state.serving, grid(lambda user: user.serving))
    assert torch.equal(state.served_from_slot, grid(lambda user: user.back))
    assert torch.equal(state.target, grid(lambda user: known(user.target, a3.NO_CELL)))
    assert torch.equal(state.command, grid(lambda user: known(user.command, a3.FAR)))
    assert torch.equal(state.previous, grid(lambda user: known(user.previous, a3.NO_CELL)))
    present = state.served(slot)
    bad = grid(lambda user: known(user.bad_since, a3.FAR))
    assert torch.equal(state.out_of_sync[present], bad[present])


def test_a_drop_is_the_same_alone_and_in_a_batch() -> None:
    level, sinr = scene(Drops(3, (0, 1, 2)), 7, 4, 80, 0.9)
    rule = make(4)
    batch, alone = start(level[0]), start(level[0, 1:2])
    for sample in range(80):
        batch, counts = update(batch, level[sample], LinkSinr.same(sinr[sample]), sample * 40, rule)
        alone, own = update(alone, level[sample, 1:2], LinkSinr.same(sinr[sample, 1:2]), sample * 40, rule)
        assert torch.equal(counts[:, 1:2], own)
    assert torch.equal(batch.serving[1:2], alone.serving)


def test_cell_selection_takes_the_strongest() -> None:
    state = start(torch.tensor([[[-80.0, -70.0, -90.0], [-60.0, -70.0, -61.0]]]))
    assert state.serving.tolist() == [[1, 0]]
    assert state.served(0).all()


def test_timing_of_a_handover() -> None:
    """Better from sample 2 on (80 ms): reported after 160 ms, commanded 50 ms later, served after 40 ms more."""
    rule = make(time_to_trigger_ms=160, preparation_ms=50.0, interruption_ms=40.0)
    levels = [[-70.0, -80.0]] * 2 + [[-80.0, -70.0]] * 25
    _, counts = run(levels, rule, period=10)
    happened = counts[:, 0].nonzero().flatten().tolist()
    assert happened == [2 + 16 + 5]
    state, counts = run(levels[: happened[0] + 1], rule, period=10)
    assert state.serving.item() == 1
    assert state.served_from_slot.item() == 230 + 40
    assert not state.served(269).any() and state.served(270).all()
    assert counts.sum(0).tolist() == pytest.approx([1, 0, 0, 0, 0.04, 0.27])


@pytest.mark.parametrize(("margin", "enters"), [(3.0, False), (3.001, True)])
def test_entering_needs_offset_and_hysteresis(margin: float, enters: bool) -> None:
    rule = make(offset_db=2.0, hysteresis_db=1.0, time_to_trigger_ms=0, preparation_ms=0.0)
    state, _ = run([[-80.0, -80.0 + margin]], rule)
    assert bool(state.serving.item() == 1) is enters


def test_cell_offsets_shift_the_border() -> None:
    rule = make(offset_db=0.0, hysteresis_db=0.0, time_to_trigger_ms=0, preparation_ms=0.0, cell_offsets_db=(0, 6))
    assert run([[-80.0, -85.9]], rule)[0].serving.item() == 1
    assert run([[-80.0, -86.1]], rule)[0].serving.item() == 0


def test_a_dip_resets_the_time_to_trigger() -> None:
    rule = make(time_to_trigger_ms=160, preparation_ms=0.0)
    better, worse = [-80.0, -70.0], [-80.0, -79.0]
    _, counts = run([better] * 4 + [worse] + [better] * 6, rule)
    assert counts[:, 0].nonzero().flatten().tolist() == [9]


@pytest.mark.parametrize(("level", "withdrawn"), [(-78.9, False), (-79.1, True)])
def test_leaving_withdraws_the_preparation(level: float, withdrawn: bool) -> None:
    """Prepared at -70 over -80; leaving needs Mn + Hys < Mp + Off, that is Mn < -79."""
    rule = make(time_to_trigger_ms=0, preparation_ms=200.0, offset_db=2.0, hysteresis_db=1.0)
    state, _ = run([[-80.0, -70.0], [-80.0, level]], rule)
    assert bool(state.target.item() == a3.NO_CELL) is withdrawn


def test_ping_pong_is_a_quick_return() -> None:
    rule = make(time_to_trigger_ms=0, preparation_ms=0.0, min_stay_s=1.0)
    there, back = [-80.0, -70.0], [-70.0, -80.0]
    for stay, expected in ((25, 0), (24, 1), (5, 1)):  # 25 samples of 40 ms are 1 s
        _, counts = run([there] * stay + [back] * 5, rule)
        assert counts.sum(0)[:2].tolist() == [2, expected]
    third = [-80.0, -75.0, -70.0]
    _, counts = run([[-80.0, -70.0, -90.0]] * 5 + [third] * 5, make(3, time_to_trigger_ms=0, preparation_ms=0.0))
    assert counts.sum(0)[:2].tolist() == [2, 0]  # on to another cell is no ping-pong


def test_radio_link_failure_after_t310() -> None:
    rule = make(t310_ms=200, reestablishment_ms=200.0)
    state, counts = run([[-80.0, -79.0]] * 6, rule, sinr_db=-9.0)
    assert counts[:, 3].tolist() == [0, 0, 0, 0, 0, 1]
    assert state.serving.item() == 1  # heard best, though A3 never entered
    assert state.served_from_slot.item() == 400
    assert counts.sum(0).tolist() == pytest.approx([0, 0, 0, 1, 0.2, 0.2])


def test_between_qout_and_qin_the_timer_keeps_its_state() -> None:
    rule = make(t310_ms=200)
    sinr = [-9.0, -7.0, -7.0, -7.0, -7.0, -7.0]
    for first, failed in ((-9.0, True), (-7.0, False)):
        state = attached(torch.zeros((1, 1), dtype=torch.int64), 2)
        for number, value in enumerate([first, *sinr[1:]]):
            level = torch.tensor([[[-70.0, -90.0]]])
            state, counts = update(state, level, LinkSinr.same(torch.tensor([[value]])), 40 * number, rule)
        assert bool(counts[3].item()) is failed


def test_a_command_over_a_broken_link_is_lost() -> None:
    rule = make(time_to_trigger_ms=0, preparation_ms=80.0, t310_ms=1000, qout_db=-8.0)
    state, counts = run([[-80.0, -70.0]] * 3, rule, sinr_db=-9.0)
    assert counts.sum(0)[:4].tolist() == [0, 0, 1, 0]
    assert state.serving.item() == 1 and state.previous.item() == a3.NO_CELL


def test_nothing_happens_while_no_cell_serves() -> None:
    rule = make(3, time_to_trigger_ms=0, preparation_ms=0.0, interruption_ms=400.0)
    levels = [[-80.0, -70.0, -90.0]] + [[-80.0, -70.0, -50.0]] * 9
    _, counts = run(levels, rule)
    assert counts[:, 0].nonzero().flatten().tolist() == [0]
    _, counts = run([*levels, levels[-1]], rule)
    assert counts[:, 0].nonzero().flatten().tolist() == [0, 10]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hysteresis_db": 0.3}, "multiple of 0.5"),
        ({"hysteresis_db": 15.5}, "less than or equal to 15"),
        ({"offset_db": -15.5}, "greater than or equal to -15"),
        ({"time_to_trigger_ms": 150}, "Input should be 0, 40, 64"),
        ({"t310_ms": 300}, "Input should be 0, 50, 100"),
        ({"cell_offsets_db": (0, 7)}, "offset of cell 1 is 7 dB"),
        ({"qin_db": -9.0}, "cannot be less than qout_db"),
        ({"ttt": 1}, "Unexpected keyword"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        HandoverSettings(**settings)


def test_offsets_must_fit_the_cells() -> None:
    with pytest.raises(ValueError, match="2 values for 21 cells"):
        make(21, cell_offsets_db=(0, 1))


@pytest.mark.parametrize("offset_db", [0.0, 3.0, 6.0])
def test_a_walk_from_site_to_site_changes_once_where_the_levels_say(offset_db: float) -> None:
    """Levels fall with 37.6 log10(d): the place where one is stronger by offset and hysteresis, plus the delays."""
    isd_m, speed_mps, period = 500.0, 20.0, 10
    rule = make(offset_db=offset_db, hysteresis_db=1.0, time_to_trigger_ms=40, preparation_ms=0.0)
    place = 50.0 + speed_mps * torch.arange(0, 20_000, period) * SLOT_S
    levels = torch.stack((-37.6 * place.log10(), -37.6 * (isd_m - place).log10()), -1).tolist()
    _, counts = run(levels, rule, period)
    ratio = 10.0 ** ((offset_db + 1.0) / 37.6)
    expected_s = (isd_m * ratio / (1.0 + ratio) - 50.0) / speed_mps + 0.04
    assert counts.sum(0)[:4].tolist() == [1, 0, 0, 0]
    when_s = float(counts[:, 0].nonzero()) * period * SLOT_S
    assert when_s == pytest.approx(expected_s, abs=2 * period * SLOT_S)
