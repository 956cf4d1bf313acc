"""Tabulates parameters of links, TR 38.901 Table 7.5-6, of all parts: UMa, UMi street canyon, RMa, indoor office.

Three editions. ``v19`` is TR 38.901 V19.2, whose measurements between 7 and 24 GHz narrowed UMa's departure angles.
``v16`` is V14.1 to V18, and at the same time channel model B of ITU-R M.2412, with which 3GPP evaluated itself.
``imt2020_a`` is channel model A of M.2412, for 0.5 to 6 GHz: it differs from ``v16`` indoors (Tables A1-4, A1-16 and
A1-17 of its Annex 1) and in UMi's path loss and shadowing; for UMa and RMa the two agree below 6 GHz.

Everywhere the states of a link are numbered 0 for LOS, 1 for NLOS and 2 for indoor UEs served from outside (O2I), and
its seven parameters stand in the order of :data:`NAMES`. Spreads are logarithms to base 10, of seconds and degrees.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .pathloss import Edition, Link, PathLossModel, breakpoint_m

NAMES = ("SF", "K", "DS", "ASD", "ASA", "ZSD", "ZSA")
"""Shadow fading and K-factor in dB, then logarithms of delay, azimuth and zenith spreads (D departure, A arrival)."""

RAYS = 20
"""Rays of a cluster (TR 38.901 Table 7.5-6)."""

MOST_CLUSTERS = 20
"""Most clusters of a link (TR 38.901 Table 7.5-6)."""

SUB_CLUSTERS = ((0, 1, 2, 3, 4, 5, 6, 7, 18, 19), (8, 9, 10, 11, 16, 17), (12, 13, 14, 15))
"""Rays of the sub-clusters of a strong cluster, in the order of Table 7.5-3 (TR 38.901 Table 7.5-5)."""

SUB_CLUSTER_DELAYS = (0.0, 1.28, 2.56)
"""Delays of the sub-clusters in units of the cluster's delay spread c_DS (TR 38.901 equation 7.5-26)."""

STRONG_CLUSTERS = 2
"""Clusters of a link that are split into sub-clusters, the strongest ones (TR 38.901 clause 7.5, step 11)."""

_Log = tuple[float, float, float, float]  # mean = a x + b, sigma = c x + d, with x the logarithm of the frequency


@dataclass(frozen=True)
class PropagationState:
    """Holds one column of the table."""

    ds: _Log
    asd: _Log
    asa: _Log
    zsa: _Log
    sigma_sf_db: float
    k_db: tuple[float, float] | None  # mean and sigma; None where there is no direct path
    xpr_db: tuple[float, float]
    clusters: int
    delay_scaling: float  # r_tau
    cluster_shadowing_db: float  # zeta
    cluster_spread_deg: tuple[float, float, float]  # c_ASD, c_ASA, c_ZSA
    decorrelation_m: tuple[float, ...]  # in the order of NAMES
    correlation: tuple[float, ...]  # above the diagonal, row by row, in the order of NAMES
    laplacian: bool = False  # azimuths of M.2412's model A indoors

    @property
    def angle_scaling(self) -> tuple[float, float]:
        """Returns C_phi and C_theta without line of sight, Tables 7.5-2 and 7.5-4; M.2412 where azimuths
        are Laplacian.
        """
        azimuth = _C_PHI_LAPLACIAN if self.laplacian else _C_PHI
        return azimuth[self.clusters], _C_THETA[self.clusters]


_C_PHI = {10: 1.090, 11: 1.123, 12: 1.146, 15: 1.211, 19: 1.273, 20: 1.289}
_C_THETA = {10: 0.957, 11: 1.031, 12: 1.104, 15: 1.1088, 19: 1.184, 20: 1.178}
_C_PHI_LAPLACIAN = {15: 1.434, 19: 1.501}

_OUTDOOR_TO_INDOOR = PropagationState(
    ds=(0, -6.62, 0, 0.32), asd=(0, 1.25, 0, 0.42), asa=(0, 1.76, 0, 0.16), zsa=(0, 1.01, 0, 0.43),
    sigma_sf_db=7.0, k_db=None, xpr_db=(9, 5), clusters=12, delay_scaling=2.2, cluster_shadowing_db=4,
    cluster_spread_deg=(5, 8, 3), decorrelation_m=(7, 7, 10, 11, 17, 25, 25),
    correlation=(0, -0.5, 0.2, 0, 0, 0,  0, 0, 0, 0, 0,  0.4, 0.4, -0.6, -0.2,  0, -0.2, 0,  0, 0.5,  0.5),
)  # fmt: skip

_UMA = (
    PropagationState(
        ds=(-0.0963, -6.955, 0, 0.66), asd=(0.1114, 1.06, 0, 0.28), asa=(0, 1.81, 0, 0.20), zsa=(0, 0.95, 0, 0.16),
        sigma_sf_db=4.0, k_db=(9, 3.5), xpr_db=(8, 4), clusters=12, delay_scaling=2.5, cluster_shadowing_db=3,
        cluster_spread_deg=(5, 11, 7), decorrelation_m=(37, 12, 30, 18, 15, 15, 15),
        correlation=(
            0, -0.4, -0.5, -0.5, 0, -0.8,  -0.4, 0, -0.2, 0, 0,  0.4, 0.8, -0.2, 0,  0, 0.5, 0,  -0.3, 0.4,  0
        ),
    ),
    PropagationState(
        ds=(-0.204, -6.28, 0, 0.39), asd=(-0.1144, 1.5, 0, 0.28), asa=(-0.27, 2.08, 0, 0.11),
        zsa=(-0.3236, 1.512, 0, 0.16),
        sigma_sf_db=6.0, k_db=None, xpr_db=(7, 3), clusters=20, delay_scaling=2.3, cluster_shadowing_db=3,
        cluster_spread_deg=(2, 15, 7), decorrelation_m=(50, 50, 40, 50, 50, 50, 50),
        correlation=(0, -0.4, -0.6, 0, 0, -0.4,  0, 0, 0, 0, 0,  0.4, 0.6, -0.5, 0,  0.4, 0.5, -0.1,  0, 0,  0),
    ),
    _OUTDOOR_TO_INDOOR,
)  # fmt: skip

_UMI = (
    PropagationState(
        ds=(-0.24, -7.14, 0, 0.38), asd=(-0.05, 1.21, 0, 0.41), asa=(-0.08, 1.73, 0.014, 0.28),
        zsa=(-0.1, 0.73, -0.04, 0.34),
        sigma_sf_db=4.0, k_db=(9, 5), xpr_db=(9, 3), clusters=12, delay_scaling=3.0, cluster_shadowing_db=3,
        cluster_spread_deg=(3, 17, 7), decorrelation_m=(10, 15, 7, 8, 8, 12, 12),
        correlation=(
            0.5, -0.4, -0.5, -0.4, 0, 0,  -0.7, -0.2, -0.3, 0, 0,  0.5, 0.8, 0, 0.2,  0.4, 0.5, 0.3,  0, 0,  0
        ),
    ),
    PropagationState(
        ds=(-0.24, -6.83, 0.16, 0.28), asd=(-0.23, 1.53, 0.11, 0.33), asa=(-0.08, 1.81, 0.05, 0.3),
        zsa=(-0.04, 0.92, -0.07, 0.41),
        sigma_sf_db=7.82, k_db=None, xpr_db=(8, 3), clusters=19, delay_scaling=2.1, cluster_shadowing_db=3,
        cluster_spread_deg=(10, 22, 7), decorrelation_m=(13, 13, 10, 10, 9, 10, 10),
        correlation=(0, -0.7, 0, -0.4, 0, 0,  0, 0, 0, 0, 0,  0, 0.4, -0.5, 0,  0, 0.5, 0.5,  0, 0.2,  0),
    ),
    _OUTDOOR_TO_INDOOR,
)  # fmt: skip

_RMA = (
    PropagationState(
        ds=(0, -7.49, 0, 0.55), asd=(0, 0.90, 0, 0.38), asa=(0, 1.52, 0, 0.24), zsa=(0, 0.47, 0, 0.40),
        sigma_sf_db=4.0, k_db=(7, 4), xpr_db=(12, 4), clusters=11, delay_scaling=3.8, cluster_shadowing_db=3,
        cluster_spread_deg=(2, 3, 3), decorrelation_m=(37, 40, 50, 25, 35, 15, 15),
        correlation=(
            0, -0.5, 0, 0, 0.01, -0.17,  0, 0, 0, 0, -0.02,  0, 0, -0.05, 0.27,  0, 0.73, -0.14,  -0.20, 0.24,  -0.07
        ),
    ),
    PropagationState(
        ds=(0, -7.43, 0, 0.48), asd=(0, 0.95, 0, 0.45), asa=(0, 1.52, 0, 0.13), zsa=(0, 0.58, 0, 0.37),
        sigma_sf_db=8.0, k_db=None, xpr_db=(7, 3), clusters=10, delay_scaling=1.7, cluster_shadowing_db=3,
        cluster_spread_deg=(2, 3, 3), decorrelation_m=(120, 120, 36, 30, 40, 50, 50),
        correlation=(
            0, -0.5, 0.6, 0, -0.04, -0.25,  0, 0, 0, 0, 0,  -0.4, 0, -0.10, -0.40,  0, 0.42, -0.27,  -0.18, 0.26,  -0.27
        ),
    ),
    PropagationState(
        ds=(0, -7.47, 0, 0.24), asd=(0, 0.67, 0, 0.18), asa=(0, 1.66, 0, 0.21), zsa=(0, 0.93, 0, 0.22),
        sigma_sf_db=8.0, k_db=None, xpr_db=(7, 3), clusters=10, delay_scaling=1.7, cluster_shadowing_db=3,
        cluster_spread_deg=(2, 3, 3), decorrelation_m=(120, 120, 36, 30, 40, 50, 50),
        correlation=(0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  0, 0, 0, 0,  -0.7, 0.66, 0.47,  -0.55, -0.22,  0),
    ),
)  # fmt: skip

_INH_LOS = PropagationState(
    ds=(-0.01, -7.692, 0, 0.18), asd=(0, 1.60, 0, 0.18), asa=(-0.19, 1.781, 0.12, 0.119),
    zsa=(-0.26, 1.44, -0.04, 0.264),
    sigma_sf_db=3.0, k_db=(7, 4), xpr_db=(11, 4), clusters=15, delay_scaling=3.6, cluster_shadowing_db=6,
    cluster_spread_deg=(5, 8, 9), decorrelation_m=(10, 4, 8, 7, 5, 4, 4),
    correlation=(
        0.5, -0.8, -0.4, -0.5, 0.2, 0.3,  -0.5, 0, 0, 0, 0.1,  0.6, 0.8, 0.1, 0.2,  0.4, 0.5, 0,  0, 0.5,  0
    ),
)  # fmt: skip
_INH_NLOS = PropagationState(
    ds=(-0.28, -7.173, 0.10, 0.055), asd=(0, 1.62, 0, 0.25), asa=(-0.11, 1.863, 0.12, 0.059),
    zsa=(-0.15, 1.387, -0.09, 0.746),
    sigma_sf_db=8.03, k_db=None, xpr_db=(10, 4), clusters=19, delay_scaling=3.0, cluster_shadowing_db=3,
    cluster_spread_deg=(5, 11, 9), decorrelation_m=(6, 6, 5, 3, 3, 4, 4),
    correlation=(0, -0.5, 0, -0.4, 0, 0,  0, 0, 0, 0, 0,  0.4, 0, -0.27, -0.06,  0, 0.35, 0.23,  -0.08, 0.43,  0.42),
)  # fmt: skip

_NONE = replace(
    _UMA[1], ds=(0, -9, 0, 0), asd=(0, 0, 0, 0), asa=(0, 0, 0, 0), zsa=(0, 0, 0, 0), sigma_sf_db=0.0,
    xpr_db=(100, 0), correlation=(0,) * 21,
)  # fmt: skip
_FREE_SPACE = (replace(_NONE, k_db=(100, 0)), _NONE, _NONE)

_V16: dict[PathLossModel, tuple[PropagationState, PropagationState, PropagationState]] = {
    "uma": _UMA,
    "umi": _UMI,
    "rma": _RMA,
    "inh": (_INH_LOS, _INH_NLOS, _INH_NLOS),  # no UE indoors is served from outside
    "free_space": _FREE_SPACE,
}
_V19: dict[PathLossModel, tuple[PropagationState, PropagationState, PropagationState]] = {
    **_V16,
    "uma": (
        replace(_UMA[0], ds=(-0.0794, -7.067, 0.026, 0.57), asd=(0, 0.92, 0, 0.31), asa=(0, 1.76, 0, 0.19),
                zsa=(0, 0.96, 0, 0.15), cluster_spread_deg=(3.58, 11, 7)),
        replace(_UMA[1], ds=(-0.134, -6.47, 0, 0.39), asd=(0, 1.09, 0, 0.44), asa=(-0.25, 2.04, -0.03, 0.17),
                zsa=(-0.2856, 1.445, 0, 0.17), cluster_spread_deg=(1.8, 15, 7)),
        replace(_OUTDOOR_TO_INDOOR, asd=(0, 0.58, 0, 0.70), cluster_spread_deg=(1.8, 8, 3)),
    ),
    "umi": (
        replace(_UMI[0], ds=(-0.18, -7.28, 0, 0.39), asd=(-0.05, 1.21, 0.08, 0.29), asa=(-0.07, 1.66, 0.021, 0.26),
                zsa=(-0.11, 0.81, -0.03, 0.29)),
        replace(_UMI[1], ds=(-0.22, -6.87, 0.19, 0.22), asd=(-0.24, 1.54, 0.10, 0.33), asa=(-0.07, 1.76, 0.05, 0.27),
                zsa=(-0.03, 0.92, -0.05, 0.35)),
        _OUTDOOR_TO_INDOOR,
    ),
}  # fmt: skip
_INH_A_NLOS = replace(
    _INH_NLOS, ds=(0, -7.41, 0, 0.14), asa=(0, 1.77, 0, 0.16), zsa=(0, 1.26, 0, 0.67), sigma_sf_db=4.0, laplacian=True
)
_IMT2020_A: dict[PathLossModel, tuple[PropagationState, PropagationState, PropagationState]] = {
    **_V16,
    "umi": (replace(_UMI[0], sigma_sf_db=3.0), replace(_UMI[1], sigma_sf_db=4.0), _OUTDOOR_TO_INDOOR),
    "inh": (
        replace(_INH_LOS, ds=(0, -7.70, 0, 0.18), asa=(0, 1.62, 0, 0.22), zsa=(0, 1.22, 0, 0.23), laplacian=True),
        _INH_A_NLOS,
        _INH_A_NLOS,
    ),
}
_TABLES: dict[Edition, dict[PathLossModel, tuple[PropagationState, PropagationState, PropagationState]]] = {
    "v19": _V19,
    "v16": _V16,
    "imt2020_a": _IMT2020_A,
}

_SIGMA_ZSD_OFFICE_A = (0.41, 0.36)
_RMA_SIGMA_BEYOND_BREAKPOINT_DB = 6.0


def propagation_states(
    model: PathLossModel, edition: Edition = "v19"
) -> tuple[PropagationState, PropagationState, PropagationState]:
    """Returns the parameters of a scenario in LOS, NLOS and O2I."""
    return _TABLES[edition][model]


def log_frequency(model: PathLossModel, carrier_hz: float) -> float:
    """Computes the variable of the table's means and sigmas: for UMa ``log10(f)`` from 6 GHz up, else ``log10(1 + f)``.

    f in GHz, at least 2 in UMi and 6 indoors (notes 6 and 7 of the table); RMa does not depend on it.
    """
    ghz = carrier_hz / 1e9
    return math.log10(max(ghz, 6.0)) if model == "uma" else math.log10(1.0 + max(ghz, 2.0 if model == "umi" else 6.0))


def moments(state: PropagationState, model: PathLossModel, carrier_hz: float) -> tuple[tuple[float, float], ...]:
    """Computes mean and sigma of each parameter in the order of :data:`NAMES`; ZSD, which depends on distance, as 0 and
    0.
    """
    x = log_frequency(model, carrier_hz)
    spread = {name: (a * x + b, c * x + d) for name, (a, b, c, d) in _logs(state).items()}
    k = state.k_db or (0.0, 0.0)
    return (0.0, state.sigma_sf_db), k, spread["DS"], spread["ASD"], spread["ASA"], (0.0, 0.0), spread["ZSA"]


def sigma_db(model: PathLossModel, link: Link, column: Tensor, edition: Edition = "v19") -> Tensor:
    """Computes the standard deviation of shadowing in dB ``[...]``, Tables 7.4.1-1 and 7.5-6; free space has none.

    Args:
        model: scenario.
        link: geometry ``[...]``; RMa in line of sight has 4 dB before the breakpoint and 6 dB beyond.
        column: int64 ``[...]``, state of each link.
        edition: of the tables.
    """
    table = [state.sigma_sf_db for state in propagation_states(model, edition)]
    sigma = link.distance_2d_m.new_tensor(table)[column]
    if model == "rma":
        far = (column == 0) & (link.distance_2d_m > breakpoint_m("rma", link))
        sigma = torch.where(far, _RMA_SIGMA_BEYOND_BREAKPOINT_DB, sigma)
    return sigma


def cross_correlation_root(state: PropagationState) -> Tensor:
    """Computes the symmetric square root of the cross-correlations ``[7, 7]``, on torch's device: independent normal
    processes times it are correlated.

    TR 38.901 clause 7.5, step 4.
    """
    return _cross_correlation_root(state).to(torch.get_default_device())


@functools.lru_cache(maxsize=64)
def _cross_correlation_root(state: PropagationState) -> Tensor:
    matrix = torch.eye(len(NAMES), dtype=torch.float64, device="cpu")
    row, column = torch.triu_indices(len(NAMES), len(NAMES), offset=1, device="cpu").unbind()
    values = torch.tensor(state.correlation, dtype=torch.float64, device="cpu")
    matrix[row, column] = values
    matrix[column, row] = values
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * eigenvalues.clamp_min(0.0).sqrt() @ vectors.T
    return root


def zsd_log10(model: PathLossModel, edition: Edition, link: Link, los_share: Tensor) -> tuple[Tensor, Tensor]:
    """Computes mean and sigma of ``log10(ZSD / degree)``, TR 38.901 Tables 7.5-7 to 7.5-10 (M.2412 Table A1-17).

    Args:
        model: scenario.
        edition: of the tables.
        link: geometry ``[...]``.
        los_share: ``[...]``, 1 for line of sight outdoors, 0 without, and between them while one turns into the other;
            UEs indoors have the columns of their outdoor state.
    """
    clear, blocked = _zsd_means(model, edition, link)
    sigma = _SIGMA_ZSD_OFFICE_A if model == "inh" and edition == "imt2020_a" else _sigma_zsd(model, link.carrier_hz)
    return los_share * clear + (1.0 - los_share) * blocked, los_share * sigma[0] + (1.0 - los_share) * sigma[1]


def zod_offset_deg(model: PathLossModel, link: Link, los_share: Tensor) -> Tensor:
    """Computes the offset of the zenith angles of departure in degrees ``[...]`` (same tables), none in
    line of sight.
    """
    distance, height = link.distance_2d_m, link.ue_height_m
    if model == "uma":
        f = log_frequency("uma", link.carrier_hz)
        exponent = (0.208 * f - 0.782) * torch.log10(distance.clamp_min(25.0)) + 2.03 - 0.13 * f
        offset = 7.66 * f - 5.96 - torch.pow(10.0, exponent - 0.07 * (height - 1.5))
    elif model == "umi":
        offset = -torch.pow(10.0, 3.3 - 1.5 * torch.log10(distance.clamp_min(10.0)))
    elif model == "rma":
        offset = torch.rad2deg(torch.atan((35.0 - 3.5) / distance) - torch.atan((35.0 - 1.5) / distance))
    else:
        offset = torch.zeros_like(distance)
    return (1.0 - los_share) * offset


def _zsd_means(model: PathLossModel, edition: Edition, link: Link) -> tuple[Tensor, Tensor]:
    """Computes the mean of log10(ZSD) with and without line of sight."""
    km, rise = link.distance_2d_m / 1000.0, link.ue_height_m - link.bs_height_m
    tall = 0.01 * (link.ue_height_m - 1.5)
    if model == "uma":
        return (0.75 - 2.1 * km - tall).clamp_min(-0.5), (0.9 - 2.1 * km - tall).clamp_min(-0.5)
    if model == "umi":
        clear = 0.83 - 14.8 * km + 0.01 * rise.abs()
        return clear.clamp_min(-0.21), (0.2 - 3.1 * km + 0.01 * rise.clamp_min(0.0)).clamp_min(-0.5)
    if model == "rma":
        return (0.22 - 0.17 * km - tall).clamp_min(-1.0), (0.28 - 0.19 * km - tall).clamp_min(-1.0)
    if model == "inh":
        level = 1.02 if edition == "imt2020_a" else 2.228 - 1.43 * log_frequency("inh", link.carrier_hz)
        return torch.full_like(km, level), torch.full_like(km, 1.08)
    return torch.zeros_like(km), torch.zeros_like(km)


def _sigma_zsd(model: PathLossModel, carrier_hz: float) -> tuple[float, float]:
    """Returns the standard deviation of log10(ZSD) with and without line of sight."""
    if model == "inh":
        return 0.13 * log_frequency("inh", carrier_hz) + 0.30, 0.36
    known: dict[PathLossModel, tuple[float, float]] = {"uma": (0.40, 0.49), "umi": (0.35, 0.35), "rma": (0.34, 0.30)}
    return known.get(model, (0.0, 0.0))


def _logs(state: PropagationState) -> dict[str, _Log]:
    return {"DS": state.ds, "ASD": state.asd, "ASA": state.asa, "ZSA": state.zsa}
