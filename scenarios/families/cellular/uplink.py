"""Checks the uplink of cellular scenarios, and computes path losses over a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mac.engine.uplink_power import UplinkPlan, UplinkSettings, path_loss_db
from mac.handover.a3 import slots_of
from mac.handover.serving_plan import ServingPlan
from mac.traffic import TraceReplay
from phy.channel.channel import Channel
from phy.channel.moving import MovingFading
from phy.link.mimo_settings import MimoSettings

if TYPE_CHECKING:
    from .sections import CellularSections
    from .shape import Shape


def check(scenario: CellularSections) -> None:
    """Checks that the section `uplink` and what else the scenario says fit the carrier's direction.

    Raises:
        ValueError: they do not.
    """
    if scenario.carrier.direction == "downlink":
        if scenario.uplink != UplinkSettings():
            raise ValueError(
                "uplink is given, but carrier.direction is 'downlink'; set carrier.direction to 'uplink', or leave "
                "uplink out"
            )
        return
    _check_panels(scenario)
    for number, group in enumerate(scenario.users):
        if isinstance(group.traffic, TraceReplay) and group.count and group.traffic.direction != "uplink":
            raise ValueError(
                f"users.{number}.traffic.direction is '{group.traffic.direction}', but carrier.direction is 'uplink', "
                "where users send; set it to 'uplink' to replay what the UE of the trace sent"
            )


def _check_panels(scenario: CellularSections) -> None:
    """Checks that nothing of `mimo` asks for more than one UE and one layer a PRB."""
    if scenario.mimo is None:
        return
    plain = MimoSettings()
    for name in ("precoding", "max_rank", "users_per_prb"):
        value = getattr(scenario.mimo, name)
        if value != getattr(plain, name):
            raise ValueError(
                f"mimo.{name} is {value!r}, but carrier.direction is 'uplink', where a PRB has one UE that sends one "
                f"layer from its first port; leave mimo.{name} out"
            )


def uplink_plan(
    scenario: CellularSections, channel: Channel, serving_plan: ServingPlan | None, shape: Shape
) -> UplinkPlan | None:
    """Computes path losses to the serving cells, with each measurement where anything moves; None on a downlink."""
    if scenario.carrier.direction == "downlink":
        return None
    carrier, serving = scenario.carrier, channel.serving.cpu()
    if not isinstance(channel.fading, MovingFading):
        snr = channel.mean_snr.cpu()
        rows = [path_loss_db(drop, cells, carrier) for drop, cells in zip(snr, serving, strict=True)]
        return UplinkPlan(scenario.uplink, torch.stack(rows)[None])
    period = slots_of(scenario.measurements.period_ms / 1e3, carrier.slot_s)
    slots, row = torch.arange(0, shape.total_slots, period), channel.fading.row
    parts = []
    for number, moving_drop in enumerate(channel.fading.moving_drops):
        first = row.index(number)
        held = serving[first].expand(len(slots), -1) if serving_plan is None else serving_plan.serving[first]
        samples = zip(moving_drop.snr(slots.tolist()), held, strict=True)
        parts.append(torch.stack([path_loss_db(snr, cells, carrier) for snr, cells in samples]))
    return UplinkPlan(scenario.uplink, torch.stack(parts, 1)[:, list(row)], period)
