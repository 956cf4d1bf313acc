"""Computes what cells receive on an uplink from UEs that send with power control.

A UE that holds n PRBs sends on each with ``min(P_open, P_CMAX / n)`` (:mod:`phy.link.power_control`); cell c hears on
PRB k its own UE and those that the other cells scheduled there. Blocks, HARQ, the outer loop and queues are those of
the downlink.

Base stations know the channels of their own UEs on every PRB, as from sounding, and the interference that they heard
in the slot of the measurement. A report holds, for each PRB, the CQI of a UE that sends with P_open, as it does while
it has no more PRBs than its power allows. A UE with more PRBs gets an MCS for the power that is left on each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from phy.numerics import log_grid

from ...link_adaptation.adaptation import LinkAdaptation
from ..grant import Transmission
from ..state import CellState, EngineParts, Report, SlotBlockResponse, SlotInputs
from ..uplink_power import COUNTERS, Powers
from .base_antennas import BaseAntenna, BaseAntennas, BasePanels, HeardUplink
from .radio import Reception, need_or_repetition
from .radio_base import RadioBase


class Uplink(RadioBase):
    """Computes what cells receive from their UEs, with single antennas or with panels.

    Args:
        parts: with a plan of the uplink.

    Raises:
        ValueError: there is none.
    """

    counters = COUNTERS
    limits_need = True

    def __init__(self, parts: EngineParts) -> None:
        if parts.uplink is None:
            raise ValueError("there is no plan of the uplink; give one, or a carrier whose direction is downlink")
        super().__init__(parts)
        self.powers = Powers(parts.uplink, parts.carrier, parts.device, parts.dtype)
        self.antennas: BaseAntennas[Any] = BaseAntenna(parts) if parts.channel.mimo is None else BasePanels(parts)
        self.slots_at_once, self.follows_serving = self.antennas.slots_at_once, self.antennas.follows_serving
        self._mean_snr = parts.channel.mean_snr
        self._joule = self.powers.reference_w * parts.carrier.slot_s
        self._most_spread = 10.0 ** (parts.uplink.settings.spread_db / 10.0)
        self._counts = torch.arange(1, parts.prbs + 1, dtype=parts.dtype, device=parts.device)
        tables = _curves(parts.tables.adaptation, parts.dtype)
        self._db, self._sinr_of_bits, self._bits_of_sinr = (table.to(parts.device) for table in tables)

    def respond(self, first_slot: int) -> SlotBlockResponse[Any]:
        """Computes the responses of links from a slot on."""
        return self.antennas.respond(first_slot)

    def first_report(self, moment: SlotInputs[Any]) -> Report:
        """Computes the report before any UE was heard, with the interference of each cell averaged over all its UEs."""
        power = self.powers.open_loop(moment.slot)
        drops = zip(self._mean_snr, moment.serving, power, strict=True)
        disturbed = [_mean_disturbance(*drop)[:, None].expand(-1, self._prbs) for drop in drops]
        return self._sounded(moment, self.antennas.white(torch.stack(disturbed)))

    def need(self, state: CellState) -> Tensor:
        """Computes the fewest PRBs ``[B, U]`` that carry the whole queue.

        ``spread_db`` limits the PRBs over which a UE may spread its power. Where no number of PRBs within this limit
        carries the whole queue, it is the fewest that carry the greatest part of it.
        """
        mean, room = state.reports[0].mean_bits, self.powers.room(state.slot)[..., None]
        left = (room / self._counts).clamp_(max=1.0)  # of the power on a PRB, for 1 to K of them
        sinr = self._sinr_of_bits[log_grid.index(mean)][..., None]
        bits = torch.where(left < 1.0, self._bits_of_sinr[log_grid.index(sinr * left)], mean[..., None])
        bits = (bits * self._counts).masked_fill_(left * self._most_spread < 1.0, 0.0).cummax(-1).values
        wanted = torch.minimum(bits[..., -1], state.waiting_bytes * 8)
        need = (bits < wanted[..., None]).sum(-1) + (wanted > 0)
        return need_or_repetition(state, need, state.harq.usable & (mean > 0))

    def choose_mcs(self, state: CellState, mean_bits: Tensor, prbs: Tensor) -> Tensor:
        """Chooses the MCS for the power that is left on each of so many PRBs, int64 ``[B, U]``."""
        left = (self.powers.room(state.slot) / prbs.clamp(min=1.0)).clamp_(max=1.0)
        offset_db = state.outer_loop_db + self._db[log_grid.index(left)]
        return self._tables.adaptation.choose_mcs(mean_bits, offset_db)

    def receive(self, moment: SlotInputs[Any], sending: Transmission) -> Reception:
        """Computes what each cell receives from the UE on each of its PRBs; the others disturb it."""
        grant, activity = sending.grant, sending.activity
        user = grant.holder.clamp(max=sending.mcs.shape[1] - 1)
        power = self.powers.on(grant.prbs, moment.slot).gather(1, user).view(activity.shape) * activity
        heard = self.antennas.receive(moment.response, user.view(activity.shape), power)
        effective = sending.effective_sinr(self._tables.mapping, heard.sinr.flatten(1))
        report = self._sounded(moment, heard.disturbance) if moment.measured else None
        return Reception(effective, activity, report, self._counted(moment.slot, sending, heard))

    def _sounded(self, moment: SlotInputs[Any], disturbance: Tensor) -> Report:
        """Computes the report of the SINR of every UE at its own cell with the power of the open loop.

        Args:
            moment: the slot.
            disturbance: interference and noise over noise, as :class:`HeardUplink` holds it.
        """
        power = self.powers.open_loop(moment.slot)
        sinr = self.antennas.sounded(moment.response, moment.serving, power, disturbance)
        bits = self._tables.adaptation.report(sinr)
        return Report(bits, (bits.sum(-1, dtype=torch.float64) / self._prbs).to(bits.dtype))

    def _counted(self, slot: int, sending: Transmission, heard: HeardUplink) -> Tensor:
        """Computes the counters of an uplink, ``[rows, B, U]``."""
        grant, sent = sending.grant, sending.sent
        prbs = grant.prbs * sent
        rows = (
            self.powers.on(grant.prbs, slot) * prbs * self._joule,
            sent,
            sent & self.powers.limits(grant.prbs, slot),
            prbs,
            grant.per_user(heard.rise.flatten(1)) * sent,
        )
        return torch.stack([row.to(torch.float64) for row in rows])


def _mean_disturbance(snr: Tensor, serving: Tensor, power: Tensor) -> Tensor:
    """Computes noise and mean interference over noise, ``[C]``, of one drop in which UEs of a cell send equally often.

    Args:
        snr: ``[U, C]`` mean over fading.
        serving: ``[U]``.
        power: ``[U]`` of each UE on a PRB.
    """
    cells = snr.shape[1]
    members = power.new_zeros(cells).index_add_(0, serving, torch.ones_like(power))
    share = power / members[serving]
    from_cell = power.new_zeros((cells, cells)).index_add_(0, serving, share[:, None] * snr).fill_diagonal_(0.0)
    return from_cell.sum(0).add_(1.0)


def _curves(adaptation: LinkAdaptation, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Computes dB of a ratio, linear SINR of the bits of a PRB, and bits of the SINR, on the log grid.

    The last two are inverse to each other along the line between CQIs; below CQI 1 there are no bits.
    """
    bits, sinr_db = log_grid.edges()[1:].numpy(), adaptation.sinr_db_of_bits.double().cpu().numpy()
    least, most = (float(level) for level in (adaptation.levels[1], adaptation.levels[-1]))
    lower_db = 10.0 * log_grid.edges()[:-1].log10()  # 0 dB for a ratio of exactly 1
    carried = np.interp(10.0 * log_grid.centres().log10().numpy(), sinr_db, bits)
    carried = np.where(carried < 0.99 * least, 0.0, np.minimum(carried, most))
    sinr = 10.0 ** (np.minimum(sinr_db, log_grid.OCTAVE_HIGH * 3.0) / 10.0)
    return lower_db.to(dtype), torch.from_numpy(sinr).to(dtype), torch.from_numpy(carried).to(dtype)
