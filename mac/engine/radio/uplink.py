"""Computes slots of an uplink: UEs send with power control, cells hear their own UEs and those of the others.

A UE that holds M PRBs sends on each with ``min(P_open, P_CMAX / M)`` (:mod:`phy.link.power_control`); cell c hears on
PRB k its own UE and those that the other cells scheduled there. Blocks, HARQ, the outer loop and queues are those of
the downlink.

Base stations know the channels of their own UEs on every PRB, as from sounding, and the interference that they heard
in the slot of the measurement. A report holds, for each PRB, the CQI of a UE that sends with P_open, as it does while
it has no more PRBs than its power allows. A UE with more PRBs gets an MCS for the power that is left on each.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from phy.link.folded_response import unfold
from phy.link.uplink_sinr import own_links, scheduled_links, signal_and_interference, steering_of_prbs
from phy.numerics import log_grid

from ...link_adaptation import harq
from ...link_adaptation.adaptation import LinkAdaptation
from ...link_adaptation.harq import Attempt
from .. import state as cells
from ..engine import Engine
from ..state import CellState, Grant, Moment, Parts, Report
from ..uplink_power import COUNTERS, Powers


class UplinkEngine(Engine):
    """Computes slots of an uplink.

    Args:
        parts: with a plan of the uplink.

    Raises:
        ValueError: there is none.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        if parts.uplink is None:
            raise ValueError("there is no plan of the uplink; give one, or use mac.engine.engine.Engine")
        self.powers = Powers(parts.uplink, parts.carrier, self.device, self.dtype)
        base = len(cells.COUNTERS)
        self.counters = (*self.counters[:base], *COUNTERS, *self.counters[base:])
        self.saturated = False  # power may meet a need that data never would
        to_prbs = unfold(parts.channel.fading.to_prbs, parts.carrier.prbs)
        if len(to_prbs) == 0:  # of a downlink's engine, whose coordinates are those on PRBs
            to_prbs = torch.eye(to_prbs.shape[1], dtype=to_prbs.dtype, device=to_prbs.device)
        self._to_prbs, self._steering = to_prbs, steering_of_prbs(to_prbs)
        self._joule = self.powers.reference_w * parts.carrier.slot_s
        self._most_spread = 10.0 ** (parts.uplink.settings.spread_db / 10.0)
        self._counts = torch.arange(1, self.prbs + 1, dtype=self.dtype, device=self.device)
        tables = _curves(parts.tables.adaptation, self.dtype)
        self._db, self._sinr_of_bits, self._bits_of_sinr = (table.to(self.device) for table in tables)

    def need(self, state: CellState) -> Tensor:
        """Computes the fewest PRBs ``[B, U]`` that carry the queue, or as much of it as any allowed number does.

        Allowed are those among which ``spread_db`` lets the power be spread.
        """
        mean, queue, room = state.reports[0].mean_bits, state.harq, self.powers.room(state.slot)[..., None]
        left = (room / self._counts).clamp_(max=1.0)  # of the power on a PRB, for 1 to K of them
        sinr = self._sinr_of_bits[log_grid.index(mean)][..., None]
        bits = torch.where(left < 1.0, self._bits_of_sinr[log_grid.index(sinr * left)], mean[..., None])
        bits = (bits * self._counts).masked_fill_(left * self._most_spread < 1.0, 0.0).cummax(-1).values
        wanted = torch.minimum(bits[..., -1], state.waiting_bytes * 8)
        need = (bits < wanted[..., None]).sum(-1) + (wanted > 0)
        need = torch.where(queue.usable & (mean > 0), need, self._zero)
        return torch.where(queue.retransmits, queue.current[..., harq.PRBS], need)

    def _choose(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        left = (self.powers.room(state.slot) / prbs.clamp(min=1.0)).clamp_(max=1.0)
        offset_db = state.outer_loop_db + self._db[log_grid.index(left)]
        return self.parts.tables.adaptation.choose_mcs(mean_bits, offset_db)

    def _receive(self, state: CellState, grant: Grant, activity: Tensor, moment: Moment) -> tuple[Tensor, Tensor]:
        """Effective SINR of each UE's block; reports measure what cells heard beside their UEs, ``[B, C, K]``."""
        user = grant.holder.clamp(max=self.shape[1] - 1)
        power = self.powers.on(grant.prbs, state.slot).gather(1, user).view(activity.shape)
        by_prb = user.view(activity.shape).transpose(1, 2).contiguous()
        links = scheduled_links(moment.air, self._steering, by_prb)
        signal, disturbed = signal_and_interference(links, (power * activity).transpose(1, 2))
        return self._over_prbs(grant, (signal / disturbed).flatten(1)), disturbed

    def _seen(self, moment: Moment, activity: Tensor) -> Tensor:
        """SINR ``[B, U, K]`` before any UE was heard: cells disturb as all their UEs in turn do in the mean."""
        power = self.powers.open_loop(moment.slot)
        drops = zip(self.parts.channel.mean_snr, moment.serving, power, activity, strict=True)
        disturbed = [_mean_disturbance(*drop) for drop in drops]
        return self._sounded(moment, torch.stack(disturbed))

    def _sounded(self, moment: Moment, disturbed: Tensor) -> Tensor:
        """Computes the SINR ``[B, U, K]`` of every UE at its own cell with the power of the open loop."""
        links = own_links(moment.air, self._to_prbs, moment.serving)
        around = disturbed.gather(1, moment.serving[..., None].expand(links.shape))
        return links.mul_(self.powers.open_loop(moment.slot)[..., None]).div_(around)

    def _report(self, moment: Moment, seen: Tensor) -> Report:
        return self._measure(moment, self._sounded(moment, seen))

    def _with_more(self, counters: Tensor, moment: Moment, grant: Grant, attempt: Attempt, seen: Tensor) -> Tensor:
        prbs = grant.prbs * attempt.sent
        rows = (
            self.powers.on(grant.prbs, moment.slot) * prbs * self._joule,
            attempt.sent,
            attempt.sent & self.powers.limits(grant.prbs, moment.slot),
            prbs,
            self._per_user(grant.holder, seen.flatten(1)) * attempt.sent,
        )
        return torch.cat((counters, torch.stack([row.to(torch.float64) for row in rows])))


def _mean_disturbance(snr: Tensor, serving: Tensor, power: Tensor, activity: Tensor) -> Tensor:
    """Noise and mean interference of one drop over noise, ``[C, K]``, each cell's UEs sending equally often.

    Args:
        snr: ``[U, C]`` mean over fading.
        serving: ``[U]``.
        power: ``[U]`` of each UE on a PRB.
        activity: ``[C, K]`` share of the time in which a PRB is used.
    """
    cells = len(activity)
    members = power.new_zeros(cells).index_add_(0, serving, torch.ones_like(power))
    share = power / members[serving]
    from_cell = power.new_zeros((cells, cells)).index_add_(0, serving, share[:, None] * snr).fill_diagonal_(0.0)
    return (from_cell.T @ activity).add_(1.0)


def _curves(adaptation: LinkAdaptation, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """On the log grid: dB of a ratio, linear SINR of the bits of a PRB, and these of the SINR; no bits below CQI 1.

    The last two undo each other along the line between CQIs.
    """
    bits, sinr_db = log_grid.edges()[1:].numpy(), adaptation.sinr_db_of_bits.double().cpu().numpy()
    least, most = (float(level) for level in (adaptation.levels[1], adaptation.levels[-1]))
    lower_db = 10.0 * log_grid.edges()[:-1].log10()  # 0 dB for a ratio of exactly 1
    back = np.interp(10.0 * log_grid.centres().log10().numpy(), sinr_db, bits)
    back = np.where(back < 0.99 * least, 0.0, np.minimum(back, most))
    forth = 10.0 ** (np.minimum(sinr_db, log_grid.OCTAVE_HIGH * 3.0) / 10.0)
    return lower_db.to(dtype), torch.from_numpy(forth).to(dtype), torch.from_numpy(back).to(dtype)
