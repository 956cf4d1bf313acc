"""Measures coupling gain and downlink geometry of a network, to be held against published figures.

Coupling gain is the loss between the antenna ports of a user and of its serving cell (TR 36.873 clause 8.1): path loss,
shadowing, walls and antenna gains, summed over rays. Geometry is the SINR of the whole carrier with every cell at
full power, before any small-scale fading. Both are those of the configurations with which 3GPP calibrated its
self-evaluation for IMT-2020 (RP-180524; ITU-R M.2412).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from phy.random import Drops, uniform
from phy.topology.sites import Topology, build_topology
from phy.topology.users import place_per_cell, place_uniform
from phy.tr38901.large_scale import LargeScalePlan, draw_large_scale_model, place_on_floors
from phy.units import db_to_linear, dbm_to_w, linear_to_db, noise_power_w

from ..running.progress import status
from .beams import BeamNetwork, beam_links, heard_gains
from .settings import Calibration

PERCENTILES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
QUANTITIES = ("coupling_gain_db", "geometry_db")


@dataclass(frozen=True)
class CalibrationResult:
    """Holds the samples of all users of all drops, in dB."""

    settings: Calibration
    coupling_gain_db: Tensor  # [drops * U]
    geometry_db: Tensor  # [drops * U]
    changed: tuple[str, ...] = ()  # settings laid upon the file

    def percentiles(self, quantity: str) -> dict[int, float]:
        """Computes a quantity at :data:`PERCENTILES`."""
        level = torch.tensor(PERCENTILES, dtype=torch.float64) / 100.0
        values: Tensor = getattr(self, quantity)
        return dict(zip(PERCENTILES, values.quantile(level).tolist(), strict=True))

    def standard_errors(self, quantity: str, percentiles: Sequence[int]) -> list[float]:
        """Computes the standard errors of percentiles over drops, in dB ``[len(percentiles)]``; NaN for one drop."""
        level = torch.tensor(percentiles, dtype=torch.float64) / 100.0
        values: Tensor = getattr(self, quantity)
        each = values.view(self.settings.drops, -1).quantile(level, dim=1)
        errors: list[float] = (each.std(1) / self.settings.drops**0.5).tolist()
        return errors

    def to_json(self) -> dict[str, Any]:
        """Returns the document that ``--json`` prints."""
        found = {name: {str(p): round(v, 3) for p, v in self.percentiles(name).items()} for name in QUANTITIES}
        return {"configuration": self.settings.name, **found}


def calibrate(settings: Calibration) -> CalibrationResult:
    """Draws the drops and measures every user, one drop after the other."""
    topology = build_topology(settings.topology)
    found = []
    with status() as tell:
        for drop in Drops(settings.seed, tuple(range(settings.drops))).single():
            tell(f"{settings.name}: drop {drop.ids[0] + 1} of {settings.drops}")
            found.append(_measure(drop, topology, settings))
    coupling, geometry = (torch.cat(parts) for parts in zip(*found, strict=True))
    return CalibrationResult(settings, coupling, geometry)


def wideband_geometry_db(power_w: Tensor, serving: Tensor, noise_w: float) -> Tensor:
    """Computes the SINR of the whole carrier with all cells at full load, in dB ``[...]``.

    Args:
        power_w: received from each cell, ``[..., C]``.
        serving: cell of each user, ``[...]``.
        noise_w: over the carrier.
    """
    own = power_w.gather(-1, serving[..., None])[..., 0]
    return linear_to_db(own / (power_w.sum(-1) - own + noise_w))


def _measure(drop: Drops, topology: Topology, settings: Calibration) -> tuple[Tensor, Tensor]:
    place = place_per_cell if settings.placement == "per_cell" else place_uniform
    count = settings.users_per_cell * (1 if settings.placement == "per_cell" else topology.cells)
    height, keys = settings.propagation.ue_height_m, drop.keys("placement")
    user, home = place(keys, topology, count, settings.topology.min_distance_m, height)
    user = place_on_floors(drop, user, settings.propagation)
    if settings.points_beams:
        return _measure_beams(drop, topology, settings, user, home)
    plan = LargeScalePlan(topology, settings.propagation, settings.antenna, user.shape[1], clusters=False)
    scale = draw_large_scale_model(drop, plan).at(user)
    gain = scale.gain_db + settings.ue_antenna_gain_dbi
    serving = home if settings.attachment == "cell_area" else _attached(drop, gain, settings.handover_margin_db)
    power = dbm_to_w(settings.tx_power_dbm) * db_to_linear(gain)
    noise = noise_power_w(settings.bandwidth_hz, settings.noise_figure_db)
    coupling = gain.gather(-1, serving[..., None])[..., 0]
    return coupling.flatten(), wideband_geometry_db(power, serving, noise).flatten()


def _measure_beams(
    drop: Drops, topology: Topology, settings: Calibration, user_m: Tensor, home: Tensor
) -> tuple[Tensor, Tensor]:
    network = BeamNetwork(topology, settings.propagation, settings.antenna, settings.trxp_panel, settings.ue_panel)
    links = beam_links(drop, network, user_m)
    best = linear_to_db(links.cell_gain) + settings.ue_antenna_gain_dbi
    serving = home if settings.attachment == "cell_area" else _attached(drop, best[None], settings.handover_margin_db)
    gain = heard_gains(drop, links, serving[0], settings.interference)
    power = dbm_to_w(settings.tx_power_dbm + settings.ue_antenna_gain_dbi) * gain
    noise = noise_power_w(settings.bandwidth_hz, settings.noise_figure_db)
    return best.gather(-1, serving[0, :, None])[..., 0], wideband_geometry_db(power, serving[0], noise)


def _attached(drop: Drops, gain_db: Tensor, margin_db: float) -> Tensor:
    """Chooses the strongest cell, or with a margin any one of those within it, each with equal probability."""
    if margin_db == 0.0:
        return gain_db.argmax(-1)
    near = gain_db >= gain_db.amax(-1, keepdim=True) - margin_db
    return (near * uniform(drop.keys("attachment"), tuple(gain_db.shape[1:]))).argmax(-1)
