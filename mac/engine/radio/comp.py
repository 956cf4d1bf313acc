"""Computes what UEs with one antenna receive from cells that coordinate (CoMP, TR 36.819).

A UE may be sent PRBs by its serving cell and by other cells of its cluster, all from one queue and, in a slot, in one
transport block over all of its PRBs (as in the scheme FDM A of TS 38.214 clause 5.1.2.3). Several cells that send to it
on one PRB send the same: :func:`mac.engine.grant.with_helpers`.

UEs report their channels from the cells that they hear, as late as reports are. From these follow precoders, and the
SINR that is expected of a block, with the precoders of coordinated cells in the slot, and with the others' power as it
was measured. What is received follows from the channel and the transmissions of the slot; cells outside of the cluster
disturb it like all others.

A cell spares at most ``most_nulls`` UEs on a PRB, those that receive it most strongly; the others are disturbed (ours).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from phy.link.coordination import coordinated_precoder, received_sinr, strongest_rows, unit, wmmse_precoder
from phy.numerics import log_grid

from ..coordination import CoordinationSettings
from ..grant import Grant, Transmission, target
from ..state import CellState, EngineParts, Report, SlotInputs
from .comp_report import ClusterMeasurement, ClusterReport
from .panels import MatrixResponses, Panels
from .radio import Expectation, Reception, forget_bits, need_at
from .radio_base import RadioBase


class Comp(RadioBase):
    """Computes transmissions of coordinated cells, one UE a PRB and cell.

    Args:
        parts: with a channel that has matrices.
        settings: of the coordination.

    Raises:
        ValueError: the channel has none, UEs have more than one port, or clusters and nulls do not fit the network.
    """

    counters = ("other_cell_prbs",)
    several_cells = True

    def __init__(self, parts: EngineParts, settings: CoordinationSettings) -> None:
        super().__init__(parts)
        self.panels, self.settings = Panels(parts), settings
        antennas = self.panels.settings
        if antennas.ue.ports != 1:
            raise ValueError(f"UEs have {antennas.ue.ports} ports, but coordinated cells send to UEs of one port")
        settings.require_cells(parts.cells)
        settings.require_ports(antennas.base.ports)
        self.slots_at_once, self._nulls = self.panels.slots_at_once, settings.nulls(antennas.base.ports)
        self._prb = torch.arange(parts.prbs, device=parts.device)
        self._cell = torch.arange(parts.cells, device=parts.device)
        together = settings.together(parts.cells, parts.device)
        self._measurement = ClusterMeasurement(settings, together, parts.tables.adaptation)
        self._full = torch.ones((1, parts.cells, parts.prbs), dtype=parts.dtype, device=parts.device)

    def respond(self, first_slot: int) -> MatrixResponses:
        """Computes the matrices that are held from a slot on."""
        return self.panels.respond(first_slot)

    def first_report(self, moment: SlotInputs[MatrixResponses]) -> ClusterReport:
        """Computes the report of the first slot, with every cell at full load."""
        return self._measurement.report(moment.response, self._full.expand(len(moment.serving), -1, -1))

    def forget(self, report: Report, kept: Tensor) -> ClusterReport:
        """Returns the report with no bits of the serving cell where ``kept`` is 0; channels of cells stay known."""
        bare = forget_bits(report, kept)
        return replace(cluster_report(report), bits=bare.bits, mean_bits=bare.mean_bits)

    def need(self, state: CellState) -> Tensor:
        """Computes the PRBs that would empty each UE's queue or repeat the lost block, ``[B, U]``.

        They count at the bits of the serving cell, or of the best cell of the cluster where it carries nothing.
        """
        report = cluster_report(state.reports[0])
        best = report.cell_bits.masked_fill(~report.coordinated, 0.0).amax(-1)
        return need_at(state, torch.where(report.mean_bits > 0, report.mean_bits, best), self._prbs)

    def expect(self, state: CellState, grant: Grant) -> Expectation:
        """Computes the precoder of each PRB ``[B, C, K, Nt]``, and the bits expected of the UE on it."""
        report, queue = cluster_report(state.reports[0]), state.harq
        willing = queue.usable & (queue.retransmits | (state.waiting_bytes > 0))
        serving = state.attached.serving
        drops = [self._plan(b, report, grant.user[b], willing[b], serving[b]) for b in range(len(willing))]
        precoder, bits = (torch.stack(part) for part in zip(*drops, strict=True))
        return Expectation(bits.flatten(1), precoder)

    def receive(self, moment: SlotInputs[MatrixResponses], sending: Transmission) -> Reception:
        """Computes the SINR of the UE on each PRB; reports measure at the activity of the cells."""
        assert sending.precoder is not None
        user = sending.grant.user
        drops = [self._received(b, moment.response, sending) for b in range(len(user))]
        gamma, activity = (torch.stack(part) for part in zip(*drops, strict=True))
        report = self._measurement.report(moment.response, activity) if moment.measured else None
        effective = sending.effective_sinr(self._tables.mapping, gamma.flatten(1))
        return Reception(effective, activity, report, self._counted(moment, sending))

    def _plan(
        self, drop: int, report: ClusterReport, user: Tensor, willing: Tensor, serving: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Computes precoders ``[C, K, Nt]`` and expected bits ``[C, K]`` of one drop."""
        to = _only(target(user), willing)
        ue = to.clamp(min=0)
        sends = to >= 0
        heard = report.cells[drop][ue]  # [C, K, J]
        known = (report.coordinated[drop][ue] & sends[..., None])[..., None]
        rows = report.rows[drop][ue, self._prb] * known  # [C, K, J, Nt]
        outside = report.outside[drop][ue, self._prb]
        precoder = self._precoder(rows / (1.0 + outside).sqrt()[..., None, None], heard, to, user >= 0, serving)
        amplitude, wanted = self._amplitudes(rows, heard, precoder, to)
        gamma = received_sinr(amplitude, wanted, outside, self.settings.mode == "coherent")
        bits = self._tables.adaptation.bits_of_sinr[log_grid.index(gamma)]
        return precoder, bits * (sends & (user >= 0))

    def _precoder(self, rows: Tensor, heard: Tensor, to: Tensor, leads: Tensor, serving: Tensor) -> Tensor:
        """Computes precoders ``[C, K, Nt]`` from the rows ``[C, K, J, Nt]`` of the UEs to which the cells send.

        Args:
            rows: in units of the noise and interference that is not coordinated.
            heard: ``[C, K, J]`` cells of the rows.
            to: ``[C, K]`` UE to which each cell sends, -1 for none.
            leads: ``[C, K]`` whether the cell is the UE's holder, and not a helper.
            serving: ``[U]``.
        """
        cross = self._crossed(rows, heard)  # [K, C, C, Nt]
        own = cross.diagonal(dim1=1, dim2=2).movedim(-1, 1)  # [K, C, Nt]
        kind: Literal["mrt", "zf", "rzf", "slnr", "wmmse"] = self.settings.precoder
        if not self.settings.makes_nulls or kind == "mrt":
            return unit(own.conj()).transpose(0, 1)
        if kind == "wmmse":
            return wmmse_precoder(cross).transpose(0, 1)
        bought = serving[to.clamp(min=0)] != self._cell[:, None]
        spares = leads & (to >= 0) & (bought if self.settings.spared == "bought" else leads)  # [C, K]
        other = spares.T[:, None] & (to.T[:, None] != to.T[:, :, None])  # [K, C, C]: this cell, that UE
        spared = strongest_rows(cross.transpose(1, 2) * other[..., None], self._nulls)
        return coordinated_precoder(own, spared, kind).transpose(0, 1)

    def _crossed(self, rows: Tensor, heard: Tensor) -> Tensor:
        """Arranges rows ``[K, C, C, Nt]`` of the UE of a cell (first C) from a cell (second C); zero if unknown."""
        cells, prbs, _, ports = rows.shape
        place = heard.transpose(0, 1)[..., None].expand(-1, -1, -1, ports)
        empty = rows.new_zeros((prbs, cells, cells, ports))
        return empty.scatter(2, place, rows.transpose(0, 1))

    def _amplitudes(self, rows: Tensor, heard: Tensor, precoder: Tensor, to: Tensor) -> tuple[Tensor, Tensor]:
        """Computes amplitudes ``[C, K, J]`` that the UE of each PRB receives from each cell, and which send to it."""
        prb = self._prb[:, None]
        amplitude = (rows * precoder[heard, prb]).sum(-1)
        return amplitude, (to[heard, prb] == to[..., None]) & (to >= 0)[..., None]

    def _received(self, drop: int, response: MatrixResponses, sending: Transmission) -> tuple[Tensor, Tensor]:
        """Computes the SINR ``[C, K]`` of the holder of each PRB, and the activity ``[C, K]`` of the cells."""
        assert sending.precoder is not None
        user = sending.grant.user[drop]
        to = _only(target(user), sending.sent[drop])
        ue = to.clamp(min=0)
        active = sending.activity.new_ones(()) * (to >= 0)
        rows, heard = response.matrices[drop][ue, self._prb][..., 0, :], response.cells.heard[drop][ue]
        amplitude, wanted = self._amplitudes(rows, heard, sending.precoder[drop] * active[..., None], to)
        rest = (response.cells.rest_snr[drop] @ active)[ue, self._prb]
        gamma = received_sinr(amplitude, wanted, rest, self.settings.mode == "coherent")
        return gamma * active * (user >= 0), active

    def _counted(self, moment: SlotInputs[MatrixResponses], sending: Transmission) -> Tensor:
        """Computes the PRBs that each UE had of cells other than its own, ``[1, B, U]``."""
        grant = sending.grant
        home = grant.of_holders(moment.serving)
        other = (home != self._cell[:, None]) & (grant.user >= 0)
        prbs = grant.per_user((other * sending.activity).flatten(1))
        return prbs[None].to(torch.float64)


def cluster_report(report: Report) -> ClusterReport:
    """Returns the report as what this radio makes."""
    assert isinstance(report, ClusterReport)
    return report


def _only(to: Tensor, allowed: Tensor) -> Tensor:
    """Returns UEs of PRBs ``[C, K]``, with -1 for those that are not allowed, bool ``[U]``."""
    return torch.where((to >= 0) & allowed[to.clamp(min=0)], to, -1)
