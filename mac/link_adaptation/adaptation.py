"""Computes channel reports, the MCS chosen from them, and the outer loop for the BLER target (TS 38.214 5.1, 5.2).

A report holds one CQI a PRB (or subband). The inner loop averages the spectral efficiency of the reports over the
PRBs that a UE was given, turns it into the SINR at which one PRB of that efficiency would just be received, adds the
outer loop's offset, and takes the greatest MCS whose threshold is not above. Everything is a table lookup.

B drops, U UEs, K PRBs, I MCS indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass as settings
from torch import Tensor

from phy.link.bler import BlerTable, cqi_threshold
from phy.link.effective_sinr import Kind
from phy.link.mcs import CqiTable
from phy.numerics import log_grid
from phy.settings import STRICT


def _offset(given: Any) -> Any:
    """Refuses what is no offset of reports, in one sentence."""
    for one in given if isinstance(given, (list, tuple)) and given else (given,):
        if given != "staggered" and (isinstance(one, bool) or not isinstance(one, int)):
            shown = "nothing" if given is None else repr(given)
            raise ValueError(
                f"must be a slot of the period, 0 for its first, or a list of slots, or staggered, given {shown}"
            )
    return tuple(given) if isinstance(given, list) else given


@settings(frozen=True, config=STRICT)
class LinkSettings:
    """Sets channel reports and the adaptation to them.

    Source: 3GPP TS 38.214, clauses 5.1 and 5.2.
    """

    effective_sinr: Kind = "miesm"
    """Mapping of unequal SINRs onto one: by mutual information, or exponential."""
    report_delay_slots: int = Field(default=4, ge=1, le=64)
    """Slots from a measurement to its first use by the scheduler."""
    report_period_slots: int = Field(default=1, ge=1, le=1000)
    """Slots from one measurement of a UE to its next (TS 38.214 clause 5.2.1.4 allows 4, 5, 8, 10, 16, 20, 40, 80, 160
    and 320)."""
    report_offset_slots: Annotated[Literal["staggered"] | int | tuple[int, ...], BeforeValidator(_offset)] = 0
    """Slot of the period in which UEs measure: one for all, a list of which UEs take entries in turn, or staggered: u
    modulo the period for UE u."""
    subband_prbs: int = Field(default=1, ge=1, le=275)
    """PRBs that share one CQI."""
    bler_target: float = Field(default=0.1, gt=0, lt=1)
    """Share of first transmissions that may fail."""
    outer_loop_step_db: float = Field(default=0.5, ge=0, le=5)
    """Step down of the outer loop at a failure; a success steps up target / (1 - target) times it. 0 turns it off."""
    outer_loop_limit_db: float = Field(default=15.0, ge=0, le=40)
    """Greatest offset of the outer loop, either way."""

    @model_validator(mode="after")
    def _offsets_lie_in_the_period(self) -> LinkSettings:
        given, period = self.report_offset_slots, self.report_period_slots
        offsets = given if isinstance(given, tuple) else () if given == "staggered" else (given,)
        if any(not 0 <= offset < period for offset in offsets):
            shown = list(given) if isinstance(given, tuple) else given
            allowed = "0" if period == 1 else f"offsets from 0 to {period - 1}"
            raise ValueError(
                f"report_offset_slots is {shown}, but report_period_slots is {period}; give {allowed}, or staggered, "
                "or a longer period"
            )
        return self


@dataclass(frozen=True)
class LinkAdaptation:
    """Holds the tables of the inner loop; see :func:`link_adaptation`."""

    bits_of_sinr: Tensor  # [log_grid.SIZE] bits of a PRB and slot at the CQI reported at a SINR
    sinr_db_of_bits: Tensor  # [log_grid.SIZE] SINR at which so many bits of a PRB and slot would just be received
    threshold_db: Tensor  # [I] least SINR of each MCS, ascending
    levels: Tensor  # [cqis] bits of a PRB and slot at each CQI, ascending from 0
    subband_prbs: int

    def report(self, sinr: Tensor) -> Tensor:
        """Computes the bits of a PRB and slot at the CQI that is reported for it, ``[B, U, K]`` from linear SINR."""
        bits = self.bits_of_sinr[log_grid.index(sinr)]
        return bits if self.subband_prbs == 1 else self._by_subband(bits)

    def choose_mcs(self, mean_bits: Tensor, offset_db: Tensor) -> Tensor:
        """Chooses the MCS from the mean of the reported bits and the outer loop's offset, int64 like ``mean_bits``."""
        sinr_db = self.sinr_db_of_bits[log_grid.index(mean_bits)] + offset_db
        return (torch.bucketize(sinr_db, self.threshold_db, right=True) - 1).clamp_(min=0)

    def to(self, device: torch.device) -> LinkAdaptation:
        """Copies the tables to another device."""
        return LinkAdaptation(
            self.bits_of_sinr.to(device),
            self.sinr_db_of_bits.to(device),
            self.threshold_db.to(device),
            self.levels.to(device),
            self.subband_prbs,
        )

    def _by_subband(self, bits: Tensor) -> Tensor:
        """Chooses one CQI for all PRBs of a subband: the greatest whose efficiency is not above their mean."""
        prbs, size = bits.shape[-1], self.subband_prbs
        short = -prbs % size
        padded = torch.nn.functional.pad(bits, (0, short)).view(*bits.shape[:-1], -1, size)
        members = torch.full((padded.shape[-2],), float(size), dtype=bits.dtype, device=bits.device)
        members[-1] = size - short
        mean = padded.sum(-1) / members
        level = torch.bucketize(mean * (1 + 1e-6), self.levels, right=True) - 1
        # Where the last subband is short, the cut has gaps in memory, for which each loop would be compiled once more.
        return self.levels[level].repeat_interleave(size, -1)[..., :prbs].contiguous()


def link_adaptation(
    cqi: CqiTable, bler: BlerTable, settings: LinkSettings, re_per_prb: int, dtype: torch.dtype
) -> LinkAdaptation:
    """Builds the tables of the inner loop.

    Args:
        cqi: CQI table of TS 38.214 5.2.2.1.
        bler: link-level error rates of the MCS table.
        settings: of the reports.
        re_per_prb: resource elements for data in a PRB and slot.
        dtype: of the tables.
    """
    sinr = log_grid.centres()
    bits = cqi.efficiency * re_per_prb
    needed = cqi_threshold(cqi, bler)  # CQI 1 to 15
    # At each bin's upper edge, so that a report of exactly one level finds the MCS of that level.
    sinr_db = _interpolate(log_grid.edges()[1:], bits[1:], 10 * needed.log10())
    return LinkAdaptation(
        bits_of_sinr=bits[torch.bucketize(sinr, needed, right=True)].to(dtype),
        sinr_db_of_bits=sinr_db.to(dtype),
        threshold_db=(10 * bler.snr_threshold(settings.bler_target).log10()).to(dtype),
        levels=bits.to(dtype),
        subband_prbs=settings.subband_prbs,
    )


def outer_loop(offset_db: Tensor, first: Tensor, failed: Tensor, settings: LinkSettings) -> Tensor:
    """Updates the outer loop's offset after one slot: up for decoded first transmissions, down for failed ones.

    Args:
        offset_db: in dB, ``[B, U]``.
        first: 1 for UEs that sent a first transmission, ``[B, U]``.
        failed: 1 for UEs whose first transmission failed, ``[B, U]``.
        settings: step and limit.
    """
    down = settings.outer_loop_step_db
    up = down * settings.bler_target / (1 - settings.bler_target)
    limit = settings.outer_loop_limit_db
    return offset_db.add(first, alpha=up).add_(failed, alpha=-up - down).clamp_(-limit, limit)


def _interpolate(x: Tensor, xs: Tensor, ys: Tensor) -> Tensor:
    """Interpolates linearly through ``(xs, ys)``, beyond the ends on the last line."""
    right = torch.searchsorted(xs, x).clamp(1, len(xs) - 1)
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
