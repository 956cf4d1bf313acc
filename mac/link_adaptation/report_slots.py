"""Computes in which slots UEs measure their channels for a report (TS 38.214 clause 5.2.1.4, periodic reports)."""

from __future__ import annotations

import torch
from torch import Tensor

from .adaptation import LinkSettings


class ReportSlots:
    """Holds the slots in which each of U UEs measures.

    Args:
        settings: period and offsets.
        users: U.
        device: of the tensors.
    """

    def __init__(self, settings: LinkSettings, users: int, device: torch.device) -> None:
        period, offset = settings.report_period_slots, report_offsets(settings, users).to(device)
        due = offset == torch.arange(period, device=device)[:, None]
        self.table = due
        """UEs that measure in each slot of the period, bool ``[period, U]``."""
        self._any = due.any(1).tolist()
        self._due = None if bool((offset == offset[0]).all()) else due.unbind()

    def measured(self, slot: int) -> bool:
        """Returns whether any UE measures in a slot."""
        return bool(self._any[slot % len(self._any)])

    def due(self, slot: int) -> Tensor | None:
        """Returns the UEs that measure in a slot, bool ``[U]``; None where all or none do."""
        return None if self._due is None else self._due[slot % len(self._any)]


def report_offsets(settings: LinkSettings, users: int) -> Tensor:
    """Computes the slot of the period in which each UE measures, int64 ``[U]``."""
    period, given = settings.report_period_slots, settings.report_offset_slots
    user = torch.arange(users)
    if given == "staggered":
        return user % period
    offsets = torch.tensor(given if isinstance(given, tuple) else (given,))
    return offsets[user % len(offsets)]
