"""Holds the elements of a panel in rows and columns, which ports and beams share."""

from __future__ import annotations

from pydantic import Field
from pydantic.dataclasses import dataclass

from ..settings import STRICT
from .element import ElementSettings


@dataclass(frozen=True, config=STRICT)
class PanelGeometry(ElementSettings):
    """Holds the grid of elements of a panel (TR 38.901 clause 7.3) and their pattern."""

    # Descriptions stand in the fields themselves: those in docstrings are not inherited.
    rows: int = Field(default=1, ge=1, le=64, description="M: elements above each other, of a panel.")
    columns: int = Field(default=1, ge=1, le=64, description="N: elements beside each other, of a panel.")
    row_spacing_wavelengths: float = Field(default=0.5, gt=0.0, le=4.0, description="d_V: distance between rows.")
    column_spacing_wavelengths: float = Field(default=0.5, gt=0.0, le=4.0, description="d_H: distance between columns.")
    mechanical_tilt_deg: float = Field(
        default=0.0,
        ge=-90.0,
        le=90.0,
        description="Angle by which the panel leans downwards; 90 under a ceiling looks at the floor.",
    )
