"""Computes MIMO channel matrices of chosen links from their rays (TR 38.901 clause 7.5, step 11).

The channel between all ports of all links is too big to hold: 570 UEs x 57 cells x 50 PRBs x 4 x 32 ports are
1.7 GB in single precision. So rays are kept as angles, and matrices are made for the links that are asked for: pick
the links (:meth:`MimoRays.pick`), apply the panels once (:func:`steer`), evaluate at PRBs and times
(:meth:`SteeredRays.response`). The leading axes ``...`` of all tensors are those of the links, in any number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..antenna.panel import PanelSettings, port_fields, unit_vector
from ..units import SPEED_OF_LIGHT_MPS
from .lsp_tables import RAYS, STRONG_CLUSTERS, SUB_CLUSTER_DELAYS, SUB_CLUSTERS


@dataclass(frozen=True)
class MimoRays:
    """Holds the rays of links in Cl clusters of Ra, downlink: they depart at the base station and arrive at the UE.

    Angles in rad and global axes. The rays of a link sum up to unit power; the direct ray is beside them.
    """

    delay_s: Tensor  # [..., Cl] after the direct ray
    power: Tensor  # [..., Cl, Ra] of each ray, unit sum over both; 0 for a ray that is not there
    aod: Tensor  # [..., Cl, Ra] azimuth of departure
    zod: Tensor  # [..., Cl, Ra] zenith of departure
    aoa: Tensor  # [..., Cl, Ra] azimuth of arrival, the direction from which the ray comes
    zoa: Tensor  # [..., Cl, Ra] zenith of arrival
    xpr: Tensor  # [..., Cl, Ra] cross-polarization power ratio, linear
    phases: Tensor  # [..., Cl, Ra, 2, 2] rad: theta-theta, theta-phi; phi-theta, phi-phi
    k_factor: Tensor  # [...] linear, 0 without a direct ray
    los_aod: Tensor  # [...]
    los_zod: Tensor  # [...]
    los_aoa: Tensor  # [...]
    los_zoa: Tensor  # [...]
    distance_m: Tensor  # [...] length of the direct ray

    def pick(self, *index: Tensor) -> MimoRays:
        """Selects the rays of some links: ``rays.pick(drop, user, cell)`` with int64 indices of one shape."""
        return MimoRays(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


@dataclass(frozen=True)
class SteeredRays:
    """Holds rays through the ports of two panels."""

    rx: Tensor  # [..., Cl, Nr, 2Ra] fields of the receiving ports, times the ray's amplitude
    tx: Tensor  # [..., Cl, 2Ra, Nt] fields of the transmitting ports behind the polarization matrix
    doppler_hz: Tensor  # [..., Cl, Ra] float64
    delay_s: Tensor  # [..., Cl]

    def taps(self, time_s: Tensor) -> Tensor:
        """Computes coefficients of the clusters at times ``[T]``, ``[..., Cl, T, Nr, Nt]`` (TR 38.901
        equation 7.5-22).
        """
        return self.turned(self.doppler_hz[..., None, :] * time_s[:, None])

    def turned(self, turns: Tensor) -> Tensor:
        """Computes coefficients of the clusters after turns ``[..., Cl, T, Ra]``, float64, of each ray."""
        phase = 2.0 * math.pi * (turns - turns.floor())
        rotating = torch.complex(phase.cos(), phase.sin()).to(self.rx.dtype).repeat_interleave(2, -1)
        left = self.rx[..., None, :, :] * rotating[..., None, :]
        product: Tensor = (left.flatten(-3, -2) @ self.tx).unflatten(-2, (turns.shape[-2], -1))
        return product

    def response(self, frequency_hz: Tensor, time_s: Tensor) -> Tensor:
        """Computes channel matrices ``H``, so that ``y = H x``, complex ``[..., T, K, Nr, Nt]``.

        Args:
            frequency_hz: ``[K]`` relative to the carrier, for example of the PRBs asked for.
            time_s: ``[T]`` float64.
        """
        taps = self.taps(time_s)
        turns = self.delay_s[..., None, :] * frequency_hz[:, None].to(self.delay_s)
        phase = -2.0 * math.pi * (turns - turns.floor())
        to_prbs = torch.complex(phase.cos(), phase.sin()).to(taps.dtype)
        response: Tensor = (to_prbs @ taps.flatten(-3)).unflatten(-1, taps.shape[-3:])
        return response.movedim(-3, -4)


@dataclass(frozen=True)
class LinkEnd:
    """Holds one end of the links: its panel and the orientation of that."""

    panel: PanelSettings
    orientation_rad: Tensor  # [..., 3], see phy.antenna.panel


def steer(
    rays: MimoRays, base: LinkEnd, ue: LinkEnd, velocity_mps: Tensor, carrier_hz: float, gain: Tensor
) -> SteeredRays:
    """Applies the panels of both ends to rays: all of the channel matrix that does not depend on frequency and time.

    TR 38.901 equations 7.5-22 (scattered rays), 7.5-29 (direct ray) and 7.5-30 (both, by the K-factor). The direct ray
    becomes one cluster more, without delay and with one ray.

    Args:
        rays: of the links ``[...]``.
        base: panel of the base station, orientation ``[..., 3]``.
        ue: panel of the UE, orientation ``[..., 3]``.
        velocity_mps: of the UE ``[..., 3]``.
        carrier_hz: carrier frequency.
        gain: ``[...]`` mean power of the links between isotropic antennas, for example their SNR.
    """
    scattered = (gain / (1.0 + rays.k_factor))[..., None, None] * rays.power
    left, right, doppler = _steer(rays, base, ue, velocity_mps / (SPEED_OF_LIGHT_MPS / carrier_hz))
    left = scattered.sqrt()[..., None, None] * left
    direct = _direct(rays, carrier_hz)
    los_left, los_right, los_doppler = _steer(direct, base, ue, velocity_mps / (SPEED_OF_LIGHT_MPS / carrier_hz))
    amplitude = (gain * rays.k_factor / (1.0 + rays.k_factor)).sqrt()
    los_left = amplitude[..., None, None, None, None] * los_left
    missing = rays.power.shape[-1] - 1
    return SteeredRays(
        rx=torch.cat((_columns(left), torch.nn.functional.pad(_columns(los_left), (0, 2 * missing))), -3),
        tx=torch.cat((_rows(right), torch.nn.functional.pad(_rows(los_right), (0, 0, 0, 2 * missing))), -3),
        doppler_hz=torch.cat((doppler, torch.nn.functional.pad(los_doppler, (0, missing))), -2),
        delay_s=torch.cat((rays.delay_s, torch.zeros_like(rays.delay_s[..., :1])), -1),
    )


def with_sub_clusters(rays: MimoRays, cluster_delay_spread_s: Tensor) -> MimoRays:
    """Splits the two strongest clusters into three sub-clusters each, which makes Cl + 4 clusters (TR 38.901 Table
    7.5-5).

    Args:
        rays: in clusters of 20.
        cluster_delay_spread_s: ``[...]`` c_DS.

    Raises:
        ValueError: clusters of another size, for which the standard names no sub-clusters.
    """
    size = rays.power.shape[-1]
    if size != RAYS:
        raise ValueError(
            f"sub-clusters are defined for clusters of {RAYS} rays (TR 38.901 Table 7.5-5), "
            f"but these have {size}; draw {RAYS}, or do without sub-clusters"
        )
    member = torch.zeros((3, size), dtype=rays.power.dtype, device=rays.power.device)
    for row, group in enumerate(SUB_CLUSTERS):
        member[row, list(group)] = 1.0
    order = split_order(rays)
    strong = order[..., -STRONG_CLUSTERS:]
    part = _parts(rays.delay_s, strong)
    offset = torch.tensor(SUB_CLUSTER_DELAYS, dtype=rays.delay_s.dtype, device=strong.device)[part.clamp(min=0)]
    spread = cluster_delay_spread_s[..., None] * offset
    whole = torch.ones_like(member[:1])
    weight = torch.cat((member, whole))[part]  # part -1 is the whole cluster
    ray = {
        name: torch.take_along_dim(getattr(rays, name), order[..., None], -2)
        for name in ("power", "aod", "zod", "aoa", "zoa", "xpr")
    }
    phases = torch.take_along_dim(rays.phases, order[..., None, None, None], -4)
    ray["power"] = ray["power"] * weight
    return replace(rays, delay_s=torch.take_along_dim(rays.delay_s, order, -1) + spread, phases=phases, **ray)


def split_order(rays: MimoRays) -> Tensor:
    """Computes which cluster each of the Cl + 4 comes from that :func:`with_sub_clusters` makes, int64
    ``[..., Cl + 4]``.
    """
    strong = rays.power.sum(-1).topk(STRONG_CLUSTERS, -1).indices
    order = torch.cat((torch.arange(rays.power.shape[-2], device=strong.device).expand(rays.delay_s.shape), strong), -1)
    return torch.cat((order, strong), -1)


def _parts(delay: Tensor, strong: Tensor) -> Tensor:
    """Numbers the sub-cluster of each of the Cl + 4 clusters, int64: -1 for those that stay whole."""
    first = torch.full_like(delay, -1, dtype=torch.int64).scatter(-1, strong, 0)
    more = [torch.full_like(strong, part) for part in (1, 2)]
    return torch.cat((first, *more), -1)


def _steer(rays: MimoRays, base: LinkEnd, ue: LinkEnd, wave_velocity: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Computes fields ``[..., Cl, Ra, Nr, 2]``, polarization times fields ``[..., Cl, Ra, 2, Nt]``, Doppler shifts."""
    over_rays = (..., None, None, slice(None))
    left = port_fields(ue.panel, ue.orientation_rad[over_rays], rays.aoa, rays.zoa)
    depart = port_fields(base.panel, base.orientation_rad[over_rays], rays.aod, rays.zod)
    off_diagonal = rays.xpr.rsqrt()
    one = torch.ones_like(off_diagonal)
    size = torch.stack((one, off_diagonal, off_diagonal, one), -1).unflatten(-1, (2, 2))
    coupling = torch.polar(size, rays.phases)
    doppler = (unit_vector(rays.aoa, rays.zoa) * wave_velocity[over_rays]).sum(-1).to(torch.float64)
    right = coupling[..., :1] * depart[..., None, :, 0] + coupling[..., 1:] * depart[..., None, :, 1]
    return left, right, doppler


def _direct(rays: MimoRays, carrier_hz: float) -> MimoRays:
    """Builds the direct rays as clusters of one: phases of TR 38.901 equation 7.5-29, no cross-polarization."""
    turns = rays.distance_m.to(torch.float64) * (carrier_hz / SPEED_OF_LIGHT_MPS)
    phase = (-2.0 * math.pi * (turns - turns.floor())).to(rays.aod.dtype)
    phases = torch.stack((phase, 0.0 * phase, 0.0 * phase, phase + math.pi), -1).unflatten(-1, (2, 2))
    single = {name: getattr(rays, f"los_{name}")[..., None, None] for name in ("aod", "zod", "aoa", "zoa")}
    xpr = torch.full_like(single["aod"], torch.inf)
    return replace(rays, xpr=xpr, phases=phases[..., None, None, :, :], **single)


def _columns(left: Tensor) -> Tensor:
    """Rearranges ``[..., Ra, Nr, 2]`` to ``[..., Nr, 2Ra]``."""
    return left.movedim(-2, -3).flatten(-2)


def _rows(right: Tensor) -> Tensor:
    """Rearranges ``[..., Ra, 2, Nt]`` to ``[..., 2Ra, Nt]``."""
    return right.flatten(-3, -2)
