"""Computes the power that each cell's antenna sends along the clusters of the links in one compiled pass; the torch
form is :func:`phy.tr38901.coupling_gain.sum_rays`.

Delays and powers of clusters are computed in float64. Gains over rays are computed in float32, in loops over all
clusters of a UE, for one ray of each after the other.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..antenna.element import SectorAntennaSettings, polarization_gain
from ..numerics.float32_numba import power_of_two, rounded, sine_of_half_turns
from ..numerics.jit import Loop, inlined
from ..numerics.log_ndtr import FARTHEST, STEPS, taylor_table
from ..numerics.threads import share_out
from ..random_numba import rounded as whole
from . import cluster_angles
from .large_scale_plan import LargeScalePlan
from .lsp_tables import NAMES, RAYS

Array = np.ndarray

_K, _DS, _ASD, _ZSD = (NAMES.index(name) for name in ("K", "DS", "ASD", "ZSD"))
_FARTHEST, _STEPS = FARTHEST, STEPS
_FALL = math.log(10.0) / 10.0
_RADIANS = math.pi / 180.0
_DECIBEL = np.float32(math.log2(10.0) / 10.0)  # as a power of two
_TWELVE, _QUARTER_TURN = np.float32(12.0), np.float32(90.0)
_HALF_TURN, _TURN, _PER_HALF_TURN = np.float32(180.0), np.float32(360.0), np.float32(1.0 / 180.0)
_NULL, _NEAR_A_LOBE = np.float32(1e-10), np.float32(1e-6)
_ZERO = np.float32(0.0)
_RAYS = RAYS


class Links(NamedTuple):
    """Describes the links of B drops, in S states."""

    power: Array  # [states, B, U, Si] what each state carries; 0 where a link is not in it
    values: Array  # [states, B, U, Si, 7] parameters
    median_zenith_deg: Array  # [states, B, U, Si]; none where the gain is that of the direct line
    zenith_offset_deg: Array  # [states, B, U, Si]
    azimuth_rad: Array  # [B, U, Si]
    zenith_rad: Array  # [B, U, Si]
    line: Array  # [B, U, Si, Se] gain along the direct line
    normal: Array  # [B, U, Si, Cl, 4] float32
    side: Array  # [B, U, Si, Cl, 3] uniform


class States(NamedTuple):
    """Holds the parameters of S states."""

    clusters: Array  # [states] int64
    delay_scaling: Array  # [states]
    shadowing_db: Array  # [states] of a cluster
    in_line: Array  # [states] bool, there is a direct ray
    laplacian: Array  # [states] bool
    azimuth_scaling: Array  # [states]
    zenith_scaling: Array  # [states]
    spread_deg: Array  # [states] float32, azimuth of departure within a cluster
    scattered: Array  # [states] share that the polarization of the antenna receives
    direct: Array  # [states]


class Antenna(NamedTuple):
    """Holds the antenna of the sectors of a site, and the rays of a cluster."""

    boresight_deg: Array  # [Se]
    offset: Array  # [20] float32, of the rays for a spread of one degree
    paired: Array  # [couplings * 20] float32
    peak: float  # gain of an element, linear
    horizontal_deg: Any  # float32, half-power beamwidth
    vertical_deg: Any
    front_to_back_db: Any
    side_lobe_db: Any
    elements: Any
    spacing: Any  # in wavelengths
    beam: Any  # cosine of the zenith angle of the column's beam


class Power(NamedTuple):
    """Holds the arrays that :func:`ray_power` adds to, zero at first."""

    scattered: Array  # [B, U, Si, Se, Cl]
    direct: Array  # [B, U, Si, Se]
    delay_s: Array  # [B, U, Si, Cl]


class _Clusters(NamedTuple):
    """Holds the clusters of a link in one state, ``[Cl]`` each."""

    delay: Array
    power: Array
    fall: Array


class _Directions(NamedTuple):
    """Holds the clusters of all links of a UE in all their states, E of them."""

    site: Array  # [rays] int64
    rank: Array  # [rays] int64
    level: Array  # [rays] power between isotropic antennas
    azimuth_deg: Array  # [Se, rays] float32, from the boresight, less than half a turn
    spread_deg: Array  # [rays] float32
    zenith_deg: Array  # [rays] float32, less than half a turn either way
    zenith_spread_deg: Array  # [rays] float32
    pairing: Array  # [rays] uint64, where the cluster's zenith offsets begin
    ray_zenith_deg: Array  # [rays] float32, of one ray
    vertical: Array  # [rays] float32, gain of an element in elevation
    column: Array  # [rays] float32, gain of the column
    gain: Array  # [Se, rays] float32


def sum_rays_in_loops(plan: LargeScalePlan, given: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Computes the tensors of :class:`Power` from those of :class:`Links`."""
    links = Links(*map(_array, given))
    shape, sectors, most = links.power.shape[1:], plan.topology.sectors, plan.most_clusters
    out = tuple(torch.zeros((*shape, *more), dtype=torch.float64) for more in ((sectors, most), (sectors,), (most,)))
    written, states, antenna = Power(*map(_array, out)), _states(plan, len(links.power)), _antenna(plan)

    def some(drops: range) -> None:
        ray_power(drops.start, drops.stop, links, states, antenna, taylor_table(), written)

    share_out(some, shape[0], out[0][0].numel() * RAYS)
    return out[0], out[1], out[2]


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.contiguous().numpy()
    return array


def _states(plan: LargeScalePlan, count: int) -> States:
    """Collects the parameters of the first states."""
    states = plan.propagation_states[:count]
    received = [polarization_gain(plan.antenna, state.xpr_db) for state in states]
    return States(
        clusters=np.array([state.clusters for state in states]),
        delay_scaling=np.array([state.delay_scaling for state in states]),
        shadowing_db=np.array([float(state.cluster_shadowing_db) for state in states]),
        in_line=np.array([state.k_db is not None for state in states]),
        laplacian=np.array([state.laplacian for state in states]),
        azimuth_scaling=np.array([state.angle_scaling[0] for state in states]),
        zenith_scaling=np.array([state.angle_scaling[1] for state in states]),
        spread_deg=np.array([state.cluster_spread_deg[0] for state in states], dtype=np.float32),
        scattered=np.array([share[0] for share in received]),
        direct=np.array([share[1] for share in received]),
    )


def _antenna(plan: LargeScalePlan) -> Antenna:
    antenna: SectorAntennaSettings = plan.antenna
    boresight = torch.rad2deg(plan.topology.azimuth_rad[: plan.topology.sectors])
    return Antenna(
        boresight_deg=boresight.numpy(),
        offset=cluster_angles.ray_offsets().float().numpy(),
        paired=cluster_angles.pairings().flatten().numpy(),
        peak=10.0 ** (antenna.max_gain_dbi / 10.0),
        horizontal_deg=np.float32(antenna.horizontal_hpbw_deg),
        vertical_deg=np.float32(antenna.vertical_hpbw_deg),
        front_to_back_db=np.float32(antenna.front_to_back_db),
        side_lobe_db=np.float32(antenna.side_lobe_db),
        elements=np.float32(antenna.vertical_elements),
        spacing=np.float32(antenna.vertical_spacing_wavelengths),
        beam=np.float32(math.cos(math.radians(antenna.electrical_tilt_deg))),
    )


@Loop.fused
def ray_power(first: int, stop: int, links: Links, states: States, antenna: Antenna, table: Array, out: Power) -> None:
    """Computes the power of the links of drops ``first`` to ``stop``.

    Args:
        first: drop.
        stop: the drop after the last.
        links: of all drops.
        states: parameters.
        antenna: of all cells.
        table: of :func:`phy.numerics.log_ndtr.taylor_table`.
        out: of all drops, written.
    """
    users, sites, most = links.normal.shape[1:4]
    rays = len(links.median_zenith_deg) > 0
    made = _Clusters(np.empty(most), np.empty(most), np.empty(most))
    found = _room(len(links.power) * sites * most if rays else 0, len(antenna.boresight_deg))
    for b in range(first, stop):
        for u in range(users):
            entries = 0
            for s in range(sites):
                main = _strongest(b, u, s, links.power)
                for column in range(len(links.power)):
                    power = links.power[column, b, u, s]
                    if power <= 0.0:
                        continue
                    values = links.values[column, b, u, s]
                    ratio = 10.0 ** (values[_K] / 10.0) if states.in_line[column] else 0.0
                    direct = states.direct[column] * power * ratio / (1.0 + ratio)
                    level = states.scattered[column] * power / (1.0 + ratio)
                    _clusters(column, values, states, links.normal[b, u, s], table, made)
                    for q in range(len(antenna.boresight_deg)):
                        out.direct[b, u, s, q] += direct * links.line[b, u, s, q]
                    for n in range(states.clusters[column]):
                        if column == main:
                            out.delay_s[b, u, s, n] = made.delay[n]
                        if not rays:
                            for q in range(len(antenna.boresight_deg)):
                                out.scattered[b, u, s, q, n] += level * made.power[n] * links.line[b, u, s, q]
                    if rays:
                        _directions(column, b, u, s, level, entries, links, states, antenna, made, found)
                        entries += states.clusters[column]
            _gains(entries, antenna, found)
            for q in range(len(antenna.boresight_deg)):
                for e in range(entries):
                    mean = antenna.peak * np.float64(found.gain[q, e]) / _RAYS
                    out.scattered[b, u, found.site[e], q, found.rank[e]] += found.level[e] * mean


@inlined
def _room(entries: Any, sectors: Any) -> Any:
    """Makes room for the clusters of a UE."""
    kind = np.float32
    return _Directions(
        np.empty(entries, np.int64),
        np.empty(entries, np.int64),
        np.empty(entries),
        np.empty((sectors, entries), kind),
        np.empty(entries, kind),
        np.empty(entries, kind),
        np.empty(entries, kind),
        np.empty(entries, np.uint64),
        np.empty(entries, kind),
        np.empty(entries, kind),
        np.empty(entries, kind),
        np.empty((sectors, entries), kind),
    )


@inlined
def _strongest(b: Any, u: Any, s: Any, power: Any) -> Any:
    """Finds the state that carries most of a link's power, the first of equals."""
    main = 0
    for column in range(1, len(power)):
        if power[column, b, u, s] > power[main, b, u, s]:
            main = column
    return main


@inlined
def _exponential(x: Any, table: Any) -> Any:
    """Computes ``-log(Phi(x))``, by which a normal number becomes an exponential one."""
    if not -_FARTHEST < x < _FARTHEST:
        return -math.log(0.5 * math.erfc(-x / math.sqrt(2.0)))
    interval = int((x + _FARTHEST) * _STEPS)
    y, c = x - ((interval + 0.5) / _STEPS - _FARTHEST), table[interval]
    return c[0] + y * (c[1] + y * (c[2] + y * (c[3] + y * (c[4] + y * (c[5] + y * (c[6] + y * (c[7] + y * c[8])))))))


@inlined
def _clusters(column: Any, values: Any, states: Any, normal: Any, table: Any, made: Any) -> Any:
    """Computes delays and powers of a link's clusters (TR 38.901 equations 7.5-1 to 7.5-6)."""
    count, scaling = states.clusters[column], states.delay_scaling[column]
    scale = scaling * 10.0 ** values[_DS]
    for n in range(count):
        made.delay[n] = scale * _exponential(np.float64(normal[n, 0]), table)
    for n in range(1, count):
        later, place = made.delay[n], n
        while place > 0 and made.delay[place - 1] > later:
            made.delay[place] = made.delay[place - 1]
            place -= 1
        made.delay[place] = later
    earliest, total = made.delay[0], 0.0
    for n in range(count):
        made.delay[n] -= earliest
        shadow = _FALL * states.shadowing_db[column] * np.float64(normal[n, 1])
        made.power[n] = math.exp(-made.delay[n] * (scaling - 1.0) / scale - shadow)
        total += made.power[n]
    divisor = 1.0
    if states.in_line[column]:
        k = values[_K]
        divisor = max(0.7705 - 0.0433 * k + 0.0002 * k**2 + 0.000017 * k**3, 0.1)
    for n in range(count):
        made.power[n] /= total
        made.delay[n] /= divisor


@inlined
def _directions(
    column: Any,
    b: Any,
    u: Any,
    s: Any,
    level: Any,
    first: Any,
    links: Any,
    states: Any,
    antenna: Any,
    made: Any,
    found: Any,
) -> Any:
    """Computes the directions of departure of a link's clusters (equations 7.5-9 to 7.5-19)."""
    values, normal, side = links.values[column, b, u, s], links.normal[b, u, s], links.side[b, u, s]
    count, k, in_line = states.clusters[column], values[_K], states.in_line[column]
    wide, high = 10.0 ** values[_ASD], 10.0 ** values[_ZSD]
    around_azimuth = links.azimuth_rad[b, u, s] / _RADIANS
    around_zenith = links.zenith_rad[b, u, s] / _RADIANS + links.zenith_offset_deg[column, b, u, s]
    azimuth_scaling, zenith_scaling = states.azimuth_scaling[column], states.zenith_scaling[column]
    if in_line:
        if states.laplacian[column]:
            azimuth_scaling *= 0.9275 + 0.0439 * k - 0.0071 * k**2 + 0.0002 * k**3
        else:
            azimuth_scaling *= 1.1035 - 0.028 * k - 0.002 * k**2 + 0.0001 * k**3
        zenith_scaling *= 1.3086 + 0.0339 * k - 0.0077 * k**2 + 0.0002 * k**3
    _falls(count, k, in_line, made)
    first_azimuth, first_zenith = 0.0, 0.0
    for n in range(count):
        fall = made.fall[n]
        bell = fall if states.laplacian[column] else 2.0 / 1.4 * math.sqrt(fall)
        azimuth = wide / azimuth_scaling * bell * (1.0 if side[n, 0] < 0.5 else -1.0)
        azimuth += wide / 7.0 * np.float64(normal[n, 2])
        zenith = high / zenith_scaling * fall * (1.0 if side[n, 1] < 0.5 else -1.0)
        zenith += high / 7.0 * np.float64(normal[n, 3])
        if in_line and n == 0:  # the first cluster lies in the direction of the direct ray
            first_azimuth, first_zenith = azimuth, zenith
        azimuth, zenith = azimuth - first_azimuth + around_azimuth, zenith - first_zenith + around_zenith
        e = first + n
        found.site[e], found.rank[e], found.level[e] = s, n, level * made.power[n]
        for q in range(len(antenna.boresight_deg)):
            found.azimuth_deg[q, e] = _within_half_a_turn(azimuth - antenna.boresight_deg[q])
        found.spread_deg[e] = states.spread_deg[column]
        found.zenith_deg[e] = _within_half_a_turn(zenith)
        found.zenith_spread_deg[e] = 0.375 * links.median_zenith_deg[column, b, u, s]
        found.pairing[e] = np.uint64(int(side[n, 2] * (len(antenna.paired) // _RAYS)) * _RAYS)


@inlined
def _falls(count: Any, k: Any, in_line: Any, made: Any) -> Any:
    """Computes how far the clusters, the direct ray in the first of them, lie below the strongest, in nepers."""
    ratio = 10.0 ** (k / 10.0) if in_line else 0.0
    greatest = 0.0
    for n in range(count):
        made.fall[n] = made.power[n] / (1.0 + ratio)
        if n == 0:
            made.fall[n] += ratio / (1.0 + ratio)
        greatest = max(greatest, made.fall[n])
    for n in range(count):
        made.fall[n] = -math.log(max(made.fall[n] / greatest, 1e-30))


@inlined
def _within_half_a_turn(angle_deg: Any) -> Any:
    """Brings an angle to half a turn either way."""
    return angle_deg - 360.0 * whole(angle_deg / 360.0)


@inlined
def _gains(entries: Any, antenna: Any, found: Any) -> Any:
    """Sums the gain of each sector's antenna over the rays of each cluster, relative to an element's greatest."""
    least = power_of_two(-antenna.front_to_back_db * _DECIBEL)
    vertical, column, spread = found.vertical, found.column, found.spread_deg
    found.gain[:] = _ZERO
    for r in range(_RAYS):
        _elevation(r, entries, antenna, found)
        for q in range(len(found.gain)):
            centre, gain = found.azimuth_deg[q], found.gain[q]
            for e in range(entries):
                azimuth = abs(centre[e] + spread[e] * antenna.offset[r])
                azimuth = azimuth if azimuth < _HALF_TURN else _TURN - azimuth
                azimuth = azimuth / antenna.horizontal_deg
                loss_db = min(_TWELVE * azimuth * azimuth, antenna.front_to_back_db)
                gain[e] += max(power_of_two(-loss_db * _DECIBEL) * vertical[e], least) * column[e]


@inlined
def _elevation(r: Any, entries: Any, antenna: Any, found: Any) -> Any:
    """Computes what the gain of one ray of each cluster owes to its zenith angle: of the element, and of the column."""
    zenith, vertical, column = found.ray_zenith_deg, found.vertical, found.column
    for e in range(entries):
        zenith[e] = found.zenith_deg[e] + found.zenith_spread_deg[e] * antenna.paired[found.pairing[e] + np.uint64(r)]
    for e in range(entries):
        turned = abs(zenith[e])
        elevation = (turned if turned < _HALF_TURN else _TURN - turned) - _QUARTER_TURN
        share = elevation / antenna.vertical_deg
        loss_db = min(_TWELVE * share * share, antenna.side_lobe_db)
        vertical[e] = power_of_two(-loss_db * _DECIBEL)
        phase = -antenna.spacing * (sine_of_half_turns(elevation * _PER_HALF_TURN) + antenna.beam)
        phase = phase - rounded(phase)
        below = sine_of_half_turns(phase)
        phase = antenna.elements * phase
        above = sine_of_half_turns(phase - rounded(phase))
        lobe = above / below
        power = lobe * lobe if abs(below) > _NEAR_A_LOBE else antenna.elements * antenna.elements
        column[e] = max(power / antenna.elements, _NULL)
