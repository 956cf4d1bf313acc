"""Defines what an executor is: batches are submitted, and their results gathered in any order."""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..worker import BatchResult
    from .site import Site

Ticket = Hashable
"""Names a submitted batch."""


class LostBatchError(Exception):
    """Reports that the process or machine that computed a batch is gone; the batch can be computed again."""


def polled(tickets: Collection[Any], wait_s: float) -> Collection[Ticket]:
    """Waits for the first of these batches, each with a method ``done``, and returns all that have ended."""
    until = time.monotonic() + wait_s
    while not (done := [ticket for ticket in tickets if ticket.done()]) and time.monotonic() < until:
        time.sleep(wait_s / 4)
    return done


class Executor(Protocol):
    """Defines what computes batches; a run and a sweep know no more of it."""

    @property
    def site(self) -> Site:
        """What plans are made for."""

    @property
    def depth(self) -> int:
        """Batches to be submitted at the same time, so that no worker waits."""

    @property
    def fate_shared(self) -> bool:
        """Whether all submitted batches are lost with one worker."""

    def submit(self, batch: bytes, /) -> Ticket:
        """Submits a batch, pickled by :func:`scenarios.running.worker_pickling.pickled_batches`."""

    def ended(self, tickets: Collection[Ticket], wait_s: float, /) -> Collection[Ticket]:
        """Waits for the first of these batches that ends, and returns all that have ended."""

    def result(self, ticket: Ticket, /) -> BatchResult:
        """Returns what a batch that has ended came to.

        Raises:
            LostBatchError: what computed it is gone.
            ScenarioError: it cannot be computed there, for example with other versions of the packages.
        """

    def progress(self) -> int:
        """Counts drop-intervals of the submitted batches that have not ended; 0 where that is not known."""

    def cancel(self, tickets: Collection[Ticket], /) -> None:
        """Cancels batches that are no longer wanted."""
