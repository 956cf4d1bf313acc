"""Large-scale state of all links: coupling gain, line of sight, Rician K-factor and delay spread.

Tables are those of TR 38.901 V19.2.0. Delay spread and K-factor are drawn independently of each other, of shadowing and
of position; the cross-correlations of Table 7.5-6 are not modelled here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor

from .antenna import SectorAntennaSettings, gain_db
from .config import STRICT
from .los import LOS_DECORRELATION_M, los_probability
from .pathloss import MAX_UE_HEIGHT_M, Link, PathLossModel, environment_height_m, path_loss_db
from .penetration import O2IModel, penetration_loss_db
from .placement import draw_indoor, indoor_distance_m
from .random import Drops, normal, uniform
from .shadowing import DECORRELATION_M, sigma_db, site_fields
from .topology import Topology, displacement

NO_DIRECT_PATH_DB = -100.0
"""K-factor of a link without a direct path; free space, which has nothing else, has the opposite."""

_OMNI = SectorAntennaSettings(kind="omni")


@settings_dataclass(frozen=True, config=STRICT)
class PropagationSettings:
    """Large-scale propagation between base stations and users."""

    model: PathLossModel = "uma"
    """Scenario of TR 38.901 (urban macro, urban micro street canyon, rural macro), or free space."""
    carrier_hz: float = Field(default=3.5e9, ge=0.1e9, le=100e9)
    """Carrier frequency."""
    shadowing: bool = True
    """Add spatially correlated shadow fading (free space has none)."""
    o2i: O2IModel = "low"
    """Loss of users indoors: none, or the low- or high-loss building of TR 38.901 clause 7.4.3.1."""
    indoor_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that a user is indoors."""
    ue_height_m: float = Field(default=1.5, gt=1.0, le=1000.0)
    """Height at which users are placed; up to 22.5 in the terrestrial models."""
    los: Literal["random", "always", "never"] = "random"
    """Line of sight of the outdoor part of the links: by its probability, or the same for all."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.model == "free_space":
            if self.los == "never":
                raise ValueError("los is 'never', but free_space has nothing that could block; choose another model")
        elif self.ue_height_m > MAX_UE_HEIGHT_M:
            raise ValueError(
                f"ue_height_m is {self.ue_height_m:g}, but the terrestrial model '{self.model}' holds up to "
                f"{MAX_UE_HEIGHT_M} (TR 38.901 Table 7.4.1-1); lower it or take free_space"
            )
        return self


@dataclass(frozen=True)
class LargeScale:
    """What stays of a link while its user moves by less than a few metres; float64."""

    gain_db: Tensor  # [B, U, C] antenna gain - path loss - wall loss - shadowing, without transmit power
    los: Tensor  # [B, U, N] bool, a direct path reaches the user: outdoors and in line of sight
    indoor: Tensor  # [B, U] bool
    k_factor_db: Tensor  # [B, U, N] Rician K-factor, -100 where there is no direct path
    delay_spread_s: Tensor  # [B, U, N] rms delay spread
    distance_m: Tensor  # [B, U, N] 3D distance to the nearest image of the site


def large_scale(
    drops: Drops, topology: Topology, user_m: Tensor, settings: PropagationSettings, antenna: SectorAntennaSettings
) -> LargeScale:
    """Draw the large-scale state of all links (TR 38.901 clauses 7.4 and 7.5, steps 2 to 4).

    All randomness is keyed by drop and by the streams "indoor", "indoor_distance", "los", "environment_height",
    "shadowing", "penetration", "k_factor" and "delay_spread". Line of sight and shadowing are fields over the plane,
    the same for whoever stands there, so they follow a moving user continuously; the other draws belong to the user.

    Args:
        drops: the batch, B.
        topology: the network; sites of one sector radiate 0 dBi in all directions.
        user_m: positions in m, float64 ``[B, U, 3]``.
        settings: propagation.
        antenna: antenna of each sector.

    Raises:
        ValueError: a user above 22.5 m in a terrestrial model.
    """
    path = displacement(topology, user_m)
    users = user_m.shape[1]
    indoor = draw_indoor(drops.keys("indoor"), users, settings.indoor_share)
    depth = indoor * indoor_distance_m(drops.keys("indoor_distance"), users, settings.model)
    link = _link(drops, topology, user_m, path, settings)
    clear = _outdoor_los(drops, user_m, link, depth, settings)
    column = torch.where(indoor[..., None], 2, torch.where(clear, 0, 1))
    loss = path_loss_db(settings.model, link, clear)
    wall = penetration_loss_db(drops.keys("penetration"), settings.o2i, settings.carrier_hz, indoor, depth)
    loss = loss + wall[..., None] + _shadowing_db(drops, user_m, link, column, settings)
    return LargeScale(
        gain_db=_antenna_gain_db(topology, path, antenna) - loss[..., topology.cell_site],
        los=column == 0,
        indoor=indoor,
        k_factor_db=_k_factor_db(drops, column, settings.model),
        delay_spread_s=_delay_spread_s(drops, column, settings),
        distance_m=path.norm(dim=-1),
    )


def delay_spread_log10(model: PathLossModel, carrier_hz: float) -> tuple[tuple[float, float], ...]:
    """Mean and standard deviation of ``log10(delay spread / s)`` for LOS, NLOS and indoor links, TR 38.901 Table 7.5-6.

    The table's frequency is taken as at least 6 GHz in UMa and 2 GHz in UMi. Free space, not in the table, has
    1 ns.
    """
    if model == "rma":
        return (-7.49, 0.55), (-7.43, 0.48), (-7.47, 0.24)
    if model == "uma":
        f = math.log10(max(carrier_hz / 1e9, 6.0))
        return (-7.067 - 0.0794 * f, 0.57 + 0.026 * f), (-6.47 - 0.134 * f, 0.39), (-6.62, 0.32)
    if model == "umi":
        f = math.log10(1.0 + max(carrier_hz / 1e9, 2.0))
        return (-7.28 - 0.18 * f, 0.39), (-6.87 - 0.22 * f, 0.22 + 0.19 * f), (-6.62, 0.32)
    return ((-9.0, 0.0),) * 3


def delay_spread_statistics(settings: PropagationSettings) -> tuple[float, float]:
    """Mean and standard deviation of ``log10(delay spread / s)`` over all links that a scenario may hold.

    The mixture of :func:`delay_spread_log10`: users indoors by their share, and of the links outdoors one half in line
    of sight where that is random.
    """
    clear = {"always": 1.0, "random": 0.5, "never": 0.0}[settings.los]
    outdoor = 1.0 - settings.indoor_share
    weights = (outdoor * clear, outdoor * (1.0 - clear), settings.indoor_share)
    columns = list(zip(weights, delay_spread_log10(settings.model, settings.carrier_hz), strict=True))
    mean = sum(w * mu for w, (mu, _) in columns)
    square = sum(w * (mu**2 + sigma**2) for w, (mu, sigma) in columns)
    return mean, math.sqrt(max(square - mean**2, 0.0))


def k_factor_normal_db(model: PathLossModel) -> tuple[float, float]:
    """Mean and standard deviation of the K-factor of LOS links in dB, TR 38.901 Table 7.5-6."""
    known: dict[PathLossModel, tuple[float, float]] = {"uma": (9.0, 3.5), "umi": (9.0, 5.0), "rma": (7.0, 4.0)}
    return known.get(model, (-NO_DIRECT_PATH_DB, 0.0))


def _link(drops: Drops, topology: Topology, user_m: Tensor, path: Tensor, settings: PropagationSettings) -> Link:
    distance = torch.hypot(path[..., 0], path[..., 1])
    ue_height = user_m[..., 2:].expand_as(distance)
    draw = uniform(drops.keys("environment_height"), (*distance.shape[1:], 2))
    environment = environment_height_m(draw, distance, ue_height)
    return Link(distance, topology.site_m[:, 2].expand_as(distance), ue_height, settings.carrier_hz, environment)


def _outdoor_los(drops: Drops, user_m: Tensor, link: Link, depth: Tensor, settings: PropagationSettings) -> Tensor:
    """Line of sight of the outdoor part of each link, bool ``[B, U, N]``: where a field's quantile is below P_LOS."""
    distance = link.distance_2d_m
    if settings.los != "random" or settings.model == "free_space":
        return torch.full_like(distance, settings.los != "never", dtype=torch.bool)
    probability = los_probability(settings.model, (distance - depth[..., None]).clamp_min(0.0), link.ue_height_m)
    decorrelation = (LOS_DECORRELATION_M[settings.model],)
    state = site_fields(drops.keys("los"), user_m[..., :2], distance.shape[-1], decorrelation, correlation=0.0)
    quantile: Tensor = torch.special.ndtr(state[..., 0])
    return quantile < probability


def _shadowing_db(drops: Drops, user_m: Tensor, link: Link, column: Tensor, settings: PropagationSettings) -> Tensor:
    """Shadow fading in dB ``[B, U, N]``, of zero mean."""
    if not settings.shadowing or settings.model == "free_space":
        return torch.zeros_like(link.distance_2d_m)
    fields = site_fields(drops.keys("shadowing"), user_m[..., :2], column.shape[-1], DECORRELATION_M[settings.model])
    own = torch.take_along_dim(fields, column[..., None], dim=-1).squeeze(-1)
    return sigma_db(settings.model, link, column) * own


def _antenna_gain_db(topology: Topology, path: Tensor, antenna: SectorAntennaSettings) -> Tensor:
    """Gain of each cell's antenna towards each user, ``[B, U, C]``."""
    to_user = path[..., topology.cell_site, :]
    azimuth = torch.atan2(to_user[..., 1], to_user[..., 0]) - topology.azimuth_rad
    zenith = torch.atan2(torch.hypot(to_user[..., 0], to_user[..., 1]), to_user[..., 2])
    return gain_db(antenna if topology.sectors > 1 else _OMNI, azimuth, zenith)


def _k_factor_db(drops: Drops, column: Tensor, model: PathLossModel) -> Tensor:
    mean, sigma = k_factor_normal_db(model)
    drawn = mean + sigma * normal(drops.keys("k_factor"), tuple(column.shape[1:]))
    return torch.where(column == 0, drawn, NO_DIRECT_PATH_DB)


def _delay_spread_s(drops: Drops, column: Tensor, settings: PropagationSettings) -> Tensor:
    table = torch.tensor(delay_spread_log10(settings.model, settings.carrier_hz), dtype=torch.float64)[column]
    exponent = table[..., 0] + table[..., 1] * normal(drops.keys("delay_spread"), tuple(column.shape[1:]))
    return torch.pow(10.0, exponent)
