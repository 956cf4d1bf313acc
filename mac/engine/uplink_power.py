"""Computes the power of UEs on an uplink; declares its settings, its path losses over a run and its counters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from pydantic import Field as Setting
from pydantic import model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from phy.link.power_control import UplinkPowerSettings
from phy.settings import STRICT
from phy.units import dbm_to_w

from ..carrier import CarrierSettings
from ..core.contracts import ArraySpec

COUNTERS = ("transmit_j", "sent_slots", "limited_slots", "sent_prbs", "thermal_rise")
"""Rows that an uplink adds to the counters of a slot."""

ARRAY_SPECS: Mapping[str, ArraySpec] = {
    "transmit_j": ArraySpec(("user",), "J", "sum", "energy that the user radiated"),
    "sent_slots": ArraySpec(("user",), "1", "sum", "slots in which the user sent"),
    "limited_slots": ArraySpec(("user",), "1", "sum", "slots in which P_CMAX held the user below the open loop"),
    "sent_prbs": ArraySpec(("user",), "PRB", "sum", "PRBs on which the user sent, summed over slots"),
    "thermal_rise": ArraySpec(("user",), "PRB", "sum", "(interference + noise) / noise at its cell, summed over these"),
}
"""How the counters are recorded."""


@settings(frozen=True, config=STRICT)
class UplinkSettings(UplinkPowerSettings):
    """Sets the power of the UEs and the noise of the cells, where the carrier's direction is uplink."""

    noise_figure_db: float = Setting(default=5.0, ge=0, le=30)
    """Noise figure of the base station."""
    spread_db: float = Setting(default=6.0, ge=0, le=30)
    """How far the power on a PRB may fall below what the open loop asks for, so that a UE at its greatest power is
    asked to send on more PRBs; 0 asks for no more than the power allows."""

    @model_validator(mode="after")
    def _power_comes_first(self) -> Self:
        if self.delta_mcs:
            raise ValueError(
                "delta_mcs is true, but in a run the MCS follows from the power, and not the power from the MCS; leave "
                "it out"
            )
        return self


@dataclass(frozen=True)
class UplinkPlan:
    """Holds path losses between UEs and the cells that serve them, measured every ``period_slots``."""

    settings: UplinkSettings
    path_loss_db: Tensor  # [Tm, B, U] float64 on the CPU
    period_slots: int = 1


class Powers:
    """Computes the power of every UE on each of its PRBs, over the power to which the channel's SNRs are normalised.

    Args:
        plan: power control and path losses.
        carrier: the power of its cells on a PRB and the noise figure of UEs, which the channel's SNRs suppose.
        device: of the tables.
        dtype: of the tables.
    """

    def __init__(self, plan: UplinkPlan, carrier: CarrierSettings, device: torch.device, dtype: torch.dtype) -> None:
        noises_db = plan.settings.noise_figure_db - carrier.noise_figure_db
        reference_dbm = carrier.tx_power_dbm - 10.0 * math.log10(carrier.prbs) + noises_db
        self.reference_w = float(dbm_to_w(reference_dbm))
        self.greatest = float(dbm_to_w(plan.settings.max_power_dbm)) / self.reference_w
        self._period, self._last = plan.period_slots, len(plan.path_loss_db) - 1
        # Row by row, as the last bit of a power may depend on where in an array it stands.
        rows = [_fit(plan.settings, row.clone(), carrier.numerology) for row in plan.path_loss_db.flatten(0, 1)]
        fit = torch.stack(rows).view_as(plan.path_loss_db)
        self._open = (self.greatest / fit.clamp(min=1.0)).to(device, dtype)
        self._fit = fit.to(device, dtype)
        self._room = self._fit.clamp(min=1.0)

    def open_loop(self, slot: int) -> Tensor:
        """Returns the power on a PRB of a UE that has no more PRBs than its power allows, ``[B, U]``."""
        return self._open[self._number(slot)]

    def room(self, slot: int) -> Tensor:
        """Returns the PRBs up to which a UE keeps that power, at least 1, ``[B, U]``; not whole."""
        return self._room[self._number(slot)]

    def limits(self, prbs: Tensor, slot: int) -> Tensor:
        """Returns which UEs have less on each of so many PRBs than the open loop asks for, bool ``[B, U]``."""
        return prbs > self._fit[self._number(slot)]

    def on(self, prbs: Tensor, slot: int) -> Tensor:
        """Computes the power on each of so many PRBs, ``[B, U]``: min(open loop, P_CMAX / n)."""
        return torch.minimum(self.open_loop(slot), self.greatest / prbs.clamp(min=1.0))

    def _number(self, slot: int) -> int:
        return min(slot // self._period, self._last)


def path_loss_db(mean_snr: Tensor, serving: Tensor, carrier: CarrierSettings) -> Tensor:
    """Computes the loss in dB from the serving cell's reference signal, float64 ``[..., U]``, without fast fading.

    Antennas and shadowing are included.

    Args:
        mean_snr: linear ``[..., U, C]``, of a channel built for this carrier.
        serving: int64 ``[..., U]``.
        carrier: its power and noise are what the SNR supposes.
    """
    own = mean_snr.double().gather(-1, serving[..., None])[..., 0]
    return 10.0 * torch.log10(carrier.snr_at_unit_gain / own)


def _fit(settings: UplinkSettings, loss_db: Tensor, numerology: int) -> Tensor:
    """Computes the PRBs on which P_CMAX meets the open loop of TS 38.213 clause 7.1.1; less than 1 far away."""
    asked_dbm = settings.p0_dbm + 10.0 * math.log10(2**numerology) + settings.alpha * loss_db
    return torch.pow(10.0, (settings.max_power_dbm - asked_dbm) / 10.0)
