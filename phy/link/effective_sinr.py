"""Computes the effective SINR: the SINR in AWGN at which a block has the error rate that it has on PRBs of unequal
SINR.

Each PRB's SINR is mapped to a value in [0, 1], the values are averaged over the block, and the mean is mapped back
(IEEE 802.16m-08/004r5, section 4). Two maps can be chosen, and they differ in their tables only:

- ``miesm``: mutual information per coded bit of the MCS's modulation, Gray labels, each bit decoded on its own (BICM)
- ``eesm``: ``1 - exp(-SINR / beta)`` with a beta per MCS, which need not equal any real code's

Forward tables lie on the log grid of the SINR. Backward tables lie on the same grid of the mean's odds ``v / (1 - v)``,
which is fine near 0 and near 1 alike, so that both ways are one gather and no logarithm is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..numerics import log_grid
from .mcs import McsTable
from .tables import load_arrays, load_json

Kind = Literal["miesm", "eesm"]

ODDS_SCALE: float = 2.0 ** (
    (log_grid.OCTAVE_LOW + log_grid.OCTAVE_HIGH) / -2
)  # puts even odds into the middle of the grid
LEAST_REST = 2.0**-20  # keeps 1 - mean positive where a mean of ones is rounded up


@dataclass(frozen=True)
class SinrMapping:
    """Holds the maps of every MCS of a table, from SINR to mean value and back.

    Good to 0.1 dB from -15 dB to the SINR where 0.1 % of the mutual information is missing. Far above, where every
    block of the MCS is decoded anyway, the effective SINR stops at the point where the value is 1 - 2**-14.
    """

    forward: Tensor  # [I, Bn] value in [0, 1] at each bin of the SINR
    backward: Tensor  # [I, Bn] linear SINR at each bin of the odds

    def of(self, sinr: Tensor, mcs: Tensor) -> Tensor:
        """Computes the value of each linear SINR ``[...]``; ``mcs`` broadcasts to it, as ``mcs[..., None]`` does to
        PRBs.
        """
        return log_grid.gather(self.forward, mcs, sinr)

    def inverse(self, mean: Tensor, mcs: Tensor) -> Tensor:
        """Computes the linear effective SINR of each mean value ``[...]`` in [0, 1]; ``mcs`` broadcasts to it."""
        odds = mean / (1.0 - mean).clamp(min=LEAST_REST)
        return log_grid.gather(self.backward, mcs, odds / ODDS_SCALE)

    def effective(self, sinr: Tensor, mcs: Tensor, used: Tensor) -> Tensor:
        """Computes the linear effective SINR ``[...]`` over the PRBs in use; 0 where there are none.

        Args:
            sinr: linear SINR ``[..., K]``.
            mcs: MCS index ``[...]``.
            used: which PRBs carry the block ``[..., K]``, bool or 0 and 1.
        """
        count = used.sum(dim=-1)
        total = (self.of(sinr, mcs[..., None]) * used).sum(dim=-1)
        return self.inverse(total / count.clamp(min=1), mcs) * (count > 0)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> SinrMapping:
        """Moves the maps to another device or converts them to another floating type."""
        return SinrMapping(self.forward.to(device, dtype), self.backward.to(device, dtype))


def sinr_mapping(kind: Kind, table: McsTable) -> SinrMapping:
    """Builds the effective SINR maps of an MCS table, float64.

    The mutual information is computed by ``benchmarks/link_tables/make_mutual_information.py``. The betas are those
    that Sionna ships for MCS tables 1 and 2, whose calibration is not on record; prefer ``miesm``.

    Raises:
        ValueError: there is no such kind, or no betas for this MCS table.
    """
    if kind == "miesm":
        return _miesm(table)
    if kind == "eesm":
        return _eesm(table)
    raise ValueError(f"effective SINR {kind!r} does not exist; use one of {', '.join(get_args(Kind))}")


def _miesm(table: McsTable) -> SinrMapping:
    """Builds MIESM: forward from the data file, backward by interpolation of log SINR over log odds."""
    data = load_arrays("mutual_information")
    log_sinr = np.log(data["sinr"])
    log_odds = _odds().log().numpy()
    backward = []
    for value in data["mutual_information"]:
        rising = value < 1.0 - 1e-7  # beyond, rounding hides what is missing
        known = np.log(value[rising]) - np.log1p(-value[rising])
        backward.append(np.exp(np.interp(log_odds, known, log_sinr[rising])))
    row = torch.searchsorted(torch.from_numpy(data["order"]), table.modulation_order)
    return SinrMapping(torch.from_numpy(data["mutual_information"])[row], torch.from_numpy(np.array(backward))[row])


def require_betas(kind: Kind, mcs_table: int) -> None:
    """Checks that a mapping is known for an MCS table.

    Raises:
        ValueError: 'eesm' has no betas for it; says for which ones it has.
    """
    if kind == "eesm" and str(mcs_table) not in (known := load_json("eesm_beta")["beta"]):
        raise ValueError(
            f"effective_sinr 'eesm' has no betas for mcs_table {mcs_table}; set it to 'miesm', or mcs_table to "
            f"{' or '.join(sorted(known))}"
        )


def _eesm(table: McsTable) -> SinrMapping:
    """Builds EESM, both ways in closed form."""
    require_betas("eesm", table.index)
    betas = load_json("eesm_beta")["beta"]
    beta = torch.tensor(betas[str(table.index)], dtype=torch.float64)[:, None]
    return SinrMapping(-torch.expm1(-log_grid.centres() / beta), beta * torch.log1p(_odds()))


def _odds() -> Tensor:
    """Returns the odds at which the backward tables are computed, float64 ``[Bn]``, from 2**-14 to 2**14."""
    return log_grid.centres() * ODDS_SCALE
