"""Computes positions and velocities of UEs as pure functions of time.

A model is a settings dataclass with ``legs(context)``, which draws the straight legs of one drop's UEs once.

| module | computes | source |
|---|---|---|
| ``static_and_linear`` | no motion, or a constant velocity | - |
| ``random_waypoint`` | legs to random points, with pauses | Le Boudec and Vojnovic 2005 |
| ``manhattan`` | motion on a grid of streets | UMTS 30.03 B.1.4.1.2.2 |
| ``gauss_markov`` | a velocity with memory | Liang and Haas 1999 |
| ``replay``, ``trajectory_file`` | recorded trajectories, and their files | - |
| ``trajectory`` | the position of every UE at any time, from legs | - |
| ``area`` | where UEs may move, and what happens at the border | - |
| ``base`` | the input of models, and what several of them share | - |
"""

from __future__ import annotations

from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

from ..random import Drops
from .area import Area, EndlessPlane, Rectangle, RectangleSettings, area_of, wrap_position
from .base import MAX_SPEED_KMH, MobilityContext
from .gauss_markov import GaussMarkov
from .manhattan import Manhattan
from .random_waypoint import RandomWaypoint
from .replay import Replay
from .static_and_linear import Linear, Static
from .trajectory import Legs, Trajectory, join, stack
from .trajectory_file import RecordedTrajectories, TrajectoryError, read_trajectories

__all__ = [
    "MAX_SPEED_KMH",
    "MOBILITY_MODELS",
    "Area",
    "EndlessPlane",
    "GaussMarkov",
    "Legs",
    "Linear",
    "Manhattan",
    "MobilityContext",
    "MobilityModel",
    "MobilitySettings",
    "RandomWaypoint",
    "RecordedTrajectories",
    "Rectangle",
    "RectangleSettings",
    "Replay",
    "Static",
    "Trajectory",
    "TrajectoryError",
    "area_of",
    "join",
    "read_trajectories",
    "trajectories",
    "wrap_position",
]


class MobilityModel(Protocol):
    """Describes a mobility model."""

    def legs(self, context: MobilityContext) -> Legs:
        """Draws the legs of one drop's UEs, at least to the end of the run."""
        ...


MobilitySettings = Annotated[
    Static | Linear | RandomWaypoint | Manhattan | GaussMarkov | Replay,
    Field(discriminator="model"),
]
"""Any mobility model, distinguished by its ``model``."""

MOBILITY_MODELS: dict[str, type[MobilityModel]] = {
    "static": Static,
    "linear": Linear,
    "waypoint": RandomWaypoint,
    "manhattan": Manhattan,
    "gauss_markov": GaussMarkov,
    "replay": Replay,
}
"""Name -> class of every mobility model."""


def trajectories(
    drops: Drops, model: MobilityModel, start_m: Tensor, area: Area, duration_s: float, stream: str = "mobility"
) -> Trajectory:
    """Computes the trajectories of UEs that all move by one model, up to ``duration_s``.

    Drop by drop, so that a drop is the same alone and in a batch, bit for bit.

    Args:
        drops: the batch, B.
        model: of their mobility.
        start_m: where they start, float64 ``[B, U, 3]`` or ``[1, U, 3]``; in a rectangle a UE whose start lies
            outside of it starts at its mirror image inside. Replayed UEs start where the file says.
        area: where they may go, see :func:`area_of`.
        duration_s: length of the run.
        stream: of random numbers; groups of UEs need one each.

    Raises:
        TrajectoryError: a replayed file cannot be used.
        ValueError: the run is too long to keep all legs.
    """
    start = start_m.to(torch.float64).expand(len(drops), -1, -1)
    start = torch.cat((area.inside(start[..., :2]), start[..., 2:]), -1)
    parts = [
        model.legs(MobilityContext(drop, stream, start[number : number + 1], area, duration_s))
        for number, drop in enumerate(drops.single())
    ]
    return Trajectory(stack(parts), area, duration_s)
