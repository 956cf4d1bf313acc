"""The carrier: its numerology, bandwidth, power and the resource elements that a PRB has for data."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from phy.config import STRICT
from phy.units import dbm_to_w, noise_power_w

SUBCARRIERS = 12
SYMBOLS = 14


@settings(frozen=True, config=STRICT)
class CarrierSettings:
    """One NR carrier (TS 38.211), the same in all cells."""

    direction: Literal["downlink", "uplink"] = "downlink"
    """Who sends: the cells, or the users with power control, as the section `uplink` says."""
    prbs: int = Field(default=50, ge=1, le=275)
    """Physical resource blocks."""
    numerology: Literal[0, 1, 2, 3] = 0
    """mu: subcarriers of 15 * 2^mu kHz and slots of 2^-mu ms."""
    tx_power_dbm: float = Field(default=46.0, ge=-30, le=70)
    """Power of a cell over the whole carrier; every PRB has an equal share, used or not."""
    noise_figure_db: float = Field(default=7.0, ge=0, le=30)
    """Noise figure of the UE."""
    control_symbols: int = Field(default=2, ge=0, le=3)
    """Symbols of a slot that carry no data (PDCCH)."""
    dmrs_re: int = Field(default=12, ge=0, le=48)
    """Resource elements of a PRB and slot spent on demodulation reference signals."""
    overhead_re: Literal[0, 6, 12, 18] = 0
    """Further resource elements of a PRB and slot spent (xOverhead of TS 38.214 5.1.3.2)."""
    mcs_table: Literal[1, 2, 3] = 1
    """MCS table of TS 38.214 5.1.3.1: 1 to 64QAM, 2 to 256QAM, 3 for low spectral efficiency."""

    @property
    def slot_s(self) -> float:
        """Length of a slot in seconds."""
        return 1e-3 / 2**self.numerology

    @property
    def prb_hz(self) -> float:
        """Bandwidth of a PRB in Hz."""
        return SUBCARRIERS * 15e3 * 2**self.numerology

    @property
    def tx_power_w(self) -> float:
        """Power of a cell with all PRBs in use, in watts."""
        return float(dbm_to_w(self.tx_power_dbm))

    @property
    def load_power_w(self) -> float:
        """What a cell radiates with all PRBs in use for data: nothing on an uplink."""
        return self.tx_power_w if self.direction == "downlink" else 0.0

    @property
    def snr_at_unit_gain(self) -> float:
        """Power of a PRB over the noise of a PRB if nothing were lost on the way."""
        return self.tx_power_w / self.prbs / float(noise_power_w(self.prb_hz, self.noise_figure_db))

    def prb_frequency_hz(self) -> Tensor:
        """Centre of each PRB relative to the carrier's centre, float64 ``[K]``."""
        return (torch.arange(self.prbs, dtype=torch.float64) - (self.prbs - 1) / 2) * self.prb_hz
