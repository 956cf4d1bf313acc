"""Describes the carrier: its numerology, bandwidth, power and the resource elements that a PRB has for data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.dataclasses import dataclass as settings
from pydantic_core import ArgsKwargs
from torch import Tensor

from phy.settings import STRICT
from phy.units import dbm_to_w, noise_power_w

SUBCARRIERS = 12
SYMBOLS = 14

_FR1: tuple[dict[float, int], ...] = (
    {3: 15, 5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270},
    {5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133, 60: 162, 70: 189, 80: 217,
     90: 245, 100: 273},
    {10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65, 60: 79, 70: 93, 80: 107, 90: 121,
     100: 135},
    {},
)  # fmt: skip
_FR2: tuple[dict[float, int], ...] = (
    {}, {}, {50: 66, 100: 132, 200: 264}, {50: 32, 100: 66, 200: 132, 400: 264},
)  # fmt: skip
"""PRBs of a bandwidth in MHz, for each numerology: Tables 5.3.2-1 of TS 38.101-1 (to 7.125 GHz) and TS 38.101-2."""


def prbs_of_bandwidth(bandwidth_hz: float, numerology: int) -> list[int]:
    """Lists the PRBs that a channel bandwidth may have: none, one, or two (below 7.125, above 24.25 GHz)."""
    mhz = round(bandwidth_hz / 1e6, 6)
    return list(dict.fromkeys(table[numerology][mhz] for table in (_FR1, _FR2) if mhz in table[numerology]))


def slots_of_interval(interval_s: float, slot_s: float, key: str) -> int:
    """Returns the number of slots of ``slot_s`` seconds in an interval.

    Raises:
        ValueError: it is no whole number; the message names the ``key`` of the interval in scenario files.
    """
    slots = round(interval_s / slot_s)
    if abs(slots * slot_s - interval_s) > 1e-9 or slots < 1:
        raise ValueError(
            f"{key}: {interval_s:g} s is no whole number of slots of {slot_s:g} s; use a multiple of {slot_s:g} s"
        )
    return slots


@settings(frozen=True, config=STRICT)
class CarrierSettings:
    """Describes one NR carrier (TS 38.211), the same in all cells.

    Source: 3GPP TS 38.211.
    """

    direction: Literal["downlink", "uplink"] = "downlink"
    """Direction of the data: sent by the cells, or by the UEs with power control, as the section `uplink` says."""
    prbs: int = Field(default=50, ge=1, le=275)
    """Physical resource blocks."""
    bandwidth_hz: float | None = Field(default=None, gt=0)
    """Channel bandwidth, of which `prbs` follows (TS 38.101-1 and 38.101-2, Tables 5.3.2-1); both must agree."""
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

    @model_validator(mode="before")
    @classmethod
    def _prbs_follow(cls, data: Any) -> Any:
        """Fills in the PRBs of the bandwidth where no other number is given and there is but one."""
        given = data.kwargs if isinstance(data, ArgsKwargs) else data
        if not isinstance(given, Mapping) or "prbs" in given:
            return data
        bandwidth_hz, numerology = given.get("bandwidth_hz"), given.get("numerology", 0)
        if not isinstance(bandwidth_hz, int | float) or numerology not in range(len(_FR1)):
            return data
        prbs = prbs_of_bandwidth(bandwidth_hz, numerology)
        if len(prbs) != 1:
            return data
        filled = {**given, "prbs": prbs[0]}
        return ArgsKwargs(data.args, filled) if isinstance(data, ArgsKwargs) else filled

    @model_validator(mode="after")
    def _bandwidth_and_prbs_agree(self) -> CarrierSettings:
        if self.bandwidth_hz is None:
            return self
        possible = prbs_of_bandwidth(self.bandwidth_hz, self.numerology)
        what = f"bandwidth_hz is {self.bandwidth_hz / 1e6:g} MHz, which at numerology {self.numerology} is"
        if not possible:
            known = sorted({mhz for table in (_FR1, _FR2) for mhz in table[self.numerology]})
            raise ValueError(
                f"{what} one of {', '.join(f'{mhz:g}' for mhz in known)} MHz (TS 38.101-1 and 38.101-2, Tables "
                "5.3.2-1); choose one of these, or give prbs alone"
            )
        if self.prbs not in possible:
            numbers = " or ".join(map(str, possible))
            ranges = " (up to 7.125 GHz, or from 24.25 GHz)" if len(possible) > 1 else ""
            raise ValueError(f"{what} {numbers} PRBs{ranges}, but prbs is {self.prbs}; set prbs to {numbers}")
        return self

    @model_serializer(mode="wrap")
    def _said_once(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Removes the bandwidth where none was given, and what follows from it."""
        data: dict[str, Any] = handler(self)
        if self.bandwidth_hz is None:
            del data["bandwidth_hz"]
        elif len(prbs_of_bandwidth(self.bandwidth_hz, self.numerology)) == 1:
            del data["prbs"]
        return data

    @property
    def slot_s(self) -> float:
        """Computes the length of a slot in seconds."""
        return 1e-3 / 2**self.numerology

    @property
    def prb_hz(self) -> float:
        """Computes the bandwidth of a PRB in Hz."""
        return SUBCARRIERS * 15e3 * 2**self.numerology

    @property
    def tx_power_w(self) -> float:
        """Computes the power of a cell with all PRBs in use, in watts."""
        return float(dbm_to_w(self.tx_power_dbm))

    @property
    def load_power_w(self) -> float:
        """Computes the power in watts that a cell radiates with all PRBs in use for data; 0 on an uplink."""
        return self.tx_power_w if self.direction == "downlink" else 0.0

    @property
    def snr_at_unit_gain(self) -> float:
        """Computes the power of a PRB over the noise of a PRB without path loss, linear."""
        return self.tx_power_w / self.prbs / float(noise_power_w(self.prb_hz, self.noise_figure_db))

    def prb_frequency_hz(self) -> Tensor:
        """Computes the centre of each PRB relative to the carrier's centre, float64 ``[K]`` in Hz."""
        return (torch.arange(self.prbs, dtype=torch.float64) - (self.prbs - 1) / 2) * self.prb_hz
