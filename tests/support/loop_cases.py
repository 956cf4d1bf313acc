"""Engines that are compared with plain loops, slot by slot."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from oracles_engine import LoopEngine

from mac.carrier import CarrierSettings
from mac.engine.state import EngineParts, Users
from mac.link_adaptation import harq
from mac.link_adaptation.adaptation import LinkSettings
from mac.link_adaptation.harq import HarqSettings
from mac.link_adaptation.tables import link_tables
from mac.traffic.packets import Arrivals, Packets, sort_packets
from phy.antenna.element import SectorAntennaSettings
from phy.channel.channel import ChannelPlan, build_channel
from phy.channel.fading import FadingSettings
from phy.random import Drops, stream_key, uniform
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.large_scale import PropagationSettings

SLOTS, BLOCK, CPU = 60, 12, torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """What differs between the runs."""

    link: LinkSettings
    harq: HarqSettings
    mcs_table: int = 1
    numerology: int = 0
    prbs: int = 4
    attachment: str = "cell_area"
    power_dbm: float = 46.0
    full: tuple[int, ...] = ()  # users that always have data
    offset_db: float = 0.0  # of the outer loop at the start: high ones make blocks fail


CASES = {
    "plain": Case(LinkSettings(), HarqSettings()),
    "failing": Case(
        LinkSettings(report_delay_slots=2, outer_loop_limit_db=6.0),
        HarqSettings(processes=2, round_trip_slots=3, max_attempts=3),
        full=(1, 4),
        offset_db=6.0,
    ),
    "weak": Case(
        LinkSettings(
            outer_loop_step_db=1.0,
            report_delay_slots=1,
            report_period_slots=4,
            report_offset_slots="staggered",
            subband_prbs=3,
            bler_target=0.2,
        ),
        HarqSettings(processes=3, round_trip_slots=5, max_attempts=2),
        mcs_table=3,
        power_dbm=0.0,
        attachment="strongest",
    ),
    "eesm": Case(
        LinkSettings(
            effective_sinr="eesm",
            report_period_slots=3,
            report_offset_slots=(1, 1, 0),
            report_delay_slots=5,
            subband_prbs=2,
        ),
        HarqSettings(processes=1, round_trip_slots=2, max_attempts=1),
        mcs_table=2,
        numerology=2,
        prbs=14,
        attachment="strongest",
        full=(0, 1, 2, 3, 4, 5),
        offset_db=2.0,
    ),
}


def arrivals(drops: Drops) -> Packets:
    """Bursts of up to 400 bytes a slot and user, half of the time, now and then two packets in a slot."""
    key = torch.tensor([stream_key(drops.seed, drops.ids[0], "test/arrivals")])
    comes = uniform(key, (SLOTS + BLOCK, 6))[0] < 0.5
    slot, user = (part.numpy() for part in comes.nonzero().unbind(1))
    size = (uniform(key, (len(slot),), 10_000)[0] * 400).long().numpy() + 1
    one = sort_packets(slot, user, size)
    return sort_packets(
        torch.tensor([*one.slot, *one.slot[::7]]).numpy(),
        torch.tensor([*one.user, *one.user[::7]]).numpy(),
        torch.tensor([*one.bytes, *one.bytes[::7]]).numpy(),
    )


def parts_of(case: Case) -> EngineParts:
    drops, carrier = (
        Drops(5, (2,)),
        CarrierSettings(
            prbs=case.prbs, mcs_table=case.mcs_table, numerology=case.numerology, tx_power_dbm=case.power_dbm
        ),
    )
    plan = ChannelPlan(
        topology=build_topology(TopologySettings(sites=1, sectors=3)),
        propagation=PropagationSettings(),
        antenna=SectorAntennaSettings(),
        fading=FadingSettings(directions=5),
        users_per_cell=2,
        placement="per_cell",
        attachment=case.attachment,  # type: ignore[arg-type]
        min_distance_m=35.0,
        speed_mps=torch.full((6,), 15.0, dtype=torch.float64),
        frequency_hz=carrier.prb_frequency_hz(),
        snr_at_unit_gain=carrier.snr_at_unit_gain,
    )
    full = torch.tensor([user in case.full for user in range(6)])
    users = Users(full, torch.full((6,), 5e-3, dtype=torch.float64), torch.zeros(6, dtype=torch.int64), 1, 1500.0)
    return EngineParts(
        drops,
        carrier,
        case.link,
        case.harq,
        build_channel(drops, plan, CPU, torch.float64),
        link_tables(carrier, case.link, CPU, torch.float64),
        users,
        None if full.all() else Arrivals((_without(arrivals(drops), case.full),)),
        BLOCK,
    )


def _without(packets: Packets, users: tuple[int, ...]) -> Packets:
    keep = [user not in users for user in packets.user.tolist()]
    return Packets(packets.slot[keep], packets.user[keep], packets.bytes[keep])


def by_slot(parts: EngineParts) -> dict[tuple[int, int], list[int]]:
    """Sizes of the packets by slot and user."""
    out: dict[tuple[int, int], list[int]] = {}
    if parts.arrivals is not None:
        packets = parts.arrivals.drops[0]
        for slot, user, size in zip(*(a.tolist() for a in (packets.slot, packets.user, packets.bytes)), strict=True):
            out.setdefault((slot, user), []).append(size)
    return out


def draw_holders(serving: list[int], slot: int, prbs: int) -> list[list[int]]:
    """Holder of each PRB of each cell: any of the cell's users, or (one time in five) none.

    Every third slot one draw decides for all PRBs of a cell.
    """
    draw = uniform(torch.tensor([77]), (3, prbs), start=3 * prbs * slot)[0].tolist()
    rows = []
    for cell, row in enumerate(draw):
        own = [user for user, home in enumerate(serving) if home == cell]
        row = row[:1] * prbs if slot % 3 == 0 else row
        rows.append([own[int(x / 0.8 * len(own))] if own and x < 0.8 else -1 for x in row])
    return rows


def _compare_states(state, loops: LoopEngine, slot: int) -> None:  # type: ignore[no-untyped-def]
    waiting = [user.waiting for user in loops.users]
    assert state.waiting_bytes[0].tolist() == waiting, slot
    assert state.outer_loop_db[0].tolist() == pytest.approx([user.offset_db for user in loops.users]), slot
    for number, user in enumerate(loops.users):
        rows = state.harq.blocks[0, number]
        rows = rows[rows[:, harq.BYTES] > 0]
        mine = sorted(tuple(row[[0, 1, 2, 3, 4, 5]].tolist()) for row in rows)
        assert len(mine) == len(user.blocks()), (slot, number)
        for one, other in zip(mine, user.blocks(), strict=True):
            assert one == pytest.approx(other, rel=1e-9), (slot, number)
