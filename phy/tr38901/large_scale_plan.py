"""Holds the parameters of the large-scale state of a drop, and the geometry of its links."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..antenna.element import SectorAntennaSettings
from ..topology.sites import Topology
from .lsp_tables import PropagationState, propagation_states
from .pathloss import Link
from .settings import PropagationSettings


@dataclass(frozen=True)
class LargeScalePlan:
    """Holds everything that the large-scale model of a drop follows from, besides the drop's number."""

    topology: Topology
    propagation: PropagationSettings
    antenna: SectorAntennaSettings
    users: int
    clusters: bool = True  # fading needs them

    @property
    def sums_rays(self) -> bool:
        """Returns whether the antenna's gain is a sum over rays; else it is that of the direct line."""
        points = self.antenna.kind == "sector" and not self.topology.omnidirectional
        return points and self.propagation.antenna_gain == "rays" and self.propagation.model != "free_space"

    @property
    def propagation_states(self) -> tuple[PropagationState, PropagationState, PropagationState]:
        """Returns the parameters of LOS, NLOS and O2I links."""
        return propagation_states(self.propagation.model, self.propagation.parameters)

    @property
    def most_clusters(self) -> int:
        """Returns the most clusters of a link; 0 where clusters are not needed."""
        return max(state.clusters for state in self.propagation_states) if self.clusters or self.sums_rays else 0


@dataclass(frozen=True)
class Geometry:
    """Holds the directions and distances from the sites to the UEs."""

    link: Link  # [B, U, Si]
    path: Tensor  # [B, U, Si, 3]
    waves: Tensor  # [B, U, 2 * waves]
    azimuth_rad: Tensor  # [B, U, Si] of departure along the direct line
    zenith_rad: Tensor  # [B, U, Si]
    clear: Tensor  # [B, U, Si] share of line of sight of the outdoor part
