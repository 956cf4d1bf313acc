"""Computes what base stations on the ground do to UAVs and their users: interference both ways, and backhaul.

B drops, V UAVs, U users, Si sites.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phy.air_to_ground.shadowing import draw_shadowing
from phy.air_to_ground.tr36777 import mean_path_loss_db, mean_shadowing_sigma_db
from phy.topology.sites import TopologySettings, build_topology
from phy.tr38901.los import los_probability
from phy.tr38901.pathloss import Link, path_losses_db
from phy.units import db_to_linear, dbm_to_w, linear_to_db

from .settings import RadioSettings, TerrestrialSettings
from .types import UavContext


class Terrestrial:
    """Holds base stations around the middle of an area, and the shadowing of their links to UAVs.

    Args:
        settings: of the network.
        radio: of the UAVs.
        area_m: extent of the area.
        keys: of the shadowing of each drop, int64 ``[B]``.
    """

    def __init__(
        self, settings: TerrestrialSettings, radio: RadioSettings, area_m: tuple[float, float], keys: Tensor
    ) -> None:
        self.settings, self.radio = settings, radio
        middle = torch.tensor([0.5 * area_m[0], 0.5 * area_m[1], 0.0], dtype=torch.float64)
        layout = TopologySettings(
            sites=settings.sites,
            sectors=1,
            isd_m=settings.isd_m,
            bs_height_m=settings.bs_height_m,
            wrap_around=False,
            min_distance_m=0.0,
        )
        self.site_m = build_topology(layout).site_m + middle  # [Si, 3]
        self._shadowing = None
        if settings.shadowing:
            self._shadowing = draw_shadowing(keys, settings.decorrelation_m)

    def noise_rise(self, user_m: Tensor, context: UavContext) -> Tensor:
        """Computes noise and interference of all base stations over noise, linear, ``[B, U]``.

        The path loss of TR 38.901 is averaged over line of sight in dB.

        Args:
            user_m: positions, ``[B, U, 2]``.
            context: of the users' height.
        """
        site = self.site_m.to(user_m)
        distance = torch.linalg.vector_norm(user_m[:, :, None] - site[:, :2], dim=-1).clamp(min=10.0)  # [B, U, Si]
        height = torch.full_like(distance, context.user_height_m)
        link = Link(distance, site[:, 2].expand_as(distance), height, self.radio.carrier_hz)
        clear, blocked = path_losses_db(self.settings.model, link)
        los = los_probability(self.settings.model, distance, height)
        gain = db_to_linear(-(los * clear + (1.0 - los) * blocked))
        power = dbm_to_w(self.settings.power_dbm) * self.settings.load / self.radio.noise_w
        return 1.0 + power * gain.sum(-1)

    def backhaul_bps(self, uav_m: Tensor, bandwidth_hz: float) -> Tensor:
        """Computes the rate at which each UAV gets data from the base station of least loss, ``[B, V]`` in bit/s.

        Shannon's rate at the mean path loss of TR 36.777, without interference, at the power of a base station.

        Args:
            uav_m: positions, ``[B, V, 3]``.
            bandwidth_hz: of each UAV.
        """
        noise = dbm_to_w(self.radio.noise_dbm_per_hz) * bandwidth_hz
        snr = db_to_linear(-self.losses_db(uav_m).amin(-1)) * (dbm_to_w(self.settings.power_dbm) / noise)
        return bandwidth_hz * torch.log2(1.0 + snr)

    def site_rise_db(self, uav_m: Tensor, radiated_w: Tensor) -> Tensor:
        """Computes noise and interference of all UAVs over noise at base stations, mean over these, ``[B]`` in dB.

        The noise density is that of a user (ours).

        Args:
            uav_m: positions, ``[B, V, 3]``.
            radiated_w: of each UAV, over the whole band, ``[B, V]``.
        """
        gain = db_to_linear(-self.losses_db(uav_m))
        rise = 1.0 + (gain * (radiated_w.to(gain.dtype) / self.radio.noise_w)[..., None]).sum(1)
        return linear_to_db(rise).mean(-1)

    def losses_db(self, uav_m: Tensor) -> Tensor:
        """Computes the path loss of TR 36.777 between UAVs and base stations, averaged over line of sight, and its
        shadowing where the network has one, ``[B, V, Si]`` in dB.

        Args:
            uav_m: positions, ``[B, V, 3]``.
        """
        site, settings = self.site_m.to(uav_m), self.settings
        distance = torch.linalg.vector_norm(uav_m[:, :, None, :2] - site[:, :2], dim=-1)
        height = uav_m[..., 2, None].expand_as(distance)
        rise = height - site[:, 2]
        loss = mean_path_loss_db(settings.model, self.radio.carrier_hz, distance, height, rise, settings.blend_m)
        if self._shadowing is None:
            return loss
        sigma = mean_shadowing_sigma_db(settings.model, distance, height, settings.blend_m)
        return loss + sigma * self._shadowing.at(uav_m, site[None, :, :2].expand(len(uav_m), -1, -1))
