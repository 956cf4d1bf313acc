"""Declares the settings of the propagation between base stations and UEs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from ..settings import STRICT
from .los import Office
from .pathloss import MAX_UE_HEIGHT_M, Edition, PathLossModel
from .penetration import LEGACY_UP_TO_HZ, CarModel, O2IModel

_MODEL_A_HZ = (0.5e9, 6e9)
_HIGHEST_FLOOR = 8  # 3 (8 - 1) + 1.5 m is the greatest height of the terrestrial models


@dataclass(frozen=True, config=STRICT)
class PropagationSettings:
    """Holds the large-scale propagation between base stations and UEs.

    Source: 3GPP TR 38.901, clauses 7.2 to 7.4.
    """

    model: PathLossModel = "uma"
    """Scenario of TR 38.901 (urban macro, urban micro street canyon, rural macro, indoor office), or free space."""
    parameters: Edition = "v19"
    """Tables of TR 38.901 V19, of V14 to V18 (M.2412's channel model B), or of M.2412's channel model A (imt2020_a)."""
    carrier_hz: float = Field(default=3.5e9, ge=0.1e9, le=100e9)
    """Carrier frequency."""
    shadowing: bool = True
    """Add spatially correlated shadow fading (free space has none)."""
    site_correlation: float = Field(default=0.0, ge=0.0, le=1.0)
    """Correlation of a user's shadowing towards two sites; none in TR 38.901, 0.5 in ITU-R M.2135."""
    antenna_gain: Literal["rays", "direct"] = "rays"
    """Antenna gains summed over the rays of each link (TR 36.873 8.1), or that along the direct line."""
    o2i: O2IModel = "low"
    """Loss of users indoors (TR 38.901 7.4.3.1): none, low- or high-loss buildings, mixed, or the legacy 20 dB."""
    high_loss_share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of high-loss buildings where they are mixed."""
    indoor_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that a user is indoors, served from outside."""
    indoor_floors: tuple[int, int] | None = None
    """Fewest and most floors of buildings, 4 and 8 in TR 38.901; users stand on any. Left out, all at ue_height_m."""
    in_car_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that a UE that is not indoors is in a car."""
    car: CarModel = "standard"
    """Loss into cars (TR 38.901 7.4.3.2): 9 dB, or 20 dB with metallised windows, with sigma 5 dB."""
    ue_height_m: float = Field(default=1.5, gt=0.1, le=1000.0)
    """Height at which users are placed; up to 22.5 in the terrestrial models."""
    los: Literal["random", "always", "never"] = "random"
    """Line of sight of the outdoor part of the links: by its probability, or the same for all."""
    los_transition: Literal["hard", "soft"] | None = None
    """How line of sight ends: abruptly, or over tens of metres (TR 38.901 7.6.3.3). Left out, soft if users move."""
    office: Literal["mixed", "open"] = "mixed"
    """Office of the model inh: partitioned, or open (TR 38.901 Table 7.4.2-1)."""
    large_cells: bool = False
    """Rural cells of several kilometres, which lose 12 dB less without line of sight (LMLC of ITU-R M.2412)."""

    @property
    def los_office(self) -> Office:
        """Returns the office whose probability of line of sight holds indoors."""
        return "hotspot" if self.parameters == "imt2020_a" else self.office

    @model_validator(mode="after")
    def _check_height(self) -> Self:
        if self.model != "free_space" and self.ue_height_m > MAX_UE_HEIGHT_M:
            raise ValueError(
                f"ue_height_m is {self.ue_height_m:g}, but the terrestrial model '{self.model}' holds up to "
                f"{MAX_UE_HEIGHT_M} (TR 38.901 Table 7.4.1-1); lower it, take free_space, or an air-to-ground model "
                "(TR 36.777)"
            )
        if self.model in ("uma", "umi") and self.ue_height_m <= 1.0:
            raise ValueError(
                f"ue_height_m is {self.ue_height_m:g}, but '{self.model}' has users above 1 m (TR 38.901 Table 7.4.1-1)"
            )
        return self

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if self.model == "free_space" and self.los == "never":
            raise ValueError("los is 'never', but free_space has nothing that could block; choose another model")
        if self.model == "inh" and self.indoor_share > 0.0:
            raise ValueError(
                f"indoor_share is {self.indoor_share:g}, but in model 'inh' all users share the hall with the base "
                "stations; leave it at 0"
            )
        if self.large_cells and self.model != "rma":
            raise ValueError(f"large_cells belongs to model 'rma', given '{self.model}'")
        return self

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        ghz = self.carrier_hz / 1e9
        if self.parameters == "imt2020_a" and not _MODEL_A_HZ[0] <= self.carrier_hz <= _MODEL_A_HZ[1]:
            raise ValueError(
                f"parameters are 'imt2020_a', which hold from 0.5 to 6 GHz (M.2412), but carrier_hz is {ghz:g}e9; "
                "take 'v16', which is M.2412's channel model B"
            )
        if self.o2i == "legacy" and (self.model not in ("uma", "umi") or self.carrier_hz > LEGACY_UP_TO_HZ):
            raise ValueError(
                f"o2i is 'legacy', which holds in uma and umi below 6 GHz (TR 38.901 Table 7.4.3-3), but the model is "
                f"'{self.model}' at {ghz:g} GHz; take 'low', 'high' or 'mixed'"
            )
        if self.indoor_floors is not None:
            _check_floors(self.model, self.indoor_floors)
        return self


def _check_floors(model: str, floors: tuple[int, int]) -> None:
    if model not in ("uma", "umi"):
        raise ValueError(
            f"indoor_floors are known in uma and umi (TR 38.901 Table 7.2-1), not in '{model}'; leave them out"
        )
    if not 1 <= floors[0] <= floors[1] <= _HIGHEST_FLOOR:
        raise ValueError(
            f"indoor_floors are {list(floors)}, but they are a least and a greatest number of floors from 1 to "
            f"{_HIGHEST_FLOOR}: [4, 8] in TR 38.901 Table 7.2-1"
        )
