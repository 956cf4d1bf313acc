"""Itineraries: motion, measurements and handovers of a whole run, the same alone and in a batch."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import torch
from torch import Tensor

from mac.engine.serving_schedule import ServingSchedule
from mac.handover import a3, measurements
from mac.handover.a3 import LinkSinr, rules
from mac.handover.serving_plan import ServingPlan, period_slots, plan_drop, plan_serving
from mac.handover.settings import HandoverSettings, MeasurementSettings
from phy.mobility import Linear, area_of, trajectories, wrap_position
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology, displacement
from phy.topology.users import place_per_cell
from phy.tr38901.pathloss import Link, path_loss_db

TOPOLOGY = build_topology(TopologySettings(sectors=1))
DROPS = Drops(2, (0, 4, 1))
SETTINGS = MeasurementSettings(period_ms=40.0, error_db=0.5)
RULES = rules(HandoverSettings(), 7, 0.5e-3, torch.device("cpu"))


def snr_on_the_way(drops: Drops, speed_kmh: float = 120.0, duration_s: float = 30.0) -> Tensor:
    """Mean SNR of links with no loss but by distance, ``[B, T, U, C]``."""
    start, _ = place_per_cell(drops.keys("placement"), TOPOLOGY, 3, 35.0, 1.5)
    model = Linear(min_speed_kmh=speed_kmh, max_speed_kmh=speed_kmh)
    walk = trajectories(drops, model, start, area_of(TOPOLOGY), duration_s)
    place = wrap_position(
        TOPOLOGY, walk.position_m(torch.arange(0.0, duration_s, 0.04, dtype=torch.float64))
    ).transpose(1, 2)
    distance = displacement(TOPOLOGY, place.flatten(1, 2))[..., :2].norm(dim=-1).unflatten(1, place.shape[1:3])
    distance = distance.clamp(min=10.0)
    link = Link(distance, torch.full_like(distance, 25.0), torch.full_like(distance, 1.5), 2e9)
    loss_db = path_loss_db("uma", link, torch.zeros_like(distance, dtype=torch.bool))
    return 10.0 ** ((140.0 - loss_db) / 10.0)


def test_a_drop_is_the_same_alone_and_in_a_batch() -> None:
    snr = snr_on_the_way(DROPS)
    batch = plan_serving(DROPS, snr, SETTINGS, RULES)
    for row, drop in enumerate(DROPS.single()):
        alone = plan_serving(drop, snr[row : row + 1], SETTINGS, RULES)
        for one, all_of_them in (
            (alone.serving, batch.serving),
            (alone.served_from_slot, batch.served_from_slot),
            (alone.counts, batch.counts),
        ):
            assert torch.equal(one[0], all_of_them[row])


def test_users_that_drive_on_are_handed_over() -> None:
    """1 km in 30 s through cells of 500 m: one to four handovers each, no link fails, few ping-pongs."""
    snr = snr_on_the_way(DROPS)
    plan = plan_serving(DROPS, snr, SETTINGS, RULES)
    counts = dict(zip(a3.COUNTERS, plan.counts.sum(dim=(0, 1)).sum(-1).tolist(), strict=True))
    users = 3 * 21
    assert 1.0 < counts["handovers"] / users < 4.0
    assert counts["ping_pongs"] < 0.1 * counts["handovers"]
    assert counts["radio_link_failures"] + counts["handover_failures"] < 0.1 * counts["handovers"]
    changes = (plan.serving[:, 1:] != plan.serving[:, :-1]).sum()
    assert changes == counts["handovers"] + _moved_by_failure(plan)
    # and a user that is not at a border is served by the best cell
    best = snr.argmax(-1)
    assert (plan.serving == best).double().mean() > 0.85


def _moved_by_failure(plan: ServingPlan) -> int:
    failed = plan.counts[:, 1:, 2:4].sum(2) > 0
    return int((failed & (plan.serving[:, 1:] != plan.serving[:, :-1])).sum())


def test_a_user_at_rest_keeps_its_cell() -> None:
    snr = snr_on_the_way(DROPS, speed_kmh=0.0, duration_s=8.0)
    plan = plan_serving(DROPS, snr, MeasurementSettings(error_db=0.0), RULES)
    assert torch.equal(plan.serving, snr.argmax(-1))
    assert plan.counts.sum() == 0.0
    assert plan.served(12_345).all()


def test_step_by_step_as_the_functions_say() -> None:
    snr = snr_on_the_way(DROPS, duration_s=12.0)[1:2]
    home = torch.arange(21)[None] % 7
    load = rules(HandoverSettings(load=0.6), 7, 0.5e-3, torch.device("cpu"))
    plan = plan_serving(Drops(2, (4,)), snr, SETTINGS, load, serving=home)
    assert plan.period_slots == period_slots(SETTINGS, RULES.slot_s) == 80
    keys, level = Drops(2, (4,)).keys("measurement"), 10.0 * snr.log10()
    table = measurements.error_table(SETTINGS, torch.device("cpu"), torch.float64)
    state, filtered = a3.attached(home, 7), measurements.sample_db(keys, level[:, 0], 0, table)
    for number in range(1, snr.shape[1]):
        sample = measurements.sample_db(keys, level[:, number], number, table)
        filtered = (1.0 - SETTINGS.weight) * filtered + SETTINGS.weight * sample
        five, two = (_mean_sinr_db(snr[0], number, last, state.serving[0], 0.6) for last in (5, 2))  # 200 and 100 ms
        state, counts = a3.update(state, filtered, LinkSinr(five[None], two[None]), number * 80, load)
        assert torch.equal(plan.serving[:, number], state.serving)
        assert torch.equal(plan.counts[0, number], counts[:, 0])
        slot = number * 80 + 79
        assert torch.equal(plan.served(slot), state.served(slot))
    assert not plan.served(int(plan.served_from_slot.max()) - 1).all()  # some UE was not served for a while


def _mean_sinr_db(snr: Tensor, number: int, last: int, serving: Tensor, load: float) -> Tensor:
    """Mean over the last samples, user by user, sample by sample."""
    result = []
    for user, cell in enumerate(serving.tolist()):
        window = snr[max(0, number + 1 - last) : number + 1, user]
        others = window.sum(-1) - window[:, cell]
        result.append(10.0 * torch.log10((window[:, cell] / (1.0 + load * others)).mean()))
    return torch.stack(result)


def test_a_dip_shorter_than_the_window_breaks_no_link() -> None:
    """TR 36.839: SINR over 200 ms against Qout. A dip of one sample to -12 dB starts T310 only without the window."""
    settings = MeasurementSettings(error_db=0.0)

    def failures(window_ms: float, samples: int) -> float:
        snr = torch.tensor([[[10.0, 4.0]]]).repeat(60, 1, 1).double()
        snr[20 : 20 + samples, 0, 0] = 0.3
        own = HandoverSettings(qout_window_ms=window_ms, qin_window_ms=0.5 * window_ms, offset_db=15.0, t310_ms=0)
        plan = plan_serving(Drops(1, (0,)), snr[None], settings, rules(own, 2, 1e-3, torch.device("cpu")))
        return float(plan.counts[:, :, 2:4].sum())

    assert failures(0.0, 1) == 1.0 and failures(200.0, 1) == 0.0
    assert failures(200.0, 10) > 0.0


def test_no_more_than_some_samples_are_held() -> None:
    """57 cells and 570 users for a minute would be 0.4 GB."""
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most, snr = 0, snr_on_the_way(DROPS.single()[0], duration_s=8.0)[0]

    def samples() -> Iterator[Tensor]:
        nonlocal most
        for row in snr:
            sample = row.clone()
            alive.add(sample)
            yield sample
            del sample
            most = max(most, len(alive))

    plan = plan_drop(DROPS.single()[0], samples(), SETTINGS, RULES)
    assert 1 <= most <= 7 < len(snr)
    assert torch.equal(plan.serving, plan_serving(DROPS.single()[0], snr[None], SETTINGS, RULES).serving)


def test_what_is_kept_of_an_itinerary_is_in_the_estimate() -> None:
    """Users and rosters of every measurement, in the serving plan and in the timetable that the slot loop reads."""
    from scenarios import load
    from scenarios.families import find

    walks = load("mobility-macro", duration_s=20.0, warmup_s=0.0)
    stays = load("mobility-macro", duration_s=20.0, warmup_s=0.0, handover=None)
    estimate = find("scheduling").estimate_bytes
    estimated = estimate(walks, 1) - estimate(stays, 1)
    serving = (torch.arange(63) // 3).expand(1, 500, 63).contiguous()
    plan = ServingPlan(40, serving, serving * 0, torch.zeros((1, 500, len(a3.COUNTERS), 63), dtype=torch.float64))
    table = ServingSchedule(plan, 21, torch.device("cpu"))
    tensors = [
        plan.serving,
        plan.served_from_slot,
        plan.counts,
        *(t for t in vars(table).values() if isinstance(t, Tensor)),
    ]
    held = sum(t.numel() * t.element_size() for t in tensors)
    assert held < estimated < 3 * held
