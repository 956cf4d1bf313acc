"""Builds channel matrices on Sionna's rays: those of :mod:`phy.sionna_adapter.channel` through panels of antennas.

Line of sight, path loss, large-scale parameters, clusters and rays are Sionna's, and belong to sites; the cells of a
site have phases of their own. :func:`phy.tr38901.coefficients.steer` applies the panels to the rays; its matrices equal
those of Sionna's coefficients on the same rays (a test compares them). The panel of each UE has a random bearing, and
its velocity a random direction; the mean SNR of a link is the mean over ports and rays.
"""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from ..channel.channel import Channel, ChannelPlan, flat_fading, place_users, stack_channels
from ..channel.matrices import (
    LinkOrientations,
    MimoChannel,
    MimoPlan,
    cluster_phases,
    draw_orientations,
    steer_links,
)
from ..link.dominant_interferers import strongest_cells
from ..random import Drops
from ..tr38901.coefficients import MimoRays, SteeredRays, with_sub_clusters
from ..tr38901.lsp_tables import RAYS
from .channel import SionnaLinks, draw_links, require_sionna_support

_LINKS_AT_ONCE = 256  # that are steered before the cells are chosen that a UE hears


def build_sionna_matrices(drops: Drops, plan: ChannelPlan, device: torch.device, dtype: torch.dtype) -> Channel:
    """Draws the channel of each drop on the CPU in double precision, then moves it.

    Args:
        drops: the batch.
        plan: of the channel, with panels.
        device: where it is evaluated.
        dtype: float32 or float64, in which it is evaluated.

    Raises:
        ValueError: settings that :func:`phy.sionna_adapter.channel.require_sionna_support` refuses; UEs outside the
            heights of the path-loss model.
    """
    require_sionna_support(plan.propagation, plan.antenna, plan.fading)
    parts = {number: _build_drop(Drops(drops.seed, (number,)), plan, dtype) for number in dict.fromkeys(drops.ids)}
    return stack_channels([parts[number] for number in drops.ids]).to(device, dtype)


def _build_drop(drop: Drops, plan: ChannelPlan, dtype: torch.dtype) -> Channel:
    position, home = place_users(drop, plan)
    links, matrices = draw_links(drop, plan, position), plan.mimo_plan
    assert matrices is not None
    bearing, _ = draw_orientations(drop, plan.speed_mps)
    at_once = max(1, _LINKS_AT_ONCE // plan.topology.cells)
    parts = []
    for first in range(0, plan.users, at_once):
        users = slice(first, first + at_once)
        fixed = home[:, users] if plan.attachment == "cell_area" else None
        parts.append(_some_users(plan, matrices, links, users, bearing[:, users], fixed))
    rays = [part[0] for part in parts]
    steered = SteeredRays(*(torch.cat([getattr(few, field.name) for few in rays], 1) for field in fields(SteeredRays)))
    snr, serving, heard = (torch.cat([part[1][n] for part in parts], 1) for n in range(3))
    mimo = MimoChannel(
        matrices.settings,
        steered,
        cluster_phases(steered, plan.frequency_hz, torch.float64),
        heard,
        snr.scatter(2, heard, 0.0),
    )
    channel = Channel(snr, serving, position, flat_fading(snr, len(plan.frequency_hz)), mimo)
    return channel.to(torch.device("cpu"), dtype)


def _some_users(
    plan: ChannelPlan, matrices: MimoPlan, links: SionnaLinks, users: slice, bearing: Tensor, fixed: Tensor | None
) -> tuple[SteeredRays, tuple[Tensor, Tensor, Tensor]]:
    """Draws rays ``[1, u, J]`` from the cells that some UEs hear; mean SNR ``[1, u, C]``, serving and heard cells."""
    steered, count = _steered(plan, matrices, links, users, bearing), bearing.shape[1]
    snr = _mean_power(steered)
    serving = snr.argmax(-1) if fixed is None else fixed
    heard = strongest_cells(snr, serving, matrices.settings.heard_cells)
    place = torch.zeros_like(heard), torch.arange(count)[:, None].expand_as(heard), heard
    chosen = SteeredRays(*(getattr(steered, field.name)[place] for field in fields(SteeredRays)))
    return chosen, (snr, serving, heard)


def mean_snr(plan: ChannelPlan, links: SionnaLinks, bearing: Tensor) -> Tensor:
    """Computes the mean over ports and rays of the SNR of all links, ``[1, U, C]``.

    Args:
        plan: of the channel, with panels.
        links: of a drop.
        bearing: of the UEs' panels, ``[1, U]``.
    """
    matrices, at_once = plan.mimo_plan, max(1, _LINKS_AT_ONCE // plan.topology.cells)
    assert matrices is not None
    blocks = [slice(first, first + at_once) for first in range(0, plan.users, at_once)]
    return torch.cat([_mean_power(_steered(plan, matrices, links, few, bearing[:, few])) for few in blocks], 1)


def rays_of(plan: ChannelPlan, links: SionnaLinks, user: Tensor, cell: Tensor) -> tuple[MimoRays, Tensor]:
    """Converts Sionna's rays of some links, and their c_DS, ``[1, ...]``; strong clusters are not split.

    Args:
        plan: of the channel.
        links: of a drop.
        user: int64 ``[...]``.
        cell: likewise.
    """
    scenario, rays = links.scenario, links.rays
    place = 0, plan.topology.cell_site[cell], user

    def of_cells(values: Tensor) -> Tensor:
        return values[place][None]

    los = {f"los_{name}": torch.deg2rad(of_cells(getattr(scenario, f"los_{name}"))) for name in _ANGLES}
    made = MimoRays(
        delay_s=of_cells(rays.delays),
        power=(of_cells(rays.powers) / RAYS)[..., None].expand_as(of_cells(rays.aoa)),
        **{name: of_cells(getattr(rays, name)) for name in (*_ANGLES, "xpr")},
        phases=rays.phases[0, cell, user][None].unflatten(-1, (2, 2)),
        k_factor=of_cells(links.lsp.k_factor * scenario.los),
        **los,
        distance_m=of_cells(scenario.distance_3d),
    )
    return made, 1e-9 * of_cells(scenario.get_param("cDS"))


def _steered(plan: ChannelPlan, matrices: MimoPlan, links: SionnaLinks, users: slice, bearing: Tensor) -> SteeredRays:
    """Computes the rays ``[1, u, C]`` of some UEs' links to all cells as the panels see them."""
    cells, count = plan.topology.cells, bearing.shape[1]
    user = torch.arange(plan.users)[users, None].expand(count, cells)
    cell = torch.arange(cells).expand(count, cells)
    ends = LinkOrientations(
        boresight_rad=plan.topology.azimuth_rad.expand(1, count, cells),
        bearing_rad=bearing[..., None].expand(1, count, cells),
        velocity_mps=links.velocity_mps[:, users, None].expand(1, count, cells, 3),
    )
    gain = plan.snr_at_unit_gain * links.gain[:, plan.topology.cell_site, users].transpose(1, 2)
    rays = with_sub_clusters(*rays_of(plan, links, user, cell))
    return steer_links(matrices, plan.propagation.carrier_hz, rays, ends, gain, torch.float64)


def _mean_power(rays: SteeredRays) -> Tensor:
    """Computes the mean over ports and time of the power of links ``[..., Cl, ...]``."""
    left = rays.rx.unflatten(-1, (-1, 2)).movedim(-2, -3)  # [..., Cl, Ra, Nr, 2]
    each = left @ rays.tx.unflatten(-2, (-1, 2))  # [..., Cl, Ra, Nr, Nt]
    power: Tensor = each.abs().square().sum((-4, -3)).mean((-2, -1))
    return power


_ANGLES = ("aod", "zod", "aoa", "zoa")
