"""Declares the panels of a network: one for every cell, one for every UE, and how their ports are used."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from ..antenna.element import SectorAntennaSettings, element_of
from ..antenna.panel import PanelSettings
from ..settings import STRICT
from .receiver import Receiver

MOST_LAYERS = 4
"""Most layers of a codeword (TS 38.211 clause 7.3.1.3)."""

MOST_USERS = 12
"""Most users of a PRB: orthogonal demodulation reference signals (TS 38.211 Table 7.4.1.1.2-2)."""

Precoding = Literal["codebook", "svd", "zf", "rzf"]

_BASE = PanelSettings(
    rows=8, polarizations=2, ports=2, row_spacing_wavelengths=0.8, element="sector", electrical_tilt_deg=99.0
)
_UE = PanelSettings(polarizations=2, ports=2, polarization_slant_deg=0.0)


@dataclass(frozen=True, config=STRICT)
class MimoSettings:
    """Holds the panels of antennas at both ends, the precoding and the receiver."""

    base: PanelSettings = _BASE
    """Panel of every cell; it takes the place of the scenario's section ``antenna``."""
    ue: PanelSettings = _UE
    """Panel of every user, turned at random about the vertical."""
    precoding: Precoding = "codebook"
    """One entry of the type I codebook for the whole carrier, the channel's singular vectors on each PRB, or
    (regularised) zero-forcing over the users of each PRB, with one layer a user."""
    users_per_prb: int = Field(default=1, ge=1, le=MOST_USERS)
    """Most users of a cell on one PRB; more than one needs zf or rzf, and an allocator that shares PRBs."""
    receiver: Receiver = "lmmse"
    """Receiver of a user: the LMMSE receiver, or maximum-ratio combining."""
    max_rank: int | None = Field(default=None, ge=1, le=MOST_LAYERS)
    """Most layers of a user; left out, the fewest of 4 and the ports of both ends."""
    heard_cells: int = Field(default=4, ge=1, le=32)
    """Cells whose matrices a user knows, its own among them; all others are white noise at its ports."""
    refresh_slots: int = Field(default=5, ge=1, le=1000)
    """Slots for which matrices are held; it should be short beside the time in which the channel changes."""
    search_prbs: int = Field(default=8, ge=1, le=275)
    """PRBs, spread over the carrier, on which the entries of the codebook are compared."""

    @property
    def layers(self) -> int:
        """Returns the most layers of a UE."""
        if self.forces_zeros:
            return 1
        return min(MOST_LAYERS, self.base.ports, self.ue.ports) if self.max_rank is None else self.max_rank

    @property
    def forces_zeros(self) -> bool:
        """Returns whether the precoder is made for all UEs of a PRB together."""
        return self.precoding in ("zf", "rzf")

    @model_validator(mode="after")
    def _check_rank(self) -> Self:
        most = min(MOST_LAYERS, self.base.ports, self.ue.ports)
        if self.max_rank is not None and self.max_rank > most:
            raise ValueError(
                f"max_rank is {self.max_rank}, but {self.base.ports} ports of the base station and {self.ue.ports} of "
                f"the user carry 1 to {most} layers; lower it, or give the panels more ports"
            )
        return self

    @model_validator(mode="after")
    def _check_sharing(self) -> Self:
        if self.forces_zeros and self.max_rank not in (None, 1):
            raise ValueError(
                f"max_rank is {self.max_rank}, but precoding {self.precoding} gives every user one layer; leave it "
                "out, or choose codebook or svd"
            )
        if self.users_per_prb > 1 and not self.forces_zeros:
            raise ValueError(
                f"users_per_prb is {self.users_per_prb}, but precoding {self.precoding} serves one user a PRB; choose "
                "zf or rzf, or leave it at 1"
            )
        if self.users_per_prb > self.base.ports:
            raise ValueError(
                f"users_per_prb is {self.users_per_prb}, but the base station has {self.base.ports} ports; lower it to "
                f"{self.base.ports}, or give the panel more ports"
            )
        return self

    @model_validator(mode="after")
    def _check_base(self) -> Self:
        turned = {"bearing_deg": self.base.bearing_deg, "slant_deg": self.base.slant_deg}
        for name, value in turned.items():
            if value != 0.0:
                raise ValueError(
                    f"{name} of the base station's panel is {value:g}, but sectors look where the topology says; "
                    "leave it at 0"
                )
        if self.base.element == "omni" and (self.base.rows_per_port > 1 or self.base.mechanical_tilt_deg != 0.0):
            raise ValueError(
                "the base station's elements are 'omni' (as where base.element is left out), but they stand in columns "
                "or lean; set base.element: sector, "
                f"or as many ports as elements ({self.base.elements}) and no downtilt"
            )
        return self

    def isotropic(self) -> MimoSettings:
        """Returns the same settings with elements of 0 dBi at the base station, for sites without sectors.

        Raises:
            ValueError: the panel's ports are columns, which are not the same in all directions.
        """
        return replace(self, base=replace(self.base, element="omni", mechanical_tilt_deg=0.0))


def port_antenna(panel: PanelSettings) -> SectorAntennaSettings:
    """Builds the antenna that large-scale gains are computed with from one port of a base station's panel.

    Slanted ports lose what UEs' antennas do not receive, so that the gain is that of a UE's port from a cell that
    spreads its power over its ports.
    """
    if panel.element == "omni":
        return SectorAntennaSettings(kind="omni")
    slanted = panel.polarizations == 2 or panel.slants_rad[0] != 0.0
    return replace(
        element_of(panel),
        vertical_elements=panel.rows_per_port,
        vertical_spacing_wavelengths=min(panel.row_spacing_wavelengths, 2.0),
        electrical_tilt_deg=panel.electrical_tilt_deg,
        mechanical_tilt_deg=panel.mechanical_tilt_deg,
        polarization="slant" if slanted else "vertical",
    )
