"""Defines the configurations of ``fairwave calibrate``, and reads them from YAML files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from phy.antenna.beams import BeamPanelSettings
from phy.antenna.element import SectorAntennaSettings
from phy.topology.sites import TopologySettings
from phy.tr38901.pathloss import require_base_height
from phy.tr38901.settings import PropagationSettings

from ..config.described_schema import described_schema
from ..config.loading import CALIBRATIONS, layers_of_file, setting
from ..config.merging import merge
from ..config.validation_messages import Layer, explain
from ..errors import ScenarioError
from ..families.cellular import model_defaults
from ..families.cellular.renamed_keys import RENAMED
from ..families.schema import Model
from .beams import Interference

MOST_PAIRS = 100_000_000
"""Most gains between beams of a drop, 0.8 GB."""

Percentile = Literal["5", "10", "20", "30", "40", "50", "60", "70", "80", "90", "95"]


class Reference(Model):
    """Holds what others found for the same configuration."""

    source: str
    """Source of the figures."""
    coupling_gain_db: dict[Percentile, float] = Field(default_factory=dict)
    """Mean coupling gain over companies, at each percentile."""
    geometry_db: dict[Percentile, float] = Field(default_factory=dict)
    """Mean geometry in the downlink over companies, at each percentile."""
    coupling_gain_range_db: dict[Percentile, tuple[float, float]] = Field(default_factory=dict)
    """Least and greatest coupling gain of the companies."""
    geometry_range_db: dict[Percentile, tuple[float, float]] = Field(default_factory=dict)
    """Least and greatest geometry in the downlink of the companies."""

    def mean(self, quantity: str) -> dict[int, float]:
        """Returns the mean of a quantity by percentile."""
        return {int(key): value for key, value in getattr(self, quantity).items()}

    def spread(self, quantity: str) -> dict[int, tuple[float, float]]:
        """Returns the least and greatest value of a quantity by percentile."""
        values = getattr(self, f"{quantity.removesuffix('_db')}_range_db")
        return {int(key): value for key, value in values.items()}


class Calibration(Model):
    """Describes a network whose large scale is to be calibrated."""

    name: str = Field(min_length=1, pattern=r"[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    """Name of the configuration; left out, the name of the file."""
    description: str = ""
    """One sentence: what is set up."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of everything random."""
    drops: int = Field(default=20, ge=1, le=100_000)
    """Independent networks."""
    topology: TopologySettings = Field(default_factory=TopologySettings)
    """Sites and sectors."""
    propagation: PropagationSettings = Field(default_factory=PropagationSettings)
    """Path loss, shadowing, line of sight, walls, cars, heights of the users."""
    antenna: SectorAntennaSettings = Field(default_factory=SectorAntennaSettings)
    """Port 0 of every cell."""
    trxp_panel: BeamPanelSettings | None = None
    """Panel with analogue beams of every cell; it takes the place of ``antenna``."""
    ue_antenna_gain_dbi: float = Field(default=0.0, ge=-30.0, le=30.0)
    """Gain of the users' isotropic antennas."""
    ue_panel: BeamPanelSettings | None = None
    """Panels with analogue beams of every user, turned at random about the vertical; none is isotropic."""
    interference: Interference = "random_beam"
    """Beams of other cells: a random one of their set, or the one for a random user that they serve."""
    bandwidth_hz: float = Field(default=10e6, ge=1e5, le=1e10)
    """Bandwidth over which power and noise are spread."""
    tx_power_dbm: float = Field(default=46.0, ge=-30, le=70)
    """Power of each cell over the bandwidth."""
    noise_figure_db: float = Field(default=7.0, ge=0, le=30)
    """Noise figure of the users."""
    users_per_cell: int = Field(default=10, ge=1, le=1000)
    """Users of a cell, on average."""
    placement: Literal["per_cell", "uniform"] = "per_cell"
    """Placement of users: equally many in the area of each cell, or anywhere in the network."""
    attachment: Literal["strongest", "cell_area"] = "strongest"
    """Each user's cell: the one whose port 0 is received best, or the one in whose area it stands."""
    handover_margin_db: float = Field(default=0.0, ge=0.0, le=20.0)
    """A user may have any cell that is at most so much weaker than the strongest."""
    reference: Reference | None = None
    """Published figures to compare with."""

    @field_validator("reference", mode="after")
    @classmethod
    def _has_figures(cls, reference: Reference | None) -> Reference | None:
        if reference is not None and not (reference.coupling_gain_db or reference.geometry_db):
            raise ValueError("a reference needs figures: coupling_gain_db, geometry_db or both")
        return reference

    @property
    def points_beams(self) -> bool:
        """Checks whether cells or users have panels."""
        return self.trxp_panel is not None or self.ue_panel is not None

    @property
    def _pairs(self) -> int:
        """Counts the gains between beams that a drop holds."""
        cells = self.topology.site_count * self.topology.sectors
        sent = self.trxp_panel.beams if self.trxp_panel else 1
        heard = self.ue_panel.beams * self.ue_panel.panel_columns if self.ue_panel else 1
        return cells**2 * self.users_per_cell * sent * heard

    @model_validator(mode="after")
    def _check_base_height(self) -> Self:
        require_base_height(self.propagation.model, self.topology.bs_height_m)
        return self

    @model_validator(mode="after")
    def _check_panels(self) -> Self:
        if self.points_beams and self.propagation.antenna_gain == "direct":
            raise ValueError(
                "propagation.antenna_gain is 'direct', but panels are summed over rays; leave it at 'rays'"
            )
        if self.trxp_panel is not None and self.topology.sectors == 1 and self.topology.layout != "indoor":
            raise ValueError(
                "topology.sectors is 1, and such a site is omnidirectional, but trxp_panel looks one way; set "
                "topology.sectors: 3, or leave trxp_panel out"
            )
        if self.ue_panel is not None and self.ue_panel.panel_rows > 1:
            raise ValueError(
                f"ue_panel.panel_rows is {self.ue_panel.panel_rows}, but a user's panels stand around it, not above "
                "each other; set it to 1, and panel_columns to the number of panels"
            )
        if self.ue_panel is not None and self.ue_antenna_gain_dbi != 0.0:
            raise ValueError(
                f"ue_antenna_gain_dbi is {self.ue_antenna_gain_dbi:g}, but ue_panel has the gain of its elements "
                "(ue_panel.max_gain_dbi); leave the former at 0"
            )
        if self.points_beams and self._pairs > MOST_PAIRS:
            raise ValueError(
                f"{self._pairs} pairs of users' and cells' beams do not fit into memory; lower users_per_cell "
                f"({self.users_per_cell}) or the sets of beams until at most {MOST_PAIRS} are left"
            )
        return self


def load_calibration(
    source: str, settings: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Calibration:
    """Loads a configuration with everything that it extends, and checks it.

    Args:
        source: name of a preset or path of a YAML file.
        settings: ``key=value`` texts laid upon it.
        options: named settings laid upon these, those that are not None.

    Raises:
        ScenarioError: what is wrong, where, and what is allowed; all problems at once.
    """
    layers = layers_of_file(source, CALIBRATIONS)
    layers += [Layer(f"--set {text}", setting(text), Path.cwd()) for text in settings]
    given = {key: value for key, value in (options or {}).items() if value is not None}
    layers += [Layer(f"--{key}", {key: value}) for key, value in given.items()]
    return _validated(layers)


def _validated(layers: Sequence[Layer]) -> Calibration:
    data: dict[str, Any] = {}
    for layer in layers:
        try:
            data = merge(data, merge({}, layer.data), lambda path: "source" if path == ("reference",) else None)
        except ScenarioError as error:
            raise ScenarioError(f"{layer.origin}: {error}") from None
    try:
        return Calibration.model_validate_json(json.dumps(_following(data), default=str), strict=True)
    except ValidationError as error:
        raise explain(error, data, layers, described_schema(Calibration), RENAMED) from None


def _following(data: Mapping[str, Any]) -> Any:
    """Returns the settings with what follows from the propagation model where they say nothing."""
    follow = model_defaults.follow(data)
    power: dict[str, Any] = follow.pop("carrier", {})
    return merge({**follow, **power}, data)
