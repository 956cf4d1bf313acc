"""Declares how cells coordinate, and computes which cells coordinate for a UE (TR 36.819 clause 5)."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from phy.link.coordination import Precoder
from phy.settings import STRICT

Mode = Literal[
    "none",
    "coordinated_beamforming",
    "dynamic_point_selection",
    "dynamic_point_blanking",
    "non_coherent",
    "coherent",
]
"""What cells of a cluster do on a PRB that a UE has bought from one or more of them."""


@dataclass(frozen=True, config=STRICT)
class CoordinationSettings:
    """Sets what the cells of a cluster do together."""

    mode: Mode = "coordinated_beamforming"
    """none: nothing is sold; coordinated_beamforming: the seller sends, the other cells of the cluster spare the buyer
    by their precoders; dynamic_point_selection: of the cells that sold a PRB to a UE the best one sends in each slot,
    the others use it themselves; dynamic_point_blanking: they are silent on it; non_coherent, coherent: all of them
    send, powers or amplitudes add up (the last is an upper bound: it supposes perfect synchronisation)."""
    precoder: Precoder = "zf"
    """Precoder of coordinated beamforming; all other transmissions are MRT."""
    spared: Literal["bought", "all"] = "bought"
    """UEs that precoders spare: those that bought the PRB, or any UE of the cluster on the PRB. wmmse spares all."""
    most_nulls: int | None = Field(default=None, ge=0, le=31)
    """UEs that a cell spares on a PRB, those that it disturbs most; left out, one less than its ports."""
    clusters: tuple[tuple[int, ...], ...] = ()
    """Static clusters by the numbers of their cells; they may overlap. Left out, clusters are user-centric."""
    cluster_size: int = Field(default=3, ge=1, le=32)
    """Cells of a user-centric cluster: the serving cell and those that the UE receives best beside it."""

    @model_validator(mode="after")
    def _check_clusters(self) -> Self:
        if self.mode == "none":
            return self
        if not self.clusters and self.cluster_size == 1:
            raise ValueError(
                f"cluster_size is 1, and a cell alone cannot coordinate ({self.mode}); use 2 or more, or mode: none"
            )
        for number, cluster in enumerate(self.clusters):
            if len(set(cluster)) < 2:
                raise ValueError(
                    f"clusters.{number} has one cell, which cannot coordinate ({self.mode}); name two cells or more, "
                    "or leave the cluster out"
                )
        return self

    @property
    def makes_nulls(self) -> bool:
        """Returns whether cells spare UEs of other cells by their precoders."""
        return self.mode == "coordinated_beamforming"

    @property
    def sends_jointly(self) -> bool:
        """Returns whether several cells send to a UE on one PRB."""
        return self.mode in ("non_coherent", "coherent")

    def nulls(self, ports: int) -> int:
        """Returns how many UEs a cell of so many ports spares at most."""
        return ports - 1 if self.most_nulls is None else self.most_nulls

    def require_cells(self, cells: int) -> None:
        """Checks that clusters name cells of the network.

        Raises:
            ValueError: they name others.
        """
        for number, cluster in enumerate(self.clusters):
            wrong = [cell for cell in cluster if not 0 <= cell < cells]
            if wrong:
                raise ValueError(f"clusters.{number} names the cell {wrong[0]}; there are 0 to {cells - 1}")

    def require_ports(self, ports: int) -> None:
        """Checks that a cell has ports for the nulls that it is to make.

        Raises:
            ValueError: it has not.
        """
        if self.makes_nulls and self.most_nulls is not None and self.most_nulls > ports - 1:
            raise ValueError(
                f"most_nulls is {self.most_nulls}, but a cell of {ports} port{'s' if ports > 1 else ''} can spare "
                f"{ports - 1} UEs; lower it to {ports - 1}, or give mimo.base more ports"
            )

    def together(self, cells: int, device: torch.device) -> Tensor | None:
        """Returns which cells share a static cluster, bool ``[C, C]``, each with itself; None: user-centric."""
        if not self.clusters:
            return None
        found = torch.eye(cells, dtype=torch.bool)
        for cluster in self.clusters:
            members = torch.tensor(cluster)
            found[members[:, None], members] = True
        return found.to(device)


def coordinated(settings: CoordinationSettings, together: Tensor | None, heard: Tensor) -> Tensor:
    """Returns which of the cells that a UE hears coordinate for it, bool ``[U, J]``; its own always does.

    Args:
        settings: of the clusters.
        together: of :meth:`CoordinationSettings.together`.
        heard: int64 ``[U, J]``, the serving cell first, then the strongest.
    """
    first = torch.zeros_like(heard, dtype=torch.bool)
    first[:, 0] = True
    if settings.mode == "none":
        return first
    if together is not None:
        return together[heard[:, :1], heard]
    return (torch.arange(heard.shape[1], device=heard.device) < settings.cluster_size).expand_as(heard)
