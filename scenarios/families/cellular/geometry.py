"""Describes where cells and UEs of a run are, how well UEs hear their cell, and which cell serves them over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mac.metrics.windows import Array, add
from phy.channel.moving import MovingFading
from phy.mobility.area import wrap_position
from phy.topology.sites import Topology, build_topology

if TYPE_CHECKING:
    from mac.engine.engine import Engine

    from .scenario import CellularScenario
    from .shape import Shape

Coordinates = dict[str, tuple[tuple[str, ...], Any]]


def geometry_coordinates(scenario: CellularScenario, engine: Engine, shape: Shape) -> Coordinates:
    """Makes the coordinates that the plots of a network are drawn from.

    ``cell_x_m``, ``cell_y_m``, ``azimuth_rad`` of cells, ``user_x_m``, ``user_y_m`` and, on a downlink, ``geometry_db``
    of UEs at the start; where UEs move ``track_x_m``, ``track_y_m`` at the end of each window, and with handovers
    ``serving_cell``.
    """
    topology, channel = build_topology(scenario.topology), engine.parts.channel
    start, site = channel.position_m.cpu().numpy(), topology.site_m[topology.cell_site].numpy()
    azimuth = np.full(topology.cells, np.nan) if topology.omnidirectional else topology.azimuth_rad.numpy()
    found: Coordinates = {
        "cell_x_m": (("cell",), site[:, 0]),
        "cell_y_m": (("cell",), site[:, 1]),
        "azimuth_rad": (("cell",), azimuth),
        "user_x_m": (("drop", "user"), start[..., 0]),
        "user_y_m": (("drop", "user"), start[..., 1]),
    }
    if scenario.carrier.direction == "downlink":
        found["geometry_db"] = (("drop", "user"), geometry_db(channel.mean_snr, channel.serving))
    ends, windowed = _window_ends(shape), ("drop", "window", "user")
    if scenario.moves and isinstance(channel.fading, MovingFading):
        track = _tracks(channel.fading, topology, ends.double() * scenario.carrier.slot_s)
        found |= {"track_x_m": (windowed, track[..., 0]), "track_y_m": (windowed, track[..., 1])}
    if (plan := engine.parts.serving_plan) is not None:
        found["serving_cell"] = (windowed, plan.serving.cpu()[:, (ends - 1) // plan.period_slots].numpy())
    return found


def geometry_db(mean_snr: Tensor, serving: Tensor) -> Array:
    """Computes the SINR of UEs with all cells at full power and without fast fading, in dB ``[B, U]``.

    Args:
        mean_snr: of a PRB, linear, ``[B, U, C]``.
        serving: cell of each UE, ``[B, U]``.
    """
    snr = mean_snr.cpu().numpy().astype(np.float64)
    own = np.take_along_axis(snr, serving.cpu().numpy()[..., None], axis=-1)[..., 0]
    return np.asarray(10 * np.log10(own / (add(snr) - own + 1.0)), dtype=np.float64)


def _window_ends(shape: Shape) -> Tensor:
    """Counts the slots from the start to the end of each window, int64 ``[W]``."""
    clock = shape.clock
    windows = torch.arange(1, clock.intervals // clock.window + 1)
    return (clock.warmup + windows * clock.window) * shape.slots


def _tracks(fading: MovingFading, topology: Topology, time_s: Tensor) -> np.ndarray[Any, Any]:
    """Computes positions at some times, inside the cluster, float32 ``[B, W, U, 2]``."""
    tracks = [wrap_position(topology, moving.position_m(time_s)[0]).transpose(0, 1) for moving in fading.moving_drops]
    return torch.stack(tracks)[list(fading.row), ..., :2].float().numpy()
