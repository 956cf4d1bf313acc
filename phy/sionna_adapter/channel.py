"""Builds the channel of a batch of drops from Sionna's TR 38.901 models, for cross-checks of
:mod:`phy.channel.channel`.

Sites, UEs, powers, noise and attachment are the same; the indoor state of a UE (indoors or in a car, depth, wall loss)
is the same, too (:func:`phy.tr38901.large_scale.draw_indoor_state`). Line of sight, path loss, large-scale parameters,
clusters, rays and antenna gains are Sionna's. Its scenario holds sites, not cells: the sectors of a site share all but
the directions of their antennas and the initial phases.

Sionna keeps nothing between two calls and draws from one generator of the whole process. So each drop's rays are drawn
once, from a seed of its own, and the generators are left as they were found. Sionna gives the amplitude of each ray at
time 0 (each passes as a cluster of one ray); the Doppler shift of its direction of arrival leads it on
(:mod:`phy.sionna_adapter.ray_fading`).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from ..antenna.element import ELEMENT_FIELDS, SectorAntennaSettings
from ..channel.channel import Channel, ChannelPlan, place_users, stack_channels
from ..channel.fading import FadingSettings
from ..random import Drops, stream_key, uniform
from ..topology.sites import displacement
from ..tr38901.large_scale import IndoorState, PropagationSettings, draw_indoor_state
from ..tr38901.lsp_tables import RAYS
from ..tr38901.pathloss import Link, check_validity
from ..units import SPEED_OF_LIGHT_MPS
from .ray_fading import RayFading, path_delays, ray_order

_SPEC = {"v19": "19.2", "v16": "16.1"}
_ELEMENTS_AT_ONCE = 1 << 18  # rays times antenna elements whose amplitudes Sionna computes at once, to bound memory
_EXACT = {"precision": "double", "device": "cpu"}
_ELEMENT = SectorAntennaSettings()


def require_sionna_support(
    propagation: PropagationSettings, antenna: SectorAntennaSettings, fading: FadingSettings, rays_only: bool = False
) -> None:
    """Refuses settings that Sionna cannot draw.

    Args:
        propagation: of the scenario.
        antenna: of its cells.
        fading: of its links.
        rays_only: Sionna draws rays in a large-scale state that it is given.

    Raises:
        ValueError: with the setting, what was given, and what to do.
    """
    needed: list[tuple[str, object, bool, str]] = [
        ("propagation.model", propagation.model, propagation.model != "free_space", "uma, umi, rma or inh"),
        ("propagation.parameters", propagation.parameters, propagation.parameters in _SPEC, "v19 or v16"),
        ("propagation.antenna_gain", propagation.antenna_gain, propagation.antenna_gain == "rays", "rays"),
        ("fading.model", fading.model, fading.model == "rays", "rays"),
        ("antenna", "not the element of TR 38.901 Table 7.3-1", _is_standard(antenna), "its gain, widths and limits"),
    ]
    if not rays_only:
        needed += [
            ("propagation.los_transition", propagation.los_transition, propagation.los_transition != "soft", "hard"),
            ("propagation.site_correlation", propagation.site_correlation, propagation.site_correlation == 0.0, "0"),
            ("propagation.large_cells", propagation.large_cells, not propagation.large_cells, "false"),
        ]
    for name, given, possible, allowed in needed:
        if not possible:
            raise ValueError(
                f"channel.provider is 'sionna', which cannot do {name}: {given}; set it to {allowed}, or take "
                "channel.provider: fairwave"
            )
    if importlib.util.find_spec("sionna") is None:
        raise ValueError(
            "channel.provider is 'sionna', but the package is not installed; pip install sionna-no-rt, or take "
            "channel.provider: fairwave"
        )


def build_sionna_channel(drops: Drops, plan: ChannelPlan, device: torch.device, dtype: torch.dtype) -> Channel:
    """Draws the channel of each drop on the CPU in double precision, then moves it.

    Args:
        drops: the batch.
        plan: of the channel.
        device: where it is evaluated.
        dtype: float32 or float64, in which it is evaluated.

    Raises:
        ValueError: what :func:`require_sionna_support` refuses; UEs outside the heights of the path-loss model.
    """
    require_sionna_support(plan.propagation, plan.antenna, plan.fading)
    cpu, once = torch.device("cpu"), list(dict.fromkeys(drops.ids))  # allocators side by side share their drops
    drawn = stack_channels([_build_drop(drop, plan).to(cpu, dtype) for drop in Drops(drops.seed, tuple(once)).single()])
    which = torch.tensor([once.index(number) for number in drops.ids])
    of_batch = (drawn.mean_snr[which], drawn.serving[which], drawn.position_m[which])
    return Channel(*of_batch, replace(cast(RayFading, drawn.fading), which=which)).to(device, dtype)


@dataclass(frozen=True)
class SionnaLinks:
    """Holds Sionna's objects of one drop, and what is constant of its links; tensors ``[1, Si, U, ...]``."""

    scenario: Any  # SystemLevelScenario with sites for base stations
    lsp: Any  # LSP
    rays: Any  # Rays; initial phases of each cell, [1, C, U, Cl, 20, 4]
    velocity_mps: Tensor  # [1, U, 3]
    gain: Tensor  # [1, Si, U] linear, between isotropic antennas


def draw_links(drop: Drops, plan: ChannelPlan, position: Tensor) -> SionnaLinks:
    """Draws line of sight, large-scale parameters and rays of one drop by Sionna.

    Args:
        drop: one drop.
        plan: of the channel.
        position: of the UEs, ``[1, U, 3]``.
    """
    with seeded_generator(drop) as generator:
        from sionna.phy.channel.tr38901 import LSPGenerator, RaysGenerator

        indoor_state = draw_indoor_state(drop, plan.propagation, plan.users)
        velocity, scenario = velocity_mps(drop, plan), sionna_scenario(plan)
        los = {"random": "random", "always": True, "never": False}[plan.propagation.los]
        set_topology(scenario, plan, position, indoor_state, los)
        large, small = LSPGenerator(scenario), RaysGenerator(scenario)
        large.topology_updated_callback()
        small.topology_updated_callback()
        lsp = large()
        rays = small(lsp)
        shape = (1, plan.topology.cells, *rays.aoa.shape[2:], 4)
        rays.phases = 2.0 * math.pi * torch.rand(shape, dtype=torch.float64, generator=generator) - math.pi
    loss = scenario.basic_pathloss + indoor_state.loss_db[:, None]
    shadowing = lsp.sf if plan.propagation.shadowing else torch.ones_like(lsp.sf)
    return SionnaLinks(scenario, lsp, rays, velocity, torch.pow(10.0, -loss / 10.0) * shadowing)


def _build_drop(drop: Drops, plan: ChannelPlan) -> Channel:
    position, home = place_users(drop, plan)
    links = draw_links(drop, plan, position)
    sorted_ = sorted_by_power(links.rays)
    amplitude = amplitudes(plan, links, sorted_)
    snr = amplitude.abs().square().sum(-1).flatten(2)
    steering = steering_of(plan, links, sorted_)
    which = torch.zeros(1, dtype=torch.int64)
    fading = RayFading(amplitude, _doppler_hz(plan, links, sorted_), steering, which)
    return Channel(snr, home if plan.attachment == "cell_area" else snr.argmax(-1), position, fading)


def set_topology(scenario: Any, plan: ChannelPlan, position: Tensor, indoor_state: IndoorState, los: Any) -> None:
    """Puts sites and UEs into Sionna's scenario; it does not read velocities.

    Args:
        scenario: of :func:`sionna_scenario`.
        plan: of the channel.
        position: of the UEs, ``[1, U, 3]``.
        indoor_state: of the UEs, indoors or in a car.
        los: line of sight as Sionna takes it, for example bool ``[1, Si, U]``.
    """
    topology, propagation = plan.topology, plan.propagation
    path = displacement(topology, position)
    distance, sites = torch.hypot(path[..., 0], path[..., 1]), topology.site_m[None]
    heights = (topology.site_m[:, 2].expand_as(distance), position[..., 2:].expand_as(distance))
    check_validity(propagation.model, Link(distance, *heights, propagation.carrier_hz))
    still, office = torch.zeros_like(position), propagation.model == "inh"
    more: dict[str, Any] = {} if office else {"distance_2d_in": indoor_state.depth_m}
    if propagation.model == "rma":
        more["in_car"] = indoor_state.in_car
    scenario.set_topology(
        ut_loc=position,
        bs_loc=sites,
        ut_orientations=still,
        bs_orientations=torch.zeros_like(sites),
        ut_velocities=still,
        in_state=indoor_state.indoor | office,
        los=los,
        bs_virtual_loc=(position[:, :, None] - path).transpose(1, 2).contiguous(),
        **more,
    )


def sionna_scenario(plan: ChannelPlan) -> Any:
    """Builds Sionna's scenario; path loss and wall loss are taken from it separately, not added to the rays."""
    from sionna.phy.channel.tr38901 import InHScenario, RMaScenario, UMaScenario, UMiScenario

    settings, phone = plan.propagation, _phone(plan)
    common: dict[str, Any] = {
        "ut_array": phone,
        "bs_array": phone,
        "direction": "downlink",
        "enable_pathloss": False,
        "spec_version": _SPEC[settings.parameters],
        **_EXACT,
    }
    if settings.model == "rma":
        return RMaScenario(settings.carrier_hz, **common)
    if settings.model == "inh":
        return InHScenario(settings.carrier_hz, settings.office, **common)
    kind = {"uma": UMaScenario, "umi": UMiScenario}[settings.model]
    return kind(settings.carrier_hz, "low", **common)


def _phone(plan: ChannelPlan) -> Any:
    from sionna.phy.channel.tr38901 import PanelArray

    return PanelArray(1, 1, "single", "V", "omni", plan.propagation.carrier_hz, **_EXACT)


def _column(plan: ChannelPlan) -> tuple[Any, Tensor]:
    """Returns the antenna of a cell and the weights of its elements, complex ``[A]`` of unit power, 0 off the port."""
    from sionna.phy.channel.tr38901 import PanelArray

    settings, carrier_hz = plan.antenna, plan.propagation.carrier_hz
    if settings.kind == "omni" or plan.topology.omnidirectional:
        return _phone(plan), torch.ones(1, dtype=torch.complex128)
    slant = settings.polarization == "slant"
    array = PanelArray(
        settings.vertical_elements,
        1,
        "dual" if slant else "single",
        "cross" if slant else "V",
        "38.901",
        carrier_hz,
        element_vertical_spacing=settings.vertical_spacing_wavelengths,
        **_EXACT,
    )
    height = array.ant_pos[:, 2] * carrier_hz / SPEED_OF_LIGHT_MPS
    beam = torch.exp(-2j * math.pi * height * math.cos(math.radians(settings.electrical_tilt_deg)))
    port = torch.zeros_like(beam)
    port[array.ant_ind_pol1] = settings.vertical_elements**-0.5
    return array, beam * port


def power_order(rays: Any) -> Tensor:
    """Computes the order of clusters by falling power, int64 ``[1, Si, U, Cl]``."""
    order: Tensor = rays.powers.argsort(dim=-1, descending=True, stable=True)
    return order


def sorted_by_power(rays: Any) -> Any:
    """Sorts rays into the order of :class:`phy.sionna_adapter.ray_fading.RayFading`, still by cluster."""
    from sionna.phy.channel.tr38901 import Rays

    order = power_order(rays)
    within = torch.tensor(ray_order())

    def sort(values: Tensor) -> Tensor:
        return torch.take_along_dim(values, order[..., None], 3)[..., within]

    cells = rays.phases.shape[1] // order.shape[1]
    phases = torch.take_along_dim(rays.phases, order.repeat_interleave(cells, 1)[..., None, None], 3)
    return Rays(
        delays=torch.take_along_dim(rays.delays, order, 3),
        powers=torch.take_along_dim(rays.powers, order, 3),
        **{name: sort(getattr(rays, name)) for name in ("aoa", "aod", "zoa", "zod", "xpr")},
        phases=phases[..., within, :],
    )


def amplitudes(plan: ChannelPlan, links: SionnaLinks, rays: Any) -> Tensor:
    """Computes the amplitude of every ray at time 0 through the antennas, in units of the SNR's square root, complex
    ``[1, U, Si, Se, Rl]``.
    """
    from sionna.phy.channel.tr38901 import ChannelCoefficientsGenerator

    column, weights = _column(plan)
    generator = ChannelCoefficientsGenerator(
        plan.propagation.carrier_hz, column, _phone(plan), subclustering=False, **_EXACT
    )
    rows = max(1, _ELEMENTS_AT_ONCE // (plan.topology.cells * rays.aoa.shape[3] * RAYS * len(weights)))
    out = []
    for first in range(0, plan.users, rows):
        some = slice(first, first + rows)
        k_factor = links.lsp.k_factor[:, plan.topology.cell_site, some]
        paths, _ = generator(1, 1.0, k_factor, _one_by_one(plan, rays, some), _sight(plan, links, some))
        out.append(paths[..., 0, :, 0] @ weights)
    gain = (plan.snr_at_unit_gain * links.gain)[:, plan.topology.cell_site]
    amplitude = (torch.cat(out, 2) * gain.sqrt()[..., None]).transpose(1, 2)
    of_sites: Tensor = amplitude.unflatten(2, (plan.topology.sites, plan.topology.sectors)).contiguous()
    return of_sites


def steering_of(plan: ChannelPlan, links: SionnaLinks, rays: Any) -> Tensor:
    """Computes the phase of each path on each PRB, complex ``[1, U, Si, paths, K]``, strongest rays first."""
    delay = path_delays(rays.delays, 1e-9 * links.scenario.get_param("cDS")).transpose(1, 2)
    steering: Tensor = torch.exp(-2j * math.pi * delay[..., None] * plan.frequency_hz)
    return steering


def _one_by_one(plan: ChannelPlan, rays: Any, users: slice) -> Any:
    """Makes each ray a cluster, after an empty one to which Sionna adds the direct ray; their delays are numbers."""
    from sionna.phy.channel.tr38901 import Rays

    site = plan.topology.cell_site

    def each(values: Tensor, first: float) -> Tensor:
        return torch.nn.functional.pad(values[:, site, users].flatten(3), (1, 0), value=first)

    power = each((rays.powers / RAYS)[..., None].expand_as(rays.aoa), 0.0)
    angles = {name: each(getattr(rays, name), 1.0)[..., None] for name in ("aoa", "aod", "zoa", "zod", "xpr")}
    phases = torch.nn.functional.pad(rays.phases[:, :, users].flatten(3, 4), (0, 0, 1, 0))[..., None, :]
    number = torch.arange(power.shape[-1], dtype=power.dtype).expand_as(power)
    return Rays(delays=number, powers=power, **angles, phases=phases)


def _sight(plan: ChannelPlan, links: SionnaLinks, users: slice) -> Any:
    """Computes the directions and distances between the cells and some UEs."""
    from sionna.phy.channel.tr38901 import channel_coefficients

    site, scenario, antenna = plan.topology.cell_site, links.scenario, plan.antenna
    azimuth = plan.topology.azimuth_rad
    tilt = torch.full_like(azimuth, math.radians(antenna.mechanical_tilt_deg))
    angles = {name: torch.deg2rad(getattr(scenario, name)[:, site, users]) for name in _ANGLES}
    return channel_coefficients.Topology(
        velocities=links.velocity_mps[:, users],
        moving_end="rx",
        los=scenario.los[:, site, users],
        distance_3d=scenario.distance_3d[:, site, users],
        tx_orientations=torch.stack((azimuth, tilt, torch.zeros_like(tilt)), -1)[None],
        rx_orientations=torch.zeros_like(links.velocity_mps[:, users]),
        **angles,
    )


_ANGLES = ("los_aoa", "los_aod", "los_zoa", "los_zod")


def _doppler_hz(plan: ChannelPlan, links: SionnaLinks, rays: Any) -> Tensor:
    """Computes every ray's Doppler shift ``[1, U, Si, Rl]``: the velocity towards its origin over the wavelength."""
    azimuth, zenith = (torch.deg2rad(getattr(links.scenario, name))[..., None] for name in ("los_aoa", "los_zoa"))
    azimuth = torch.cat((azimuth, rays.aoa.flatten(3)), -1)
    zenith = torch.cat((zenith, rays.zoa.flatten(3)), -1)
    x, y, z = (links.velocity_mps[:, None, :, None, i] for i in range(3))
    towards = zenith.sin() * (x * azimuth.cos() + y * azimuth.sin()) + z * zenith.cos()
    return (towards * plan.propagation.carrier_hz / SPEED_OF_LIGHT_MPS).transpose(1, 2).contiguous()


def velocity_mps(drop: Drops, plan: ChannelPlan) -> Tensor:
    """Draws the velocity of each UE: its speed in a random direction, ``[1, U, 3]``."""
    heading = 2.0 * math.pi * uniform(drop.keys("sionna/heading"), (plan.users,))
    speed = plan.speed_mps.double()
    return torch.stack((speed * heading.cos(), speed * heading.sin(), torch.zeros_like(heading)), -1)


def _is_standard(antenna: SectorAntennaSettings) -> bool:
    same = (getattr(antenna, name) == getattr(_ELEMENT, name) for name in ELEMENT_FIELDS)
    return antenna.kind == "omni" or all(same)


@contextmanager
def seeded_generator(drop: Drops) -> Iterator[torch.Generator]:
    """Yields Sionna's generator, seeded for this drop; it and torch's own are restored afterwards."""
    with torch.random.fork_rng(devices=[]):
        from sionna.phy import config

        generator: torch.Generator = config.torch_rng("cpu")
        before = generator.get_state()
        generator.manual_seed(stream_key(drop.seed, drop.ids[0], "sionna"))
        try:
            yield generator
        finally:
            generator.set_state(before)
