"""Computes the state of the slot engine after UEs change their cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..link_adaptation import harq
from .serving_schedule import ServingSchedule
from .state import COUNTERS, CellState, Report, ServingCells

_GRANTED = COUNTERS.index("granted_prbs")


def hand_over(
    state: CellState,
    plan: ServingSchedule,
    forgotten: Callable[[Report, Tensor], Report],
    several_cells: bool,
) -> CellState:
    """Moves UEs to new cells where a measurement says so; a UE without a cell can neither send nor repeat anything.

    Args:
        state: at the start of the slot.
        plan: which cell serves each UE.
        forgotten: makes of a report and a mask ``[B, U]`` the report where it is 1, and nothing where it is 0.
        several_cells: whether other cells reach a UE that no cell serves; it then goes on.
    """
    if plan.measures(state.slot):
        state = _moved(state, plan.attached(state.slot), plan.moved(state.slot), forgotten)
    if several_cells:
        return state
    here = plan.served_from_slot(state.slot) <= state.slot
    queue = replace(state.harq, usable=state.harq.usable & here, retransmits=state.harq.retransmits & here)
    return replace(state, harq=queue)


def with_handovers(counters: Tensor, slot: int, plan: ServingSchedule, several_cells: bool) -> Tensor:
    """Returns the counters with rows for handovers, and for PRBs granted to UEs that no cell serves in the slot.

    Args:
        counters: of the slot, ``[rows, B, U]``.
        slot: its number.
        plan: which cell serves each UE.
        several_cells: whether other cells reach a UE that no cell serves, so that its PRBs are of use.
    """
    granted = counters[_GRANTED]
    unserved = torch.zeros_like(granted) if several_cells else granted * (plan.served_from_slot(slot) > slot)
    granted = (granted - unserved)[None]
    return torch.cat((counters[:_GRANTED], granted, counters[_GRANTED + 1 :], plan.counts(slot), unserved[None]))


def _moved(
    state: CellState, attached: ServingCells, moved: Tensor, forgotten: Callable[[Report, Tensor], Report]
) -> CellState:
    """Returns to the queue what was in flight; the outer loop and the reports begin anew with the new cell."""
    returned = torch.where(moved, harq.in_flight_bytes(state.harq), 0.0)
    blocks = state.harq.blocks.masked_fill(moved[..., None, None], 0.0)
    kept = (~moved).to(state.outer_loop_db.dtype)
    return replace(
        state,
        waiting_bytes=state.waiting_bytes + returned,
        sent_bytes=state.sent_bytes - returned,
        harq=harq.choose(blocks, state.slot),
        outer_loop_db=state.outer_loop_db * kept,
        reports=tuple(forgotten(old, kept) for old in state.reports),
        attached=attached,
    )
