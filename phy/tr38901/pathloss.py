"""Computes the path loss of TR 38.901 Table 7.4.1-1 (UMa, UMi street canyon, RMa, indoor office), free space and log
distance.

All losses are positive dB between isotropic antennas, without shadowing, walls and cars. Where a link leaves the range
that the table states, the formula is extrapolated with a warning; UEs in the air are refused.

ITU-R M.2412 has two variants, both here: its channel model A for 0.5 to 6 GHz, which has other formulas for UMi and
the indoor hotspot, and the large cells of its rural scenario (LMLC).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..units import SPEED_OF_LIGHT_MPS

PathLossModel = Literal["uma", "umi", "rma", "inh", "free_space"]
"""Propagation scenarios: urban macro, urban micro (street canyon), rural macro, indoor office, free space."""

Edition = Literal["v19", "v16", "imt2020_a"]
"""Source of the tables: TR 38.901 V19, its V14 to V18, or channel model A of ITU-R M.2412 (0.5 to 6 GHz)."""

MAX_UE_HEIGHT_M = 22.5
MAX_BS_HEIGHT_M = 150.0  # that of RMa, the greatest in the table
STREET_WIDTH_M = 20.0  # W of RMa, its default
BUILDING_HEIGHT_M = 5.0  # h of RMa, its default
LARGE_CELL_DB = 12.0  # by which M.2412's rural large cells (LMLC) lose less without line of sight


@dataclass(frozen=True)
class Link:
    """Holds the geometry of links from base stations to UEs; the tensors broadcast to one shape, usually [B, U, Si]."""

    distance_2d_m: Tensor  # horizontal distance
    bs_height_m: Tensor
    ue_height_m: Tensor
    carrier_hz: float
    environment_height_m: Tensor | float = 1.0  # h_E of UMa, see environment_height_m()

    @property
    def distance_3d_m(self) -> Tensor:
        """Computes the length of the direct line."""
        return torch.hypot(self.distance_2d_m, self.bs_height_m - self.ue_height_m)


@dataclass(frozen=True)
class _Validity:
    """Holds the range of a model, TR 38.901 Table 7.4.1-1 and its note on frequency."""

    carrier_hz: tuple[float, float]
    distance_2d_m: tuple[float, float]
    bs_height_m: tuple[float, float]
    ue_height_m: tuple[float, float]


_VALIDITY = {
    "uma": _Validity((0.5e9, 100e9), (10.0, 5000.0), (25.0, 25.0), (1.5, 22.5)),
    "umi": _Validity((0.5e9, 100e9), (10.0, 5000.0), (10.0, 10.0), (1.5, 22.5)),
    "rma": _Validity((0.5e9, 30e9), (10.0, 10000.0), (10.0, 150.0), (1.0, 10.0)),
    "inh": _Validity((0.5e9, 100e9), (0.0, 150.0), (2.0, 10.0), (0.5, 2.5)),
}
_LARGE_CELLS = _Validity((0.5e9, 30e9), (10.0, 21000.0), (10.0, 150.0), (1.0, 10.0))


def path_loss_db(model: PathLossModel, link: Link, los: Tensor, edition: Edition = "v19") -> Tensor:
    """Computes the basic path loss PL_b in dB, TR 38.901 Table 7.4.1-1, after :func:`check_validity`.

    Args:
        model: scenario.
        link: geometry ``[...]``.
        los: bool ``[...]``, whether the outdoor part of the link is in line of sight; free space does not ask.
        edition: source of the formulas.

    Returns:
        ``[...]``, dB. NLOS is never below LOS.
    """
    clear, blocked = path_losses_db(model, link, edition)
    return torch.where(los, clear, blocked)


def path_losses_db(
    model: PathLossModel, link: Link, edition: Edition = "v19", large_cells: bool = False
) -> tuple[Tensor, Tensor]:
    """Computes the path loss in dB with and without line of sight, each ``[...]``; arguments as for
    :func:`path_loss_db`.

    Args:
        model: scenario.
        link: geometry ``[...]``.
        edition: source of the formulas.
        large_cells: rural cells of several kilometres as in M.2412's LMLC, where NLOS loses 12 dB less.
    """
    check_validity(model, link, large_cells)
    if model == "free_space":
        shape = torch.broadcast_shapes(link.distance_2d_m.shape, torch.as_tensor(link.bs_height_m).shape)
        loss = free_space_db(link.distance_3d_m, link.carrier_hz).expand(shape)
        return loss, loss
    clear, blocked = (_MODEL_A if edition == "imt2020_a" else _FORMULAS)[model]
    clear_db, blocked_db = clear(link), blocked(link) - (LARGE_CELL_DB if large_cells else 0.0)
    return clear_db, torch.maximum(clear_db, blocked_db)


def free_space_db(distance_m: Tensor, carrier_hz: float) -> Tensor:
    """Computes the free-space loss ``20 log10(4 pi d f / c)`` in dB; distances below 1 m count as 1 m."""
    return 20.0 * torch.log10(distance_m.clamp_min(1.0) * (4.0 * math.pi * carrier_hz / SPEED_OF_LIGHT_MPS))


def log_distance_db(distance_m: Tensor, carrier_hz: float, exponent: float, reference_m: float = 1.0) -> Tensor:
    """Computes the free-space loss at ``reference_m``, then ``10 * exponent`` dB per decade; nearer distances count as
    it.
    """
    reference_db = free_space_db(distance_m.new_tensor(reference_m), carrier_hz)
    return reference_db + 10.0 * exponent * torch.log10((distance_m / reference_m).clamp_min(1.0))


def breakpoint_m(model: Literal["uma", "umi", "rma"], link: Link) -> Tensor:
    """Computes the distance in m beyond which a LOS link loses 40 dB per decade (TR 38.901 Table 7.4.1-1, notes 1 and
    5).
    """
    per_wavelength = link.carrier_hz / SPEED_OF_LIGHT_MPS
    if model == "rma":
        return 2.0 * math.pi * link.bs_height_m * link.ue_height_m * per_wavelength
    environment = link.environment_height_m if model == "uma" else 1.0
    return 4.0 * (link.bs_height_m - environment) * (link.ue_height_m - environment) * per_wavelength


def environment_height_m(draw: Tensor, distance_2d_m: Tensor, ue_height_m: Tensor) -> Tensor:
    """Computes the effective environment height h_E of UMa in m (TR 38.901 Table 7.4.1-1, note 1).

    1 m for UEs up to 13 m. Above that it is 1 m with probability ``1 / (1 + C)``, which falls with height, and
    otherwise one of 12, 15, ... up to ``h_UT - 1.5``.

    Args:
        draw: two uniform numbers per link, ``[..., 2]``.
        distance_2d_m: ``[...]``.
        ue_height_m: ``[...]``.
    """
    c = uma_height_gain(ue_height_m) * uma_distance_gain(distance_2d_m)
    choices = (torch.floor((ue_height_m - 13.5) / 3.0) + 1.0).clamp_min(1.0)
    rooftop = 12.0 + 3.0 * torch.floor(draw[..., 1] * choices)
    return torch.where(draw[..., 0] * (1.0 + c) < 1.0, 1.0, rooftop)


def uma_height_gain(ue_height_m: Tensor) -> Tensor:
    """Computes the growth of UMa's LOS probability with height, C'(h_UT): 0 up to 13 m (TR 38.901 Table 7.4.2-1)."""
    return torch.pow((ue_height_m - 13.0).clamp_min(0.0) / 10.0, 1.5)


def uma_distance_gain(distance_2d_m: Tensor) -> Tensor:
    """Computes the factor that goes with :func:`uma_height_gain`, g(d_2D): 0 up to 18 m (TR 38.901 Table 7.4.1-1, note
    1).
    """
    gain = 1.25 * (distance_2d_m / 100.0) ** 3 * torch.exp(-distance_2d_m / 150.0)
    return torch.where(distance_2d_m > 18.0, gain, 0.0)


def check_validity(model: PathLossModel, link: Link, large_cells: bool = False) -> None:
    """Refuses UEs and base stations in the air, and warns where a link leaves the range of TR 38.901 Table 7.4.1-1.

    The warnings' texts are constant, so that Python's default filter shows each once.

    Raises:
        ValueError: a UE above 22.5 m, a base station above 150 m, or one of them at or below UMa's and UMi's
            environment height of 1 m.
    """
    if model == "free_space":
        return
    low, high = _range(link.ue_height_m)
    lowest = 1.0 if model in ("uma", "umi") else 0.0
    if high > MAX_UE_HEIGHT_M or low <= lowest:
        raise ValueError(
            f"a user stands {high if high > MAX_UE_HEIGHT_M else low:g} m high in the terrestrial path-loss model "
            f"'{model}', which holds above {lowest:g} m and up to {MAX_UE_HEIGHT_M} m (TR 38.901 Table 7.4.1-1); move "
            "the user into this range or take 'free_space', or an air-to-ground model (TR 36.777, ITU-R P.1410)"
        )
    base = _range(link.bs_height_m)
    for height_m in base:
        require_base_height(model, height_m)
    for text in range_warnings(model, link.carrier_hz, base, (low, high)):
        warnings.warn(text, stacklevel=3)
    valid = (_LARGE_CELLS if large_cells else _VALIDITY[model]).distance_2d_m
    near, far = _range(link.distance_2d_m)
    if near < valid[0] or far > valid[1]:
        warnings.warn(
            f"path-loss model '{model}' is extrapolated: TR 38.901 Table 7.4.1-1 states a horizontal distance (m) of "
            f"{valid[0]:g} to {valid[1]:g}, and some links lie outside",
            stacklevel=3,
        )


def range_warnings(
    model: PathLossModel, carrier_hz: float, bs_height_m: tuple[float, float], ue_height_m: tuple[float, float]
) -> list[str]:
    """Lists which settings leave the range of TR 38.901 Table 7.4.1-1, one sentence each, with the key of a scenario.

    Args:
        model: scenario; free space has no range.
        carrier_hz: carrier frequency.
        bs_height_m: least and greatest height of the base stations.
        ue_height_m: least and greatest height of the UEs.
    """
    if model == "free_space":
        return []
    valid = _VALIDITY[model]
    texts = []
    for key, given, allowed, unit in (
        ("propagation.carrier_hz", (carrier_hz, carrier_hz), valid.carrier_hz, "Hz"),
        ("topology.bs_height_m", bs_height_m, valid.bs_height_m, "m"),
        ("propagation.ue_height_m", ue_height_m, valid.ue_height_m, "m"),
    ):
        if given[0] < allowed[0] or given[1] > allowed[1]:
            outside = given[0] if given[0] < allowed[0] else given[1]
            span = f"{allowed[0]:g}" if allowed[0] == allowed[1] else f"{allowed[0]:g} to {allowed[1]:g}"
            texts.append(
                f"{key} is {outside:g}, but path-loss model '{model}' holds for {span} {unit} (TR 38.901 Table "
                "7.4.1-1), and is extrapolated"
            )
    return texts


def require_base_height(model: PathLossModel, height_m: float) -> None:
    """Refuses a base station height at which a terrestrial model makes no sense.

    Raises:
        ValueError: it stands above 150 m, or at or below UMa's and UMi's environment height of 1 m.
    """
    lowest = 1.0 if model in ("uma", "umi") else 0.0
    if model != "free_space" and not lowest < height_m <= MAX_BS_HEIGHT_M:
        raise ValueError(
            f"a base station stands {height_m:g} m high in the terrestrial path-loss model '{model}', which makes "
            f"sense above {lowest:g} m and up to {MAX_BS_HEIGHT_M:g} m (TR 38.901 Table 7.4.1-1); set "
            "topology.bs_height_m within, or take 'free_space', or an air-to-ground model (TR 36.777, ITU-R P.1410)"
        )


def _range(values: Tensor) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.numel() else (math.inf, -math.inf)


def _ghz_db(link: Link, slope: float = 20.0) -> float:
    return slope * math.log10(link.carrier_hz / 1e9)


def _two_slopes(link: Link, model: Literal["uma", "umi"], level_db: float, slope_db: float, bend: float) -> Tensor:
    """Computes the LOS loss of UMa and UMi; it bends to 40 dB per decade at the breakpoint, where it is continuous."""
    bp = breakpoint_m(model, link)
    decades = torch.log10(link.distance_3d_m)
    beyond = 40.0 * decades - bend * torch.log10(bp.square() + (link.bs_height_m - link.ue_height_m).square())
    return level_db + _ghz_db(link) + torch.where(link.distance_2d_m <= bp, slope_db * decades, beyond)


def _uma_los(link: Link) -> Tensor:
    return _two_slopes(link, "uma", 28.0, 22.0, 9.0)


def _uma_nlos(link: Link) -> Tensor:
    return 13.54 + 39.08 * torch.log10(link.distance_3d_m) + _ghz_db(link) - 0.6 * (link.ue_height_m - 1.5)


def _umi_los(link: Link) -> Tensor:
    return _two_slopes(link, "umi", 32.4, 21.0, 9.5)


def _umi_nlos(link: Link) -> Tensor:
    return 22.4 + 35.3 * torch.log10(link.distance_3d_m) + _ghz_db(link, 21.3) - 0.3 * (link.ue_height_m - 1.5)


def _rma_los(link: Link) -> Tensor:
    bp, d = breakpoint_m("rma", link), link.distance_3d_m
    beyond = _rma_near(bp, link) + 40.0 * torch.log10(d / bp)
    return torch.where(link.distance_2d_m <= bp, _rma_near(d, link), beyond)


def _rma_near(distance_m: Tensor, link: Link) -> Tensor:
    """Computes PL1 of RMa at a 3D distance."""
    roofs = math.pow(BUILDING_HEIGHT_M, 1.72)
    decades = torch.log10(distance_m)
    spread = 20.0 * (decades + math.log10(40.0 * math.pi / 3.0)) + _ghz_db(link)
    clutter = min(0.03 * roofs, 10.0) * decades - min(0.044 * roofs, 14.77)
    return spread + clutter + 0.002 * math.log10(BUILDING_HEIGHT_M) * distance_m


def _rma_nlos(link: Link) -> Tensor:
    bs, h = link.bs_height_m, BUILDING_HEIGHT_M
    streets = 161.04 - 7.1 * math.log10(STREET_WIDTH_M) + 7.5 * math.log10(h)
    mast = -(24.37 - 3.7 * (h / bs).square()) * torch.log10(bs)
    reach = (43.42 - 3.1 * torch.log10(bs)) * (torch.log10(link.distance_3d_m) - 3.0)
    user = 4.97 - 3.2 * torch.log10(11.75 * link.ue_height_m).square()
    return streets + mast + reach + _ghz_db(link) + user


def _office_distance_m(link: Link) -> Tensor:
    return link.distance_3d_m.clamp_min(1.0)


def _inh_los(link: Link) -> Tensor:
    return 32.4 + 17.3 * torch.log10(_office_distance_m(link)) + _ghz_db(link)


def _inh_nlos(link: Link) -> Tensor:
    return 17.30 + 38.3 * torch.log10(_office_distance_m(link)) + _ghz_db(link, 24.9)


def _inh_a_los(link: Link) -> Tensor:
    return 32.8 + 16.9 * torch.log10(_office_distance_m(link)) + _ghz_db(link)


def _inh_a_nlos(link: Link) -> Tensor:
    return 11.5 + 43.3 * torch.log10(_office_distance_m(link)) + _ghz_db(link)


def _umi_a_los(link: Link) -> Tensor:
    return _two_slopes(link, "umi", 28.0, 22.0, 9.0)


def _umi_a_nlos(link: Link) -> Tensor:
    return 22.7 + 36.7 * torch.log10(link.distance_3d_m) + _ghz_db(link, 26.0) - 0.3 * (link.ue_height_m - 1.5)


_Formula = Callable[[Link], Tensor]
_FORMULAS: dict[str, tuple[_Formula, _Formula]] = {
    "uma": (_uma_los, _uma_nlos),
    "umi": (_umi_los, _umi_nlos),
    "rma": (_rma_los, _rma_nlos),
    "inh": (_inh_los, _inh_nlos),
}
_MODEL_A: dict[str, tuple[_Formula, _Formula]] = {
    **_FORMULAS,
    "umi": (_umi_a_los, _umi_a_nlos),
    "inh": (_inh_a_los, _inh_a_nlos),
}
