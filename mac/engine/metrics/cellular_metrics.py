"""Lists the metrics of families on a cellular carrier, and computes the use of PRBs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...metrics.metric import ANY, NOT_NEGATIVE, SHARE, Metric
from ...metrics.windows import Array, add, read
from . import handover, uplink

if TYPE_CHECKING:
    import xarray as xr


def prb_utilisation(dataset: xr.Dataset) -> Array:
    """Computes the share of all PRB-slots of all cells that carried data, ``[B]``."""
    used = read(dataset, "used_prbs", ("drop", "window", "cell"))
    slots = float(dataset.attrs["slots_per_window"]) * dataset.sizes["window"]
    whole = float(dataset.attrs["prbs"]) * slots * dataset.sizes["cell"]
    return add(add(used)) / whole


_USE = (
    Metric("prb_utilisation", "1", "share of the PRB-slots that carried data", None, prb_utilisation,
           ("used_prbs", "prbs", "slots_per_window"), limits=SHARE),
)  # fmt: skip

_HANDOVER = (
    Metric("handover_rate", "1/min", "handovers of a user in a minute", "lower", handover.handover_rate,
           ("handovers", "window_s"), limits=NOT_NEGATIVE),
    Metric("ping_pong_share", "1", "share of the handovers that went back too soon", "lower",
           handover.ping_pong_share, ("ping_pongs", "handovers"), limits=SHARE),
    Metric("handover_failure_share", "1", "failed handovers over all that were tried", "lower",
           handover.handover_failure_share, ("handover_failures", "handovers"), limits=SHARE),
    Metric("link_failure_rate", "1/min", "radio-link failures of a user in a minute, with those in handovers", "lower",
           handover.link_failure_rate, ("radio_link_failures", "handover_failures", "window_s"), limits=NOT_NEGATIVE),
    Metric("interruption_share", "1", "share of the time in which no cell served a user", "lower",
           handover.interruption_share, ("interruption_s", "window_s"), limits=SHARE),
    Metric("stay_mean", "s", "mean time of stay in a cell that was left", None, handover.stay_mean,
           ("stay_s", "handovers", "handover_failures", "radio_link_failures"), limits=NOT_NEGATIVE),
)  # fmt: skip

_UPLINK = (
    Metric("transmit_power", "dBm", "mean power of a user while it sends, mean over users", None,
           uplink.transmit_power, ("transmit_j", "sent_slots", "slot_s"), limits=ANY),
    Metric("limited_share", "1", "share of its slots in which the greatest power held a user below the open loop", None,
           uplink.limited_share, ("limited_slots", "sent_slots"), limits=SHARE),
    Metric("interference_over_thermal", "dB", "interference and noise over noise at the cells, on the PRBs in use",
           None, uplink.interference_over_thermal, ("thermal_rise", "sent_prbs"), limits=ANY),
    Metric("user_energy_per_bit", "µJ/bit", "energy that users radiated over bits delivered", "lower",
           uplink.user_energy_per_bit, ("transmit_j", "served_bits"), limits=NOT_NEGATIVE),
)  # fmt: skip

METRICS = (*_USE, *_HANDOVER, *_UPLINK)
"""Metrics of families on a cellular carrier, as these register them."""
