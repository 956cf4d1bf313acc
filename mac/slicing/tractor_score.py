"""Computes the score of TRACTOR (arXiv 2312.07896, and the authors' code), per UE and report; a window is a report.

With Q the backlog in Mbit at the report and R the rate in Mbit/s served since the last one:

* eMBB: ``clip((1.5 + R/4 - Q) / 3, 0, 1)``; an idle UE scores 0.5;
* URLLC: 1 if Q = 0; 0 if Q > 0 and R = 0; else ``max(0, 1 - Q/R)``;
* mMTC: 0 if the slice holds no PRB; ``1 / slice_prb`` if no PRB was requested; else ``min(1, granted/requested)``.

The backlog of a full-buffer UE is infinite: it scores 0 as eMBB and URLLC.

The published system reports every 250 ms; with windows of another length the score is defined but not comparable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..metrics.metric import SHARE, Metric
from ..metrics.windows import MBIT, Array, Values, divide, nan_mean, read, saturated, with_named_masks

if TYPE_CHECKING:
    import xarray as xr

SERVICES = ("mmtc", "urllc", "embb")


def embb_score(backlog_mbit: Array, rate_mbps: Array) -> Array:
    """Computes the score of eMBB UEs; arguments broadcast."""
    return np.clip((1.5 + rate_mbps / 4.0 - backlog_mbit) / 3.0, 0.0, 1.0)


def urllc_score(backlog_mbit: Array, rate_mbps: Array) -> Array:
    """Computes the score of URLLC UEs; arguments broadcast."""
    waiting = np.maximum(0.0, 1.0 - divide(backlog_mbit, rate_mbps))
    return np.where(backlog_mbit <= 0, 1.0, np.where(rate_mbps <= 0, 0.0, waiting))


def mmtc_score(granted: Array, requested: Array, slice_prbs: Array) -> Array:
    """Computes the score of mMTC UEs from PRBs granted, PRBs requested, and PRBs of the UE's slice in its cell."""
    asked = np.minimum(1.0, divide(granted, requested))
    idle = divide(np.ones_like(slice_prbs), slice_prbs)
    return np.where(slice_prbs <= 0, 0.0, np.where(requested <= 0, idle, asked))


def score_per_report(dataset: xr.Dataset) -> Array:
    """Computes the score of each UE at each report, ``[B, W, U]``; NaN for services that TRACTOR does not have."""
    backlog = np.where(saturated(dataset), np.inf, read(dataset, "backlog_bits") / MBIT)
    rate = read(dataset, "served_bits") / float(dataset.attrs["window_s"]) / MBIT
    mmtc = mmtc_score(read(dataset, "granted_prbs"), read(dataset, "requested_prbs"), own_slice_prbs(dataset))
    scores = dict(zip(SERVICES, (mmtc, urllc_score(backlog, rate), embb_score(backlog, rate)), strict=True))
    service = dataset["service"].to_numpy().astype(str)
    return np.select([service == name for name in SERVICES], [scores[name] for name in SERVICES], np.nan)


def own_slice_prbs(dataset: xr.Dataset) -> Array:
    """Computes the PRBs of each UE's slice in the serving cell, ``[B, W, U]``."""
    prbs = read(dataset, "slice_prbs", ("drop", "window", "cell", "slice"))
    serving = dataset["serving"].transpose("drop", "user").to_numpy().astype(np.int64)
    return prbs[np.arange(len(prbs))[:, None], :, serving, _slice_id(dataset)].transpose(0, 2, 1)


def tractor_score(dataset: xr.Dataset) -> Values:
    """Computes the trial score, ``[B]``: mean over UEs of the mean over reports; for all UEs and per slice."""
    per_user = nan_mean(score_per_report(dataset), axis=1)
    every_user = {"": np.ones(dataset.sizes["user"], dtype=np.bool_)}
    names = dataset["slice_name"].to_numpy().astype(str)[_slice_id(dataset)]
    return {name: nan_mean(per_user[:, mask]) for name, mask in with_named_masks(every_user, names).items()}


def has_services(dataset: xr.Dataset) -> bool:
    """Returns whether all UEs belong to services that the score has."""
    return set(dataset["service"].to_numpy().astype(str).tolist()) <= set(SERVICES)


def _slice_id(dataset: xr.Dataset) -> NDArray[np.int64]:
    """Returns the slice of each UE, ``[U]``."""
    return dataset["slice_id"].to_numpy().astype(np.int64)


METRICS = (
    Metric("tractor_score", "1", "TRACTOR's score of backlog and rate, from 0 to 1, mean over reports and users",
           "higher", tractor_score, ("backlog_bits", "served_bits", "granted_prbs", "requested_prbs", "slice_prbs",
                                     "serving", "slice_id", "slice_name", "service", "window_s"), has_services, SHARE),
)  # fmt: skip
"""The score as a metric."""
